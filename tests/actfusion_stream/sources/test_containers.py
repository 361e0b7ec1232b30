"""Every picture once, at FFmpeg's own time, whatever container and codec; the stream that players show."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from film import best_effort, film, needs_ffmpeg
from sample_videos import packets

from actfusion_stream import Engine, StreamError, open_stream, run
from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.sinks.annotated_video import AnnotatedVideo
from actfusion_stream.sources.containers import open_container, start_of
from actfusion_stream.sources.source import open_source
from actfusion_stream.tools.data.extraction import extract
from actfusion_stream.tools.data.videos import common_rate
from actfusion_stream.weights.extractor_choice import ExtractorChoice

pytestmark = needs_ffmpeg

CORPUS = {
    "xvid.avi": "-c:v libxvid -bf 2 -c:a mp3",
    "mpeg4.avi": "-c:v mpeg4 -bf 2 -c:a mp3",
    "h264.avi": "-c:v libx264 -bf 3 -c:a mp3",
    "divx3.avi": "-c:v msmpeg4 -c:a mp3",
    "mjpeg.avi": "-c:v mjpeg -c:a pcm_s16le",
    "raw.avi": "-c:v rawvideo -pix_fmt yuv420p -c:a pcm_s16le",
    "dv.avi": "-s 720x576 -pix_fmt yuv420p -c:v dvvideo -c:a pcm_s16le -ar 48000",
    "h264.mp4": "-c:v libx264 -bf 3 -g 25 -pix_fmt yuv420p -c:a aac",
    "fragmented.mp4": "-c:v libx264 -bf 3 -g 25 -movflags frag_keyframe+empty_moov",
    "open_gop.mp4": "-c:v libx264 -bf 3 -g 25 -x264-params open-gop=1",
    "h265.mp4": "-c:v libx265 -x265-params log-level=error -c:a aac",
    "av1.mp4": "-c:v libaom-av1 -cpu-used 8 -c:a aac",
    "h264.mov": "-c:v libx264 -bf 3 -c:a aac",
    "prores.mov": "-c:v prores_ks -c:a pcm_s16le",
    "h264.mkv": "-c:v libx264 -bf 3 -c:a aac",
    "mpeg4.mkv": "-c:v mpeg4 -bf 2 -c:a mp3",
    "vp8_hidden.webm": "-c:v libvpx -auto-alt-ref 1 -lag-in-frames 16 -c:a libopus",
    "vp9_hidden.webm": "-c:v libvpx-vp9 -auto-alt-ref 1 -lag-in-frames 16 -c:a libopus",
    "h264.ts": "-c:v libx264 -bf 3 -c:a aac",
    "interlaced.mts": "-vf fps=50,tinterlace=4 -c:v libx264 -flags +ildct+ilme -f mpegts",
    "mpeg1.mpg": "-c:v mpeg1video -bf 2 -c:a mp2",
    "mpeg2.mpg": "-c:v mpeg2video -bf 2 -c:a mp2 -f mpeg",
    "mpeg2.vob": "-c:v mpeg2video -bf 2 -c:a mp2 -f vob",
    "mpeg2.mxf": "-c:v mpeg2video -bf 2 -c:a pcm_s16le -ar 48000",
    "h264.flv": "-c:v libx264 -bf 3 -c:a aac",
    "flv1.flv": "-c:v flv1 -c:a mp3 -ar 44100",
    "wmv2.wmv": "-c:v wmv2 -c:a wmav2",
    "h263.3gp": "-s 176x144 -c:v h263 -c:a aac",
    "theora.ogv": "-c:v libtheora -c:a libvorbis",
    "animation.gif": "-map 0:v",
    "bare.h264": "-map 0:v -c:v libx264 -bf 3",
    "bare.h265": "-map 0:v -c:v libx265 -x265-params log-level=error -f hevc",
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corpus")


@pytest.fixture(params=CORPUS)
def recording(request: pytest.FixtureRequest, corpus: Path) -> Path:
    path = corpus / request.param
    return path if path.exists() else film(path, "-shortest", *CORPUS[request.param].split())


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> Engine:
    return Engine.load(tiny_checkpoint, device="cpu")


def times_by_ffmpeg(path: Path) -> list[float]:
    """Seconds of every picture, on the scale on which a player shows 0:00; by the rate where none is told."""
    container = open_container(path)
    zero = start_of(container)
    container.close()
    times: list[float] = []
    for time in best_effort(path):
        following = times[-1] + 1 / 25 if times else 0.0
        times.append(following if time is None else float(time - zero))
    return times


def test_every_picture_comes_once_at_its_time(recording: Path) -> None:
    with open_source(recording) as source:
        frames = list(source)
    assert len(frames) > 40
    assert [frame.time for frame in frames] == pytest.approx(times_by_ffmpeg(recording), abs=1e-6)
    assert source.warning is None


def test_the_export_has_them_all_at_their_times(recording: Path, engine: Engine, tmp_path: Path) -> None:
    with open_stream(recording, engine=engine) as stream:
        outcome = run(stream, [AnnotatedVideo(tmp_path / "out.mp4", recording)])
    assert outcome.failures == ()
    written = [float(packet.pts * packet.time_base) for packet in packets(tmp_path / "out.mp4", "video")]
    assert written == pytest.approx(times_by_ffmpeg(recording), abs=0.0011)


def test_bulk_extraction_has_a_feature_for_each(recording: Path, tiny_checkpoint: Path) -> None:
    """At the video's own rate, as published features are made."""
    rate = common_rate({"it": recording})
    choice = ExtractorChoice(str(tiny_checkpoint), rate=rate, stride=1)
    found = extract(recording, Extractor(*choice.load()))
    assert found.features.shape[1] == len(times_by_ffmpeg(recording))
    assert found.clock.period == pytest.approx(1 / rate)


def test_matroska_with_decoding_times_loses_nothing(tmp_path: Path) -> None:
    film(tmp_path / "a.avi", *CORPUS["h264.avi"].split())
    film(
        tmp_path / "a.mkv",
        "-c",
        "copy",
        "-bsf:v",
        "setts=pts=DTS",
        picture=("-i", str(tmp_path / "a.avi")),
        tone=(),
    )
    with open_source(tmp_path / "a.mkv") as source:
        frames = list(source)
    assert len(frames) == len(best_effort(tmp_path / "a.mkv")) == 50
    assert np.all(np.diff([frame.time for frame in frames]) > 0)


# Which stream

RED, BLUE = (
    ("-f", "lavfi", "-i", f"color={name}:s={size}:r=25:d=2")
    for name, size in (("red", "64x48"), ("blue", "96x64"))
)


def shown(path: Path) -> str:
    with open_source(path) as source:
        frames = list(source)
    assert len(frames) == 50
    red, _, blue = frames[10].image.reshape(-1, 3).mean(axis=0)
    return "red" if red > blue else "blue"


@pytest.fixture
def still(tmp_path: Path) -> tuple[str, ...]:
    """A single picture, larger than any of the videos."""
    path = tmp_path / "still.jpg"
    film(path, "-frames:v", "1", picture=("-f", "lavfi", "-i", "color=red:s=320x240"), tone=())
    return "-i", str(path)


H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_still_picture_is_no_video_though_nothing_says_so(
    tmp_path: Path, still: tuple[str, ...], suffix: str
) -> None:
    codec = (
        "-c:v:0",
        "mpeg2video" if suffix == ".ts" else "mjpeg",
        "-c:v:1",
        "libx264",
        "-pix_fmt",
        "yuv420p",
    )
    path = film(tmp_path / f"a{suffix}", "-map", "0", "-map", "1", *codec, picture=still, tone=BLUE)
    assert shown(path) == "blue"


def test_a_cover_is_no_video(tmp_path: Path, still: tuple[str, ...]) -> None:
    path = film(
        tmp_path / "a.mp4", "-map", "0", "-map", "1", "-c:v:0", "mjpeg", "-c:v:1", "libx264",
        "-disposition:v:0", "attached_pic", picture=still, tone=BLUE,
    )  # fmt: skip
    assert shown(path) == "blue"


def test_the_default_is_shown_though_it_is_smaller_and_second(tmp_path: Path) -> None:
    path = film(
        tmp_path / "a.mkv", "-map", "0", "-map", "1", *H264, "-disposition:v:0", "0",
        "-disposition:v:1", "default", picture=BLUE, tone=RED,
    )  # fmt: skip
    assert shown(path) == "red"


def test_of_two_alike_the_larger_is_shown(tmp_path: Path) -> None:
    path = film(
        tmp_path / "a.mkv", "-map", "0", "-map", "1", *H264, "-disposition:v", "0", picture=RED, tone=BLUE
    )
    assert shown(path) == "blue"


def test_a_codec_that_nobody_decodes_is_named(tmp_path: Path) -> None:
    whole = film(tmp_path / "a.mp4", *CORPUS["h264.mp4"].split()).read_bytes()
    (tmp_path / "b.mp4").write_bytes(whole.replace(b"avc1\0", b"zzz1\0"))
    with pytest.raises(StreamError, match=r"b\.mp4: nothing here knows the codec of its video; convert it"):
        open_source(tmp_path / "b.mp4")


def test_one_that_nobody_decodes_is_passed_over(tmp_path: Path) -> None:
    codecs = ("-c:v:0", "libx264", "-c:v:1", "mpeg4")
    path = film(tmp_path / "a.mp4", "-map", "0", "-map", "1", *codecs, picture=RED, tone=BLUE)
    path.write_bytes(path.read_bytes().replace(b"avc1\0", b"zzz1\0"))
    assert shown(path) == "blue"


# Names


@pytest.mark.parametrize(
    "name",
    [
        "cam1:front.mp4",
        "file:a.mp4",
        "50%d.mp4",
        "what?.mp4",
        "a#b.mp4",
        "-a.mp4",
        "a b'\".mp4",
        "pipe:0.mp4",
    ],
)
def test_a_path_is_a_path_whatever_is_in_it(
    tmp_path: Path, engine: Engine, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    film(tmp_path / "plain.mp4", *CORPUS["h264.mp4"].split()).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    with open_stream(Path(name), engine=engine) as stream:
        assert run(stream, [AnnotatedVideo(Path("out") / name, Path(name))]).summary.frames == 50
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]
    with av.open(f"file:out/{name}") as written:
        assert sum(1 for _ in written.decode(video=0)) == 50


# Times, in themselves


def guessed(pairs: list[tuple[int | None, int | None]]) -> Iterator[int | None]:
    from actfusion_stream.sources.timestamps import BestEffort

    guess = BestEffort()
    return (guess(pts, dts) for pts, dts in pairs)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([(0, 0), (2, 1), (4, 2)], [0, 2, 4]),  # presentation times that rise are taken
        ([(None, 0), (None, 1), (5, 2)], [0, 1, 5]),  # without them decoding times are
        ([(4, 0), (2, 1), (6, 2), (3, 3)], [4, 1, 2, 3]),  # and where they go back
        ([(4, 9), (2, 3), (1, 2)], [4, 2, 1]),  # unless those went back as often
        ([(None, None), (3, None)], [None, 3]),
    ],
)
def test_the_better_behaved_times_are_taken(
    pairs: list[tuple[int | None, int | None]], expected: list[int | None]
) -> None:
    assert list(guessed(pairs)) == expected


def test_times_only_rise() -> None:
    from actfusion_stream.sources.timestamps import Timeline

    timeline = Timeline(Fraction(1), Fraction(10))
    given = [None, 1.2, 1.3, 1.25, 1.3, None, 9.0, 1.0, 1.1]
    placed = [float(timeline.place(None if time is None else Fraction(time))) for time in given]
    assert placed == pytest.approx([0.0, 0.2, 0.3, 0.301, 0.302, 0.402, 8.0, 8.1, 8.2])
    assert (timeline.backwards, [float(at) for at in timeline.restarts]) == (2, [8.0])
