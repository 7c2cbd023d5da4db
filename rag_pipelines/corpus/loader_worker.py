"""The loading process: a LangChain document loader by class path, its documents as JSON lines.

Whatever the loader imports, prints or leaks stays in this process.
"""

import importlib
import json
import os
import sys
from collections.abc import Iterator
from typing import Any, cast

NO_CLASS = 3
"""Exit status where the class path or its arguments are a mistake; a message is on stderr."""


def documents(class_path: str, args: dict[str, Any]) -> Iterator[Any]:
    """The loader's documents, one at a time where it can."""
    try:
        module_name, _, name = class_path.rpartition(".")
        loader: Any = getattr(importlib.import_module(module_name), name)(**args)
        load = loader.lazy_load
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(NO_CLASS)
    return cast("Iterator[Any]", load())


def main() -> None:
    """Read what to load from standard input; a document a line goes to standard output."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the loader prints must not land between the documents
    task: dict[str, Any] = json.loads(sys.stdin.read())
    for document in documents(task["class_path"], task["args"]):
        metadata = {key: str(value) for key, value in document.metadata.items()}
        out.write(json.dumps({"text": document.page_content, "metadata": metadata}) + "\n")
    out.close()


if __name__ == "__main__":
    main()
