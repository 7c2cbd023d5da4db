"""The generator `span:` by itself: what it says, what it says where, and that it stops."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.inference.generators import load_generator
from rag_pipelines.inference.guarded import GuardedGenerator
from rag_pipelines.inference.protocols import NO_ANSWER, Prompt, Quotation
from rag_pipelines.inference.servers import ModelServers
from rag_pipelines.records import Hit
from rag_pipelines_tests.inference import tiny_models
from rag_pipelines_tests.inference.asking import collected, counted, pieces
from rag_pipelines_tests.inference.tiny_models import FACTS, FERRY, WARRANTY
from rag_pipelines_tests.retrieval.passage import hit

ELEVEN = FACTS[1].format(number="eleven", edition=3)
OTHERS = " ".join(FACTS[2:]).format(edition=3)


@pytest.fixture(scope="module")
def span(tmp_path_factory: pytest.TempPathFactory) -> GuardedGenerator:
    folder = tiny_models.trained_reader(tmp_path_factory.mktemp("reader"))
    return load_generator(f"span:{folder}", Path(), ModelServers(hf_offline=True))


def asking(question: str, *hits: Hit) -> Prompt:
    return Prompt("", "", question, hits, "digest")


def test_it_says_the_span_and_where_it_stands(span: GuardedGenerator):
    here = hit(ELEVEN, 2)
    [said] = pieces(span, asking(WARRANTY, hit(OTHERS), here))
    assert isinstance(said, Quotation)
    assert (said, said.hit) == ("eleven years", here)
    assert ELEVEN[said.start : said.end] == "eleven years"


def test_where_no_passage_tells_it_says_that_there_is_no_answer(span: GuardedGenerator):
    assert pieces(span, asking(FERRY, hit(OTHERS), hit(ELEVEN, 2))) == [NO_ANSWER]
    assert pieces(span, asking(WARRANTY)) == [NO_ANSWER]


def test_of_passages_that_say_the_same_it_takes_the_better_one(span: GuardedGenerator):
    first, second = hit(ELEVEN), hit(ELEVEN, 2, url="http://127.0.0.1/b.html")
    [said] = pieces(span, asking(WARRANTY, first, second))
    assert isinstance(said, Quotation)
    assert said.hit == first


def test_of_a_table_it_reads_the_rows_and_not_what_is_said_about_them(span: GuardedGenerator):
    rows = f"| {ELEVEN} |\n| {OTHERS[:60]} |"
    told = "The warranty of the kettle lasts seven years in edition 3."
    [said] = pieces(span, asking(WARRANTY, hit(f"{told}\n\n{rows}", kind="table")))
    assert isinstance(said, Quotation)
    assert (said, said.start) == ("eleven years", len(told) + 2 + rows.index("eleven"))
    assert pieces(span, asking(WARRANTY, hit(told, kind="table"))) == [NO_ANSWER]


def test_it_writes_no_more_tokens_than_it_may(span: GuardedGenerator):
    [said] = pieces(span, asking(WARRANTY, hit(ELEVEN)), max_tokens=1)
    assert said in ("eleven", "years", NO_ANSWER)


def test_it_tells_what_it_is(span: GuardedGenerator):
    assert span.name.startswith("span:")
    assert (span.slots, span.follows_instructions, len(span.digest)) == (1, False, 64)
    assert counted(span, ["the warranty", "", "\ud800"]) == [2, 0, 1]


class Watched(Sequence[Hit]):
    """Hits that tell how many of them were taken, and when enough were."""

    def __init__(self, one: Hit, count: int, enough: int) -> None:
        self._one, self._count, self._enough = one, count, enough
        self.taken = 0
        self.under_way = threading.Event()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index):  # type: ignore[override]
        raise NotImplementedError

    def __iter__(self) -> Iterator[Hit]:
        for _ in range(self._count):
            self.taken += 1
            if self.taken == self._enough:
                self.under_way.set()
            yield self._one


def test_a_reader_that_goes_away_ends_the_work_and_frees_the_thread(span: GuardedGenerator):
    hits = Watched(hit(OTHERS * 3), 100_000, 5)
    long = replace(asking(WARRANTY), hits=hits)

    async def leave() -> tuple[int, list[str]]:
        reader = asyncio.create_task(collected(span, long))
        waiting = asyncio.create_task(collected(span, long))
        await asyncio.to_thread(hits.under_way.wait)
        for task in (waiting, reader):
            task.cancel()
        await asyncio.gather(waiting, reader, return_exceptions=True)
        taken = hits.taken
        return taken, await collected(span, asking(WARRANTY, hit(ELEVEN)))

    taken, said = asyncio.run(leave())
    assert said == ["eleven years"]
    assert 5 <= taken == hits.taken < 100_000


@pytest.mark.parametrize("model", ["nobody/nothing", "/no/such/folder"])
def test_a_model_that_is_not_there_is_unavailable(model: str):
    with pytest.raises(ModelUnavailable, match=f"^{model}: .*name a"):
        load_generator(f"span:{model}", Path(), ModelServers(hf_offline=True))
