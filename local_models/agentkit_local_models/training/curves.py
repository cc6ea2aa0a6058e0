"""A picture of a training: the loss, how far it went from its base, and what it reached.

Needs matplotlib, which only this module uses and only when it draws. The same files always give the
same bytes with the same matplotlib.
"""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from agentkit_local_models.errors import LocalModelError

METRICS = "metrics.jsonl"
"""The steps of a training, in its folder."""
INSTALL = "pip install 'agentkit[train]'"
SPAN = 8
"""The steps over which the weights of a smoothed curve fall by e."""

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # told apart by everyone
_Z95 = 1.959963984540054  # the standard normal's quantile at 0.975


class CurvesError(LocalModelError):
    """No picture can be drawn; the message names the file, the line or what is missing."""


class Row(Struct, frozen=True):
    """What a line of `metrics.jsonl` says of a step, as far as it is drawn."""

    step: int
    loss: float | None = None
    """Mean cross entropy of the learnt tokens, in nats."""
    kept: float | None = None
    """Mean divergence from the base on general text, in nats."""


class Point(Struct, frozen=True):
    """How many cases of a set were reached after a step; step 0 is the base."""

    step: int
    name: str
    """Of the set of cases."""
    reached: int
    cases: int

    def __post_init__(self) -> None:
        """Refuse counts that cannot be."""
        if not 0 <= self.reached <= self.cases or self.cases == 0:
            raise ValueError(f"{self.reached} of {self.cases} cases cannot be reached")

    @property
    def share(self) -> float:
        """What is reached, 0 to 1."""
        return self.reached / self.cases

    @property
    def interval(self) -> tuple[float, float]:
        """The share lies here with 95 % confidence (Wilson 1927, J. Am. Stat. Assoc. 22, 209-212).

        >>> [round(bound, 3) for bound in Point(0, "new", 19, 24).interval]
        [0.595, 0.908]
        """
        scale = 1 + _Z95**2 / self.cases
        middle = (self.share + _Z95**2 / (2 * self.cases)) / scale
        variance = self.share * (1 - self.share) / self.cases + (_Z95 / (2 * self.cases)) ** 2
        spread = _Z95 * math.sqrt(variance) / scale
        # rounding must not put an end on the wrong side of the share
        return min(self.share, max(0.0, middle - spread)), max(self.share, min(1.0, middle + spread))


@dataclass(frozen=True, slots=True)
class Series:
    """A curve: a value at each of some steps."""

    name: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


def draw(metrics: Sequence[Path], picture: Path, *, success: Path | None = None, span: float = SPAN) -> None:
    """Draw one or several trainings into one picture.

    Args:
        metrics: files as `trainer.run` writes them; each is named by its folder.
        picture: written whole; SVG or PNG by its ending.
        success: JSON lines of a step, the name of a set of cases, `reached` and `cases`.
        span: the curves are smoothed over so many steps; 0 for not at all.

    Raises:
        CurvesError: a file cannot be read or has nothing to draw, the ending is another one, or
            matplotlib is missing.
    """
    ending = picture.suffix.lower()
    if ending not in (".svg", ".png"):
        raise CurvesError(f"{picture} ends neither in .svg nor in .png; these can be drawn")
    if not metrics:
        raise CurvesError("no metrics.jsonl to draw")
    runs = dict(zip(_names(metrics), (read_metrics(path) for path in metrics), strict=True))
    points = read_points(success) if success is not None else []
    losses = [_series(name, ((row.step, row.loss) for row in rows)) for name, rows in runs.items()]
    kept = [_series(name, ((row.step, row.kept) for row in rows)) for name, rows in runs.items()]
    drawn = _drawn(
        [
            ("loss", "loss (nats a token)", [series for series in losses if series.steps]),
            ("kept", "divergence from\nthe base (nats a token)", [series for series in kept if series.steps]),
        ],
        points,
        span,
        ending[1:],
    )
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(drawn)
    except OSError as error:
        raise CurvesError(f"{picture} cannot be written: {error.strerror}") from error


def read_metrics(path: Path) -> list[Row]:
    """The steps of a `metrics.jsonl`, in order; of a step that is there twice, the last.

    Raises:
        CurvesError: it cannot be read, a line is no row, or there is no row.
    """
    rows = {row.step: row for row in _rows(path, Row)}
    if not any(row.loss is not None or row.kept is not None for row in rows.values()):
        raise CurvesError(f"{path} has no step with a loss or a divergence yet; train for a few steps first")
    return [rows[step] for step in sorted(rows)]


def read_points(path: Path) -> list[Point]:
    """The success after some steps, in the order of the steps.

    Raises:
        CurvesError: it cannot be read, a line is no point, or there is none.
    """
    points = _rows(path, Point)
    if not points:
        raise CurvesError(f"{path} has no point; a line is {_EXAMPLE}")
    return sorted(points, key=lambda point: point.step)


def smoothed(steps: Sequence[int], values: Sequence[float], span: float) -> tuple[float, ...]:
    """At each step the mean of the values around it, with weights that fall by e every `span` steps.

    The steps before and after count alike, so the curve is not late; at its end only those before do.

    >>> [round(value, 2) for value in smoothed([1, 2, 10], [4.0, 2.0, 2.0], 0.5)]
    [3.76, 2.24, 2.0]
    """
    if span <= 0:
        return tuple(values)
    forth = _sums(steps, values, span)
    back = _sums([-step for step in reversed(steps)], list(reversed(values)), span)
    return tuple(
        (left + right - value) / (weight + other - 1)  # both sums hold the value itself
        for (left, weight), (right, other), value in zip(forth, reversed(back), values, strict=True)
    )


def _sums(steps: Sequence[int], values: Sequence[float], span: float) -> list[tuple[float, float]]:
    """At each step the weighted sum of the values up to it, and the sum of their weights."""
    sums: list[tuple[float, float]] = []
    total = weight = 0.0
    last = steps[0] if steps else 0
    for step, value in zip(steps, values, strict=True):
        keep = math.exp((last - step) / span)
        total, weight, last = keep * total + value, keep * weight + 1, step
        sums.append((total, weight))
    return sums


_EXAMPLE = '{"step": 100, "name": "new tasks", "reached": 19, "cases": 24}'
_Line = TypeVar("_Line", bound=Struct)


def _rows(path: Path, kind: type[_Line]) -> list[_Line]:
    """The lines of a file; a last one that is torn is left out."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise CurvesError(f"{path} cannot be read: {error.strerror}") from error
    rows: list[_Line] = []
    for number, line in enumerate(lines := text.splitlines(keepends=True), 1):
        if not line.strip():
            continue
        try:
            rows.append(msgspec.convert(json.loads(line), kind))
        except (ValueError, msgspec.ValidationError) as error:
            if number == len(lines) and not line.endswith("\n"):
                break
            raise CurvesError(f"{path}, line {number}: {error}") from error
    return rows


def _names(paths: Sequence[Path]) -> list[str]:
    """A name for each file: its folder's; with a number where others have it too."""
    names: list[str] = []
    for path in paths:
        name = path.resolve().parent.name if path.stem == "metrics" else path.stem
        numbered = (f"{name} ({number})" for number in range(2, len(paths) + 2))
        names.append(name if name not in names else next(one for one in numbered if one not in names))
    return names


def _series(name: str, values: Iterable[tuple[int, float | None]]) -> Series:
    """The steps that have a value; one that is no number has none."""
    known = [(step, value) for step, value in values if value is not None and math.isfinite(value)]
    return Series(name, tuple(step for step, _ in known), tuple(value for _, value in known))


def _drawn(
    panels: Iterable[tuple[str, str, list[Series]]], points: list[Point], span: float, ending: str
) -> bytes:
    """The picture: panels above each other, with what there is to show."""
    matplotlib = _matplotlib()
    shown = [panel for panel in panels if panel[2]]
    runs = {one.name for _, _, series in shown for one in series}
    count = len(shown) + bool(points)
    style = {"svg.hashsalt": "agentkit", "svg.fonttype": "none", "font.family": "DejaVu Sans"}
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **style}):
        figure = matplotlib.figure.Figure(figsize=(8.0, 0.6 + 2.4 * count), layout="constrained")
        axes: list[Any] = list(figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0])
        for plot, (kind, label, series) in zip(axes, shown, strict=False):
            _plot_curves(plot, kind, series, span)
            plot.set_ylabel(label)
        if points:
            _plot_success(axes[-1], points)
        for plot in axes:
            plot.grid(visible=True, color="#dddddd", linewidth=0.6)
            plot.set_axisbelow(True)
            plot.spines[["top", "right"]].set_visible(False)
            if len(runs) > 1 or (points and plot is axes[-1]):
                plot.legend(frameon=False, fontsize="small")
        axes[-1].set_xlabel("step")
        held = BytesIO()
        dated = {"Date": None} if ending == "svg" else {"Software": None}
        figure.savefig(held, format=ending, dpi=150, metadata=dated)
    return held.getvalue()


def _plot_curves(plot: Any, kind: str, series: Iterable[Series], span: float) -> None:
    """Each curve: pale as it is, and smoothed."""
    for number, one in enumerate(series):
        colour = _COLOURS[number % len(_COLOURS)]
        if span > 0:
            plot.plot(one.steps, one.values, color=colour, alpha=0.25, linewidth=0.7)
        lines = plot.plot(
            one.steps, smoothed(one.steps, one.values, span), color=colour, linewidth=1.6, label=one.name
        )
        lines[0].set_gid(f"{kind}: {one.name}")
    plot.set_ylim(bottom=0)


def _plot_success(plot: Any, points: list[Point]) -> None:
    """The share that was reached, for each set of cases, with its interval."""
    for number, name in enumerate(dict.fromkeys(point.name for point in points)):
        mine = [point for point in points if point.name == name]
        below = [100 * (point.share - point.interval[0]) for point in mine]
        above = [100 * (point.interval[1] - point.share) for point in mine]
        bars = plot.errorbar(
            [point.step for point in mine],
            [100 * point.share for point in mine],
            yerr=(below, above),
            color=_COLOURS[number % len(_COLOURS)],
            marker="o",
            markersize=4,
            linewidth=1.2,
            capsize=3,
            label=f"{name} ({max(point.cases for point in mine)} cases)",
        )
        bars[0].set_gid(f"success: {name}")
    plot.set_ylabel("reached (%, with\n95 % intervals)")
    plot.set_ylim(-3, 103)


def _matplotlib() -> Any:
    """Matplotlib, without a window system: figures are made directly, `pyplot` is never loaded.

    Raises:
        CurvesError: it is not installed.
    """
    try:
        importlib.import_module("matplotlib.figure")
        return importlib.import_module("matplotlib")
    except ImportError as error:
        raise CurvesError(f"drawing curves needs matplotlib, which is not installed; {INSTALL}") from error
