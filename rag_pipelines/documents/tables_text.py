"""Words of a cell as its text: lines from the top, words from the left, gaps as spaces."""

from collections.abc import Iterable, Sequence

from rag_pipelines.documents.tables_page import Word

_SPACE = 0.05
"""A gap wider than this share of the word's height is a space…"""
_WIDE = 1.0
"""… though not where the file itself knows none, up to this share."""


def text_of(words: Iterable[Word]) -> str:
    """The words in reading order."""
    return " ".join(line_text(line) for line in lines_of(words))


def lines_of(words: Iterable[Word]) -> list[list[Word]]:
    """Words whose middles are at one height, from the top; each line from the left."""
    lines: list[tuple[float, list[Word]]] = []
    for word in sorted(words, key=lambda word: word.y):
        if lines and word.y - lines[-1][0] <= max(2.0, word.height / 2):
            lines[-1][1].append(word)
        else:
            lines.append((word.y, [word]))
    return [sorted(line, key=lambda word: word.left) for _, line in lines]


def line_text(line: Sequence[Word]) -> str:
    """One line's words; pieces of a word that the PDF drew apart are put together."""
    text = ""
    for before, word in zip([None, *line], line, strict=False):
        gap = word.left - before.right if before else 0.0
        if gap > _SPACE * word.height and not (word.glued and gap < _WIDE * word.height):
            text += " "
        text += word.text
    return text
