"""How many tokens a text has for a model behind a server: told by the server, or estimated.

Does not know the tokenizers of embedding models: those are in `tokenizer`.
"""

from collections.abc import Sequence
from typing import Any

import httpx

from rag_pipelines.inference.transport import tls

_BYTES_PER_TOKEN = 3
_PROBE = "How many tokens?"


def approximate_tokens(text: str) -> int:
    """Tokens that a generator makes of a text: one for three bytes of UTF-8, rounded up.

    For where no tokenizer can be asked. English has four bytes to a token and more, Chinese and
    Japanese about three: this errs towards too many.
    """
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)


class ServedTokenizer:
    """The endpoint `/tokenize` that vLLM and llama.cpp's server have.

    Counting never fails: where no answer comes within `seconds`, all texts are estimated.
    """

    def __init__(self, root: str, model: str, key: str, seconds: float) -> None:
        self._url = f"{root}/tokenize"
        self._model = model
        self._options: dict[str, Any] = {
            "headers": {"Authorization": f"Bearer {key}"},
            "timeout": seconds,
            "verify": tls(),
            "trust_env": False,
        }

    def there(self) -> bool:
        """Whether the server has the endpoint."""
        try:
            with httpx.Client(**self._options) as client:
                return _count(client.post(self._url, json=self._asked(_PROBE))) > 0
        except (httpx.HTTPError, ValueError, LookupError, TypeError):
            return False

    async def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens not counted.

        One after the other over one connection: llama.cpp's server gives each connection a
        thread, of which it has few.
        """
        try:
            async with httpx.AsyncClient(**self._options) as client:
                return [
                    _count(await client.post(self._url, json=self._asked(text))) for text in texts
                ]
        except (httpx.HTTPError, ValueError, LookupError, TypeError):
            return [approximate_tokens(text) for text in texts]

    def _asked(self, text: str) -> dict[str, Any]:
        """A request for either server: vLLM reads `prompt`, llama.cpp `content`."""
        shown = text.encode("utf-8", "replace").decode()
        return {
            "model": self._model,
            "prompt": shown,
            "content": shown,
            "add_special_tokens": False,
        }


def _count(answer: httpx.Response) -> int:
    return len(answer.raise_for_status().json()["tokens"])
