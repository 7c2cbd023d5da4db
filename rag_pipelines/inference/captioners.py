"""Captioners by name: `ollama:NAME`, `openai:NAME@URL`, each a model that sees pictures.

Knows what is asked of such a model and when its answer is none. Does not know where pictures
come from.
"""

from base64 import b64encode
from typing import Final

from rag_pipelines.errors import ModelError
from rag_pipelines.inference.names import ModelName, parse_captioner_name
from rag_pipelines.inference.ollama_models import ollama_errors, open_client
from rag_pipelines.inference.openai_models import open_openai_client, openai_errors
from rag_pipelines.inference.protocols import Captioner
from rag_pipelines.inference.servers import NO_SERVERS, ModelServers

_MOST_TOKENS: Final = 300
_LONGEST: Final = 2_000
_SYSTEM: Final = (
    "You describe pictures of documents for a search engine. Say what the picture shows: for a "
    "chart its kind, axes, series and most telling values, for a photograph what is on it. "
    "Write two to four plain sentences. Say only what can be seen."
)


def captioner_for(name: str, servers: ModelServers = NO_SERVERS) -> Captioner:
    """The captioner of that name. Nothing is asked of a server before the first picture.

    Raises `ConfigError` for a name that means nothing.
    """
    parsed = parse_captioner_name(name)
    if parsed.provider == "ollama":
        return OllamaCaptioner(parsed, servers)
    return OpenAICaptioner(parsed, servers)


class OllamaCaptioner:
    """A vision model of an Ollama server, asked through `/api/chat`."""

    def __init__(self, name: ModelName, servers: ModelServers) -> None:
        self.name = str(name)
        self._model = name.model
        self._client = open_client(name.base_url or servers.ollama_host, servers)

    def caption(self, png: bytes, hint: str) -> str:
        """What the model says of the picture. Raises `ModelUnavailable` or `ModelError`."""
        with ollama_errors(self.name, self._model):
            answer = self._client.chat(
                self._model,
                [
                    {"role": "system", "content": _SYSTEM},
                    {"role": "user", "content": _question(hint), "images": [png]},
                ],
                options={"temperature": 0, "num_predict": _MOST_TOKENS},
            )
            return _said(self.name, answer.message.content)


class OpenAICaptioner:
    """A vision model behind OpenAI's protocol; the picture travels as a data URI."""

    def __init__(self, name: ModelName, servers: ModelServers) -> None:
        self.name = str(name)
        self._model, self._servers = name.model, servers
        self._client = open_openai_client(name, servers)

    def caption(self, png: bytes, hint: str) -> str:
        """What the model says of the picture. Raises `ModelUnavailable` or `ModelError`."""
        picture = f"data:image/png;base64,{b64encode(png).decode()}"
        with openai_errors(self.name, self._model, self._servers):
            answer = self._client.chat.completions.create(
                model=self._model,
                messages=[
                    {"role": "system", "content": _SYSTEM},
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": _question(hint)},
                            {"type": "image_url", "image_url": {"url": picture}},
                        ],
                    },
                ],
                max_tokens=_MOST_TOKENS,
                temperature=0,
            )
            return _said(self.name, answer.choices[0].message.content)


def _question(hint: str) -> str:
    return f"Describe this picture. Printed beside it: {hint}" if hint else "Describe this picture."


def _said(name: str, content: str | None) -> str:
    text = " ".join((content or "").split())
    if not text:
        raise ModelError(f"{name}: the answer holds no text; is it a model that sees?")
    return text[:_LONGEST]
