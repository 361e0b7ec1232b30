"""The narrow I3D of the demo: which action is under way near the end of a clip; features of every video."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.extractors.i3d import I3DConfig, InceptionI3D
from actfusion_stream.extractors.pictures import scale_pixels
from actfusion_stream.files import replacing
from actfusion_stream.kitchen.script import CLASS_NAMES

from ..training.resume import save_whole
from .videos import EXTRACTOR_SEEDS, SPEC, ClipDataset

log = logging.getLogger("build_demo")


def augment(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Flip, slow, zoom, shift, relight and roughen clips (N, 3, T, h, w) in [-1, 1], each in its own way."""
    out = []
    for clip in pixels:
        if rng.random() < 0.5:
            clip = clip.flip(-1)
        if rng.random() < 0.2:  # as a camera of fewer frames a second
            held = int(rng.integers(2, 4))
            phase = int(rng.integers(held))
            clip = clip[:, [max(0, (i + phase) // held * held - phase) for i in range(clip.shape[1])]]
        if rng.random() < 0.4:
            clip = zoom(clip, float(rng.uniform(0.88, 1.18)))
        dy, dx = (int(v) for v in rng.integers(-5, 6, 2))
        clip = clip.roll((dy, dx), (-2, -1))
        gain = torch.from_numpy(rng.uniform(0.85, 1.15, (3, 1, 1, 1)).astype(np.float32))
        clip = clip * gain + float(rng.uniform(-0.12, 0.12))
        out.append(clip)
    mixed = torch.stack(out)
    noise = torch.randn(mixed.shape[0], 1, *mixed.shape[2:]) * float(rng.uniform(0, 0.05))
    return (mixed + noise).contiguous(memory_format=torch.channels_last_3d)


def zoom(clip: Tensor, factor: float) -> Tensor:
    """Enlarge or shrink the pictures of a clip (3, T, h, w) around their middle; their edge is grey."""
    height, width = clip.shape[2:]
    scaled = F.interpolate(clip, scale_factor=factor, mode="bilinear", recompute_scale_factor=False)
    dy, dx = scaled.shape[2] - height, scaled.shape[3] - width
    return F.pad(scaled, (-(dx // 2), dx // 2 - dx, -(dy // 2), dy // 2 - dy))


@dataclass(frozen=True)
class Round:
    """One rise and fall of the learning rate of the extractor.

    Attributes:
        name: of its files.
        number: from which its random numbers are drawn.
        rate: highest learning rate.
        by_class: share of clips that are drawn so that each action is as likely; the others are drawn as
            actions last. What lasts a second is seldom seen otherwise, and told apart last.
    """

    name: str
    number: int
    rate: float
    by_class: float


FIRST = Round("extractor", 7, 2e-3, 0.0)
SECOND = Round("extractor-2", 11, 1e-3, 0.5)


def train_extractor(
    frames: Path, work: Path, steps: int, of: Round = FIRST, begin: Path | None = None, batch: int = 16
) -> Path:
    """Train for `steps` of `batch` clips, from the weights at `begin`; the file of weights."""
    final, resume = work / f"{of.name}.pt", work / f"{of.name}.resume.pt"
    if final.exists():
        return final
    torch.manual_seed(0)
    data = ClipDataset(frames, EXTRACTOR_SEEDS)
    network = InceptionI3D(I3DConfig(width=SPEC.width, num_classes=len(CLASS_NAMES)))
    network.dropout.p = 0.2
    network = network.to(memory_format=torch.channels_last_3d)
    if begin is not None:
        network.load_state_dict(torch.load(begin, weights_only=True))
    optimizer = torch.optim.AdamW(network.parameters(), lr=of.rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, of.rate, total_steps=steps, pct_start=0.15)
    first = 0
    if resume.exists():
        saved = torch.load(resume, weights_only=True)
        network.load_state_dict(saved["network"])
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        first = saved["step"]
        log.info("%s: resumed at step %d", of.name, first)
    started, losses, right = time.perf_counter(), [], []
    network.train()
    for step in range(first, steps):
        # By step, so that a resumed run sees what an unbroken one sees.
        rng = np.random.default_rng([of.number, step])
        torch.manual_seed(step)
        clips, labels = data.batch(batch, rng, of.by_class)
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
                "%s: step %d/%d, loss %.3f, right %.1f %%, %.1f min left",
                of.name, step + 1, steps, np.mean(losses[-100:]), 100 * np.mean(right[-100:]), left,
            )  # fmt: skip
        if (step + 1) % 250 == 0:
            state = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
            save_whole({**state, "schedule": schedule.state_dict(), "step": step + 1}, resume)
    save_whole(network.state_dict(), final)
    return final


def extract_all(frames: Path, folder: Path, weights: Path, seeds: list[int]) -> None:
    """Features (C, T) float32 of every video, at the stream's times, in MS-TCN's layout."""
    folder.mkdir(exist_ok=True)
    extractor = Extractor(SPEC, torch.load(weights, weights_only=True))
    for seed in seeds:
        path = folder / f"{seed}.npy"
        if path.exists():
            continue
        data = ClipDataset(frames, range(seed, seed + 1))
        centers = range(0, len(data.videos[0]), SPEC.stride)
        clips = [data.clip(0, center) for center in centers]
        features = [extractor(np.stack(clips[i : i + 16])).numpy() for i in range(0, len(clips), 16)]
        with replacing(path) as partial, partial.open("wb") as file:
            np.save(file, np.concatenate(features).T)
