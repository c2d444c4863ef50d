"""Pictures for papers, slides and READMEs: PNG files, drawn by Matplotlib."""

import io
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from unicodedata import east_asian_width

import numpy as np

from translator.errors import MissingLibraryError
from translator.visualization.curves import AXES, FEW_POINTS, METRICS, RunCurves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from translator.visualization.attention import AttentionMap, AttentionMaps, Shown

_FONT = "DejaVu Sans"  # comes with Matplotlib
_NAMES = {
    "cross_attention": "Cross-attention",
    "encoder_self_attention": "Encoder self-attention",
    "decoder_self_attention": "Masked decoder self-attention",
    "self_attention": "Self-attention",
}
_CELL = 0.24  # inches that a token takes
_SMALL_CELL = 0.15  # in a grid of many heads
_PICTURES_ACROSS = 6
_VEIL = 0.9  # how much of a picture is hidden where nothing is looked at
_WIDEST = 80  # cells, up to which panels stand side by side
_NARROWEST = 4.0  # inches, in which the second line of most titles has room
_MARGIN = 0.15  # inches that a title or a legend keeps from either edge
_MOST_COLUMNS = 5  # of a legend
_TITLE_SIZE = 11  # points
_DPI = 100
_MOST_PIXELS = 12_000  # to a side: Matplotlib draws no 65,536, and far fewer fill the memory


@dataclass(frozen=True)
class Picture:
    """A PNG file, and the characters that no installed font could draw in it."""

    png: bytes
    missing: str


def attention_picture(
    maps: "AttentionMaps", layer: int | None = None, head: int | None = None
) -> Picture:
    """The kinds of attention at a layer and head, counted from 0; None averages over all.

    A kind whose stack has no such layer is left out; DataError when none has it.
    """
    kinds = maps.kinds_with(layer, head)
    if maps.shown is not None:
        return _looks_at_picture(maps, maps.shown, layer, head)
    tokens = {token for each in kinds.values() for token in (*each.queries, *each.keys)}
    families, missing = _fonts_for([*tokens, maps.source, maps.translation])
    size = max(max(len(each.keys), len(each.queries)) for each in kinds.values())
    figure, panels = _panels(size + max(7, _cells_of(tokens)), len(kinds))
    views = {kind: each.view(layer, head) for kind, each in kinds.items()}
    most = max(float(view.max()) for view in views.values())
    for panel, (kind, each) in zip(panels, kinds.items(), strict=True):
        image = _draw_map(panel, _present(views[kind], each, kind), most)
        _name_axes(panel, each, families)
        panel.set_title(_NAMES[kind], fontsize=_TITLE_SIZE)
    figure.align_titles()
    _draw_scale(figure, image)
    _entitle(figure, maps, _place(layer, head), families, kinds)
    return Picture(_png(figure), missing)


def heads_picture(maps: "AttentionMaps") -> Picture:
    """Every head of every layer in a grid: of cross-attention, or of the first kind there is."""
    kind, each = next(iter(maps.kinds.items()))
    layers, heads = each.weights.shape[:2]
    families, missing = _fonts_for([*each.queries, *each.keys, maps.source, maps.translation])
    height = max(1.3, _SMALL_CELL * len(each.queries))
    width = max(1.3, _SMALL_CELL * len(each.keys))
    labels = max(0.8, _SMALL_CELL * _cells_of((*each.queries, *each.keys)))
    figure = _figure(width * heads + labels + 1.0, height * layers + labels + 0.8)
    panels = figure.subplots(layers, heads, squeeze=False, sharex=True, sharey=True)
    for (layer, head), panel in np.ndenumerate(panels):
        image = _draw_map(panel, _present(each.weights[layer, head], each, kind), most=1.0)
        if layer == 0:
            panel.set_title(f"head {head + 1}", fontsize=9)
        if head == heads - 1:
            panel.set_ylabel(f"layer {layer + 1}", fontsize=9)
            panel.yaxis.set_label_position("right")
        _name_ticks(panel, each, families, fontsize=7, shown=(layer == layers - 1, head == 0))
    figure.supxlabel(f"key: the {maps.unit} that is looked at", fontsize=9)
    figure.supylabel(f"query: the {maps.unit} that looks", fontsize=9)
    _draw_scale(figure, image)
    _entitle(figure, maps, _NAMES[kind], families, [kind])
    return Picture(_png(figure), missing)


def _present(weights: Any, each: "AttentionMap", kind: str) -> Any:
    """The weights without the future, which is not a weight of zero: it is not there."""
    if kind == "cross_attention":
        return weights
    return np.ma.masked_array(weights, (each.weights == 0).all(axis=(0, 1)))


def _looks_at_picture(
    maps: "AttentionMaps", shown: "Shown", layer: int | None, head: int | None
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
    _entitle(figure, maps, _place(layer, head), families)
    return Picture(_png(figure), missing)


def _place(layer: int | None, head: int | None) -> str:
    return ", ".join(
        (
            "average of all layers" if layer is None else f"layer {layer + 1}",
            "average of all heads" if head is None else f"head {head + 1}",
        )
    )


def _entitle(
    figure: "Figure",
    maps: "AttentionMaps",
    what: str,
    families: list[str],
    kinds: Iterable[str] = (),
) -> None:
    """Put the sentences above the panels, then what is drawn of these kinds, in lines that fit."""
    room = _room(figure)
    sentences = "  →  ".join(filter(None, (maps.source, maps.translation)))
    notes = [what]
    if partial := [kind for kind in kinds if maps.lacks_tag(kind)]:
        rows = " and ".join(_NAMES[kind] for kind in partial).capitalize()
        notes.append(f"{rows}: a {maps.row_sum(partial[0]).removeprefix('A ')}")
    texts = [_broken(figure, text, room, _TITLE_SIZE, families) for text in (sentences, *notes)]
    if "\n" in texts[0] and maps.translation:  # each sentence in lines of its own
        sides = (maps.source, f"→  {maps.translation}")
        texts[:1] = [_broken(figure, side, room, _TITLE_SIZE, families) for side in sides]
    title = "\n".join(texts)
    figure.suptitle(title, family=families, fontsize=_TITLE_SIZE, parse_math=False)


def _room(figure: "Figure") -> float:
    """The width that text may take in a figure, in pixels."""
    return float((figure.get_figwidth() - 2 * _MARGIN) * figure.dpi)


def _broken(figure: "Figure", text: str, room: float, fontsize: float, families: list[str]) -> str:
    """Break a text into lines at most `room` pixels wide, between words where possible."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.font_manager import FontProperties

    font = FontProperties(family=families, size=fontsize)
    canvas: Any = FigureCanvasAgg(figure)
    renderer = canvas.get_renderer()
    columns = len(text)
    while True:
        lines = textwrap.wrap(text, max(1, columns))
        with _silent_about_glyphs():
            widths = [renderer.get_text_width_height_descent(x, font, False)[0] for x in lines]
        widest = max(widths, default=0.0)
        if widest <= room or columns <= 1:
            return "\n".join(lines)
        columns = min(columns - 1, int(columns * room / widest))


def curves_picture(runs: Sequence[RunCurves], axis: Literal["steps", "minutes"]) -> Picture:
    """Every metric in a panel of its own, over optimizer steps or minutes of training."""
    families, missing = _fonts_for([run.name for run in runs])
    figure = _figure(11, 6.2)
    for panel, (key, name) in zip(figure.subplots(2, 3).flat, METRICS.items(), strict=True):
        points = 0
        for index, run in enumerate(runs):
            if curve := run.curves.get(key):
                points = max(points, len(curve.steps))
                panel.plot(
                    getattr(curve, axis),
                    curve.values,
                    **_style(index),
                    marker="o" if key.startswith("valid") or len(curve.steps) == 1 else "",
                    markersize=3.5,
                    linewidth=1.4,
                )
        panel.set_xlabel(AXES[axis], fontsize=8.5)
        panel.tick_params(labelsize=8)
        panel.grid(visible=True, linewidth=0.5, alpha=0.5)
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_title(name, fontsize=9.5)
        if points:
            panel.set_xlim(left=0)  # as on the page
        if points < len(FEW_POINTS):
            said: dict[str, Any] = {"ha": "center", "fontsize": 8.5, "transform": panel.transAxes}
            panel.text(0.5, 0.92 if points else 0.5, FEW_POINTS[points], **said)
    _draw_run_names(figure, runs, families)
    return Picture(_png(figure), missing)


def _style(run: int) -> dict[str, Any]:
    """The line of a run: runs differ in more than colour."""
    return {"color": f"C{run % 10}", "linestyle": ("-", "--", "-.", ":")[run % 4]}


def _draw_run_names(figure: "Figure", runs: Sequence[RunCurves], families: list[str]) -> None:
    """Draw a legend above the panels in as many columns as fit, and make room for its lines."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], **_style(index)) for index in range(len(runs))]
    room, size = _room(figure), 10.0
    names = [_broken(figure, run.name, room - 0.5 * figure.dpi, size, families) for run in runs]
    for columns in range(min(_MOST_COLUMNS, len(runs)), 0, -1):
        legend = figure.legend(
            lines,
            names,
            loc="outside upper left",
            ncols=columns,
            frameon=False,
            prop=FontProperties(family=families, size=size),
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
        with _silent_about_glyphs():
            extent = legend.get_window_extent()
        if extent.width <= room or columns == 1:
            break
        legend.remove()
    one_line = 0.3  # inches, for which the figure has room
    figure.set_figheight(figure.get_figheight() + max(0.0, extent.height / figure.dpi - one_line))


def _cells_of(tokens: Iterable[str]) -> int:
    """The length of the longest token, in cells of the map."""
    halves = (sum(1 + (east_asian_width(x) in "WF") for x in token) for token in tokens)
    return -(-max(halves) * 2 // 5)


def _panels(size: int, count: int) -> "tuple[Figure, list[Axes]]":
    """Equal panels of `size` cells for `count` maps: in a row, or a column if that is wide."""
    side = _CELL * size
    if size * count <= _WIDEST:
        figure = _figure(side * count, side + 0.9)
        panels = figure.subplots(1, count, squeeze=False)
    else:
        figure = _figure(side, side * count + 0.9)
        panels = figure.subplots(count, 1, squeeze=False)
    return figure, list(panels.flat)


def _draw_map(panel: "Axes", weights: Any, most: float) -> "AxesImage":
    """Weights as colours of one scale, 0 … most; grey where nothing can be seen."""
    import matplotlib

    colours = matplotlib.colormaps["Blues"].with_extremes(bad="#e4e7eb")
    panel.spines[:].set_color("#b8c0ca")
    return panel.imshow(weights, cmap=colours, vmin=0, vmax=most, aspect="auto")


def _name_axes(panel: "Axes", each: "AttentionMap", families: list[str]) -> None:
    _name_ticks(panel, each, families, fontsize=9)
    panel.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False)
    panel.set_xlabel("key", fontsize=9)
    panel.set_ylabel("query", fontsize=9)


def _name_ticks(
    panel: "Axes",
    each: "AttentionMap",
    families: list[str],
    *,
    fontsize: int,
    shown: tuple[bool, bool] = (True, True),
) -> None:
    """The keys across and the queries down, as far as they are shown."""
    font: dict[str, Any] = {"family": families, "parse_math": False, "fontsize": fontsize}
    if shown[0]:
        panel.set_xticks(range(len(each.keys)), each.keys, rotation=90, **font)
    if shown[1]:
        panel.set_yticks(range(len(each.queries)), each.queries, **font)
    panel.tick_params(length=0)


def _draw_scale(figure: "Figure", image: "AxesImage") -> None:
    """The one scale of all panels."""
    bar = figure.colorbar(image, ax=figure.axes, shrink=0.6, pad=0.02, aspect=30)
    bar.set_label("weight", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)


def _figure(width: float, height: float) -> "Figure":
    """A figure of these inches, its pixels larger where there would be too many."""
    from matplotlib.figure import Figure

    size = max(_NARROWEST, width), height
    return Figure(figsize=size, dpi=min(_DPI, _MOST_PIXELS / max(size)), layout="constrained")


@contextmanager
def _silent_about_glyphs() -> Iterator[None]:
    """A character without a glyph is told once, as Picture.missing, not once for each place."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _png(figure: "Figure") -> bytes:
    file = io.BytesIO()
    with _silent_about_glyphs():
        # With so few places that labels are larger than they are, it is drawn all the same.
        warnings.filterwarnings("ignore", message="constrained_layout not applied")
        figure.savefig(file, format="png", metadata={"Software": None})
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
