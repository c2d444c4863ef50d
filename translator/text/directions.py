"""From which language into which? What a model of several directions is told, and by what.

The id of a tag such as >>es<< stands before what the encoder reads (Johnson et al., 2017; spelled
as in OPUS-MT). It is a piece that no text is cut into, and that is decoded to nothing.
"""

import operator

from translator.config import Config, LanguagePair
from translator.errors import RunError
from translator.text.languages import are_alike
from translator.tokenizer import Tokenizer


def tag_of(config: Config, tokenizer: Tokenizer) -> tuple[int, ...]:
    """The id that says a model into which language a text goes; none where it knows only one."""
    data = config.data
    return (tokenizer.tag_id(data.direction.tag),) if data.directions else ()


def directions_among(to: str, config: Config) -> list[LanguagePair]:
    """The directions of a configuration that `es`, or `en-es`, means; RunError if none does.

    The default stands before others into the same language. A code may be of another kind, or
    more or less exact than that of the configuration: es is what `spa` and `es-MX` mean.
    """
    default, known = config.data.direction, config.data.all_directions
    wanted = LanguagePair.of(to)  # en-es might also be English as in Spain
    for same in (operator.eq, are_alike):
        found = [
            pair
            for pair in dict.fromkeys((default, *known))
            if (all(map(same, wanted, pair)) if wanted else same(to, pair.target))
        ]
        if found:
            return found
    said = ", ".join(f"{pair.source} → {pair.target}" for pair in known)
    raise RunError(
        f"the run {config.name} does not translate {'from' if wanted else 'into'} {to}: "
        f"it translates {said}",
        "Name one of these languages with --to, or another --run.",
    )
