"""What the benches share: the simulator beside them, CPU and memory of processes, how to print."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VONGGAC = str(Path(sys.executable).with_name("vonggac"))
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Simulator:
    """Virtual cameras in a process of their own, whose cost is not counted."""

    process: subprocess.Popen[str]
    urls: list[str]

    def tell(self, order: dict[str, object]) -> dict[str, object]:
        """Give an order over the control channel and read the answer."""
        return self.tell_all([order])[0]

    def tell_all(self, orders: Sequence[dict[str, object]]) -> list[dict[str, object]]:
        """Give orders that are to be obeyed at once, then read their answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("".join(json.dumps(order) + "\n" for order in orders))
        self.process.stdin.flush()
        return [json.loads(self.process.stdout.readline()) for _ in orders]


@contextlib.contextmanager
def simulator(cameras: int, *extra: str) -> Iterator[Simulator]:
    """Start `vonggac simulate --control` on a free loopback port; it ends with the block."""
    process = subprocess.Popen(
        [VONGGAC, "simulate", "--cameras", str(cameras), "--port", "0", "--control", *extra],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise SystemExit("the simulator did not start; run `vonggac simulate` to see why")
        yield Simulator(process, json.loads(line)["urls"])
    finally:
        stop(process)


def stop(process: subprocess.Popen[str] | subprocess.Popen[bytes], seconds: float = 15) -> None:
    """Ask a process to end; kill it if it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def cpu_s(pids: Sequence[int]) -> float:
    """User and system seconds that processes have used, threads included."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def memory_mb(pids: Sequence[int]) -> tuple[float, float]:
    """(RSS, PSS) of processes in MB of 1,000,000 bytes; PSS shares what they share."""
    rss = pss = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Rss:"):
                rss += int(line.split()[1])
            elif line.startswith("Pss:"):
                pss += int(line.split()[1])
    return rss * 1024 / 1e6, pss * 1024 / 1e6


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text().split():
                found += family(int(child))
    return found


def measure(pids: Sequence[int], seconds: float) -> dict[str, float]:
    """CPU (% of one core) and memory (median of four looks) of processes over some seconds."""
    began, used = time.monotonic(), cpu_s(pids)
    looks = []
    for number in range(1, 5):
        time.sleep(max(0.0, began + seconds * number / 4 - time.monotonic()))
        looks.append(memory_mb(pids))
    share = (cpu_s(pids) - used) / (time.monotonic() - began) * 100
    rss, pss = (statistics.median(values) for values in zip(*looks, strict=True))
    return {"cpu_pct": round(share, 2), "rss_mb": round(rss, 1), "pss_mb": round(pss, 1)}


def spread(values: Sequence[float]) -> list[float]:
    """[min, median, max], rounded for print."""
    return [round(v, 3) for v in (min(values), statistics.median(values), max(values))]


def machine() -> dict[str, str]:
    """What it was measured on."""
    model = "unknown"
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {
        "cpu": model,
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": f"{os.getloadavg()[0]:.2f}",
    }


def versions(*commands: Sequence[str]) -> dict[str, str]:
    """First line of each command's version."""
    found = {}
    for command in commands:
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found[command[0]] = text.splitlines()[0][:80]
    return found


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that every bench has."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--json", action="store_true", help="one JSON object as the last line")
    return made


def show(result: dict[str, object], options: argparse.Namespace, table: str) -> None:
    """Print the table, and the JSON last if asked for."""
    print(table)
    if options.json:
        print(json.dumps(result))
