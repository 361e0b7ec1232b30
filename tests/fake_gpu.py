"""A GPU that is not there: tensors on it have a shape, a kind and a device, and no values.

Whatever a GPU would refuse is refused: tensors on two devices, operators that autocast forbids; and, more
strictly than a GPU, a program that reads a value and so has to wait for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._pytree import tree_leaves

GPU = torch.device("cuda")


class FakeGPU(FakeTensorMode):
    """Within it, what is on "cuda" is fake, and what is on the CPU is computed as ever.

    Attributes:
        fetched: how many tensors were copied to the CPU, for which a program waits.
        operators: how often each one ran on the fake GPU.
    """

    def __init__(self) -> None:
        super().__init__(allow_non_fake_inputs=True)
        self.fetched = 0
        self.operators: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if getattr(func, "overloadpacket", None) is torch.ops.aten.to:  # whole in inference mode
            with self:
                return func.decompose(*args, **(kwargs or {}))
        given = tree_leaves((args, kwargs))
        fake = any(isinstance(value, FakeTensor) for value in given)
        device = next((value for value in given if isinstance(value, torch.device)), None)
        if not fake and (device is None or device.type == "cpu"):
            return func(*args, **(kwargs or {}))
        self.fetched += (
            func is torch.ops.aten._to_copy.default and device is not None and device.type == "cpu"
        )
        self.operators[str(func)] += 1
        return super().__torch_dispatch__(func, types, args, kwargs)


@contextmanager
def fake_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGPU]:
    """Run what follows as if there were a GPU, autocast's rules for one included."""
    monkeypatch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    with FakeGPU() as gpu:
        yield gpu
