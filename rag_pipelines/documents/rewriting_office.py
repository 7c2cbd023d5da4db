"""Word files and slides in which formulas and bullets are written out as text.

Runs in the worker. Knows the XML of the two formats; everything else in the archive stays.
"""

import re
import zipfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

from rag_pipelines.corpus.markup import etree
from rag_pipelines.documents.formulas import between, tex_of_omml

_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_SLIDES = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_A14 = "{http://schemas.microsoft.com/office/drawing/2010/main}"
_EITHER = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_BODY = frozenset({None, "body", "obj"})
_BULLETS = tuple(f"{_DRAWING}{name}" for name in ("buNone", "buChar", "buBlip"))


def rewritten_word(path: Path, copy: Path) -> Path:
    """The copy with each formula as LaTeX; the file itself where it has none."""
    return _edited(path, copy, re.compile(r"word/document\d*\.xml"), _word_formulas)


def rewritten_slides(path: Path, copy: Path) -> Path:
    """As `rewritten_word`, and bullets that a slide has from its layout stand on the slide."""
    return _edited(path, copy, re.compile(r"ppt/slides/slide\d+\.xml"), _slide)


def _edited(path: Path, copy: Path, parts: re.Pattern[str], edit: Callable[[Any], bool]) -> Path:
    """The archive with those of its XML parts that `edit` changes."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    changed: dict[str, bytes] = {}
    with zipfile.ZipFile(path) as archive:
        for name in filter(parts.fullmatch, archive.namelist()):
            tree = etree.fromstring(archive.read(name), parser)
            if edit(tree):
                changed[name] = etree.tostring(tree, xml_declaration=True, encoding="UTF-8")
        if not changed:
            return path
        with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as out:
            for member in archive.infolist():
                out.writestr(member, changed.get(member.filename) or archive.read(member))
    return copy


def _word_formulas(tree: Any) -> bool:
    return _with_formulas(tree, f"{_WORD}r", f"{_WORD}t")


def _slide(tree: Any) -> bool:
    """A shape with a formula stands in an alternative that python-pptx does not open."""
    for either in list(tree.iter(f"{_EITHER}AlternateContent")):
        choice = either.find(f"{_EITHER}Choice")
        if choice is not None and next(choice.iter(f"{_A14}m"), None) is not None:
            _replaced(either, list(choice))
    formulas = _with_formulas(tree, f"{_DRAWING}r", f"{_DRAWING}t")
    for wrapper in list(tree.iter(f"{_A14}m")):
        _replaced(wrapper, list(wrapper))
    return _with_bullets(tree) or formulas


def _with_formulas(tree: Any, run: str, text: str) -> bool:
    """Whether there were formulas, which are runs of text now."""
    found = [
        node
        for node in tree.iter(f"{_MATH}oMathPara", f"{_MATH}oMath")
        if next(node.iterancestors(f"{_MATH}oMathPara"), None) is None
    ]
    for node, tex in zip(found, tex_of_omml([_alone(node) for node in found]), strict=True):
        plain = "".join(node.itertext())
        shown = node.tag == f"{_MATH}oMathPara" and plain == "".join(node.getparent().itertext())
        said = between(tex, shown) if tex else plain
        made = etree.Element(run)
        etree.SubElement(made, text).text = said
        _replaced(node, [made])
    return bool(found)


def _alone(node: Any) -> str:
    copy = deepcopy(node)
    copy.tail = None
    return etree.tostring(copy, encoding="unicode")


def _replaced(node: Any, others: list[Any]) -> None:
    parent, at = node.getparent(), node.getparent().index(node)
    parent[at : at + 1] = others


def _with_bullets(tree: Any) -> bool:
    """Whether the slide's body has several paragraphs, all of which say their bullet now."""
    changed = False
    for shape in tree.iter(f"{_SLIDES}sp"):
        place = shape.find(f"{_SLIDES}nvSpPr/{_SLIDES}nvPr/{_SLIDES}ph")
        if place is None or place.get("type") not in _BODY:
            continue
        said = [one for one in shape.iter(f"{_DRAWING}p") if "".join(one.itertext()).strip()]
        for paragraph in said if len(said) > 1 else ():
            changed = _bulleted(paragraph) or changed
    return changed


def _bulleted(paragraph: Any) -> bool:
    settings = paragraph.find(f"{_DRAWING}pPr")
    if settings is None:
        settings = etree.Element(f"{_DRAWING}pPr")
        paragraph.insert(0, settings)
    if any(settings.find(name) is not None for name in _BULLETS):
        return False
    etree.SubElement(settings, f"{_DRAWING}buChar").set("char", "\u2022")
    return True
