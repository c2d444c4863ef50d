"""Does an imported run compute what the checkpoint does? Ids, logits and greedy translations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from translator.decoding import beam_search, search, steps_of_search
from translator.errors import DataError, RunError
from translator.evaluation.significance import LUCK, binomial_tail
from translator.importing.checkpoint import MarianCheckpoint
from translator.inference import Engine, ModelStepper
from translator.progress import tracked
from translator.text.directions import tag_of
from translator.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNK_ID
from translator.translation import Translator

MIN_IDENTICAL = 0.99  # share of the sentences
MAX_DIFFERENCE = 1e-4  # between logits, as a share of the largest (of 1, if it is smaller)
_SENTENCES_AT_ONCE = 8


@dataclass(frozen=True)
class Proof:
    """How an imported run reads and translates some sentences, beside its checkpoint."""

    sentences: int
    identical_ids: float  # share of the sentences that are read as the same pieces, 0 … 1
    identical_greedy: float  # share of those whose greedy translation is the same
    logits_difference: float  # the largest, as a share of the largest logit

    @property
    def problem(self) -> str:
        """What is beyond the tolerance; empty when nothing is."""
        if self.identical_ids < MIN_IDENTICAL:
            return f"only {self.identical_ids:.1%} of the sentences are read as the same pieces"
        if self.logits_difference > MAX_DIFFERENCE:
            return f"the logits differ by {self.logits_difference:.1e} of the largest"
        different = round(self.sentences * (1.0 - self.identical_greedy))
        if binomial_tail(different, self.sentences, 1.0 - MIN_IDENTICAL) < LUCK:
            return f"only {self.identical_greedy:.1%} of the greedy translations are the same"
        return ""


def prove(checkpoint: MarianCheckpoint, translator: Translator, sentences: Sequence[str]) -> Proof:
    """Read and translate sentences with both; those that Marian reads with <unk> are left out.

    All is computed in float32, greedily, from texts to texts. Raises DataError when no sentence
    is left, RunError when the model finds nothing.
    """
    config = translator.config
    chosen: list[tuple[str, list[int]]] = []
    unknown = checkpoint.tokenizer.encoder["<unk>"]
    said = f"{config.data.direction.tag} " if config.data.directions else ""
    for text in sentences:
        ids = checkpoint.tokenizer(said + text)["input_ids"]
        if unknown not in ids and 1 < len(ids) < config.model.max_positions:
            chosen.append((text, ids))
    if not chosen:
        raise DataError(
            f"{checkpoint.origin} knows the characters of none of the sentences",
            "Name a file of sentences in its source language with --source.",
        )
    order = checkpoint.their_ids
    own_ids = translator.tokenizer.encode([text for text, _ in chosen])
    tag = tag_of(config, translator.tokenizer)
    same_ids = [
        order[[*tag, *own, EOS_ID]].tolist() == theirs
        for own, (_, theirs) in zip(own_ids, chosen, strict=True)
    ]
    same, differences = [], []
    engine = Engine(translator.model)
    chosen.sort(key=lambda pair: len(pair[1]))
    starts = range(0, len(chosen), _SENTENCES_AT_ONCE)
    for start in tracked(starts, "comparing with the original", len(starts), "batches"):
        texts = [text for text, _ in chosen[start : start + _SENTENCES_AT_ONCE]]
        batch = _Batch(checkpoint, translator, engine, texts)
        same += list(batch.same_translations())
        differences.append(batch.logits_difference())
    return Proof(
        len(chosen), sum(same_ids) / len(chosen), sum(same) / len(chosen), max(differences)
    )


class _Batch:
    """Some sentences, translated greedily by both."""

    def __init__(
        self, checkpoint: MarianCheckpoint, translator: Translator, engine: Engine, texts: list[str]
    ) -> None:
        self.checkpoint, self.translator = checkpoint, translator
        data = translator.config.data
        said = f"{data.direction.tag} " if data.directions else ""
        told = [said + text for text in texts]
        self.theirs = checkpoint.tokenizer(told, padding=True, return_tensors="pt")
        tag = tag_of(translator.config, translator.tokenizer)
        ids = [[*tag, *each, EOS_ID] for each in translator.tokenizer.encode(texts)]
        width = max(map(len, ids))
        self.source = torch.tensor([[*each, *[PAD_ID] * (width - len(each))] for each in ids])
        limit = min(translator.config.model.max_positions - 1, 2 * width + 10)
        limits = torch.full((len(texts),), limit)
        steps = steps_of_search(limits, beam_search(1), bos=BOS_ID, eos=EOS_ID, slots=1)
        found = search(ModelStepper(engine, self.source), steps)
        if not all(found):
            raise RunError(
                f"{checkpoint.origin} finds no translation: what it computes is not finite",
                "Its weights are damaged: fetch it again.",
            )
        self.found = [list(hypotheses[0].tokens) for hypotheses in found]
        self.limit = limit

    @torch.inference_mode()
    def same_translations(self) -> Iterator[bool]:
        """For each sentence whether ids and text of the translation are the same."""
        tokenizer = self.checkpoint.tokenizer
        generated = self.checkpoint.model.generate(
            **self.theirs,
            num_beams=1,
            do_sample=False,
            max_length=self.limit + 1,  # with the start
            bad_words_ids=[[number] for number in self.checkpoint.forbidden_ids],
        )[:, 1 : self.limit]
        end = self.checkpoint.config.eos_token_id
        for own, row in zip(self.found, generated.tolist(), strict=True):
            theirs = row[: row.index(end)] if end in row else row
            if self.checkpoint.their_ids[own].tolist() != theirs:
                yield False
            elif UNK_ID in own:  # transformers leaves it out
                yield True
            else:
                [text] = self.translator.tokenizer.target.decode([own])
                yield text.split() == tokenizer.decode(theirs, skip_special_tokens=True).split()

    @torch.inference_mode()
    def logits_difference(self) -> float:
        """The largest difference between logits of what may follow our translations' prefixes."""
        width = max(map(len, self.found)) + 1
        rows = [[BOS_ID, *own, *[PAD_ID] * (width - 1 - len(own))] for own in self.found]
        target = torch.tensor(rows)
        model = self.translator.model
        states = model(self.source, (self.source != PAD_ID).long(), target)
        ours = self._of_pieces(model.output(states), target)
        order = self.checkpoint.their_ids
        logits = self.checkpoint.model(**self.theirs, decoder_input_ids=order[target]).logits
        theirs = self._of_pieces(logits[..., order], target)
        return float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1.0))

    def _of_pieces(self, logits: Tensor, target: Tensor) -> Tensor:
        """Logits after what is no padding, of the pieces that may follow."""
        never = torch.isin(self.checkpoint.their_ids, torch.tensor(self.checkpoint.forbidden_ids))
        return logits[target != PAD_ID][:, ~never]
