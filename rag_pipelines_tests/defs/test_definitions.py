"""What the definitions are, as a person sees them; a change here is meant, or it is a mistake."""

import os
import subprocess
import sys

import dagster as dg
import pytest

from rag_pipelines.definitions import defs
from rag_pipelines.lib.versions import BLOCKING

ASSETS = {
    "scraped_pages": ("corpus", "team:corpus", True),
    "pdf_elements": ("documents", "team:documents", True),
    "table_html": ("documents", "team:documents", True),
    "image_captions": ("documents", "team:documents", True),
    "chunks": ("corpus", "team:corpus", True),
    "embeddings": ("index", "team:retrieval", True),
    "chroma_collection": ("index", "team:retrieval", False),
    "chat_release": ("serving", "team:serving", False),
    "chat_feedback": ("models", "team:models", False),
    "base_model": ("models", "team:models", False),
    "quantized_model": ("models", "team:models", True),
    "onnx_model": ("models", "team:models", True),
    "sft_dataset": ("models", "team:models", False),
    "preference_dataset": ("models", "team:models", False),
    "lora_adapter": ("models", "team:models", True),
    "merged_model": ("models", "team:models", True),
    "prompt_tuned_model": ("models", "team:models", True),
    "fine_tuned_model": ("models", "team:models", True),
    "reward_model": ("models", "team:models", True),
    "ppo_model": ("models", "team:models", True),
    "model_comparison": ("models", "team:models", False),
    "promoted_model": ("models", "team:models", False),
}
TUNED = ("merged_model", "fine_tuned_model", "ppo_model")
CHECKS = {
    "scraped_pages": BLOCKING["scraped_pages"] | {"source_is_fresh"},
    "pdf_elements": BLOCKING["pdf_elements"],
    "table_html": BLOCKING["table_html"] | {"rectangular"},
    "image_captions": {"every_figure_captioned"},
    "chunks": BLOCKING["chunks"],
    "embeddings": BLOCKING["embeddings"],
    "chroma_collection": {
        "count_matches_manifest",
        "one_embedder",
        "ann_recall",
        "golden_recall",
        "no_regression",
    },
    "chat_release": {"service_serves_release", "probe_answer_cites_source"},
    "chat_feedback": BLOCKING["chat_feedback"],
    "base_model": BLOCKING["base_model"],
    "quantized_model": BLOCKING["quantized_model"],
    "onnx_model": BLOCKING["onnx_model"],
    **{
        name: BLOCKING[name]
        for name in (
            *("sft_dataset", "preference_dataset", "lora_adapter", "reward_model"),
            *("prompt_tuned_model", *TUNED),
        )
    },
    "model_comparison": {"every_variant_compared"},
    "promoted_model": {"champion_is_servable"},
}
NOT_BLOCKING = {
    *("source_is_fresh", "rectangular", "every_figure_captioned"),
    *("service_serves_release", "probe_answer_cites_source", "every_variant_compared"),
    "champion_is_servable",
}
HEAVY = {
    *("torch", "transformers", "chromadb", "mlflow", "unstructured", "spacy", "cv2", "pandas"),
    *("presidio_analyzer", "presidio_anonymizer", "phonenumbers", "pymongo"),
    *("liteparse", "rapidocr", "pypdfium2", "llama_cloud", "pptx", "docx", "openpyxl", "PIL"),
}


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return defs()


def specs(definitions):
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def test_every_asset_stands_in_its_group_with_its_owner_and_partitions(definitions):
    found = {
        name: (spec.group_name, *spec.owners, spec.partitions_def is not None)
        for name, spec in specs(definitions).items()
    }
    assert found == ASSETS


def test_every_asset_says_what_it_is_and_when_its_logic_moved(definitions):
    for name, spec in specs(definitions).items():
        assert spec.description, name
        assert spec.code_version, name
        assert 1 <= len(spec.kinds) <= 3, name


def test_the_graph_runs_from_left_to_right(definitions):
    found = {
        name: {dep.asset_key.to_user_string() for dep in spec.deps}
        for name, spec in specs(definitions).items()
    }
    assert found == {
        "scraped_pages": set(),
        "pdf_elements": {"scraped_pages"},
        "table_html": {"pdf_elements"},
        "image_captions": {"pdf_elements", "table_html"},
        "chunks": {"scraped_pages", "pdf_elements", "table_html", "image_captions"},
        "embeddings": {"chunks"},
        "chroma_collection": {"embeddings"},
        "chat_release": {"chroma_collection"},
        "chat_feedback": set(),
        "base_model": set(),
        "sft_dataset": {"chat_feedback", "chroma_collection"},
        "preference_dataset": {"chat_feedback", "chroma_collection", "sft_dataset"},
        "lora_adapter": {"base_model", "sft_dataset"},
        "merged_model": {"lora_adapter"},
        "prompt_tuned_model": {"base_model", "sft_dataset"},
        "fine_tuned_model": {"base_model", "sft_dataset"},
        "reward_model": {"base_model", "preference_dataset"},
        "ppo_model": {"base_model", "merged_model", "fine_tuned_model", "reward_model"}
        | {"sft_dataset", "preference_dataset"},
        "quantized_model": {"base_model", *TUNED},
        "onnx_model": {"base_model", *TUNED},
        "model_comparison": {"base_model", "quantized_model", "onnx_model", *TUNED}
        | {"prompt_tuned_model"},
        "promoted_model": {"model_comparison", "sft_dataset"},
    }


def test_checks_are_those_of_the_design_and_block_where_it_says(definitions):
    found: dict[str, set[str]] = {}
    for checks in definitions.asset_checks or []:
        for spec in checks.check_specs:
            found.setdefault(spec.asset_key.to_user_string(), set()).add(spec.name)
            assert spec.blocking is (spec.name not in NOT_BLOCKING), spec.name
            assert spec.description, spec.name
    assert found == CHECKS


def test_refreshing_a_source_covers_everything_that_is_partitioned_by_source(definitions):
    job = definitions.resolve_job_def("refresh_source")
    selected = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
    partitioned = {name for name, (group, _, has) in ASSETS.items() if has and group != "models"}
    assert selected == partitioned


def test_a_captioner_is_retried_and_what_costs_only_cpu_is_not(definitions):
    retried = {
        name
        for name in ("scraped_pages", "pdf_elements", "table_html", "image_captions", "chunks")
        if definitions.resolve_assets_def(name).op.retry_policy
    }
    assert retried == {"scraped_pages", "image_captions"}


def test_loading_the_definitions_loads_no_heavy_library():
    program = (
        "import sys\nfrom rag_pipelines.definitions import defs\n"
        "defs()\nprint(*sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(done.stdout.split())


def test_jobs_sensors_and_pools(definitions):
    jobs = {job.name for job in definitions.resolve_all_job_defs()}
    assert {"refresh_source", "build_release", "serve_release", "gather_feedback"} <= jobs
    of_models = {"make_base_models", "make_quantized_model", "make_onnx_model", "compare_models"}
    assert of_models | {"gather_examples", "gather_preferences", "promote_model"} <= jobs
    assert {f"train_{name}" for name in ("lora", "reward_model", "ppo_model")} <= jobs
    assert {sensor.name for sensor in definitions.sensors or []} == {
        "index_reconcile",
        "chat_service",
        "model_variants",
    }
    pools = {
        name: definitions.resolve_assets_def(name).op.pool
        for name in ("scraped_pages", "embeddings", "chroma_collection", "chat_release")
    }
    assert pools == {
        "scraped_pages": "crawl",
        "embeddings": "accelerator",
        "chroma_collection": "index_writer",
        "chat_release": "index_writer",
    }


def test_a_source_with_a_cron_line_has_a_schedule(tmp_path):
    (tmp_path / "sources.yaml").write_text(
        "sources:\n"
        '  daily-docs: {website: {start_urls: ["http://127.0.0.1:9/"]}, schedule: "0 3 * * *"}\n'
        '  by-hand: {website: {start_urls: ["http://127.0.0.1:9/"]}}\n'
    )
    program = (
        "from rag_pipelines.definitions import defs\n"
        "for s in defs().schedules: print(s.name, s.cron_schedule, s.job.name)"
    )
    environment = os.environ | {"RAG_SOURCES": str(tmp_path / "sources.yaml")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.splitlines()) == {
        "refresh_daily_docs 0 3 * * * refresh_source",
        "gather_feedback_daily 0 4 * * * gather_feedback",
    }
