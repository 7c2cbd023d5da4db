"""A file that cannot be read costs nothing the second time, unless another attempt may help."""

from dataclasses import replace
from pathlib import Path

import pikepdf
import pytest

from rag_pipelines.documents.elements import ReadDocuments, read_elements
from rag_pipelines.documents.failures import REASONS, is_lasting
from rag_pipelines.documents.files import file_at
from rag_pipelines.records import DocumentFile
from rag_pipelines.sources import Documents
from rag_pipelines.storage.blobs import Blobs

LIMITS = Documents(paths=("*",), max_pages=2)
HURRIED = LIMITS.model_copy(update={"max_seconds": 0.01})
BROKEN = {
    "damaged": b"%PDF-1.7\nand no more",
    "type": b"PK\x03\x04 and nothing packed",
}


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(str(tmp_path / "blobs"))


def kept(data: bytes, blobs: Blobs, name: str = "broken.pdf") -> DocumentFile:
    path = Path(blobs.root).with_name(name)
    path.write_bytes(data)
    return file_at("reports", f"file:{name}", path, 1 << 20, blobs)


def pages(count: int, folder: Path, **options: object) -> bytes:
    made = pikepdf.new()
    for _ in range(count):
        made.add_blank_page(page_size=(595, 842))
    made.save(folder / "made", **options)
    return (folder / "made").read_bytes()


def reasons(read: ReadDocuments) -> list[str]:
    return [file.problem.partition(":")[0] for file in read.files]


def test_a_problem_in_the_bytes_is_told_again_without_a_parser(tmp_path: Path, blobs: Blobs):
    locked = pikepdf.Encryption(owner="o", user="u")
    broken = BROKEN | {
        "encrypted": pages(1, tmp_path, encryption=locked),
        "too large": pages(3, tmp_path),
    }
    files = [kept(data, blobs, f"{reason}.pdf") for reason, data in broken.items()]
    first = read_elements(files, blobs, settings=LIMITS)
    assert (first.parsed, reasons(first)) == (4, list(broken))
    again = read_elements(files, blobs, settings=LIMITS, before=first.files)
    assert again.parsed == 0
    assert again.files == [replace(file, seconds=0.0) for file in first.files]
    third = read_elements(files, blobs, settings=LIMITS, before=again.files)
    assert third.parsed == 0


def test_it_is_told_of_the_same_bytes_at_another_place_and_of_no_others(blobs: Blobs):
    first = read_elements([kept(BROKEN["damaged"], blobs)], blobs, settings=LIMITS)
    moved = kept(BROKEN["damaged"], blobs, "moved.pdf")
    other = kept(BROKEN["damaged"] + b", or a little", blobs, "other.pdf")
    again = read_elements([moved, other], blobs, settings=LIMITS, before=first.files)
    assert (again.parsed, reasons(again)) == (1, ["damaged", "damaged"])


@pytest.mark.parametrize(
    ("limit", "value"),
    [("max_pages", 3), ("max_seconds", 60.0), ("max_memory_bytes", 2 << 30)],
)
def test_other_limits_are_another_attempt(tmp_path: Path, blobs: Blobs, limit: str, value: float):
    file = kept(pages(3, tmp_path), blobs)
    first = read_elements([file], blobs, settings=LIMITS)
    assert reasons(first) == ["too large"]
    changed = LIMITS.model_copy(update={limit: value})
    again = read_elements([file], blobs, settings=changed, before=first.files)
    assert again.parsed == 1
    assert reasons(again) == ["" if limit == "max_pages" else "too large"]


def test_a_file_that_took_too_long_is_tried_again_with_more_time(blobs: Blobs):
    file = kept(b"a,b\n1,2\n", blobs, "slow.csv")
    first = read_elements([file], blobs, settings=HURRIED)
    assert (first.parsed, reasons(first)) == (1, ["timeout"])
    again = read_elements([file], blobs, settings=HURRIED, before=first.files)
    assert (again.parsed, reasons(again)) == (0, ["timeout"])
    third = read_elements([file], blobs, settings=LIMITS, before=again.files)
    assert (third.parsed, reasons(third)) == (1, [""])


def test_what_a_service_may_read_yet_is_tried_again(blobs: Blobs):
    file = kept(BROKEN["damaged"], blobs)
    served = LIMITS.model_copy(update={"parser": "llama_parse"})
    first = read_elements([file], blobs, settings=served)
    again = read_elements([file], blobs, settings=served, before=first.files)
    assert (again.parsed, reasons(again)) == (1, ["damaged"])


def test_what_nobody_foresaw_is_tried_again():
    assert [reason for reason in REASONS if not is_lasting(f"{reason}: told")] == ["error"]
