"""What Dagster shows of files: samples without empty columns, pictures with their labels."""

import io
from pathlib import Path

from PIL import Image

from rag_pipelines.lib.document_metadata import PICTURES, of_elements, of_figures
from rag_pipelines.records import DocumentFile, Element, Figure
from rag_pipelines.storage.blobs import Blobs

URL = "file:reports/q2.pdf"
FILE = DocumentFile(
    source="reports",
    url=URL,
    document="d",
    name="q2.pdf",
    media_type="application/pdf",
    size=9,
    pages=2,
    seconds=3.0,
)


def element(kind: str, text: str) -> Element:
    return Element(
        id=text,
        source="reports",
        document="d",
        url=URL,
        title="Q2",
        media_type="application/pdf",
        kind=kind,
        text=text,
        position=0,
        page=2,
    )


def figure(image: str, caption: str = "") -> Figure:
    return Figure(
        id=caption,
        source="reports",
        document="d",
        url=URL,
        title="Q2",
        image=image,
        page=2,
        caption=caption,
    )


def table_of(markdown: str) -> list[list[str]]:
    lines = [[c.strip() for c in line.strip("|").split("|")] for line in markdown.splitlines()]
    return [lines[0], *lines[2:]]


def test_elements_are_sampled_with_their_place_and_page_breaks_left_out():
    told = of_elements([FILE], [element("Title", "Sales"), element("PageBreak", "")], parsed=1)
    assert table_of(str(told["sample"].value)) == [
        ["where", "type", "text"],
        ["q2.pdf, page 2", "Title", "Sales"],
    ]
    assert told["seconds_a_page"] == 1.5


def test_figures_are_told_without_columns_that_say_nothing_and_shown_below_their_labels(
    tmp_path: Path,
):
    blobs, png = Blobs(tmp_path.as_posix()), io.BytesIO()
    Image.new("RGB", (8, 8)).save(png, "PNG")
    image = blobs.put(png.getvalue())
    told = of_figures([figure(image, "Figure 1. Sales"), figure(image)], None, blobs)
    assert table_of(str(told["sample"].value)) == [
        ["where", "caption"],
        ["q2.pdf, page 2", "Figure 1. Sales"],
        ["q2.pdf, page 2", ""],
    ]
    shown = str(told[PICTURES].value).split("\n\n")
    assert shown[::2] == ["Figure 1. Sales", "q2.pdf, page 2"]
    assert all(picture.startswith("![](data:image/png;base64,") for picture in shown[1::2])
