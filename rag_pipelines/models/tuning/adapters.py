"""Low-rank adapters: trained on a base in full precision or NF4, merged into the fp32 base.

Knows PEFT's files. Only the worker's process imports this module.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch  # noqa: TID253
from peft import PeftModel  # noqa: TID253
from transformers import AutoModelForCausalLM  # noqa: TID253

from rag_pipelines.errors import ArtifactError
from rag_pipelines.inference.four_bits import unpacked
from rag_pipelines.models.base import CARD, with_all_but_weights
from rag_pipelines.models.quantize import configuration
from rag_pipelines.models.tuning.config import LoraTuning
from rag_pipelines.models.tuning.data import Dataset
from rag_pipelines.models.tuning.examples import examples_of, tokens_of
from rag_pipelines.models.tuning.fitting import (
    adapter_of,
    chat_tokenizer,
    loaded,
    memory_told,
    most_tokens,
    plain_tokenizer,
    read_by,
)
from rag_pipelines.models.tuning.quantization_error import made_up_for
from rag_pipelines.models.tuning.supervised import learned, mean_loss, task_trainer, trainer_on
from rag_pipelines.models.tuning.tasks import rows_for, task_named
from rag_pipelines.models.tuning.training import TRAINING, Trained, Training

_CONFIG: Final = "adapter_config.json"
_READ: Final = 32
"""Examples that tell what the layers of a base in 4 bits are given."""
_PROBED: Final = 16
_TOLERANCE: Final = 1e-3
"""Of the largest logit: merging adds in another order, and no more than that."""


def train_adapter(
    parent: Path,
    data: Dataset,
    tuning: LoraTuning,
    room: Path,
    training: Training,
    reward: None,
) -> None:
    """Leave in `room` the adapter alone, as PEFT has it, and how it went; see `Trainer`.

    LoRA is https://arxiv.org/abs/2106.09685, and `qlora` (https://arxiv.org/abs/2305.14314) the
    same on a base that is quantized to NF4 as it is loaded; what that loses is mostly made up for,
    so that the adapter fits the base that it is merged into.
    """
    learn = _learned_to_write if tuning.task == "causal" else _learned_task
    trained, model = learn(parent, data, tuning, training)
    trained.write(room)
    model.save_pretrained(room, save_embedding_layers=False)
    _forget_place(room)


def merge(parent: Path, adapter: Path, room: Path, task: str) -> None:
    """Leave in `room` the whole model, in the parent's full precision, and how it was trained.

    `task` is what the adapter learned. Raises `ArtifactError` where the merged network says
    something else than the adapted one.
    """
    kind = None if task == "causal" else task_named(task)
    auto = kind.model if kind else AutoModelForCausalLM
    with memory_told():
        model = auto.from_pretrained(
            parent,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            **(kind.settings if kind else {}),
        )
        adapted: Any = PeftModel.from_pretrained(model, str(adapter)).eval()
        expected = _probe(adapted)
        merged = adapted.merge_and_unload()
        _require_equal(_probe(merged), expected)
    merged.save_pretrained(room)
    shutil.copyfile(adapter / TRAINING, room / TRAINING)
    with_all_but_weights(parent, room)


def _learned_to_write(
    parent: Path, data: Dataset, tuning: LoraTuning, training: Training
) -> tuple[Trained, Any]:
    """How it went, and the network with its adapter."""
    tokenizer = chat_tokenizer(parent)
    examples = examples_of(data, tokenizer, most_tokens(parent, tuning))
    with memory_told():
        read = [tokens_of(one, tokenizer) for one in examples.train[:_READ]]
        model = _base(parent, tuning, read, AutoModelForCausalLM)
        adapter = adapter_of(tuning, "CAUSAL_LM", model)
        trainer = trainer_on(examples, model, tokenizer, tuning, training, adapter)
        return learned(trainer, tuning, training), trainer.model


def _learned_task(
    parent: Path, data: Dataset, tuning: LoraTuning, training: Training
) -> tuple[Trained, Any]:
    """The same of a task that is not to go on with a conversation."""
    task, tokenizer = task_named(tuning.task), plain_tokenizer(parent)
    rows = rows_for(task, data, tokenizer, most_tokens(parent, tuning))
    with memory_told():
        read = rows.train[:_READ]["input_ids"]
        model = _base(parent, tuning, read, task.model, task.heads, **task.settings)
        adapter = adapter_of(tuning, task.peft, model, **task.adapter)
        trainer = task_trainer(task, rows, model, tokenizer, tuning, training, adapter)
        trained = learned(trainer, tuning, training, mean_loss)
    trained.figures["examples_left_out"] = rows.left_out
    return trained, trainer.model


def _base(
    parent: Path,
    tuning: LoraTuning,
    read: Sequence[Sequence[int]],
    auto: Any,
    heads: Sequence[str] = (),
    **settings: Any,
) -> Any:
    """The network that is adapted.

    Where it is in 4 bits, `heads` stay as they are, and `read` are tokens to tell what its layers
    are given.
    """
    if tuning.method == "lora":
        return loaded(auto, parent, **settings)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = loaded(
        auto,
        parent,
        quantization_config=configuration("nf4", device, heads),
        device_map={"": torch.cuda.current_device() if device == "cuda" else device},
        **settings,
    )
    return made_up_for(unpacked(model, learns=True), loaded(auto, parent, **settings), read)


def _forget_place(room: Path) -> None:
    """PEFT writes where the parent lay: a path of this machine, in its settings and its card."""
    (room / CARD).unlink(missing_ok=True)
    settings = json.loads((room / _CONFIG).read_text())
    settings["base_model_name_or_path"] = ""
    (room / _CONFIG).write_text(json.dumps(settings, indent=1, sort_keys=True))


def _probe(model: Any) -> torch.Tensor:
    """Logits of tokens that are the same each time: of the next one, of a label, of a place."""
    vocabulary = model.get_input_embeddings().num_embeddings
    tokens = torch.linspace(0, vocabulary - 1, _PROBED).long()[None]
    with torch.inference_mode():
        out = model(**read_by(model, tokens))
    logits = [out.start_logits, out.end_logits] if "start_logits" in out else [out.logits]
    return torch.cat(logits)


def _require_equal(found: torch.Tensor, expected: torch.Tensor) -> None:
    apart = (found - expected).abs().max().item()
    # Written so that a number that is none fails.
    if not apart <= _TOLERANCE * max(1.0, expected.abs().max().item()):
        raise ArtifactError(
            f"the merged model's logits are {apart:.3g} from those of the adapter on its base; "
            "train the adapter again"
        )
