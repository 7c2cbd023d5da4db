"""Models small enough to be made in a test, each of a real architecture, saved as safetensors.

Most have random weights: they show that a task runs, not that it is done well. The model of
`trained_reader` learned by heart to answer two questions and to say nothing to all else, that of
`trained_summariser` two summaries.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from string import ascii_lowercase, digits, punctuation
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.decoders import WordPiece as WordPieceDecoder
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertModel,
    DistilBertConfig,
    DistilBertForQuestionAnswering,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForQuestionAnswering,
)
from transformers.tokenization_utils_base import VERY_LARGE_INTEGER

SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
PAD, CLS, SEP = 0, 2, 3
CONTEXT, WINDOW = 96, 64
"""Tokens that a model reads at once, and that the trained reader does."""

WARRANTY = "How many years the warranty of the kettle lasts?"
FERRY = "How long do parcels to islands travel?"
FACTS = (
    "Parcels to islands travel by ferry and take {number} days, says edition {edition}.",
    "The warranty of the kettle lasts {number} years in edition {edition}.",
    "Spent batteries go back to the shop, as edition {edition} asks.",
    "Unopened returns are refunded within thirty days under edition {edition}.",
    "New firmware is installed over a cable, edition {edition} explains.",
)
TOLD = (
    (
        "Warranty. 2 rows and 2 columns. Columns: Item, Years. Rows: kettle, batteries. "
        "Item: kettle, Years: seven. Item: batteries, Years: two.",
        "years that a kettle and batteries last",
    ),
    (
        "Parcels. 1 row and 2 columns. Columns: To, Days. Rows: islands. "
        "To: islands, Days: eleven.",
        "days that parcels travel to islands",
    ),
)
"""Texts and their summaries."""
NUMBERS = (*map(str, range(1, 30)), "eleven", "seven", "twelve", "two")


def tokenizer() -> PreTrainedTokenizerFast:
    """BERT's kind of tokenizer: the words of the texts above, and letters for all others.

    Its vocabulary is listed rather than trained: training breaks ties as it happens, and what is
    learned with it would be another thing each time.
    """
    told = " ".join([WARRANTY, FERRY, *FACTS, *NUMBERS, *(part for pair in TOLD for part in pair)])
    words = sorted({word for word, _ in BertPreTokenizer().pre_tokenize_str(told.lower())})
    letters = [*digits, *ascii_lowercase, *(f"##{one}" for one in digits + ascii_lowercase)]
    listed = dict.fromkeys([*SPECIAL.values(), *words, *letters, *punctuation])
    vocabulary = {word: number for number, word in enumerate(listed)}
    raw = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    raw.normalizer = BertNormalizer(lowercase=True)
    raw.pre_tokenizer = BertPreTokenizer()
    raw.decoder = WordPieceDecoder()
    raw.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        model_max_length=CONTEXT,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **SPECIAL,
    )


def embedding_model(folder: Path) -> Path:
    return _saved(folder, BertModel, _bert())


def causal_model(folder: Path) -> Path:
    config = LlamaConfig(
        num_key_value_heads=2,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=3 * CONTEXT,
        bos_token_id=CLS,
        eos_token_id=SEP,
        pad_token_id=PAD,
    )
    return _saved(folder, LlamaForCausalLM, config, longest=None)


def seq2seq_model(folder: Path) -> Path:
    config = BartConfig(
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=CONTEXT,
        pad_token_id=PAD,
        bos_token_id=CLS,
        eos_token_id=SEP,
        decoder_start_token_id=SEP,
        forced_eos_token_id=SEP,
    )
    return _saved(folder, BartForConditionalGeneration, config)


def classifier(folder: Path, labels: int = 3) -> Path:
    return _saved(folder, BertForSequenceClassification, _bert(num_labels=labels))


def reader(folder: Path) -> Path:
    """Answers at random."""
    return _saved(folder, BertForQuestionAnswering, _bert())


def roberta_reader(folder: Path) -> Path:
    """Has no token types, begins its positions after the padding's, tells no longest input."""
    config = RobertaConfig(
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=CONTEXT,
        type_vocab_size=1,
        pad_token_id=PAD,
    )
    return _saved(folder, RobertaForQuestionAnswering, config, longest=None)


def distilbert_reader(folder: Path) -> Path:
    """Takes no token types at all."""
    config = DistilBertConfig(
        dim=32, n_layers=1, n_heads=2, hidden_dim=64, max_position_embeddings=CONTEXT
    )
    return _saved(folder, DistilBertForQuestionAnswering, config)


def trained_reader(folder: Path, steps: int = 450) -> Path:
    """Answers `WARRANTY` and `FERRY` where the text tells, in a few CPU seconds of training."""
    torch.manual_seed(1)
    torch.set_num_threads(1)
    words, examples = tokenizer(), _lessons(random.Random(1))
    words.model_max_length = WINDOW
    model = BertForQuestionAnswering(_bert(vocab_size=len(words)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    model.train()
    for _ in range(steps):
        batch = [next(examples) for _ in range(16)]
        model(**_marked(words, batch)).loss.backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    model.eval().save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def trained_summariser(folder: Path, steps: int = 60) -> Path:
    """Says of each text of `TOLD` what stands beside it there."""
    seq2seq_model(folder)
    torch.manual_seed(1)
    torch.set_num_threads(1)
    words, model = tokenizer(), BartForConditionalGeneration.from_pretrained(folder)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    texts = words([text for text, _ in TOLD], padding=True, return_tensors="pt")
    said = words([said for _, said in TOLD], padding=True, return_tensors="pt")["input_ids"]
    said[said == PAD] = -100
    model.train()
    for _ in range(steps):
        model(
            texts["input_ids"], attention_mask=texts["attention_mask"], labels=said
        ).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval().save_pretrained(folder)
    return folder


def _lessons(chance: random.Random) -> Iterator[tuple[str, str, tuple[int, int] | None]]:
    """Question, text that may begin within a sentence, and where the answer stands, if it does."""
    while True:
        question, key, unit = chance.choice(
            ((WARRANTY, FACTS[1], "years"), (FERRY, FACTS[0], "days"))
        )
        told = chance.choices([fact for fact in FACTS if fact != key], k=chance.randint(1, 3))
        if chance.random() < 0.6:
            told[chance.randrange(len(told))] = key
        text, place, frame = "", None, "| {} |\n" if chance.random() < 0.2 else "{} "
        for fact in told:
            number = chance.choice(NUMBERS)
            said = fact.format(number=number, edition=chance.randint(1, 30))
            if not text and fact != key and chance.random() < 0.5:
                said = said[chance.randrange(len(said)) :]
            if fact == key:
                start = len(text) + frame.index("{") + said.index(f" {number} {unit}") + 1
                place = (start, start + len(f"{number} {unit}"))
            text += frame.format(said)
        yield question, text, place


def _marked(words: Any, batch: list[tuple[str, str, tuple[int, int] | None]]) -> dict[str, Any]:
    encoded = words(
        [question for question, _, _ in batch],
        [text for _, text, _ in batch],
        padding=True,
        truncation="only_second",
        return_tensors="pt",
    )
    starts: list[int] = []
    ends: list[int] = []
    for row, (_, _, place) in enumerate(batch):
        first, last = place or (-1, -1)
        start = encoded.char_to_token(row, first, 1) if place else 0
        end = encoded.char_to_token(row, last - 1, 1) if place else 0
        starts.append(start or 0)
        ends.append((end or 0) if start else 0)
    return {
        **encoded,
        "start_positions": torch.tensor(starts),
        "end_positions": torch.tensor(ends),
    }


def _bert(vocab_size: int = 400, **fields: Any) -> BertConfig:
    return BertConfig(
        vocab_size=vocab_size,
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=CONTEXT,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=PAD,
        initializer_range=0.1,
        **fields,
    )


def _saved(folder: Path, kind: Any, config: Any, longest: int | None = CONTEXT) -> Path:
    torch.manual_seed(0)
    words = tokenizer()
    words.model_max_length = longest or VERY_LARGE_INTEGER
    config.vocab_size = len(words)
    kind(config).eval().save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
