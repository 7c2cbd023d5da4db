"""How fast and how large a causal model is, measured in a process that does nothing else.

Figures compare within one run on one machine. The same number of tokens is written by every
variant, whether or not it would have ended.
"""

import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rag_pipelines.inference.causal import CausalModel, prefilled
from rag_pipelines.inference.chat_tokenizer import ChatTokenizer
from rag_pipelines.models.config import Measure
from rag_pipelines.models.evaluation import EvaluationSet
from rag_pipelines.models.quality import Values, averaged
from rag_pipelines.records import Progress

_MILLI = 1e3
_WITHOUT_QUESTIONS = 128
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Written:
    """One timed generation: seconds of wall and of CPU."""

    prompt_tokens: int
    first: float
    """From the question to the first token."""
    gaps: list[float]
    """Between one token and the next."""
    prompt_cpu: float
    decode_cpu: float


def measure_timing(
    load: Callable[[], CausalModel],
    tokenizer: ChatTokenizer,
    asked: EvaluationSet,
    measure: Measure,
    progress: Progress,
) -> Values:
    """Load the model, write once to warm up, then write `measure.repeats` times with a clock."""
    began = time.perf_counter()
    model = load()
    loaded = time.perf_counter() - began
    prompts = _prompts(tokenizer, asked, measure)
    _write(model, prompts[0], measure.answer_tokens)
    runs = list[Written]()
    for done in range(measure.repeats):
        runs.append(_write(model, prompts[done % len(prompts)], measure.answer_tokens))
        progress("timing", done + 1, measure.repeats)
    return {"load_seconds": (loaded, 0.0)} | _latencies(runs) | _rates(runs) | _memory()


def machine() -> str:
    """Which machine the figures are from, in words."""
    names = [line for line in _lines(Path("/proc/cpuinfo")) if line.startswith("model name")]
    model = names[0].partition(":")[2].strip() if names else platform.machine()
    return ", ".join([f"{model}, {os.cpu_count()} cores", *_accelerators()])


def _prompts(tokenizer: ChatTokenizer, asked: EvaluationSet, measure: Measure) -> list[list[int]]:
    prompts = [tokenizer.prompt(question.messages) for question in asked.questions]
    return prompts or [tokenizer.ids(asked.texts[0])[:_WITHOUT_QUESTIONS]]


def _write(model: CausalModel, prompt: Sequence[int], tokens: int) -> Written:
    wall, cpu = time.perf_counter(), time.process_time()
    logits, cache = prefilled(model, prompt)
    token = int(logits[-1].argmax())
    first, read = time.perf_counter() - wall, time.process_time()
    gaps, last = list[float](), time.perf_counter()
    for _ in range(tokens):
        logits, cache = model.step([token], cache)
        token = int(logits[-1].argmax())
        now = time.perf_counter()
        gaps.append(now - last)
        last = now
    return Written(len(prompt), first, gaps, read - cpu, time.process_time() - read)


def _latencies(runs: Sequence[Written]) -> Values:
    firsts = [run.first * _MILLI for run in runs]
    gaps = [gap * _MILLI for run in runs for gap in run.gaps]
    return (
        {f"ttft_ms_p{p}": _quantile(firsts, p) for p in (50, 95)}
        | {f"inter_token_ms_p{p}": _quantile(gaps, p) for p in (50, 95, 99)}
        | {"tokens_per_second": averaged([len(run.gaps) / sum(run.gaps) for run in runs])}
    )


def _rates(runs: Sequence[Written]) -> Values:
    """CPU seconds count all threads, so these hold on a busy machine as well."""
    return {
        "tokens_per_cpu_second": averaged([len(run.gaps) / run.decode_cpu for run in runs]),
        "prompt_tokens_per_cpu_second": averaged(
            [run.prompt_tokens / run.prompt_cpu for run in runs]
        ),
    }


def _memory() -> Values:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    values = {"peak_rss_bytes": (float(peak if sys.platform == "darwin" else peak * _KIB), 0.0)}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        values["device_memory_bytes"] = (float(torch.cuda.max_memory_allocated()), 0.0)
    return values


def _quantile(values: Sequence[float], percent: int) -> tuple[float, float]:
    """A percentile, and half the distance of the quartiles."""
    low, value, high = np.percentile(values, [25, percent, 75])
    return float(value), float(high - low) / 2


def _accelerators() -> list[str]:
    """Names of NVIDIA's, as their driver tells them without being loaded."""
    told = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    lines = [line for path in told for line in _lines(path) if line.startswith("Model:")]
    return [line.partition(":")[2].strip() for line in lines]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
