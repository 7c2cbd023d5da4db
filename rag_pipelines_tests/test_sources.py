"""sources.yaml: what is read, what is refused, and on which line the mistake is said to be."""

from pathlib import Path

import pytest

from rag_pipelines.errors import ConfigError
from rag_pipelines.sources import Source, load_sources

GOOD = """\
sources:
  handbook:
    website: {start_urls: [https://example.org/docs/], max_depth: 3, max_pages: 2000,
              include: ["/docs/**"], exclude: ["**/archive/**"],
              allow_private_hosts: []}
    schedule: "0 3 * * *"
    chunking: {strategy: by_title, max_tokens: 256}
    shrink_limit: 0.5
  reports:
    documents: {paths: ["data/reports/**/*.pdf"], parser: local}
  wiki:
    loader: {class: langchain_community.document_loaders.WikipediaLoader, args: {query: pond}}
"""


def load(tmp_path: Path, text: str | bytes) -> dict[str, Source]:
    file = tmp_path / "sources.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_sources(file)


def mistakes(tmp_path: Path, text: str | bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    prefix = f"{tmp_path}/sources.yaml:"
    lines = str(caught.value).splitlines()
    assert all(line.startswith(prefix) for line in lines), lines
    return [line.removeprefix(prefix) for line in lines]


def website(field: str) -> str:
    return f"sources:\n  a:\n    website:\n      start_urls: [https://x.org/]\n      {field}\n"


def documents(field: str = "ocr: auto") -> str:
    return f"sources:\n  a:\n    documents:\n      paths: [reports/**/*.pdf]\n      {field}\n"


def test_the_documented_file_is_read(tmp_path: Path):
    sources = load(tmp_path, GOOD)
    assert list(sources) == ["handbook", "reports", "wiki"]
    handbook, reports, wiki = sources.values()
    assert handbook.website is not None
    assert handbook.website.start_urls == ("https://example.org/docs/",)
    assert (handbook.website.max_depth, handbook.website.max_pages) == (3, 2000)
    assert handbook.website.include == ("/docs/**",)
    assert (handbook.schedule, handbook.shrink_limit) == ("0 3 * * *", 0.5)
    assert reports.documents is not None
    assert reports.documents.paths == ("data/reports/**/*.pdf",)
    assert (reports.documents.parser, reports.documents.ocr) == ("local", "auto")
    assert wiki.loader is not None
    assert wiki.loader.class_path.endswith("WikipediaLoader")
    assert (handbook.kind, reports.kind, wiki.kind) == ("website", "documents", "loader")


def test_the_example_is_read():
    examples = Path(__file__).parents[1] / "examples"
    assert list(load_sources(examples / "sources.yaml")) == ["handbook", "papers"]


def test_without_the_default_file_there_are_no_sources(tmp_path: Path):
    assert load_sources(tmp_path / "sources.yaml") == {}


def test_a_named_file_must_exist(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"mine\.yaml: found no such file; allowed: a YAML file"):
        load_sources(tmp_path / "mine.yaml")


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("", 1, "the file: found nothing; allowed: a mapping"),
        ("- a\n", 1, "the file: found a list; allowed: a mapping"),
        ("sources:\n", 1, "sources: found nothing; allowed: a mapping"),
        ("source: {}\n", 1, "source: found an unknown name; allowed: sources; did you mean"),
        ("sources:\n  a: {}\n", 2, "sources.a: found {}; allowed: exactly one of website, d"),
        ("sources:\n  a:\n    website:\n", 3, "a.website: found nothing; allowed: a mapping"),
        ("sources:\n  a:\n    website: {}\n", 3, "start_urls: found nothing; allowed: a value"),
        (website("max_dept: 3"), 5, "did you mean max_depth?"),
        (website("obey_robots: false"), 5, "found an unknown name"),
        (website("max_depth: -1"), 5, "website.max_depth: found -1; allowed: greater than or"),
        (website("max_depth: deep"), 5, "found 'deep'; allowed: a whole number"),
        (website("max_depth: true"), 5, "found true; allowed: a whole number"),
        (website("max_pages: 0"), 5, "found 0; allowed: greater than 0"),
        (website("max_pages: 1.5"), 5, "found 1.5; allowed: a whole number"),
        (website("max_seconds: 0"), 5, "found 0; allowed: greater than 0"),
        (website("delay: .inf"), 5, "found inf; allowed: "),
        (website("delay: .nan"), 5, "found nan; allowed: "),
        (website("sitemaps: 3"), 5, "found 3; allowed: true or false"),
        (website("include: docs"), 5, "include: found 'docs'; allowed: a list"),
        (website("include: [docs/**]"), 5, "include.0: found 'docs/**'; allowed: a pattern"),
        (website("exclude: ['/a', 'https://x.org/**']"), 5, "exclude.1: found 'https://x.org"),
        (website("exclude: ['/a***']"), 5, "allowed: a pattern made of"),
        (website("exclude: ['/a[b']"), 5, "come in pairs"),
        (website("exclude: ['/" + "*a" * 11 + "']"), 5, "at most 10 wildcards"),
        (website("exclude: ['']"), 5, "exclude.0: found ''; allowed: "),
        (website("allow_private_hosts: ['a b']"), 5, "allowed: host, host:port"),
        (website("allow_private_hosts: ['10.0.0.0/40']"), 5, "allowed: host, host:port"),
        (website("allow_private_hosts: ['host:99999']"), 5, "allowed: host, host:port"),
        (website("allow_private_hosts: ['http://host']"), 5, "allowed: host, host:port"),
        (website("allow_private_hosts: [169.254.169.254]"), 5, "not link-local"),
        (website("allow_private_hosts: ['[fe80::1]:80']"), 5, "not link-local"),
        (website('contact: "a\\nb"'), 5, "contact: found "),
        ("sources:\n  a:\n    documents: {}\n", 3, "paths: found nothing; allowed: a value"),
        (documents("parser: docling"), 5, "found 'docling'; allowed: 'local' or 'llama_parse'"),
        (documents("ocr: true"), 5, "found true; allowed: 'auto' or 'never'"),
        (documents("max_pages: 0"), 5, "found 0; allowed: greater than 0"),
        (documents("path: x.pdf"), 5, "found an unknown name; allowed: max_file_bytes, "),
        (documents().replace("reports/**/*.pdf", "''"), 4, "paths.0: found ''; allowed: "),
        (documents().replace("reports", "https://x.org"), 4, "allowed: a file or a pattern"),
        (documents().replace("[reports/**/*.pdf]", "[]"), 4, "paths: found []; allowed: "),
    ],
)
def test_a_mistake_is_told_by_line_place_and_remedy(
    tmp_path: Path, text: str, line: int, told: str
):
    first = mistakes(tmp_path, text)[0]
    assert first.startswith(f"{line}: ")
    assert told in first


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://x.org/", "file:///etc/passwd", "example.org", "//x.org/", "http://", "http://["),
        *("https://user:word@x.org/", "https://x.org:99999/", "https://x.org/a b", "javascript:1"),
        f"https://{'a' * 70}.org/",
    ],
)
def test_only_whole_web_addresses_start_a_crawl(tmp_path: Path, url: str):
    told = mistakes(tmp_path, f"sources:\n  a:\n    website:\n      start_urls: ['{url}']\n")
    assert len(told) == 1
    assert told[0].startswith("4: sources.a.website.start_urls.0: found ")


@pytest.mark.parametrize(
    "name", ["Big", "a b", "a,b", "..", "a/b", "-a", "_a", "é", "a" * 64, "''", "a.b", "a:b"]
)
def test_a_name_that_others_would_refuse_is_refused_here(tmp_path: Path, name: str):
    text = f"sources:\n  ? {name}\n  : website: {{start_urls: [https://x.org/]}}\n"
    told = mistakes(tmp_path, text)
    assert told[0].startswith("2: ")
    assert "allowed: a source name of 1 to 63 characters" in told[0]


@pytest.mark.parametrize("name", ["a", "0", "a-b_c", "a" * 63, "on", "123", "null", "3.11"[:1]])
def test_a_name_is_text_whatever_yaml_would_make_of_it(tmp_path: Path, name: str):
    text = f"sources:\n  {name}:\n    website: {{start_urls: [https://x.org/]}}\n"
    assert list(load(tmp_path, text)) == [name]


@pytest.mark.parametrize(
    "cron",
    ["", "* * * *", "* * * * * *", "@daily", "61 * * * *", "0 0 31 2 *", "a b c d e", "0 0 0 * *"],
)
def test_a_schedule_that_would_never_fire_is_refused(tmp_path: Path, cron: str):
    text = website("max_depth: 1") + f"    schedule: '{cron}'\n"
    assert mistakes(tmp_path, text)[0].startswith("6: sources.a.schedule: found ")


@pytest.mark.parametrize("second", ["loader: {class: a.B}", "documents: {paths: [a.pdf]}"])
def test_two_kinds_together_are_refused(tmp_path: Path, second: str):
    text = website("max_depth: 1") + f"    {second}\n"
    assert "allowed: exactly one of website, documents and loader" in mistakes(tmp_path, text)[0]


def test_documents_know_the_folder_of_the_file(tmp_path: Path):
    found = load(tmp_path, documents())["a"].documents
    assert found is not None
    assert found.base == tmp_path


@pytest.mark.parametrize(
    ("said", "of_documents", "of_website"),
    [
        ("{}", "en_core_web_sm", ""),
        ("{entities: true}", "en_core_web_sm", "en_core_web_sm"),
        ("{entities: false}", "", ""),
        ("{entities: de_core_news_sm}", "de_core_news_sm", "de_core_news_sm"),
    ],
)
def test_entities_are_found_in_documents_unless_said_and_elsewhere_where_said(
    tmp_path: Path, said: str, of_documents: str, of_website: str
):
    def model(entry: str) -> str:
        return load(tmp_path, entry + f"    enrichment: {said}\n")["a"].entity_model

    assert model(documents()) == of_documents
    assert model(website("max_depth: 1")) == of_website


@pytest.mark.parametrize("value", ["3", "''", "./model", "[true]"])
def test_a_pipeline_for_entities_is_named_and_no_path(tmp_path: Path, value: str):
    told = mistakes(tmp_path, documents() + f"    enrichment: {{entities: {value}}}\n")
    assert told[0].startswith("6: sources.a.enrichment.entities: found ")
    assert "allowed: true, false, or a spaCy pipeline by name" in told[0]


@pytest.mark.parametrize("path", ["B", "a b.C", "os.system('x')", "a..B", ".B", "a.B."])
def test_a_loader_is_named_by_a_class_path(tmp_path: Path, path: str):
    text = f'sources:\n  a:\n    loader: {{class: "{path}"}}\n'
    assert "allowed: module.Class" in mistakes(tmp_path, text)[0]


def test_every_mistake_of_a_file_is_told_in_its_order(tmp_path: Path):
    text = website("max_depth: -1") + "    shrink_limit: 2\n  B: {loader: {class: x}}\n"
    assert [told.split(":")[0] for told in mistakes(tmp_path, text)] == ["5", "6", "7", "7"]


def test_relative_paths_are_relative_to_the_file(tmp_path: Path):
    text = "sources:\n  a:\n    loader: {class: a.B, args: {path: ./n.txt, more: [../m], q: x}}\n"
    loader = load(tmp_path, text)["a"].loader
    assert loader is not None
    expected = {"path": f"{tmp_path}/n.txt", "more": [f"{tmp_path.parent}/m"], "q": "x"}
    assert loader.args == expected


def test_others_servers_are_asked_politely_and_ones_own_at_once(tmp_path: Path):
    def delay(url: str) -> float:
        text = f"sources:\n  a:\n    website: {{start_urls: ['{url}']}}\n"
        site = load(tmp_path, text)["a"].website
        assert site is not None
        return site.delay

    assert delay("https://example.org/") == 0.25
    assert delay("http://127.0.0.1:8000/") == 0
    assert delay("http://localhost/") == 0


def test_hosts_are_taken_in_every_documented_form(tmp_path: Path):
    hosts = [
        "intranet",
        "Host.example:8080",
        "10.0.0.0/8",
        "127.0.0.1:80",
        "[::1]:8000",
        "fd00::/8",
    ]
    site = load(tmp_path, website(f"allow_private_hosts: {hosts}"))["a"].website
    assert site is not None
    assert site.allow_private_hosts == tuple(host.lower() for host in hosts)
