"""One recorded run on the shipped 135M model: pairs, a reward model, and a policy led by it.

`python -m benchmarks.tuning.reinforcement --home FOLDER` takes half an hour of one thread; beside
this file it leaves a log, curves as JSON lines and pictures. The pairs are constructed: of two
sentences of one page of a manual the one that stands in the passage is preferred.

The run that lies here told the divergence by Schulman's k3, whose tail it showed (16 nats an answer
on the test, 4.6 on validation); the trainer takes k1 since.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.machine import described
from benchmarks.site import POSTGRESQL
from rag_pipelines.corpus.extract import extract
from rag_pipelines.inference.auto.generation import CausalLM
from rag_pipelines.inference.auto.models import load
from rag_pipelines.models.config import Models
from rag_pipelines.models.making import Factory
from rag_pipelines.models.tuning.config import PpoTuning, RewardTuning
from rag_pipelines.models.tuning.data import kept, messages_of, split_of
from rag_pipelines.models.tuning.reward_plots import reward_plots
from rag_pipelines.models.tuning.training import Trained
from rag_pipelines.records import Example, ModelArtifact, Pair
from rag_pipelines.retrieval.sentences import Kind, sentences
from rag_pipelines.retrieval.words import terms
from rag_pipelines.storage.artifacts import Artifacts

HERE = Path(__file__).parent
SEED = 0
CURVES = "reinforcement-curves.jsonl"
PAIRS, PROMPTS = 200, 100
"""Pages that pairs, and prompts to reinforce on, are made of."""
WORDS = range(7, 15)
"""Lengths of sentences: rows are short, so that a CPU gets through them."""
SHOWN = 16
MODELS = Models(
    tuned={
        "reward": RewardTuning(
            method="reward", rank=8, alpha=16, learning_rate=2e-4, batch=4, accumulate=1, steps=32,
            epochs=100, evaluate_every=16, max_tokens=160, seed=SEED,
        ),
        "ppo": PpoTuning(
            method="ppo", reward="reward", rank=8, alpha=16, learning_rate=5e-4, batch=8,
            accumulate=1, rollout=8, rounds=2, steps=20, epochs=100, answer_tokens=12,
            temperature=0.7, evaluate_every=10, max_tokens=160, prompts=64, kl_weight=0.05,
            target_kl=6.0, kl_horizon=200, seed=SEED,
        ),
    }
)  # fmt: skip


def main() -> None:
    """Train both and tell what they came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="where models are kept")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with (HERE / "reinforcement.log").open("a") as log:
        _Run(options.home, log.write).run(options.threads)


class _Run:
    def __init__(self, home: Path, write: Callable[[str], object]) -> None:
        self._write, self._flush = write, getattr(write, "__self__").flush  # noqa: B009
        self._began = time.perf_counter()
        self._stage = ""
        self._artifacts = Artifacts(home / "artifacts")
        self._factory = Factory(MODELS, self._artifacts, True, curve=self._curve)
        (HERE / CURVES).write_text("")

    def run(self, threads: int) -> None:
        self._say(f"{described()}, {threads} thread, nice, seed {SEED}")
        pages = list(_pages())
        pairs, examples = (
            kept(_pairs(pages), self._artifacts),
            kept(_examples(pages), self._artifacts),
        )
        self._say(f"pairs: {json.dumps(pairs.datasheet())}")
        self._say(f"prompts: {json.dumps(examples.datasheet())}")
        for name, tuning in MODELS.tuned.items():
            self._say(f"settings of {name}: {tuning.model_dump_json()}")
        base = self._factory.make("base")
        self._shown("before", base, examples.examples("test"))
        reward = self._train("reward", pairs.digest)
        (HERE / "reinforcement-reward.png").write_bytes(reward_plots(reward))
        self._train("ppo", examples.digest)
        after = self._factory.train("ppo", examples.digest)
        self._shown("after", after, examples.examples("test"))
        (HERE / "reinforcement.png").write_bytes(_curves_png())
        self._say("done")

    def _train(self, name: str, dataset: str) -> Trained:
        self._stage = name
        made = self._factory.train(name, dataset)
        told = Trained.read(self._artifacts.root / made.digest)
        with (HERE / CURVES).open("a") as file:
            for point in told.curves:
                file.write(f"{json.dumps({'of': name} | _short(point))}\n")
        self._say(f"{name}: {json.dumps(_short(told.figures))}")
        return told

    def _shown(self, when: str, model: ModelArtifact, asked: list[Example]) -> None:
        """Greedy answers to held-out prompts, and how much of them stands in the passage."""
        writer = load(CausalLM, self._artifacts.root / model.digest, "cpu")
        shares: list[float] = []
        for number, row in enumerate(asked[:SHOWN]):
            prompt = writer._parts.tokenizer.apply_chat_template(
                messages_of(row), tokenize=False, add_generation_prompt=True
            )
            [written] = writer.run([prompt], 12)
            shares.append(_grounded(written.text, row.contents[0]))
            if number < 5:
                self._say(f"{when}: {row.contents[-1]!r} -> {written.text!r}")
        share = sum(shares) / len(shares)
        self._say(f"{when}: {share:.3f} of the words of {len(shares)} answers are the passage's")

    def _curve(self, step: int, figures: Mapping[str, float]) -> None:
        self._say(f"{self._stage} {step}: {json.dumps(_short(figures))}")

    def _say(self, text: str) -> None:
        self._write(f"{time.perf_counter() - self._began:7.1f} s  {text}\n")
        self._flush()


def _pages() -> Iterator[tuple[str, str, list[str]]]:
    """Name, title and short sentences of pages of the manual."""
    drawn = random.Random(SEED)
    files = sorted(POSTGRESQL.glob("*.html"))
    for path in drawn.sample(files, len(files)):
        read = extract(path.read_bytes(), path.name)
        spans = [one for one in sentences(read.text) if one.kind is Kind.PROSE]
        texts = [read.text[one.start : one.end] for one in spans]
        short = [one for one in texts if len(one.split()) in WORDS and one.isascii()]
        plain = [one for one in short if one.endswith(".") and not set("`*[|<\n") & set(one)]
        if len(set(plain)) > 1:
            yield path.name, read.title.partition(":")[0].strip(), list(dict.fromkeys(plain))


def _examples(pages: list[tuple[str, str, list[str]]]) -> list[Example]:
    return [
        Example(
            id=_digest(name, passage), split=split_of(name, SEED), origin="corpus",
            roles=["system", "user"], contents=_conversation(title, passage), completion=passage,
            page=name,
        )
        for name, title, texts in pages[:PROMPTS]
        for passage in texts[:1]
    ]  # fmt: skip


def _pairs(pages: list[tuple[str, str, list[str]]]) -> list[Pair]:
    """The passage's own sentence is preferred over another one of the same page."""
    drawn = random.Random(SEED)
    return [
        Pair(
            id=_digest(name, texts[0]), split=split_of(name, SEED), origin="grounding",
            roles=["system", "user"], contents=_conversation(title, texts[0]), chosen=texts[0],
            rejected=drawn.choice(texts[1:]), page=name,
        )
        for name, title, texts in pages[:PAIRS]
    ]  # fmt: skip


def _conversation(title: str, passage: str) -> list[str]:
    return [f"The manual says: {passage}", f"What about {title}?"]


def _grounded(answer: str, passage: str) -> float:
    said, known = set(terms(answer)), set(terms(passage))
    return len(said & known) / len(said) if said else 0.0


def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()[:32]


def _short(figures: Mapping[str, float]) -> dict[str, Any]:
    return {name: float(f"{value:.5g}") for name, value in figures.items()}


def _curves_png() -> bytes:
    import io

    lines = (HERE / CURVES).read_text().splitlines()
    points = [json.loads(line) for line in lines]
    panels = {
        "reward model: loss": ("reward", ("loss", "eval_loss")),
        "reward": ("ppo", ("reward", "eval_reward")),
        "nats from the parent": ("ppo", ("kl", "eval_kl")),
        "weight of the divergence": ("ppo", ("kl_weight",)),
        "entropy": ("ppo", ("entropy",)),
        "value loss": ("ppo", ("value_loss",)),
        "policy loss": ("ppo", ("policy_loss",)),
        "tokens of an answer": ("ppo", ("answer_tokens",)),
    }
    picture = Figure(figsize=(13, 5.6), layout="constrained", dpi=90)
    FigureCanvasAgg(picture)
    for axes, (title, (of, names)) in zip(picture.subplots(2, 4).flat, panels.items(), strict=True):
        for name, colour in zip(names, ("#4f43dd", "#e0762f"), strict=False):
            drawn = [(p["step"], p[name]) for p in points if p["of"] == of and name in p]
            marker = "o" if name.startswith("eval") else ""
            axes.plot(*zip(*drawn, strict=True), color=colour, marker=marker, label=name)
        axes.set_title(title, fontsize=10)
        axes.grid(True, color="#e6e7ea", linewidth=0.6)
        if len(names) > 1:
            axes.legend(frameon=False, fontsize=8)
    buffer = io.BytesIO()
    picture.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


if __name__ == "__main__":
    main()
