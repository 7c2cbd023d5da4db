"""A line's words in segments: what stands together as one text, apart from what is beside it.

A wide gap parts any two words; figures, and a label and its figure, are parted by less. Does not
know columns.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from rag_pipelines.documents.tables_numbers import (
    are_two_figures,
    is_figure,
    is_whole_figure,
    may_be_one_figure,
)
from rag_pipelines.documents.tables_page import Word
from rag_pipelines.documents.tables_text import lines_of

Segment = list[Word]

_GAP = 0.8
"""A gap between two cells is at least this share of the words' height."""
_BETWEEN = 0.35
"""… and between two figures, which are no sentence, at least this one…"""
_NARROW = 0.2
"""… or this one, where neither can be a part of the other…"""
_SPACED = 0.5
"""… or this one, where a space might part thousands."""
_FURTHER = 1.5
"""Share of the space between words by which a figure stands further from a label…"""
_BESIDE = 0.38
"""… and heights of the words that it is at least…"""
_ALONE = 0.65
"""… or where nothing tells the space between words."""
_CURRENCIES = frozenset("$€£¥")


def segments_of(line: Sequence[Word], space: float | None = None) -> list[Segment]:
    """A line's words, parted where a gap is wider than a space, or between two figures.

    A sign of a currency stays with the figure that it is set apart from. `space` is the usual
    one between words, in heights of them, where more than the line tells it.
    """
    found: list[Segment] = [[line[0]]]
    space = _least_space(line) if space is None else space
    for before, word in pairwise(line):
        if _apart(before, word) or _is_beside_label(before, word, space):
            found.append([])
        found[-1].append(word)
    return found


def _least_space(line: Sequence[Word]) -> float | None:
    """The narrowest space between two words in letters, in heights of them."""
    return min(_spaces(line), default=None)


def _spaces(line: Sequence[Word]) -> list[float]:
    spaces = [
        (word.left - before.right) / word.height
        for before, word in pairwise(line)
        if not word.glued and before.text[-1].isalpha() and word.text[0].isalpha()
    ]
    return [space for space in spaces if space < _GAP]


def _is_beside_label(before: Word, word: Word, space: float | None) -> bool:
    """Whether a figure stands further from a label than the label's words from each other."""
    gap = (word.left - before.right) / min(before.height, word.height)
    least = _ALONE if space is None else max(_BESIDE, _FURTHER * space)
    label = not is_figure(before.text) and before.text not in _CURRENCIES
    return gap >= least and label and is_figure(word.text)


def _apart(before: Word, word: Word) -> bool:
    gap = (word.left - before.right) / min(before.height, word.height)
    if before.text in _CURRENCIES and is_figure(word.text):
        return False
    least = _SPACED if may_be_one_figure(before.text, word.text) else _BETWEEN
    if is_whole_figure(before.text, word.text):
        least = _NARROW
    return gap >= _GAP or (gap >= least and are_two_figures(before.text, word.text))


def lines_in_segments(words: Iterable[Word]) -> list[list[Segment]]:
    """The lines of the words by their segments, the usual space told by all of them."""
    lines = lines_of(words)
    usual = usual_space(lines)
    return [segments_of(line, usual) for line in lines]


def usual_space(lines: Iterable[Sequence[Word]]) -> float | None:
    """What parts two words of a text, in heights of them; headings may stand further apart."""
    spaces = sorted(space for line in lines for space in _spaces(line))
    return spaces[len(spaces) // 4] if spaces else None
