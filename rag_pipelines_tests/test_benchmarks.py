"""The benchmarks come to their end on a small site, with every part real. No figure is judged."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import measured, site
from benchmarks.context import Context
from benchmarks.table import COLUMNS, comparison, documents, limits, render

TOPICS = ("kettle", "lamp", "clock", "radio", "fan", "scale")
REPOSITORY = Path(__file__).resolve().parent.parent


def page(number: int) -> str:
    topic = TOPICS[number]
    links = "".join(f'<li><a href="{t}.html">{t}</a></li>' for t in TOPICS)
    told = " ".join(
        f"The {topic} of series {n} is repaired in workshop {n * 7 + number} within {n + 2} days."
        for n in range(30)
    )
    return (
        f"<html><head><title>The {topic}</title></head><body><nav><ul>{links}</ul></nav>"
        f"<main><h1>The {topic}</h1><p>{told}</p></main></body></html>"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pages and an index."""
    made = tmp_path / "site"
    made.mkdir()
    for number, topic in enumerate(TOPICS):
        (made / f"{topic}.html").write_text(page(number))
    (made / "index.html").write_text(page(0).replace("The kettle</h1>", "Everything</h1>"))
    return made


def bench(folder: Path, out: Path, *stages: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks", "--json", "--site", str(folder)]
    done = subprocess.run(
        [*command, "--dir", str(out), "--only", *stages],
        cwd=REPOSITORY,
        env=measured.environment(EVAL_DATA=""),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["stages"]


@pytest.mark.slow
def test_one_run_measures_both_and_loses_no_page(folder: Path, tmp_path: Path):
    found = bench(folder, tmp_path, "newcomer", "crawl", "embed")
    assert list(found) == ["newcomer", "ingest", "crawl", "embed"]
    assert {found[stage]["lost"] for stage in ("newcomer", "ingest", "crawl")} == {0}
    assert found["ingest"]["again"]["embedded"] == 0
    assert not found["ingest"]["again"]["published"]
    assert all(found[stage]["cpu_seconds"] > 0 for stage in ("newcomer", "ingest", "embed"))
    table = render("", [row.cells() for row in comparison(found)], COLUMNS)
    assert table.count("not measured") == 4, "nDCG of both on both sets, without EVAL_DATA"
    assert list(tmp_path.glob("*/results.json"))


def test_the_table_tells_what_met_its_target_and_what_did_not():
    figures = {"lost": 1, "cpu_seconds": 90.0, "pages_per_second": 40.0}
    found = {"newcomer": figures, "ingest": figures | {"cpu_seconds": 30.0}, "crawl": figures}
    met = {row.name: row.met for row in comparison(found)}
    assert met["CPU seconds in all"]
    assert met["pages a second, crawl and extraction"] is False
    assert met["pages lost"] is False
    assert met["nDCG@10, xquad_en"] is None
    scale = {"recall@10": 0.95, "vectors_per_second": 299.9, "serve_bytes": 1.6e9}
    assert [row.met for row in limits({"scale": {"100000": scale}})] == [
        *(False, True, None, None, None, False)
    ]


def test_what_is_measured_under_load_is_held_to_its_row():
    rate = {"errors": 0, "latency": {"p95_ms": 149.0, "p99_ms": 401.0}, "outside": {}}
    assert [row.met for row in limits({"rate": rate})] == [True, True, False, None]
    kept = {"read": {"p95_ms": 20.1}, "disordered": 0, "disk_growth": None}
    assert [row.met for row in limits({"history": {"sqlite": kept}})] == [
        *(False, True, None),
        *(None, None, None),
    ]


def test_readers_stand_beside_each_other_and_ours_is_held_to_its_limits():
    ours = {"pages_per_cpu_second": 0.9, "peak_bytes": 1e9, "again": {"parsed": 0}}
    found = {"documents": {"pdfplumber": {"pages_per_cpu_second": 2.5, "tables": 9}, "ours": ours}}
    assert documents(found) == [
        ["pdfplumber", "2.50", "not measured", "9", "not measured"],
        ["ours", "0.90", "1,000", "not measured", "not measured"],
    ]
    assert [row.met for row in limits(found)] == [False, True, True, None, None, None]
    assert documents({}) == limits({}) == []


def test_a_set_is_found_in_the_folder_or_in_one_below(tmp_path: Path):
    (tmp_path / "retrieval" / "xquad_en").mkdir(parents=True)
    below = Context(url="", folder="", work="", eval_data=str(tmp_path))
    inside = Context(url="", folder="", work="", eval_data=str(tmp_path / "retrieval"))
    assert below.dataset("xquad_en") == inside.dataset("xquad_en")
    assert below.dataset("icdar2013_eu") is None
    assert Context(url="", folder="", work="").dataset("xquad_en") is None


def test_a_smaller_site_links_to_nothing_that_it_has_not(folder: Path, tmp_path: Path):
    small = site.first_pages(folder, 3, tmp_path / "small")
    kept = site.pages_of(small)
    assert len(kept) == 3
    left_out = set(site.pages_of(folder)) - set(kept)
    texts = [(small / path[1:]).read_text() for path in kept]
    assert not any(f'href="{path[1:]}"' in text for path in left_out for text in texts)


def test_a_page_is_lost_unless_a_url_names_its_file(folder: Path):
    urls = [f"http://127.0.0.1/{topic}.html" for topic in TOPICS[1:]]
    assert site.lost(folder, [*urls, "http://127.0.0.1/", "http://127.0.0.1/none.html"]) == [
        "/kettle.html"
    ]


def test_what_a_tree_costs_includes_its_children(tmp_path: Path):
    burn = "import time\nwhile time.process_time() < 0.5: pass"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    usage, _ = measured.run([sys.executable, "-c", program], measured.environment(), tmp_path)
    assert usage.status == 0
    assert usage.cpu_seconds >= 0.5


def test_a_site_without_pages_is_refused_with_what_to_do(tmp_path: Path):
    command = [sys.executable, "-m", "benchmarks", "--site", str(tmp_path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 2
    assert "BENCH_SITE" in done.stderr
    assert "Traceback" not in done.stderr
