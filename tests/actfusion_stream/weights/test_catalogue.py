"""What is published is told apart, and has names that any platform takes."""

from __future__ import annotations

import pytest

from actfusion_stream.errors import StreamError
from actfusion_stream.weights.catalogue import WEIGHTS, weight_file


def test_files_in_the_cache_have_names_of_their_own() -> None:
    names = [weight.file_name for weight in WEIGHTS.values()]
    assert len(set(names)) == len(names) == 16
    assert {"i3d-rgb.pt", "raft-small.pth", "hub-x3d_m.pyth"} < set(names)
    assert not any(set(name) & set('<>:"/\\|?*') for name in names)


def test_a_checksum_in_an_address_is_the_published_one() -> None:
    for name in ("raft-large", "raft-small"):
        weight = weight_file(name)
        assert weight.address.endswith(f"-{weight.sha256_prefix}.pth")


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(
        StreamError, match=r"^i3d: there are no weights of this name; there are i3d-rgb, i3d-"
    ):
        weight_file("i3d")


def test_i3d_is_known_by_the_ids_of_its_repository() -> None:
    known = {name: weight.git_blob for name, weight in WEIGHTS.items() if weight.git_blob}
    assert known == {
        "i3d-rgb": "73a4fd1d87eb3dbd97f33a9779fa1caa3d28111a",
        "i3d-flow": "ef0e7c282a102f76b14b52643574b80acba4e475",
    }
