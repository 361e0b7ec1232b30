"""Make the bundled checkpoint from seeds alone: `python -m tools.build_demo`.

Stages, each of which picks up where it was stopped:
    1. render: kitchen videos of the training seeds, as small frames on the extractor's time grid;
    2. extractor: a narrow I3D learns which action the middle of a clip shows;
    3. features: every video through that I3D, as the stream would compute them;
    4. model: ActFusion on those features, and on spliced ones: scripts that nobody has rendered, told in
       features borrowed from segments that somebody has. Anticipation needs many more recipes than pictures.
The model learns in three rounds. Then the extractor learns on, features are computed anew, and the model gets
used to them in a fourth round.
Seeds below 10000 are for training and for choosing settings; the rest are never seen here.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
import torch

from actfusion_stream.arguments import OneLineParser, whole_number
from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.engine.predictor import Predictor
from actfusion_stream.engine.settings import FUTURES, Horizon
from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.kitchen.script import CLASS_NAMES
from actfusion_stream.models.actfusion import ActFusion
from actfusion_stream.weights.checkpoint import Checkpoint, bundled_checkpoint
from actfusion_stream.weights.familiarity import Familiarity, steps_of

from .data.features import ArrayFeatures
from .demo.extractor import SECOND as EXTRACTOR_SECOND
from .demo.extractor import extract_all, train_extractor
from .demo.model import FOURTH, SECOND, THIRD, train
from .demo.sequences import SCRIPT_SEEDS, SequenceSource, load_videos
from .demo.videos import EXTRACTOR_SEEDS, MODEL_SEEDS, SPEC, VALIDATION_SEEDS, frame_labels, render_all
from .evaluation.forecasts import doubt_in
from .evaluation.replay import replay
from .training.familiarity import learn_familiarity

MEDIAN = 3  # feature steps
_TICK = 3.0  # seconds: neighbouring ticks say the same

_STEPS = (
    ("extractor", 5000, "clips seen: 16 times as many"),
    ("model", 4500, "sequences seen: up to 12 times as many"),
    ("second", 3000, "of a second round, in which more of whole videos is to be anticipated"),
    ("third", 7000, "of a third one, in which futures are decided upon later in denoising"),
    ("extractor-second", 4000, "of a second round of the extractor, half of whose clips are drawn by action"),
    ("fourth", 3000, "of a last round of the model, with the features of that extractor"),
)

log = logging.getLogger("build_demo")


def familiarity_of(folder: Path) -> Familiarity | None:
    """What the features of training look like; the validation seeds say how far from that is familiar."""

    def features(*seeds: int) -> list[ArrayFeatures]:
        return [ArrayFeatures(np.load(folder / f"{seed}.npy")) for seed in seeds]

    training, judges = features(*EXTRACTOR_SEEDS, *MODEL_SEEDS), features(*VALIDATION_SEEDS)
    return learn_familiarity(training, judges, 1, steps_of(SPEC.period))


def doubt_of(folder: Path, model: ActFusion) -> float:
    """How likely a cook does next what none of the drawn futures has, in the kitchens of validation."""
    horizon, clock = Horizon(seconds=30), FeatureClock.of(SPEC)
    found = []
    for seed in VALIDATION_SEEDS:
        features = np.load(folder / f"{seed}.npy")
        labels = frame_labels(seed)[:: SPEC.stride][: features.shape[1]]
        predictor = Predictor(model, MEDIAN, FUTURES, calm=True)
        forecasts = replay(predictor, features, labels, clock, _TICK, horizon, CLASS_NAMES).forecasts
        assert forecasts is not None
        found.append(forecasts)
    return doubt_in(found)


def save_checkpoint(
    extractor: Path, features: Path, model: ActFusion, path: Path, steps: dict[str, int]
) -> None:
    """Both networks as one checkpoint, what the features are like, and how they were made."""
    extractor_state = torch.load(extractor, weights_only=True)
    checkpoint = Checkpoint(
        class_names=CLASS_NAMES,
        model_config=model.config,
        model_state=model.state_dict(),
        extractor_spec=Extractor(SPEC, extractor_state).spec,
        extractor_state=extractor_state,
        median=MEDIAN,
        familiarity=familiarity_of(features),
        doubt=doubt_of(features, model),
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


def _source(frames: Path, folder: Path, extractor: Path) -> SequenceSource:
    """Training sequences as this extractor sees them; features of all videos are left in the folder."""
    seeds = [*EXTRACTOR_SEEDS, *MODEL_SEEDS]
    extract_all(frames, folder, extractor, [*seeds, *VALIDATION_SEEDS])
    return SequenceSource(load_videos(folder, seeds), SPEC.period)


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/demo"), help="folder for what is in between")
    parser.add_argument("--out", type=Path, default=bundled_checkpoint(), help="checkpoint to write")
    for name, default, meaning in _STEPS:
        parser.add_argument(
            f"--{name}-steps", type=whole_number("steps", 1, 1_000_000), default=default, help=meaning
        )
    options = parser.parse_args(arguments)
    work: Path = options.work
    work.mkdir(parents=True, exist_ok=True)
    handlers: list[logging.Handler] = [logging.StreamHandler(), logging.FileHandler(work / "build.log")]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", handlers=handlers)
    frames = work / "frames"
    render_all(frames)
    extractor = train_extractor(frames, work, options.extractor_steps)
    source = _source(frames, work / "features", extractor)
    model = train(source, work, options.model_steps)
    model = train(source, work, options.second_steps, SECOND, model)
    model = train(source, work, options.third_steps, THIRD, model)
    extractor = train_extractor(frames, work, options.extractor_second_steps, EXTRACTOR_SECOND, extractor)
    source = _source(frames, work / "features-2", extractor)
    model = train(source, work, options.fourth_steps, FOURTH, model)
    steps = {name: count for name, count in vars(options).items() if name.endswith("_steps")}
    save_checkpoint(extractor, work / "features-2", model, options.out, steps)
    log.info("wrote %s, %.1f MB", options.out, options.out.stat().st_size / 1e6)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
