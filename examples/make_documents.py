"""Writes the files in `documents/`: a report, a scan and a slide deck of the invented Reedmark.

Run it after a change of what they say (`.venv/bin/python examples/make_documents.py`) and commit
what it writes. The same script writes the same bytes with the same libraries.
"""

import io
import textwrap
import time
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from pptx import Presentation
from pptx.util import Inches, Pt

FOLDER = Path(__file__).resolve().parent / "documents"
FONTS = Path(mpl.get_data_path()) / "fonts" / "ttf"
WIDTH, HEIGHT, MARGIN = 595.0, 842.0, 62.0
WRITTEN = datetime(2026, 2, 9, tzinfo=UTC)
PONDS = ("Mill Pond", "Willow Pond", "Castle Moat", "Upper Weir", "School Pond", "Abbey Fishpond")
NIGHTS = (3, 19, 5, 1, 4, 2)
Row = Sequence[str]


class Page:
    """A page of A4 that is written from top to bottom, in points."""

    def __init__(self, number: int, pages: int) -> None:
        self.figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72))
        self.axes: Axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
        self.axes.axis("off")
        self.y = MARGIN + 22
        self.text(MARGIN, 40, "Reedmark P3 · Field trial 2025", 8, color="#555555")
        self.text(WIDTH / 2, HEIGHT - 34, f"Page {number} of {pages}", 8, ha="center")

    def text(self, x: float, y: float, said: str, size: float, **how: Any) -> None:
        """A line with its baseline at y."""
        self.axes.text(x, y, said, fontsize=size, va="baseline", **how)

    def heading(self, said: str, size: float = 14) -> None:
        """A heading."""
        self.y += size * 1.4
        self.text(MARGIN, self.y, said, size, weight="bold")
        self.y += size * 0.7

    def paragraph(self, said: str) -> None:
        """Running text."""
        for line in textwrap.wrap(said, 92):
            self.y += 13.5
            self.text(MARGIN, self.y, line, 9.5)
        self.y += 7

    def caption(self, said: str) -> None:
        """What stands above a table or below a figure."""
        for line in textwrap.wrap(said, 100):
            self.y += 12
            self.text(MARGIN, self.y, line, 8.5, style="italic")
        self.y += 8

    def rule(self, y: float, left: float, right: float) -> None:
        """A line across."""
        self.axes.plot([left, right], [y, y], color="black", linewidth=0.7)

    def pillar(self, x: float, top: float, bottom: float) -> None:
        """A line down."""
        self.axes.plot([x, x], [top, bottom], color="black", linewidth=0.7)

    def ruled(self, rows: Sequence[Row], widths: Sequence[float], bold: int = 1) -> None:
        """A table with a line around every cell."""
        edges = list(accumulate(widths, initial=MARGIN))
        top = self.y
        self.rule(top, edges[0], edges[-1])
        for number, row in enumerate(rows):
            self._row(row, edges, "bold" if number < bold else "normal")
            self.rule(self.y, edges[0], edges[-1])
        for x in edges:
            self.pillar(x, top, self.y)
        self.y += 10

    def borderless(self, rows: Sequence[Row], widths: Sequence[float]) -> None:
        """A table that only its columns hold together."""
        edges = list(accumulate(widths, initial=MARGIN))
        for number, row in enumerate(rows):
            self._row(row, edges, "bold" if number == 0 else "normal")
        self.y += 10

    def _row(self, row: Row, edges: Sequence[float], weight: str) -> None:
        for x, cell in zip(edges, row, strict=False):
            self.text(x + 5, self.y + 12, cell, 8.5, weight=weight)
        self.y += 17

    def spanning(self, title: str, groups: Sequence[tuple[str, Row]], rows: Sequence[Row]) -> None:
        """A ruled table whose heading has two rows: groups over their columns."""
        first, width = 130.0, 72.0
        columns = [name for _, names in groups for name in names]
        right = MARGIN + first + width * len(columns)
        top, half, below = self.y, self.y + 17, self.y + 34
        self.text(MARGIN + 5, top + 20, title, 8.5, weight="bold")
        x = MARGIN + first
        for name, names in groups:
            self.text(x + width * len(names) / 2, top + 12, name, 8.5, weight="bold", ha="center")
            self.pillar(x, top, below)
            x += width * len(names)
        for at, name in enumerate(columns):
            self.text(MARGIN + first + width * at + 5, half + 12, name, 8.5, weight="bold")
        self.rule(top, MARGIN, right)
        self.rule(half, MARGIN + first, right)
        self.rule(below, MARGIN, right)
        self.y = below
        edges = [MARGIN, *(MARGIN + first + width * at for at in range(len(columns)))]
        for row in rows:
            self._row(row, edges, "normal")
            self.rule(self.y, MARGIN, right)
        for x in (MARGIN, right):
            self.pillar(x, top, self.y)
        for x in edges[1:]:
            self.pillar(x, half, self.y)
        self.y += 10


def report(path: Path) -> None:
    """Five pages with tables of four kinds, a chart and a photograph."""
    mpl.rcParams["pdf.fonttype"] = 42
    mpl.rcParams["font.family"] = "DejaVu Sans"
    pages = [Page(number, 5) for number in range(1, 6)]
    _ponds(pages[0])
    _readings(pages[1])
    _pictures(pages[2])
    _faults(pages[3], pages[4])
    said = {"Title": "Reedmark P3: report on the 2025 field trial", "Author": "Reedmark"}
    with PdfPages(path, metadata={**said, "CreationDate": WRITTEN}) as pdf:
        for page in pages:
            pdf.savefig(page.figure)


def _ponds(page: Page) -> None:
    page.heading("Reedmark P3: report on the 2025 field trial", 17)
    page.heading("Summary")
    page.paragraph(
        "From April to October 2025 six probes of the series P3 floated in six ponds around "
        "Tarnbrook. They sent 181,440 sets of readings to their gateways; 99.2 percent of them "
        "arrived within the hour. This report tells where the probes were, what they measured, "
        "and what went wrong."
    )
    page.heading("The ponds")
    page.paragraph(
        "The ponds were chosen to be as different as could be found: old and new, with fish and "
        "without, in the shade and in the open. Their owners are thanked for their patience."
    )
    page.caption("Table 1. Ponds of the trial, with their area and greatest depth")
    page.ruled(
        [
            ("Pond", "Owner", "Area", "Depth", "Fish"),
            ("Mill Pond", "Tarnbrook Mill Trust", "4,120 m²", "2.4 m", "carp, tench"),
            ("Willow Pond", "E. Harcourt", "310 m²", "0.9 m", "goldfish"),
            ("Castle Moat", "Borough of Tarnbrook", "7,850 m²", "1.7 m", "pike, roach"),
            ("Upper Weir", "River Board", "1,040 m²", "3.1 m", "trout"),
            ("School Pond", "St. Olave's School", "85 m²", "0.7 m", "none"),
            ("Abbey Fishpond", "Abbey Estate", "2,600 m²", "1.3 m", "carp"),
        ],
        (95, 130, 75, 65, 100),
    )
    page.heading("Method")
    page.paragraph(
        "Every probe was calibrated on the first Monday of April and again in July. Water was "
        "drawn by hand once a month and analysed in the laboratory; where the probe and the "
        "laboratory differed by more than the accuracy that the specifications promise, the probe "
        "was taken out and looked at."
    )


def _readings(page: Page) -> None:
    page.heading("What was measured")
    page.paragraph(
        "Oxygen fell in the warm months, most of all in shallow water. The means of a month hide "
        "the nights, which the figure on the next page shows."
    )
    page.caption("Table 2. Mean oxygen by month, in mg/l")
    page.borderless(
        [
            ("Pond", "April", "May", "June", "July", "August"),
            ("Mill Pond", "10.8", "9.9", "9.1", "8.4", "8.2"),
            ("Willow Pond", "9.7", "8.3", "6.6", "5.2", "4.9"),
            ("Castle Moat", "10.1", "9.4", "8.0", "7.3", "7.1"),
            ("Upper Weir", "11.6", "11.0", "10.4", "9.8", "9.9"),
            ("School Pond", "9.9", "8.8", "7.2", "6.4", "6.0"),
        ],
        (120, 65, 65, 65, 65, 65),
    )
    page.heading("What the cell gave")
    page.paragraph(
        "Two probes ran with a reading every minute for a month, the others every ten minutes. "
        "Cold water costs capacity, and so does a gateway that is far away."
    )
    page.caption("Table 3. Charge drawn from the cell, in milliampere-hours a day")
    page.spanning(
        "Water",
        [("Every ten minutes", ("near", "far")), ("Every minute", ("near", "far"))],
        [
            ("below 8 °C", "26.1", "31.7", "158.0", "173.5"),
            ("8 to 18 °C", "22.4", "27.0", "141.2", "155.9"),
            ("above 18 °C", "21.8", "26.3", "137.6", "149.4"),
        ],
    )
    page.paragraph(
        "Near means less than 40 metres between probe and gateway, far 40 to 120 metres."
    )


def _pictures(page: Page) -> None:
    page.heading("Nights without air")
    page.paragraph("Fish suffer when oxygen stays low for a whole night.")
    axes = page.figure.add_axes((0.17, 0.60, 0.68, 0.22))
    axes.bar(PONDS, NIGHTS, color="#2f7f86")
    axes.set_ylabel("nights")
    axes.tick_params(axis="x", labelsize=6.5)
    axes.tick_params(axis="y", labelsize=7)
    page.y = 365
    page.caption(
        "Figure 1. Nights with less than 4 mg/l of oxygen: Willow Pond had 19 of them, more than "
        "the five other ponds together."
    )
    page.paragraph(
        "The owner of the shallowest pond with fish has since put in a small fountain that the dry "
        "contact of the gateway switches."
    )
    axes = page.figure.add_axes((0.17, 0.235, 0.5, 0.235))
    axes.imshow(photograph())
    axes.axis("off")
    page.y = 655
    page.caption(
        "Figure 2. The probe of Upper Weir in its cage of chestnut wood, which keeps the otters "
        "away from it."
    )


def _faults(first: Page, second: Page) -> None:
    heading = ("Date", "Probe", "What happened", "Remedy")
    widths = (70, 90, 165, 140)
    rows = [
        (f"{3 + at % 9 * 3} {month}", PONDS[at % 6], *FAULTS[at % len(FAULTS)])
        for at, month in enumerate(m for m in ("April", "May", "June", "July") for _ in range(9))
    ]
    rows += [
        ("3 August", "Castle Moat", "anchor line cut by a boat", "line of steel wire"),
        ("19 August", "Abbey Fishpond", "heron nested on the float", "probe moved by 12 metres"),
        ("2 September", "School Pond", "football hit the float", "seal ring RM-3144 replaced"),
        ("30 September", "Mill Pond", "duckweed over the sensor", "cleaned every Friday"),
    ]
    first.heading("What went wrong")
    first.paragraph("None of these faults stopped a probe for longer than a day.")
    first.caption("Table 4. Faults during the trial, in the order in which they were noticed")
    fits = int((HEIGHT - 80 - first.y) // 17) - 1
    first.ruled([heading, *rows[:fits]], widths)
    second.ruled([heading, *rows[fits:]], widths)
    second.heading("What follows from it")
    second.paragraph(
        "The next trial begins in March 2026 with the P3-M in brackish water at Saltmarsh Creek. "
        "The anchor line of every probe will be of steel wire."
    )


FAULTS = (
    ("leaves on the float", "wiped off"),
    ("acidity drifted by 0.3 pH", "calibrated again"),
    ("radio silent for two hours", "gateway moved to the window"),
    ("bubble under the membrane", "probe tilted and tapped"),
    ("level jumped by 6 cm", "anchor set again"),
)


def photograph() -> Image.Image:
    """A float among reeds at dusk, as a small camera would see it."""
    width, height = 340, 224
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    waves = 10 * np.sin(across * 60 + 9 * np.sin(down * 40)) * (down > 0.38) * down
    sky = np.stack([215 - 190 * down, 170 - 70 * down, 130 + 10 * down], axis=-1)
    water = np.stack([40 + 50 * down, 70 + 40 * down, 85 + 30 * down], axis=-1)
    mixed = np.where((down > 0.38)[..., None], water, sky) + waves[..., None]
    picture = Image.fromarray(mixed.clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    random = np.random.default_rng(3)
    for x in random.integers(0, width, 70):
        top = int(random.integers(15, 75))
        draw.line([(x, 96), (x + int(random.integers(-9, 9)), top)], fill=(38, 58, 30), width=2)
    for x in range(140, 236, 8):
        draw.line([(x, 108), (x, 172)], fill=(96, 66, 38), width=3)
    draw.ellipse((152, 118, 222, 166), fill=(222, 206, 60), outline=(120, 104, 20), width=2)
    draw.ellipse((170, 126, 190, 136), fill=(250, 246, 200))
    draw.rectangle((183, 84, 187, 120), fill=(60, 60, 60))
    return picture.filter(ImageFilter.GaussianBlur(0.7))


LETTER = """\
HOLLIN LABORATORY
Weights, measures and thermometry
12 Quarry Lane, Tarnbrook

Certificate of calibration                                  No. HL-20417

To: Reedmark, Development
Date: 21 January 2026

The reference thermometer RT-88, which Reedmark uses to
test the probes of the series P3, was compared with our
standard at five points between 0 and 40 degrees.

The largest deviation was 0.03 degrees at 30 degrees.
The certificate is valid until 14 May 2027.

The thermometer must be sent in again if it is dropped,
or if it was kept above 60 degrees for an hour.

Signed: M. Ostrander, head of thermometry
"""


def scan(path: Path) -> None:
    """A letter on paper, laid on the glass a little askew: a PDF that is only an image."""
    paper = Image.new("L", (1120, 1584), 250)
    draw = ImageDraw.Draw(paper)
    body = ImageFont.truetype(str(FONTS / "DejaVuSerif.ttf"), 27)
    title = ImageFont.truetype(str(FONTS / "DejaVuSerif-Bold.ttf"), 38)
    for number, line in enumerate(LETTER.splitlines()):
        draw.text((125, 150 + number * 50), line, font=title if number == 0 else body, fill=35)
    paper = paper.rotate(0.5, fillcolor=250, resample=Image.Resampling.BICUBIC)
    grain = np.random.default_rng(7).normal(0, 2.5, (1584, 1120))
    scanned = Image.fromarray((np.asarray(paper) + grain).clip(0, 255).astype(np.uint8))
    when = time.struct_time(WRITTEN.timetuple())
    scanned.save(path, "PDF", resolution=135.0, quality=45, creationDate=when, modDate=when)


def slides(path: Path) -> None:
    """A deck of four slides, one of them with a table."""
    deck: Any = Presentation()
    deck.core_properties.title = "Reedmark dealer training 2026"
    deck.core_properties.author = "Reedmark"
    deck.core_properties.created = deck.core_properties.modified = WRITTEN.replace(tzinfo=None)
    title = deck.slides.add_slide(deck.slide_layouts[0])
    title.shapes.title.text = "Reedmark dealer training 2026"
    title.placeholders[1].text = "For shops that sell the P3 pond probe"
    _bullets(
        deck,
        "What a customer wants to know",
        "Does it find my fish in time? It sends an alarm before dawn, when oxygen is lowest.",
        "Does it need the internet? No. The gateway keeps everything in the house.",
        "Can a child fall for it? The float is no toy, and its seal must stay dry.",
    )
    _bullets(
        deck,
        "Discounts for dealers",
        "Dealers get 18 percent off from an order of ten probes on.",
        "Demonstration probes are lent for 60 days and need no deposit.",
        "Spare membranes are sold at the list price only.",
    )
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Dates of the training"
    dates = (("Town", "Day", "Trainer"), ("Tarnbrook", "9 March", "I. Calloway"))
    dates += (("Port Selby", "16 March", "R. Dunmore"), ("Highfield", "23 March", "I. Calloway"))
    place = (Inches(1), Inches(1.8), Inches(8), Inches(2))
    table = slide.shapes.add_table(len(dates), 3, *place).table
    for at, row in enumerate(dates):
        for column, cell in enumerate(row):
            table.cell(at, column).text = cell
    written = io.BytesIO()
    deck.save(written)
    _dated(written, path)


def _bullets(deck: Any, title: str, *lines: str) -> None:
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = title
    frame = slide.placeholders[1].text_frame
    for number, line in enumerate(lines):
        paragraph = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
        paragraph.text = line
        paragraph.font.size = Pt(24)


def _dated(written: io.BytesIO, path: Path) -> None:
    """The same archive with one date for every member."""
    with zipfile.ZipFile(written) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            dated = zipfile.ZipInfo(member.filename, WRITTEN.timetuple()[:6])
            dated.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(dated, old.read(member))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    report(FOLDER / "field-trial-2025.pdf")
    scan(FOLDER / "certificate-scan.pdf")
    slides(FOLDER / "dealer-training.pptx")
