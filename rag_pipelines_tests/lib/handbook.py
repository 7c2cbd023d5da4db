"""A handbook of many pages as a published release, and what people said of answers from it."""

from hashlib import sha256
from pathlib import Path

from rag_pipelines.lib.project import Project
from rag_pipelines.records import Chunk, EmbeddedChunks, ModelRef, RatedAnswer
from rag_pipelines.settings import Settings
from rag_pipelines_tests.retrieval.corpus import judge

THINGS = (
    *("kettle", "toaster", "blender", "heater", "fan", "lamp", "drill", "saw", "pump", "mower"),
    *("printer", "scanner", "router", "monitor", "keyboard", "speaker", "camera", "clock"),
    *("scale", "oven", "freezer", "washer", "dryer", "vacuum", "iron", "shaver", "razor"),
    *("bicycle", "scooter", "helmet", "tent", "stove", "lantern", "compass", "radio", "phone"),
)
_MATERIALS = ("steel", "glass", "oak", "brass", "nylon", "copper")


def published(folder: Path, models: str = "") -> Project:
    """An installation that serves the handbook, with this models.yaml."""
    (folder / "models.yaml").write_text(models)
    (folder / "sources.yaml").write_text("sources: {}\n")
    project = Project(
        Settings(
            home=folder / "home",
            models=folder / "models.yaml",
            sources=folder / "sources.yaml",
            generator="extractive:",
        )
    )
    rows = [page(number) for number in range(len(THINGS))]
    embedder = project.embedder
    vectors = embedder.encode([row.embedded_text for row in rows])
    parts = {"handbook": lambda: EmbeddedChunks(rows, vectors, embedder.fingerprint)}
    release = project.releases.build(parts, {"handbook": "1"}, project.index_spec(), "test")
    project.releases.publish(judge(project.releases, release).name, ModelRef("extractive:"), "test")
    return project


def page(number: int) -> Chunk:
    thing, material = THINGS[number], _MATERIALS[number % len(_MATERIALS)]
    text = (
        f"The {thing} weighs {number + 2} kilograms and stands on four feet. "
        f"The warranty of the {thing} lasts {number % 7 + 2} years. "
        f"The {thing} is made of {material} in the plant of Hall {number + 1}."
    )
    return Chunk(
        id=sha256(text.encode()).hexdigest()[:32],
        source="handbook",
        url=f"http://127.0.0.1/{thing}.html",
        title=thing.title(),
        heading="",
        text=text,
        tokens=len(text.split()),
    )


def opinions(count: int) -> list[RatedAnswer]:
    """What people said: of three answers one is liked, one disliked, one corrected."""
    return [_opinion(number) for number in range(count)]


def _opinion(number: int) -> RatedAnswer:
    about = page(number // 3 % len(THINGS))
    thing, years = about.title.lower(), THINGS.index(about.title.lower()) % 7 + 2
    asked = ("How long does the warranty of the {} last?", "How many years is the {} covered?")
    question = asked[number // (3 * len(THINGS)) % 2].format(thing)
    right = f"The warranty of the {thing} lasts {years} years."
    return RatedAnswer(
        answer_id=f"answer-{number:04}",
        rating="up" if number % 3 == 0 else "down",
        question=question,
        answer=f"{right} [1]" if number % 3 == 0 else "It lasts for ever [1].",
        correction=right if number % 3 == 2 else "",
        chunk_ids=[about.id],
        titles=[about.title],
        created_at=f"2026-11-20T00:{number // 60:02}:{number % 60:02}+00:00",
    )
