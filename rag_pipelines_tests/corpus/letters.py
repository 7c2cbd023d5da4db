"""Document loaders for the loader's tests, as a user might write them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document


class LettersLoader(BaseLoader):
    """Gives the documents of a JSON file: `[[text, metadata], ...]`; a null breaks it off."""

    def __init__(self, path: str) -> None:
        self._path = path

    def lazy_load(self) -> Iterator[Document]:
        print("loaders print to standard output")
        letters: list[Any] = json.loads(Path(self._path).read_text())
        for letter in letters:
            if letter is None:
                raise RuntimeError("the archive is closed")
            yield Document(letter[0], metadata=letter[1])


class Endless(BaseLoader):
    """Never comes to an end."""

    def lazy_load(self) -> Iterator[Document]:
        while True:
            pass
        yield Document("never")
