"""What a reinforcement that was killed goes on from: one file, the old or the new one.

Tensors as safetensors, everything else as JSON in the file's own header; no pickles, and no state
of random generators, whose seeds follow from the step. Only the worker's process imports this
module.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch  # noqa: TID253
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor  # noqa: TID253

from rag_pipelines.storage.durable import TEMPORARY, sync

_FILE = "reinforcement.safetensors"
Tensors = dict[str, Tensor]


@dataclass(slots=True)
class Progressed:
    """How far a reinforcement is.

    `centre` and `spread` are mean and standard deviation of the first rollout's scores. `best` is
    the best reward on validation, the parent's among them, and `waited` the validations since.
    `tokens` were written and read in `seconds`. `before` is what was measured before anything was
    learned.
    """

    step: int = 0
    kl_weight: float = 0.0
    centre: float = 0.0
    spread: float = 0.0
    best: float = 0.0
    waited: int = 0
    tokens: int = 0
    seconds: float = 0.0
    before: dict[str, float] = field(default_factory=dict[str, float])
    curves: list[dict[str, float]] = field(default_factory=list[dict[str, float]])


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where it stood, the tensors that learn, and the optimiser's."""

    progressed: Progressed
    tensors: Tensors


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the folder's checkpoint in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{TEMPORARY}{_FILE}"
    whole = {name: one.detach().contiguous().cpu() for name, one in checkpoint.tensors.items()}
    save_file(whole, temporary, {"progressed": json.dumps(asdict(checkpoint.progressed))})
    sync(temporary)
    temporary.replace(folder / _FILE)
    sync(folder)


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """What `save_checkpoint` left; None where it left nothing."""
    if not (folder / _FILE).is_file():
        return None
    with safe_open(folder / _FILE, "pt") as file:
        told = json.loads(file.metadata()["progressed"])
        tensors = {name: file.get_tensor(name) for name in list(file.keys())}
        return Checkpoint(Progressed(**told), tensors)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """The state of each parameter, by its number and its name."""
    state: dict[int, dict[str, Tensor]] = optimizer.state_dict()["state"]
    return {
        f"optimizer.{number}.{name}": one
        for number, named in state.items()
        for name, one in named.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Be what `optimizer_tensors` told; other tensors are left alone."""
    state: dict[int, dict[str, Any]] = {}
    for key, one in tensors.items():
        place, _, rest = key.partition(".")
        if place == "optimizer":
            number, _, name = rest.partition(".")
            state.setdefault(int(number), {})[name] = one
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
