"""A model that learns from a reward model's scores of its own answers: `train_ppo`.

Knows which parts make a reinforcement of a folder, a dataset and settings. Does not know formulas
(`ppo_math`), sampling (`ppo_rollout`) nor the loop (`ppo_loop`). Only the worker's process imports
this module.

TRL took its PPO out after 1.12 as unmaintained, which left three ways. To pin trl 1.12 would hold
transformers, peft and the other trainers back with it, for a trainer that keeps policy, reference,
reward and value model in memory at once and cannot resume. To offer RLOO alone, which TRL does
maintain, would spare the value head, at the price of several answers to each prompt, no value of
single tokens and a fixed weight of the divergence; it is offered beside, as the method `rloo`. So
the loop is our own: some hundred lines beside current TRL, each formula with its source and held
against numbers worked by hand, the parent in memory once (the reference is the policy with its
adapter off, the value a row on its last layer), resuming to the same figures. It is one process on
one device; what wants several GPUs takes `rloo` or `dpo`, which `accelerate` launches.
"""

from pathlib import Path

import torch  # noqa: TID253
from peft import get_peft_model  # noqa: TID253
from transformers import AutoModelForCausalLM  # noqa: TID253

from rag_pipelines.models.base import with_all_but_weights
from rag_pipelines.models.tuning.config import PpoTuning
from rag_pipelines.models.tuning.data import Dataset
from rag_pipelines.models.tuning.fitting import (
    adapter_of,
    chat_tokenizer,
    forgetting,
    loaded,
    memory_told,
    most_tokens,
    peak_memory,
)
from rag_pipelines.models.tuning.ppo_checkpoint import Progressed
from rag_pipelines.models.tuning.ppo_guards import require_near
from rag_pipelines.models.tuning.ppo_loop import Reinforcement
from rag_pipelines.models.tuning.ppo_policy import Policy
from rag_pipelines.models.tuning.prompting import prompts_of
from rag_pipelines.models.tuning.scores import RewardModel
from rag_pipelines.models.tuning.training import Trained, Training


def train_ppo(
    parent: Path,
    data: Dataset,
    tuning: PpoTuning,
    room: Path,
    training: Training,
    reward: Path,
) -> None:
    """Leave in `room` what the parent became, whole, and how it went; see `Trainer`.

    `reward` and `kl` are those of answers to prompts that were held out, each with what it was
    `_before`.
    """
    policy = policy_of(parent, tuning)
    prompts = prompts_of(data, policy.tokenizer, tuning, most_tokens(parent, tuning))
    score = RewardModel(reward, tuning.batch).score
    reinforcement = Reinforcement(policy, score, prompts, tuning, training)
    with memory_told(), forgetting(training):
        told = reinforcement.run()
        after = reinforcement.held_out(prompts.measured)
        require_near(after.get("kl", 0.0), tuning.most_kl, told.step)
    Trained(told.curves, _figures(told, after)).write(room)
    policy.save(room)
    with_all_but_weights(parent, room)


def policy_of(parent: Path, tuning: PpoTuning) -> Policy:
    """The model in a folder with a fresh adapter. Raises `ArtifactError` where it has none."""
    tokenizer = chat_tokenizer(parent)
    torch.manual_seed(tuning.seed)  # the adapter begins as random weights
    model = loaded(AutoModelForCausalLM, parent)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    adapted = get_peft_model(model, adapter_of(tuning, "CAUSAL_LM", model))
    return Policy(adapted, tokenizer, tuning.temperature, tuning.checkpointing)


def _figures(told: Progressed, after: dict[str, float]) -> dict[str, float]:
    before = {f"{name}_before": value for name, value in told.before.items()}
    return (
        before
        | after
        | {
            "steps": told.step,
            "kl_weight": told.kl_weight,
            "tokens_per_second": told.tokens / told.seconds,
            "peak_memory_bytes": peak_memory(),
        }
    )
