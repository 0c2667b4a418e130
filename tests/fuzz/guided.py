"""Let coverage choose the mutations: the entries of `fuzz_entries` under libFuzzer, by atheris.

    .venv/bin/python tests/fuzz/guided.py --seconds 60
    .venv/bin/python tests/fuzz/guided.py --entry segment --seconds 600 --corpus DIR

`run.py` draws blindly and the same on every machine; here an input that reaches a new branch is
kept and changed further, so that a run finds what no list of mutations would.  It is not
repeatable, and it is not part of `make test`.  Each entry has a process of its own, one on each
core; inputs that raise what is not documented, that take longer than `CASE_S`, or more memory than
`MEMORY_MB`, are kept in `tests/fuzz/found/` and make the exit code 1.

atheris is a development dependency where a wheel of it exists (Linux on x86-64); elsewhere this
says so and ends with 0.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
FOUND = HERE / "found"
ENTRIES = (
    "message", "handshake", "description", "url", "challenge", "connection", "nals", "timeline",
    "life", "segment", "recording", "fact", "envelope", "question", "head", "answer", "token",
    "journal", "request", "match", "device", "configuration",
)  # fmt: skip
"""The names of `fuzz_entries.entries()`; a test holds the two equal."""
CASE_S = 3
"""Seconds of one case until libFuzzer calls it a hang: instrumented code takes five times longer
than that of `run.py`, which has the tight bound."""
MEMORY_MB = 1024
OWN_SHARE = 0.3
"""How many of the mutations are ours, which keep a format's shape; the others are libFuzzer's."""


def fuzz(name: str, seconds: int, corpus: Path) -> None:
    """Fuzz one entry in this process; libFuzzer ends it."""
    import atheris

    with atheris.instrument_imports(include=["vonggac", "fuzz_rtsp", "fuzz_pictures", "fuzz_bus"]):
        import fuzz_entries

    entry = fuzz_entries.entries()[name]
    for number, seed in enumerate(entry.seeds):
        (corpus / f"seed-{number:03d}").write_bytes(seed)
    regressions = HERE / "regressions" / name
    for path in regressions.glob("*.bin"):
        (corpus / path.stem).write_bytes(path.read_bytes())

    def take(data: bytes) -> None:
        entry.take(data)

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if not data or rng.random() > OWN_SHARE:
            return atheris.Mutate(data, longest)
        return entry.mutate(rng, data, entry.seeds, entry.words)[:longest]

    FOUND.joinpath(name).mkdir(parents=True, exist_ok=True)
    settings = [
        f"-max_total_time={seconds}", f"-timeout={CASE_S}", f"-rss_limit_mb={MEMORY_MB}",
        "-max_len=24576", "-print_final_stats=1", f"-artifact_prefix={FOUND / name}/guided-",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *settings, str(corpus)], take, custom_mutator=mutate)
    atheris.Fuzz()


def start(name: str, seconds: int, corpus: Path) -> subprocess.Popen[str]:
    """A process that fuzzes one entry."""
    corpus.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        ["nice", "-n", "10", sys.executable, __file__, "--entry", name, "--seconds", str(seconds),
         "--corpus", str(corpus), "--inside"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip


def outcome(name: str, process: subprocess.Popen[str]) -> dict[str, object]:
    """What libFuzzer said at its end."""
    told, _ = process.communicate()
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", told)
    covered = re.findall(r"\bcov: (\d+)", told)
    found = re.findall(r"Test unit written to (\S+)", told)
    if process.returncode or found:
        print(f"{name} ended with {process.returncode}:\n{told[-3000:]}", file=sys.stderr)
    return {
        "entry": name,
        "cases": int(runs[1]) if runs else 0,
        "reached_at_first": int(covered[0]) if covered else 0,
        "reached": int(covered[-1]) if covered else 0,
        "failed": bool(process.returncode or found),
        "inputs": found,
    }


def main() -> int:
    """Fuzz what is asked for; 0 if nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, metavar="S", help="in all")
    parser.add_argument("--entry", action="append", choices=ENTRIES, help="default: every one")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="keep what reaches new branches")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print(
            "atheris is not installed (it has wheels for Linux on x86-64 alone): there is no "
            "coverage-guided run here. tests/fuzz/run.py needs nothing.",
            file=sys.stderr,
        )
        return 0
    if options.inside:
        fuzz(options.entry[0], options.seconds, options.corpus)
    names = list(options.entry or ENTRIES)
    each = max(1, options.seconds * options.workers // len(names))
    told: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(prefix="vonggac-guided-") as held:
        folder = options.corpus or Path(held)
        running: list[tuple[str, subprocess.Popen[str]]] = []
        while names or running:
            while names and len(running) < options.workers:
                name = names.pop(0)
                running.append((name, start(name, each, folder / name)))
            name, process = running.pop(0)
            told.append(outcome(name, process))
            last = told[-1]
            print(
                f"{name:14} {last['cases']:>9,} cases in {each} s, "
                f"{last['reached_at_first']} places reached by the seeds, {last['reached']} now",
                file=sys.stderr,
            )
    failed = [one for one in told if one["failed"]]
    cases = sum(int(str(one["cases"])) for one in told)
    print(f"{cases:,} guided cases, {len(failed)} entries with findings", file=sys.stderr)
    if options.json:
        print(json.dumps({"cases": cases, "seconds": options.seconds, "entries": told}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
