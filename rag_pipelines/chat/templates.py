"""The prompts' text files: rendered, and told apart by digest.

Knows the folder `prompts`. Does not know what a prompt is for.
"""

from functools import cache
from hashlib import sha256
from importlib.resources import files
from string import Template


def rendered(name: str, **values: str) -> str:
    """A template with its values in place."""
    return Template(_template(name)).substitute(values).strip()


@cache
def template_digest(*names: str) -> str:
    """First 16 hex digits of the SHA-256 of template files."""
    return sha256("\0".join(map(_template, names)).encode()).hexdigest()[:16]


@cache
def _template(name: str) -> str:
    return (files("rag_pipelines.chat") / "prompts" / f"{name}.txt").read_text(encoding="utf-8")
