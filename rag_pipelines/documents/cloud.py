"""Documents parsed by LlamaParse, through the official `llama-cloud` client.

Knows the service's protocol, its waits and its price. What its items are among Unstructured's
elements is the business of `cloud_items`; the way back to the local parser is the caller's.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from rag_pipelines.documents.cloud_items import raw_elements
from rag_pipelines.errors import ModelError, ModelUnavailable
from rag_pipelines.inference.transport import unrepeated, without
from rag_pipelines.records import Progress, no_progress

if TYPE_CHECKING:
    from llama_cloud.types import ParsingGetResponse

BIG_RUN: Final = 50
"""From so many pages on, the cost of a run is told before it begins."""
_CREDITS: Final = {"fast": 1, "cost_effective": 3, "agentic": 10, "agentic_plus": 45}
_DOLLARS: Final = 1.25 / 1_000
"""Per page and per credit: https://developers.llamaindex.ai/llamaparse/general/faq/"""
_INSTALL: Final = "run: pip install 'rag_pipelines[llama-parse]'"
_KEY: Final = "set LLAMA_CLOUD_API_KEY"


@dataclass(frozen=True, slots=True)
class LlamaCloud:
    """Where the service is and how long it may take.

    Times are seconds: `request_timeout` for one request, `job_timeout` for a whole document.
    `retries` counts the further attempts after a refused connection, a 429 or a 5xx answer, with
    growing waits; `poll_seconds` lie between two questions whether a document is done. An empty
    `base_url` is the service's own.
    """

    api_key: str = field(default="", repr=False)
    base_url: str = ""
    tier: str = "cost_effective"
    request_timeout: float = 60.0
    job_timeout: float = 600.0
    poll_seconds: float = 2.0
    retries: int = 3


def cost_of(pages: int, tier: str = "cost_effective") -> str:
    """What parsing so many pages costs, in a sentence's words."""
    credits_ = pages * _CREDITS.get(tier, max(_CREDITS.values()))
    cents = ceil(credits_ * _DOLLARS * 100)
    return (
        f"{pages:,} pages at LlamaParse's tier {tier} are {credits_:,} credits "
        f"(about ${cents / 100:,.2f})"
    )


def tell_cost(pages: int, cloud: LlamaCloud, progress: Progress = no_progress) -> None:
    """Say what a big run will cost, before its first document is sent."""
    if pages >= BIG_RUN:
        progress(cost_of(pages, cloud.tier), 0, pages)


def parse_in_cloud(
    data: bytes, name: str, cloud: LlamaCloud, clock: Callable[[], float] = time.monotonic
) -> list[dict[str, Any]]:
    """The document's raw elements, in reading order, as the local parser gives them.

    A page that the service could not read fails the document.

    Raises:
        ModelUnavailable: no key, no client installed, or a service that does not answer in time.
        ModelError: the service refused the document, failed on it or answered nonsense.
    """
    with unrepeated(cloud.api_key), _errors(cloud.api_key):
        answer = _parsed(data, name, cloud, clock)
        if answer.items is None or not answer.items.pages:
            raise ModelError("llama_parse: the answer holds no pages")
        return raw_elements(answer.items.pages)


def _parsed(
    data: bytes, name: str, cloud: LlamaCloud, clock: Callable[[], float]
) -> "ParsingGetResponse":
    if not cloud.api_key:
        raise ModelUnavailable(f"llama_parse: there is no key; {_KEY}")
    from llama_cloud import LlamaCloud as Client

    deadline = clock() + cloud.job_timeout
    with Client(
        api_key=cloud.api_key,
        base_url=cloud.base_url or None,
        timeout=cloud.request_timeout,
        max_retries=cloud.retries,
    ) as client:
        job = client.parsing.create(tier=cloud.tier, version="latest", upload_file=(name, data))
        status, told = job.status, job.error_message
        while status in ("PENDING", "RUNNING"):
            if clock() > deadline:
                raise ModelUnavailable(f"llama_parse: not done after {cloud.job_timeout:g} s")
            time.sleep(cloud.poll_seconds)
            now = client.parsing.get(job.id).job
            status, told = now.status, now.error_message
        if status != "COMPLETED":
            raise ModelError(f"llama_parse: the job ended as {status} ({told or 'no reason told'})")
        return client.parsing.get(job.id, expand=["items"])


@contextmanager
def _errors(key: str) -> Iterator[None]:
    """Turn what the client raises into `ModelUnavailable` and `ModelError`."""
    try:
        import llama_cloud
    except ImportError:
        raise ModelUnavailable(f"llama_parse: llama-cloud is not installed; {_INSTALL}") from None
    try:
        yield
    except llama_cloud.APITimeoutError as error:
        raise ModelUnavailable("llama_parse: the answer did not come in time") from error
    except llama_cloud.APIConnectionError as error:
        raise ModelUnavailable(f"llama_parse: nobody answers ({error.__cause__})") from error
    except llama_cloud.APIStatusError as error:
        raise _refused(error.status_code, without(key, error.message)) from error
    except llama_cloud.LlamaCloudError as error:
        raise ModelError(f"llama_parse: the answer cannot be read ({error})") from error
    except (AttributeError, TypeError, ValueError) as error:  # JSON of another shape, or none
        raise ModelError(f"llama_parse: the answer cannot be read ({error})") from error


def _refused(status: int, message: str) -> ModelError:
    said = f"llama_parse: the service answered {status} ({message[:300]})"
    if status in (401, 403):
        return ModelUnavailable(f"{said}; {_KEY}")
    if status == 402:
        return ModelUnavailable(f"{said}; no credits are left")
    if status == 429 or status >= 500:
        return ModelUnavailable(said)
    return ModelError(said)
