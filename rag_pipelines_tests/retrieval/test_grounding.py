import re

import pytest

from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.records import GroundedAnswer, Hit
from rag_pipelines.retrieval.grounding import (
    ABSTENTION,
    extractive_answer,
    ground,
    relevant,
    without_marks,
)
from rag_pipelines.retrieval.retriever import Retriever
from rag_pipelines_tests.retrieval.conftest import ADDRESS
from rag_pipelines_tests.retrieval.corpus import Counting
from rag_pipelines_tests.retrieval.passage import hit

WARRANTY = "Reedmark gives three years of warranty on the probe. It does not cover lightning."
HITS = [hit(WARRANTY), hit("The gateway weighs 420 grams.", 2, url="http://127.0.0.1/b.html")]


def verbatim(answer: GroundedAnswer, hits: list[Hit]) -> bool:
    texts = {one.chunk.id: " ".join(one.chunk.text.split()) for one in hits}
    return all(" ".join(c.quote.split()) in texts[c.chunk_id] for c in answer.citations)


def marks(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\[(\d+)\]", text)]


def test_supported_sentences_stay_and_are_cited():
    answer = ground("The probe has three years of warranty. The gateway weighs 420 grams.", HITS)
    assert answer.text == (
        "The probe has three years of warranty [1]. The gateway weighs 420 grams [2]."
    )
    assert [c.url for c in answer.citations] == [
        "http://127.0.0.1/a.html",
        "http://127.0.0.1/b.html",
    ]
    assert answer.grounded == 1.0
    assert verbatim(answer, HITS)


def test_unsupported_sentences_are_dropped():
    answer = ground(
        "The probe has three years of warranty. It was built on the moon by elves.", HITS
    )
    assert answer.text == "The probe has three years of warranty [1]."
    assert answer.grounded == 0.5


@pytest.mark.parametrize(
    "claim",
    [
        "The probe has nine years of warranty.",
        "The probe has three months of warranty.",
        "The warranty covers lightning.",
        "Acme gives three years of warranty on the probe, says Bob Smith.",
        "The gateway weighs 421 grams.",
    ],
)
def test_a_near_miss_is_dropped(claim: str, embedder: Embedder):
    answer = ground(claim, HITS, embedder)
    assert (answer.text, answer.citations, answer.grounded) == ("", [], 0.0)


@pytest.mark.parametrize(
    ("question", "claim", "supported"),
    [
        ("How long is the warranty on the probe?", "The probe's warranty lasts 26 months.", False),
        ("How long is the warranty on the probe?", "The probe has three years of warranty.", True),
        ("How long does the battery last?", "The cell lasts about 26 months.", True),
        ("How long does the battery last?", "The cell lasts about three years.", False),
    ],
)
def test_a_number_belongs_to_what_it_was_said_of(
    site: Retriever, embedder: Embedder, question: str, claim: str, supported: bool
):
    assert bool(ground(claim, site.search(question), embedder).citations) is supported


def test_a_paraphrase_is_kept_where_the_embedder_agrees(embedder: Embedder):
    hits = [hit("Calibrate the acidity sensor every six months and after each winter.")]
    claim = "You ought to calibrate the acidity sensor every six months, ideally."
    assert ground(claim, hits, embedder).citations


def test_marks_of_the_generator_are_not_believed():
    answer = ground("The gateway weighs 420 grams [7][1, 3]. 【2†source】", HITS)
    assert answer.text == "The gateway weighs 420 grams [1]."


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("A fact [1].", "A fact."),
        ("A fact. [1][2]", "A fact."),
        ("A fact [1, 2] stays [^3].", "A fact stays."),
        ("<think>Hmm [1].</think>A fact.", "A fact."),
        ("a[0] and [1](http://x)", "a and [1](http://x)"),
        ("So [1]:\n```\na[0]\n```\n[2] b ``` [3]", "So:\n```\na[0]\n``` b ```"),
    ],
)
def test_marks_and_thoughts_are_removed(written: str, left: str):
    assert without_marks(written) == left


def test_one_passage_quoted_twice_has_one_number():
    answer = ground("The gateway weighs 420 grams. Its weight: the gateway weighs 420 grams.", HITS)
    assert marks(answer.text)[0] == 1
    assert len(answer.citations) == len({(c.chunk_id, c.quote) for c in answer.citations})


def test_a_sentence_said_again_is_said_once():
    answer = ground("The gateway weighs 420 grams. Elves. " * 3, HITS)
    assert answer.text == "The gateway weighs 420 grams [1]."
    assert answer.grounded == 0.5


def test_a_list_stays_a_list():
    text = "- The probe has three years of warranty.\n- Elves.\n- The gateway weighs 420 grams."
    assert ground(text, HITS).text == (
        "- The probe has three years of warranty [1].\n- The gateway weighs 420 grams [2]."
    )


CODE = "Set it so:\n\n```sql\nSET  work_mem = '64MB';\n  SELECT a[0];\n```\n\nThen go on."


def test_code_is_kept_as_a_block_with_its_mark_below():
    written = "Set it so:\n\n```\nSET work_mem = '64MB';\n  SELECT a[0];\n```\nThen go on [4]."
    answer = ground(written, [hit(CODE)])
    assert answer.text == (
        "Set it so: [1]\n\n"
        "```sql\nSET work_mem = '64MB';\n  SELECT a[0];\n```\n[2]\n\n"
        "Then go on [3]."
    )
    assert answer.citations[1].quote == "SET  work_mem = '64MB';\n  SELECT a[0];"
    assert answer.grounded == 1.0


@pytest.mark.parametrize("code", ["SET work_mem = '65MB';", "SELECT a[1];", "ET work_mem", "{}"])
def test_code_that_no_passage_has_word_for_word_is_dropped(code: str):
    assert ground(f"```sql\n{code}\n```", [hit(CODE)]).text == ""


def test_an_extractive_answer_shows_code_as_such():
    answer = extractive_answer("How is work_mem set with SELECT a?", [hit(CODE)])
    assert answer.text.startswith("```sql\nSET  work_mem = '64MB';\n  SELECT a[0];\n```\n[1]")


def test_where_nothing_remains_the_answer_is_extractive():
    answer = ground("Elves built it.", HITS, question="How many years of warranty has the probe?")
    assert "three years of warranty on the probe [1]" in answer.text


@pytest.mark.parametrize("text", ["", "   ", "Sure!", "[1]", "# Answer"])
def test_text_that_claims_nothing_gives_nothing(text: str):
    assert ground(text, HITS) == GroundedAnswer(text="")


def test_quotes_stand_verbatim_in_markdown(embedder: Embedder):
    calls = "- **Calls**: a token may make\n  60 calls a minute."
    hits = [hit(f"## Limits\n\n{calls}\n\n| E12 | Seal moisture |\n")]
    for claim in ("A token may make 60 calls a minute.", "E12 is seal moisture."):
        answer = ground(claim, hits, embedder)
        assert answer.citations
        assert verbatim(answer, hits)


def test_markup_of_passages_does_not_reach_extractive_text():
    hits = [hit("See the **warranty** of [three years](http://evil.example/?q=1) here.")]
    answer = extractive_answer("How long is the warranty?", hits)
    assert answer.text == "See the warranty of three years here [1]."
    assert verbatim(answer, hits)


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("## What is not covered\n\nThe warranty has limits.", "What is not covered: "),
        ("## Limits\n\nReedmark does not pay for:", "Reedmark does not pay for: "),
        ("The warranty has limits.", "Exceptions: "),
    ],
)
def test_an_item_of_a_list_is_told_with_what_it_stands_under(before: str, said: str):
    listed = f"{before}\n\n- Damage by frost.\n- Probes opened beyond the *battery* lid.\n"
    hits = [hit(listed, heading="Warranty > Exceptions")]
    answer = extractive_answer("Is a probe opened beyond the battery lid covered?", hits)
    assert answer.text.startswith(f"{said}Probes opened beyond the battery lid [1].")
    assert verbatim(answer, hits)


def test_the_right_sentence_answers(site: Retriever, embedder: Embedder):
    for question, words in (
        ("How long is the warranty on the probe?", "three years of warranty on the probe"),
        ("How often should the acidity sensor be calibrated?", "every six months"),
        ("How many calls a minute may a token make?", "60 calls a minute"),
        ("What does error code E12 mean?", "Seal moisture detected"),
    ):
        hits = site.search(question)
        answer = extractive_answer(question, hits, embedder)
        assert "".join(answer.pieces) == answer.text
        assert len(answer.pieces) == len(answer.citations)
        assert words in answer.text
        assert marks(answer.text) == [c.n for c in answer.citations]
        assert 1 <= len(answer.citations) <= 3
        assert verbatim(answer, hits)


def test_a_sentence_far_down_is_found_and_few_are_read_for_their_meaning():
    counting = Counting()
    filler = " ".join(f"Paragraph {n} tells of the weather on the lake." for n in range(60))
    hits = [hit(f"{filler} The gateway weighs 420 grams.")]
    answer = extractive_answer("What does the gateway weigh?", hits, counting)
    assert answer.text == "The gateway weighs 420 grams [1]."
    assert [len(texts) for texts in counting.asked] == [13]


def test_a_citation_tells_where_it_stands(site: Retriever, embedder: Embedder):
    question = "How long is the warranty on the probe?"
    (first, *_) = extractive_answer(question, site.search(question), embedder).citations
    assert (first.n, first.kind, first.url) == (1, "page", f"{ADDRESS}/warranty.html")


@pytest.mark.parametrize(
    "question",
    [
        "Who won the 1998 election?",
        "How do I bake sourdough bread?",
        "What is the capital of Peru?",
    ],
)
def test_what_the_corpus_does_not_hold_is_not_answered(
    site: Retriever, embedder: Embedder, question: str
):
    hits = site.search(question)
    assert not relevant(question, hits)
    answer = extractive_answer(question, hits, embedder)
    assert answer == GroundedAnswer(text=ABSTENTION, abstained=True)


def test_nothing_found_is_nothing_relevant():
    assert not relevant("anything", [])
    assert extractive_answer("anything", []).abstained


def test_relevance_wants_meaning_or_the_rare_words():
    assert relevant("herons?", [hit("x", similarity=0.7, coverage=0.0)])
    assert relevant("herons?", [hit("x", similarity=0.2, coverage=1.0)])
    assert not relevant("herons?", [hit("x", similarity=0.3, coverage=0.4)])


def test_a_question_of_stop_words_alone_needs_meaning():
    assert not relevant("what is it?", [hit("x", similarity=0.5, coverage=0.0)])
