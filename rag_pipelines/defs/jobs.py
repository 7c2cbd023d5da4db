"""Jobs: refresh one source, build what the sources add up to, serve what was built."""

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


@dg.definitions
def jobs() -> dg.Definitions:
    return dg.Definitions(jobs=[refresh_source, build_release, serve_release])
