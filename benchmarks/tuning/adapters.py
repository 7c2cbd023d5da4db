"""One recorded run on the shipped 135M model: LoRA, QLoRA and a soft prompt on a manual.

`python -m benchmarks.tuning.adapters --home FOLDER` leaves a log, curves as JSON lines and a
picture beside this file. An example is a section of the manual, asked for by its heading and its
page's title; pages of validation are not trained on.
"""

import argparse
import json
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from math import exp
from pathlib import Path
from typing import Any

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.machine import described
from benchmarks.site import POSTGRESQL
from rag_pipelines.corpus.extract import extract
from rag_pipelines.inference.causal import open_causal
from rag_pipelines.inference.chat_tokenizer import ChatTokenizer
from rag_pipelines.models.config import Models
from rag_pipelines.models.likelihood import likelihoods
from rag_pipelines.models.making import Factory
from rag_pipelines.models.tuning.config import LoraTuning, PromptTuning, is_adapter
from rag_pipelines.models.tuning.data import Dataset, kept, split_of
from rag_pipelines.models.tuning.training import Trained
from rag_pipelines.records import Example, ModelArtifact, no_progress
from rag_pipelines.storage.artifacts import Artifacts

HERE = Path(__file__).parent
CURVES = "adapters-curves.jsonl"
SEED = 0
STEPS = 100
WORDS = 80
"""Words of a section that are kept: about 120 tokens, so that a CPU gets through them."""
PAGES = 600
COMMON: dict[str, Any] = {
    "batch": 4, "accumulate": 1, "steps": STEPS, "epochs": 100, "evaluate_every": 20,
    "max_tokens": 512, "seed": SEED,
}  # fmt: skip
MODELS = Models(
    tuned={
        "lora": LoraTuning(method="lora", learning_rate=1e-3, **COMMON),
        "qlora": LoraTuning(method="qlora", learning_rate=1e-3, **COMMON),
        "prompt": PromptTuning(
            method="prompt", learning_rate=1e-2, initial_text="The manual of PostgreSQL says:",
            **COMMON,
        ),
    }
)  # fmt: skip
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def main() -> None:
    """Train all three and tell what they came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="where models are kept")
    parser.add_argument("--manual", type=Path, default=POSTGRESQL, help="a folder of HTML pages")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with (HERE / "adapters.log").open("w") as log:
        run = _Run(options.home, lambda text: print(text, file=log, flush=True))
        run.say(f"{described()}, {options.threads} thread, {_accelerator()}, seed {SEED}")
        run.run(options.manual)


class _Run:
    def __init__(self, home: Path, write: Callable[[str], object]) -> None:
        self._write = write
        self._began = time.perf_counter()
        self._artifacts = Artifacts(home / "artifacts")
        self._factory = Factory(MODELS, self._artifacts, True, curve=self._curve)
        (HERE / CURVES).write_text("")

    def run(self, manual: Path) -> None:
        """One model after the other, on the same examples."""
        data = kept(list(_examples(manual)), self._artifacts)
        self.say(f"examples: {json.dumps(data.datasheet())}")
        self._served("the base", self._factory.make("base"), data)
        for name, tuning in MODELS.tuned.items():
            self.say(f"settings of {name}: {tuning.model_dump_json()}")
            self._train(name, data)
        (HERE / "adapters.png").write_bytes(_picture())
        self.say("done")

    def _train(self, name: str, data: Dataset) -> None:
        began = time.process_time()
        made = self._factory.train(name, data.digest)
        told = Trained.read(self._artifacts.root / made.digest)
        with (HERE / CURVES).open("a") as file:
            for point in told.curves:
                file.write(f"{json.dumps({'of': name} | _short(point))}\n")
        seconds = time.process_time() - began
        self.say(f"{name}: {json.dumps(_short(told.figures))}, {seconds:.0f} CPU s")
        served = self._factory.merge(name) if is_adapter(MODELS.tuned[name]) else made
        self._served(name, served, data)

    def _served(self, name: str, model: ModelArtifact, data: Dataset) -> None:
        """The answers' perplexity by the model in full precision, as it is served."""
        folder = self._artifacts.open(model.digest).folder
        tokenizer, examples = ChatTokenizer(folder), data.examples("validation")
        causal = open_causal(folder, torch.get_num_threads())
        found = likelihoods(causal, tokenizer, examples, no_progress)
        tokens = {one.id: len(tokenizer.ids(one.completion)) for one in examples}
        nats = -sum(found[key] * count for key, count in tokens.items()) / sum(tokens.values())
        self.say(f"{name} as it is served: perplexity {exp(nats):.3f}")

    def _curve(self, step: int, figures: Mapping[str, float]) -> None:
        self.say(f"{step}: {json.dumps(_short(figures))}")

    def say(self, text: str) -> None:
        """A line of the log, with the seconds since the beginning."""
        self._write(f"{time.perf_counter() - self._began:7.1f} s  {text}")


def _examples(manual: Path) -> Iterator[Example]:
    """A section of each of some pages, in an order that follows from the seed."""
    files = sorted(manual.glob("*.html"))
    found = 0
    for path in random.Random(SEED).sample(files, len(files)):
        if found == PAGES:
            return
        read = extract(path.read_bytes(), path.name)
        title = read.title.partition(":")[2].strip() or read.title
        sections = _HEADING.split(read.text)
        for heading, text in zip(sections[1::2], sections[2::2], strict=True):
            words = text.split()
            if len(words) < WORDS:
                continue
            asked = f"What does the manual say of {heading} in {title}?"
            yield Example(
                id=sha256(f"{path.name}\0{heading}".encode()).hexdigest()[:32],
                split=split_of(path.name, SEED), origin="corpus", roles=["system", "user"],
                contents=["You know PostgreSQL.", asked], completion=" ".join(words[:WORDS]),
                page=path.name,
            )  # fmt: skip
            found += 1
            break


def _accelerator() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"


def _short(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.5g}") for name, value in figures.items()}


def _picture() -> bytes:
    import io

    points = [json.loads(line) for line in (HERE / CURVES).read_text().splitlines()]
    picture = Figure(figsize=(9, 3.2), layout="constrained", dpi=90)
    FigureCanvasAgg(picture)
    for axes, key in zip(picture.subplots(1, 2).flat, ("loss", "eval_loss"), strict=True):
        for name in MODELS.tuned:
            drawn = [(p["step"], p[key]) for p in points if p["of"] == name and key in p]
            axes.plot(*zip(*drawn, strict=True), label=name)
        axes.set_title(key, fontsize=10)
        axes.grid(True, color="#e6e7ea", linewidth=0.6)
        axes.legend(frameon=False, fontsize=8)
    buffer = io.BytesIO()
    picture.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


if __name__ == "__main__":
    main()
