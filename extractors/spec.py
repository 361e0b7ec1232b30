"""What a feature is: every setting between pictures and vectors, with a fingerprint of the weights.

What a feature means depends on all of them, so they travel together, from feature files to a trained model
to the stream: a model trained on one extractor's features says nothing sensible about another's.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields
from typing import Any

from torch import Tensor

RGB, FLOW = "rgb", "flow"
FLOW_METHODS = ("tvl1", "dis", "raft-large", "raft-small")
HUB = "hub:"  # how the names of pytorchvideo's backbones begin

# Frames by which a continual I3D looks to either side of a feature: the sum of what its layers look.
CONTINUAL_REACH = 57

# A spec may come in a file from anybody: nothing in it may take all memory, or never end.
_MOST = 4096  # pixels, frames, frames a second
_MAX_PIXELS = 2**24  # of a clip; the published features read 2**20


@dataclass(frozen=True)
class ExtractorSpec:
    """Everything that decides what a feature is.

    Attributes:
        name: what the extractor is called, e.g. in errors; "hub:…" for a backbone of pytorchvideo, otherwise
            it is an Inception-I3D.
        width: channel multiplier of the I3D; 1 is the published network.
        window: frames per clip.
        rate: frames per second of the time grid that clips are cut from.
        stride: grid frames from one feature to the next.
        short_side: pixels to which the shorter side of a picture is resized.
        crop: (height, width) of the centre crop after that.
        fingerprint: SHA-256 over names and values of the weights; empty until there are weights.
        streams: what the networks read, ("rgb",), ("flow",) or ("rgb", "flow"); features in that order.
        flow: one of `FLOW_METHODS`, "" without a flow stream.
        padding: what a window holds beyond the ends of a video: "repeat" the first or last picture, or
            "zero".
        windows: "exact" for a window of frames per feature; "continual" for an I3D that convolves the stream
            as a whole, which makes another feature; `window` has no part in it.
        frame_stride: grid frames from one frame of a clip to the next.
        precision: of the arithmetic that made the features, "float32" or "bfloat16"; "" where nobody knows.
        flow_side: pixels to which the shorter side of a picture is resized before its flow is computed, which
            then is given in pixels of the picture as it was; 0 for its own size, as published.
        ahead: grid frames that an exact window reaches beyond the feature's time: fewer, and a stream speaks
            sooner, but has seen less of what it speaks of. None for half of the window, as published.
    """

    name: str
    width: float
    window: int
    rate: float
    stride: int
    short_side: int
    crop: tuple[int, int]
    fingerprint: str = ""
    streams: tuple[str, ...] = (RGB,)
    flow: str = ""
    padding: str = "repeat"
    windows: str = "exact"
    frame_stride: int = 1
    precision: str = ""
    ahead: int | None = None
    flow_side: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise ValueError(f"the name of the extractor is {self.name!r}; give text")
        counts = (self.window, self.stride, self.short_side, *self.crop, self.frame_stride)
        if not all(type(count) is int and 1 <= count <= _MOST for count in counts):
            raise ValueError(
                f"window, stride, short side, crop and frame stride of the extractor are {counts}; "
                f"give whole numbers from 1 to {_MOST}"
            )
        factors = (self.width, self.rate)
        if not all(isinstance(factor, (int, float)) and 0 < factor <= _MOST for factor in factors):
            raise ValueError(
                f"width and rate of the extractor are {factors}; give numbers above 0, at most {_MOST}"
            )
        if self.window * self.crop[0] * self.crop[1] > _MAX_PIXELS:
            raise ValueError(
                f"the extractor's clips of {self.window} x {self.crop[0]} x {self.crop[1]} pixels are larger "
                f"than the {_MAX_PIXELS} pixels allowed"
            )
        choices: dict[str, tuple[object, ...]] = {
            "streams": ((RGB,), (FLOW,), (RGB, FLOW)),
            "flow": FLOW_METHODS if FLOW in self.streams else ("",),
            "padding": ("repeat", "zero"),
            "windows": ("exact",) if self.is_hub else ("exact", "continual"),
            "precision": ("", "float32", "bfloat16"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} of the extractor is {getattr(self, name)!r}; give one of "
                    + ", ".join(repr(choice) for choice in allowed)
                )
        if not (type(self.flow_side) is int and 0 <= self.flow_side <= _MOST):
            raise ValueError(
                f"flow side of the extractor is {self.flow_side!r}; give pixels up to {_MOST}, or 0 for the "
                "picture's own"
            )
        if self.flow_side and not self.flow:
            raise ValueError(f"flow side of the extractor is {self.flow_side}, but it reads no flow")
        most = self.span - 1
        if self.ahead is not None and not (type(self.ahead) is int and 0 <= self.ahead <= most):
            raise ValueError(
                f"ahead of the extractor is {self.ahead!r}; give a whole number from 0 to {most}, its window"
            )
        if self.ahead is not None and self.windows == "continual":
            raise ValueError("ahead of the extractor is set; a continual network has no window to move")
        if self.is_hub and self.streams != (RGB,):
            raise ValueError(f"the extractor {self.name} reads pictures only, not {self.streams}")

    @property
    def is_hub(self) -> bool:
        """Whether the network is a backbone of pytorchvideo."""
        return self.name.startswith(HUB)

    @property
    def picture_side(self) -> int | None:
        """Pixels of the shorter side to which pictures may be scaled before they come; None where they may
        not, as flow counts pixels of whole ones.
        """
        return None if FLOW in self.streams else self.short_side

    @property
    def span(self) -> int:
        """Grid frames from the first to the last of a window."""
        return (self.window - 1) * self.frame_stride + 1

    @property
    def frames_ahead(self) -> int:
        """Grid frames of an exact window after the feature's time."""
        return (self.span - 1) // 2 if self.ahead is None else self.ahead

    @property
    def before(self) -> int:
        """Grid frames before a feature's time that it depends on."""
        return CONTINUAL_REACH if self.windows == "continual" else self.span - 1 - self.frames_ahead

    @property
    def after(self) -> int:
        """Grid frames after a feature's time that it depends on: it cannot exist earlier than these.

        The flow of the last frame of a window leads to one frame more.
        """
        reach = CONTINUAL_REACH if self.windows == "continual" else self.frames_ahead
        return reach + (FLOW in self.streams)

    @property
    def lookahead(self) -> float:
        """Seconds from a feature's time to the last frame that it depends on."""
        return self.after / self.rate

    @property
    def period(self) -> float:
        """Seconds from one feature to the next."""
        return self.stride / self.rate

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ExtractorSpec:
        """Raises: TypeError, KeyError, IndexError or ValueError if `values` are not those of a spec."""
        crop = values["crop"][0], values["crop"][1]
        return cls(**{**values, "crop": crop, "streams": tuple(values.get("streams", (RGB,)))})


def differences(one: ExtractorSpec, other: ExtractorSpec) -> list[str]:
    """What keeps features of one from being those of the other, "rate 15 and 30", nothing if they are alike.

    The stride is no part of it: it chooses among features, and changes none. Nor is the precision: a model
    that learned from a GPU's features may watch on a CPU, where they differ by some thousandths. A
    fingerprint that is not known differs from none.
    """
    unlike = []
    for field in fields(ExtractorSpec):
        a, b = getattr(one, field.name), getattr(other, field.name)
        unknown = field.name == "fingerprint" and not (a and b)
        if a != b and field.name not in ("stride", "name", "precision") and not unknown:
            a, b = (value[:12] if field.name == "fingerprint" else value for value in (a, b))
            unlike.append(f"{field.name} {a} and {b}")
    return unlike


def fingerprint(state: dict[str, Tensor]) -> str:
    """SHA-256 of a state dict: names, shapes and float32 values."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu()
        if tensor.is_floating_point():
            digest.update(f"{name}{tuple(tensor.shape)}".encode())
            digest.update(tensor.float().contiguous().numpy().tobytes())
    return digest.hexdigest()
