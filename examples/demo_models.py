"""`make demo-models`: the shipped model and five variants, made, measured, compared, registered.

Ingests the example first, for models are measured on a corpus and its golden questions. Needs no
hub and no GPU; a second run makes nothing anew.
"""

import os
import sys
import time

from demo import HOME, QUESTION, DemoFailed, rag, served_site

ANSWERED_BY = "onnx:onnx-int8"


def main() -> int:
    """Ingest, make, compare, ask; the process's exit status."""
    began = time.monotonic()
    try:
        with served_site():
            rag("ingest", "--all")
        rag("models", "make")
        rag("models", "list")
        rag("ask", QUESTION, RAG_GENERATOR=ANSWERED_BY)
    except DemoFailed as error:
        print(f"make demo-models: {error}", file=sys.stderr)
        return 2
    root = os.path.relpath(HOME)
    print(f"""
Done in {time.monotonic() - began:.0f} s; nothing is left running. Everything is under {root}:
  models      {root}/artifacts (by digest; names in {root}/artifacts/names)
  figures     {root}/mlflow.db, experiment `models`; the plot is pareto.png of the comparison's run
Again:        RAG_HOME={root} .venv/bin/rag models compare
Look at it:   RAG_HOME={root} RAG_SOURCES=examples/sources.yaml make up
Serve one:    RAG_GENERATOR={ANSWERED_BY}, or another variant as onnx:NAME or transformers:NAME""")
    return 0


if __name__ == "__main__":
    sys.exit(main())
