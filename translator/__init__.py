"""Train your own translator: text pairs in, a deployable encoder–decoder transformer out.

The command line is `translator`; from Python:

    from translator import Translator

    translator = Translator.from_run("runs/everyday")
    print(translator.translate(["Pizza is great."])[0].text)
"""

from typing import TYPE_CHECKING, Any

from translator.version import __version__

if TYPE_CHECKING:
    from translator.hypotheses import Translation
    from translator.translation import Translator
    from translator.visualization.attention import AttentionMap, AttentionMaps, attention_maps

__all__ = [
    "AttentionMap",
    "AttentionMaps",
    "Translation",
    "Translator",
    "__version__",
    "attention_maps",
]


def __getattr__(name: str) -> Any:
    """Import the public classes on first use: `translator --help` must not wait for torch."""
    if name in ("Translation", "Translator"):
        from translator import translation

        return getattr(translation, name)
    if name in ("AttentionMap", "AttentionMaps", "attention_maps"):
        from translator.visualization import attention

        return getattr(attention, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
