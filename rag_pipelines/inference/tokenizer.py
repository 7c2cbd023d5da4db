"""A model's own tokens: how many a text has, and where each stands.

Reads `tokenizer.json` files. Does not know which model they belong to, or what chunking does
with the counts.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from rag_pipelines.errors import ModelUnavailable

if TYPE_CHECKING:
    from tokenizers import Tokenizer as RawTokenizer

MINILM_TOKENIZER = Path(__file__).with_name("minilm") / "tokenizer.json"


class JsonTokenizer:
    """The tokenizer that a `tokenizer.json` holds, without truncation or padding.

    `fingerprint` is the first 16 hex digits of the content's SHA-256.
    """

    def __init__(self, data: bytes, where: str) -> None:
        from tokenizers import Tokenizer

        try:
            raw = Tokenizer.from_buffer(data)
        except ValueError as error:
            raise ModelUnavailable(f"tokenizer {where}: {error}; install it again") from error
        # Files often carry the truncation of some training run: counts would stop there.
        raw.no_truncation()
        raw.no_padding()
        self._raw: RawTokenizer = raw
        self.fingerprint = sha256(data).hexdigest()[:16]

    @classmethod
    def read(cls, path: Path) -> "JsonTokenizer":
        """The tokenizer in that file; `ModelUnavailable` where it is missing or broken."""
        try:
            return cls(path.read_bytes(), str(path))
        except OSError as error:
            raise ModelUnavailable(f"tokenizer {path}: {error}; install it again") from error

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens not counted."""
        return [len(ids) for ids in self.ids(texts)]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Character span of each token, in order, special tokens left out."""
        return [(start, end) for start, end in self._encode(text).offsets]

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of each text, special tokens left out."""
        return [self._encode(text).ids for text in texts]

    def around(self) -> tuple[list[int], list[int]]:
        """Special tokens that the model expects before and after a text."""
        inner = self._raw.encode("a", add_special_tokens=False).ids
        whole = self._raw.encode("a", add_special_tokens=True).ids
        at = next(i for i in range(len(whole)) if whole[i : i + len(inner)] == inner)
        return whole[:at], whole[at + len(inner) :]

    def _encode(self, text: str) -> "_Encoding":
        # One at a time: encode_batch starts a thread pool that a later fork complains about.
        return cast("_Encoding", self._raw.encode(text, add_special_tokens=False))


class ApproximateTokenizer:
    """Counts tokens where a server does not tell its tokenizer: one for every three UTF-8 bytes.

    Errs on the high side (English runs near four bytes a token), so that what fits here fits the
    model.
    """

    fingerprint = "three-bytes-1"

    def count(self, texts: Sequence[str]) -> list[int]:
        """Upper estimate of each text's tokens."""
        return [len(self.offsets(text)) for text in texts]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Spans of at most three bytes, cut at spaces and between characters."""
        spans: list[tuple[int, int]] = []
        start, size = 0, 0
        for position, character in enumerate(text):
            width = len(character.encode("utf-8", "surrogatepass"))
            if size and (size + width > 3 or character.isspace()):
                spans.append((start, position))
                start, size = position, 0
            size += width
        return [*spans, (start, len(text))] if text else spans


class _Encoding(Protocol):
    ids: list[int]
    offsets: list[tuple[int, int]]


def tokenizer_for(model: str) -> "JsonTokenizer | ApproximateTokenizer":
    """The tokenizer of a model that a server runs: its own where it is known, else estimated."""
    if "all-minilm" in model.lower():
        return JsonTokenizer.read(MINILM_TOKENIZER)
    return ApproximateTokenizer()
