"""What the machine lacks is skipped with a reason and named in the last line."""

import subprocess
import sys
from pathlib import Path

from rag_pipelines_tests.machine import NEEDS, closing_line

TESTS = Path(__file__).parent
PROBE = """
from rag_pipelines_tests.machine import Need, closing_line, skip_what_is_lacking

lacking = {{}}

def pytest_collection_modifyitems(items):
    browser = Need("browser", "a browser", "apt install it", lambda: {present})
    gpu = Need("gpu", "a GPU", "buy it", lambda: {present})
    lacking.update(skip_what_is_lacking(items, [browser, gpu]))

def pytest_unconfigure():
    print(closing_line(lacking))
"""


BROWSER, GPU = "@pytest.mark.browser", "@pytest.mark.gpu"


def run_a_test(folder: Path, present: bool, marks: str = BROWSER) -> list[str]:
    (folder / "conftest.py").write_text(PROBE.format(present=present))
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  browser\n  gpu\n")
    test = f"import pytest\n\n{marks}\ndef test_page():\n    pass\n"
    (folder / "test_page.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", str(folder)]
    done = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_a_test_that_needs_what_is_lacking_is_skipped_and_named_last(tmp_path: Path):
    lines = run_a_test(tmp_path, present=False)
    assert any("SKIPPED" in line and "needs a browser: apt install it" in line for line in lines)
    assert lines[-1].startswith("This machine lacked: a browser (tests skipped: 1; ")


def test_a_test_that_lacks_two_things_counts_for_the_first(tmp_path: Path):
    lines = run_a_test(tmp_path, present=False, marks=f"{GPU}\n{BROWSER}")
    assert "a browser (tests skipped: 1; " in lines[-1]
    assert "a GPU (tests skipped: 0; " in lines[-1]


def test_where_nothing_is_lacking_everything_runs_and_that_is_said(tmp_path: Path):
    lines = run_a_test(tmp_path, present=True)
    assert "1 passed" in lines[-2]
    assert lines[-1] == "This machine lacked nothing."


def test_a_lacking_gpu_alone_reads_as_continuous_integration_expects():
    line = closing_line({"gpu": 0})
    assert line.startswith("This machine lacked: a GPU (")
    assert "), " not in line


def test_every_further_lack_is_told_after_the_gpu_or_before_it():
    line = closing_line({need.marker: 0 for need in NEEDS})
    assert "), " in line
    assert "MongoDB" not in line
