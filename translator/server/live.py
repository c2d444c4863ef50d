"""What is seen while a text is translated: its translation as it grows, then what it looked at."""

from collections.abc import Generator
from typing import Any

from translator.config import DecodingConfig
from translator.errors import DataError
from translator.sentences import join_sentences, split_sentences
from translator.translation import Translation, Translator
from translator.visualization.attention import attention_maps, word_attention

Event = dict[str, Any]
_DIGITS = 3  # of a weight


def live_events(
    translator: Translator, text: str, decoding: DecodingConfig
) -> Generator[Event, None, None]:
    """Events of a translation: {"text": what is written so far} …, {"sentence": …} after each.

    The last one is {"translatedText": the whole}, equal to what `translate` gives.
    """
    parts = split_sentences(text) if decoding.split_sentences else [(text, "")]
    spaces = [space for _, space in parts]
    written: list[str] = []
    for sentence, _ in parts:
        steps = translator.stream(sentence, decoding)
        shown = ""
        while True:
            try:
                growing = next(steps)
            except StopIteration as end:
                translation: Translation = end.value
                break
            if growing != shown:
                shown = growing
                yield {"text": join_sentences([*written, shown], spaces[: len(written) + 1])}
        written.append(translation.text)
        yield {"sentence": _sentence(translator, translation)}
    yield {"translatedText": join_sentences(written, spaces) if text.strip() else text}


def _sentence(translator: Translator, translation: Translation) -> Event:
    """A translated sentence: its words, and where each of them looked in each layer and head."""
    sentence: Event = {
        "source": translation.source.split(),
        "target": translation.text.split(),
        "alternatives": [each.text for each in translation.alternatives[1:]],
        "attention": None,  # of a sentence that the model cannot see at once
    }
    try:
        words = word_attention(attention_maps(translator, translation.source, translation.text))
    except DataError:
        return sentence
    source, target = (list(each[:-1]) for each in (words.keys, words.queries))  # without ⟨end⟩
    weights = words.weights[:, :, : len(target), : len(source)].astype(float).round(_DIGITS)
    return sentence | {"source": source, "target": target, "attention": weights.tolist()}
