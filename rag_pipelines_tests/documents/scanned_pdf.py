"""PDFs whose pages are pictures of text, as a scanner makes them."""

import io
from pathlib import Path

import pikepdf
from PIL import Image, ImageDraw, ImageFont

_DOTS = 150
_SIZE = (1240, 1754)
"""A4 at 150 dots an inch."""


def scan(path: Path, *pages: list[str]) -> Path:
    """A page of black letters on paper for each list of lines, without any text in the file."""
    pictures = [_picture(lines) for lines in pages]
    pictures[0].save(path, "PDF", save_all=True, append_images=pictures[1:], resolution=_DOTS)
    return path


def joined(path: Path, *others: Path) -> Path:
    """The pages of the other files in one."""
    with pikepdf.new() as whole:
        for other in others:
            with pikepdf.open(other) as part:
                whole.pages.extend(part.pages)
        whole.save(path)
    return path


def stamped(path: Path, below: Path, above: Path) -> Path:
    """The first page of one file with that of another on it."""
    with pikepdf.open(below) as file, pikepdf.open(above) as stamp:
        file.pages[0].add_overlay(stamp.pages[0])
        out = io.BytesIO()
        file.save(out)
    path.write_bytes(out.getvalue())
    return path


def _picture(lines: list[str]) -> Image.Image:
    paper = Image.new("RGB", _SIZE, (250, 248, 240))
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(34)
    for number, line in enumerate(lines):
        draw.text((120, 300 + 70 * number), line, (20, 20, 20), font)
    return paper
