"""Round a matrix to 4 bits so that what it multiplies to changes little, by what it was seen to multiply.

GPTQ (Frantar et al. 2022): columns are rounded one after another, and what each rounding misses is made up
for by the columns that are not rounded yet, through the inverse of the inputs' second moments. What the
inputs are is seen in the rounded model, and what the products should be in the exact one, so that a matrix
also makes up for what those before it miss (as Li et al. 2025 do, "GPTAQ").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor

from agentkit_local_models.matrices import GROUP, Int4Groups
from agentkit_local_models.quantise import grid, nearest, pack

_linalg: Any = torch.linalg  # without types
DAMPING: Final = 0.01
"""Of the mean second moment, added to each: bounds what is made up for."""
_BLOCK: Final = 4 * GROUP
"""Columns whose misses are kept back, and passed on to all later columns at once."""
_SHRUNK: Final = tuple(1 - step / 50 for step in range(0, 21, 2))
"""Shares of a group's range that are tried; numbers out of it go to its ends."""


class Moments:
    """Second moments of what a matrix is multiplied by."""

    def __init__(self, columns: int) -> None:
        """Of no inputs yet.

        Args:
            columns: of the matrix.
        """
        self.rounded = torch.zeros(columns, columns)
        self.crossed = torch.zeros(columns, columns)

    def add(self, rounded: Tensor, exact: Tensor) -> None:
        """Add some inputs.

        Args:
            rounded: what the rounded model multiplies it by, [T, columns].
            exact: what the exact one does at the same places.
        """
        self.rounded.addmm_(rounded.T, rounded)
        self.crossed.addmm_(exact.T, rounded)


def calibrated_int4(weight: Tensor, moments: Moments, damping: float = DAMPING) -> Int4Groups:
    """Groups of 4 bits whose products with the rounded inputs are near the weight's with the exact ones.

    Args:
        weight: float32 [rows, columns]; columns are whole groups.
        moments: of its inputs. Columns that were never multiplied by anything are rounded to the nearest.
        damping: see `DAMPING`.
    """
    mean = float(moments.rounded.diagonal().mean())
    damped = moments.rounded.clone()
    added = damping * mean or 1.0
    damped.diagonal().add_(added)
    wanted = _aimed(weight, moments, damped, added)
    return _rounded(wanted, damped)


def _aimed(weight: Tensor, moments: Moments, damped: Tensor, added: float) -> Tensor:
    """The floats that come nearest: W (C + λ) (H + λ)⁻¹, the weight itself where both inputs are the same."""
    crossed = moments.crossed.clone()
    crossed.diagonal().add_(added)
    factor: Tensor = _linalg.cholesky(damped.double())
    return torch.cholesky_solve((weight @ crossed).T.double(), factor).T.float()


def _rounded(weight: Tensor, damped: Tensor) -> Int4Groups:
    """GPTQ on a grid for each group, which is then fitted to the codes.

    Args:
        weight: float32 [rows, columns].
        damped: second moments [columns, columns].
    """
    importance = damped.diagonal()
    order = importance.argsort(descending=True)  # what matters most has most columns left to make up for it
    passed = _passed_on(damped[order][:, order])
    scales, lows = fitted_grid(weight.view(len(weight), -1, GROUP), importance.view(-1, GROUP))
    codes = _codes(weight, order, passed, scales, lows)
    scales, lows = _refitted(weight, damped, codes, scales, lows)
    return Int4Groups(pack(codes), scales, lows)


def _codes(weight: Tensor, order: Tensor, passed: Tensor, scales: Tensor, lows: Tensor) -> Tensor:
    """Codes on a grid, [rows, groups, GROUP], with each miss passed on to the columns after it in an order.

    Args:
        weight: float32 [rows, columns].
        order: the columns, int64.
        passed: see `_passed_on`, in this order.
        scales: of the grid, float16 [rows, groups].
        lows: as scales.
    """
    steps, firsts = (each.float().T[order // GROUP].contiguous() for each in (scales, lows))
    left = weight.T[order].contiguous()  # a row for each column, in the order of rounding
    codes = torch.empty_like(left)
    columns = len(order)
    for start in range(0, columns, _BLOCK):
        end = min(start + _BLOCK, columns)
        missed = torch.empty(end - start, left.shape[1])
        for column in range(start, end):
            codes[column] = nearest(left[column], steps[column], firsts[column])
            value = codes[column] * steps[column] + firsts[column]
            miss = (left[column] - value) / passed[column, column]
            missed[column - start] = miss
            left[column + 1 : end].addr_(passed[column, column + 1 : end], miss, alpha=-1)
        left[end:].addmm_(passed[start:end, end:].T, missed, alpha=-1)
    found = torch.empty_like(codes)
    found[order] = codes
    return found.T.reshape(len(weight), -1, GROUP)


def _refitted(
    weight: Tensor, damped: Tensor, codes: Tensor, scales: Tensor, lows: Tensor
) -> tuple[Tensor, Tensor]:
    """The scales and lowest values by which products with these codes are nearer: least squares by group.

    Each group makes up for what those before it still miss, the roundings of their scales among it.
    """
    scales, lows = scales.clone(), lows.clone()
    values = codes * scales.float().unsqueeze(-1) + lows.float().unsqueeze(-1)
    pull = (weight - values.flatten(1)) @ damped  # how a change of each number would help
    for group in range(scales.shape[1]):
        mine = slice(group * GROUP, (group + 1) * GROUP)
        own, near = codes[:, group], damped[mine, mine]
        seen = own @ near
        squares, mixed, ones = (seen * own).sum(dim=1), seen.sum(dim=1), near.sum()
        by_scale, by_low = (pull[:, mine] * own).sum(dim=1), pull[:, mine].sum(dim=1)
        left = squares * ones - mixed * mixed
        # codes that are all the same do not tell the scale from the lowest value, which alone is changed then
        told = left > 1e-4 * squares * ones
        scale = torch.where(told, (by_scale * ones - by_low * mixed) / left, 0.0)
        low = (by_low - mixed * scale) / ones
        before = scales[:, group].float(), lows[:, group].float()
        scales[:, group], lows[:, group] = before[0] + scale, before[1] + low
        changed = own * (scales[:, group].float() - before[0]).unsqueeze(1)
        changed += (lows[:, group].float() - before[1]).unsqueeze(1)
        pull.addmm_(changed, damped[mine], alpha=-1)
    return scales, lows


def _passed_on(damped: Tensor) -> Tensor:
    """The upper Cholesky factor of the inverse: how a column's miss is passed on to those after it."""
    # H = R Rᵀ with R upper, so H⁻¹ = R⁻ᵀ R⁻¹: nothing is inverted that is not triangular
    factor: Tensor = _linalg.cholesky(damped.double().flip(0, 1)).flip(0, 1)
    identity = torch.eye(len(factor), dtype=factor.dtype)
    inverse: Tensor = _linalg.solve_triangular(factor, identity, upper=True)
    return inverse.float()


def fitted_grid(groups: Tensor, importance: Tensor) -> tuple[Tensor, Tensor]:
    """The scales and lowest values, of some that are tried, by which numbers miss least.

    Tried are shares of each group's range, and for the codes that each gives the line of least squares.

    Args:
        groups: float32 [rows, groups, GROUP].
        importance: of each column's squared miss, [groups, GROUP].

    Returns:
        float16 [rows, groups] twice. Plain rounding's where no other is better.
    """
    best = grid(groups)
    least = _missed(groups, importance, *best)
    middle = groups.aminmax(dim=-1)
    centre, half = (middle.max + middle.min) / 2, (middle.max - middle.min) / 2
    for share in _SHRUNK:
        low = centre - share * half
        codes = nearest(groups, (2 * share * half / 15).unsqueeze(-1), low.unsqueeze(-1))
        scales, lows = _line(codes, groups, importance)
        missed = _missed(groups, importance, scales, lows)
        better = missed < least  # false where a number is none, as of groups in which all are the same
        least = torch.where(better, missed, least)
        best = torch.where(better, scales, best[0]), torch.where(better, lows, best[1])
    return best


def _line(codes: Tensor, groups: Tensor, importance: Tensor) -> tuple[Tensor, Tensor]:
    """The scale and lowest value of least squares for codes; no numbers where all codes are the same."""
    share = importance / importance.sum(dim=-1, keepdim=True)
    mean: Callable[[Tensor], Tensor] = lambda values: (values * share).sum(dim=-1)  # noqa: E731
    code, number = mean(codes), mean(groups)
    scales = (mean(codes * groups) - code * number) / (mean(codes * codes) - code * code)
    return scales.to(torch.float16), (number - scales * code).to(torch.float16)


def _missed(groups: Tensor, importance: Tensor, scales: Tensor, lows: Tensor) -> Tensor:
    """The weighted squares of what is missed with a grid: [rows, groups]."""
    steps, firsts = scales.float().unsqueeze(-1), lows.float().unsqueeze(-1)
    values = nearest(groups, steps, firsts) * steps + firsts
    return ((values - groups).square_() * importance).sum(dim=-1)
