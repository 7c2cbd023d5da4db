"""What a person sees of long work on standard error."""

import pytest

from rag_pipelines.cli.output import progress_bars
from rag_pipelines.documents.cloud import cost_of


def test_a_stage_without_a_known_end_is_told_as_done_when_the_next_begins(
    capsys: pytest.CaptureFixture[str],
):
    with progress_bars() as tell:
        tell("crawl", 14, None)
        tell("extract", 2, 3)
        tell("verify", 1, None)
    told = {line.split()[0]: line for line in capsys.readouterr().err.splitlines() if line}
    assert "14/14" in told["crawl"]
    assert "2/3" in told["extract"]
    assert "1/1" in told["verify"]


def test_a_cost_is_a_line_of_its_own_at_once(capsys: pytest.CaptureFixture[str]):
    with progress_bars() as tell:
        tell(f"reports: {cost_of(100)}", 0, 100)
        assert capsys.readouterr().err.splitlines() == [f"reports: {cost_of(100)}"]
        tell("reports: documents", 2, 3)
    (told,) = filter(None, capsys.readouterr().err.splitlines())
    assert told.startswith("reports: documents ")
