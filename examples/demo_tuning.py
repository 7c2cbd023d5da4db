"""`make demo-tuning`: from the example's pages to a model that learned them, and serves.

Examples and pairs of the corpus, an adapter, learned vectors, a reward model and a policy, all on
the shipped model of 135M; compared, promoted by the gate, and one question answered by the
champion. Needs no hub and no GPU; a second run trains nothing anew.
"""

import os
import sys
import time

from demo import ENVIRONMENT, EXAMPLES, HOME, DemoFailed, rag, served_site

CHAMPION = "registry:champion"
QUESTION = "How many calls a minute may a token make?"
"""One that a model of 135M answers from the pages in words of its own."""


def main() -> int:
    """Ingest, train, compare, promote, ask; the process's exit status."""
    began = time.monotonic()
    ENVIRONMENT["RAG_MODELS"] = str(EXAMPLES / "tuning.yaml")
    try:
        with served_site():
            rag("ingest", "--all")
        rag("models", "tune")
        rag("models", "make")
        rag("models", "promote")
        rag("ask", QUESTION, RAG_GENERATOR=CHAMPION)
    except DemoFailed as error:
        print(f"make demo-tuning: {error}", file=sys.stderr)
        return 2
    root = os.path.relpath(HOME)
    print(f"""
Done in {time.monotonic() - began:.0f} s; nothing is left running. Everything is under {root}:
  curves      {root}/mlflow.db, experiment `models`: runs named training; curves.png in each
  models      {root}/artifacts (by digest; names in {root}/artifacts/names)
Again:        RAG_HOME={root} .venv/bin/rag models compare
Look at it:   RAG_HOME={root} RAG_SOURCES=examples/sources.yaml \\
              RAG_MODELS=examples/tuning.yaml make up
A model of 135M that reads a few dozen examples shows that the way works, not how far it leads.""")
    return 0


if __name__ == "__main__":
    sys.exit(main())
