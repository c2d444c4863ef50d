"""What does a model read? Texts taken apart, or pictures and recordings by their references."""

from collections.abc import Sequence

import torch
from torch import Tensor

from translator.config import Config
from translator.data import read_frames
from translator.errors import DataError
from translator.inference import padded_sources
from translator.text.glossary import Glossary
from translator.text.parts import TextPart, TextProcessor
from translator.tokenizer import Tokenizer


class MediaProcessor(TextProcessor):
    """Reads pictures or recordings; what is written of them is put together as any text.

    Where a text would be is a reference: the path of a file, or TABLE.parquet#COLUMN/ROW.
    """

    def __init__(self, config: Config, tokenizer: Tokenizer) -> None:
        super().__init__(config, tokenizer)
        self._model = config.model

    def parts(
        self,
        texts: Sequence[str],
        *,
        split: bool = True,
        prefix: str = "",
        glossary: Glossary | None = None,
        keep: bool = True,
    ) -> list[TextPart]:
        """A part for each reference that is not blank; one that cannot be read has a problem.

        There is nothing to split or to keep, and nothing in which a glossary would find its terms.
        """
        parts = [self._part(i, text.strip()) for i, text in enumerate(texts) if text.strip()]
        return self._with_prefix(parts, prefix) if prefix else parts

    def lost(self, part: TextPart, ids: Sequence[int]) -> list[str]:
        """Nothing: the numbers in the name of a file are none of a translation."""
        return []

    def _part(self, index: int, name: str) -> TextPart:
        try:
            return TextPart(index, (), sentence=name, frames=read_frames(name, self._model))
        except DataError as error:
            return TextPart(index, (), sentence=name, problem=error.message)


def processor_of(config: Config, tokenizer: Tokenizer) -> TextProcessor:
    """What takes the inputs of a model apart."""
    if config.model.source == "text":
        return TextProcessor(config, tokenizer)
    return MediaProcessor(config, tokenizer)


def source_of(parts: Sequence[TextPart], device: torch.device) -> Tensor | list[Tensor]:
    """What `Engine.read` reads of parts: padded ids [B, S], or the frames [S, F] of each."""
    if parts[0].frames is None:
        return padded_sources([part.read for part in parts], device)
    return [torch.from_numpy(part.frames).to(device) for part in parts if part.frames is not None]
