"""Pictures for papers, slides and READMEs: PNG files, drawn by Matplotlib."""

import io
import textwrap
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from translator.errors import MissingLibraryError
from translator.visualization.attention import AttentionMaps, Shown
from translator.visualization.curves import METRICS, RunCurves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FONT = "DejaVu Sans"  # comes with Matplotlib
_NAMES = {
    "cross_attention": "Cross-attention",
    "encoder_self_attention": "Encoder self-attention",
    "decoder_self_attention": "Masked decoder self-attention",
    "self_attention": "Self-attention",
}
_CELL = 0.24  # inches that a token takes
_PICTURES_ACROSS = 6
_VEIL = 0.9  # how much of a picture is hidden where nothing is looked at
_WIDEST = 80  # cells, up to which panels stand side by side


@dataclass(frozen=True)
class Picture:
    """A PNG file, and the characters that no installed font could draw in it."""

    png: bytes
    missing: str


def attention_picture(
    maps: AttentionMaps, layer: int | None = None, head: int | None = None
) -> Picture:
    """The kinds of attention at a layer and head, counted from 0; None averages over all.

    A kind whose stack has no such layer is left out; DataError when none has it.
    """
    kinds = maps.kinds_with(layer, head)
    if maps.shown is not None:
        return _looks_at_picture(maps, maps.shown, layer, head)
    tokens = {token for each in kinds.values() for token in (*each.queries, *each.keys)}
    families, missing = _fonts_for([*tokens, maps.source, maps.translation])
    figure, panels = _panels([(len(each.keys), len(each.queries)) for each in kinds.values()])
    for panel, (kind, each) in zip(panels, kinds.items(), strict=True):
        weights = each.view(layer, head)
        if kind != "cross_attention":  # the future is not a weight of zero: it is not there
            weights = np.ma.masked_array(weights, (each.weights == 0).all(axis=(0, 1)))
        _draw_map(panel, weights, each.queries, each.keys, families)
        panel.set_title(_NAMES[kind], fontsize=11)
    _entitle(figure, maps, layer, head, families)
    return Picture(_png(figure), missing)


def _looks_at_picture(
    maps: AttentionMaps, shown: Shown, layer: int | None, head: int | None
) -> Picture:
    """The picture, or the spectrogram, clear where cross-attention looks for each token."""
    cross = maps.cross_attention
    families, missing = _fonts_for([*cross.queries, maps.source, maps.translation])
    height, width = shown.pixels.shape[:2]
    is_wide = width > 2 * height
    across = 1 if is_wide else min(len(cross.queries), _PICTURES_ACROSS)
    down = -(-len(cross.queries) // across)
    figure = _figure(9 if is_wide else 2 * across, (1.3 if is_wide else 2.3) * down + 0.7)
    panels = figure.subplots(down, across, squeeze=False).flat
    weights = cross.view(layer, head)
    place: Any = {"extent": (0, width, height, 0), "aspect": "auto" if is_wide else "equal"}
    for panel, token, given in zip(panels, cross.queries, weights, strict=False):
        panel.imshow(shown.pixels, **place)
        veil = _VEIL * (1.0 - shown.over(given) / given.max())  # the less it sees, the thicker
        panel.imshow(np.ones_like(veil), cmap="gray", vmin=0, vmax=1, alpha=veil, **place)
        panel.set_title(token, family=families, fontsize=10, parse_math=False)
    for panel in figure.axes:
        panel.set_axis_off()
    _entitle(figure, maps, layer, head, families)
    return Picture(_png(figure), missing)


def _entitle(
    figure: "Figure",
    maps: AttentionMaps,
    layer: int | None,
    head: int | None,
    families: list[str],
) -> None:
    which = (
        "average of all layers" if layer is None else f"layer {layer + 1}",
        "average of all heads" if head is None else f"head {head + 1}",
    )
    sentences = textwrap.fill(
        "  →  ".join(filter(None, (maps.source, maps.translation))),
        int(figure.get_figwidth() * 12),
    )
    title = f"{sentences}\n{', '.join(which)}"
    figure.suptitle(title, family=families, fontsize=11, parse_math=False)


def curves_picture(runs: Sequence[RunCurves], axis: Literal["steps", "minutes"]) -> Picture:
    """Every metric in a panel of its own, over optimizer steps or minutes of training."""
    families, missing = _fonts_for([run.name for run in runs])
    figure = _figure(11, 6.2)
    for panel, (key, name) in zip(figure.subplots(2, 3).flat, METRICS.items(), strict=True):
        for index, run in enumerate(runs):
            if curve := run.curves.get(key):
                panel.plot(
                    getattr(curve, axis),
                    curve.values,
                    **_style(index),
                    marker="o" if key.startswith("valid") else "",
                    markersize=3.5,
                    linewidth=1.4,
                )
        panel.set_title(name, fontsize=9.5)
        panel.set_xlabel("step" if axis == "steps" else "minutes of training", fontsize=8.5)
        panel.tick_params(labelsize=8)
        panel.grid(visible=True, linewidth=0.5, alpha=0.5)
        panel.spines[["top", "right"]].set_visible(False)
        if not panel.lines:
            panel.text(0.5, 0.5, "nothing logged yet", ha="center", transform=panel.transAxes)
    _draw_run_names(figure, runs, families)
    return Picture(_png(figure), missing)


def _style(run: int) -> dict[str, Any]:
    """The line of a run: runs differ in more than colour."""
    return {"color": f"C{run % 10}", "linestyle": ("-", "--", "-.", ":")[run % 4]}


def _draw_run_names(figure: "Figure", runs: Sequence[RunCurves], families: list[str]) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], **_style(index)) for index in range(len(runs))]
    legend = figure.legend(
        lines, [run.name for run in runs], loc="outside upper left", ncols=5, frameon=False
    )
    for text in legend.get_texts():
        text.set(family=families, parse_math=False)


def _panels(sizes: Sequence[tuple[int, int]]) -> "tuple[Figure, list[Axes]]":
    """A panel for each map of (keys, queries), one beside the other or, when wide, below it."""
    widths = [keys + 7 for keys, _ in sizes]  # cells, and their labels
    heights = [queries + 7 for _, queries in sizes]
    if sum(widths) <= _WIDEST:
        figure = _figure(_CELL * sum(widths), _CELL * (max(heights) + 2))
        panels = figure.subplots(1, len(sizes), squeeze=False, width_ratios=widths)
    else:
        figure = _figure(_CELL * max(widths), _CELL * (sum(heights) + 2))
        panels = figure.subplots(len(sizes), 1, squeeze=False, height_ratios=heights)
    return figure, list(panels.flat)


def _draw_map(
    panel: "Axes",
    weights: Any,
    queries: Sequence[str],
    keys: Sequence[str],
    families: list[str],
) -> None:
    import matplotlib

    colours = matplotlib.colormaps["Blues"].with_extremes(bad="#e4e7eb")
    image = panel.imshow(weights, cmap=colours, vmin=0, aspect="equal")
    panel.set_anchor("N")
    font: dict[str, Any] = {"family": families, "parse_math": False, "fontsize": 9}
    panel.set_xticks(range(len(keys)), keys, rotation=90, **font)
    panel.set_yticks(range(len(queries)), queries, **font)
    panel.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    panel.spines[:].set_color("#b8c0ca")
    bar = panel.figure.colorbar(image, ax=panel, orientation="horizontal", shrink=0.4, pad=0.02)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _png(figure: "Figure") -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        # A character without a glyph is told once, as Picture.missing, not once for each place.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(file, format="png", dpi=100, metadata={"Software": None})
    return file.getvalue()


def _fonts_for(texts: Iterable[str]) -> tuple[list[str], str]:
    """The installed font families that together draw the texts; the characters that none has."""
    try:
        from matplotlib import font_manager
    except ImportError:
        raise MissingLibraryError(
            "a PNG picture needs Matplotlib, which is not installed", "plot"
        ) from None
    missing = {character for character in "".join(texts) if character.isprintable()}
    installed = sorted(
        (
            font
            for font in font_manager.fontManager.ttflist
            if font.style == "normal" and not font.name.startswith("Last Resort")  # all boxes
        ),
        key=lambda font: (font.name != _FONT, abs(int(font.weight) - 400), font.name),
    )
    families: list[str] = []
    for font in installed:
        if not missing:
            break
        characters = font_manager.get_font(font.fname).get_charmap()
        drawn = {character for character in missing if ord(character) in characters}
        if drawn:
            families.append(font.name)
            missing -= drawn
    return families, "".join(sorted(missing))
