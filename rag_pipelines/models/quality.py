"""How good a causal model is: perplexity, answers, and how far it agrees with its parent.

Nothing here is timed. Every variant computes the same tokens of the same set.
"""

import json
import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.errors import UserError
from rag_pipelines.inference.causal import CausalModel, Logits, greedy
from rag_pipelines.inference.chat_tokenizer import ChatTokenizer
from rag_pipelines.models.config import Measure
from rag_pipelines.models.evaluation import Asked, EvaluationSet
from rag_pipelines.records import Progress
from rag_pipelines.retrieval.grounding import ground

REFERENCE = "reference.npy"
ANSWERS = "answers.json"
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_SHORTEST = 4
"""A window of less than this part of the others tells more of its beginning than of the model."""
_INTERVAL = 1.96
"""Standard errors on either side of a mean that hold it 95 times of 100."""

Values = dict[str, tuple[float, float]]
"""Metrics by name: value and spread."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The tokens of an answer and what they read as."""

    tokens: list[int]
    text: str


def measure_quality(
    model: CausalModel,
    tokenizer: ChatTokenizer,
    asked: EvaluationSet,
    measure: Measure,
    room: Path,
    parent: Path | None,
    progress: Progress,
) -> Values:
    """Metrics of a model, its answers in `room`.

    A model without a parent leaves there what its variants are held against, and a variant reads
    it at `parent`. Raises `UserError` where the held-out text has not one whole window.
    """
    losses, logits = _losses(model, tokenizer, asked, measure, progress)
    answers = _answers(model, tokenizer, asked, measure, progress)
    told = [{"question": q.question, "tokens": a.tokens, "answer": a.text, "expected": q.expected}
            for q, a in zip(asked.questions, answers, strict=True)]  # fmt: skip
    (room / ANSWERS).write_text(json.dumps(told, ensure_ascii=False, indent=1))
    values = perplexity(losses) | answer_quality(asked.questions, [a.text for a in answers])
    if parent is None:
        np.save(room / REFERENCE, logits)
    else:
        theirs = [q["tokens"] for q in json.loads((parent / ANSWERS).read_text())]
        values |= logits_agreement(logits, np.load(parent / REFERENCE))
        values |= greedy_agreement([a.tokens for a in answers], theirs)
    return values


def windows(
    tokens_of: Callable[[str], list[int]], texts: Sequence[str], measure: Measure
) -> list[list[int]]:
    """Windows of the texts' tokens, as many as are asked for.

    A window never spans two texts; one at the end of a text may be shorter, if not by much.
    """
    size, found = measure.window, list[list[int]]()
    for text in texts:
        ids = tokens_of(text)
        parts = [ids[start : start + size] for start in range(0, len(ids), size)]
        found += [part for part in parts if len(part) >= size // _SHORTEST]
    most = max(1, measure.text_tokens // size)
    if not found:
        raise UserError(
            f"No held-out page has {size // _SHORTEST} tokens; write a smaller measure.window in "
            "models.yaml, or ingest more"
        )
    return found[:most]


def perplexity(losses: Sequence[Sequence[float]]) -> Values:
    """Of the losses of each window, nats a token: exp of their mean.

    The interval is that of the windows' means: tokens of one text are not independent.
    """
    value = float(np.exp(mean(loss for window in losses for loss in window)))
    return {"perplexity": (value, value * _half_interval([mean(window) for window in losses]))}


def answer_quality(asked: Sequence[Asked], answers: Sequence[str]) -> Values:
    """Exact match and token F1 as SQuAD has them, and the share of sentences with support.

    https://rajpurkar.github.io/SQuAD-explorer/: case, punctuation and articles do not count.
    """
    if not asked:
        return {}
    pairs = list(zip(asked, answers, strict=True))
    exact = [max((float(_words(a) == _words(e)) for e in q.expected), default=0) for q, a in pairs]
    f1 = [max((token_f1(a, e) for e in q.expected), default=0.0) for q, a in pairs]
    grounded = [ground(a, q.hits).grounded for q, a in pairs]
    named = {"answer_exact_match": exact, "answer_f1": f1, "answer_grounded": grounded}
    return {name: averaged(values) for name, values in named.items()}


def averaged(values: Sequence[float]) -> tuple[float, float]:
    """Their mean, and half of its 95 % interval."""
    return float(mean(values)), _half_interval(values)


def token_f1(answer: str, expected: str) -> float:
    """Harmonic mean of precision and recall of the expected words, 0 to 1."""
    found, wanted = _words(answer), _words(expected)
    both = sum((Counter(found) & Counter(wanted)).values())
    return 2 * both / (len(found) + len(wanted)) if both else float(found == wanted)


def logits_agreement(logits: Logits, parent: Logits) -> Values:
    """Against the parent's logits at the same positions, (positions, vocabulary) each.

    The largest difference, how often both find the same token most likely, and the divergence
    KL(parent || model) in nats.
    """
    theirs, ours = _log_softmax(parent), _log_softmax(logits)
    divergence = (np.exp(theirs) * (theirs - ours)).sum(-1)
    same = (logits.argmax(-1) == parent.argmax(-1)).astype(float)
    return {
        "agreement_logits_max": (float(np.abs(logits - parent).max()), 0.0),
        "agreement_top1": averaged(list(same)),
        "agreement_kl_nats": averaged(list(divergence)),
    }


def greedy_agreement(answers: Sequence[Sequence[int]], parents: Sequence[Sequence[int]]) -> Values:
    """Share of an answer's tokens before the first that the parent would not have written."""
    if not answers:
        return {}
    shares = [_common(a, p) / max(len(a), len(p), 1) for a, p in zip(answers, parents, strict=True)]
    whole = [1.0 if not a and not p else share
             for share, a, p in zip(shares, answers, parents, strict=True)]  # fmt: skip
    return {"agreement_greedy": averaged(whole)}


def _losses(
    model: CausalModel,
    tokenizer: ChatTokenizer,
    asked: EvaluationSet,
    measure: Measure,
    progress: Progress,
) -> tuple[list[list[float]], Logits]:
    """The loss of each token but the first of each window, and the logits of the first window."""
    read, losses, first = windows(tokenizer.ids, asked.texts, measure), list[list[float]](), None
    for done, window in enumerate(read, 1):
        logits, _ = model.step(window, None)
        first = logits if first is None else first
        chances = _log_softmax(logits[:-1])[np.arange(len(window) - 1), window[1:]]
        losses.append([float(-chance) for chance in chances])
        progress("perplexity", done, len(read))
    assert first is not None  # noqa: S101 - there is one window at least
    return losses, first


def _answers(
    model: CausalModel,
    tokenizer: ChatTokenizer,
    asked: EvaluationSet,
    measure: Measure,
    progress: Progress,
) -> list[Answered]:
    answers = list[Answered]()
    for done, question in enumerate(asked.questions, 1):
        prompt = tokenizer.prompt(question.messages)
        tokens = list(greedy(model, prompt, measure.answer_tokens, tokenizer.ends))
        answers.append(Answered(tokens, tokenizer.text(tokens)))
        progress("answers", done, len(asked.questions))
    return answers


def _log_softmax(logits: Logits) -> NDArray[np.float64]:
    wide = logits.astype(np.float64)
    wide -= wide.max(-1, keepdims=True)
    return wide - np.log(np.exp(wide).sum(-1, keepdims=True))


def _common(ours: Sequence[int], theirs: Sequence[int]) -> int:
    pairs = enumerate(zip(ours, theirs, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(ours), len(theirs)))


def _words(text: str) -> list[str]:
    plain = text.lower().translate(str.maketrans("", "", string.punctuation))
    return _ARTICLES.sub(" ", plain).split()


def _half_interval(values: Sequence[float]) -> float:
    return _INTERVAL * stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
