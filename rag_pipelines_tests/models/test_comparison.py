"""Variants against their base: the score, who is out and why, what is missing, and the order."""

import math
from dataclasses import replace

import pytest

from rag_pipelines.models.cards import as_markdown
from rag_pipelines.models.comparison import NOT_MADE, NOT_MEASURED, Comparison, compare
from rag_pipelines.models.config import BaseSource, Models, Variant, Weights
from rag_pipelines.models.figures import PERPLEXITY, SIZE, SPEED
from rag_pipelines_tests.models.factory import (
    MEASURED,
    WANTED,
    artifact,
    artifacts,
    changed,
    comparison,
    digest_of,
    metric,
    metrics,
)


def named(found: Comparison) -> list[str]:
    return [row.variant for row in found.rows]


def test_the_score_is_the_weighted_geometric_mean_of_ratios_to_the_base():
    (best, *_) = comparison().rows
    answers = (0.4 - 0.1461) / (0.4 - 0.1420)
    good = (14.20 / 14.61) ** 0.25 * answers**0.25
    assert best.variant == "onnx-int8"
    assert best.score == pytest.approx(good * (57.3 / 13.1) ** 0.3 * (513 / 237) ** 0.2)
    assert best.ratios == pytest.approx(
        {
            "quality": 14.20 / 14.61,
            "answers": answers,
            "speed": 57.3 / 13.1,
            "size": 513 / 237,
        }
    )


def test_the_ranking_is_the_same_whichever_variant_the_ratios_are_to():
    other = Models(
        bases={"onnx-fp32": BaseSource(gguf="smollm2")},
        variants={
            name: Variant(method="nf4", of="onnx-fp32", perplexity_loss=10)
            for name in MEASURED
            if name != "onnx-fp32"
        },
    )
    free = {
        n: v.model_copy(update={"perplexity_loss": 10})
        for n, v in Models(variants=WANTED).variants.items()
    }
    to_base = compare(artifacts(), metrics(), Models(variants=free))
    assert named(compare(artifacts(), metrics(), other)) == named(to_base)


def test_a_variant_that_loses_more_than_it_may_is_out_with_the_shares_in_words():
    found = comparison()
    assert found.disqualified == {
        "onnx-int4": "onnx-int4 loses 31 % of the base's perplexity, 25 % allowed"
    }
    last = found.rows[-1]
    assert (last.variant, last.score, last.rank) == ("onnx-int4", None, None)
    assert last.ratios["speed"] == pytest.approx(75.4 / 13.1)


def test_a_variant_at_its_limit_stays_in():
    limit = Models(variants={"nf4": Variant(method="nf4", perplexity_loss=0.25)})
    at_limit = compare(artifacts(), changed("nf4", PERPLEXITY, 14.2 * 1.25), limit)
    beyond = compare(artifacts(), changed("nf4", PERPLEXITY, 14.2 * 1.2501), limit)
    assert (at_limit.disqualified, list(beyond.disqualified)) == ({}, ["nf4"])


def test_the_base_itself_may_win():
    only = Models(
        variants={"nf4": Variant(method="nf4", perplexity_loss=0.25)},
        weights=Weights(speed=1, size=0),
    )
    verdict = compare(artifacts(), metrics(), only).verdict
    assert (verdict.winner, verdict.score) == ("base", 1.0)
    assert verdict.reason.startswith("base wins: no variant makes up for what it loses")


def test_weights_decide():
    sizes = comparison(weights=Weights(quality=0, answers=0, speed=0, size=1))
    speed = comparison(weights=Weights(quality=0, answers=0, speed=1, size=0))
    assert (sizes.verdict.winner, speed.verdict.winner) == ("nf4", "onnx-int8")
    assert "by size 100 %" in sizes.verdict.reason


def test_a_lead_within_the_spread_is_told_as_open():
    close = changed("int8", SPEED, 9.6 * 1.2)
    models = Models(
        variants={n: Models(variants=WANTED).variants[n] for n in ("int8", "onnx-fp32")}
    )
    told = compare(artifacts(), close, models).verdict.reason
    assert "which is within the spread of the figures" in told
    assert "within the spread" not in comparison().verdict.reason


def test_equal_scores_are_ordered_by_quality_then_size_then_name():
    twins = Models(
        variants={name: Variant(method="nf4", perplexity_loss=10) for name in ("b", "a", "c", "d")}
    )
    made = [artifact("base", 100), *(artifact(n, 100) for n in "cab"), artifact("d", 50)]
    figures = [metric(n, PERPLEXITY, 10) for n in ("base", "a", "b")]
    figures += [metric("c", PERPLEXITY, 5), metric("d", PERPLEXITY, 10)]
    figures += [metric(n, SPEED, 10) for n in ("base", "a", "b")]
    figures += [metric("c", SPEED, 10 * 0.5 ** (5 / 6)), metric("d", SPEED, 10 * 0.5 ** (2 / 3))]
    found = compare(made, figures, twins)
    assert {round(row.score or 0, 12) for row in found.rows} == {1.0}
    assert named(found) == ["c", "d", "a", "b", "base"]
    assert named(compare(made[::-1], figures[::-1], twins)) == named(found)
    assert "It ties with d" in found.verdict.reason


def test_what_failed_or_was_never_made_or_measured_is_missing_with_why():
    made = [a for a in artifacts() if a.variant != "nf4"]
    figures = [m for m in metrics() if m.variant != "int8"]
    found = compare(made, figures, Models(variants=WANTED), failed={"onnx-int4": "out of memory"})
    assert found.missing == {
        "nf4": NOT_MADE,
        "int8": NOT_MEASURED,
        "onnx-int4": "out of memory",
    }
    assert named(found) == ["onnx-int8", "onnx-fp32", "base"]


def test_figures_of_an_earlier_artifact_do_not_count():
    old = [replace(m, digest=digest_of("old")) if m.variant == "int8" else m for m in metrics()]
    assert compare(artifacts(), old, Models(variants=WANTED)).missing == {"int8": NOT_MEASURED}


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0, -1.0])
@pytest.mark.parametrize("name", [PERPLEXITY, SPEED])
def test_a_figure_that_cannot_be_weighed_keeps_its_variant_from_winning(name: str, value: float):
    found = compare(artifacts(), changed("onnx-int8", name, value), Models(variants=WANTED))
    assert found.disqualified["onnx-int8"] == f"onnx-int8 has no measured {name}"
    assert found.verdict.winner == "onnx-fp32"


def test_a_figure_that_does_not_count_may_be_missing():
    without = [m for m in metrics() if (m.variant, m.name) != ("onnx-int8", SPEED)]
    models = Models(variants=WANTED, weights=Weights(quality=0.5, speed=0, size=0.5))
    assert "onnx-int8" not in compare(artifacts(), without, models).disqualified


def test_quality_must_be_known_even_where_it_has_no_weight():
    """Else a variant without a perplexity would pass its limit."""
    without = [m for m in metrics() if (m.variant, m.name) != ("onnx-int4", PERPLEXITY)]
    models = Models(variants=WANTED, weights=Weights(quality=0))
    found = compare(artifacts(), without, models)
    assert found.disqualified["onnx-int4"] == "onnx-int4 has no measured perplexity"


def test_without_the_base_nobody_wins():
    made = [a for a in artifacts() if a.variant != "base"]
    found = compare(made, metrics(), Models(variants=WANTED))
    assert (found.verdict.winner, found.verdict.score) == (None, None)
    assert "base, the base, was not measured" in found.verdict.reason
    assert found.disqualified["nf4"] == "nf4 has no measured perplexity of the base to go by"


def test_nothing_at_all_is_a_comparison_without_rows():
    found = compare([], [], Models(variants=WANTED))
    assert (found.rows, found.verdict.winner, set(found.missing)) == ((), None, set(MEASURED))


def test_the_size_of_an_artifact_is_known_unmeasured():
    without = [m for m in metrics() if m.name != SIZE]
    assert compare(artifacts(), without, Models(variants=WANTED)) == comparison()


def test_variants_of_another_base_are_no_part_of_it():
    models = Models(
        bases={"base": BaseSource(gguf="smollm2"), "other": BaseSource(gguf="smollm2")},
        variants={"nf4": Variant(method="nf4"), "int8": Variant(method="int8", of="other")},
    )
    assert set(named(compare(artifacts(), metrics(), models))) == {"base", "nf4"}
    assert compare(artifacts(), metrics(), models, base="other").missing == {"other": NOT_MADE}


def test_markdown_has_every_variant_every_figure_and_every_reason():
    found = compare(
        artifacts(), metrics(), Models(variants=WANTED), failed={"nf4": "no | memory\nleft"}
    )
    told = as_markdown(found)
    lines = [line for line in told.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(found.rows)
    assert len({line.count("|") for line in lines}) == 1
    assert "18.60 ± 0.90" in told
    assert "- nf4: no \\| memory left" in told
    assert "31 % of the base's perplexity" in told
