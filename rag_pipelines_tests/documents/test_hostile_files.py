"""Row B7: a hostile file ends with a typed reason, within its limits, and the next one is read."""

import io
import random
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docx
import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from rag_pipelines.documents.elements import ReadDocuments, read_elements
from rag_pipelines.documents.figures import read_figures
from rag_pipelines.documents.files import file_at
from rag_pipelines.documents.tables import read_tables
from rag_pipelines.records import Element
from rag_pipelines.sources import Documents
from rag_pipelines.storage.blobs import Blobs

SENTENCE = "The warranty lasts three years."
LIMITS = Documents(paths=("*",), max_seconds=90, max_memory_bytes=1 << 30)
LITTLE = LIMITS.model_copy(update={"max_memory_bytes": 256_000_000})


def pdf(pages: int = 1, text: str = SENTENCE) -> pikepdf.Pdf:
    made = pikepdf.new()
    for _ in range(pages):
        made.add_blank_page(page_size=(595, 842))
        content = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET".encode()
        made.pages[-1].Contents = made.make_stream(content)
        font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
        made.pages[-1].Resources = Dictionary(Font=Dictionary(F1=font))
    return made


def saved(made: pikepdf.Pdf, **options: object) -> bytes:
    out = io.BytesIO()
    made.save(out, **options)
    return out.getvalue()


def encrypted() -> bytes:
    return saved(pdf(), encryption=pikepdf.Encryption(owner="o", user="u"))


def without_pages() -> bytes:
    made = pdf()
    del made.pages[0]
    return saved(made)


def with_script() -> bytes:
    made = pdf()
    made.Root.OpenAction = Dictionary(S=Name.JavaScript, JS="while(true){}")
    return saved(made)


def nested_flate(size: int) -> bytes:
    """A page whose content is `size` blank bytes and a sentence, deflated twice into little."""
    made = pdf()
    content = made.pages[0].Contents.read_bytes()
    once = zlib.compressobj(9)
    blanks = (once.compress(b"\n" * (1 << 20)) for _ in range(size >> 20))
    packed = b"".join([*blanks, once.compress(content), once.flush()])
    stream = pikepdf.Stream(made, b"")
    stream.write(zlib.compress(packed, 9), filter=Array([Name.FlateDecode] * 2))
    made.pages[0].Contents = made.make_indirect(stream)
    return saved(made, compress_streams=False)


def drawing_itself() -> bytes:
    """A page that draws a form which draws itself."""
    made = pdf()
    page = made.pages[0]
    form = made.make_stream(b"/X Do")
    form.Type, form.Subtype, form.BBox = Name.XObject, Name.Form, [0, 0, 595, 842]
    form.Resources = page.Resources.XObject = Dictionary(X=form)
    page.Contents = made.make_stream(b"/X Do " + page.Contents.read_bytes())
    return saved(made)


def bookmarks_in_a_circle() -> bytes:
    made = pdf()
    mark = made.make_indirect(Dictionary(Title="Again", Dest=Array([made.pages[0].obj, Name.Fit])))
    mark.Next = mark.First = mark
    made.Root.Outlines = Dictionary(First=mark, Last=mark, Count=1)
    return saved(made)


def nested_arrays() -> bytes:
    """Arrays 100,000 deep in a page's content: a parser that calls itself fills its stack."""
    made = pdf()
    deep = b"[" * 100_000 + b"]" * 100_000
    made.pages[0].Contents = made.make_stream(deep + made.pages[0].Contents.read_bytes())
    return saved(made)


def chain_of_pages() -> bytes:
    """A page below 5,000 others, each the only one of its parent."""
    nodes = [
        b"%d 0 obj<</Type/Pages/Kids[%d 0 R]/Count 1>>endobj\n" % (n, n + 1)
        for n in range(2, 5_002)
    ]
    leaf = b"5002 0 obj<</Type/Page/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>"
    start = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    return b"".join([start, *nodes, leaf])


def blank_pages(count: int) -> bytes:
    """Written by hand: pikepdf takes half a minute for 20,000."""
    kids = b" ".join(b"%d 0 R" % n for n in range(3, count + 3))
    tree = b"2 0 obj<</Type/Pages/Kids[%b]/Count %d/MediaBox[0 0 9 9]>>endobj\n" % (kids, count)
    pages = [b"%d 0 obj<</Type/Page/Parent 2 0 R>>endobj\n" % n for n in range(3, count + 3)]
    start = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    return b"".join([start, tree, *pages, b"trailer<</Root 1 0 R>>"])


def truncated() -> bytes:
    whole = saved(pdf(3))
    return whole[: len(whole) // 2]


def recursive() -> bytes:
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>endobj\ntrailer<</Root 1 0 R>>"
    )


def renamed_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", "b")
    return out.getvalue()


def bomb_in_word() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
        with archive.open("word/document.xml", "w") as entry:
            for _ in range(600):
                entry.write(b" " * (1 << 20))
    return out.getvalue()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(str(tmp_path / "blobs"))


@pytest.fixture
def read(tmp_path: Path, blobs: Blobs) -> Callable[..., ReadDocuments]:
    """Reads files by name, and one good file after them."""

    def read_all(limits: Documents = LIMITS, **files: bytes) -> ReadDocuments:
        files["z_good_pdf"] = saved(pdf())
        kept = []
        for name, data in files.items():
            path = tmp_path / name.replace("_pdf", ".pdf").replace("_docx", ".docx")
            path.write_bytes(data)
            kept.append(file_at("reports", f"file:{path.name}", path, 200_000_000, blobs))
        return read_elements(kept, blobs, settings=limits)

    return read_all


def reasons(found: ReadDocuments) -> list[str]:
    return [file.problem.partition(":")[0] for file in found.files]


def texts(found: ReadDocuments, url: str) -> list[str]:
    return [element.text for element in found.elements if element.url == url and element.text]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (encrypted, "encrypted: it opens with a password only"),
        (without_pages, "damaged: pdfium cannot open it"),
        (recursive, "damaged: page 1 cannot be loaded"),
        (chain_of_pages, "damaged: page 1 cannot be loaded"),
        (truncated, "damaged: pdfium cannot open it"),
        (renamed_zip, "type: application/zip is none"),
        (lambda: b"\0\1\2 no PDF at all", "type: application/octet-stream is none"),
        (lambda: b"", "empty: the file has no bytes"),
        (lambda: saved(pdf(2_001)), "too large: 2001 pages; at most 2000"),
        (lambda: blank_pages(20_000), "too large: 20000 pages; at most 2000"),
        (lambda: nested_flate(3 << 29), "crashed: the parser was ended by SIGABRT, as where 1,"),
    ],
    ids=[
        *("encrypted", "no pages", "recursive", "chain", "truncated", "zip", "no pdf", "nothing"),
        *("a page too many", "20,000 pages", "bomb"),
    ],
)
def test_a_bad_pdf_has_a_reason_and_the_next_is_read(
    read: Callable[..., ReadDocuments], make: Callable[[], bytes], problem: str
):
    found = read(a_pdf=make())
    bad, good = found.files
    assert bad.problem.startswith(problem), bad.problem
    assert good.problem == ""
    assert {element.url for element in found.elements} == {"file:z_good.pdf"}
    assert texts(found, "file:z_good.pdf") == [SENTENCE]


@pytest.mark.parametrize("make", [drawing_itself, bookmarks_in_a_circle, nested_arrays])
def test_what_goes_round_or_deep_ends_and_the_text_beside_it_is_read(
    read: Callable[..., ReadDocuments], make: Callable[[], bytes]
):
    found = read(a_pdf=make())
    assert reasons(found) == ["", ""]
    assert texts(found, "file:a.pdf") == texts(found, "file:z_good.pdf") == [SENTENCE]


def test_a_bomb_ends_at_the_limit_of_memory_and_is_read_below_it(
    read: Callable[..., ReadDocuments],
):
    """One file of 200 MiB in 1 KB and two limits: pdfium aborts where it gets no more memory."""
    bomb = nested_flate(200 << 20)
    assert len(bomb) < 2_000
    assert reasons(read(limits=LITTLE, a_pdf=bomb)) == ["crashed", ""]
    enough = read(a_pdf=bomb)
    assert reasons(enough) == ["", ""]
    assert texts(enough, "file:a.pdf") == [SENTENCE]


def tables_of(elements: list[Element], blobs: Blobs, *known: Any, limits: Documents) -> list[Any]:
    return read_tables(elements, blobs, known, settings=limits)


def figures_of(elements: list[Element], blobs: Blobs, *known: Any, limits: Documents) -> list[Any]:
    return read_figures(elements, (), blobs, None, known, settings=limits)


@pytest.mark.parametrize("step", [tables_of, figures_of])
def test_the_limits_hold_for_tables_and_figures_which_remember_what_failed(
    read: Callable[..., ReadDocuments], step: Callable[..., list[Any]], blobs: Blobs, tmp_path: Path
):
    bomb = read(a_pdf=nested_flate(200 << 20)).elements[:-2]
    nowhere = Blobs(str(tmp_path / "nowhere"))
    (failed,) = step(bomb, blobs, limits=LITTLE)
    assert failed.problem.startswith("crashed: ")
    assert step(bomb, nowhere, failed, limits=LITTLE) == [failed]
    (found,) = step(bomb, blobs, failed, limits=LIMITS)
    assert found.problem == ""
    assert step(bomb, nowhere, found, limits=LITTLE) == [found]


def test_a_problem_names_its_reason_once(read: Callable[..., ReadDocuments]):
    found = read(a_pdf=recursive(), b_pdf=without_pages(), c_pdf=b"%PDF-1.7\nno more")
    for file in found.files[:3]:
        reason = file.problem.partition(":")[0]
        assert file.problem.count(reason) == 1
        assert "password" not in file.problem


def test_a_bomb_in_an_archive_is_told_before_it_is_unpacked(read: Callable[..., ReadDocuments]):
    found = read(a_docx=bomb_in_word())
    bad, good = reasons(found)
    assert bad == "too large", found.files[0].problem
    assert good == ""


def test_a_script_in_a_file_is_never_run(read: Callable[..., ReadDocuments]):
    found = read(a_pdf=with_script())
    assert reasons(found) == ["", ""]
    assert texts(found, "file:a.pdf") == [SENTENCE]
    assert "while" not in "".join(element.text for element in found.elements)


def test_text_that_is_called_a_pdf_is_read_as_text(read: Callable[..., ReadDocuments]):
    found = read(a_pdf=SENTENCE.encode())
    assert (found.files[0].media_type, found.files[0].problem) == ("text/plain", "")
    assert texts(found, "file:a.pdf") == [SENTENCE]


def test_a_file_is_read_as_what_it_is_whatever_its_name(read: Callable[..., ReadDocuments]):
    out = io.BytesIO()
    document = docx.Document()
    document.add_paragraph(SENTENCE)
    document.save(out)
    found = read(a_pdf=out.getvalue())
    assert reasons(found) == ["", ""]
    assert found.files[0].media_type.endswith("wordprocessingml.document")
    assert SENTENCE in texts(found, "file:a.pdf")


@pytest.mark.parametrize("seed", range(4))
def test_any_bytes_end_typed(read: Callable[..., ReadDocuments], seed: int):
    """Bytes flipped, cut and repeated: each file is read or has a reason; none stops the rest."""
    chance = random.Random(seed)
    whole = saved(pdf(3))
    files: dict[str, bytes] = {}
    for number in range(12):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 60)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        cut = chance.choice([len(data), chance.randrange(8, len(data))])
        at = chance.randrange(len(data))
        again = data[at : at + 400] if chance.random() < 0.3 else b""
        files[f"f{number:02}_pdf"] = bytes(data[:cut] + again)
    found = read(**files)
    known = {
        "encrypted",
        "damaged",
        "too large",
        "timeout",
        "memory",
        "crashed",
        "empty",
        "type",
        "",
    }
    assert set(reasons(found)) <= known, [file.problem for file in found.files]
    assert texts(found, "file:z_good.pdf") == [SENTENCE]
