"""A process that serves a video by RTSP: python3 serve_rtsp.py PORT [FILE] -> rtsp://cook:pass@127.0.0.1:PORT/kitchen.

Without a file it is a drawn ball of 96x64, 25 frames a second. It needs GStreamer's RTSP server, which PyPI
does not have; on Debian: gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
gstreamer1.0-plugins-ugly, and the system's own python3.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

USER, PASSWORD = "cook", "pass"


def main(port: str, path: str = "") -> None:
    Gst.init(None)
    pictures = "videotestsrc is-live=true pattern=ball ! video/x-raw,width=96,height=64,framerate=25/1"
    if path:
        pictures = f"filesrc location={path} ! decodebin ! videoconvert ! videorate ! video/x-raw,format=I420"
    factory = GstRtspServer.RTSPMediaFactory()
    coding = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 ! rtph264pay name=pay0 pt=96"
    factory.set_launch(f"( {pictures} ! {coding} )")
    factory.set_shared(True)

    role = "viewer"
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role(role, "media.factory.access", True)
    permissions.add_permission_for_role(role, "media.factory.construct", True)
    factory.set_permissions(permissions)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", role)
    auth = GstRtspServer.RTSPAuth()
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(USER, PASSWORD), token)

    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    server.set_auth(auth)
    server.get_mount_points().add_factory("/kitchen", factory)
    server.attach(None)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:])
