"""Jobs: refresh one source, build what the sources add up to, serve it; gather feedback."""

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


@dg.definitions
def jobs() -> dg.Definitions:
    return dg.Definitions(jobs=[refresh_source, build_release, serve_release, gather_feedback])
