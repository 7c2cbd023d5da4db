"""Low-rank adapters: trained on a base in fp32 or NF4, and merged into the fp32 base.

Knows PEFT's files. Only the worker's process imports this module.
"""

import json
import shutil
from pathlib import Path
from typing import Any, Final

import torch  # noqa: TID253
from peft import PeftModel  # noqa: TID253
from transformers import AutoModelForCausalLM  # noqa: TID253

from rag_pipelines.errors import ArtifactError
from rag_pipelines.models.base import CARD, with_all_but_weights
from rag_pipelines.models.quantize import configuration
from rag_pipelines.models.tuning.config import LoraTuning
from rag_pipelines.models.tuning.data import Dataset
from rag_pipelines.models.tuning.examples import examples_of
from rag_pipelines.models.tuning.fitting import (
    adapter_of,
    chat_tokenizer,
    loaded,
    memory_told,
    most_tokens,
)
from rag_pipelines.models.tuning.supervised import learned, trainer_on
from rag_pipelines.models.tuning.training import TRAINING, Training

_CONFIG: Final = "adapter_config.json"
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
    same on a base that is quantized to NF4 as it is loaded.
    """
    tokenizer = chat_tokenizer(parent)
    examples = examples_of(data, tokenizer, most_tokens(parent, tuning))
    with memory_told():
        model = _base(parent, tuning)
        adapter = adapter_of(tuning, "CAUSAL_LM", model)
        trainer = trainer_on(examples, model, tokenizer, tuning, training, adapter)
        learned(trainer, tuning, training).write(room)
    trainer.model.save_pretrained(room, save_embedding_layers=False)
    _forget_place(room)


def merge(parent: Path, adapter: Path, room: Path) -> None:
    """Leave in `room` the whole model, in the parent's full precision, and how it was trained.

    Raises `ArtifactError` where the merged network says something else than the adapted one.
    """
    with memory_told():
        model = AutoModelForCausalLM.from_pretrained(
            parent,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
        adapted: Any = PeftModel.from_pretrained(model, str(adapter)).eval()
        expected = _probe(adapted)
        merged = adapted.merge_and_unload()
        _require_equal(_probe(merged), expected)
    merged.save_pretrained(room)
    shutil.copyfile(adapter / TRAINING, room / TRAINING)
    with_all_but_weights(parent, room)


def _base(parent: Path, tuning: LoraTuning) -> Any:
    if tuning.method == "lora":
        return loaded(AutoModelForCausalLM, parent)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return loaded(
        AutoModelForCausalLM,
        parent,
        quantization_config=configuration("nf4", device),
        device_map={"": torch.cuda.current_device() if device == "cuda" else device},
    )


def _forget_place(room: Path) -> None:
    """PEFT writes where the parent lay: a path of this machine, in its settings and its card."""
    (room / CARD).unlink(missing_ok=True)
    settings = json.loads((room / _CONFIG).read_text())
    settings["base_model_name_or_path"] = ""
    (room / _CONFIG).write_text(json.dumps(settings, indent=1, sort_keys=True))


def _probe(model: Any) -> torch.Tensor:
    """Logits (tokens, vocabulary) of tokens that are the same each time."""
    vocabulary = model.get_input_embeddings().num_embeddings
    tokens = torch.linspace(0, vocabulary - 1, _PROBED).long()[None]
    with torch.inference_mode():
        return model(input_ids=tokens).logits[0]


def _require_equal(found: torch.Tensor, expected: torch.Tensor) -> None:
    apart = (found - expected).abs().max().item()
    # Written so that a number that is none fails.
    if not apart <= _TOLERANCE * max(1.0, expected.abs().max().item()):
        raise ArtifactError(
            f"the merged model's logits are {apart:.3g} from those of the adapter on its base; "
            "train the adapter again"
        )
