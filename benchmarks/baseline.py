"""Stage `newcomer`: the newcomer's script on the site, in a fresh process."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from benchmarks import measured, site
from benchmarks.context import REPOSITORY, Context


def run(context: Context) -> dict[str, Any]:
    store = Path(context.work) / "newcomer"
    command = [sys.executable, "-m", "benchmarks.newcomer", "index", context.url, str(store)]
    usage, output = measured.run(command, measured.environment(), REPOSITORY)
    shutil.rmtree(store, ignore_errors=True)
    if usage.status:
        raise RuntimeError(f"the newcomer's script ended with status {usage.status}")
    said = json.loads(output.splitlines()[-1])
    urls, chunks = said["urls"], said["chunks"]
    pages = len(site.pages_of(Path(context.folder)))
    missing = site.lost(Path(context.folder), urls)
    return {
        "pages": pages - len(missing),
        "lost": len(missing),
        "lost_pages": missing[:20],
        "documents": len(urls),
        "chunks": chunks,
        "crawl_seconds": round(said["crawl_seconds"], 2),
        "pages_per_second": round((pages - len(missing)) / said["crawl_seconds"], 1),
        "embed_seconds": round(said["embed_seconds"], 1),
        "embed_cpu_seconds": round(said["embed_cpu_seconds"], 1),
        "chunks_per_cpu_second": round(chunks / said["embed_cpu_seconds"], 2),
        "store_seconds": round(said["store_seconds"], 1),
        "seconds": usage.seconds,
        "cpu_seconds": usage.cpu_seconds,
        "peak_megabytes": round(usage.peak_bytes / 1e6, 1),
    }
