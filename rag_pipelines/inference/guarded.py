"""What stands in front of every generator: further attempts, a circuit breaker, an end in time.

Does not know which generator it is, and never asks again for an answer that has begun.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from rag_pipelines.errors import ModelError
from rag_pipelines.inference.circuit import Circuit
from rag_pipelines.inference.protocols import Generator, Prompt
from rag_pipelines.inference.servers import ModelServers
from rag_pipelines.inference.token_counts import approximate_tokens
from rag_pipelines.inference.transport import Passing


class GuardedGenerator:
    """A generator under the one policy of `ModelServers`. `circuit.state` says how it is."""

    def __init__(self, generator: Generator, servers: ModelServers) -> None:
        self._generator = generator
        self._servers = servers
        self.name = generator.name
        self.digest = generator.digest
        self.context_tokens = generator.context_tokens
        self.slots = generator.slots
        self.follows_instructions = generator.follows_instructions
        self.circuit = Circuit(self.name, servers.circuit_failures, servers.circuit_pause)

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """As the generator counts; an estimate while it is not to be asked."""
        if self.circuit.state == "open":
            return [approximate_tokens(text) for text in texts]
        return await self._generator.count_tokens(texts)

    async def stream(self, prompt: Prompt, max_tokens: int) -> AsyncGenerator[str]:
        """Pieces of the answer, the last within `answer_timeout` of the call.

        Raises `ModelUnavailable` at once while the circuit is open.
        """
        deadline = asyncio.get_running_loop().time() + self._servers.answer_timeout
        with self.circuit.call():
            async with aclosing(self._attempts(prompt, max_tokens, deadline)) as pieces:
                async for piece in pieces:
                    yield piece

    async def _attempts(
        self, prompt: Prompt, max_tokens: int, deadline: float
    ) -> AsyncGenerator[str]:
        delay = self._servers.retry_delay
        for left in reversed(range(self._servers.retries + 1)):
            begun = False
            try:
                async with aclosing(self._in_time(prompt, max_tokens, deadline)) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield piece
                return
            except Passing:
                if begun or not left:
                    raise
            await asyncio.sleep(delay)
            delay *= 2

    async def _in_time(
        self, prompt: Prompt, max_tokens: int, deadline: float
    ) -> AsyncGenerator[str]:
        async with aclosing(self._generator.stream(prompt, max_tokens)) as pieces:
            while True:
                try:
                    # Around the wait and not around the yield: there it would cancel the reader.
                    async with asyncio.timeout_at(deadline):
                        piece = await anext(pieces, None)
                except TimeoutError as error:
                    seconds = f"{self._servers.answer_timeout:g} s"
                    raise ModelError(f"{self.name}: the answer took over {seconds}") from error
                if piece is None:
                    return
                yield piece
