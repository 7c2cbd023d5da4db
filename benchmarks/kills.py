"""Row F1 in full: a build killed with -9 at every step, ten times each, and the next one made good.

python -m benchmarks.kills [REPEATS]
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.retrieval.corpus import first, good
from rag_pipelines_tests.retrieval.processes import run_until_killed
from rag_pipelines_tests.retrieval.test_faults import (
    KILLS,
    MODEL,
    assert_next_run_publishes,
    assert_serves,
)


def kill_everywhere(root: Path, repeats: int) -> None:
    """Raise `AssertionError` where a kill is felt by what is served, or by the next build."""
    releases = Releases(root, keep=1)
    releases.publish(good(releases, first(40)).name, MODEL, "served")
    kills = 0
    for program, step in KILLS:
        for _ in range(repeats):
            run_until_killed(program, root, step)
            assert_serves(releases, 40)
            kills += 1
        print(f"{step:24} killed {repeats} times, 40 of 40 rows served", flush=True)
    assert_next_run_publishes(releases, {2 + kills})
    print(f"{kills} kills; the next build was published and nothing of them is left")


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        kill_everywhere(Path(folder) / "releases", int(sys.argv[1]) if sys.argv[1:] else 10)
