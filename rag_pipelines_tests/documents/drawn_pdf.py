"""PDFs drawn for tests: text where it is put, and lines. Points from the page's top left corner."""

from dataclasses import dataclass, field
from pathlib import Path

WIDTH, HEIGHT = 595, 842
_LETTER = 0.6
"""Width of each of Courier's letters, in sizes of the font."""


@dataclass
class Sheet:
    """One page's drawing."""

    commands: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, text: str, size: float = 8, right: bool = False) -> None:
        """A line of text whose baseline is at `y`; it ends at `x` where `right` is told."""
        start = x - len(text) * size * _LETTER if right else x
        shown = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        self.commands.append(f"BT /F {size} Tf {start:.2f} {HEIGHT - y:.2f} Td ({shown}) Tj ET")

    def line(self, x1: float, y1: float, x2: float, y2: float) -> None:
        self.commands.append(f"0.5 w {x1} {HEIGHT - y1} m {x2} {HEIGHT - y2} l S")

    def fill(self, box: tuple[float, float, float, float], colour: str = "0.8 0.8 0.9") -> None:
        """A rectangle of a colour; what is written on it comes later."""
        left, top, right, bottom = box
        place = f"{left} {HEIGHT - bottom} {right - left} {bottom - top}"
        self.commands.append(f"{colour} rg {place} re f 0 0 0 rg")

    def lattice(self, xs: list[float], ys: list[float]) -> None:
        """Every line of a grid."""
        for x in xs:
            self.line(x, ys[0], x, ys[-1])
        for y in ys:
            self.line(xs[0], y, xs[-1], y)

    def ruled(self, xs: list[float], top: float, rows: list[list[str]], step: float = 16) -> None:
        """A table with every line drawn, a text of one line in each cell."""
        self.lattice(xs, [top + step * number for number in range(len(rows) + 1)])
        for number, row in enumerate(rows):
            for x, text in zip(xs, row, strict=False):
                self.text(x + 4, top + step * number + step * 0.7, text)

    def columns(self, xs: list[float], top: float, rows: list[list[str]], step: float = 12) -> None:
        """Texts without lines: the first column from the left, the others to the right."""
        for number, row in enumerate(rows):
            for column, (x, text) in enumerate(zip(xs, row, strict=False)):
                self.text(x, top + step * number, text, right=column > 0)


def write_pdf(path: Path, *sheets: Sheet) -> Path:
    """The sheets as the pages of a PDF."""
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>"
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", font]
    kids: list[str] = []
    for sheet in sheets:
        stream = "\n".join(sheet.commands)
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] "
            f"/Resources << /Font << /F 3 0 R >> >> /Contents {len(objects)} 0 R >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    out, offsets = "%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    whole = f"{out}xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}"
    path.write_bytes(whole.encode("latin-1"))
    return path
