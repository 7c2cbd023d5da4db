"""A crawl from its start URLs to its last verdict, as the crawling process runs it.

Knows the order of things: robots.txt before pages, sitemaps before links, and at the end what was
known and not found again. Requests, verdicts and the frontier are modules of their own.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from rag_pipelines.corpus.crawl_frames import Visit
from rag_pipelines.corpus.crawl_frontier import Arrival, Candidate, Frontier
from rag_pipelines.corpus.crawl_pacing import OutOfTime, Pacing
from rag_pipelines.corpus.crawl_requests import Requests
from rag_pipelines.corpus.crawl_visit import Visitor
from rag_pipelines.corpus.robots import Robots, read_robots
from rag_pipelines.corpus.sitemaps import MAX_SITEMAPS, Sitemap, read_sitemap
from rag_pipelines.corpus.urls import Scope, canonical, origin_of
from rag_pipelines.errors import BlockedAddress, FetchError, TooManyRedirects
from rag_pipelines.records import Outcome


@dataclass
class Crawl:
    """One crawl of one site; `emit` is told the verdicts that the frontier does not give."""

    frontier: Frontier
    visitor: Visitor
    requests: Requests
    pacing: Pacing
    scope: Scope
    emit: Callable[[Visit], None]
    sitemaps: bool = True
    _read: set[str] = field(default_factory=set[str], init=False)

    async def run(self, start_urls: Sequence[str], known: Sequence[str]) -> None:
        """Visit all that the start URLs and sitemaps lead to, then what was known besides."""
        await self._learn_robots(start_urls)
        self.frontier.start(start_urls)
        if self.sitemaps:
            await self._read_sitemaps(start_urls)
        await self._visit_all()
        self.frontier.revisit(known)
        await self._visit_all()
        self.frontier.finish()

    async def _visit_all(self) -> None:
        while not self.pacing.over and (batch := self.frontier.batch()):
            self.frontier.settle(await self._visited(batch))
        self.frontier.give_up("seconds" if self.pacing.over else "")

    async def _visited(self, batch: Sequence[Candidate]) -> list[Arrival]:
        await self._learn_robots([candidate.url for candidate in batch])
        admitted = self.frontier.admit(batch)
        return await asyncio.gather(*map(self.visitor.visit, admitted))

    async def _learn_robots(self, urls: Iterable[str]) -> None:
        for origin in dict.fromkeys(map(origin_of, urls)):
            if origin not in self.frontier.robots:
                robots = self.frontier.robots[origin] = await self._robots_of(origin)
                self.pacing.slow_down(origin, robots.crawl_delay)

    async def _robots_of(self, origin: str) -> Robots:
        url = f"{origin}/robots.txt"
        try:
            answer = await self.requests.answer(url, follow=True)
        except TooManyRedirects:
            return Robots()  # RFC 9309, 2.3.1.2: as if there were none
        except (FetchError, OutOfTime) as error:
            self.emit(_not_had(url, "robots", error))
            return Robots(closed=f"robots.txt could not be had: {error}"[:300])
        robots = read_robots(answer.status, answer.body)
        if robots.closed:
            self.emit(Visit(url, Outcome.FAILED, "robots", robots.closed, answer.status))
        return robots

    async def _read_sitemaps(self, start_urls: Sequence[str]) -> None:
        waiting: deque[tuple[str, str]] = deque()
        for origin in dict.fromkeys(map(origin_of, start_urls)):
            waiting.extend(
                (url, f"{origin}/robots.txt") for url in self.frontier.robots[origin].sitemaps
            )
            waiting.append((f"{origin}/sitemap.xml", ""))
        while waiting and len(self._read) < MAX_SITEMAPS:
            named, found_on = waiting.popleft()
            url = canonical(named, found_on)
            if url is None or url in self._read:
                continue
            self._read.add(url)
            sitemap = await self._sitemap(url, found_on)
            waiting.extend((further, url) for further in sitemap.sitemaps)
            for page in filter(None, (canonical(page, url) for page in sitemap.pages)):
                self.frontier.discover(Candidate(1, page, url))

    async def _sitemap(self, url: str, found_on: str) -> Sitemap:
        """Read a sitemap; one that is named somewhere and cannot be read is in the ledger."""
        if reason := await self._refused_sitemap(url):
            self.emit(Visit(url, Outcome.REFUSED, reason, "a sitemap", found_on=found_on))
            return Sitemap()
        try:
            answer = await self.requests.answer(url, follow=True)
        except (FetchError, OutOfTime) as error:
            self.emit(replace(_not_had(url, "sitemap", error), found_on=found_on))
            return Sitemap()
        found = (
            read_sitemap(answer.body)
            if answer.status == 200
            else Sitemap(problem=str(answer.status))
        )
        if found.problem and (found_on or answer.status == 200):
            failed = Visit(
                url, Outcome.FAILED, "sitemap", found.problem, answer.status, found_on=found_on
            )
            self.emit(failed)
        return found

    async def _refused_sitemap(self, url: str) -> str:
        if self.scope.offsite(url):
            return "offsite"
        await self._learn_robots([url])
        return "" if self.frontier.robots[origin_of(url)].allows(url) else "robots"


def _not_had(url: str, reason: str, error: Exception) -> Visit:
    if isinstance(error, BlockedAddress):
        return Visit(url, Outcome.REFUSED, "private_address", str(error))
    return Visit(url, Outcome.FAILED, reason, str(error)[:300])
