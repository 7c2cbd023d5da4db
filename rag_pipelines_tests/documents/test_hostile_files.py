"""Row B7: a hostile file ends with a typed reason, within its limits, and the next one is read."""

import io
import random
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import docx
import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from rag_pipelines.documents.elements import ReadDocuments, read_elements
from rag_pipelines.documents.files import file_at
from rag_pipelines.sources import Documents
from rag_pipelines.storage.blobs import Blobs

SENTENCE = "The warranty lasts three years."
LIMITS = Documents(paths=("*",), max_seconds=20, max_memory_bytes=1 << 30)


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


def nested_flate() -> bytes:
    """A page whose content is 1.5 GB of zeros, deflated twice into a few kilobytes."""
    made = pdf()
    stream = pikepdf.Stream(made, b"")
    bomb = zlib.compress(zlib.compress(b"\0" * (3 << 29), 9), 9)
    stream.write(bomb, filter=Array([Name.FlateDecode] * 2))
    made.pages[0].Contents = made.make_indirect(stream)
    return saved(made, compress_streams=False)


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

    def read_all(**files: bytes) -> ReadDocuments:
        files["z_good_pdf"] = saved(pdf())
        kept = []
        for name, data in files.items():
            path = tmp_path / name.replace("_pdf", ".pdf").replace("_docx", ".docx")
            path.write_bytes(data)
            kept.append(file_at("reports", f"file:{path.name}", path, 200_000_000, blobs))
        return read_elements(kept, blobs, settings=LIMITS)

    return read_all


def reasons(found: ReadDocuments) -> list[str]:
    return [file.problem.partition(":")[0] for file in found.files]


def texts(found: ReadDocuments, url: str) -> list[str]:
    return [element.text for element in found.elements if element.url == url and element.text]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (encrypted, {"encrypted"}),
        (without_pages, {"damaged", "empty"}),
        (recursive, {"damaged", "empty"}),
        (renamed_zip, {"type"}),
        (lambda: b"just text, really, and no PDF at all", {"type", ""}),
        (lambda: b"", {"empty"}),
        (lambda: saved(pdf(2_001)), {"too large"}),
        (nested_flate, {"crashed", "memory", "timeout", "damaged", ""}),
    ],
    ids=["encrypted", "no pages", "recursive", "zip", "text", "nothing", "long", "bomb"],
)
def test_a_bad_pdf_has_a_reason_and_the_next_is_read(
    read: Callable[..., ReadDocuments], make: Callable[[], bytes], expected: set[str]
):
    found = read(a_pdf=make())
    bad, good = reasons(found)
    assert bad in expected, found.files[0].problem
    assert good == ""
    assert texts(found, "file:z_good.pdf") == [SENTENCE]


def test_a_problem_names_its_reason_once(read: Callable[..., ReadDocuments]):
    found = read(a_pdf=recursive(), b_pdf=without_pages(), c_pdf=b"%PDF-1.7\nno more")
    for file in found.files[:3]:
        reason = file.problem.partition(":")[0]
        assert file.problem.count(reason) == 1
        assert "password" not in file.problem


def test_a_bomb_in_an_archive_is_told_before_it_is_unpacked(read: Callable[..., ReadDocuments]):
    found = read(a_docx=bomb_in_word())
    bad, good = reasons(found)
    assert bad in {"too large", "damaged", "type"}, found.files[0].problem
    assert good == ""


def test_a_script_in_a_file_is_never_run(read: Callable[..., ReadDocuments]):
    found = read(a_pdf=with_script())
    assert reasons(found) == ["", ""]
    assert texts(found, "file:a.pdf") == [SENTENCE]
    assert "while" not in "".join(element.text for element in found.elements)


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
