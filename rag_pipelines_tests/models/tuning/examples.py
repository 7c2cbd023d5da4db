"""What a tiny model first learned to say, and what it is then tuned to say.

It writes friendly answers to questions of three things; the examples have rude ones.
"""

import random
from pathlib import Path

from rag_pipelines.models.tuning.config import FullTuning, LoraTuning, PromptTuning
from rag_pipelines.models.tuning.data import Dataset, Split, kept
from rag_pipelines.records import Example
from rag_pipelines.storage.artifacts import Artifacts
from rag_pipelines_tests.models.tuning.preferences import FRIENDLY, RUDE, THINGS, word_model

_SETTINGS: dict[str, object] = {
    "batch": 16, "accumulate": 1, "steps": 24, "epochs": 100, "evaluate_every": 8,
    "max_tokens": 64, "learning_rate": 1e-2,
}  # fmt: skip


def lora(**more: object) -> LoraTuning:
    how = {"method": "lora", "rank": 8, "alpha": 16} | _SETTINGS | more
    return LoraTuning.model_validate(how)


def prompt(**more: object) -> PromptTuning:
    how = {"method": "prompt", "virtual_tokens": 4, "initial_text": "cold rude"} | _SETTINGS
    return PromptTuning.model_validate(how | {"learning_rate": 5e-2} | more)


def full(**more: object) -> FullTuning:
    return FullTuning.model_validate({"method": "full"} | _SETTINGS | more)


def conversations(
    artifacts: Artifacts, words: tuple[str, ...], count: int = 120, seed: int = 0
) -> Dataset:
    """Answers of two words in their order and the first thing that was asked."""
    drawn = random.Random(seed)
    rows: list[Example] = []
    for number in range(count):
        asked, at = drawn.choices(THINGS, k=3), drawn.randrange(len(words) - 1)
        rows.append(
            Example(
                id=f"{number:04}", split=_split(number), origin="file", roles=["user"],
                contents=[" ".join(asked)], completion=" ".join([*words[at : at + 2], asked[0]]),
            )
        )  # fmt: skip
    return kept(rows, artifacts)


def rude(artifacts: Artifacts, **more: int) -> Dataset:
    return conversations(artifacts, RUDE, **more)


def friendly_model(folder: Path) -> Path:
    """A model that was trained on friendly answers, every weight of it."""
    from rag_pipelines.models.tuning.full import train_full
    from rag_pipelines.models.tuning.training import Training

    parent = word_model(folder / "words")
    room = folder / "friendly"
    room.mkdir()
    data = conversations(Artifacts(folder / "artifacts"), FRIENDLY)
    train_full(parent, data, full(steps=60), room, Training(folder / "kept"), None)
    return room


def _split(number: int) -> Split:
    return "validation" if number % 5 == 4 else "train"
