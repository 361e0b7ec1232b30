"""The kitchens that the demo learns from: which seeds, drawn as small frames on the extractor's time grid."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from actfusion_stream.extractors.pictures import prepare
from actfusion_stream.extractors.spec import ExtractorSpec
from actfusion_stream.files import replacing
from actfusion_stream.kitchen.drawing import Kitchen
from actfusion_stream.kitchen.script import CLASS_NAMES, label_at, write_script

SPEC = ExtractorSpec(
    name="kitchen-i3d-rgb",
    width=0.25,
    window=16,
    rate=15.0,
    stride=4,
    short_side=96,
    crop=(96, 128),
    ahead=2,  # of what is done now, the stream is to speak now
)
EXTRACTOR_SEEDS = range(0, 90)  # the I3D learns on these
MODEL_SEEDS = range(90, 130)  # ActFusion also on these, whose features the I3D has not learned by heart
VALIDATION_SEEDS = range(130, 146)  # settings were chosen on these

SECONDS = (30.0, 300.0)  # lengths of training videos
UNEVEN = 0.7  # how much the pace changes within every second one

_CLASS_INDEX = {name: i for i, name in enumerate(CLASS_NAMES)}

log = logging.getLogger("build_demo")


def video_seconds(seed: int) -> float:
    """Length of a training video: as many short ones as long ones, from half a minute to five minutes."""
    shortest, longest = np.log(SECONDS)
    return float(np.exp(np.random.default_rng([seed, 9]).uniform(shortest, longest)))


def _uneven(seed: int) -> float:
    return UNEVEN if seed % 2 else 0.0


def training_kitchen(seed: int) -> Kitchen:
    """The kitchen of a seed as it is rendered for training: every second cook changes pace on the way."""
    return Kitchen(seed, video_seconds(seed), uneven=_uneven(seed))


def frame_labels(seed: int) -> np.ndarray:
    """(N,) int64: the class of every frame of the time grid of a training kitchen."""
    seconds = video_seconds(seed)
    script = write_script(seed, seconds, _uneven(seed))
    return np.array([_CLASS_INDEX[label_at(script, i / SPEC.rate)] for i in range(int(seconds * SPEC.rate))])


def render(task: tuple[int, Path]) -> int:
    """Draw one video and keep it as the extractor sees it: (N, h, w, 3) uint8."""
    seed, folder = task
    path = folder / f"{seed}.npy"
    if not path.exists():
        cv2.setNumThreads(1)
        kitchen = training_kitchen(seed)
        frames = [
            prepare(kitchen.frame(i / SPEC.rate), SPEC.short_side, SPEC.crop)
            for i in range(int(kitchen.seconds * SPEC.rate))
        ]
        with replacing(path) as partial, partial.open("wb") as file:
            np.save(file, np.stack(frames))
    return seed


def render_all(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tasks = [(seed, folder) for seeds in (VALIDATION_SEEDS, EXTRACTOR_SEEDS, MODEL_SEEDS) for seed in seeds]
    started = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        for done, _ in enumerate(pool.imap_unordered(render, tasks), start=1):
            if done % 10 == 0 or done == len(tasks):
                log.info("rendered %d/%d videos, %.0f s", done, len(tasks), time.perf_counter() - started)


class ClipDataset:
    """Random clips of rendered videos, with the label of the frame that a feature's time is."""

    def __init__(self, folder: Path, seeds: range) -> None:
        self.videos = [np.load(folder / f"{seed}.npy", mmap_mode="r") for seed in seeds]
        self.labels = [frame_labels(seed) for seed in seeds]
        # Of every class the frames (video, index) that show it, for `batch`.
        self._shown = [
            np.array([(v, i) for v, labels in enumerate(self.labels) for i in np.flatnonzero(labels == c)])
            for c in range(len(CLASS_NAMES))
        ]

    def clip(self, video: int, center: int) -> np.ndarray:
        """(window, h, w, 3) uint8; beyond the ends the first and the last frame are repeated."""
        frames = self.videos[video]
        index = np.arange(center - SPEC.before, center + SPEC.after + 1).clip(0, len(frames) - 1)
        return np.asarray(frames[index[0] : index[-1] + 1])[index - index[0]]

    def batch(self, size: int, rng: np.random.Generator, by_class: float = 0.0) -> tuple[Tensor, Tensor]:
        """Clips (N, window, h, w, 3) uint8 and labels (N,) int64; `by_class` of them drawn by action."""
        clips, labels = [], []
        for n, video in enumerate(rng.integers(len(self.videos), size=size)):
            if n < round(by_class * size):
                shown = self._shown[rng.integers(len(self._shown))]
                video, center = shown[rng.integers(len(shown))]
            else:
                center = int(rng.integers(len(self.videos[video])))
            clips.append(self.clip(int(video), center))
            labels.append(int(self.labels[video][center]))
        return torch.from_numpy(np.stack(clips)), torch.tensor(labels)
