"""One recorded run on the shipped 135M model: LoRA, QLoRA and a soft prompt on a manual.

`python -m benchmarks.tuning.adapters --home FOLDER` leaves a log, curves as JSON lines and a
picture beside this file. An example is a section of the manual, asked for by its heading and its
page's title; pages of validation are not trained on.

`adapters-h100` was recorded with `--pages 600 --steps 100 --batch 16 --rank 64 --threads 8` on
another machine, before models were measured as they are served and before QLoRA made up for NF4's
error; `adapters-cpu` with `--only lora qlora --threads 2`.
"""

import argparse
import io
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
from rag_pipelines.models.tuning.config import is_adapter
from rag_pipelines.models.tuning.data import Dataset, kept, split_of
from rag_pipelines.models.tuning.training import Trained
from rag_pipelines.records import Example, ModelArtifact, no_progress
from rag_pipelines.storage.artifacts import Artifacts

HERE = Path(__file__).parent
SEED = 0
WORDS = 80
"""Words of a section that are kept: about 120 tokens, so that a CPU gets through them."""
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def main() -> None:
    """Train them and tell what they came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="where models are kept")
    parser.add_argument("--manual", type=Path, default=POSTGRESQL, help="a folder of HTML pages")
    parser.add_argument("--pages", type=int, default=400, help="sections, each of another page")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--only", nargs="+", default=["lora", "qlora", "prompt"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--name", default="adapters", help="what log, curves and picture are called"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with (HERE / f"{options.name}.log").open("w") as log:
        run = _Run(options, lambda text: print(text, file=log, flush=True))
        run.say(f"{described()}, {options.threads} thread, {_accelerator()}, seed {SEED}")
        run.run(options.manual, options.pages)


def _models(options: argparse.Namespace) -> Models:
    common: dict[str, Any] = {
        "batch": options.batch, "accumulate": 1, "steps": options.steps, "epochs": 100,
        "evaluate_every": 20, "max_tokens": 512, "seed": SEED,
    }  # fmt: skip
    low_rank = {"learning_rate": 1e-3, "rank": options.rank, "alpha": 2 * options.rank}
    told = {
        "lora": {"method": "lora"} | low_rank,
        "qlora": {"method": "qlora"} | low_rank,
        "prompt": {
            "method": "prompt",
            "learning_rate": 1e-2,
            "initial_text": "The manual of PostgreSQL says:",
        },
    }
    return Models.model_validate({"tuned": {name: told[name] | common for name in options.only}})


class _Run:
    def __init__(self, options: argparse.Namespace, write: Callable[[str], object]) -> None:
        self._write = write
        self._began = time.perf_counter()
        self._models = _models(options)
        self._artifacts = Artifacts(options.home / "artifacts")
        self._factory = Factory(self._models, self._artifacts, True, curve=self._curve)
        self._curves = HERE / f"{options.name}-curves.jsonl"
        self._curves.write_text("")

    def run(self, manual: Path, pages: int) -> None:
        """One model after the other, on the same examples."""
        data = kept(list(_examples(manual, pages)), self._artifacts)
        self.say(f"examples: {json.dumps(data.datasheet())}")
        self._served("the base", self._factory.make("base"), data)
        for name, tuning in self._models.tuned.items():
            self.say(f"settings of {name}: {tuning.model_dump_json()}")
            self._train(name, data)
        self._curves.with_name(f"{self._curves.stem}.png").write_bytes(_picture(self._curves))
        self.say("done")

    def _train(self, name: str, data: Dataset) -> None:
        began = time.process_time()
        made = self._factory.train(name, data.digest)
        told = Trained.read(self._artifacts.root / made.digest)
        with self._curves.open("a") as file:
            for point in told.curves:
                file.write(f"{json.dumps({'of': name} | _short(point))}\n")
        seconds = time.process_time() - began
        self.say(f"{name}: {json.dumps(_short(told.figures))}, {seconds:.0f} CPU s")
        served = self._factory.merge(name) if is_adapter(self._models.tuned[name]) else made
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


def _examples(manual: Path, pages: int) -> Iterator[Example]:
    """A section of each of some pages, in an order that follows from the seed."""
    files = sorted(manual.glob("*.html"))
    found = 0
    for path in random.Random(SEED).sample(files, len(files)):
        if found == pages:
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


def _picture(curves: Path) -> bytes:
    points = [json.loads(line) for line in curves.read_text().splitlines()]
    picture = Figure(figsize=(9, 3.2), layout="constrained", dpi=90)
    FigureCanvasAgg(picture)
    for axes, key in zip(picture.subplots(1, 2).flat, ("loss", "eval_loss"), strict=True):
        for name in dict.fromkeys(p["of"] for p in points):
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
