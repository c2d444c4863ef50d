"""What is seen while a text is translated: its translation as it grows, then what it looked at."""

from collections.abc import Generator
from typing import Any

from translator.config import DecodingConfig
from translator.errors import DataError
from translator.hypotheses import Translation
from translator.translation import Translator
from translator.visualization.attention import attention_maps, between_words

LiveEvent = dict[str, Any]
_DIGITS = 3  # of a weight


def live_events(
    translator: Translator, text: str, decoding: DecodingConfig
) -> Generator[LiveEvent, None, None]:
    """Events of a translation: {"text": what is written so far} …, {"sentence": …} after each.

    The last one is {"translatedText": the whole}, equal to what `translate` gives.
    """
    ended: list[Translation] = []  # sentences that have not been shown yet
    steps = translator.stream(text, decoding, on_sentence=ended.append)
    shown = ""
    while True:
        try:
            growing = next(steps)
        except StopIteration as end:
            whole: Translation = end.value
            break
        while ended:
            yield {"sentence": _sentence(translator, ended.pop(0))}
        if growing != shown:
            shown = growing
            yield {"text": shown}
    for sentence in ended:
        yield {"sentence": _sentence(translator, sentence)}
    yield {"translatedText": whole.text}


def _sentence(translator: Translator, translation: Translation) -> LiveEvent:
    """A translated sentence: its words, and where each of them looked in each layer and head."""
    sentence: LiveEvent = {
        "source": translation.source.split(),
        "target": translation.text.split(),
        "alternatives": [each.text for each in translation.alternatives[1:]],
        "attention": None,  # of a sentence that the model cannot see at once
        "rest": "",  # where goes what the attention of a word to the words of the source lacks
    }
    try:
        maps = attention_maps(translator, translation.source, translation.text)
        words = between_words(maps).source_attention
    except DataError:
        return sentence
    source, target = (list(each[:-1]) for each in (words.keys, words.queries))  # without ⟨end⟩
    weights = words.weights[:, :, : len(target), : len(source)].astype(float).round(_DIGITS)
    found = {"source": source, "target": target, "attention": weights.tolist(), "rest": maps.rest}
    return sentence | found
