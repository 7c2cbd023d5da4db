"""A language of a few words, a tiny model of it, and people who like friendly answers.

Every answer is three words. One is preferred for how many friendly ones it has: what a reward
model can learn in seconds, and a policy can then be led to.
"""

import random
from pathlib import Path

from rag_pipelines.models.tuning.data import Dataset, Split, kept
from rag_pipelines.records import Example, Pair
from rag_pipelines.storage.artifacts import Artifacts
from rag_pipelines_tests.models.tiny import TEMPLATE

FRIENDLY = ("calm", "kind", "clear", "warm")
RUDE = ("cold", "harsh", "dull", "rude")
THINGS = ("probe", "gate", "alarm", "pump")
WORDS = (*FRIENDLY, *RUDE, *THINGS)
_MARKS = ("[UNK]", "<|end|>", "<|user|>", "<|assistant|>")


def word_model(folder: Path, seed: int = 0) -> Path:
    """A LLaMA of two layers, 32 wide, with random weights, that knows `WORDS`."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    known = {word: number for number, word in enumerate((*_MARKS, *WORDS))}
    raw = Tokenizer(models.WordLevel(known, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<|end|>", unk_token="[UNK]",
        additional_special_tokens=["<|user|>", "<|assistant|>"],
    )  # fmt: skip
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(known), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=128,
        initializer_range=0.2, tie_word_embeddings=False, eos_token_id=1, bos_token_id=1,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Words\n")
    return folder


def prompts(artifacts: Artifacts, count: int = 48, seed: int = 0) -> Dataset:
    """Questions of three things; a fifth is for validation and a fifth for the test."""
    drawn = random.Random(seed)
    asked = [" ".join(drawn.choices(THINGS, k=3)) for _ in range(count)]
    rows = [
        Example(
            id=f"{number:04}", split=_split(number), origin="file", roles=["user"],
            contents=[question], completion="calm kind warm",
        )
        for number, question in enumerate(dict.fromkeys(asked))
    ]  # fmt: skip
    return kept(rows, artifacts)


def pairs(artifacts: Artifacts, count: int = 160, seed: int = 0) -> Dataset:
    """The friendlier of two answers is preferred."""
    drawn = random.Random(seed)
    rows = [
        Pair(
            id=f"{number:04}", split=_split(number), origin="file", roles=["user"],
            contents=[" ".join(drawn.choices(THINGS, k=3))],
            chosen=_answer(drawn, FRIENDLY), rejected=_answer(drawn, RUDE),
        )
        for number in range(count)
    ]  # fmt: skip
    return kept(rows, artifacts)


def _answer(drawn: random.Random, words: tuple[str, ...]) -> str:
    """Two of the words and one thing, in any order."""
    found = [*drawn.choices(words, k=2), drawn.choice(THINGS)]
    drawn.shuffle(found)
    return " ".join(found)


def _split(number: int) -> Split:
    return {3: "validation", 4: "test"}.get(number % 5, "train")
