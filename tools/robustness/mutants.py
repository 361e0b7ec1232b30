"""Damage to files, by number: the same seed and number do the same to the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

_RIM = 2048  # bytes at both ends of a file, where headers and indexes are: half of all damage goes there
_MOST_EDITS = 8
_MOST_FLIPS = 16
_LONGEST = 4096  # bytes of a stretch

_Edit = Callable[[bytearray, np.random.Generator], str]


def mutant(data: bytes, seed: int, number: int) -> tuple[bytes, tuple[str, ...]]:
    """Damage a file in one to eight places.

    Args:
        data: the file as it was.
        seed, number: decide what is done.

    Returns:
        The damaged file, and what was done to it, in order.
    """
    rng = np.random.default_rng((seed, number))
    mutated = bytearray(data)
    edits = [_EDITS[rng.integers(len(_EDITS))] for _ in range(_upto(_MOST_EDITS, rng))]
    done = tuple(edit(mutated, rng) for edit in edits if mutated)
    return bytes(mutated), done


def _place(size: int, rng: np.random.Generator) -> int:
    """An offset, which in half of the cases is near an end."""
    if rng.random() < 0.5 or size <= 2 * _RIM:
        return int(rng.integers(size))
    at = int(rng.integers(2 * _RIM))
    return at if at < _RIM else size - 2 * _RIM + at


def _upto(most: int, rng: np.random.Generator) -> int:
    """From 1 to `most`, where small numbers are frequent: much damage at once is refused at once."""
    return int(np.exp(rng.uniform(0, np.log(most + 1))))


def _stretch(data: bytearray, rng: np.random.Generator) -> slice:
    at = _place(len(data), rng)
    return slice(at, min(at + _upto(_LONGEST, rng), len(data)))


def _flip(data: bytearray, rng: np.random.Generator) -> str:
    places = [_place(len(data), rng) for _ in range(_upto(_MOST_FLIPS, rng))]
    for at in places:
        data[at] ^= 1 << int(rng.integers(8))
    return f"bits flipped at {', '.join(map(str, places))}"


def _overwrite(data: bytearray, rng: np.random.Generator) -> str:
    where = _stretch(data, rng)
    size = where.stop - where.start
    zeros = rng.random() < 0.5
    data[where] = bytes(size) if zeros else rng.bytes(size)
    return f"{size} bytes from {where.start} on {'zeroed' if zeros else 'overwritten'}"


def _delete(data: bytearray, rng: np.random.Generator) -> str:
    where = _stretch(data, rng)
    del data[where]
    return f"{where.stop - where.start} bytes from {where.start} on deleted"


def _insert(data: bytearray, rng: np.random.Generator) -> str:
    at, size = _place(len(data), rng), _upto(_LONGEST, rng)
    data[at:at] = rng.bytes(size)
    return f"{size} bytes inserted at {at}"


def _duplicate(data: bytearray, rng: np.random.Generator) -> str:
    where, at = _stretch(data, rng), _place(len(data), rng)
    data[at:at] = data[where]
    return f"{where.stop - where.start} bytes from {where.start} on inserted at {at}, too"


def _swap(data: bytearray, rng: np.random.Generator) -> str:
    first, second = sorted((_stretch(data, rng), _stretch(data, rng)), key=lambda where: where.start)
    first = slice(first.start, min(first.stop, second.start))
    data[first.start : second.stop] = data[second] + data[first.stop : second.start] + data[first]
    return (
        f"{first.stop - first.start} bytes from {first.start} on and {second.stop - second.start} "
        f"from {second.start} on swapped"
    )


def _truncate(data: bytearray, rng: np.random.Generator) -> str:
    size = 1 + _place(len(data), rng)
    del data[size:]
    return f"cut off after {size} bytes"


def _extreme(data: bytearray, rng: np.random.Generator) -> str:
    """A field of 16 or 32 bits as small or large as it can be, signed or not."""
    size = int(rng.choice((2, 4)))
    order: Literal["little", "big"] = "little" if rng.random() < 0.5 else "big"
    at = min(_place(len(data), rng), max(0, len(data) - size))
    most = (1 << 8 * size) - 1
    value = (0, 1, most >> 1, most)[rng.integers(4)]
    data[at : at + size] = value.to_bytes(size, order)
    return f"{value:#x} at {at} ({8 * size} bits, {order} end first)"


_EDITS: tuple[_Edit, ...] = (
    _flip, _overwrite, _delete, _insert, _duplicate, _swap, _truncate, _extreme, _extreme
)  # fmt: skip
