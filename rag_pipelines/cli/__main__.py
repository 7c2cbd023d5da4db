"""`python -m rag_pipelines.cli` is `rag`."""

from rag_pipelines.cli import main

main()
