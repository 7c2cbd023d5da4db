"""Cited tables as they may be shown: nothing but tables, rows, cells, spans and text.

What a document or a service wrote is read anew and written by us, whatever was stored.
"""

from dataclasses import replace

from rag_pipelines.documents.tables_grid import html_of
from rag_pipelines.documents.tables_html import grid_of_html
from rag_pipelines.records import Citation


def shown(citation: Citation) -> Citation:
    """The citation with its table clean; one without a cell is none."""
    if citation.html is None:
        return citation
    grid, caption = grid_of_html(citation.html)
    return replace(citation, html=html_of(grid, caption) if grid.cells else None)
