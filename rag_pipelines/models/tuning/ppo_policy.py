"""The model that is reinforced: weights that stay, an adapter that learns, a value head.

Knows how tokens become log-probabilities and values, and what is saved of it. Does not know
rewards. Only the worker's process imports this module.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch  # noqa: TID253
from peft import get_peft_model_state_dict, set_peft_model_state_dict  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253

from rag_pipelines.models.tuning.ppo_math import entropy, taken_log_probs


@dataclass(frozen=True, slots=True)
class Answers:
    """Prompts and the answers to them, as tokens.

    `tokens` are prompts padded on the left and answers padded on the right, shape (answers, prompt
    + answer); `read` is 1 where they are no padding. `mask` has shape (answers, answer): 1 for each
    token that was taken, the end of the text among them.
    """

    tokens: Tensor
    read: Tensor
    mask: Tensor

    def __getitem__(self, rows: Tensor) -> "Answers":
        return Answers(self.tokens[rows], self.read[rows], self.mask[rows])

    @property
    def taken(self) -> Tensor:
        """The answers' tokens, shape (answers, answer)."""
        return self.tokens[:, -self.mask.shape[1] :]


@dataclass(frozen=True, slots=True)
class Computed:
    """What the network says of each token of the answers, shape (answers, answer)."""

    log_probs: Tensor
    entropy: Tensor
    values: Tensor


class Policy:
    """A causal model with an adapter, and a value of each state read off its last hidden layer.

    The reference is the same network with the adapter off, so that no weight is held twice. There
    is no dropout: the ratio of two probabilities must compare the same network.
    """

    def __init__(self, model: Any, tokenizer: Any, temperature: float, checkpointing: bool) -> None:
        self.model, self.tokenizer, self.temperature = model, tokenizer, temperature
        self._checkpointing = checkpointing
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        if checkpointing:
            model.enable_input_require_grads()
            model.activation_checkpointing_enable()
        hidden = model.config.get_text_config().hidden_size
        self.value_head = nn.Linear(hidden, 1).to(model.device)
        # Values begin at 0, which is the mean of the scores that they will have to tell.
        nn.init.zeros_(self.value_head.weight)
        nn.init.zeros_(self.value_head.bias)
        self.model.eval()

    @property
    def trained(self) -> list[nn.Parameter]:
        """What learns, in an order that is always the same."""
        adapter = [one for one in self.model.parameters() if one.requires_grad]
        return [*adapter, *self.value_head.parameters()]

    def computed(self, answers: Answers) -> Computed:
        """With the adapter, and with gradients where they are on."""
        outputs = self._forward(answers, output_hidden_states=True)
        kept = answers.mask.shape[1]
        logits = outputs.logits[:, -kept - 1 : -1]
        hidden = outputs.hidden_states[-1][:, -kept - 1 : -1]
        return Computed(
            taken_log_probs(logits, answers.taken, self.temperature),
            entropy(logits.detach(), self.temperature),
            self.value_head(hidden.float()).squeeze(-1),
        )

    def reference(self, answers: Answers) -> Tensor:
        """Log-probabilities of the model as it was, shape (answers, answer)."""
        with torch.no_grad(), self.model.disable_adapter():
            logits = self._forward(answers).logits[:, -answers.mask.shape[1] - 1 : -1]
            return taken_log_probs(logits, answers.taken, self.temperature)

    @contextmanager
    def learning(self) -> Iterator[None]:
        """Around updates: activations are computed twice only by a network that is in training."""
        self.model.train(self._checkpointing)
        try:
            yield
        finally:
            self.model.eval()

    def state(self) -> dict[str, Tensor]:
        """Adapter and value head, by name."""
        adapter = get_peft_model_state_dict(self.model)
        head = self.value_head.state_dict()
        return {f"adapter.{name}": one for name, one in adapter.items()} | {
            f"value_head.{name}": one for name, one in head.items()
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Be what `state` told."""
        set_peft_model_state_dict(self.model, _below("adapter", state))
        self.value_head.load_state_dict(_below("value_head", state))

    def save(self, room: Path) -> None:
        """The weights with the adapter merged into them; afterwards nothing here can be used."""
        self.model.merge_and_unload().save_pretrained(room)

    def _forward(self, answers: Answers, **options: Any) -> Any:
        return self.model(
            input_ids=answers.tokens,
            attention_mask=answers.read,
            position_ids=(answers.read.cumsum(-1) - 1).clamp(min=0),
            logits_to_keep=answers.mask.shape[1] + 1,
            use_cache=False,
            **options,
        )


def _below(place: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(f"{place}."): one
        for name, one in state.items()
        if name.startswith(f"{place}.")
    }


def joined(parts: Sequence[Answers], pad: int) -> Answers:
    """Answers of several batches as one, padded to the longest prompt and the longest answer."""
    before = max(part.tokens.shape[1] - part.mask.shape[1] for part in parts)
    after = max(part.mask.shape[1] for part in parts)

    def widened(part: Answers) -> Answers:
        left = before - (part.tokens.shape[1] - part.mask.shape[1])
        right = after - part.mask.shape[1]
        padding = nn.functional.pad
        return Answers(
            padding(part.tokens, (left, right), value=pad),
            padding(part.read, (left, right)),
            padding(part.mask, (0, right)),
        )

    wide = [widened(part) for part in parts]
    return Answers(
        torch.cat([one.tokens for one in wide]),
        torch.cat([one.read for one in wide]),
        torch.cat([one.mask for one in wide]),
    )
