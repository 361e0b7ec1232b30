"""How good a checkpoint is on a dataset in the MS-TCN layout, by the protocols of the field.

Segmentation (TAS) sees each test video whole. Anticipation (LTA) sees its first 20 or 30 % and is scored on
the next 10 to 50 %, beside two baselines that look at no feature: the current action goes on, and a Markov
chain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, track
from rich.table import Table

from actfusion_stream.engine.predictor import Predictor
from actfusion_stream.engine.settings import Horizon
from actfusion_stream.errors import StreamError
from actfusion_stream.extractors.spec import ExtractorSpec
from actfusion_stream.models.actfusion import ActFusion

from ..data.dataset import Dataset, FeatureSource, read_labels
from ..data.labelled import read_videos
from ..training.presets import Preset
from .baselines import MarkovBaseline, repeat_current
from .causality import available, feature_clock
from .forecasts import show_forecasts
from .inference import Features, anticipate, anticipate_several, segment
from .metrics import AnticipationScore, SegmentationScore
from .replay import Replay, replay, score_replays
from .stochastic import StochasticScore

ALPHAS, BETAS = (0.2, 0.3), (0.1, 0.2, 0.3, 0.5)

_STOCHASTIC = {"mean": "futures: mean", "top1": "futures: top-1"}

Labels = NDArray[np.int64]
Scores = dict[str, float]


@dataclass(frozen=True)
class Results:
    """Figures of one evaluation, in percent.

    Attributes:
        tas: per method, `acc`, `edit`, `f1_10`, `f1_25`, `f1_50` and their mean `tas_avg`.
        lta: per method, `moc_obs0.2_pred0.1` … and their mean `moc_mean`.
        stochastic: the same of several futures, as `mean` and as `top1`; empty where nobody asked.
        videos: per video, the model's segmentation scores.
        online: see `replay.score_replays`; empty where it was not asked for.
    """

    tas: dict[str, Scores]
    lta: dict[str, Scores]
    videos: dict[str, Scores]
    online: Scores
    stochastic: dict[str, Scores] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Flat for the model, which is first in each table; the other methods by name under "baselines"."""
        (_, *tas_rest), (_, *lta_rest) = self.tas, self.lta
        model = {**next(iter(self.tas.values())), **next(iter(self.lta.values())), **self.online}
        for kind, cells in self.stochastic.items():
            model |= {f"stochastic_{kind}_{cell}": value for cell, value in cells.items()}
        others = {name: self.tas[name] for name in tas_rest} | {name: self.lta[name] for name in lta_rest}
        return {**model, "n_videos": len(self.videos), "baselines": others, "videos": self.videos}


def score_predictions(dataset: Dataset, folder: Path, split: str | None) -> Results:
    """Score a folder of label files against the annotations.

    Args:
        dataset: with the annotations.
        folder: of VIDEO.txt files, a label a frame.
        split: the test list that must be there whole; None scores the videos found.

    Raises:
        StreamError: there are none, one is missing, or one is not as long as its annotation.
    """
    found = sorted(path.stem for path in folder.glob("*.txt"))
    videos = found if split is None else dataset.split(split, "test")
    missing = sorted(set(videos) - set(found))
    if missing or not videos:
        what = f"lacks {missing[0]}.txt of split {split}" if missing else "holds no VIDEO.txt"
        raise StreamError(f"predictions {folder}: {what}")
    index = {name: i for i, name in enumerate(dataset.class_names)}
    names = np.array(dataset.class_names)
    tas, lta, each = SegmentationScore(), AnticipationScore(ALPHAS, BETAS), {}
    for video in videos:
        guess, truth = read_labels(folder / f"{video}.txt", index), dataset.labels(video)
        if len(guess) != len(truth):
            raise StreamError(
                f"predictions {folder}: {video} has {len(guess)} labels for {len(truth)} frames"
            )
        tas.add(names[guess], names[truth])
        lta.add(names[guess], names[truth])
        each[video] = _one_video(names[guess], names[truth])
    return Results({"predictions": _with_average(tas)}, {"predictions": _with_mean(lta)}, each, {})


def evaluate_model(
    model: ActFusion,
    preset: Preset,
    dataset: Dataset,
    source: FeatureSource,
    split: str,
    *,
    ratio: float | None,
    online: tuple[float, Horizon] | None,
    calm: bool,
    trained_on: ExtractorSpec | None,
    rate: float | None,
    futures: int | None,
    doubt: float,
    seed: int,
    console: Console,
) -> Results:
    """Run the model on the test list of a split, and the baselines beside it.

    Told the length of a video, the model anticipates as published, from every feature of the observed part.
    Without, and in a replay, it has the features that could exist by then: see `causality`.

    Args:
        model: in eval mode.
        preset: what it was trained with.
        dataset, source, split: annotations, features, and which videos.
        ratio: None where the model is told each video's length; else the future is so many times as long as
            what was observed.
        online: seconds per tick, and horizon of the replay; None for no replay.
        calm: whether the replay's predictor is, as a stream's: see `Predictor`.
        trained_on: the extractor of the model's checkpoint, None where nobody knows.
        rate: features a second; None for as extracted, or for what the dataset is known to have.
        futures: how many to draw for the stochastic protocol, and at each tick of a replay; None for none.
        doubt: how likely what happens is in none of them, as the checkpoint says.
        seed: of the noise.
        console: where the progress goes.

    Raises:
        StreamError: the data cannot be read, or does not fit the model.
    """
    named = dataset.split(split, "test")
    videos = read_videos(source, named, model.config.feature_dim)
    clock, note = feature_clock(videos, source, preset, trained_on, rate)
    if note and (online or ratio is not None):
        console.print(f"note: {note}", soft_wrap=True, markup=False)
    learned = track(
        dataset.split(split, "train"),
        "reading annotations",
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    markov = MarkovBaseline.fit([dataset.labels(name) for name in learned], len(dataset.class_names))
    names = np.array(dataset.class_names)
    tas: dict[str, SegmentationScore] = {"ActFusion": SegmentationScore()}
    lta: dict[str, AnticipationScore] = {}
    stochastic = StochasticScore(ALPHAS, BETAS)
    each: dict[str, Scores] = {}
    replays: list[Replay] = []

    def add(method: str, guess: Labels, truth: Labels, alpha: float) -> None:
        lta.setdefault(method, AnticipationScore(ALPHAS, BETAS)).add(names[guess], names[truth], alpha)

    def several(observed: Features, length: int) -> Labels:
        return anticipate_several(model, preset, observed, length, futures or 0, ratio=ratio, seed=seed)

    progress = Progress(
        TextColumn("{task.completed:.0f}/{task.total:.0f} videos"),
        BarColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    predictor = Predictor(model, max(1, preset.median), futures or 1, calm)
    with progress:
        bar = progress.add_task("", total=len(videos))
        for video in videos:
            truth, features, length = video.labels, video.array(), len(video.labels)
            guess = segment(model, preset, features, seed=seed)
            tas["ActFusion"].add(names[guess], names[truth])
            each[video.name] = _one_video(names[guess], names[truth])
            if source.source != "labels" and len(features) == len(names):
                plain = tas.setdefault("argmax of the input", SegmentationScore())
                plain.add(names[features.argmax(axis=0)], names[truth])
            for alpha in ALPHAS:
                count = max(1, int(alpha * length))
                seen = count if ratio is None else available(clock, count)
                guess = anticipate(model, preset, features[:, :seen], length, ratio=ratio, seed=seed)
                add("ActFusion", guess, truth, alpha)
                if futures is not None:
                    stochastic.add(several(features[:, :seen], length), truth, alpha)
                observed = {"": truth[:count]}
                if source.source != "labels":
                    observed[", on ActFusion's labels"] = guess[:count]
                for what, labels in observed.items():
                    for method, predict in _baselines(markov).items():
                        whole = np.concatenate([labels, predict(labels, length - count)])
                        add(method + what, whole, truth, alpha)
            if online:
                tick, horizon = online
                steps = slice(None, None, preset.sample_rate)
                slow = replace(clock, stride=clock.stride * preset.sample_rate)
                scored = dataset.class_names if futures is not None else None
                replays.append(
                    replay(predictor, features[:, steps], truth[steps], slow, tick, horizon, scored, doubt)
                )
            progress.advance(bar)
    return Results(
        {method: _with_average(score) for method, score in tas.items()},
        {method: _with_mean(score) for method, score in lta.items()},
        each,
        score_replays(replays, dataset.class_names) if replays else {},
        stochastic.result() if futures is not None else {},
    )


def _baselines(markov: MarkovBaseline) -> dict[str, Callable[[Labels, int], Labels]]:
    return {"current goes on": repeat_current, "Markov chain": markov.predict}


def _one_video(guess: NDArray[np.str_], truth: NDArray[np.str_]) -> Scores:
    score = SegmentationScore()
    score.add(guess, truth)
    return score.result()


def _with_average(score: SegmentationScore) -> Scores:
    result = score.result()
    return {**result, "tas_avg": float(np.mean(list(result.values())))}


def _with_mean(score: AnticipationScore) -> Scores:
    result = score.result()
    return {**result, "moc_mean": float(np.mean(list(result.values())))}


def show(console: Console, results: Results, per_video: bool) -> None:
    """Print the figures as tables."""
    columns = {
        "acc": "acc", "edit": "edit", "f1_10": "F1@10", "f1_25": "F1@25", "f1_50": "F1@50", "tas_avg": "avg",
    }  # fmt: skip
    console.print(_table(f"segmentation, {len(results.videos)} videos", columns, results.tas))
    cells = {f"moc_obs{a}_pred{b}": f"{a:g}>{b:g}".replace("0.", ".") for a in ALPHAS for b in BETAS}
    title = "anticipation, MoC: observed > anticipated share of the video"
    several = {_STOCHASTIC[kind]: scores for kind, scores in results.stochastic.items()}
    console.print(_table(title, {**cells, "moc_mean": "mean"}, {**results.lta, **several}))
    if results.online:
        groups = {
            "online, label after": {
                "online_acc": "at once", **{f"online_acc_{d}s": f"{d} s" for d in (1, 2, 5)},
            },
            "online, at once": {
                "online_edit": "edit", **{f"online_f1_{t}": f"F1@{t}" for t in (10, 25, 50)},
                "flicker": "flicker, s/min",
            },
            "online, MoC of the next": {f"online_moc_{s}s": f"{s} s" for s in (5, 10, 20, 60)},
        }  # fmt: skip
        for title, group in groups.items():
            known = {key: head for key, head in group.items() if key in results.online}
            console.print(_table(title, known, {"ActFusion": results.online}))
        show_forecasts(console, {"ActFusion": results.online})
    if per_video:
        columns.pop("tas_avg")
        console.print(_table("segmentation, each video", columns, results.videos))


def _table(title: str, columns: dict[str, str], rows: dict[str, Scores]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for head in columns.values():
        table.add_column(head, justify="right")
    for name, scores in rows.items():
        table.add_row(name, *(f"{scores[key]:.1f}" for key in columns))
    return table
