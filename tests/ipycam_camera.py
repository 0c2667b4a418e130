"""ipycam, an ONVIF and RTSP camera written by others, in a process of its own for `peers.ipycam`.

The first argument is JSON with fields of its CameraConfig; it ends when stdin does.
"""

import json
import sys
import threading
import time

import numpy as np
from ipycam import CameraConfig, IPCamera


def main() -> None:
    config = CameraConfig(
        local_ip="127.0.0.1",
        main_width=320,
        main_height=240,
        main_fps=15,
        main_bitrate="500K",
        sub_width=160,
        sub_height=120,
        sub_fps=15,
        sub_bitrate="200K",
        show_timestamp=False,
    )
    for name, value in json.loads(sys.argv[1]).items():
        setattr(config, name, value)
    camera = IPCamera(config)
    if not camera.start():
        raise SystemExit("ipycam did not start")
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.buffer.read(), ended.set()), daemon=True).start()
    sys.stdout.write(json.dumps({"ready": True}) + "\n")
    sys.stdout.flush()
    number = 0
    picture = np.zeros((config.main_height, config.main_width, 3), np.uint8)
    began = time.monotonic()
    while not ended.wait(max(0.0, began + number / config.main_fps - time.monotonic())):
        picture[:] = number * 3 % 255
        camera.stream(picture)
        number += 1
    camera.stop()


if __name__ == "__main__":
    main()
