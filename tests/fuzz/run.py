"""Fire mutated bytes at every parser of bytes from outside, many and repeatably.

    .venv/bin/python tests/fuzz/run.py --cases 1000000          all of it, on every core
    .venv/bin/python tests/fuzz/run.py --only segment --cases 50000 --seed 7
    .venv/bin/python tests/fuzz/run.py --coverage               how much of the parsers is reached
    .venv/bin/python tests/fuzz/run.py --again FILE             one input again, with its traceback

Which bytes a case has follows from its entry, the seed and its number alone (`fuzz_entries`), so a
run is the same on every machine and however many cores it has.

A finding is any exception that the parsers do not document, a broken promise of theirs (assertions
in `fuzz_entries`), a case that takes longer than `CASE_S` of CPU time, one that takes more memory
than `PEAK_BYTES` for its size, or a process that grows.  Inputs of findings are kept in
`tests/fuzz/found/`; put them into `tests/fuzz/regressions/<entry>/` with a name that says what they
are when they are mended.  The exit code is 1 if there is any.

**Coverage** is that of branches, by coverage.py, over the modules of `vonggac.media` that read what
a camera or a file says (`MODULES`).  It is measured twice, in processes of their own: over the unit
tests of `tests/media`, and over a short run of this program with the regressions; the share told
is that of the two together, and each alone beside it.  A branch is a pair of lines between which
the program can jump; those marked `# pragma: no cover` would be left out, and there are none.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import tracemalloc
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from multiprocessing import Pipe, Process, cpu_count
from multiprocessing.connection import wait
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import fuzz_entries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FOUND = HERE / "found"
REGRESSIONS = HERE / "regressions"

CASE_S = 0.25
"""CPU seconds of one case; ordinary ones take 0.0002, and a camera may send thousands a second."""
HANG_S = 10.0
"""CPU seconds without a step, in code that no signal can interrupt, until a process is killed."""
BATCH = 400
"""Cases that a process is given at once."""
SAMPLED = 997
"""One case in so many has its memory traced: tracing takes ten times the time."""
PEAK_BYTES = (8 << 20, 400)
"""What a case may take at its peak: so much, and so many bytes for each byte of it."""
GROWTH_BYTES = 192 << 20
"""How much a process may grow in all; caches of interpreter and allocator included."""
ADDRESS_BYTES = 2 << 30
"""Address space beyond the start's: an absurd allocation fails instead of swapping."""
KEPT = 3
"""Inputs kept of findings that end at the same line."""

MODULES = (
    "rtsp", "rtsp_message", "sdp", "address", "digest", "rtp", "rtp_audio", "rtp_track",
    "rtp_video", "h26x", "fmp4_read", "progressive", "timeline",
)  # fmt: skip
"""The parsers of `vonggac.media` whose branches are counted."""
WANTED = 0.95
"""The share of their branches that is to be reached (must-show 9)."""
COVERAGE_CASES = 40_000


class TookTooLong(BaseException):
    """Raised by the timer into a case that does not end; no parser can catch it."""


@dataclass
class Finding:
    """Something that should not have come out of a parser."""

    entry: str
    number: int
    where: str
    """Type and line: findings of one place are one."""
    told: str
    data: bytes = b""


@dataclass
class Outcome:
    """What a stretch of cases came to."""

    entry: str
    cases: int = 0
    taken: int = 0
    findings: list[Finding] = field(default_factory=list)
    cpu_s: float = 0.0
    rss: int = 0


class Watch:
    """Bounds the CPU time of a case from within: two ticks of the profiling timer in one case."""

    def __init__(self) -> None:
        self.case = 0
        self._seen = (-1, 0)
        signal.signal(signal.SIGPROF, self._tick)
        signal.setitimer(signal.ITIMER_PROF, CASE_S / 2, CASE_S / 2)

    def _tick(self, number: int, frame: object) -> None:
        case, ticks = self._seen
        ticks = ticks + 1 if case == self.case else 0
        self._seen = (self.case, ticks)
        if ticks >= 2:
            raise TookTooLong(f"more than {CASE_S} s of CPU time")

    def stop(self) -> None:
        """No more ticks."""
        signal.setitimer(signal.ITIMER_PROF, 0)


def one(entry: fuzz_entries.Entry, data: bytes, *, traced: bool = False) -> bool:
    """One case; raises what is a finding."""
    if not traced:
        return entry.take(data)
    gc.collect()
    tracemalloc.start()
    try:
        taken = entry.take(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    least, each = PEAK_BYTES
    if peak > least + each * len(data):
        raise MemoryError(f"{peak >> 10} kB for a case of {len(data)} bytes")
    return taken


def stretch(
    entry: fuzz_entries.Entry, seed: int, first: int, count: int, watch: Watch, told: RawArray
) -> Outcome:
    """Cases `first` to `first + count` of an entry."""
    outcome = Outcome(entry.name)
    before = time.process_time()
    for number in range(first, first + count):
        told[0] = number
        data = entry.case(seed, number)
        watch.case += 1
        try:
            outcome.taken += one(entry, data, traced=number % SAMPLED == SAMPLED - 1)
        except Exception as error:  # noqa: BLE001 - that is the question
            outcome.findings.append(_finding(entry.name, number, error, data))
        except TookTooLong as slow:
            if _is_slow_again(entry, data, watch):
                outcome.findings.append(_finding(entry.name, number, slow, data))
        outcome.cases += 1
    outcome.cpu_s = time.process_time() - before
    outcome.rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    return outcome


def _is_slow_again(entry: fuzz_entries.Entry, data: bytes, watch: Watch) -> bool:
    """A machine that is busy with others makes an ordinary case slow, once in a million."""
    watch.case += 1
    try:
        entry.take(data)
    except TookTooLong:
        return True
    except Exception:  # noqa: BLE001 - it was slow; what else it is, another case will show
        return False
    return False


def _finding(name: str, number: int, error: BaseException, data: bytes) -> Finding:
    ours = [
        frame for frame in traceback.extract_tb(error.__traceback__)
        if str(ROOT) in frame.filename and ".venv" not in frame.filename
    ]  # fmt: skip
    last = ours[-1] if ours else None
    place = f"{Path(last.filename).name}:{last.lineno}" if last else "nowhere"
    told = "".join(traceback.format_exception(error, limit=-8))
    return Finding(name, number, f"{type(error).__name__} at {place}", told, data)


def work(pipe: Connection, told: RawArray, seed: int) -> None:
    """A process that takes stretches until it is told to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(10)
    entries = fuzz_entries.entries()
    gc.collect()
    gc.freeze()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ADDRESS_BYTES, resource.RLIM_INFINITY))
    started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    watch = Watch()
    while (job := pipe.recv()) is not None:
        name, first, count = job
        outcome = stretch(entries[name], seed, first, count, watch, told)
        if outcome.rss > started + GROWTH_BYTES:
            text = f"the process grew from {started >> 20} to {outcome.rss >> 20} MB"
            outcome.findings.append(Finding(name, first, "growth of the process", text))
            started = outcome.rss
        pipe.send(outcome)
    watch.stop()


def jobs(cases: int, only: list[str]) -> Iterator[tuple[str, int, int]]:
    """Stretches of all entries in turn, so that a run that is cut short has met all of them."""
    entries = [e for e in fuzz_entries.entries().values() if not only or e.name in only]
    shares = sum(entry.share for entry in entries)
    left = {e.name: max(len(e.seeds), cases * e.share // shares) for e in entries}
    missing = cases - sum(left.values())
    if missing > 0:
        left[entries[0].name] += missing
    done: Counter[str] = Counter()
    total = dict(left)
    while left:
        # The entry that is furthest behind its share is next.
        name = min(left, key=lambda one: done[one] / total[one])
        count = min(BATCH, left[name])
        yield name, done[name], count
        done[name] += count
        left[name] -= count
        if not left[name]:
            del left[name]


@dataclass
class Run:
    """A whole run while it goes on."""

    started: float
    wanted: int
    by: dict[str, Outcome] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    rss: int = 0
    drawn: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count what came in."""
        mine = self.by.setdefault(outcome.entry, Outcome(outcome.entry))
        mine.cases += outcome.cases
        mine.taken += outcome.taken
        mine.cpu_s += outcome.cpu_s
        self.rss = max(self.rss, outcome.rss)
        self.findings += [keep(one) for one in outcome.findings]

    @property
    def cases(self) -> int:
        """How many have been tried."""
        return sum(one.cases for one in self.by.values())

    def draw(self) -> None:
        """One line that says how far it is, on a terminal."""
        now = time.monotonic()
        if not sys.stderr.isatty() or now - self.drawn < 0.5:
            return
        self.drawn = now
        passed = now - self.started
        rate = self.cases / passed if passed else 0
        rest = (self.wanted - self.cases) / rate if rate else 0
        line = (
            f"\r{self.cases:>9,} of {self.wanted:,} cases   {rate:,.0f} a second   "
            f"{rest:.0f} s to go   {len(self.findings)} findings "
        )
        print(line, end="", file=sys.stderr, flush=True)


def keep(finding: Finding) -> Finding:
    """Store a finding's input, unless enough of its kind are there."""
    folder = FOUND / finding.entry
    folder.mkdir(parents=True, exist_ok=True)
    kind = sha256(finding.where.encode()).hexdigest()[:6]
    if finding.data and len(list(folder.glob(f"{kind}-*.bin"))) < KEPT:
        path = folder / f"{kind}-{sha256(finding.data).hexdigest()[:10]}.bin"
        path.write_bytes(finding.data)
        path.with_suffix(".txt").write_text(f"{finding.where}\n{finding.told}\n")
    return finding


class Worker:
    """A process and what it is doing."""

    def __init__(self, seed: int) -> None:
        self.told = RawArray("q", 1)
        self.job: tuple[str, int, int] | None = None
        self.pipe, theirs = Pipe()
        self.process = Process(target=work, args=(theirs, self.told, seed), daemon=True)
        self.process.start()
        theirs.close()
        self._step = (-1, 0.0)

    def give(self, job: tuple[str, int, int] | None) -> None:
        """A stretch of cases, or the word to stop."""
        self.job = job
        self.pipe.send(job)

    def hangs(self) -> bool:
        """Whether it spends CPU time on one case that no timer of its own could end."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return False
        cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        number, since = self._step
        if number != self.told[0]:
            self._step = (self.told[0], cpu_s)
            return False
        return self.job is not None and cpu_s - since > HANG_S


def fire(cases: int, seed: int, only: list[str], workers: int, seconds: float) -> Run:
    """A run on several processes."""
    fuzz_entries.entries()  # made once, before the processes are
    run = Run(time.monotonic(), cases)
    waiting = jobs(cases, only)
    crew = [Worker(seed) for _ in range(workers)]
    ends = run.started + seconds if seconds else float("inf")

    def next_job() -> tuple[str, int, int] | None:
        return next(waiting, None) if time.monotonic() < ends else None

    for worker in crew:
        worker.give(next_job())
    while any(worker.job for worker in crew):
        by_pipe = {worker.pipe: worker for worker in crew if worker.job}
        for pipe in wait(list(by_pipe), timeout=1):
            worker = by_pipe[pipe]  # type: ignore[index]
            try:
                run.add(worker.pipe.recv())
            except EOFError:
                _lost(run, crew, worker, seed, "the process died")
                worker = crew[-1]
            worker.give(next_job())
        for worker in [one for one in crew if one.hangs()]:
            worker.process.kill()
            _lost(run, crew, worker, seed, "a hang that no signal ends")
            crew[-1].give(next_job())
        run.draw()
    for worker in crew:
        worker.process.join(5)
    return run


def _lost(run: Run, crew: list[Worker], worker: Worker, seed: int, why: str) -> None:
    """A process is gone: its case is a finding, the rest of its stretch is left out."""
    assert worker.job is not None
    name, _, _ = worker.job
    number = worker.told[0]
    data = fuzz_entries.entries()[name].case(seed, number)
    run.add(Outcome(name, 1, 0, [Finding(name, number, why, why, data)]))
    crew.remove(worker)
    crew.append(Worker(seed))


def alone(cases: int, seed: int, only: list[str]) -> Run:
    """A run in this process: under coverage.py, and where there is one core."""
    entries = fuzz_entries.entries()
    run = Run(time.monotonic(), cases)
    told = RawArray("q", 1)
    watch = SimpleWatch()
    for name, first, count in jobs(cases, only):
        run.add(stretch(entries[name], seed, first, count, watch, told))
        run.draw()
    for path in sorted(REGRESSIONS.rglob("*.bin")):
        one(entries[path.parent.name], path.read_bytes())
    return run


class SimpleWatch(Watch):
    """Counts and bounds nothing: coverage.py makes everything slow."""

    def __init__(self) -> None:
        self.case = 0


# --- coverage --------------------------------------------------------------------------------


def measure(cases: int, seed: int) -> dict[str, object]:
    """Branches of the parsers reached by unit tests, by fuzzing, and by both."""
    with tempfile.TemporaryDirectory(prefix="vonggac-cover-") as held:
        folder = Path(held)
        python = [sys.executable, "-m", "coverage"]
        told = ["run", "--branch", "--source=vonggac.media"]
        runs = {
            "unit": [*told, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/media"],
            "fuzz": [*told, str(HERE / "run.py"), "--cases", str(cases), "--seed", str(seed),
                     "--workers", "0", "--json"],
        }  # fmt: skip
        for name, arguments in runs.items():
            print(f"measuring: {name}", file=sys.stderr, flush=True)
            done = subprocess.run(
                [*python, *arguments[:1], f"--data-file={folder / name}", *arguments[1:]],
                cwd=ROOT, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                print(done.stdout[-4000:], done.stderr[-4000:], file=sys.stderr)
                raise SystemExit(f"the {name} run failed: there is nothing to measure")
        both = [*python, "combine", "--keep", f"--data-file={folder / 'both'}"]
        subprocess.run(
            [*both, str(folder / "unit"), str(folder / "fuzz")],
            cwd=ROOT, capture_output=True, check=True,
        )  # fmt: skip
        return {name: _branches(python, folder / name) for name in ("unit", "fuzz", "both")}


def _branches(python: list[str], data: Path) -> dict[str, object]:
    told = subprocess.run(
        [*python, "json", f"--data-file={data}", "-q", "-o", "-"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    files = json.loads(told.stdout)["files"]
    by: dict[str, object] = {}
    reached = branches = 0
    for module in MODULES:
        summary = files[f"src/vonggac/media/{module}.py"]["summary"]
        reached += summary["covered_branches"]
        branches += summary["num_branches"]
        by[module] = {
            "reached": summary["covered_branches"],
            "of": summary["num_branches"],
            "missing": [
                f"{a}->{b}" for a, b in files[f"src/vonggac/media/{module}.py"]["missing_branches"]
            ],
        }
    return {"reached": reached, "of": branches, "share": round(reached / branches, 4), "by": by}


def show_coverage(found: dict[str, object]) -> None:
    """A table for a person."""
    print(
        f"{'branches of media/':22}{'unit':>10}{'fuzz':>10}{'both':>10}{'of':>6}", file=sys.stderr
    )
    for module in MODULES:
        cells = [found[kind]["by"][module] for kind in ("unit", "fuzz", "both")]  # type: ignore[index]
        row = "".join(f"{cell['reached']:>10}" for cell in cells)
        print(f"  {module:20}{row}{cells[0]['of']:>6}", file=sys.stderr)
    shares = "".join(f"{found[kind]['share']:>10.1%}" for kind in ("unit", "fuzz", "both"))  # type: ignore[index]
    print(f"{'share':22}{shares}", file=sys.stderr)


# --- the command -----------------------------------------------------------------------------


def again(path: Path) -> NoReturn:
    """One input once more, its traceback in the open."""
    taken = fuzz_entries.entries()[path.parent.name].take(path.read_bytes())
    raise SystemExit("taken" if taken else "refused as documented")


def main() -> int:
    """Run; 0 if nothing was found and, with --coverage, enough was reached."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument(
        "--seconds", type=float, default=0.0, metavar="S", help="stop after so long"
    )
    parser.add_argument("--workers", type=int, default=cpu_count(), metavar="N")
    parser.add_argument("--only", action="append", default=[], metavar="NAME",
                        choices=sorted(fuzz_entries.entries()))  # fmt: skip
    parser.add_argument("--coverage", action="store_true", help="measure branches, briefly")
    parser.add_argument("--again", type=Path, metavar="FILE", help="replay one input")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args()
    if options.again:
        again(options.again)
    if options.coverage:
        cases = min(options.cases, COVERAGE_CASES)
        found = measure(cases, options.seed)
        show_coverage(found)
        share = found["both"]["share"]  # type: ignore[index]
        if options.json:
            print(json.dumps({"cases": cases, "wanted": WANTED, **found}))
        return 0 if share >= WANTED else 1
    if options.workers > 0:
        run = fire(options.cases, options.seed, options.only, options.workers, options.seconds)
    else:
        run = alone(options.cases, options.seed, options.only)
    return report(run, options)


def report(run: Run, options: argparse.Namespace) -> int:
    """Say what came of it."""
    seconds = time.monotonic() - run.started
    if sys.stderr.isatty():
        print("\r" + " " * 78 + "\r", end="", file=sys.stderr)
    places = Counter((one.entry, one.where) for one in run.findings)
    for outcome in run.by.values():
        print(
            f"{outcome.entry:14} {outcome.cases:>8,} cases, {outcome.taken / outcome.cases:5.0%} "
            f"taken, {outcome.cpu_s / outcome.cases * 1e6:6.0f} us each",
            file=sys.stderr,
        )
    for (entry, where), count in places.most_common():
        example = next(one for one in run.findings if (one.entry, one.where) == (entry, where))
        print(f"\n{entry}: {where}, {count} times, first case {example.number}\n{example.told}",
              file=sys.stderr)  # fmt: skip
    told = {
        "cases": run.cases,
        "seed": options.seed,
        "seconds": round(seconds, 1),
        "cpu_s": round(sum(one.cpu_s for one in run.by.values()), 1),
        "peak_rss_mb": run.rss >> 20,
        "entries": {name: {"cases": one.cases, "taken": one.taken} for name, one in run.by.items()},
        "findings": [
            {"entry": entry, "what": where, "times": count}
            for (entry, where), count in places.most_common()
        ],
    }
    print(
        f"{run.cases:,} cases in {seconds:.0f} s, {len(run.findings)} findings; inputs are in "
        f"{FOUND.relative_to(ROOT)}" if run.findings
        else f"{run.cases:,} cases in {seconds:.0f} s: no crash, no hang, "
        f"no process above {run.rss >> 20} MB",
        file=sys.stderr,
    )  # fmt: skip
    if options.json:
        print(json.dumps(told))
    return 1 if run.findings else 0


if __name__ == "__main__":
    sys.exit(main())
