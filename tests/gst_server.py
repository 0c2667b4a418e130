"""An RTSP server written by others (GStreamer's), for the tests; run by the system's Python.

    /usr/bin/python3 tests/gst_server.py NAME=SPEC ... [--user U --password P]

It prints one JSON line when it listens, `{"ready": true, "port": P, "urls": {NAME: URL}}`, and ends
when its stdin does.  A SPEC is `codec[:key=value,...]`:

    codec      h264, h265, mjpeg
    size       WxH, default 320x240
    fps        default 25
    gop        pictures from keyframe to keyframe, default the frame rate
    bframes    B-pictures between two others (h264 only), default 0
    transport  tcp, udp or both, default both
    audio      1 adds AAC

Each mount encodes once for all its clients.  Needs gir1.2-gst-rtsp-server-1.0, python3-gi and the
plugins good, bad, ugly and libav.
"""

import argparse
import json
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

ENCODERS = {
    "h264": "x264enc {tune} key-int-max={gop} bframes={bframes} bitrate=600"
    " ! video/x-h264,profile={profile} ! h264parse"
    " ! rtph264pay name=pay0 pt=96 config-interval={interval}",
    "h265": "x265enc speed-preset=ultrafast tune=zerolatency key-int-max={gop} bitrate=600"
    " option-string=keyint={gop}:min-keyint={gop}"
    " ! h265parse ! rtph265pay name=pay0 pt=96 config-interval={interval}",
    "mjpeg": "jpegenc ! rtpjpegpay name=pay0 pt=26",
}
TRANSPORTS = {
    "tcp": GstRtsp.RTSPLowerTrans.TCP,
    "udp": GstRtsp.RTSPLowerTrans.UDP,
    "both": GstRtsp.RTSPLowerTrans.TCP | GstRtsp.RTSPLowerTrans.UDP,
}


def factory(spec: str) -> GstRtspServer.RTSPMediaFactory:
    codec, _, rest = spec.partition(":")
    given = dict(pair.split("=", 1) for pair in rest.split(",") if pair)
    width, height = given.get("size", "320x240").split("x")
    fps = int(given.get("fps", "25"))
    bframes = given.get("bframes", "0")
    encoder = ENCODERS[codec].format(
        gop=given.get("gop", fps),
        bframes=bframes,
        profile="constrained-baseline" if bframes == "0" else "main",
        tune="speed-preset=veryfast b-adapt=0"
        if bframes != "0"
        else "speed-preset=ultrafast tune=zerolatency",
        interval=given.get("interval", "-1"),
    )
    launch = (
        f"( videotestsrc is-live=1 pattern=ball ! video/x-raw,format=I420,width={width},"
        f"height={height},framerate={fps}/1 ! {encoder}"
    )
    if given.get("audio") == "1":
        launch += (
            " audiotestsrc is-live=1 volume=0.1 ! audio/x-raw,rate=16000,channels=1"
            " ! avenc_aac ! aacparse ! rtpmp4gpay name=pay1 pt=97"
        )
    made = GstRtspServer.RTSPMediaFactory()
    made.set_launch(launch + " )")
    made.set_shared(True)
    made.set_protocols(TRANSPORTS[given.get("transport", "both")])
    return made


def require(server: GstRtspServer.RTSPServer, user: str, password: str) -> None:
    """Digest for everything."""
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "viewer")
    auth.add_digest(user, password, token)
    server.set_auth(auth)


def permit(made: GstRtspServer.RTSPMediaFactory) -> None:
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_role("viewer")
    for what in (
        GstRtspServer.RTSP_PERM_MEDIA_FACTORY_ACCESS,
        GstRtspServer.RTSP_PERM_MEDIA_FACTORY_CONSTRUCT,
    ):
        permissions.add_permission_for_role("viewer", what, True)
    made.set_permissions(permissions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mounts", nargs="+", metavar="NAME=SPEC")
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    options = parser.parse_args()

    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    mounts = server.get_mount_points()
    names = []
    for mount in options.mounts:
        name, _, spec = mount.partition("=")
        made = factory(spec)
        if options.user:
            permit(made)
        mounts.add_factory(f"/{name}", made)
        names.append(name)
    if options.user:
        require(server, options.user, options.password)
    loop = GLib.MainLoop()
    server.attach(None)
    port = server.get_bound_port()
    urls = {name: f"rtsp://127.0.0.1:{port}/{name}" for name in names}
    sys.stdout.write(json.dumps({"ready": True, "port": port, "urls": urls}) + "\n")
    sys.stdout.flush()

    def until_stdin_ends() -> None:
        sys.stdin.buffer.read()
        GLib.idle_add(loop.quit)

    threading.Thread(target=until_stdin_ends, daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main()
