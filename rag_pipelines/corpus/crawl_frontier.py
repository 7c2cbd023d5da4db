"""Which URLs a crawl visits, in which order, and which of them are pages.

Breadth-first and decided in the order of depth and URL, never in the order of arrival, so that
the same site gives the same pages and the same ledger whatever the network does. Knows no
network: the crawl asks for a batch, visits it, and reports what came.
"""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from rag_pipelines.corpus.crawl_frames import Visit
from rag_pipelines.corpus.crawl_links import PageLinks
from rag_pipelines.corpus.crawl_traps import Traps, looks_like_a_file
from rag_pipelines.corpus.robots import Robots
from rag_pipelines.corpus.urls import Scope, origin_of, path_of
from rag_pipelines.records import Outcome

BATCH = 128
"""URLs visited between two decisions; bounds the links that are held in memory."""
MAX_HOPS = 5


@dataclass(frozen=True, slots=True, order=True)
class Candidate:
    """A URL to visit. `hops` counts the redirects that led to it.

    `known_only` is one that nothing leads to any more: its visit only tells whether it is gone.
    """

    depth: int
    url: str
    found_on: str = ""
    hops: int = 0
    known_only: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came of a candidate. `links` where it is a page, `target` where it sends elsewhere."""

    candidate: Candidate
    visit: Visit
    links: PageLinks | None = None
    target: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """What one crawl may spend, and how far it may go."""

    depth: int
    pages: int
    bytes: int
    page_bytes: int

    @property
    def visits(self) -> int:
        """Requests for pages: some are redirects, copies or gone, but not endlessly many."""
        return 3 * self.pages + 100

    @property
    def urls(self) -> int:
        """URLs that are remembered; links beyond them are counted on the page they stand on."""
        return 10 * self.pages + 20_000


class Frontier:
    """The crawl's state. `emit` is told every verdict on a URL; a later one replaces an earlier."""

    def __init__(
        self,
        scope: Scope,
        budget: Budget,
        denied: Iterable[str],
        emit: Callable[[Visit], None],
    ) -> None:
        self.robots: dict[str, Robots] = {}
        """Rules by origin; must hold a batch's origins before `admit`."""
        self._scope, self._budget, self._emit = scope, budget, emit
        self._denied = frozenset(denied)
        self._traps = Traps()
        self._heap: list[Candidate] = []
        self._seen: set[str] = set()
        self._texts: dict[str, Visit] = {}
        self._canonicals: dict[str, str] = {}
        self._redirects: dict[str, Visit] = {}
        self._pages: dict[str, Visit] = {}
        self._visits = 0
        self._bytes = 0
        self.spent = ""
        """Which budget ended the crawl, if one did."""

    def start(self, urls: Iterable[str]) -> None:
        """Begin at these URLs, whatever `include` says of them."""
        for url in urls:
            if url not in self._seen:
                self._seen.add(url)
                candidate = Candidate(0, url)
                if url in self._denied:
                    self.refuse(candidate, "denied")
                else:
                    heapq.heappush(self._heap, candidate)

    def discover(self, candidate: Candidate) -> bool:
        """Take note of a URL; false where there is no room for more of them."""
        if candidate.url in self._seen:
            return True
        if len(self._seen) >= self._budget.urls:
            return False
        self._seen.add(candidate.url)
        reason, detail = self._refusal(candidate)
        if reason:
            self.refuse(candidate, reason, detail)
        else:
            heapq.heappush(self._heap, candidate)
        return True

    def _refusal(self, candidate: Candidate) -> tuple[str, str]:
        if candidate.url in self._denied:
            return "denied", ""
        if reason := self._scope.refusal(candidate.url):
            return reason, ""
        if candidate.depth > self._budget.depth:
            return "depth", f"deeper than {self._budget.depth}"
        if looks_like_a_file(candidate.url):
            return "type", "by its name"
        if trap := self._traps.found(candidate.url):
            return "trap", trap
        return "", ""

    def refuse(
        self, candidate: Candidate, reason: str, detail: str = "", transient: bool = False
    ) -> None:
        """Say that a URL was not visited, and why."""
        self._emit(
            Visit(
                candidate.url,
                Outcome.REFUSED,
                reason,
                detail,
                depth=candidate.depth,
                found_on=candidate.found_on,
                transient=transient,
            )
        )

    def batch(self) -> list[Candidate]:
        """The next URLs of the shallowest depth; none when all is done or a budget is spent."""
        size = self._room() if self._heap else 0
        taken: list[Candidate] = []
        while (
            self._heap
            and len(taken) < size
            and self._heap[0].depth == (taken or self._heap)[0].depth
        ):
            taken.append(heapq.heappop(self._heap))
        return taken

    def _room(self) -> int:
        pages = self._budget.pages - len(self._pages)
        visits = self._budget.visits - self._visits
        left = self._budget.bytes - self._bytes
        if min(pages, visits, left) <= 0:
            self.spent = "bytes" if left <= 0 else "pages"
            return 0
        # A batch of the largest pages must not take the crawl far past its bytes.
        return min(BATCH, pages, visits, max(8, left // self._budget.page_bytes))

    def give_up(self, budget: str = "") -> None:
        """Refuse what is still waiting, because a budget is spent."""
        self.spent = budget or self.spent
        transient = self.spent in ("bytes", "seconds")
        for candidate in sorted(self._heap):
            self.refuse(candidate, "budget", self.spent, transient)
        self._heap.clear()

    def admit(self, batch: Iterable[Candidate]) -> list[Candidate]:
        """Those of a batch that robots.txt allows."""
        allowed: list[Candidate] = []
        for candidate in batch:
            robots = self.robots[origin_of(candidate.url)]
            if robots.allows(candidate.url):
                allowed.append(candidate)
            else:
                self.refuse(candidate, "robots", robots.closed, transient=bool(robots.closed))
        self._visits += len(allowed)
        return allowed

    def settle(self, arrivals: Iterable[Arrival]) -> None:
        """Decide on what came of a batch."""
        for arrival in sorted(arrivals, key=lambda a: a.candidate):
            self._bytes += arrival.visit.size
            if arrival.candidate.known_only:
                self._unlinked(arrival)
            elif arrival.target:
                self._redirected(arrival)
            elif arrival.links is not None and _is_page(arrival.visit):
                self._page(arrival, arrival.links)
            else:
                self._follow(arrival, arrival.links)
                self._emit(arrival.visit)

    def _redirected(self, arrival: Arrival) -> None:
        """The target is visited in its own right, so that every rule holds for it as well."""
        here = arrival.candidate
        if here.hops >= MAX_HOPS or arrival.target == here.url:
            detail = f"over {MAX_HOPS} redirects, the last to {arrival.target}"
            self._emit(
                replace(arrival.visit, outcome=Outcome.FAILED, reason="redirects", detail=detail)
            )
            return
        self.discover(Candidate(here.depth, arrival.target, here.url, here.hops + 1))
        self._redirects[here.url] = arrival.visit
        self._emit(arrival.visit)

    def _unlinked(self, arrival: Arrival) -> None:
        """A crawl that starts afresh would not find it, so it leaves, whatever it answers now."""
        visit = arrival.visit
        if arrival.target or _is_page(visit):
            visit = replace(
                visit, outcome=Outcome.REFUSED, reason="unlinked", detail="", snapshot=""
            )
        self._emit(visit)

    def _page(self, arrival: Arrival, links: PageLinks) -> None:
        visit, url = arrival.visit, arrival.candidate.url
        if links.canonical and not self._scope.refusal(links.canonical):
            self._canonicals[url] = links.canonical
            self.discover(Candidate(arrival.candidate.depth, links.canonical, url))
        first = self._texts.get(visit.text) if visit.text else None
        if first is not None and self._canonicals.get(first.url) != url:
            # Its links are not followed: a site that says the same at every URL has no end.
            self._emit(_copy(visit, first.url))
            return
        if first is not None:
            self._pages.pop(first.url, None)
            self._emit(_copy(first, url))
        if not links.noindex:
            self._texts[visit.text] = self._pages[url] = visit
        self._emit(self._follow(arrival, links))

    def _follow(self, arrival: Arrival, links: PageLinks | None) -> Visit:
        visit, here = arrival.visit, arrival.candidate
        if links is None or links.nofollow:
            return visit
        found = (Candidate(here.depth + 1, link, here.url) for link in links.links)
        ignored = links.ignored + sum(not self.discover(candidate) for candidate in found)
        return (
            replace(visit, detail=f"{ignored} links more than are followed") if ignored else visit
        )

    def revisit(self, known: Iterable[str]) -> None:
        """Put URLs that were known, and that nothing led to, in line to be asked once more."""
        for url in sorted(url for url in known if url not in self._seen):
            candidate = Candidate(0, url, known_only=True)
            if self.spent:
                self.refuse(candidate, "budget", self.spent, transient=self.spent != "pages")
            elif not self.discover(candidate):
                self.refuse(candidate, "budget", "urls")

    def finish(self) -> None:
        """Last verdicts, once nothing is left to visit: redirects in a circle have failed.

        A page that names another query of its own path as the canonical one gives way to it.
        (Where the paths differ, only equal content makes them one page: too many sites name
        their front page everywhere.)
        """
        for url, canonical in sorted(self._canonicals.items()):
            both = url in self._pages and canonical in self._pages
            if both and canonical not in self._canonicals and path_of(url) == path_of(canonical):
                self._emit(_copy(self._pages.pop(url), canonical))
        for url, visit in self._redirects.items():
            if self._in_a_circle(url):
                self._emit(replace(visit, outcome=Outcome.FAILED, reason="redirects"))

    def _in_a_circle(self, url: str) -> bool:
        passed: set[str] = set()
        while (visit := self._redirects.get(url)) is not None and url not in passed:
            passed.add(url)
            url = visit.detail
        return url in passed


def _is_page(visit: Visit) -> bool:
    """Also one that asks not to be indexed: its links are followed."""
    return visit.outcome in (Outcome.FETCHED, Outcome.NOT_MODIFIED) or visit.reason == "noindex"


def _copy(visit: Visit, other: str) -> Visit:
    return replace(visit, outcome=Outcome.REFUSED, reason="same_content_as", detail=other)
