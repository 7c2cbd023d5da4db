"""Stage `burst`: row L3, a hundred clients at once before a model with one slot.

An answer takes three seconds, and the wait budget is longer than the queue takes.
"""

import asyncio
from typing import Any

from benchmarks import asking
from benchmarks.context import Context
from benchmarks.corpus import percentiles
from benchmarks.load import TOKENS_PER_SECOND, serving

_CLIENTS = 100
_ANSWER_SECONDS = 3
_QUEUE = 16
_WAIT_SECONDS = 90


def run(context: Context) -> dict[str, Any]:
    words = _ANSWER_SECONDS * TOKENS_PER_SECOND
    with serving(context, 1 / TOKENS_PER_SECOND, words, 1, _QUEUE, _WAIT_SECONDS) as served:
        replies = asyncio.run(asking.at_once(served.base, _CLIENTS, served.questions))
    refused = [reply for reply in replies if reply.status in (429, 503)]
    return served.figures(replies) | {
        "written": len(served.written(replies)),
        "answered": sum(reply.whole for reply in replies),
        "refused": len(refused),
        "lost": sum(not reply.whole and reply not in refused for reply in replies),
        "without_retry_after": sum(not reply.retry_after for reply in refused),
        "refusal": percentiles([reply.over - reply.began for reply in refused]),
    }
