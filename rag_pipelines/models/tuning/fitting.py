"""What TRL's trainers have in common: loading, arguments, resuming.

Knows transformers' trainer and PEFT's adapters. Does not know what is learned. Only the worker's
process imports this module.
"""

import os
import resource
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any, Final

import huggingface_hub.constants
import torch  # noqa: TID253
from peft import LoraConfig  # noqa: TID253
from safetensors import SafetensorError
from transformers import (  # noqa: TID253
    AutoTokenizer,
    EarlyStoppingCallback,
    PrinterCallback,
    TrainerCallback,
)

from rag_pipelines.errors import ArtifactError
from rag_pipelines.models.base import read_config
from rag_pipelines.models.tuning.config import (
    FullTuning,
    LoraTuning,
    PpoTuning,
    PreferenceTuning,
    PromptTuning,
    RewardTuning,
    RlooTuning,
)
from rag_pipelines.models.tuning.ppo_guards import require_finite
from rag_pipelines.models.tuning.training import Training

# TRL reports each training to the hub otherwise.
huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True

Adapted = LoraTuning | RewardTuning | PreferenceTuning | PpoTuning | RlooTuning
Fitted = Adapted | PromptTuning | FullTuning
_NO_FIGURES: Final = ("step", "epoch", "total_flos")
_STATE: Final = "trainer_state.json"
_NO_MEMORY: Final = ("out of memory", "not enough memory", "can't allocate memory")


def loaded(auto: Any, folder: Path, **options: Any) -> Any:
    """The network in a folder. Raises `ArtifactError` where it has none.

    Where `options` name no `dtype` it is fp32 without a GPU, else its weights' own; a trainer moves
    it there, each of several processes to its own.
    """
    dtype = torch.float32 if not torch.cuda.is_available() else "auto"
    try:
        return auto.from_pretrained(
            folder,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            **{"dtype": dtype, **options},
        )
    except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
        raise ArtifactError(f"{folder} cannot be loaded: {str(error)[:300]}") from error


def plain_tokenizer(folder: Path) -> Any:
    """The tokenizer in a folder, which need not know conversations."""
    return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def chat_tokenizer(folder: Path) -> Any:
    """The tokenizer in a folder, which pads. Raises `ArtifactError` without a chat template."""
    tokenizer = plain_tokenizer(folder)
    if tokenizer.chat_template is None:
        raise ArtifactError(
            f"the tokenizer of {folder.name[:12]} has no chat template, so that conversations "
            "cannot be written for it; start from an instruct model"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def most_tokens(folder: Path, tuning: Fitted) -> int:
    """Tokens that a row may have: `max_tokens`, or the model's context where that is shorter."""
    context = read_config(folder).get("max_position_embeddings") or tuning.max_tokens
    return min(tuning.max_tokens, int(context))


def read_by(model: Any, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
    """Rows of tokens as a network is given them, its decoder too where that has its own."""
    decoded = {"decoder_input_ids": tokens} if model.config.is_encoder_decoder else {}
    return {"input_ids": tokens} | decoded


def adapter_of(tuning: Adapted, task: str | None, model: Any, **more: Any) -> LoraConfig:
    """The adapter that is trained. Raises `ArtifactError` where the model has no such layers.

    There is no dropout where a method compares two probabilities: both must be the same network's.
    """
    wanted = tuning.target_modules
    if not isinstance(wanted, str):
        names = [name for name, _ in model.named_modules()]
        ends = {name.rpartition(".")[2] for name in names}
        if missing := sorted(set(wanted) - ends - set(names)):
            linear = sorted({n.rpartition(".")[2] for n, m in model.named_modules() if _linear(m)})
            raise ArtifactError(
                f"the model has no layers {', '.join(missing)}; target_modules may name "
                f"{', '.join(linear)}, or be all-linear"
            )
    return LoraConfig(
        r=tuning.rank,
        lora_alpha=tuning.alpha,
        target_modules=wanted,
        bias=tuning.bias,
        lora_dropout=tuning.dropout if isinstance(tuning, LoraTuning | RewardTuning) else 0.0,
        task_type=task,
        **more,
    )


def arguments(
    tuning: Fitted, training: Training, rows: int, held_out: bool, best: str = "eval_loss"
) -> dict[str, Any]:
    """What every configuration of TRL's is given, for so many rows of training.

    Where rows are held out, the network that is `best` on them is the one that is kept.
    """
    together = tuning.batch * tuning.accumulate * int(os.environ.get("WORLD_SIZE", "1"))
    steps = ceil(tuning.epochs * rows / together)
    cuda = torch.cuda.is_available()
    return {
        "output_dir": str(training.checkpoints),
        "per_device_train_batch_size": tuning.batch,
        "per_device_eval_batch_size": tuning.batch,
        "gradient_accumulation_steps": tuning.accumulate,
        "learning_rate": tuning.learning_rate,
        "warmup_steps": tuning.warmup,
        "max_steps": min(steps, tuning.steps or steps),
        "activation_checkpointing": tuning.checkpointing,
        "seed": tuning.seed,
        "bf16": cuda and torch.cuda.is_bf16_supported(),
        "use_cpu": not cuda,
        "dataloader_pin_memory": cuda,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "save_strategy": "steps",
        "save_steps": tuning.evaluate_every,
        "save_total_limit": 2,
        "eval_strategy": "steps" if held_out else "no",
        "eval_steps": tuning.evaluate_every,
        "load_best_model_at_end": held_out,
        "metric_for_best_model": best,
        "greater_is_better": not best.endswith("loss"),
    }


def quiet(trainer: Any) -> Any:
    """The trainer without its printing: the worker's own output is what Dagster reads."""
    trainer.remove_callback(PrinterCallback)
    return trainer


def fitted(trainer: Any, tuning: Fitted, training: Training) -> None:
    """Train, or go on with the training that was killed. Raises `ArtifactError`.

    The network is then the best one that was validated, or the last one where none was.
    """
    told = _Told(training)
    trainer.add_callback(told)
    if tuning.patience and trainer.args.load_best_model_at_end:
        trainer.add_callback(EarlyStoppingCallback(tuning.patience))
    with memory_told(), forgetting(training):
        trainer.train(resume_from_checkpoint=_last(training.checkpoints))
    trainer.remove_callback(told)  # what is evaluated from here on is no part of the training


def curves(trainer: Any) -> list[dict[str, float]]:
    """The points of all attempts, one for each step that something was told of."""
    points: dict[int, dict[str, float]] = {}
    for logs in trainer.state.log_history:
        step = int(logs["step"])
        points.setdefault(step, {"step": step}).update(_numbers(logs))
    return [points[step] for step in sorted(points)]


def cost_of(trainer: Any) -> dict[str, float]:
    """What the last attempt took, as `Trained.figures` has it."""
    told = {name: one for logs in trainer.state.log_history for name, one in logs.items()}
    return {
        "steps": trainer.state.global_step,
        "tokens_per_second": _tokens(told) / told["train_runtime"],
        "peak_memory_bytes": peak_memory(),
    }


def _tokens(told: Mapping[str, float]) -> float:
    """Tokens that were read, as TRL's trainers tell it, or transformers' own."""
    return told.get("num_tokens", told.get("num_input_tokens_seen", 0.0))


def peak_memory() -> int:
    """Bytes that were held at once at most: of a GPU where there is one, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def forgetting(training: Training) -> Iterator[None]:
    """Around a training: what one that went wrong would be gone on from is deleted.

    The same settings would bring it to the same place again.
    """
    try:
        yield
    except ArtifactError:
        shutil.rmtree(training.checkpoints, ignore_errors=True)
        raise


@contextmanager
def memory_told() -> Iterator[None]:
    """Around what may need more memory than there is."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(s in str(error) for s in _NO_MEMORY):
            raise
        raise ArtifactError(
            "there is not enough memory to train; lower batch, rollout or max_tokens, or set "
            f"checkpointing: true ({str(error)[:200]})"
        ) from error


class _Told(TrainerCallback):
    def __init__(self, training: Training) -> None:
        self._training = training

    def on_log(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        figures = _numbers(rest["logs"])
        if "loss" in figures:
            require_finite("loss", figures["loss"])
            self._training.progress("steps", state.global_step, state.max_steps)
        if figures:
            self._training.curve(state.global_step, figures)


def _numbers(logs: Mapping[str, Any]) -> dict[str, float]:
    """What a curve is drawn of: no summaries of the whole training."""
    named = {
        n: one for n, one in logs.items() if n not in _NO_FIGURES and not n.startswith("train_")
    }
    return {name: float(one) for name, one in named.items() if isinstance(one, int | float)}


def _last(checkpoints: Path) -> str | None:
    """The last checkpoint that is whole: the trainer writes its state after everything else."""
    found = [path.parent for path in checkpoints.glob(f"checkpoint-*/{_STATE}")]
    last = max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
    return str(last) if last else None


def _linear(module: Any) -> bool:
    return isinstance(module, torch.nn.Linear)
