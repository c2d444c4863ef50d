"""Pages that need nothing but themselves: one HTML file, opened without a network or a server."""

import html
import json
import math
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

from translator.visualization.attention import AttentionMap, AttentionMaps
from translator.visualization.curves import METRICS, Curve, RunCurves

_ONE = 10_000  # weights are written in whole parts of it: half the bytes of decimals


def attention_page(maps: AttentionMaps, layer: int | None = None, head: int | None = None) -> str:
    """The maps as an interactive page, first shown at a layer and head (from 0; None: average).

    DataError when there is no such layer or head.
    """
    first = next(iter(maps.kinds_with(layer, head)))
    kinds = {
        kind: {
            "queries": each.queries,
            "keys": each.keys,
            "weights": _in_parts(each, causal=kind == "decoder_self_attention"),
        }
        for kind, each in maps.by_kind().items()
    }
    return _fill(
        "attention.html",
        f"Attention: {maps.source}",
        {
            "source": maps.source,
            "translation": maps.translation,
            "source_language": maps.source_language,
            "target_language": maps.target_language,
            "kind": first,
            "layer": -1 if layer is None else layer,
            "head": -1 if head is None else head,
            "one": _ONE,
            "maps": kinds,
        },
    )


def curves_page(runs: Sequence[RunCurves]) -> str:
    """The curves of runs as an interactive page, over steps or over minutes of training."""
    data = {
        "metrics": METRICS,
        "runs": [
            {
                "name": run.name,
                "curves": {key: _points(curve) for key, curve in run.curves.items()},
            }
            for run in runs
        ],
    }
    return _fill("curves.html", f"Learning curves: {', '.join(run.name for run in runs)}", data)


def _points(curve: Curve) -> dict[str, Any]:
    minutes = [None if math.isnan(minute) else round(minute, 3) for minute in curve.minutes]
    return {"steps": curve.steps, "minutes": minutes, "values": curve.values}


def _in_parts(each: AttentionMap, *, causal: bool) -> list[Any]:
    """Weights [layers][H][Q][M] in parts of _ONE; a causal row ends where its past does."""
    layers: list[Any] = (each.weights * _ONE).round().astype(int).tolist()
    if not causal:
        return layers
    return [[[row[: i + 1] for i, row in enumerate(head)] for head in heads] for heads in layers]


def _fill(template: str, title: str, data: object) -> str:
    """A page of this folder with its {{title}}, {{style}} and {{data}} filled in."""
    texts = {
        "title": html.escape(title),
        "style": _read("page.css"),
        # As JSON inside a <script>: only `<` could end it.
        "data": json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: texts[match[1]], _read(template))


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
