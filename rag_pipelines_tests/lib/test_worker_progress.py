"""What a worker tells as it goes on is heard as it goes on."""

import sys
from pathlib import Path

import dagster as dg
import pytest

from rag_pipelines.lib.worker_progress import ProgressReader

WORKER = """
import sys, time
from pathlib import Path
from dagster_pipes import open_dagster_pipes
with open_dagster_pipes() as pipes:
    pipes.report_custom_message({"progress": ["perplexity", 12, 32]})
    patience = time.monotonic() + 60
    while not Path(sys.argv[1]).exists():
        if time.monotonic() > patience:
            sys.exit("nobody heard of it")
        time.sleep(0.02)
    pipes.report_custom_message({"failed": "no such model"})
"""


@pytest.mark.filterwarnings("ignore:Function `PipesMessageReader")
def test_progress_is_heard_while_the_worker_lives_and_all_else_goes_on_to_dagster(tmp_path: Path):
    heard: list[tuple[str, int, int | None]] = []
    signal = tmp_path / "heard"

    def tell(stage: str, done: int, total: int | None) -> None:
        heard.append((stage, done, total))
        signal.touch()

    @dg.op(out=dg.Out(list))
    def working(context: dg.OpExecutionContext):
        client = dg.PipesSubprocessClient(message_reader=ProgressReader(tell))
        command = [sys.executable, "-c", WORKER, str(signal)]
        return list(client.run(command=command, context=context).get_custom_messages())

    @dg.job
    def job():
        working()

    result = job.execute_in_process()
    assert heard == [("perplexity", 12, 32)]
    assert result.output_for_node("working") == [{"failed": "no such model"}]
