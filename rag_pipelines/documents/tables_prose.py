"""Paragraphs of a page, told from what may be a table: lines of words that fill their column.

Works on pieces of lines, so that a table beside a column of text stays. Does not know tables.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rag_pipelines.documents.tables_captions import is_numbered
from rag_pipelines.documents.tables_numbers import are_figures, is_figure
from rag_pipelines.documents.tables_page import Word
from rag_pipelines.documents.tables_text import line_text, lines_of

_GAP = 1.0
"""A gap between columns of text is at least this share of the words' height…"""
_JUSTIFIED = 1.8
"""… and this many times the usual gap of its line, which may be spread to fill it."""
_WIDEST = 2.5
"""Heights of the words that no space is wider than, however a line is spread."""
_WORDS = 5
"""Words of a line of a paragraph, the last line not counted."""
_LINES = 3
_LONG = 10
"""Words of a line from which two of them are a paragraph."""
_PITCH = 2.2
"""Heights of a line within which the next one of a paragraph stands."""
_ALIGNED = 0.6
_INDENT = 5.0
_ROWS = 2
"""Lines beside a label of several lines at most; more are a table beside a paragraph."""


@dataclass(slots=True)
class _Piece:
    """Words of a line without a gap between columns of text in them."""

    words: list[Word]
    line: int

    @property
    def left(self) -> float:
        return self.words[0].left

    @property
    def right(self) -> float:
        return self.words[-1].right

    @property
    def y(self) -> float:
        return median(word.y for word in self.words)

    @property
    def height(self) -> float:
        return max(word.height for word in self.words)

    @property
    def reads(self) -> bool:
        """Whether it is of words rather than figures."""
        figures = sum(is_figure(word.text) for word in self.words)
        return len(self.words) >= _WORDS and figures * 3 <= len(self.words)


def without_prose(words: Sequence[Word]) -> list[Word]:
    """The words that run across the page and stand in no paragraph, in no particular order."""
    upright = [word for word in words if word.upright]
    pieces = [
        _Piece(piece, number)
        for number, line in enumerate(lines_of(upright))
        for piece in _pieces(line)
    ]
    chains = [chain for chain in _chains(pieces) if _is_prose(chain)]
    prose = {id(piece) for chain in chains if not _is_label(chain, pieces) for piece in chain}
    return [word for piece in pieces if id(piece) not in prose for word in piece.words]


def _pieces(line: Sequence[Word]) -> list[list[Word]]:
    gaps = [b.left - a.right for a, b in itertools.pairwise(line)]
    spread = len(gaps) >= _WORDS and median(gaps) < _GAP * line[0].height
    usual = _JUSTIFIED * median(gaps) if spread else 0.0
    found = [[line[0]]]
    for word, gap in zip(line[1:], gaps, strict=True):
        height = min(word.height, found[-1][-1].height)
        if gap >= max(_GAP * height, min(usual, _WIDEST * height)):
            found.append([])
        found[-1].append(word)
    return found


def _chains(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    """Pieces that follow each other at one left edge, the first perhaps indented."""
    chains: list[list[_Piece]] = []
    open_: list[list[_Piece]] = []
    for piece in pieces:
        open_ = [chain for chain in open_ if piece.y - chain[-1].y <= _PITCH * chain[-1].height]
        chain = next((chain for chain in open_ if _follows(chain, piece)), None)
        if chain is None:
            chain = []
            chains.append(chain)
            open_.append(chain)
        chain.append(piece)
    return chains


def _follows(chain: Sequence[_Piece], piece: _Piece) -> bool:
    last = chain[-1]
    if last.line == piece.line or not last.reads or _is_caption(piece):
        return False
    shift = (last.left - piece.left) / piece.height
    aligned = abs(shift) <= _ALIGNED or (len(chain) == 1 and 0 < shift <= _INDENT)
    return aligned and _fills(last, piece, max(one.right for one in (*chain, piece)))


def _is_caption(piece: _Piece) -> bool:
    return is_numbered(" ".join(word.text for word in piece.words[:3]))


def _fills(piece: _Piece, below: _Piece, right: float) -> bool:
    """Whether the next line's first word had no room any more in this one."""
    first = below.words[0]
    return right - piece.right <= first.right - first.left + 0.8 * piece.height


def _is_prose(chain: Sequence[_Piece]) -> bool:
    full = [piece for piece in chain[:-1] if piece.reads]
    if len(full) < len(chain) - 1:
        return False
    return len(chain) >= _LINES or (
        len(chain) == 2 and all(len(piece.words) >= _LONG for piece in full)
    )


def _is_label(chain: Sequence[_Piece], pieces: Sequence[_Piece]) -> bool:
    """Whether what stands right beside is a figure: the lines are one label then."""
    right = max(piece.right for piece in chain)
    beside = [
        piece
        for piece in pieces
        if piece.left >= right - 1
        and chain[0].y - chain[0].height / 2 <= piece.y <= chain[-1].y + chain[-1].height / 2
    ]
    nearest = min(beside, key=lambda piece: piece.left, default=None)
    level = {piece.line for piece in chain}
    if len({piece.line for piece in beside} - level) > _ROWS:
        return False
    return nearest is not None and are_figures(line_text(nearest.words))
