"""Summarisers by name: `seq2seq:FOLDER` or a hub's name, a model that was trained to summarise.

Knows when what such a model writes is no summary. Does not know what is summarised.
"""

from functools import cached_property
from typing import Final

from rag_pipelines.errors import ModelError
from rag_pipelines.inference.auto.generation import Seq2SeqLM
from rag_pipelines.inference.auto.models import load
from rag_pipelines.inference.names import ModelName, parse_summariser_name
from rag_pipelines.inference.protocols import Summariser
from rag_pipelines.inference.servers import NO_SERVERS, ModelServers

_MOST_TOKENS: Final = 128
_LONGEST: Final = 2_000
_MARKUP: Final = "#>*-+=`~|_ "


def summariser_for(name: str, servers: ModelServers = NO_SERVERS) -> Summariser:
    """The summariser of that name. Nothing is loaded before the first text.

    Raises `ConfigError` for a name that means nothing.
    """
    return Seq2SeqSummariser(parse_summariser_name(name), servers)


class Seq2SeqSummariser:
    """A sequence to sequence model of transformers in this process."""

    def __init__(self, name: ModelName, servers: ModelServers = NO_SERVERS) -> None:
        self.name = str(name)
        self._source, self._offline = name.model, servers.hf_offline

    @property
    def fingerprint(self) -> str:
        """The name and the first digits of the model's digest."""
        return f"{self.name} {self._model.digest[:16]}"

    def summarise(self, text: str) -> str:
        """A summary in one line, without what would read as Markdown."""
        [said] = self._model.run([self._model.prefix + text], _MOST_TOKENS)
        line = " ".join(said.text.replace("|", " ").split()).lstrip(_MARKUP)
        if not line:
            raise ModelError(f"{self.name}: the summary holds no text; is it a summariser?")
        return line[:_LONGEST]

    @cached_property
    def _model(self) -> Seq2SeqLM:
        return load(Seq2SeqLM, self._source, offline=self._offline)
