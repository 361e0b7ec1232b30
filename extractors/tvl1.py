"""Optical flow by TV-L1 with the parameters of OpenCV's `DualTVL1OpticalFlow`, as of the published features.

Zach, Pock & Bischof, "A Duality Based Approach for Realtime TV-L1 Optical Flow" (DAGM 2007); letters and
equations are those of Sánchez, Meinhardt-Llopis & Facciolo (IPOL 2013). Where OpenCV goes its own way, so
does this: a median filter before each block of iterations, warping by cubic convolution with zeros outside
the picture, dual variables kept from warp to warp, and an end once an iteration moves next to nothing.

A GPU computes many pairs at once, of which each ends for itself. A CPU gives each thread a pair and goes over
it in bands of rows, in place: what an iteration touches stays in the caches, which halved its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

TAU = 0.25  # step of the dual variables
LAMBDA = 0.15  # weight of the data against smoothness
THETA = 0.3  # how far apart the two halves of the problem may lie
SCALES, SCALE_STEP, SMALLEST = 5, 0.8, 16  # the pyramid; a scale below so many pixels is left out
WARPS = 5  # per scale
OUTER, INNER = 10, 30  # blocks of iterations per warp, and the iterations of a block
EPSILON = 0.01  # pixels by which an iteration moves the flow (root mean square) once a warp is done

_FLAT = torch.finfo(torch.float32).eps  # of a squared gradient: below, there is nothing to follow
_BAND, _BAND_OF_MEDIAN = 32_768, 16_384  # numbers, in the rows that are computed at once; measured
_AT_ONCE = 1 << 24  # pixels of the pairs that a GPU computes together, about 150 bytes each


def tvl1_flow(before: Tensor, after: Tensor) -> Tensor:
    """The motion between grey pictures.

    Args:
        before: (N, H, W) uint8, the earlier pictures.
        after: the later ones.

    Returns:
        (N, 2, H, W) float32: by how many pixels each point of the earlier picture moves right, and down.
    """
    # On a CPU operations on a band are too short to share among threads; pairs are not.
    together = 1 if before.is_cpu else max(1, _AT_ONCE // before[0].numel())
    parts = torch.split(before, together), torch.split(after, together)
    with ThreadPoolExecutor(torch.get_num_threads() if before.is_cpu else 1) as threads:
        return torch.cat(list(threads.map(_coarse_to_fine, *parts)))


@torch.inference_mode()
def _coarse_to_fine(before: Tensor, after: Tensor) -> Tensor:
    scales = list(zip(_pyramid(before), _pyramid(after), strict=True))
    flow = torch.zeros_like(scales[-1][0]).repeat(1, 2, 1, 1)
    for earlier, later in reversed(scales):
        size = earlier.shape[-2:]
        if flow.shape[-2:] != size:
            flow = F.interpolate(flow, size=size, mode="bilinear", align_corners=False) / SCALE_STEP
        _one_scale(earlier, later, flow)
    return flow


def _pyramid(pictures: Tensor) -> Iterator[Tensor]:
    """(N, 1, h, w) float32, from the full size down."""
    image = pictures[:, None].float()
    for scale in range(SCALES):
        if scale:
            size = [round(n * SCALE_STEP) for n in image.shape[-2:]]
            if min(size) < SMALLEST:
                return
            # interpolate() would round the size down, or step by the ratio of both sizes
            image = torch.ops.aten.upsample_bilinear2d(image, size, False, SCALE_STEP, SCALE_STEP)
        yield image


def _one_scale(before: Tensor, after: Tensor, flow: Tensor) -> None:
    """Refine the flow of one scale in place.

    Args:
        before: (N, 1, h, w).
        after: the same.
        flow: (N, 2, h, w).
    """
    pairs, _, height, width = flow.shape
    slopes = _widened(torch.cat([after, _central(after, 3), _central(after, 2)], dim=1))  # (N, 3, H, W)
    right = flow.new_zeros(pairs, 2, height, width + 1)
    down = flow.new_zeros(pairs, 2, height + 1, width)
    for _ in range(WARPS):
        warped = _warp(slopes, flow)
        gradient = warped[:, 1:]
        squared = gradient.square().sum(dim=1, keepdim=True).clamp_(min=_FLAT)
        rest = warped[:, :1] - before - (gradient * flow).sum(dim=1, keepdim=True)
        # divided by the squared gradient here, so that iterations only multiply
        _descend(_Problem(flow, right, down, gradient, gradient / squared, rest / squared))


@dataclass
class _Problem:
    """What iterations between two warps change, and what they read.

    Attributes:
        flow: u, (N, 2, h, w).
        right: the component of p along a row, times THETA, (N, 2, h, w + 1); its first column stays 0.
        down: the one along a column, (N, 2, h + 1, w); its first row stays 0.
        gradient: of the warped later picture, (N, 2, h, w).
        pull: the gradient over its square, (N, 2, h, w).
        rest: the constant part of rho over the same, (N, 1, h, w).
    """

    flow: Tensor
    right: Tensor
    down: Tensor
    gradient: Tensor
    pull: Tensor
    rest: Tensor

    def only(self, pairs: Tensor) -> _Problem:
        """A copy of some of the pairs."""
        return _Problem(*(getattr(self, field.name)[pairs] for field in fields(self)))

    def take(self, solved: _Problem, pairs: Tensor) -> None:
        """What iterations on a copy have changed."""
        if solved is not self:
            self.flow[pairs], self.right[pairs], self.down[pairs] = solved.flow, solved.right, solved.down

    def bands(self) -> list[_Band]:
        """All rows, in the order in which an iteration goes over them."""
        pairs, _, height, width = self.flow.shape
        rows = _rows(self.flow, _BAND)
        scratch = [self.flow.new_empty(pairs * 2 * (rows + 1) * width) for _ in range(3)]
        return [_Band(self, top, min(top + rows, height), scratch) for top in range(0, height, rows)]


def _descend(problem: _Problem) -> None:
    """Iterate until every pair has come to rest."""
    height, width = problem.flow.shape[-2:]
    left = torch.arange(len(problem.flow), device=problem.flow.device)
    going, bands = problem, problem.bands()
    for iteration in range(OUTER * INNER):
        if iteration % INNER == 0:
            median_filter(going.flow)
        squares = torch.zeros(len(left), device=left.device)
        for band in bands:
            squares += band.primal_step()
            band.dual_step()
        moving = squares > EPSILON**2 * height * width
        if not moving.all():
            problem.take(going, left)
            left, going = left[moving], going.only(moving)
            if not len(left):
                return
            bands = going.bands()
    problem.take(going, left)


class _Band:
    """Rows of a problem, cut out once, as an iteration is too short to do it each time.

    The dual variables of a row need the flow of the next one, so they follow one row behind.
    """

    def __init__(self, problem: _Problem, top: int, end: int, scratch: list[Tensor]) -> None:
        pairs, _, height, width = problem.flow.shape

        def buffer(index: int, rows: int) -> Tensor:
            return scratch[index][: pairs * 2 * rows * width].view(pairs, 2, rows, width)

        self.flow, self.gradient = problem.flow[:, :, top:end], problem.gradient[:, :, top:end]
        self.rest, self.pull = problem.rest[:, :, top:end], torch.split(problem.pull[:, :, top:end], 1, dim=1)
        self.components = torch.split(self.flow, 1, dim=1)
        self.right = problem.right[:, :, top:end, 1:], problem.right[:, :, top:end, :-1]
        self.down = problem.down[:, :, top + 1 : end + 1], problem.down[:, :, top:end]
        self.change, self.step = buffer(0, end - top), buffer(1, end - top)[:, :1]
        flat = self.change.flatten(1)
        self.flat = flat[:, None], flat[:, :, None]

        top, end = max(top - 1, 0), end if end == height else end - 1
        here, below = problem.flow[:, :, top:end], problem.flow[:, :, top + 1 : end + 1]
        self.across = here[..., 1:], here[..., :-1]
        self.along = below, here[:, :, : below.shape[2]]
        self.x, self.y, self.norm = (buffer(index, end - top) for index in range(3))
        self.inner = self.x[..., :-1], self.y[:, :, : below.shape[2]]
        self.edges = self.x[..., -1], self.y[:, :, below.shape[2] :]
        self.one = problem.flow.new_ones(())
        self.duals = problem.right[:, :, top:end, 1:], problem.down[:, :, top + 1 : end + 1]

    def primal_step(self) -> Tensor:
        """u = v + theta div p with v by thresholding (IPOL 2013, equations 12 and 14).

        Returns:
            (N,) sum of the squares of what it changed.
        """
        torch.addcmul(self.rest, self.pull[0], self.components[0], out=self.step)
        self.step.addcmul_(self.pull[1], self.components[1]).clamp_(-LAMBDA * THETA, LAMBDA * THETA)
        torch.sub(*self.right, out=self.change)
        self.change.add_(self.down[0]).sub_(self.down[1]).addcmul_(self.step, self.gradient, value=-1)
        self.flow.add_(self.change)
        return torch.bmm(*self.flat)[:, 0, 0]

    def dual_step(self) -> None:
        """p = (p + tau / theta grad u) / (1 + tau / theta |grad u|) (IPOL 2013, equation 13)."""
        torch.sub(*self.across, out=self.inner[0])
        torch.sub(*self.along, out=self.inner[1])
        for edge in self.edges:  # nothing flows out of the picture
            edge.zero_()
        torch.mul(self.x, self.x, out=self.norm).addcmul_(self.y, self.y).sqrt_()
        torch.add(self.one, self.norm, alpha=TAU / THETA, out=self.norm)
        for dual, slope in zip(self.duals, (self.x, self.y), strict=True):
            dual.add_(slope, alpha=TAU).div_(self.norm)


def _rows(image: Tensor, numbers: int) -> int:
    """How many rows (of all pairs) to work on at once; a GPU takes all, as it has no caches to fit into."""
    pairs, channels, height, width = image.shape
    return min(height, max(1, numbers // (pairs * channels * width))) if image.is_cpu else height


def _central(image: Tensor, dim: int) -> Tensor:
    """Half the difference of both neighbours; at a border the pixel stands for the one that is missing."""
    pad = (1, 1, 0, 0) if dim == 3 else (0, 0, 1, 1)
    wide, size = F.pad(image, pad, mode="replicate"), image.shape[dim]
    return (wide.narrow(dim, 2, size) - wide.narrow(dim, 0, size)) / 2


def _widened(images: Tensor) -> Tensor:
    """Zeros added to the right and below up to powers of two: `_warp` then meets pixels exactly.

    Else what stands still would move by a rounding error, which grows at the borders from warp to warp.
    """
    height, width = ((1 << (n - 1).bit_length()) - n for n in images.shape[-2:])
    return F.pad(images, (0, width, 0, height))


def _warp(images: Tensor, flow: Tensor) -> Tensor:
    """Images (N, C, H, W), widened, at where the flow (N, 2, h, w) leads: (N, C, h, w)."""
    height, width = flow.shape[-2:]
    x = torch.arange(width, device=flow.device) + flow[:, 0]
    y = torch.arange(height, device=flow.device)[:, None] + flow[:, 1]
    grid = [(2 * at + 1) / size - 1 for at, size in ((x, images.shape[3]), (y, images.shape[2]))]
    return F.grid_sample(images, torch.stack(grid, dim=-1), "bicubic", "zeros", align_corners=False)


def median_filter(image: Tensor) -> None:
    """Replace each pixel by the median of 5 x 5, in place; beyond the borders the last pixels are repeated.

    Columns are sorted, two and two of them merged, then four: what squares have in common is done once.

    Args:
        image: (N, C, h, w).
    """
    height, width = image.shape[-2:]
    wide = F.pad(image, (2, 2, 2, 2), mode="replicate")
    rows = _rows(image, _BAND_OF_MEDIAN)
    for top in range(0, height, rows):
        end = min(top + rows, height)
        one = _COLUMN([wide[:, :, top + y : end + y] for y in range(5)])
        two = _TWO([line[..., x : x + width + 3] for x in (0, 1) for line in one])
        eighth = _FOUR([line[..., x : x + width] for x in (0, 2) for line in two])  # to the 13th, of 20
        # Of all 25 the 13th: for one k, it is not below k of the last five and 13 - k of the twenty.
        median = eighth[5]
        for k in range(1, 6):
            median = torch.minimum(median, torch.maximum(eighth[5 - k], one[k - 1][..., 4:]))
        image[:, :, top:end] = median


@dataclass(frozen=True)
class _Network:
    """Exchanges of two values, after which the lesser has the first place; and where the sorted ones are."""

    exchanges: list[tuple[int, int]]
    order: list[int]

    def only(self, ranks: range) -> _Network:
        """Without the exchanges that do not matter to values of these ranks."""
        order = [self.order[rank] for rank in ranks]
        asked, kept = set(order), []
        for exchange in reversed(self.exchanges):
            if asked & set(exchange):
                asked |= set(exchange)
                kept.append(exchange)
        return _Network(kept[::-1], order)

    def __call__(self, values: list[Tensor]) -> list[Tensor]:
        for low, high in self.exchanges:
            pair = values[low], values[high]
            values[low], values[high] = torch.minimum(*pair), torch.maximum(*pair)
        return [values[place] for place in self.order]


def _merge(one: _Network, other: _Network) -> _Network:
    """Both, then what merges their results (Batcher's odd-even merge; Knuth 3, section 5.3.4)."""
    before, a, b = one.exchanges + other.exchanges, one.order, other.order
    if not a or not b:
        return _Network(before, a + b)
    if len(a) == len(b) == 1:
        return _Network([*before, (a[0], b[0])], a + b)
    odd = _merge(_Network([], a[::2]), _Network([], b[::2]))
    even = _merge(_Network([], a[1::2]), _Network([], b[1::2]))
    last = list(zip(even.order, odd.order[1:], strict=False))
    rest = even.order[len(last) :] + odd.order[len(last) + 1 :]
    order = [odd.order[0], *(place for exchange in last for place in exchange), *rest]
    return _Network(before + odd.exchanges + even.exchanges + last, order)


def _sorting(places: range) -> _Network:
    """What sorts any values."""
    if len(places) <= 1:
        return _Network([], list(places))
    middle = len(places) // 2
    return _merge(_sorting(places[:middle]), _sorting(places[middle:]))


_COLUMN = _sorting(range(5))
_TWO = _merge(_Network([], [*range(5)]), _Network([], [*range(5, 10)]))
_FOUR = _merge(_Network([], [*range(10)]), _Network([], [*range(10, 20)])).only(range(7, 13))
