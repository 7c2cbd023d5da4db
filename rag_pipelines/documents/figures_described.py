"""What a model says of figures: asked for once, kept, and asked for again where it failed.

Knows when to stop asking. Does not know any model, nor how figures are found.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from rag_pipelines.errors import ModelError
from rag_pipelines.inference.protocols import Captioner
from rag_pipelines.records import Figure, Progress, no_progress
from rag_pipelines.storage.blobs import Blobs

MOST_SECONDS = 120.0
_MOST_FAILURES = 2
_HINT = 300


def described(
    figures: Sequence[Figure],
    blobs: Blobs,
    captioner: Captioner | None,
    previous: Sequence[Figure] = (),
    progress: Progress = no_progress,
    most_seconds: float = MOST_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> list[Figure]:
    """The figures, each with what the captioner says of it and its name, or with a problem.

    What it said of the same picture in `previous` is kept. After two failures in a row, or once
    `most_seconds` have passed, it is asked no more, so that it holds up nothing; the next run
    asks for what is missing. Without a captioner nothing is claimed.
    """
    if captioner is None:
        return [_bare(figure) for figure in figures]
    asking = _Asking(blobs, captioner, clock() + most_seconds, clock)
    asking.said = {
        figure.image: figure.description
        for figure in previous
        if figure.description and figure.captioner == captioner.name
    }
    result: list[Figure] = []
    for done, figure in enumerate(figures, start=1):
        result.append(asking.described(figure) if figure.image else figure)
        progress("captions", done, len(figures))
    return result


def _bare(figure: Figure) -> Figure:
    problem = "" if figure.image else figure.problem
    return replace(figure, description="", captioner="", problem=problem)


class _Asking:
    """One run's questions to a captioner, and what they came to."""

    def __init__(
        self, blobs: Blobs, captioner: Captioner, deadline: float, clock: Callable[[], float]
    ) -> None:
        self._blobs, self._captioner = blobs, captioner
        self._deadline, self._clock = deadline, clock
        self._failures = 0
        self._last_problem = ""
        self.said: dict[str, str] = {}
        """Descriptions by the digest of their picture."""

    def described(self, figure: Figure) -> Figure:
        """The figure with a description, or with why there is none."""
        if figure.image not in self.said:
            problem = self._gave_up() or self._ask(figure)
            if problem:
                return replace(_bare(figure), problem=problem)
        said = self.said[figure.image]
        return replace(figure, description=said, captioner=self._captioner.name, problem="")

    def _gave_up(self) -> str:
        if self._failures >= _MOST_FAILURES:
            return f"not asked, for others failed before: {self._last_problem}"
        if self._clock() > self._deadline:
            return "not asked: the time for captions was used up; run again to go on"
        return ""

    def _ask(self, figure: Figure) -> str:
        """Ask for a description; the problem, or an empty text."""
        hint = (figure.caption or figure.title)[:_HINT]
        try:
            self.said[figure.image] = self._captioner.caption(self._blobs.get(figure.image), hint)
        except (ModelError, FileNotFoundError) as error:
            self._failures += 1
            self._last_problem = str(error)
            return self._last_problem
        self._failures = 0
        return ""
