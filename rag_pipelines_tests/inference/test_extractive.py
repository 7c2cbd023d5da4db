from pathlib import Path

from rag_pipelines.inference.generators import load_generator
from rag_pipelines.inference.protocols import Prompt
from rag_pipelines.records import Chunk, Hit
from rag_pipelines_tests.inference.asking import pieces

TEXTS = ("Orders ship from Bremen.\nReturns are free.", "The **kettle** lasts three years.")


def _hit(text: str, rank: int) -> Hit:
    chunk = Chunk(
        id=str(rank), source="s", url=f"/{rank}", title="", heading="", text=text, tokens=1
    )
    return Hit(chunk, 1 / rank, rank)


def _answer(texts: tuple[str, ...], max_tokens: int = 200) -> list[str]:
    hits = [_hit(text, rank) for rank, text in enumerate(texts, 1)]
    prompt = Prompt("", "", "How long?", hits, "")
    return pieces(load_generator("extractive:", Path()), prompt, max_tokens)


def test_the_passages_are_given_in_their_own_words_best_first():
    assert _answer(TEXTS) == [f"{' '.join(text.split())}\n" for text in TEXTS]
    assert _answer(()) == []


def test_the_answer_stays_within_the_tokens_allowed():
    assert "".join(_answer(TEXTS, max_tokens=9)).split() == " ".join(TEXTS).split()[:9]
