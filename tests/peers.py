"""Cameras and servers written by others, started for a test on 127.0.0.1 and ended with it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSTEM_PYTHON = "/usr/bin/python3"
HERE = Path(__file__).parent


@cache
def gstreamer_missing() -> str:
    """Why the GStreamer RTSP server cannot run here; empty if it can."""
    if shutil.which(SYSTEM_PYTHON) is None:
        return f"{SYSTEM_PYTHON} is missing"
    code = (
        "import gi; gi.require_version('GstRtspServer', '1.0')\n"
        "from gi.repository import Gst, GstRtspServer\n"
        "Gst.init(None)\n"
        "wanted = 'x264enc x265enc jpegenc avenc_aac rtph265pay rtpmp4gpay h265parse'\n"
        "print(*[e for e in wanted.split() if Gst.ElementFactory.find(e) is None])"
    )
    done = subprocess.run([SYSTEM_PYTHON, "-c", code], capture_output=True, text=True, timeout=30)
    if done.returncode:
        return "apt-get install python3-gi gir1.2-gst-rtsp-server-1.0"
    if done.stdout.strip():
        return f"GStreamer elements are missing ({done.stdout.strip()}): apt-get install " + (
            "gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly "
            "gstreamer1.0-libav"
        )
    return ""


@contextmanager
def gstreamer(*mounts: str, user: str = "", password: str = "") -> Iterator[dict[str, str]]:
    """A GStreamer RTSP server; see `gst_server.py` for the mounts. Gives URLs by name."""
    if gstreamer_missing():
        pytest.skip(gstreamer_missing())
    command = [SYSTEM_PYTHON, str(HERE / "gst_server.py"), *mounts]
    if user:
        command += ["--user", user, "--password", password]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            yield json.loads(server.stdout.readline())["urls"]
        finally:
            server.kill()


@contextmanager
def ipycam(**settings: object) -> Iterator[dict[str, int]]:
    """The virtual ONVIF camera ipycam, in a process of its own. Gives its ports by name.

    Args:
        settings: fields of ipycam's CameraConfig.
    """
    ports = dict(zip(("onvif_port", "rtsp_port"), free_ports(2), strict=True))
    command = [sys.executable, str(HERE / "ipycam_camera.py"), json.dumps(settings | ports)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as camera:
        try:
            assert json.loads(camera.stdout.readline())["ready"]
            yield ports
        finally:
            camera.kill()


def free_ports(count: int) -> list[int]:
    """TCP ports that nobody uses at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
