"""What citations point to, over a real socket: files, pages with a box, pictures, tables."""

import io
from collections.abc import Iterator

import httpx
import pytest
from PIL import Image

from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.records import Chunk, EmbeddedChunks
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines_tests.chat.editions import FAKE, Echo, releases_in
from rag_pipelines_tests.chat.service import ready, serving, until
from rag_pipelines_tests.retrieval.corpus import SPEC, TopicEmbedder, judge
from rag_pipelines_tests.retrieval.passage import passage

ROW = "| Plant: Birchwater | Capacity in MW: 17 |"
ASKED = "What capacity in MW the plant Birchwater?"
BOX = [20.0, 30.0, 120.0, 60.0]
HOSTILE = (
    '<table onclick="steal()"><tr><td colspan="2" style="x">17<script>steal()</script>'
    '<img src=x onerror="steal()"></td></tr></table>'
)


def pdf(pages: int = 1) -> bytes:
    """Blank pages of 200 by 100 points."""
    import pikepdf

    with pikepdf.new() as document:
        for _ in range(pages):
            document.add_blank_page(page_size=(200, 100))
        out = io.BytesIO()
        document.save(out, deterministic_id=True)
    return out.getvalue()


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 3), "red").save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Blobs:
    return Blobs(str(tmp_path_factory.mktemp("blobs")))


@pytest.fixture(scope="module")
def stored(blobs: Blobs) -> dict[str, str]:
    """Digests by what they are of. `secret` is in the store and no row names it."""
    return {
        "pdf": blobs.put(pdf(2)),
        "page": blobs.put(b"<script>alert(1)</script>"),
        "picture": blobs.put(png()),
        "svg": blobs.put(b"<svg onload='alert(1)'/>"),
        "secret": blobs.put(b"a private file"),
        "gone": "0" * 64,
    }


@pytest.fixture(scope="module")
def rows(stored: dict[str, str]) -> list[Chunk]:
    where = {"url": "file:reports/Plants%20of%20the%20valley é.pdf", "document": stored["pdf"]}
    return [
        passage(ROW, kind="table", page=2, box=BOX, html=HOSTILE, language="en", **where),
        passage("A dam.", kind="figure", page=1, image=stored["picture"], language="de", **where),
        passage("A drawing.", kind="figure", image=stored["svg"], **where),
        passage("Hello.", kind="document", url="file:a/page.html", document=stored["page"]),
        passage("Lost.", kind="document", url="file:a/lost.pdf", document=stored["gone"]),
    ]


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory, blobs: Blobs, rows: list[Chunk]
) -> Iterator[httpx.Client]:
    releases = releases_in(tmp_path_factory.mktemp("files"))
    publish(releases, rows)
    live = LiveRelease(releases, TopicEmbedder(), lambda name: Echo())
    with serving(live, blobs=blobs) as client:
        until(lambda: ready(client, 1))
        yield client


def publish(releases: Releases, rows: list[Chunk]) -> None:
    embedder = TopicEmbedder()
    vectors = embedder.encode([row.embedded_text for row in rows])
    part = EmbeddedChunks(rows, vectors, embedder.fingerprint)
    built = releases.build({"site": lambda: part}, {"site": "1" * 16}, SPEC, "run")
    releases.publish(judge(releases, built).name, FAKE, "test")


def test_an_original_comes_as_a_download_in_a_sandbox(client: httpx.Client, stored: dict[str, str]):
    response = client.get(f"/api/documents/{stored['pdf']}")
    assert response.status_code == 200
    assert response.content == pdf(2)
    told = response.headers
    assert told["content-type"] == "application/pdf"
    assert told["content-length"] == str(len(pdf(2)))
    assert told["content-disposition"] == (
        'attachment; filename="Plants_of_the_valley_.pdf"; '
        "filename*=UTF-8''Plants%20of%20the%20valley%20%C3%A9.pdf"
    )
    assert told["x-content-type-options"] == "nosniff"
    assert told["content-security-policy"] == "default-src 'none'; sandbox"


def test_a_hostile_original_is_no_page_of_ours(client: httpx.Client, stored: dict[str, str]):
    response = client.get(f"/api/documents/{stored['page']}")
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"].startswith("attachment;")
    assert "sandbox" in response.headers["content-security-policy"]


def test_a_page_comes_as_a_picture_with_the_box_marked(
    client: httpx.Client, stored: dict[str, str]
):
    address = f"/api/documents/{stored['pdf']}/pages/2.png"
    plain, marked = client.get(address), client.get(address, params={"box": "20,30,120,60"})
    assert plain.headers["content-type"] == marked.headers["content-type"] == "image/png"
    with (
        Image.open(io.BytesIO(plain.content)) as one,
        Image.open(io.BytesIO(marked.content)) as other,
    ):
        assert one.size == other.size == (300, 150)
        inside, outside = (105, 67), (280, 140)
        assert one.getpixel(inside) == one.getpixel(outside) == other.getpixel(outside)
        assert other.getpixel(inside) != one.getpixel(inside)
    assert client.get(address, params={"box": "20,30,120,60"}).content == marked.content


def test_a_figure_comes_as_its_picture(client: httpx.Client, stored: dict[str, str]):
    response = client.get(f"/api/images/{stored['picture']}")
    assert (response.headers["content-type"], response.content) == ("image/png", png())
    assert "sandbox" in response.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "documents/{secret}",
        "documents/{secret}/pages/1.png",
        "documents/{picture}",
        "documents/{gone}",
        "documents/{gone}/pages/1.png",
        "documents/{pdf}/pages/3.png",
        "documents/{page}/pages/1.png",
        "documents/..%2f..%2fsources.yaml",
        "documents/nonsense",
        "images/{secret}",
        "images/{pdf}",
        "images/{svg}",
    ],
)
def test_what_the_release_does_not_name_or_cannot_be_shown_is_not_there(
    client: httpx.Client, stored: dict[str, str], path: str
):
    response = client.get(f"/api/{path.format(**stored)}")
    assert response.status_code == 404
    assert response.json()["error"]["type"] == "not_found"
    assert "private" not in response.text


@pytest.mark.parametrize(
    "what", ["0.png", "-1.png", "x.png", "1.png?box=1,2,3", "1.png?box=nan,1,2,3", "1.png?box=1"]
)
def test_a_page_or_box_that_is_none_is_refused(
    client: httpx.Client, stored: dict[str, str], what: str
):
    response = client.get(f"/api/documents/{stored['pdf']}/pages/{what}")
    assert (response.status_code, response.json()["error"]["type"]) == (422, "invalid_request")


def test_a_cited_table_is_clean_and_leads_to_its_page(client: httpx.Client, stored: dict[str, str]):
    told = client.post("/api/question", json={"question": ASKED}).json()
    (citation,) = told["citations"]
    assert citation["html"] == '<table><tbody><tr><td colspan="2">17</td></tr></tbody></table>'
    assert (citation["kind"], citation["page"], citation["box"]) == ("table", 2, BOX)
    assert citation["document"] == stored["pdf"]
    assert citation["quote"] == ROW


def test_filters_by_language_and_entity_reach_the_search(client: httpx.Client):
    def kinds(**filters: str) -> set[str]:
        body = {"question": ASKED, "filters": filters}
        return {c["kind"] for c in client.post("/api/question", json=body).json()["citations"]}

    assert kinds(language="en") == {"table"}
    assert kinds(language="de") == kinds(entity="Nobody") == set()


def test_the_interface_is_told_as_it_is(client: httpx.Client):
    paths = client.get("/openapi.json").json()["paths"]
    page = paths["/api/documents/{sha256}/pages/{page}.png"]["get"]
    assert set(page["responses"]["200"]["content"]) == {"image/png"}
    assert {one["name"] for one in page["parameters"]} == {"sha256", "page", "box"}
    assert {"/api/documents/{sha256}", "/api/images/{sha256}"} < set(paths)


def test_the_web_page_may_show_our_pictures_and_nobody_elses(client: httpx.Client):
    assert "img-src 'self';" in client.get("/").headers["content-security-policy"]
    assert "innerHTML" not in client.get("/ask.js").text
