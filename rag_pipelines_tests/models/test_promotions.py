from dataclasses import replace
from pathlib import Path

import pytest

from rag_pipelines.errors import ArtifactError
from rag_pipelines.models.promotions import GATE, Promotion, Promotions
from rag_pipelines.records import ModelRef

LORA = Promotion(
    role="champion", variant="lora", model=ModelRef("onnx:lora", "a" * 64), by=GATE, reason="better"
)


def test_the_newest_promotion_to_a_role_counts_and_none_is_forgotten(tmp_path: Path):
    promotions = Promotions(tmp_path / "promotions.json")
    assert promotions.newest("champion") is None
    promotions.add(LORA)
    promotions.add(replace(LORA, role="challenger", variant="other"))
    promotions.add(replace(LORA, variant="better", by="ann"))
    read = Promotions(tmp_path / "promotions.json")
    champion, challenger = read.newest("champion"), read.newest("challenger")
    assert champion
    assert challenger
    assert (champion.variant, champion.by, challenger.variant) == ("better", "ann", "other")
    assert [one.variant for one in read.all()] == ["lora", "other", "better"]
    assert all(one.at for one in read.all())


def test_what_somebody_went_back_from_is_remembered_until_it_is_promoted_again(tmp_path: Path):
    promotions = Promotions(tmp_path / "promotions.json")
    base = replace(LORA, variant="base", model=ModelRef("transformers:base", "b" * 64))
    for one in (base, LORA, replace(base, by="ann", rejects="a" * 64)):
        promotions.add(one)
    assert promotions.rejected() == {"a" * 64}
    promotions.add(replace(LORA, role="challenger"))
    assert promotions.rejected() == {"a" * 64}, "to be tried on users is no promotion"
    promotions.add(replace(LORA, by="ann"))
    assert promotions.rejected() == set()


def test_the_champion_before_is_another_model(tmp_path: Path):
    promotions = Promotions(tmp_path / "promotions.json")
    assert promotions.champions() == (None, None)
    base = replace(LORA, variant="base", model=ModelRef("transformers:base", "b" * 64))
    for one in (base, LORA, replace(LORA, reason="again"), replace(base, role="challenger")):
        promotions.add(one)
    now, before = promotions.champions()
    assert now
    assert before
    assert (now.variant, now.reason, before.variant) == ("lora", "again", "base")


@pytest.mark.parametrize("text", ["{", "[]", '{"promotions": [{}]}', '{"promotions": 1}'])
def test_a_damaged_file_is_told_with_what_to_do(tmp_path: Path, text: str):
    (tmp_path / "promotions.json").write_text(text)
    with pytest.raises(ArtifactError, match="move it away"):
        Promotions(tmp_path / "promotions.json").all()
