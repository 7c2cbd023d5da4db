import subprocess
import sys

MUCH = 1_000_000
PROGRAM = f"""
import sys
from pathlib import Path
from rag_pipelines.models.worker import print_into
print_into(Path(sys.argv[1]))
print("x" * {MUCH}, file=sys.stderr)
"""


def test_what_libraries_print_holds_no_worker_whose_pipe_nobody_reads(tmp_path):
    log = tmp_path / "home" / "worker.log"
    worker = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(log)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert worker.wait(60) == 0
    finally:
        worker.kill()
        worker.communicate()
    assert log.stat().st_size > MUCH
