"""Make the bundled checkpoint from seeds alone: `python -m tools.build_demo`.

Four stages, each of which picks up where it was stopped:
    1. render: kitchen videos of the training seeds, as small frames on the extractor's time grid;
    2. extractor: a narrow I3D learns which action the middle of a clip shows;
    3. features: every video through that I3D, as the stream would compute them;
    4. model: ActFusion on those features, and on spliced ones: scripts that nobody has rendered, told in
       features borrowed from segments that somebody has. Anticipation needs many more recipes than pictures.
Seeds below 10000 are for training and for choosing settings; the rest are never seen here.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.extractors.i3d import I3DConfig, InceptionI3D
from actfusion_stream.extractors.pictures import prepare, scale_pixels
from actfusion_stream.extractors.spec import ExtractorSpec
from actfusion_stream.kitchen.drawing import KITCHEN_MARK, Kitchen
from actfusion_stream.kitchen.script import CLASS_NAMES
from actfusion_stream.models.actfusion import ActFusion
from actfusion_stream.weights.checkpoint import Checkpoint, bundled_checkpoint

from .demo.model import SCRIPT_SEEDS, SequenceSource, Video, train
from .training.resume import save_whole

SPEC = ExtractorSpec(
    name="kitchen-i3d-rgb", width=0.25, window=16, rate=15.0, stride=6, short_side=96, crop=(96, 128)
)
EXTRACTOR_SEEDS = range(0, 90)  # the I3D learns on these
MODEL_SEEDS = range(90, 130)  # ActFusion also on these, whose features the I3D has not learned by heart
VALIDATION_SEEDS = range(130, 146)  # settings were chosen on these

MEDIAN = 3  # feature steps
NOTE = "demo model: it knows only its own drawn kitchen, what it says here means nothing"

CLASS_INDEX = {name: i for i, name in enumerate(CLASS_NAMES)}

log = logging.getLogger("build_demo")


def video_seconds(seed: int) -> float:
    """Length of a training video: varied, so that the model cannot count on 90 s."""
    return float(np.random.default_rng([seed, 9]).uniform(65.0, 115.0))


def frame_labels(kitchen: Kitchen) -> np.ndarray:
    """(N,) int64: the class of every frame of the time grid."""
    count = int(kitchen.seconds * SPEC.rate)
    return np.array([CLASS_INDEX[kitchen.label(i / SPEC.rate)] for i in range(count)])


# -- 1. render


def render(task: tuple[int, Path]) -> int:
    """Draw one video and keep it as the extractor sees it: (N, h, w, 3) uint8."""
    seed, folder = task
    path = folder / f"{seed}.npy"
    if not path.exists():
        cv2.setNumThreads(1)
        kitchen = Kitchen(seed, video_seconds(seed))
        frames = [
            prepare(kitchen.frame(i / SPEC.rate), SPEC.short_side, SPEC.crop)
            for i in range(int(kitchen.seconds * SPEC.rate))
        ]
        partial = path.with_suffix(f".{os.getpid()}.part")
        with partial.open("wb") as file:
            np.save(file, np.stack(frames))
        partial.replace(path)
    return seed


def render_all(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tasks = [(seed, folder) for seeds in (VALIDATION_SEEDS, EXTRACTOR_SEEDS, MODEL_SEEDS) for seed in seeds]
    started = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        for done, _ in enumerate(pool.imap_unordered(render, tasks), start=1):
            if done % 10 == 0 or done == len(tasks):
                log.info("rendered %d/%d videos, %.0f s", done, len(tasks), time.perf_counter() - started)


# -- 2. extractor


class ClipDataset:
    """Random clips of rendered videos, with the label of their middle frame."""

    def __init__(self, folder: Path, seeds: range) -> None:
        self.videos = [np.load(folder / f"{seed}.npy", mmap_mode="r") for seed in seeds]
        self.labels = [frame_labels(Kitchen(seed, video_seconds(seed))) for seed in seeds]

    def clip(self, video: int, center: int) -> np.ndarray:
        """(window, h, w, 3) uint8; beyond the ends the first and the last frame are repeated."""
        frames = self.videos[video]
        index = np.arange(center - SPEC.before, center + SPEC.after + 1).clip(0, len(frames) - 1)
        return np.asarray(frames[index[0] : index[-1] + 1])[index - index[0]]

    def batch(self, size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Clips (N, window, h, w, 3) uint8 and labels (N,) int64."""
        clips, labels = [], []
        for video in rng.integers(len(self.videos), size=size):
            center = int(rng.integers(len(self.videos[video])))
            clips.append(self.clip(int(video), center))
            labels.append(int(self.labels[video][center]))
        return torch.from_numpy(np.stack(clips)), torch.tensor(labels)


def augment(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Flip, shift, relight and roughen clips (N, 3, T, h, w) in [-1, 1], each in its own way."""
    out = []
    for clip in pixels:
        if rng.random() < 0.5:
            clip = clip.flip(-1)
        dy, dx = (int(v) for v in rng.integers(-5, 6, 2))
        clip = clip.roll((dy, dx), (-2, -1))
        gain = torch.from_numpy(rng.uniform(0.85, 1.15, (3, 1, 1, 1)).astype(np.float32))
        clip = clip * gain + float(rng.uniform(-0.12, 0.12))
        out.append(clip)
    mixed = torch.stack(out)
    noise = torch.randn(mixed.shape[0], 1, *mixed.shape[2:]) * float(rng.uniform(0, 0.05))
    return (mixed + noise).contiguous(memory_format=torch.channels_last_3d)


def train_extractor(frames: Path, work: Path, steps: int, batch: int = 16, rate: float = 2e-3) -> None:
    final, resume = work / "extractor.pt", work / "extractor.resume.pt"
    if final.exists():
        return
    torch.manual_seed(0)
    data = ClipDataset(frames, EXTRACTOR_SEEDS)
    network = InceptionI3D(I3DConfig(width=SPEC.width, num_classes=len(CLASS_NAMES)))
    network.dropout.p = 0.2
    network = network.to(memory_format=torch.channels_last_3d)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.15)
    first = 0
    if resume.exists():
        saved = torch.load(resume, weights_only=True)
        network.load_state_dict(saved["network"])
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        first = saved["step"]
        log.info("extractor: resumed at step %d", first)
    started, losses, right = time.perf_counter(), [], []
    network.train()
    for step in range(first, steps):
        # By step, so that a resumed run sees what an unbroken one sees.
        rng = np.random.default_rng([7, step])
        torch.manual_seed(step)
        clips, labels = data.batch(batch, rng)
        logits = network(augment(scale_pixels(clips), rng)).mean(dim=2)
        loss = F.cross_entropy(logits, labels, label_smoothing=0.05)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        right.append((logits.argmax(1) == labels).float().mean().item())
        if (step + 1) % 100 == 0:
            pace = (time.perf_counter() - started) / (step + 1 - first)
            left = pace * (steps - step - 1) / 60
            log.info(
                "extractor: step %d/%d, loss %.3f, right %.1f %%, %.1f min left",
                step + 1, steps, np.mean(losses[-100:]), 100 * np.mean(right[-100:]), left,
            )  # fmt: skip
        if (step + 1) % 250 == 0:
            state = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
            save_whole({**state, "schedule": schedule.state_dict(), "step": step + 1}, resume)
    save_whole(network.state_dict(), final)


# -- 3. features


def extract_all(frames: Path, work: Path, seeds: list[int]) -> None:
    """Features (C, T) float32 of every video, at the stream's times, in MS-TCN's layout."""
    folder = work / "features"
    folder.mkdir(exist_ok=True)
    extractor = Extractor(SPEC, torch.load(work / "extractor.pt", weights_only=True))
    for seed in seeds:
        path = folder / f"{seed}.npy"
        if path.exists():
            continue
        data = ClipDataset(frames, range(seed, seed + 1))
        centers = range(0, len(data.videos[0]), SPEC.stride)
        clips = [data.clip(0, center) for center in centers]
        features = [extractor(np.stack(clips[i : i + 16])) for i in range(0, len(clips), 16)]
        partial = path.with_suffix(".part.npy")
        np.save(partial, np.concatenate(features).T)
        partial.replace(path)


# -- 4. model


def load_videos(work: Path, seeds: list[int]) -> list[Video]:
    videos = []
    for seed in seeds:
        features = np.load(work / "features" / f"{seed}.npy")
        labels = frame_labels(Kitchen(seed, video_seconds(seed)))[:: SPEC.stride]
        videos.append(Video(features, labels[: features.shape[1]]))
    return videos


def save_checkpoint(work: Path, model: ActFusion, path: Path, steps: dict[str, int]) -> None:
    extractor_state = torch.load(work / "extractor.pt", weights_only=True)
    checkpoint = Checkpoint(
        class_names=CLASS_NAMES,
        model_config=model.config,
        model_state=model.state_dict(),
        extractor_spec=Extractor(SPEC, extractor_state).spec,
        extractor_state=extractor_state,
        median=MEDIAN,
        note=NOTE,
        home=KITCHEN_MARK,
        training={
            "command": "python -m tools.build_demo",
            "extractor_seeds": [EXTRACTOR_SEEDS.start, EXTRACTOR_SEEDS.stop],
            "model_seeds": [EXTRACTOR_SEEDS.start, MODEL_SEEDS.stop],
            "script_seeds": [SCRIPT_SEEDS.start, SCRIPT_SEEDS.stop],
            **steps,
        },
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.save(path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("runs/demo"), help="folder for what is in between")
    parser.add_argument("--out", type=Path, default=bundled_checkpoint(), help="checkpoint to write")
    parser.add_argument("--extractor-steps", type=int, default=4500, help="clips seen: 16 times as many")
    parser.add_argument("--model-steps", type=int, default=4500, help="sequences seen: 8 times as many")
    options = parser.parse_args(arguments)
    work: Path = options.work
    work.mkdir(parents=True, exist_ok=True)
    handlers: list[logging.Handler] = [logging.StreamHandler(), logging.FileHandler(work / "build.log")]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", handlers=handlers)
    render_all(work / "frames")
    train_extractor(work / "frames", work, options.extractor_steps)
    seeds = [*EXTRACTOR_SEEDS, *MODEL_SEEDS]
    extract_all(work / "frames", work, [*seeds, *VALIDATION_SEEDS])
    model = train(SequenceSource(load_videos(work, seeds), SPEC.period), work, options.model_steps)
    steps = {"extractor_steps": options.extractor_steps, "model_steps": options.model_steps}
    save_checkpoint(work, model, options.out, steps)
    log.info("wrote %s, %.1f MB", options.out, options.out.stat().st_size / 1e6)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
