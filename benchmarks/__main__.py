"""`python -m benchmarks`: every stage in a process of its own, one table, one file of results.

Asserts nothing: a missed target is a line in the table, and the exit status tells only whether
every stage came to its end.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import measured, site
from benchmarks.context import REPOSITORY, Context, tell
from benchmarks.machine import described
from benchmarks.stage import MODULES, NEEDS, ON_REQUEST
from benchmarks.table import (
    COLUMNS,
    READER_COLUMNS,
    Results,
    comparison,
    documents,
    limits,
    render,
)


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    site_given, sets_given = os.environ.get("BENCH_SITE"), os.environ.get("EVAL_DATA", "")
    default = [name for name in MODULES if name not in ON_REQUEST]
    texts = {
        "site": "folder of HTML files; also BENCH_SITE",
        "sets": "folder of anthropic_docs, xquad_en and icdar2013_eu, or one above; also EVAL_DATA",
        "only": f"of {', '.join(MODULES)}; by default {', '.join(default)}",
        "rows": "sizes of stage scale; chats, rate and burst take the smallest",
        "load": "how long chats and rate run; by default ten and five minutes",
        "cache": "the newcomer's figures: taken from here if of the same site, else put here",
    }
    add("--site", type=Path, default=site_given or site.POSTGRESQL, help=texts["site"])
    add("--eval-data", default=sets_given, help=texts["sets"])
    add("--only", nargs="+", choices=list(MODULES), metavar="STAGE", help=texts["only"])
    add("--pages", type=int, help="measure on that many pages of the site")
    add("--rows", type=int, nargs="+", default=[10_000, 100_000], help=texts["rows"])
    add("--repetitions", type=int, default=10, help="kills at each step of stage faults")
    add("--publishes", type=int, default=20, help="publications of stage swaps")
    add("--publish-seconds", type=float, default=600.0, help="over which they are spread")
    add("--load-seconds", type=float, help=texts["load"])
    add("--sessions", type=int, default=10_000, help="conversations of stage history")
    add("--baseline-cache", type=Path, metavar="FILE", help=texts["cache"])
    add("--dir", type=Path, default=REPOSITORY / ".rag" / "bench", help="where results go")
    add("--json", action="store_true", help="print the results as one JSON object")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Run the chosen stages; 1 where one of them failed."""
    options = _arguments(given)
    stages = _chosen(options.only)
    if not site.pages_of(options.site):
        print(
            f"benchmarks: {options.site} holds no HTML file; install Debian's postgresql-doc-15 "
            "or name another folder: BENCH_SITE=FOLDER make bench",
            file=sys.stderr,
        )
        return 2
    place = options.dir / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    place.mkdir(parents=True)
    with ExitStack() as stack:
        context = _context(options, stack)
        results, remarks = _run(stages, context, options.baseline_cache)
    report = {"machine": described(), "site": str(options.site), "remarks": remarks}
    (place / "results.json").write_text(json.dumps(report | {"stages": results}, indent=1))
    if options.json:
        print(json.dumps(report | {"stages": results}))
    else:
        _print(results, remarks, place)
    return int(any("error" in found for found in results.values()))


def _chosen(only: list[str] | None) -> list[str]:
    """The stages in their order, with those that they need."""
    wanted = set(only or [name for name in MODULES if name not in ON_REQUEST])
    wanted |= {needed for name in wanted for needed in NEEDS.get(name, ())}
    return [name for name in MODULES if name in wanted]


def _context(options: argparse.Namespace, stack: ExitStack) -> Context:
    work = Path(stack.enter_context(TemporaryDirectory(prefix="rag-bench-")))
    folder = options.site
    if options.pages:
        folder = site.first_pages(folder, options.pages, work / "pages")
    return Context(
        url=stack.enter_context(site.served(folder)),
        folder=str(folder),
        work=str(work),
        eval_data=str(Path(options.eval_data).absolute()) if options.eval_data else "",
        rows=tuple(options.rows),
        repetitions=options.repetitions,
        publishes=options.publishes,
        publish_seconds=options.publish_seconds,
        load_seconds=options.load_seconds,
        sessions=options.sessions,
    )


def _run(stages: Sequence[str], context: Context, cache: Path | None) -> tuple[Results, list[str]]:
    results: Results = {}
    remarks: list[str] = []
    for number, name in enumerate(stages, 1):
        print(f"[{number}/{len(stages)}] {name}", file=sys.stderr, flush=True)
        began = time.monotonic()
        if name == "newcomer" and (kept := _cached(cache, context)):
            results[name] = kept
            remarks.append(f"newcomer: taken from {cache}, not measured in this run")
        elif any("error" in results.get(needed, {}) for needed in NEEDS.get(name, ())):
            results[name] = {"error": "a stage that it needs failed"}
        else:
            results[name] = _stage(name, context)
            if name == "newcomer" and cache and "error" not in results[name]:
                cache.write_text(json.dumps({"site": _identity(context), "found": results[name]}))
        tell(f"{name}: {results[name].get('error', 'done')} in {time.monotonic() - began:.0f} s")
    return results, remarks


def _stage(name: str, context: Context) -> dict[str, Any]:
    where, result = Path(context.work) / "context.json", Path(context.work) / f"{name}.json"
    context.write(where)
    command = [sys.executable, "-m", "benchmarks.stage", name, str(where), str(result)]
    usage, said = measured.run(command, measured.environment(), REPOSITORY)
    sys.stderr.write(said)
    if usage.status:
        return {"error": f"ended with status {usage.status}"}
    return json.loads(result.read_text())


def _identity(context: Context) -> dict[str, int]:
    """What makes two runs' baselines the same: how many pages of how many bytes."""
    folder = Path(context.folder)
    pages = site.pages_of(folder)
    return {"pages": len(pages), "bytes": sum((folder / p[1:]).stat().st_size for p in pages)}


def _cached(cache: Path | None, context: Context) -> dict[str, Any] | None:
    if cache is None or not cache.is_file():
        return None
    kept = json.loads(cache.read_text())
    return kept["found"] if kept["site"] == _identity(context) else None


def _print(results: Results, remarks: Sequence[str], place: Path) -> None:
    print(f"\n{described()}\n")
    beside = [row.cells() for row in comparison(results)]
    print(render("This project and the newcomer's script", beside, COLUMNS))
    if readers := documents(results):
        print(f"\n{render('Readers of PDFs', readers, READER_COLUMNS)}")
    if rows := [row.cells() for row in limits(results)]:
        print(f"\n{render('Limits', rows, COLUMNS)}")
    for name, found in results.items():
        if "error" in found:
            print(f"{name}: {found['error']}")
    for remark in remarks:
        print(remark)
    print(f"\nall figures: {os.path.relpath(place / 'results.json')}")


if __name__ == "__main__":
    sys.exit(main())
