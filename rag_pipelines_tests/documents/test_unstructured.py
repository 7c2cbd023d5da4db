"""What we have of Unstructured: the hook that keeps it offline, and its JSON, which it reads back.

Where `test_the_hook_is_where_we_reach_for_it` fails, Unstructured has moved the name of its spaCy
model. Look for `en_core_web_sm` in `unstructured/nlp/tokenize.py`: set what holds it in
`rag_pipelines/documents/unstructured_setup.py` (`HOOK`), or drop the hook there if the name can be
set in public by now, and raise the upper bound of `unstructured` in `pyproject.toml`.
"""

import json
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest

from rag_pipelines.documents.elements import read_elements
from rag_pipelines.documents.files import file_at
from rag_pipelines.documents.unstructured_json import unstructured_dicts
from rag_pipelines.documents.unstructured_setup import HOOK, SPACY_MODEL, prepare
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines_tests.documents.drawn_pdf import Sheet, write_pdf
from rag_pipelines_tests.documents.written_files import slides, word

OFFLINE = """
import socket, sys
sys.modules |= dict.fromkeys(("torch", "transformers", "nltk"))  # as where none is installed
def refused(*arguments, **more):
    raise OSError("offline")
socket.socket.connect = socket.getaddrinfo = refused
from rag_pipelines.documents.unstructured_setup import prepare
prepare()
from unstructured.nlp.tokenize import sent_tokenize
print(len(list(sent_tokenize("The dam holds. The valley is dry."))))
"""


def test_the_hook_is_where_we_reach_for_it():
    tokenize: Any = import_module("unstructured.nlp.tokenize")
    assert hasattr(tokenize, HOOK), __doc__
    prepare()
    assert getattr(tokenize, HOOK) == SPACY_MODEL


def test_texts_are_told_apart_offline_and_without_torch():
    command = [sys.executable, "-c", OFFLINE]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The JSON of a PDF, a Word file and slides."""
    folder = tmp_path_factory.mktemp("json")
    sheet = Sheet()
    sheet.text(60, 100, "Pond survey", 18)
    sheet.text(60, 140, "The survey covers four ponds of the valley, all of them in the north.", 9)
    word(folder / "report.docx")
    slides(folder / "deck.pptx")
    paths = [write_pdf(folder / "drawn.pdf", sheet), folder / "report.docx", folder / "deck.pptx"]
    blobs = Blobs(str(folder / "blobs"))
    files = [file_at("x", f"file:{path.name}", path, 1 << 24, blobs) for path in paths]
    read = read_elements(files, blobs)
    return [
        json.loads(json.dumps(one))
        for file in read.files
        for one in unstructured_dicts(file, [e for e in read.elements if e.url == file.url])
    ]


def test_unstructured_reads_our_json_and_writes_it_back_unchanged(told: list[dict[str, Any]]):
    staging: Any = import_module("unstructured.staging.base")
    elements = staging.elements_from_dicts(told)
    assert [type(element).__name__ for element in elements] == [_class_of(one) for one in told]
    assert _written(elements) == _without_origin(told)
    assert _written(staging.elements_from_json(text=json.dumps(told))) == _without_origin(told)


def _written(elements: Any) -> list[dict[str, Any]]:
    staging: Any = import_module("unstructured.staging.base")
    return json.loads(json.dumps(staging.elements_to_dicts(elements)))


def _without_origin(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Unstructured reads what an element was read by, and does not write it."""
    origin = "detection_origin"
    assert all(one["metadata"][origin] in ("pdfium", "unstructured") for one in told)
    return [
        {**one, "metadata": {name: v for name, v in one["metadata"].items() if name != origin}}
        for one in told
    ]


def _class_of(told: dict[str, Any]) -> str:
    return "Text" if told["type"] == "UncategorizedText" else told["type"]


def test_the_json_has_place_parent_languages_table_and_digest(told: list[dict[str, Any]]):
    title, prose = told[0], told[1]
    assert (title["type"], title["metadata"]["filetype"]) == ("Title", "application/pdf")
    assert prose["metadata"]["parent_id"] == title["element_id"]
    assert (prose["metadata"]["page_number"], prose["metadata"]["languages"]) == (1, ["eng"])
    corners = prose["metadata"]["coordinates"]["points"]
    assert corners[0][0] == pytest.approx(60, abs=1)
    assert corners[0][1] < 140 < corners[1][1] + 1
    digests = {
        one["metadata"]["filename"]: one["metadata"]["data_source"]["record_locator"]["sha256"]
        for one in told
    }
    assert {len(digest) for digest in digests.values()} == {64}
    assert len(set(digests.values())) == len(digests) == 3
    tables = [one["metadata"]["text_as_html"] for one in told if one["type"] == "Table"]
    assert len(tables) == 2
    assert all("<td>Mill</td>" in html for html in tables)


def test_unstructureds_own_chunking_takes_our_elements(told: list[dict[str, Any]]):
    staging: Any = import_module("unstructured.staging.base")
    title: Any = import_module("unstructured.chunking.title")
    chunks = title.chunk_by_title(staging.elements_from_dicts(told))
    assert {type(chunk).__name__ for chunk in chunks} >= {"CompositeElement", "Table"}
