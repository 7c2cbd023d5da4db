"""Async generators asked from tests that are not."""

import asyncio

from rag_pipelines.inference.protocols import Generator, Prompt


def pieces(generator: Generator, prompt: Prompt, max_tokens: int = 20) -> list[str]:
    """The whole answer, in an event loop of its own."""
    return asyncio.run(collected(generator, prompt, max_tokens))


def said(generator: Generator, prompt: Prompt, max_tokens: int = 20) -> str:
    """The same in one: how it is cut into pieces is the network's affair."""
    return "".join(pieces(generator, prompt, max_tokens))


async def collected(generator: Generator, prompt: Prompt, max_tokens: int = 20) -> list[str]:
    return [piece async for piece in generator.stream(prompt, max_tokens)]


def counted(generator: Generator, texts: list[str]) -> list[int]:
    return asyncio.run(generator.count_tokens(texts))
