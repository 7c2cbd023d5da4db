"""The whole path, as a person walks it: `rag ingest`, `rag search`, `rag ask`."""

import json

import pytest

from rag_pipelines_tests.end_to_end.installation import TOPICS, sentence_of, website

pytestmark = pytest.mark.slow


def found(installation, query):
    return [hit["url"] for hit in installation.rag("search", query)["results"]]


def test_a_site_becomes_a_release_and_changes_cost_what_changed(installation, site):
    installation.sources("sources:\n" + website("log", site.url))
    first = installation.rag("ingest", "--all")
    log = first["sources"]["log"]
    assert first["published"]
    assert (log["pages"], log["parsed"], log["failed"]) == (25, 25, 0)
    assert log["embedded"] == log["chunks"] >= 25

    again = installation.rag("ingest", "--all")
    assert not again["published"]
    assert again["release"] == first["release"]
    assert (again["sources"]["log"]["parsed"], again["sources"]["log"]["embedded"]) == (0, 0)

    for name in TOPICS[:3]:
        site.write(name, f"Since the storm the {name} is of brass and needs no wire at all.")
    for name in TOPICS[3:5]:
        site.remove(name)
    site.write("zodiac", "The zodiac is the boat that takes the crew ashore in shallow water.")
    changed = installation.rag("ingest", "--all")
    log = changed["sources"]["log"]
    assert changed["published"]
    assert changed["release"] != first["release"]
    assert log["parsed"] <= 3 + 1 + 1  # the index page links to them, so it changed as well
    assert log["removed"] == 2
    assert log["embedded"] <= 5
    assert not any(TOPICS[3] in url for url in found(installation, f"{TOPICS[3]} wire 1871"))
    assert found(installation, "boat that takes the crew ashore")[0] == f"{site.url}zodiac.html"
    assert len(installation.rag("releases")["releases"]) == 2


def test_an_answer_is_cited_verbatim_and_what_is_not_there_is_not_answered(installation, site):
    installation.sources("sources:\n" + website("log", site.url))
    installation.rag("ingest")
    said = installation.rag("ask", "When was the sextant of this ship made?")
    assert "1871" in said["answer"]
    assert said["citations"][0]["url"] == f"{site.url}sextant.html"
    assert said["citations"][0]["quote"] in sentence_of("sextant")
    unknown = installation.rag("ask", "Who won the 1998 election in Germany?")
    assert unknown["abstained"]
    assert unknown["citations"] == []


def test_a_site_that_shrinks_keeps_its_last_good_version_until_that_is_accepted(installation, site):
    installation.sources("sources:\n" + website("log", site.url))
    first = installation.rag("ingest")
    for name in TOPICS[2:]:
        site.remove(name)
    blocked = installation.run("ingest", "--json")
    assert blocked.returncode == 1
    assert "--accept-shrink" in blocked.stderr
    assert json.loads(blocked.stdout)["release"] == first["release"]
    assert found(installation, "windlass wire")[0] == f"{site.url}windlass.html"

    accepted = installation.rag("ingest", "log", "--accept-shrink")
    assert accepted["published"]
    assert accepted["sources"]["log"]["pages"] == 3


def test_a_site_that_vanishes_is_blocked_again_and_again(installation, site):
    installation.sources("sources:\n" + website("log", site.url))
    first = installation.rag("ingest")
    for page in site.folder.glob("*.html"):
        page.unlink()
    for _ in range(2):
        assert installation.rag("ingest", status=1)["release"] == first["release"]
    assert found(installation, "windlass wire")


def test_a_broken_source_stops_no_other(installation, site):
    dead = website("dead", "http://127.0.0.1:9/")
    installation.sources("sources:\n" + website("log", site.url) + dead)
    said = installation.rag("ingest", "--all", status=1)
    assert said["published"]
    assert said["sources"]["log"]["pages"] == 25
    assert said["sources"]["dead"]["pages"] == 0


def test_a_forgotten_url_is_in_no_further_release_and_not_fetched_again(installation, site):
    installation.sources("sources:\n" + website("log", site.url))
    installation.rag("ingest")
    url = f"{site.url}sextant.html"
    why = installation.rag("why", url)["sources"][0]
    assert why["ledger"]["outcome"] == "fetched"
    assert why["page"]["title"]
    installation.rag("forget", url)
    assert installation.rag("ingest")["published"]
    assert url not in found(installation, "sextant wire 1871")
    assert installation.rag("why", url)["denied"]


def test_a_rollback_serves_the_older_release_and_keeps_the_newer_from_coming_back(
    installation, site
):
    installation.sources("sources:\n" + website("log", site.url))
    first = installation.rag("ingest")
    site.write("zodiac", "The zodiac is the boat that takes the crew ashore in shallow water.")
    second = installation.rag("ingest")
    back = installation.rag("rollback")
    assert back["release"] == first["release"]
    assert back["generation"] == 3
    again = installation.rag("ingest")
    assert not again["published"]
    assert again["release"] == first["release"]
    states = {r["release"]: r["state"] for r in installation.rag("releases")["releases"]}
    assert states == {first["release"]: "served", second["release"]: "rejected"}


def test_a_damaged_release_is_found_out_and_built_again_from_its_own_rows(installation, site):
    installation.sources("sources:\n" + website("log", site.url))
    served = installation.rag("ingest")["release"]
    (installation.home / "releases" / served / "chroma" / "chroma.sqlite3").write_bytes(b"")
    health = installation.rag("doctor", status=1)
    (index,) = (check for check in health["checks"] if check["name"] == "index")
    assert f"--rebuild {served}" in index["remedy"]
    rebuilt = installation.rag("releases", "--rebuild", served)
    assert rebuilt["current"] != served
    assert found(installation, "windlass wire")[0] == f"{site.url}windlass.html"


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
