"""Rows of the field's own files: recorders, cutters and converters that keep to no book. Made by ffmpeg."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from .fault import Fault
from .flashing_video import flashing_video

_EXPORT = ("--output", "out.mp4")
_QUIET = ("ffmpeg", "-hide_banner", "-loglevel", "error", "-y")


def _ffmpeg(*arguments: str | Path) -> None:
    subprocess.run([*_QUIET, *map(str, arguments)], check=True)


def _converted(name: str, codecs: str, *, sound: float | None = 4.0) -> Callable[[Path], list[str]]:
    """A flash and a tone, in another container and codec."""

    def prepare(folder: Path) -> list[str]:
        source = flashing_video(folder / "source.mkv", sound=sound, codec="ffv1")
        _ffmpeg("-i", source, "-fps_mode", "passthrough", *codecs.split(), f"file:{folder / name}")
        source.unlink()
        return ["--video", name, *_EXPORT]

    return prepare


def _decoding_times(folder: Path) -> list[str]:
    _converted("a.avi", "-c:v libx264 -bf 3 -c:a mp3")(folder)
    _ffmpeg("-i", folder / "a.avi", "-c", "copy", "-bsf:v", "setts=pts=DTS", folder / "in.mkv")
    return ["--video", "in.mkv", *_EXPORT]


def _cut(folder: Path) -> list[str]:
    """A lossless trim: its sound begins before 0:00."""
    times = [i / 25 for i in range(200)]
    flashing_video(folder / "whole.mp4", sound=8.0, times=times, options={"g": "250"})
    _ffmpeg("-ss", "1", "-i", folder / "whole.mp4", "-c", "copy", folder / "in.mp4")
    return ["--video", "in.mp4", *_EXPORT]


def _unknown_codec(folder: Path) -> list[str]:
    path = flashing_video(folder / "in.mp4")
    path.write_bytes(path.read_bytes().replace(b"avc1\0", b"zzz1\0"))
    return ["--video", "in.mp4", *_EXPORT]


def _still_first(folder: Path) -> list[str]:
    flashing_video(folder / "video.mp4", sound=4.0)
    _ffmpeg("-f", "lavfi", "-i", "color=red:s=320x240", "-frames:v", "1", folder / "still.jpg")
    _ffmpeg("-i", folder / "still.jpg", "-i", folder / "video.mp4", "-map", "0", "-map", "1", "-c", "copy",
            folder / "in.mp4")  # fmt: skip
    return ["--video", "in.mp4", *_EXPORT]


def _joined(*second: str) -> Callable[[Path], list[str]]:
    """Two pieces of bare H.264, of which the second is made with other options."""

    def prepare(folder: Path) -> list[str]:
        coding = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
        for name, more in (("a.h264", ()), ("b.h264", second)):
            _ffmpeg("-f", "lavfi", "-i", "testsrc=s=96x64:r=25:d=2", *coding, *more, folder / name)
        (folder / "in.h264").write_bytes(b"".join((folder / f"{n}.h264").read_bytes() for n in "ab"))
        return ["--video", "in.h264", *_EXPORT]

    return prepare


def _lost_packet(folder: Path) -> list[str]:
    """One transport packet of the sound is missing."""
    _converted("in.ts", "-c:v libx264 -c:a aac -f mpegts")(folder)
    stream = bytearray((folder / "in.ts").read_bytes())
    sound = [i for i in range(0, len(stream), 188) if (stream[i + 1] & 0x1F) << 8 | stream[i + 2] == 0x101]
    middle = sound[len(sound) // 3]
    del stream[middle : middle + 188]
    (folder / "in.ts").write_bytes(bytes(stream))
    return ["--video", "in.ts", *_EXPORT]


def _sound_changes(*second: str) -> Callable[[Path], list[str]]:
    """MPEG-TS of two pieces, whose sound differs, while time goes on."""

    def prepare(folder: Path) -> list[str]:
        coding = ("-c:v", "mpeg2video", "-c:a", "mp2", "-f", "mpegts")
        for name, more in (("a", ("-ac", "2")), ("b", (*second, "-output_ts_offset", "2"))):
            _ffmpeg("-f", "lavfi", "-i", "testsrc=s=96x64:r=25:d=2", "-f", "lavfi", "-i", "sine=d=2:r=48000",
                    *coding, *more, folder / f"{name}.ts")  # fmt: skip
        (folder / "in.ts").write_bytes(b"".join((folder / f"{n}.ts").read_bytes() for n in "ab"))
        return ["--video", "in.ts", *_EXPORT]

    return prepare


def _broken_table(kind: bytes) -> Callable[[Path], list[str]]:
    """An .mp4 of which some entries of a table are overwritten."""

    def prepare(folder: Path) -> list[str]:
        _converted("in.mp4", "-c:v libx264 -bf 2 -c:a aac")(folder)
        data = bytearray((folder / "in.mp4").read_bytes())
        at = data.rfind(kind) if kind == b"stsz" else data.find(kind)
        for entry in range(at + 40, at + 120, 12):
            data[entry : entry + 4] = b"\x7f\xff\xff\xff"
        (folder / "in.mp4").write_bytes(bytes(data))
        return ["--video", "in.mp4", *_EXPORT]

    return prepare


def _pipe(folder: Path) -> list[str]:
    video = flashing_video(folder / "source.ts", sound=4.0)
    os.mkfifo(folder / "pipe")
    threading.Thread(target=lambda: (folder / "pipe").write_bytes(video.read_bytes()), daemon=True).start()
    return ["--video", "pipe", *_EXPORT]


def _named(name: str) -> Callable[[Path], list[str]]:
    def prepare(folder: Path) -> list[str]:
        flashing_video(folder / "source.mp4", sound=4.0).rename(folder / name)
        return [f"--video={name}", *_EXPORT]

    return prepare


def _hdr(folder: Path) -> list[str]:
    light = "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
    _converted("in.mp4", f"-pix_fmt yuv420p10le -c:v libx265 -x265-params {light} -c:a aac")(folder)
    return ["--video", "in.mp4", *_EXPORT]


def _folder(*names: str, rate: str = "") -> Callable[[Path], list[str]]:
    def prepare(folder: Path) -> list[str]:
        (folder / "frames").mkdir()
        for index, name in enumerate(names):
            _ffmpeg("-f", "lavfi", "-i", f"color=0x{40 + index:02}4040:s=64x48", "-frames:v", "1",
                    folder / "frames" / name)  # fmt: skip
        return ["--video", "frames", *_EXPORT, *(("--rate", rate) if rate else ())]

    return prepare


_COUNTED = [f"{index}.jpg" for index in range(20)]
_TIMED = [f"cam_{1714567890000 + 200 * index}.jpg" for index in range(20)]


def _whole(done: str, prepare: Callable[[Path], list[str]]) -> Fault:
    """Nothing is lost, nothing is said, and picture and sound are in step."""
    return Fault(done, prepare, frames=100, step=True)


_TURNED = "h264_metadata=display_orientation=insert:rotate=90"
_CHANGED = "of another size or turn"

FIELD_FILES = [
    Fault("AVI: Xvid with B-frames", _converted("in.avi", "-c:v libxvid -bf 2 -c:a mp3"), frames=98),
    _whole("AVI: H.264 with B-frames", _converted("in.avi", "-c:v libx264 -bf 3 -c:a mp3")),
    _whole("AVI: DivX 3", _converted("in.avi", "-c:v msmpeg4 -c:a mp3")),
    Fault("Matroska with decoding times", _decoding_times, says=None, frames=100),
    _whole("WebM with hidden frames", _converted("in.webm", "-c:v libvpx -auto-alt-ref 1 -c:a libopus")),
    _whole("fragmented", _converted("in.mp4", "-c:v libx264 -c:a aac -movflags frag_keyframe+empty_moov")),
    _whole("Windows Media", _converted("in.wmv", "-c:v wmv2 -c:a wmav2")),
    Fault("a codec that nobody decodes", _unknown_codec, 1, "nothing here knows the codec of its video"),
    _whole("a still picture in the first video stream, unmarked", _still_first),
    Fault("another size from the middle on", _joined("-s", "64x96"), says=_CHANGED, frames=100),
    Fault("turned from the middle on", _joined("-bsf:v", _TURNED), says=_CHANGED, frames=100),
    Fault("HDR (PQ)", _hdr, says="tone-mapped for the model, from HDR (PQ)", frames=100, step=True),
    Fault("a lossless trim: its sound begins before 0:00", _cut, frames=175, step=True),
    _whole("a pipe in the file system", _pipe),
    _whole("a name with a colon", _named("cam1:front.mp4")),
    _whole("a name with a percent sign", _named("50%d.mp4")),
    _whole("a name with a leading dash", _named("-a.mp4")),
    Fault("a packet of sound is lost", _lost_packet, says="its sound is damaged", frames=100),
    Fault("sound goes from stereo to mono", _sound_changes("-ac", "1"), says=None, frames=100),
    Fault("sound goes from 48 to 32 kHz", _sound_changes("-ac", "2", "-ar", "32000"), says=None, frames=100),
    Fault("broken sample sizes of the sound", _broken_table(b"stsz"), says=None, frames=100),
    Fault("broken composition times", _broken_table(b"ctts"), says="pictures cannot be decoded"),
    Fault("a folder at the rate given", _folder(*_COUNTED, rate="5"), 0, "as given", 20, 3.8),
    Fault("a folder whose names hold times", _folder(*_TIMED), 0, "by their names", 20, 3.8),
    Fault("a folder without any time", _folder(*_COUNTED), 0, "--rate gives another", 20, 0.76),
]
if shutil.which("ffmpeg") is None:
    FIELD_FILES = []
