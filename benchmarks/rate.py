"""Stage `rate`: row L2, fifty questions a second for five minutes, in an open loop.

The model writes a sentence or two in no time. Latency counts from when a question was due, and so
includes what this process was late. What is outside of retrieval and model is told apart: HTTP,
queue, history, prompt, grounding.
"""

import asyncio
from typing import Any

from benchmarks import asking
from benchmarks.context import Context
from benchmarks.corpus import percentiles
from benchmarks.load import serving

_PER_SECOND = 50
_SECONDS = 300.0
_WORDS = 30
_SLOTS = 50
_QUEUE = 1_000


def run(context: Context) -> dict[str, Any]:
    seconds = context.load_seconds or _SECONDS
    with serving(context, 0, _WORDS, _SLOTS, _QUEUE) as served:
        asked = asking.at_a_rate(served.base, _PER_SECOND, seconds, served.questions)
        before = served.process.cpu_times()
        replies = asyncio.run(asked)
        after = served.process.cpu_times()
    written, searches = served.written(replies), served.searches()
    models = {r.question: served.model.times[r.question][1] for r in written}
    return served.figures(replies) | {
        "written": len(written),
        "cpu_ms_a_question": round(1000 * (sum(after[:2]) - sum(before[:2])) / len(replies), 1),
        "latency": percentiles([r.over - r.due for r in replies]),
        "late": percentiles([r.began - r.due for r in replies]),
        "search": percentiles([searches[r.question] for r in written]),
        "model": percentiles(list(models.values())),
        "outside": percentiles(
            [r.over - r.began - searches[r.question] - models[r.question] for r in written]
        ),
    }
