"""What must hold of a source's files, elements, tables and figures before they become chunks."""

import dagster as dg

from rag_pipelines.documents.checks import misplaced, unclean, uneven, unread_pages
from rag_pipelines.lib.documents import documents_of
from rag_pipelines.lib.partitions import SOURCES
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.versions import to_read, told
from rag_pipelines.records import DocumentFile, DocumentTable, Element, Figure

_SHOWN = 10


def _said(context: dg.AssetCheckExecutionContext, asset: str = "pdf_elements") -> dict[str, int]:
    return told(context.instance, asset, context.partition_key, context.run.run_id)


def _files(context: dg.AssetCheckExecutionContext, project: Project) -> list[DocumentFile]:
    name, run_id = context.partition_key, context.run.run_id
    return documents_of(
        project.tables, name, to_read(context.instance, "pdf_elements", name, run_id)
    )


def _judged(problems: list[str], warn: bool = False, **more: int | str) -> dg.AssetCheckResult:
    """Passed where nothing is wrong; the first few problems are told, as text.

    Dagster hides Markdown of a check behind a click, and shows an empty text as an empty row.
    """
    said = {"problems": len(problems), "sample": "\n".join(problems[:_SHOWN])} | more
    return dg.AssetCheckResult(
        passed=not problems,
        severity=dg.AssetCheckSeverity.WARN if warn else dg.AssetCheckSeverity.ERROR,
        metadata={name: value for name, value in said.items() if value != ""},
    )


@dg.asset_check(asset="pdf_elements", blocking=True, partitions_def=SOURCES)
def not_empty(
    context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]
) -> dg.AssetCheckResult:
    """A source of files without one that can be read has wrong paths, or a broken disk."""
    source, said = project.source(context.partition_key), _said(context)
    if source.documents is None:
        return dg.AssetCheckResult(passed=True, metadata={"kind": source.kind})
    found, read = said.get("files", 0), said.get("files_read", 0)
    return dg.AssetCheckResult(
        passed=bool(read),
        metadata={"files": found, "read": read, "paths": ", ".join(source.documents.paths)},
        description=None
        if read
        else f"{found} files match {', '.join(source.documents.paths)} and none can be read",
    )


@dg.asset_check(asset="pdf_elements", blocking=True, partitions_def=SOURCES)
def size_against_last(
    context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]
) -> dg.AssetCheckResult:
    """A source that loses most of its files at once is more often broken than tidied up.

    Of a website, pages and PDFs count together. A file that can no longer be read is lost.
    """
    said, limit = _said(context), project.source(context.partition_key).shrink_limit
    scraped = _said(context, "scraped_pages")
    before = said.get("previous_files", 0) + scraped.get("previous_pages", 0)
    now = said.get("files_read", 0) + scraped.get("dagster/row_count", 0)
    lost = max(0.0, 1 - now / before) if before else 0.0
    return dg.AssetCheckResult(
        passed=lost <= limit or bool(said.get("accept_shrink")),
        metadata={"before": before, "now": now, "lost": lost, "limit": limit},
        description=None
        if lost <= limit
        else f"{before} pages and files became {now}. If that is meant: rag ingest "
        f"{context.partition_key} --accept-shrink",
    )


@dg.asset_check(asset="pdf_elements", blocking=True, partitions_def=SOURCES)
def every_page_parsed(
    context: dg.AssetCheckExecutionContext,
    pdf_elements: list[Element],
    project: dg.ResourceParam[Project],
) -> dg.AssetCheckResult:
    """A page that the parser left out is lost without a word; files that failed are told apart."""
    files = _files(context, project)
    unread = unread_pages(files, pdf_elements)
    failed = [f"{file.url}: {file.problem}" for file in files if file.problem]
    return _judged(
        [f"{url}, page {page}" for url, page in unread],
        failed_files=len(failed),
        failed="\n".join(failed[:_SHOWN]),
    )


@dg.asset_check(asset="pdf_elements", blocking=True, partitions_def=SOURCES)
def order_and_boxes_valid(pdf_elements: list[Element]) -> dg.AssetCheckResult:
    """Text out of order reads as another text, and a box off its page marks nothing."""
    return _judged(list(misplaced(pdf_elements)))


@dg.asset_check(asset="table_html", blocking=True, partitions_def=SOURCES)
def well_formed_and_sanitised(table_html: list[DocumentTable]) -> dg.AssetCheckResult:
    """A browser shows this HTML: a tag or an attribute that is not a table's has no place in it."""
    found = ((table, unclean(table.html)) for table in table_html if table.html)
    return _judged([f"{t.url}, page {t.page}: {problem}" for t, problem in found if problem])


@dg.asset_check(asset="table_html", partitions_def=SOURCES)
def rectangular(table_html: list[DocumentTable]) -> dg.AssetCheckResult:
    """A row with a cell more or less shifts every value under another heading."""
    found = [table for table in table_html if table.html and uneven(table)]
    problems = [f"{table.url}, page {table.page}: {table.caption or 'a table'}" for table in found]
    return _judged(problems, warn=True)


@dg.asset_check(asset="image_captions", partitions_def=SOURCES)
def every_figure_captioned(
    image_captions: list[Figure], project: dg.ResourceParam[Project]
) -> dg.AssetCheckResult:
    """A figure that nothing is known of cannot be asked about.

    Its printed caption, the text in it or a description is enough; where a captioner is
    configured, a description that it still owes is told as well.
    """
    figures = [figure for figure in image_captions if figure.image]
    silent = [f for f in figures if not (f.caption or f.description or f.text or f.ocr)]
    owed = [f for f in figures if f.problem]
    problems = [f"{f.url}, page {f.page}: {f.problem or 'nothing is known of it'}" for f in silent]
    problems += [f"{f.url}, page {f.page}: {f.problem}" for f in owed if f not in silent]
    captioner = project.settings.captioner or "none"
    return _judged(problems, warn=True, figures=len(figures), captioner=captioner)
