"""`python -m tests.benchmarks run` measures; `python -m tests.benchmarks compare OLD NEW`."""

import argparse
import multiprocessing
import os
import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.candidates import Candidate, baselines, ours
from tests.benchmarks.measures import CONNECTIONS, Bench
from tests.benchmarks.results import Results, compare
from tests.benchmarks.services import HERE, ROOT, Service, prepare
from tests.combinations import VALID
from tests.files import git

STORED = HERE / "result.json"
"""The result that `run` compares its own with, written by `--store`."""
BASELINE = ("-m", "uvicorn", "--log-level=warning", "--app-dir", str(HERE / "baselines"))
PARTS = ("starts", "routes", "logins", "rooms", "growth")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    comparing = commands.add_parser("compare", help="show what changed between two JSON files")
    comparing.add_argument("old", type=Path)
    comparing.add_argument("new", type=Path)
    add = commands.add_parser("run", help="measure and print a table").add_argument
    combinations = {each.id: each for each in VALID}
    add("--answers", choices=combinations, default="postgres-websockets", metavar="COMBINATION")
    add("--rows", default="1000,100000,1000000", help="sizes of the tables, growing")
    add("--seconds", type=float, default=1, help="length of a slice")
    add("--rounds", type=int, default=5)
    add("--only", default=",".join(PARTS), help="parts to measure")
    add("--against", action="append", default=[], metavar="REVISION", help="measure it as well")
    add("--candidate", action="append", default=[], metavar="NAME=URL,ROUTES.json")
    add("--json", type=Path, metavar="FILE", help="write the result")
    add("--store", action="store_true", help=f"keep it in {STORED.relative_to(ROOT)}")
    add("--dry-run", action="store_true", help="measure nothing")
    args = parser.parse_args()
    if args.command == "compare":
        print(compare(Results.read(args.old), Results.read(args.new)))
        return 0
    results = Results(about(args)) if args.dry_run else run(args)
    print(results.table())
    if STORED.exists():
        print(f"\nCompared with {STORED}:\n\n{compare(Results.read(STORED), results)}")
    for path in filter(None, (args.json, STORED if args.store else None)):
        results.write(path)
    return any(cell.error for cell in results.cells)


def run(args: argparse.Namespace) -> Results:
    (answers,) = [each.answers for each in VALID if each.id == args.answers]
    sizes = [int(size) for size in args.rows.split(",")]
    revisions = {"ours": "HEAD"} | {revision: revision for revision in args.against}
    prepare()
    with TemporaryDirectory() as folder, ExitStack() as stack:
        Path(folder).chmod(0o711)  # a database server may run as another user
        services = {
            name: Service(Path(folder) / str(number), answers, revision)
            for number, (name, revision) in enumerate(revisions.items())
        }
        spawn = multiprocessing.get_context("spawn")
        driver = stack.enter_context(ProcessPoolExecutor(1, spawn))
        bench = Bench(driver, Results(about(args)), [], args.seconds, args.rounds)
        for name, service in services.items():
            url = stack.enter_context(service.running())
            bench.memory("at rest", [Candidate(name, url, {})])
            service.seed(0, sizes[0])
            bench.candidates.append(ours(name, url))
        if "postgres" in args.answers:
            urls = [
                stack.enter_context(services["ours"].served(*BASELINE, f"{name}:app"))
                for name in ("bare", "reference")
            ]
            bench.candidates += baselines(*urls)
        bench.candidates += [Candidate.given(text) for text in args.candidate]
        measure(bench, services, sizes, args)
        return bench.results


def about(args: argparse.Namespace) -> dict[str, str]:
    return {
        "measured": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": git(ROOT, "describe", "--always", "--dirty").strip(),
        "answers": args.answers,
        "rows": args.rows,
        "slices": f"{args.rounds} × {args.seconds:g} s",
        "connections": str(CONNECTIONS),
        "machine": f"{os.cpu_count()} × {platform.machine()}, Python {platform.python_version()}",
    }


def measure(
    bench: Bench, services: dict[str, Service], sizes: list[int], args: argparse.Namespace
) -> None:
    parts = args.only.split(",")
    if "starts" in parts:
        bench.starts(services)
    if "routes" in parts:
        bench.routes()
    if "logins" in parts:
        bench.logins()
    if "rooms" in parts and "websockets" in args.answers:
        bench.rooms()
    bench.memory("after the load", bench.candidates)
    for before, size in pairwise([sizes[0], *sizes]) if "growth" in parts else ():
        for service in services.values():
            service.seed(before, size)
        bench.growth(size)


if __name__ == "__main__":
    sys.exit(main())
