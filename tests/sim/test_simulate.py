"""`vonggac simulate` as a process: its first line, its orders, its truth, its end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import av
import pytest
from onlookers import numbers, pictures, watch

from vonggac import cli

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

COMMAND = [sys.executable, "-m", "vonggac.cli", "simulate", "--port", "0", "--size", "640x360",
           "--fps", "25", "--kbps", "1500"]  # fmt: skip


@asynccontextmanager
async def simulate(cache: Path, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A simulator that is ended with the test."""
    child = await asyncio.create_subprocess_exec(
        *COMMAND, "--cache", str(cache), *options,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"CAMERA_PASSWORD": "bí mật"},
    )  # fmt: skip
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def line(child: asyncio.subprocess.Process) -> dict[str, Any]:
    """The next line of its stdout."""
    assert child.stdout is not None
    answer: dict[str, Any] = json.loads(await child.stdout.readline())
    return answer


async def order(child: asyncio.subprocess.Process, **wanted: object) -> dict[str, Any]:
    """Give an order, return the answer."""
    assert child.stdin is not None
    child.stdin.write(json.dumps(wanted).encode() + b"\n")
    return await line(child)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_is_ready_serves_and_stops_at_a_signal(number: int, cache: Path) -> None:
    """The contract of section 8: the first line, the names, exit code 0."""
    async with simulate(cache, "--cameras", "2") as child:
        ready = await line(child)
        assert ready["ready"] is True
        assert [url.rsplit("/", 1)[1] for url in ready["urls"]] == ["cam01", "cam02"]
        assert ready["urls"][0].startswith("rtsp://127.0.0.1:")
        seen = await asyncio.to_thread(watch, ready["urls"][1], pictures(5))
        assert len(seen) == 5
        child.send_signal(number)
        assert await asyncio.wait_for(child.wait(), 15) == 0


async def test_orders_are_obeyed_and_the_truth_is_written_down(cache: Path, tmp_path: Path) -> None:
    """How a test in another process injects a fault and knows what really happened."""
    truth = tmp_path / "truth.jsonl"
    async with simulate(cache, "--cameras", "1", "--control", "--truth", str(truth)) as child:
        url = (await line(child))["urls"][0]
        seen = await asyncio.to_thread(watch, url, pictures(30))
        told = (await order(child, truth=True))["truth"]["cam01"]
        assert told["last_number"] >= seen[-1].number
        assert told["pictures"] >= 30
        assert numbers(seen) == list(range(seen[0].number, seen[0].number + 30))
        wanted = {"camera": "cam01", "kind": "drop"}
        assert await order(child, fault=wanted) == {"ok": True}
        assert await order(child, clear={"camera": "cam01"}) == {"ok": True}
        refused = await order(child, fault={"camera": "cam77", "kind": "drop"})
        assert refused["ok"] is False
        assert (await order(child, dance=True))["ok"] is False
        told = (await order(child, truth=True))["truth"]["cam01"]
        (fault,) = told["faults"]
        assert (fault["kind"], fault["from_ns"] < fault["to_ns"]) == ("drop", True)
        assert await order(child, stop=True) == {"ok": True}
        assert await asyncio.wait_for(child.wait(), 15) == 0
    lines = [json.loads(text) for text in truth.read_text().splitlines()]
    faults = [entry["fault"]["to_ns"] for entry in lines if "fault" in entry]
    assert faults == [None, fault["to_ns"]]
    sent = [entry["sent"]["cam01"][0] for entry in lines if "sent" in entry]
    assert sent == sorted(sent)


async def test_it_stops_by_itself_and_asks_for_the_password(cache: Path) -> None:
    """`--seconds`, `--user` and `--password-env`."""
    guarded = ("--user", "quan-tri", "--password-env", "CAMERA_PASSWORD", "--auth", "basic")
    async with simulate(cache, "--cameras", "1", *guarded) as child:
        url = (await line(child))["urls"][0]
        with pytest.raises(av.HTTPUnauthorizedError):
            await asyncio.to_thread(watch, url, pictures(1))
        door = url.replace("rtsp://", "rtsp://quan-tri:b%C3%AD%20m%E1%BA%ADt@")
        assert len(await asyncio.to_thread(watch, door, pictures(3))) == 3
    async with simulate(cache, "--cameras", "1", "--seconds", "0.2") as child:
        assert await asyncio.wait_for(child.wait(), 15) == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--size", "1280"),
        ("--fps", "0"),
        ("--cameras", "0"),
        ("--fault", "cam01:dance@3"),
        ("--user", "only"),
        ("--user", "u", "--password-env", "NOT_SET_ANYWHERE"),
    ],
)
def test_wrong_use_ends_with_two(
    options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing on stdout that a script could take for readiness."""
    assert cli.main(["simulate", "--port", "0", *options]) == 2
    assert capsys.readouterr().out == ""
