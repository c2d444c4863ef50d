"""Train your own translator: text pairs in, a deployable encoder–decoder transformer out.

The command line is `translator`; from Python:

    from translator import Translator

    translator = Translator.from_run("runs/everyday")
    print(translator.translate(["Pizza is great."])[0].text)
"""

import os
from typing import TYPE_CHECKING, Any

from translator.version import __version__

if TYPE_CHECKING:
    from translator.hypotheses import Translation
    from translator.translation import Translator
    from translator.visualization.attention import AttentionMap, AttentionMaps, attention_maps
    from translator.visualization.explanation import Explanation, explain

__all__ = [
    "AttentionMap",
    "AttentionMaps",
    "Explanation",
    "Translation",
    "Translator",
    "__version__",
    "attention_maps",
    "explain",
]

# How long a thread of OpenMP waits awake for the others: GNU's counts turns (its own choice is
# 300,000), Intel's and LLVM's milliseconds (200).
_PATIENCE = {"GOMP_SPINCOUNT": "3000", "KMP_BLOCKTIME": "1"}


def _let_waiting_threads_sleep() -> None:
    """Leave the cores to others soon, unless the environment says how long to wait.

    Where another program has a core, one thread is late, and the others would take that program's
    time, and their own thread's, to wait (docs/performance.md). OpenMP reads it once, when torch
    or CTranslate2 is loaded.
    """
    if not {"OMP_WAIT_POLICY", *_PATIENCE} & os.environ.keys():
        os.environ.update(_PATIENCE)


_let_waiting_threads_sleep()


def __getattr__(name: str) -> Any:
    """Import the public classes on first use: `translator --help` must not wait for torch."""
    if name in ("Translation", "Translator"):
        from translator import translation

        return getattr(translation, name)
    if name in ("AttentionMap", "AttentionMaps", "attention_maps"):
        from translator.visualization import attention

        return getattr(attention, name)
    if name in ("Explanation", "explain"):
        from translator.visualization import explanation

        return getattr(explanation, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
