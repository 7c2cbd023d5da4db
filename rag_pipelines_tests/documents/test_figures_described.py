"""A captioner that fails or is slow: asked for so long, then left alone until the next run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_pipelines.documents.figures_described import described
from rag_pipelines.errors import ModelError
from rag_pipelines.inference.captioners import captioner_for
from rag_pipelines.inference.protocols import Captioner
from rag_pipelines.inference.servers import ModelServers
from rag_pipelines.lib.project import Project
from rag_pipelines.records import Figure
from rag_pipelines.settings import Settings
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines_tests.inference.model_server import ModelServer, serving

SAID = "A bar chart of sales by year."
PAST = "not asked, for others failed before: "


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving(ModelServer()) as running:
        yield running


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(str(tmp_path / "blobs"))


def captioner_at(server: ModelServer) -> Captioner:
    hasty = ModelServers(ollama_host=server.address, read_timeout=0.2, answer_timeout=0.2)
    return captioner_for("ollama:llava", hasty)


def figures(blobs: Blobs, count: int) -> list[Figure]:
    """Pictures of one document, each other bytes."""
    return [
        Figure(
            id=str(number),
            source="reports",
            document="d",
            url="file:report.pdf",
            title="Report",
            image=blobs.put(b"picture %d" % number),
            position=number,
        )
        for number in range(count)
    ]


def test_two_pictures_without_an_answer_are_the_last_that_are_sent_in_a_run(
    server: ModelServer, blobs: Blobs
):
    server.fault = "hang"
    first = described(figures(blobs, 5), blobs, captioner_at(server))
    assert len(server.asked("/api/chat")) == 2
    assert [figure.description for figure in first] == [""] * 5
    assert ["in time" in figure.problem for figure in first] == [True] * 5
    assert [figure.problem.startswith(PAST) for figure in first] == [False] * 2 + [True] * 3
    server.fault, server.requests = "none", []
    second = described(figures(blobs, 5), blobs, captioner_at(server), first)
    assert [(figure.description, figure.problem) for figure in second] == [(SAID, "")] * 5
    assert len(server.asked("/api/chat")) == 5


def test_what_was_said_is_kept_while_the_captioner_is_off(server: ModelServer, blobs: Blobs):
    before = described(figures(blobs, 2), blobs, captioner_at(server))
    server.fault, server.requests = "error", []
    after = described(figures(blobs, 3), blobs, captioner_at(server), before)
    assert [figure.description for figure in after] == [SAID, SAID, ""]
    assert len(server.asked("/api/chat")) == 1


def test_a_slow_captioner_describes_what_it_can_in_its_time_and_goes_on_next_run(
    server: ModelServer, blobs: Blobs
):
    def fifty_seconds_an_answer() -> float:
        return 50.0 * len(server.asked("/api/chat"))

    captioner = captioner_at(server)
    first = described(
        figures(blobs, 5), blobs, captioner, most_seconds=120, clock=fifty_seconds_an_answer
    )
    assert [bool(figure.description) for figure in first] == [True] * 3 + [False] * 2
    assert {figure.problem for figure in first[3:]} == {
        "not asked: the time for captions was used up; run again to go on"
    }
    second = described(figures(blobs, 5), blobs, captioner, first)
    assert [figure.problem for figure in second] == [""] * 5
    assert len(server.asked("/api/chat")) == 5


def test_a_picture_may_take_half_of_the_seconds_that_are_set(server: ModelServer, tmp_path: Path):
    server.fault = "hang"
    found = Settings(
        home=tmp_path, captioner="ollama:llava", ollama_host=server.address, caption_seconds=0.2
    )
    captioner = Project(found).captioner
    assert captioner is not None
    with pytest.raises(ModelError, match="in time"):
        captioner.caption(b"picture", "")
