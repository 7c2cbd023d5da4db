"""Answers that a policy samples, what they scored, and what the network said of them then.

Knows sampling, padding and masks. Does not learn, and does not know where scores come from. Only
the worker's process imports this module.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import torch  # noqa: TID253
from torch import Tensor  # noqa: TID253
from transformers import GenerationConfig  # noqa: TID253

from rag_pipelines.models.tuning.ppo_math import kl_k1
from rag_pipelines.models.tuning.ppo_policy import Answers, Computed, Policy, joined
from rag_pipelines.models.tuning.prompting import Prompt
from rag_pipelines.models.tuning.scores import Scorer


@dataclass(frozen=True, slots=True)
class Rollout:
    """Answers, their scores of shape (answers,), and the policy that wrote them.

    `old` and `reference` are of the policy as it was then and of the model that it began as.
    """

    prompts: Sequence[Prompt]
    answers: Answers
    texts: list[str]
    scores: Tensor
    old: Computed
    reference: Tensor

    @property
    def kl(self) -> float:
        """Nats that an answer is away from the reference, on average."""
        each = kl_k1(self.old.log_probs, self.reference) * self.answers.mask
        return each.sum(-1).mean().item()

    @property
    def score(self) -> float:
        return self.scores.mean().item()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How answers are drawn: `batch` at once, at most `answer_tokens` each."""

    batch: int
    answer_tokens: int
    temperature: float


def rolled_out(
    policy: Policy, prompts: Sequence[Prompt], score: Scorer, how: Sampling, seed: int
) -> Rollout:
    """One answer to each prompt. The same policy, prompts and seed give the same answers."""
    answers = _sampled(policy, prompts, how, seed)
    texts = _texts(answers, policy.tokenizer)
    scores = score([prompt.messages for prompt in prompts], texts)
    rows = torch.arange(len(prompts), device=answers.tokens.device).split(how.batch)
    with torch.no_grad():
        computed = [policy.computed(answers[part]) for part in rows]
    return Rollout(
        prompts,
        answers,
        texts,
        torch.tensor(scores, dtype=torch.float32, device=answers.tokens.device),
        Computed(
            torch.cat([one.log_probs for one in computed]),
            torch.cat([one.entropy for one in computed]),
            torch.cat([one.values for one in computed]),
        ),
        torch.cat([policy.reference(answers[part]) for part in rows]),
    )


def until_end(tokens: Tensor, ends: Sequence[int]) -> Tensor:
    """1 for each token up to the first that ends a text, which counts, and 0 for what follows."""
    ended = torch.isin(tokens, torch.tensor(ends, device=tokens.device)).long()
    return (ended.cumsum(-1) - ended == 0).long()


def ends_of(model: Any, tokenizer: Any) -> list[int]:
    """The tokens that end an answer: the tokenizer's, and those that the model declares."""
    declared = model.generation_config.eos_token_id
    several = declared if isinstance(declared, list) else [declared]
    return sorted({one for one in (*several, tokenizer.eos_token_id) if one is not None})


def seed_of(*parts: object) -> int:
    """A seed that follows from what it is for, so that none has to be kept between attempts."""
    return int(sha256(repr(parts).encode()).hexdigest()[:15], 16)


def _sampled(policy: Policy, prompts: Sequence[Prompt], how: Sampling, seed: int) -> Answers:
    starts = range(0, len(prompts), how.batch)
    with _seeded(seed, policy.model.device):
        parts = [_batch(policy, prompts[at : at + how.batch], how) for at in starts]
    return joined(parts, policy.tokenizer.pad_token_id)


def _batch(policy: Policy, prompts: Sequence[Prompt], how: Sampling) -> Answers:
    pad, device = policy.tokenizer.pad_token_id, policy.model.device
    longest = max(len(prompt.tokens) for prompt in prompts)
    missing = [longest - len(prompt.tokens) for prompt in prompts]
    padded = zip(missing, prompts, strict=True)
    ids = torch.tensor([[pad] * n + list(one.tokens) for n, one in padded], device=device)
    read = torch.tensor([[0] * n + [1] * (longest - n) for n in missing], device=device)
    ends = ends_of(policy.model, policy.tokenizer)
    with torch.no_grad():
        written = policy.model.generate(
            input_ids=ids,
            attention_mask=read,
            generation_config=_generation(how, ends, pad),
        )
    mask = until_end(written[:, longest:], ends)
    return Answers(written, torch.cat([read, mask], -1), mask)


def _generation(how: Sampling, ends: list[int], pad: int) -> GenerationConfig:
    """Samples of the whole distribution; what is unset here would be taken from the model's own."""
    return GenerationConfig(
        do_sample=True,
        temperature=how.temperature,
        max_new_tokens=how.answer_tokens,
        top_k=0,
        top_p=1.0,
        repetition_penalty=1.0,
        num_beams=1,
        eos_token_id=ends,
        pad_token_id=pad,
    )


def _texts(answers: Answers, tokenizer: Any) -> list[str]:
    pairs = zip(answers.taken, answers.mask.bool(), strict=True)
    return [
        tokenizer.decode(row[kept].tolist(), skip_special_tokens=True).strip()
        for row, kept in pairs
    ]


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Around what draws from torch's own generators, which are as they were afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
