"""Assets of files: elements, tables and figures. The work is done in rag_pipelines.documents.

A website without a PDF has no file, and nothing is loaded or started for it.
"""

import dagster as dg

from rag_pipelines.defs.corpus.assets import RefreshConfig, scraped_pages, versioned
from rag_pipelines.documents.figures import read_figures
from rag_pipelines.documents.tables import read_tables
from rag_pipelines.documents.tables_summarised import summarised
from rag_pipelines.lib.document_metadata import (
    PICTURES,
    of_elements,
    of_figures,
    of_tables,
    page_thumbnails,
)
from rag_pipelines.lib.documents import (
    DOCUMENTS_VERSION,
    documents_of,
    keep_documents,
    ledger_of,
    previous_records,
    readable,
)
from rag_pipelines.lib.metadata import columns
from rag_pipelines.lib.partitions import SOURCES
from rag_pipelines.lib.progress import both, logged
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.versions import last_good
from rag_pipelines.records import DocumentTable, Element, Figure


@dg.asset(
    deps=[scraped_pages],
    partitions_def=SOURCES,
    group_name="documents",
    owners=["team:documents"],
    kinds={"unstructured", "python"},
    code_version="3",
    metadata={"dagster/column_schema": columns(Element)},
)
def pdf_elements(
    context: dg.AssetExecutionContext, config: RefreshConfig, project: dg.ResourceParam[Project]
) -> dg.MaterializeResult[list[Element]]:
    """What a source's files say, as Unstructured's elements in reading order."""
    from rag_pipelines.documents.elements import read_elements
    from rag_pipelines.documents.files import files_of

    name, instance, run_id = context.partition_key, context.instance, context.run.run_id
    source = project.source(name)
    progress = both(project.progress, logged(context.log.info))
    ledger = ledger_of(instance, project.tables, name, run_id)
    files = files_of(name, source, ledger, project.blobs, project.denied)
    good = last_good(instance, "pdf_elements", name, before_run=run_id)
    known = previous_records(project.tables, "pdf_elements", name, good, Element) if files else []
    before = documents_of(project.tables, name, good)
    found = read_elements(
        files, project.blobs, known, source.documents, progress, cloud=project.cloud, before=before
    )
    for file in found.files:
        if file.problem:
            context.log.warning(f"{file.url} could not be read: {file.problem}")
    described = of_elements(found.files, found.elements, found.parsed) | {
        DOCUMENTS_VERSION: keep_documents(project.tables, name, found.files),
        "discovered": len(files) if source.documents else 0,  # a website's are in its ledger
        "gone": len({file.url for file in before} - {file.url for file in files}),
        "previous_files": readable(before),
        "accept_shrink": config.accept_shrink,
    }
    if found.files:
        described[PICTURES] = page_thumbnails(found.files, project.blobs, found.parsed, good)
    return versioned(found.elements, described)


@dg.asset(
    partitions_def=SOURCES,
    group_name="documents",
    owners=["team:documents"],
    kinds={"pdfium", "liteparse"},
    code_version="3",
    metadata={"dagster/column_schema": columns(DocumentTable)},
)
def table_html(
    context: dg.AssetExecutionContext,
    pdf_elements: list[Element],
    project: dg.ResourceParam[Project],
) -> dg.MaterializeResult[list[DocumentTable]]:
    """Every table of a source's files as clean HTML, with its caption, rows and summary.

    A summariser that fails leaves the summary that is made without one; it is asked again at the
    next run.
    """
    progress = both(project.progress, logged(context.log.info))
    good = last_good(context.instance, "table_html", context.partition_key, context.run.run_id)
    known = previous_records(
        project.tables, "table_html", context.partition_key, good, DocumentTable
    )
    settings = project.source(context.partition_key).documents
    tables = read_tables(pdf_elements, project.blobs, known, progress, settings=settings)
    found = summarised(tables, project.summariser, known, progress)
    if found.problem:
        context.log.warning(f"Tables are summarised without the model: {found.problem}")
    return versioned(found.tables, of_tables(found.tables, project.settings.summariser))


@dg.asset(
    partitions_def=SOURCES,
    group_name="documents",
    owners=["team:documents"],
    kinds={"pdfium", "rapidocr"},
    code_version="1",
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL),
    metadata={"dagster/column_schema": columns(Figure)},
)
def image_captions(
    context: dg.AssetExecutionContext,
    pdf_elements: list[Element],
    table_html: list[DocumentTable],
    project: dg.ResourceParam[Project],
) -> dg.MaterializeResult[list[Figure]]:
    """Figures of a source's files: the picture, its printed caption, and what a model says of it.

    A captioner that fails or is switched off leaves `problem` on its figures; they are asked
    again at the next run.
    """
    progress = both(project.progress, logged(context.log.info))
    source = project.source(context.partition_key)
    good = last_good(context.instance, "image_captions", context.partition_key, context.run.run_id)
    known = previous_records(project.tables, "image_captions", context.partition_key, good, Figure)
    figures = read_figures(
        pdf_elements,
        table_html,
        project.blobs,
        project.captioner if pdf_elements else None,
        known,
        progress,
        settings=source.documents,
        caption_seconds=project.settings.caption_seconds,
    )
    return versioned(figures, of_figures(figures, project.settings.captioner, project.blobs))
