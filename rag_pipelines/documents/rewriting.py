"""A copy of a file in which what Unstructured passes over is written out. Runs in the worker.

Formulas become LaTeX between dollar signs, and the front matter of Markdown is gone; of office
files `rewriting_office` and `rewriting_sheets` know more. Does not read the text itself.
"""

import re
import subprocess
from collections.abc import Callable
from html import escape
from pathlib import Path

from rag_pipelines.documents import file_types
from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.documents.formulas import between, tex_of_mathml
from rag_pipelines.documents.partition_text import text_of_file
from rag_pipelines.documents.rewriting_office import rewritten_slides, rewritten_word
from rag_pipelines.documents.rewriting_sheets import rewritten_sheets

FRONT_MATTER = re.compile(
    r"\A\ufeff?---[ \t]*\r?\n(?=[\w-]+[ \t]*:).*?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.S
)
_MATHML = re.compile(rb"<math\b[^>]*>.*?</math\s*>", re.S | re.I)
_SHOWN = re.compile(rb"<math\b[^>]*\bdisplay\s*=\s*[\"']?block", re.I)
_POWER = re.compile(rb"(\d|</(?:em|i|var)>)<sup>([+-]?\d{1,4})</sup>", re.I)
"""Without its sign 10 to the power of 6 would read 106."""
_CODE_OR_MATH = re.compile(
    r"(?P<code>^(?P<fence>```+|~~~+).*?^(?P=fence)|(?P<tick>`+)(?!`)[^\n]+?(?<!`)(?P=tick)(?!`))"
    r"|(?<!\\)(?P<math>\$\$.+?\$\$|\$(?=[^\s$])[^$\n]*?(?<=[^\s\\])\$(?![\d$\w]))",
    re.S | re.M,
)
_MARKS = re.compile(r"[\\`*_{}\[\]()#+.!-]")


def rewritten(path: Path, media_type: str, folder: Path) -> Path:
    """The copy, in the folder; the file itself where there is nothing to write out."""
    rewrite = _REWRITES.get(media_type)
    return rewrite(path, folder / "copy") if rewrite else path


def _markdown(path: Path, copy: Path) -> Path:
    text = text_of_file(path)
    copy.write_text(_CODE_OR_MATH.sub(_kept, FRONT_MATTER.sub("", text, 1)), "utf-8")
    return copy


def _kept(found: re.Match[str]) -> str:
    """A formula so that no mark in it is Markdown's; code as it is."""
    formula = found["math"]
    if formula is None:
        return found[0]
    return escape(_MARKS.sub(r"\\\g<0>", " ".join(formula.split())), quote=False)


def _html(path: Path, copy: Path) -> Path:
    """Each formula as `alttext`, which Unstructured reads, and each power with its sign."""
    data = path.read_bytes()
    formulas = _MATHML.findall(data)
    told = iter(tex_of_mathml([formula.decode("utf-8", "replace") for formula in formulas]))

    def alternative(found: re.Match[bytes]) -> bytes:
        tex, shown = next(told), bool(_SHOWN.match(found[0]))
        if not tex:
            return found[0]
        attributes = f'alttext="{escape(between(tex, shown))}"' + ' display="block"' * shown
        return f"<math {attributes}></math>".encode("ascii", "xmlcharrefreplace")

    copy.write_bytes(_POWER.sub(rb"\1^\2", _MATHML.sub(alternative, data)))
    return copy


def _epub(path: Path, copy: Path) -> Path:
    return _by_pandoc(path, copy, "epub")


def _rtf(path: Path, copy: Path) -> Path:
    return _by_pandoc(path, copy, "rtf")


def _by_pandoc(path: Path, copy: Path, form: str) -> Path:
    """As HTML, as Unstructured would have it, but with its formulas."""
    import pypandoc

    options = ["--mathml", "--quiet"]
    html = pypandoc.convert_file(str(path), "html", form, extra_args=options, sandbox=True)
    page = copy.with_name("html")
    page.write_text(f'<meta charset="utf-8">{html}', "utf-8")
    return _html(page, copy)


def _odt(path: Path, copy: Path) -> Path:
    """As a Word file, as Unstructured would have it, but with its formulas.

    pandoc writes to a pipe: a full disk is then an `OSError` here, not a failure of the file.
    """
    import pypandoc

    options = ("--from=odt", "--to=docx", "--sandbox", "--quiet", "--output=-", str(path))
    done = subprocess.run([pypandoc.get_pandoc_path(), *options], capture_output=True)
    if done.returncode:
        told = done.stderr.decode("utf-8", "replace").strip()
        raise DocumentFailure("damaged", told.replace(str(path), "the file")[:300])
    word = copy.with_name("word")
    word.write_bytes(done.stdout)
    return rewritten_word(word, copy)


_REWRITES: dict[str, Callable[[Path, Path], Path]] = {
    file_types.DOCX: rewritten_word,
    file_types.PPTX: rewritten_slides,
    file_types.XLSX: rewritten_sheets,
    file_types.ODT: _odt,
    file_types.EPUB: _epub,
    file_types.RTF: _rtf,
    file_types.HTML: _html,
    file_types.MARKDOWN: _markdown,
}
