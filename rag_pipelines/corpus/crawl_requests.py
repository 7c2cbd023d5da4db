"""Requests as a polite client makes them: paced, repeated where that may help, given up in time.

Knows statuses that ask for patience. What an answer means for a page is `crawl_visit`'s.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from rag_pipelines.corpus.crawl_pacing import MAX_RETRY_AFTER, Pacing, retry_after
from rag_pipelines.corpus.urls import origin_of
from rag_pipelines.errors import BlockedAddress, FetchError, TooLarge, TooManyRedirects
from rag_pipelines.storage.fetch import Response

_BUSY = frozenset({429, 503})
_RETRIES = {429: 2, 503: 2, 500: 1, 502: 1, 504: 1}
_BACKOFF = 0.5


class Download(Protocol):
    """One guarded request: the answer whatever its status, or the `FetchError` tree."""

    async def __call__(self, url: str, headers: Mapping[str, str], follow: bool) -> Response: ...


@dataclass(frozen=True)
class Requests:
    """Asks for URLs. The download takes its turn in `pacing` itself, just before it sends."""

    download: Download
    pacing: Pacing

    async def answer(
        self, url: str, headers: Mapping[str, str] | None = None, follow: bool = False
    ) -> Response:
        """The last answer after all repeats; redirects are answers unless `follow`.

        Raises:
            FetchError: no answer, or one that may not be had.
            OutOfTime: the crawl's time is over.
        """
        host, tries = origin_of(url), 0
        while True:
            try:
                answer = await self._once(url, headers or {}, follow)
            except (BlockedAddress, TooLarge, TooManyRedirects):
                raise
            except FetchError:
                if tries >= 1 or self.pacing.dead(host):
                    raise
                await asyncio.sleep(_BACKOFF)
            else:
                if not await self._worth_repeating(host, answer, tries):
                    return answer
            tries += 1

    async def _once(self, url: str, headers: Mapping[str, str], follow: bool) -> Response:
        host = origin_of(url)
        try:
            answer = await self.download(url, headers, follow)
        except (BlockedAddress, TooLarge, TooManyRedirects):
            raise
        except FetchError:
            self.pacing.failed(host)
            raise
        self.pacing.answered(host)
        return answer

    async def _worth_repeating(self, host: str, answer: Response, tries: int) -> bool:
        if tries >= _RETRIES.get(answer.status, 0):
            return False
        asked = retry_after(answer.headers.get("retry-after", ""))
        if asked is not None and asked > MAX_RETRY_AFTER:
            return False
        if answer.status in _BUSY:
            self.pacing.hold(host, asked if asked is not None else 2.0**tries)
        else:
            await asyncio.sleep(_BACKOFF)
        return True
