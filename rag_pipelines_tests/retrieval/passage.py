"""Chunks and hits made by hand, where a test is about one passage."""

from hashlib import sha256
from typing import Any

from rag_pipelines.records import Chunk, Hit


def passage(
    text: str, url: str = "http://127.0.0.1/a.html", title: str = "", heading: str = "", **more: Any
) -> Chunk:
    key = sha256(f"{url}{text}".encode()).hexdigest()[:32]
    return Chunk(
        id=key, source="site", url=url, title=title, heading=heading, text=text, tokens=1, **more
    )


def hit(
    text: str, rank: int = 1, similarity: float = 0.8, coverage: float = 1.0, **more: Any
) -> Hit:
    return Hit(passage(text, **more), 1.0 / rank, rank, similarity, coverage)
