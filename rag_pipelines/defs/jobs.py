"""Jobs: refresh a source, build and serve a release, gather feedback, make and train models."""

import dagster as dg

refresh_source = dg.define_asset_job(
    "refresh_source",
    selection=dg.AssetSelection.assets(
        *("scraped_pages", "pdf_elements", "table_html", "image_captions", "chunks", "embeddings")
    ),
    executor_def=dg.in_process_executor,
    description="Scrape, read, cut and embed one source, checks included.",
)
build_release = dg.define_asset_job(
    "build_release",
    selection=dg.AssetSelection.assets("chroma_collection"),
    executor_def=dg.in_process_executor,
    description="Build the release that the sources' good versions add up to, and verify it.",
)
serve_release = dg.define_asset_job(
    "serve_release",
    selection=dg.AssetSelection.assets("chat_release"),
    executor_def=dg.in_process_executor,
    description="Point the chat service to the newest release that passed its checks.",
)
gather_feedback = dg.define_asset_job(
    "gather_feedback",
    selection=dg.AssetSelection.assets("chat_feedback"),
    executor_def=dg.in_process_executor,
    description="Bring in what people said of answers, without personal data, checks included.",
)

make_base_models = dg.define_asset_job(
    "make_base_models",
    selection=dg.AssetSelection.assets("base_model"),
    executor_def=dg.in_process_executor,
    description="Resolve the base models of models.yaml.",
)
make_quantized_model = dg.define_asset_job(
    "make_quantized_model",
    selection=dg.AssetSelection.assets("quantized_model"),
    executor_def=dg.in_process_executor,
    description="Make one variant in 4 or 8 bits and measure how good it is, checks included.",
)
make_onnx_model = dg.define_asset_job(
    "make_onnx_model",
    selection=dg.AssetSelection.assets("onnx_model"),
    executor_def=dg.in_process_executor,
    description="Make one variant as an ONNX graph and measure how good it is, checks included.",
)
gather_examples = dg.define_asset_job(
    "gather_examples",
    selection=dg.AssetSelection.assets("sft_dataset"),
    executor_def=dg.in_process_executor,
    description="Gather what models learn to answer, checks included.",
)
gather_preferences = dg.define_asset_job(
    "gather_preferences",
    selection=dg.AssetSelection.assets("preference_dataset"),
    executor_def=dg.in_process_executor,
    description="Gather which answers are preferred to which, checks included.",
)
train_lora = dg.define_asset_job(
    "train_lora",
    selection=dg.AssetSelection.assets("lora_adapter", "merged_model"),
    executor_def=dg.in_process_executor,
    description="Train one adapter and merge it into the weights, checks included.",
)
train_prompt_tuned_model = dg.define_asset_job(
    "train_prompt_tuned_model",
    selection=dg.AssetSelection.assets("prompt_tuned_model"),
    executor_def=dg.in_process_executor,
    description="Learn vectors before the prompt, checks included.",
)
train_fine_tuned_model = dg.define_asset_job(
    "train_fine_tuned_model",
    selection=dg.AssetSelection.assets("fine_tuned_model"),
    executor_def=dg.in_process_executor,
    description="Train every weight, checks included.",
)
train_reward_model = dg.define_asset_job(
    "train_reward_model",
    selection=dg.AssetSelection.assets("reward_model"),
    executor_def=dg.in_process_executor,
    description="Train a score of answers from pairs, checks included.",
)
train_ppo_model = dg.define_asset_job(
    "train_ppo_model",
    selection=dg.AssetSelection.assets("ppo_model"),
    executor_def=dg.in_process_executor,
    description="Teach a model to answer as is preferred, checks included.",
)
compare_models = dg.define_asset_job(
    "compare_models",
    selection=dg.AssetSelection.assets("model_comparison"),
    executor_def=dg.in_process_executor,
    description="Measure every variant in one run, and say in MLflow which to serve.",
)


promote_model = dg.define_asset_job(
    "promote_model",
    selection=dg.AssetSelection.assets("promoted_model"),
    executor_def=dg.in_process_executor,
    description="Try every challenger against the champion, and promote one that is better.",
)


@dg.definitions
def jobs() -> dg.Definitions:
    of_corpus = [refresh_source, build_release, serve_release, gather_feedback]
    of_models = [
        make_base_models,
        make_quantized_model,
        make_onnx_model,
        compare_models,
        promote_model,
    ]
    of_training = [
        gather_examples,
        gather_preferences,
        train_lora,
        train_prompt_tuned_model,
        train_fine_tuned_model,
        train_reward_model,
        train_ppo_model,
    ]
    return dg.Definitions(jobs=[*of_corpus, *of_models, *of_training])
