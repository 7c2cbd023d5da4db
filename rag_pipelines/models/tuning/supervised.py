"""Training on examples: the trainer, TRL's or transformers', and what it came to on those held out.

Knows what adapters, soft prompts and full training have in common. Only the worker's process
imports this module.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from math import exp
from typing import Any, Final

import torch  # noqa: TID253
from peft import PeftModel, get_peft_model  # noqa: TID253
from transformers import Trainer, TrainingArguments  # noqa: TID253
from trl.trainer.sft_config import SFTConfig  # noqa: TID253
from trl.trainer.sft_trainer import SFTTrainer  # noqa: TID253

from rag_pipelines.models.tuning.config import FullTuning, LoraTuning, PromptTuning
from rag_pipelines.models.tuning.examples import Examples, rows_of
from rag_pipelines.models.tuning.fitting import arguments, cost_of, curves, fitted, quiet
from rag_pipelines.models.tuning.ppo_guards import require_finite
from rag_pipelines.models.tuning.tasks import AdapterTask, TaskRows
from rag_pipelines.models.tuning.training import Trained, Training

_READ: Final = ("input_ids", "attention_mask", "position_ids")
"""Of a batch, by the network; packed rows have positions in the place of a mask."""
Supervised = LoraTuning | PromptTuning | FullTuning


def trainer_on(
    examples: Examples,
    model: Any,
    tokenizer: Any,
    tuning: Supervised,
    training: Training,
    adapter: Any = None,
) -> Any:
    """A trainer whose loss is on the answers alone; the network with its adapter is `.model`."""
    common = arguments(tuning, training, len(examples.train), held_out=True)
    packing = not isinstance(tuning, PromptTuning) and tuning.packing
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            **common,
            max_length=tuning.max_tokens,
            completion_only_loss=True,
            packing=packing,
            eval_packing=False,
        ),
        train_dataset=rows_of(examples.train),
        eval_dataset=rows_of(examples.validation),
        processing_class=tokenizer,
        peft_config=adapter,
    )
    return quiet(trainer)


def task_trainer(
    task: AdapterTask,
    rows: TaskRows,
    model: Any,
    tokenizer: Any,
    tuning: LoraTuning,
    training: Training,
    adapter: Any,
) -> Any:
    """A trainer of another task than going on with a conversation."""
    trainer = Trainer(
        model=get_peft_model(model, adapter),
        args=TrainingArguments(
            **arguments(tuning, training, len(rows.train), held_out=True),
            label_names=list(task.labels),
            include_num_input_tokens_seen="all",
        ),
        train_dataset=rows.train,
        eval_dataset=rows.validation,
        data_collator=task.collated(tokenizer),
    )
    return quiet(trainer)


def learned(
    trainer: Any,
    tuning: Supervised,
    training: Training,
    nats: Callable[[Any], float] | None = None,
) -> Trained:
    """Train; the network is then the best that was validated. Raises `ArtifactError`.

    `perplexity` is that of the answers held out, by token, and `perplexity_before` that of the
    network without what is learned. `nats` measures their logarithms where the task is another.
    """
    nats = nats or _nats
    with _without_adapter(trainer.model):
        before = nats(trainer)
    fitted(trainer, tuning, training)
    after = nats(trainer)
    require_finite("eval_loss", after)
    figures = {
        "eval_loss": after,
        "perplexity": exp(after),
        "perplexity_before": exp(before),
    }
    return Trained(curves(trainer), figures | cost_of(trainer))


def mean_loss(trainer: Any) -> float:
    """The loss of the examples held out, as the network computes it."""
    loader = trainer.get_eval_dataloader()
    told = trainer.evaluation_loop(loader, "evaluation", prediction_loss_only=True)
    return float(told.metrics["eval_loss"])


def _without_adapter(model: Any) -> AbstractContextManager[None]:
    return model.disable_adapter() if isinstance(model, PeftModel) else nullcontext()


def _nats(trainer: Any) -> float:
    """Nats a token of the answers held out, each token counting alike."""
    lost, count = 0.0, 0
    trainer.model.eval()
    for batch in trainer.get_eval_dataloader():
        read = {k: batch[k].to(trainer.args.device) for k in _READ if k in batch}
        labels = batch["labels"].to(trainer.args.device)[:, 1:]
        with torch.inference_mode(), trainer.compute_loss_context_manager():
            out = trainer.model(**read)
        # A soft prompt's logits come first; the last of all foretells what is not there.
        logits = out.logits[:, -labels.shape[1] - 1 : -1].float()
        lost += torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), labels.flatten(), ignore_index=-100, reduction="sum"
        ).item()
        count += int((labels != -100).sum())
    lost, count = trainer.accelerator.reduce(torch.tensor([lost, count])).tolist()
    return lost / count
