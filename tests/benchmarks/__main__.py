"""`python -m tests.benchmarks run` measures; `python -m tests.benchmarks compare OLD NEW`."""

import argparse
import os
import platform
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.candidates import Candidate, bare, ours, reference
from tests.benchmarks.measuring import Bench, Load
from tests.benchmarks.results import Results, compare
from tests.benchmarks.services import HERE, ROOT, Service, pin_others
from tests.combinations import VALID
from tests.files import git

STORED = HERE / "result.json"
"""The result that `run` compares its own with, written by `--store`."""
PARTS = ("starts", "routes", "logins", "rooms", "growth")
BASELINE = ("-m", "uvicorn", "--app-dir", str(HERE / "baselines"), "--log-level", "warning")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    comparing = commands.add_parser("compare", help="show what changed between two JSON files")
    comparing.add_argument("old", type=Path)
    comparing.add_argument("new", type=Path)
    add_options(commands.add_parser("run", help="measure and print a table"))
    args = parser.parse_args()
    if args.command == "compare":
        print(compare(Results.read(args.old), Results.read(args.new)))
        return 0
    results = Results(about(args))
    if not args.dry_run:
        run(args, results)
    report(args, results)
    return any(cell.error for cell in results.cells)


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    ids = [each.id for each in VALID]
    add("--answers", choices=ids, default="postgres-redis-websockets", metavar="COMBINATION")
    add("--rows", default="1000,100000,1000000", help="sizes of the tables, growing")
    add("--seconds", type=float, default=1, help="length of a slice")
    add("--rounds", type=int, default=5)
    add("--connections", type=int, default=32)
    add("--sockets", type=int, default=1000, help="of the room; at least 100")
    add("--only", default=",".join(PARTS), help="parts to measure")
    add("--against", action="append", default=[], metavar="REVISION", help="measure it as well")
    add("--candidate", action="append", default=[], metavar="NAME=URL,ROUTES.json")
    add("--unpinned", action="store_true", help="let the servers use every processor")
    add("--json", type=Path, metavar="FILE", help="write the result")
    add("--store", action="store_true", help=f"keep it in {STORED.relative_to(ROOT)}")
    add("--dry-run", action="store_true", help="measure nothing")


def about(args: argparse.Namespace) -> dict[str, str]:
    return {
        "measured": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": git(ROOT, "describe", "--always", "--dirty").strip(),
        "answers": args.answers,
        "rows": args.rows,
        "slices": f"{args.rounds} × {args.seconds:g} s",
        "connections": str(args.connections),
        "machine": f"{os.cpu_count()} × {platform.machine()}, Python {platform.python_version()}",
    }


def run(args: argparse.Namespace, results: Results) -> None:
    (combination,) = [each for each in VALID if each.id == args.answers]
    sizes = [int(size) for size in args.rows.split(",")]
    pinned = not args.unpinned and pin_others()
    with TemporaryDirectory() as folder, ExitStack() as stack:
        Path(folder).chmod(0o711)  # a database server may run as another user
        services = {
            name: Service(Path(folder) / str(number), combination.answers, revision, pinned=pinned)
            for number, (name, revision) in enumerate(revisions(args).items())
        }
        bench = Bench(stack.enter_context(Load()), results, [], args.seconds, args.rounds)
        for name, service in services.items():
            url = stack.enter_context(service.running())
            bench.memory("at rest", name, url, "≤ 95 MB")
            service.seed(0, sizes[0])
            bench.candidates.append(ours(name, url, rooms="websockets" in args.answers))
        if "postgres" in args.answers:
            bench.candidates += baselines(stack, services["ours"])
        bench.candidates += [Candidate.given(text) for text in args.candidate]
        measure(bench, services, sizes, args)


def revisions(args: argparse.Namespace) -> dict[str, str]:
    return {"ours": "HEAD"} | {revision: revision for revision in args.against}


def baselines(stack: ExitStack, service: Service) -> list[Candidate]:
    urls = [
        stack.enter_context(service.served(*BASELINE, f"{name}:app", ready="/health"))
        for name in ("bare", "reference")
    ]
    return [bare(urls[0]), reference(urls[1])]


def measure(
    bench: Bench, services: dict[str, Service], sizes: list[int], args: argparse.Namespace
) -> None:
    parts = args.only.split(",")
    if "starts" in parts:
        bench.starts(services)
    if "routes" in parts:
        bench.routes(args.connections)
    if "logins" in parts:
        bench.logins()
    if "rooms" in parts:
        bench.rooms(args.sockets)
    for candidate in bench.candidates:
        bench.memory("after the load", candidate.name, candidate.url)
    for before, size in pairwise([sizes[0], *sizes]) if "growth" in parts else ():
        for service in services.values():
            service.seed(before, size)
        bench.growth(size)


def report(args: argparse.Namespace, results: Results) -> None:
    print(results.table())
    if STORED.exists():
        print(f"\nCompared with {STORED.relative_to(ROOT)}:\n")
        print(compare(Results.read(STORED), results))
    for path in filter(None, (args.json, STORED if args.store else None)):
        results.write(path)


if __name__ == "__main__":
    sys.exit(main())
