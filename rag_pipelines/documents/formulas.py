"""Formulas of office files and of HTML as LaTeX, by pandoc. Runs in the worker.

Knows the two ways in which files write them, OMML and MathML. Does not know where they stand.
"""

import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rag_pipelines.corpus.fingerprint import fold

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_END = "\u241e"
"""Stands behind each formula, so that one of which pandoc makes nothing shifts no other."""
_PARTS = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{_MAIN}"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r" '
        f'Type="{_OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>'
    ),
}


def between(tex: str, shown: bool) -> str:
    """The formula between dollar signs; `shown` on a line of its own."""
    return f"$${tex}$$" if shown else f"${tex}$"


def tex_of_omml(formulas: Sequence[str]) -> list[str]:
    """The LaTeX of each `m:oMath` or `m:oMathPara`; empty where pandoc makes nothing of it."""
    if not formulas:
        return []
    end = f"<w:p><w:r><w:t>{_END}</w:t></w:r></w:p>"
    paragraphs = "".join(f"<w:p>{formula}</w:p>{end}" for formula in formulas)
    document = f'<w:document xmlns:w="{_WORD}"><w:body>{paragraphs}</w:body></w:document>'
    with TemporaryDirectory(prefix="rag-formulas-") as folder:
        path = Path(folder) / "formulas.docx"
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in {**_PARTS, "word/document.xml": document}.items():
                archive.writestr(name, text)
        return _told(path, "docx", len(formulas))


def tex_of_mathml(formulas: Sequence[str]) -> list[str]:
    """The LaTeX of each `<math>`; empty where pandoc makes nothing of it."""
    if not formulas:
        return []
    with TemporaryDirectory(prefix="rag-formulas-") as folder:
        path = Path(folder) / "formulas.html"
        path.write_text("".join(f"<p>{formula}</p><p>{_END}</p>" for formula in formulas), "utf-8")
        return _told(path, "html", len(formulas))


def _told(path: Path, form: str, count: int) -> list[str]:
    import pypandoc

    try:
        told = pypandoc.convert_file(str(path), "json", format=form, sandbox=True)
    except RuntimeError:  # a formula that breaks pandoc must not cost the file its text
        return [""] * count
    found, said = list[str](), list[str]()
    for kind, value in _nodes(json.loads(told)["blocks"]):
        if kind == "Math":
            said.append(fold(value[1]))
        elif (kind, value) == ("Str", _END):
            found.append(" ".join(said))
            said = []
    return found if len(found) == count else [""] * count


def _nodes(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every node of pandoc's tree that has a type and a value, in order."""
    if isinstance(tree, dict):
        if "t" in tree:
            yield str(tree["t"]), tree.get("c")
        tree = tree.get("c")
    if isinstance(tree, list):
        for part in tree:
            yield from _nodes(part)
