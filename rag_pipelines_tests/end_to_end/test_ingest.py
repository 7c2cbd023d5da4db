"""The whole path, as a person walks it: `rag ingest`, `rag search`, `rag ask`."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rag_pipelines_tests.end_to_end.installation import (
    TOPICS,
    Installation,
    Site,
    sentence_of,
    website,
)

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Ingested:
    """A site of all topics, ingested once: where its pages and its installation are kept."""

    site: Site
    pages: Path
    installation: Path
    said: dict[str, Any]


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Ingested]:
    folder = tmp_path_factory.mktemp("ingested")
    site = Site(folder / "site")
    for name in TOPICS:
        site.write(name, sentence_of(name))
    pages, kept = folder / "pages", folder / "installation"
    shutil.copytree(site.folder, pages)
    kept.mkdir()
    made = Installation(kept)
    made.use_models(models)
    made.sources("sources:\n" + website("log", site.url))
    yield Ingested(site, pages, kept, made.rag("ingest", "--all"))
    site.close()


@pytest.fixture
def log(ingested: Ingested, tmp_path: Path) -> Installation:
    """An installation of the test's own, the site ingested."""
    folder = tmp_path / "log"
    shutil.copytree(ingested.installation, folder)
    return Installation(folder)


@pytest.fixture
def pages(ingested: Ingested) -> Site:
    """The site that `log` ingested, as it was then."""
    ingested.site.become(ingested.pages)
    return ingested.site


def found(installation, query):
    return [hit["url"] for hit in installation.rag("search", query)["results"]]


def test_a_site_becomes_a_release_and_changes_cost_what_changed(
    log: Installation, pages: Site, ingested: Ingested
):
    first = ingested.said
    said = first["sources"]["log"]
    assert first["published"]
    assert (said["pages"], said["parsed"], said["failed"]) == (25, 25, 0)
    assert said["embedded"] == said["chunks"] >= 25

    again = log.rag("ingest", "--all")
    assert not again["published"]
    assert again["release"] == first["release"]
    assert (again["sources"]["log"]["parsed"], again["sources"]["log"]["embedded"]) == (0, 0)

    for name in TOPICS[:3]:
        pages.write(name, f"Since the storm the {name} is of brass and needs no wire at all.")
    for name in TOPICS[3:5]:
        pages.remove(name)
    pages.write("zodiac", "The zodiac is the boat that takes the crew ashore in shallow water.")
    changed = log.rag("ingest", "--all")
    said = changed["sources"]["log"]
    assert changed["published"]
    assert changed["release"] != first["release"]
    assert said["parsed"] <= 3 + 1 + 1  # the index page links to them, so it changed as well
    assert said["removed"] == 2
    assert said["embedded"] <= 5
    assert not any(TOPICS[3] in url for url in found(log, f"{TOPICS[3]} wire 1871"))
    assert found(log, "boat that takes the crew ashore")[0] == f"{pages.url}zodiac.html"
    assert len(log.rag("releases")["releases"]) == 2


def test_an_answer_is_cited_verbatim_and_what_is_not_there_is_not_answered(
    log: Installation, pages: Site
):
    said = log.rag("ask", "When was the sextant of this ship made?")
    assert "1871" in said["answer"]
    assert said["citations"][0]["url"] == f"{pages.url}sextant.html"
    assert said["citations"][0]["quote"] in sentence_of("sextant")
    unknown = log.rag("ask", "Who won the 1998 election in Germany?")
    assert unknown["abstained"]
    assert unknown["citations"] == []


def test_a_site_that_shrinks_keeps_its_last_good_version_until_that_is_accepted(
    log: Installation, pages: Site, ingested: Ingested
):
    first = ingested.said
    for name in TOPICS[2:]:
        pages.remove(name)
    blocked = log.run("ingest", "--json")
    assert blocked.returncode == 1
    assert "--accept-shrink" in blocked.stderr
    assert json.loads(blocked.stdout)["release"] == first["release"]
    assert found(log, "windlass wire")[0] == f"{pages.url}windlass.html"

    accepted = log.rag("ingest", "log", "--accept-shrink")
    assert accepted["published"]
    assert accepted["sources"]["log"]["pages"] == 3


def test_a_site_that_vanishes_is_blocked_again_and_again(
    log: Installation, pages: Site, ingested: Ingested
):
    first = ingested.said
    for page in pages.folder.glob("*.html"):
        page.unlink()
    for _ in range(2):
        assert log.rag("ingest", status=1)["release"] == first["release"]
    assert found(log, "windlass wire")


def test_a_broken_source_stops_no_other(installation, site):
    dead = website("dead", "http://127.0.0.1:9/")
    installation.sources("sources:\n" + website("log", site.url) + dead)
    said = installation.rag("ingest", "--all", status=1)
    assert said["published"]
    assert said["sources"]["log"]["pages"] == 25
    assert said["sources"]["dead"]["pages"] == 0


def test_a_forgotten_url_is_in_no_further_release_and_not_fetched_again(
    log: Installation, pages: Site
):
    url = f"{pages.url}sextant.html"
    why = log.rag("why", url)["sources"][0]
    assert why["ledger"]["outcome"] == "fetched"
    assert why["page"]["title"]
    log.rag("forget", url)
    assert log.rag("ingest")["published"]
    assert url not in found(log, "sextant wire 1871")
    assert log.rag("why", url)["denied"]


def test_a_rollback_serves_the_older_release_and_keeps_the_newer_from_coming_back(
    log: Installation, pages: Site, ingested: Ingested
):
    first = ingested.said
    pages.write("zodiac", "The zodiac is the boat that takes the crew ashore in shallow water.")
    second = log.rag("ingest")
    back = log.rag("rollback")
    assert back["release"] == first["release"]
    assert back["generation"] == 3
    again = log.rag("ingest")
    assert not again["published"]
    assert again["release"] == first["release"]
    states = {r["release"]: r["state"] for r in log.rag("releases")["releases"]}
    assert states == {first["release"]: "served", second["release"]: "rejected"}


def test_a_damaged_release_is_found_out_and_built_again_from_its_own_rows(
    log: Installation, pages: Site, ingested: Ingested
):
    served = ingested.said["release"]
    (log.home / "releases" / served / "chroma" / "chroma.sqlite3").write_bytes(b"")
    health = log.rag("doctor", status=1)
    (index,) = (check for check in health["checks"] if check["name"] == "index")
    assert f"--rebuild {served}" in index["remedy"]
    rebuilt = log.rag("releases", "--rebuild", served)
    assert rebuilt["current"] != served
    assert found(log, "windlass wire")[0] == f"{pages.url}windlass.html"


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (("ingest", "nowhere"), "it has: log"),
        (("ask", "Anything?"), "rag ingest"),
        (("search", " "), "empty"),
        (("rollback",), "no other good release"),
        (("why", "not a url"), "http"),
        (("eval", "--dataset", "/nonexistent"), "/nonexistent"),
    ],
)
def test_a_mistake_is_one_message_and_status_2(installation, arguments, remedy):
    installation.sources("sources:\n" + website("log", "http://127.0.0.1:9/"))
    done = installation.run(*arguments)
    assert done.returncode == 2, done.stderr
    assert remedy in done.stderr
    assert "Traceback" not in done.stderr
