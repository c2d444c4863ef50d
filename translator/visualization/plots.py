"""Plots as SVG that stands in a page: no library, no network, colours from the page's style.

All lengths are units of the view box, which the page scales to its width.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

_WIDTH, _HEIGHT = 460, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 12, 40


class Point(NamedTuple):
    """A place in a plot, and half the height of its error bar."""

    x: float
    y: float
    interval: float | None = None


class Axes:
    """From values to the view box, with round numbers as ticks."""

    def __init__(self, xs: Sequence[float], ys: Sequence[float], *, from_zero: bool) -> None:
        self.x_range = _padded(min(xs), max(xs))
        self.y_ticks = (
            round_ticks(0.0, max(ys) or 1.0) if from_zero else round_ticks(min(ys), max(ys))
        )
        self.y_range = (self.y_ticks[0], self.y_ticks[-1])

    def x(self, value: float) -> float:
        low, high = self.x_range
        return round(_LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(self, value: float) -> float:
        """The height of a value, or of the end of the axis that is nearest to it."""
        low, high = self.y_range
        value = min(max(value, low), high)
        height = _HEIGHT - _TOP - _BOTTOM
        return round(_TOP + (high - value) / (high - low) * height, 1)


def line_plot(
    title: str,
    x_label: str,
    series: Mapping[str, Sequence[Point]],
    x_names: Mapping[float, str] | None = None,
    *,
    percent: bool = False,
) -> Markup:
    """Lines through points, with error bars where they are known; `x_names` replace numbers.

    The axis of what is a percentage begins at 0, and has no place for more than 100.
    """
    points = [point for line in series.values() for point in line if math.isfinite(point.y)]
    if not points:
        return Markup()
    ends = [p.y + sign * (p.interval or 0.0) for p in points for sign in (-1, 1)]
    most = 100.0 if percent else math.inf
    axes = Axes([p.x for p in points], [min(end, most) for end in ends], from_zero=percent)
    parts = [_frame(axes, x_label, x_names)]
    for number, (name, line) in enumerate(series.items()):
        known = [point for point in line if math.isfinite(point.y)]
        path = " ".join(f"{axes.x(p.x)},{axes.y(p.y)}" for p in known)
        marks = [_mark(axes, name, point, x_names) for point in known]
        if len(known) > 40:
            marks = []  # a curve, not points
        parts.append(f'<g class="series-{number}"><polyline points="{path}"/>{"".join(marks)}</g>')
    return _figure(title, parts, tuple(series) if len(series) > 1 else ())


def histogram(title: str, x_label: str, values: Sequence[float], edges: Sequence[float]) -> Markup:
    """How many values lie between neighbouring edges; those outside are in the outermost bars."""
    counts = [0] * (len(edges) - 1)
    for value in values:
        inside = min(max(value, edges[0]), edges[-1])
        place = next((i for i, edge in enumerate(edges[1:]) if inside < edge), len(counts) - 1)
        counts[place] += 1
    axes = Axes(edges, [0.0, float(max(counts, default=1))], from_zero=True)
    bars = [
        _bar(axes, low, high, count, f"{low:g} – {high:g}: {count:,}")
        for low, high, count in zip(edges, edges[1:], counts, strict=False)
    ]
    parts = [_frame(axes, x_label, None), f'<g class="series-0 bars">{"".join(bars)}</g>']
    return _figure(title, parts, ())


def bar_chart(
    title: str, x_label: str, series: Mapping[str, Sequence[int]], names: Sequence[str]
) -> Markup:
    """Groups of bars over named classes, a bar of each series in every group."""
    highest = max((float(value) for values in series.values() for value in values), default=0.0)
    axes = Axes([0.0, float(len(names))], [0.0, highest], from_zero=True)
    width = 0.8 / len(series)
    parts = [_frame(axes, x_label, {n + 0.4: name for n, name in enumerate(names)})]
    for number, (side, values) in enumerate(series.items()):
        bars = (
            _bar(axes, left, left + width, value, f"{side}, {name}: {value:,}")
            for left, value, name in zip(
                (n + number * width for n in range(len(names))), values, names, strict=True
            )
        )
        parts.append(f'<g class="series-{number} bars">{"".join(bars)}</g>')
    return _figure(title, parts, tuple(series))


def _bar(axes: Axes, low: float, high: float, value: float, text: str) -> str:
    left, right, top = axes.x(low), axes.x(high), axes.y(value)
    return (
        f'<rect x="{left + 0.5:.1f}" y="{top}" width="{right - left - 1:.1f}" '
        f'height="{axes.y(0) - top:.1f}"><title>{escape(text)}</title></rect>'
    )


def round_ticks(low: float, high: float) -> list[float]:
    """About five round numbers that enclose low … high."""
    if high <= low:
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * 0.9)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * n, 10) for n in range(first, last + 1)]


def _mark(axes: Axes, name: str, point: Point, x_names: Mapping[float, str] | None) -> str:
    x, y = axes.x(point.x), axes.y(point.y)
    where = (x_names or {}).get(point.x, f"{point.x:g}")
    error, told = "", f"{name} {point.y:.4g}"
    if point.interval is not None and math.isfinite(point.interval):
        top, bottom = axes.y(point.y + point.interval), axes.y(point.y - point.interval)
        error = f'<path d="M{x} {top}V{bottom}M{x - 3} {top}h6M{x - 3} {bottom}h6"/>'
        told += f" ± {point.interval:.2g}"
    title = escape(f"{where}: {told}")
    return f'{error}<circle cx="{x}" cy="{y}" r="3.5"><title>{title}</title></circle>'


def _frame(axes: Axes, x_label: str, x_names: Mapping[float, str] | None) -> str:
    lines, labels = [], []
    for tick in axes.y_ticks:
        y = axes.y(tick)
        lines.append(f"M{_LEFT} {y}H{_WIDTH - _RIGHT}")
        labels.append(f'<text x="{_LEFT - 6}" y="{y + 4}" class="y">{_short(tick)}</text>')
    low, high = axes.x_range
    ticks = x_names or {
        tick: _short(tick) for tick in round_ticks(low, high) if low <= tick <= high
    }
    for tick, name in ticks.items():
        x, y = axes.x(tick), _HEIGHT - _BOTTOM + 16
        labels.append(f'<text x="{x}" y="{y}" class="x">{escape(name)}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    labels.append(f'<text x="{middle}" y="{_HEIGHT - 6}" class="x">{escape(x_label)}</text>')
    return f'<path class="grid" d="{"".join(lines)}"/>{"".join(labels)}'


def _figure(title: str, parts: list[str], legend: Sequence[str]) -> Markup:
    keys = "".join(
        f'<span class="key series-{n}">{escape(name)}</span>' for n, name in enumerate(legend)
    )
    return Markup(
        f"<figure><figcaption>{escape(title)}{keys}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg></figure>"
    )


def _padded(low: float, high: float) -> tuple[float, float]:
    margin = (high - low) * 0.04 or 0.5
    return low - margin, high + margin


def _short(value: float) -> str:
    return f"{value:,.10g}"
