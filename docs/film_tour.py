"""Makes tour.gif, the moving picture of README: the annotated video and the terminal, side by side.

    pip install '.[docs]'
    python docs/film_tour.py

A drawn kitchen that the bundled model has never seen is watched once, with the view that `actfusion-stream`
has on a terminal and the video that `--output` writes. What goes to the terminal goes to an emulator of one,
whose screen is photographed. Run it when either has changed. DejaVu Sans Mono has to be installed.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pyte
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console

from actfusion_stream import Stream, Tick, open_stream, run
from actfusion_stream.kitchen.cli import write_video
from actfusion_stream.kitchen.drawing import Kitchen
from actfusion_stream.sinks.annotated_video import AnnotatedVideo
from actfusion_stream.views.terminal import TerminalView

SEED, SIZE, FIRST, LAST = 10007, (384, 288), 6.0, 18.0  # what is shown, in pixels and seconds
PICTURES = 3  # a second
COLUMNS, ROWS, CELL = 76, 24, (7, 14)  # of the terminal; a cell in pixels
INK, PAPER = "#d7dae0", "#101216"
MOST_BYTES = 2_000_000
# Blocks are drawn, not set: from left, top, to right, bottom, in eighths of a cell.
BLOCKS = {
    "█": (0, 0, 8, 8), "▀": (0, 0, 8, 4), "▄": (0, 4, 8, 8), "▌": (0, 0, 4, 8), "▐": (4, 0, 8, 8),
    **{chr(0x2588 + i): (0, 0, 8 - i, 8) for i in range(1, 8)},
    **{chr(0x2580 + i): (0, 8 - i, 8, 8) for i in range(1, 8)},
}  # fmt: skip


class Photographed:
    """The terminal's view, on an emulated terminal that is photographed at regular times of the video."""

    lost = ""

    def __init__(self, stream: Stream) -> None:
        self.pictures: list[Image.Image] = []
        self._stream = stream
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._emulator = pyte.Stream(self._screen)
        console = Console(
            file=self,
            force_terminal=True,
            color_system="truecolor",
            width=COLUMNS,
            height=ROWS,
            highlight=False,
        )  # type: ignore[arg-type]
        self._view = TerminalView(stream.info, stream.class_names, stream.stats, console)
        self._font = ImageFont.truetype("DejaVuSansMono.ttf", 11)
        self._bold = ImageFont.truetype("DejaVuSansMono-Bold.ttf", 11)

    def write(self, text: str) -> int:
        self._emulator.feed(text.replace("\n", "\r\n"))
        return len(text)

    def flush(self) -> None:
        pass

    def __enter__(self) -> Photographed:
        self._view.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._view.__exit__(*error)

    def update(self, tick: Tick | None, time: float) -> bool:
        """Draw for the photographs only: the emulator would take more time than the model."""
        shown = False
        if time >= FIRST + len(self.pictures) / PICTURES:
            shown = self._view.update(tick, time)
            self.pictures.append(self._photograph())
        if time >= LAST:
            self._stream.stop()
        return shown

    def _photograph(self) -> Image.Image:
        width, height = CELL
        picture = Image.new("RGB", (COLUMNS * width, ROWS * height), PAPER)
        draw = ImageDraw.Draw(picture)
        for row in range(ROWS):
            for column in range(COLUMNS):
                char = self._screen.buffer[row][column]
                x, y = column * width, row * height
                front, back = color_of(char.fg, INK), color_of(char.bg, PAPER)
                if char.reverse:
                    front, back = back, front
                draw.rectangle((x, y, x + width - 1, y + height - 1), fill=back)
                if char.data in BLOCKS:
                    left, top, right, bottom = BLOCKS[char.data]
                    begins = (x + left * width // 8, y + top * height // 8)
                    ends = (x + right * width // 8 - 1, y + bottom * height // 8 - 1)
                    box = (*begins, *map(max, begins, ends))  # an eighth may be less than a pixel
                    draw.rectangle(box, fill=front)
                elif char.data.strip():
                    draw.text((x, y), char.data, front, font=self._bold if char.bold else self._font)
        return picture


def color_of(name: str, default: str) -> str:
    """What the emulator calls a colour, as Pillow calls it."""
    if name == "default":
        return default
    return f"#{name}" if re.fullmatch("[0-9a-fA-F]{6}", name) else name.removeprefix("bright")


def frames_of(video: Path) -> Iterator[Image.Image]:
    """The frames that are on the screen at the times of the photographs."""
    found = 0
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            if float(frame.time) >= FIRST + found / PICTURES:
                found += 1
                yield frame.to_image()


def main() -> None:
    target = Path(__file__).with_name("tour.gif")
    with tempfile.TemporaryDirectory() as folder:
        kitchen, annotated = Path(folder, "kitchen.mp4"), Path(folder, "annotated.mp4")
        write_video(Kitchen(SEED, 40.0, SIZE), kitchen, Fraction(15))
        with open_stream(kitchen, horizon="20s") as stream:
            view = Photographed(stream)
            run(stream, [AnnotatedVideo(annotated, kitchen)], view)
        pairs = list(zip(frames_of(annotated), view.pictures, strict=False))
    size = (SIZE[0] + 8 + COLUMNS * CELL[0], max(SIZE[1], ROWS * CELL[1]))
    pictures = []
    for left, right in pairs:
        picture = Image.new("RGB", size, PAPER)
        picture.paste(left, (0, 0))
        picture.paste(right, (SIZE[0] + 8, 0))
        pictures.append(picture)
    palette = mosaic(pictures[:: len(pictures) // 8]).quantize(128)
    reduced = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    reduced[0].save(
        target, save_all=True, append_images=reduced[1:], duration=1000 // PICTURES, loop=0, optimize=True
    )
    print(f"{target}: {len(reduced)} pictures of {size[0]} x {size[1]}, {target.stat().st_size} bytes")
    if target.stat().st_size > MOST_BYTES:
        sys.exit(f"{target}: more than {MOST_BYTES} bytes; show less of it")


def mosaic(pictures: list[Image.Image]) -> Image.Image:
    """All of them in one, to find colours that serve all."""
    width, height = pictures[0].size
    whole = Image.new("RGB", (width, height * len(pictures)))
    for place, picture in enumerate(pictures):
        whole.paste(picture, (0, place * height))
    return whole


if __name__ == "__main__":
    main()
