"""A small dataset for everything that trains or reads one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

CLASSES = ("cut", "peel", "mix")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight short videos of three actions in the MS-TCN layout, six to train and two to test."""
    folder = tmp_path_factory.mktemp("dataset")
    rng = np.random.default_rng(0)
    (folder / "mapping.txt").write_text("".join(f"{i} {name}\n" for i, name in enumerate(CLASSES)))
    (folder / "groundTruth").mkdir()
    (folder / "splits").mkdir()
    (folder / "features").mkdir()
    for i in range(8):
        lengths = rng.integers(8, 20, size=3)
        labels = np.repeat(np.arange(3), lengths)
        (folder / f"groundTruth/v{i}.txt").write_text("".join(CLASSES[k] + "\n" for k in labels))
        np.save(folder / f"features/v{i}.npy", rng.standard_normal((5, len(labels)), np.float32))
    (folder / "splits/train.split1.bundle").write_text("".join(f"v{i}.txt\n" for i in range(6)))
    (folder / "splits/test.split1.bundle").write_text("v6.txt\nv7.txt\n")
    return folder
