"""The same small report in every format, as the format's own programs would write it."""

import zipfile
from email.message import EmailMessage
from pathlib import Path

import openpyxl
import pypandoc
from docx import Document
from docx.oxml import parse_xml
from pptx import Presentation
from pptx.util import Inches

from rag_pipelines_tests.documents.written_msg import write_msg

TITLE = "Four ponds of the valley"
PROSE = "The survey covers four ponds of the valley, and each of them was sampled in spring."
LAST = "No pond was polluted in any of the three years."
SHORT = "Ask Anna for the key"
CELLS = [["Pond", "Depth in m"], ["Mill", "3.2"], ["Weir", "0.8"]]
ITEMS = ["Mill Pond is the deepest of all ponds", "Weir Pond"]
INLINE = r"The oxygen follows $\frac{a_1}{b_2}$ at every depth of the pond."
DISPLAY = "$$x^{2} = 4$$"

MARKDOWN = rf"""---
title: "Four ponds of the valley"
---

# Pond survey

{PROSE}

{SHORT}

## Results

- {ITEMS[0]}
- {ITEMS[1]}

| Pond | Depth in m |
|------|------------|
| Mill | 3.2        |
| Weir | 0.8        |

{INLINE}

{DISPLAY}

## Conclusion

{LAST}
"""
HTML = f"""<!doctype html><html><head><title>Four ponds of the valley</title></head><body>
<nav><a href="/">Start</a></nav>
<h1>Pond survey</h1><p>{PROSE}</p><p>{SHORT}</p>
<h2>Results</h2><ul><li>{ITEMS[0]}</li><li>{ITEMS[1]}</li></ul>
<table><tr><th>Pond</th><th>Depth in m</th></tr><tr><td>Mill</td><td>3.2</td></tr>
<tr><td>Weir</td><td>0.8</td></tr></table>
<p>The oxygen follows <math><mfrac><msub><mi>a</mi><mn>1</mn></msub>
<msub><mi>b</mi><mn>2</mn></msub></mfrac></math> at every depth of the pond.</p>
<math display="block"><msup><mi>x</mi><mn>2</mn></msup><mo>=</mo><mn>4</mn></math>
<h2>Conclusion</h2><p>{LAST}</p></body></html>"""
TEXT = f"""POND SURVEY

{PROSE.replace(" valley", chr(10) + "valley")}

{SHORT}

1.1 Results

- {ITEMS[0]}
- {ITEMS[1]}

Conclusion
----------

{LAST}
"""
MESSAGE = f"Dear Bo,\n\n{PROSE}\n\n- {ITEMS[0]}\n- {ITEMS[1]}\n\n{SHORT}\n\n{LAST}\n"
_MATH = "http://schemas.openxmlformats.org/officeDocument/2006/math"
_R = "<m:r><m:t>{}</m:t></m:r>"
_SUB = f"<m:sSub><m:e>{_R}</m:e><m:sub>{_R}</m:sub></m:sSub>"
FRACTION = (
    f'<m:oMath xmlns:m="{_MATH}"><m:f><m:num>{_SUB.format("a", 1)}</m:num>'
    f"<m:den>{_SUB.format('b', 2)}</m:den></m:f></m:oMath>"
)
SQUARE = (
    f'<m:oMathPara xmlns:m="{_MATH}"><m:oMath><m:sSup><m:e>{_R.format("x")}</m:e>'
    f"<m:sup>{_R.format(2)}</m:sup></m:sSup>{_R.format('=4')}</m:oMath></m:oMathPara>"
)
FILES = ("docx", "odt", "rtf", "epub", "pptx", "xlsx", "html", "md", "eml", "txt", "csv")


def write_all(folder: Path) -> list[Path]:
    """`report.` in each of `FILES`, and the messages `plain.eml` and `plain.msg`."""
    (folder / "report.md").write_text(MARKDOWN)
    (folder / "report.html").write_text(HTML)
    (folder / "report.txt").write_text(TEXT)
    (folder / "report.csv").write_text("\n".join(",".join(row) for row in CELLS) + "\n")
    for name in ("rtf", "epub"):
        _by_pandoc(folder / f"report.{name}", name)
    word(folder / "report.docx")
    writer(folder / "report.odt")
    slides(folder / "report.pptx")
    workbook(folder / "report.xlsx")
    mail(folder / "report.eml", HTML)
    mail(folder / "plain.eml")
    write_msg(folder / "plain.msg", TITLE, MESSAGE)
    reports = [folder / f"report.{name}" for name in FILES]
    return [*reports, folder / "plain.eml", folder / "plain.msg"]


def _by_pandoc(path: Path, form: str) -> None:
    options = ["--standalone", "--mathml", "--quiet"]
    pypandoc.convert_text(MARKDOWN, form, "markdown", outputfile=str(path), extra_args=options)


def word(path: Path) -> None:
    """As Word has it: styles, a table, formulas in its own markup, a running header."""
    report = Document()
    report.core_properties.title = TITLE
    report.sections[0].header.paragraphs[0].text = "Valley office"
    report.add_heading("Pond survey", 1)
    report.add_paragraph(PROSE)
    report.add_paragraph(SHORT)
    report.add_heading("Results", 2)
    for item in ITEMS:
        report.add_paragraph(item, "List Bullet")
    table = report.add_table(len(CELLS), 2)
    for row, texts in zip(table.rows, CELLS, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    oxygen = report.add_paragraph("The oxygen follows ")
    oxygen._p.append(parse_xml(FRACTION))
    oxygen.add_run(" at every depth of the pond.")
    report.add_paragraph()._p.append(parse_xml(SQUARE))
    report.add_heading("Conclusion", 2)
    report.add_paragraph(LAST)
    report.save(str(path))


def writer(path: Path) -> None:
    """As LibreOffice has it, whose formulas are objects named from where the file begins."""
    made = path.with_suffix(".pandoc")
    _by_pandoc(made, "odt")
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(path, "w") as out:
        for member in source.infolist():
            data = source.read(member)
            if member.filename == "content.xml":
                for number in range(4):
                    data = data.replace(b'"Formula-%d/"' % number, b'"./Formula-%d"' % number)
            out.writestr(member, data)
    made.unlink()


def slides(path: Path) -> None:
    """A title slide, a body with bullets, notes and a footer, a table, an empty slide."""
    deck = Presentation()
    deck.core_properties.title = TITLE
    first = deck.slides.add_slide(deck.slide_layouts[0])
    first.shapes.title.text = "Pond survey"
    first.placeholders[1].text = "Spring of 2025"
    second = deck.slides.add_slide(deck.slide_layouts[1])
    second.shapes.title.text = "Results"
    body = second.placeholders[1].text_frame
    body.text = ITEMS[0]
    body.add_paragraph().text = ITEMS[1]
    _with_edges(second, deck.slide_layouts[1])
    second.notes_slide.notes_text_frame.text = LAST
    third = deck.slides.add_slide(deck.slide_layouts[5])
    third.shapes.title.text = "Depths"
    table = third.shapes.add_table(len(CELLS), 2, Inches(1), Inches(2), Inches(4), Inches(2)).table
    for row, texts in enumerate(CELLS):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    deck.slides.add_slide(deck.slide_layouts[6])
    last = deck.slides.add_slide(deck.slide_layouts[5])
    last.shapes.title.text = "Oxygen"
    shape = last.shapes.add_textbox(Inches(1), Inches(2), Inches(4), Inches(1))
    shape.text_frame.text = "The oxygen follows "
    _with_formula(shape._element)
    deck.save(str(path))


def _with_edges(slide, layout) -> None:
    """The footer and the number of the layout, as a program puts them on the slide."""
    said = {"FOOTER": "Valley office", "SLIDE_NUMBER": "2"}
    for place in layout.placeholders:
        if text := said.get(place.placeholder_format.type.name):
            slide.shapes.clone_placeholder(place)
            slide.placeholders[place.placeholder_format.idx].text = text


def _with_formula(shape) -> None:
    """As PowerPoint has it: the shape is one of two alternatives, the other is a picture."""
    a14 = "http://schemas.microsoft.com/office/drawing/2010/main"
    either = "http://schemas.openxmlformats.org/markup-compatibility/2006"
    wrapper = parse_xml(f'<a14:m xmlns:a14="{a14}">{FRACTION}</a14:m>')
    shape.txBody.p_lst[0].append(wrapper)
    tree = shape.getparent()
    place = tree.index(shape)
    both = parse_xml(
        f'<mc:AlternateContent xmlns:mc="{either}"><mc:Choice xmlns:a14="{a14}" Requires="a14"/>'
        "<mc:Fallback/></mc:AlternateContent>"
    )
    both[0].append(shape)
    tree.insert(place, both)


def workbook(path: Path) -> None:
    """Two sheets: a named one with a table, and one with a remark."""
    book = openpyxl.Workbook()
    depths, notes = book.worksheets[0], book.create_sheet("Sheet2")
    depths.title = "Depths"
    for row in CELLS:
        depths.append(row)
    notes["A1"] = PROSE
    book.save(path)


def mail(path: Path, html: str = "") -> None:
    """A message with an attachment, which is not read."""
    message = EmailMessage()
    message["Subject"] = TITLE
    message["From"], message["To"] = "anna@example.org", "bo@example.org"
    message.set_content(MESSAGE)
    if html:
        message.add_alternative(html, subtype="html")
    message.add_attachment(b"not read", maintype="text", subtype="plain", filename="a.txt")
    path.write_bytes(bytes(message))
