"""Metrics: small cases counted by hand, and the published protocol on real predictions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from actfusion_stream.tools.evaluation.metrics import (
    AnticipationScore,
    LabelSegments,
    SegmentationScore,
    accuracy,
    edit_score,
    f1_scores,
    match_segments,
    split_segments,
)

SHARED = Path(os.environ.get("ACTFUSION_SHARED", Path(__file__).resolve().parents[3] / "../shared"))


def frames(text: str) -> np.ndarray:
    """One letter a frame: frames("aab") is ["a", "a", "b"]."""
    return np.array(list(text))


def segments(*parts: tuple[str, int, int]) -> LabelSegments:
    labels, starts, ends = zip(*parts, strict=True)
    return LabelSegments(list(labels), np.array(starts), np.array(ends))


class TestSplitSegments:
    def test_last_segment_ends_one_frame_early(self):
        labels, starts, ends = split_segments(frames("aabbbc"))
        assert labels == ["a", "b", "c"]
        assert starts.tolist() == [0, 2, 5]
        assert ends.tolist() == [2, 5, 5]

    def test_background_is_left_out_without_closing_the_hole(self):
        labels, starts, ends = split_segments(frames("_aa_aa"), background=("_",))
        assert labels == ["a", "a"]
        assert starts.tolist() == [1, 4]
        assert ends.tolist() == [3, 5]

    def test_integers_work_like_strings(self):
        labels, starts, _ = split_segments(np.array([7, 7, 0, 3]), background=(0,))
        assert labels == [7, 3]
        assert starts.tolist() == [0, 3]

    def test_nothing_has_no_segments(self):
        assert split_segments(np.array([], dtype=int)).labels == []


def test_accuracy_counts_frames():
    assert accuracy(frames("aabb"), frames("abbb")) == 75.0


@pytest.mark.parametrize(
    ("predicted", "true", "score"),
    [
        ("abc", "abc", 100.0),
        ("abc", "abd", 100 * (1 - 1 / 3)),  # one substitution
        ("abcd", "acd", 75.0),  # one insertion, over the longer of the two
        ("", "ab", 0.0),
        ("ab", "", 0.0),
        ("", "", 100.0),
        ("kitten", "sitting", 100 * (1 - 3 / 7)),
    ],
)
def test_edit_score(predicted: str, true: str, score: float):
    assert edit_score(predicted, true) == pytest.approx(score)


class TestMatchSegments:
    def test_iou_must_reach_the_threshold(self):
        predicted, true = segments(("a", 0, 5)), segments(("a", 0, 10))  # IoU 0.5
        assert match_segments(predicted, true, 0.5) == (1, 0, 0)
        assert match_segments(predicted, true, 0.51) == (0, 1, 1)

    def test_label_must_be_the_same(self):
        assert match_segments(segments(("b", 0, 10)), segments(("a", 0, 10)), 0.1) == (0, 1, 1)

    def test_a_true_segment_is_hit_once(self):
        predicted = segments(("a", 0, 4), ("b", 4, 6), ("a", 6, 10))
        assert match_segments(predicted, segments(("a", 0, 10)), 0.25) == (1, 2, 0)

    def test_a_segment_whose_best_match_is_taken_does_not_fall_back_to_another(self):
        predicted = segments(("a", 0, 10), ("b", 10, 11), ("a", 11, 25))
        true = segments(("a", 0, 18), ("b", 18, 20), ("a", 20, 40))
        # The second "a" overlaps the first true one by 7 of 25 (taken) and the second one by 5 of 29.
        assert match_segments(predicted, true, 0.1) == (1, 2, 2)

    def test_a_single_last_frame_is_a_segment_of_no_length_and_never_hit(self):
        video = split_segments(frames("aaab"))
        assert match_segments(video, video, 0.1) == (1, 1, 1)

    def test_nothing_predicted_or_nothing_to_find(self):
        nothing = split_segments(frames("__"), background=("_",))
        assert match_segments(nothing, segments(("a", 0, 9)), 0.1) == (0, 0, 1)
        assert match_segments(segments(("a", 0, 9)), nothing, 0.1) == (0, 1, 0)


def test_f1_from_counts():
    counts = np.array([[3, 1, 2], [0, 5, 5], [0, 0, 0]])
    assert f1_scores(counts).tolist() == pytest.approx([100 * 6 / 9, 0.0, 100.0])


class TestSegmentationScore:
    def test_frames_and_hits_are_pooled_and_edit_is_a_mean_over_videos(self):
        score = SegmentationScore()
        score.add(frames("aaaabbbb"), frames("aaaabbbb"))  # accuracy 8 of 8, edit 100, two hits
        score.add(frames("cc"), frames("dd"))  # accuracy 0 of 2, edit 0, one miss
        f1 = 100 * 4 / (4 + 1 + 1)
        assert score.result() == pytest.approx(
            {"acc": 80.0, "edit": 50.0, "f1_10": f1, "f1_25": f1, "f1_50": f1}
        )

    def test_background_counts_for_accuracy_only(self):
        score = SegmentationScore(background=("_",))
        score.add(frames("___aaa"), frames("_aaaaa"))
        result = score.result()
        assert result["acc"] == pytest.approx(100 * 4 / 6)
        assert result["edit"] == 100.0
        assert result["f1_50"] == 100.0  # 2 of 4 frames
        assert result["f1_10"] == 100.0

    def test_what_cannot_be_scored_is_refused(self):
        with pytest.raises(
            ValueError, match=r"prediction of shape \(3,\) and truth of shape \(2,\): expected"
        ):
            SegmentationScore().add(frames("aaa"), frames("aa"))
        with pytest.raises(ValueError, match="no video was added"):
            SegmentationScore().result()


class TestAnticipationScore:
    def test_classes_weigh_alike_however_many_frames_they_have(self):
        score = AnticipationScore(alphas=[0.2], betas=[0.5])
        #                  frames 2..6  "aaaab": "a" right in 4 of 4, "b" in 0 of 1
        score.add(frames("aaaaaaaaaa"), frames("xxaaaabxxx"))
        assert score.result() == {"moc_obs0.2_pred0.5": 50.0}

    def test_a_class_is_pooled_over_videos(self):
        score = AnticipationScore(alphas=[0.5], betas=[0.5])
        score.add(frames("xxab"), frames("xxaa"))  # "a" 1 of 2
        score.add(frames("xaaaaaaa"), frames("xxxxaaaa"))  # "a" 4 of 4
        assert score.result() == pytest.approx({"moc_obs0.5_pred0.5": 100 * 5 / 6})

    def test_frame_indices_are_truncated(self):
        score = AnticipationScore(alphas=[0.3], betas=[0.3])
        score.add(
            frames("ababab"), frames("abbaab")
        )  # T = 6: frames int(1.8) = 1 to int(3.6) = 3, truth "bb"
        assert score.result() == {"moc_obs0.3_pred0.3": 50.0}

    def test_a_prediction_made_at_one_observed_share_counts_there_only(self):
        score = AnticipationScore(alphas=[0.2, 0.4], betas=[0.2])
        truth = frames("xxaabbxxxx")
        score.add(frames("xxaaaaaaaa"), truth, alpha=0.2)
        score.add(frames("xxaaaaaaaa"), truth, alpha=0.4)
        assert score.result() == {"moc_obs0.2_pred0.2": 100.0, "moc_obs0.4_pred0.2": 0.0}

    def test_what_cannot_be_scored_is_refused(self):
        score = AnticipationScore(alphas=[0.2], betas=[0.1])
        with pytest.raises(ValueError, match=r"no cell observes 0\.3: the table has \[0\.2\]"):
            score.add(frames("ab"), frames("ab"), alpha=0.3)
        score.add(frames("ab"), frames("ab"))  # int(0.2 * 2) = int(0.3 * 2): no frame to score
        with pytest.raises(ValueError, match=r"moc_obs0\.2_pred0\.1 has no frames"):
            score.result()


def test_scores_of_a_trained_mstcn_on_50_salads_are_the_published_protocols(tmp_path: Path):
    if not (SHARED / "data/unpack").exists():
        pytest.skip(f"needs real annotations: no {SHARED / 'data/unpack'}")
    subprocess.run([sys.executable, SHARED / "data/unpack", tmp_path], check=True)
    segmentation, anticipation = SegmentationScore(), AnticipationScore()
    predictions = sorted((tmp_path / "50salads/mstcn_predictions").iterdir())
    for path in predictions:
        prediction = np.array(path.read_text().split())
        truth = np.array((tmp_path / "50salads/groundTruth" / path.name).read_text().split())
        segmentation.add(prediction, truth)
        anticipation.add(prediction, truth)
    expected = json.loads((SHARED / "fixtures/metrics_mstcn_50salads_split1.json").read_text())
    assert len(predictions) == expected.pop("n_videos")
    assert {**segmentation.result(), **anticipation.result()} == pytest.approx(expected, abs=1e-6)
