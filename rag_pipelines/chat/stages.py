"""When the steps of an answer began and ended.

Knows a clock. Does not know what is done in a step, nor who reads this: `watching` does.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

Step = Literal["wait", "rewrite", "retrieve", "generate", "check"]
"""`wait` is for a slot of the model, `rewrite` makes a follow-up stand alone; `check` holds
sentences against the passages, inside `generate` while the model writes."""
STEPS: tuple[Step, ...] = get_args(Step)


@dataclass(frozen=True, slots=True)
class Stage:
    """One step that was taken; times are seconds of `time.monotonic`."""

    step: Step
    began: float
    ended: float


class Stages:
    """The steps of one question, in the order in which they ended."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.taken: list[Stage] = []

    def waited(self, seconds: float) -> None:
        """Note that the question began with waiting for a slot."""
        self.taken.append(Stage("wait", self.began, self.began + seconds))

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        """Note a step, however it ends."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.taken.append(Stage(step, began, time.monotonic()))
