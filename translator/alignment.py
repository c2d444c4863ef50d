"""Which source word does a target word come from, and how sure was the model of each token?

Both are read from one more pass over a finished translation, all positions at once.
"""

import threading
from collections.abc import Sequence

import torch
from torch import Tensor

from translator.model import Attention, KeysValues, Memory, Seq2SeqTransformer
from translator.tokenizer import BOS_ID, EOS_ID

_ONE_AT_A_TIME = threading.Lock()


@torch.inference_mode()
def read_again(
    model: Seq2SeqTransformer, source: Sequence[int], target: Sequence[int]
) -> tuple[list[float], Tensor]:
    """The log-probabilities of the target ids and of the end, and who attended to what [T, S].

    The ids are those of one sentence pair without special ids. The attention is that of target
    position t, at which token t is chosen, to the source tokens and their end: the mean of the
    heads of cross-attention in the last layer but one (the only one, if there is one), which is
    where heads align most clearly; the last layer prepares the next token's form.
    """
    device = next(model.parameters()).device
    source_ids = torch.tensor([[*source, EOS_ID]], device=device)
    decoder_input = torch.tensor([[BOS_ID, *target]], device=device)
    memory = model.encode(source_ids, torch.ones_like(source_ids))
    attention, states = _decode(model, decoder_input, memory)
    labels = torch.tensor([*target, EOS_ID], device=device)
    log_probs = model.output(states[0]).float().log_softmax(dim=1).gather(1, labels[:, None])
    return log_probs[:, 0].tolist(), attention[:-1]


def _decode(
    model: Seq2SeqTransformer, decoder_input: Tensor, memory: Memory
) -> tuple[Tensor, Tensor]:
    """Cross-attention [T, S] of one layer, averaged over its heads, and the states [1, T, D]."""
    layers = list(model.decoder.layers)
    attention = layers[max(0, len(layers) - 2)].cross_attention
    weights: list[Tensor] = []

    def keep(module: Attention, inputs: tuple[Tensor, KeysValues, Tensor]) -> None:
        weights.append(attention_weights(module, *inputs[:2])[0].mean(dim=0))

    with _ONE_AT_A_TIME:  # hooks belong to the model, which several threads may read
        handle = attention.register_forward_pre_hook(keep)
        try:
            states = model.decode(decoder_input, memory)
        finally:
            handle.remove()
    return weights[0], states


def attention_weights(attention: Attention, queries: Tensor, keys_values: KeysValues) -> Tensor:
    """softmax(q kᵀ / √K) of every head where nothing is masked: [B, H, Q, M]."""
    q = attention.q_proj(queries).unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)
    scores: Tensor = q @ keys_values.keys.transpose(2, 3) / q.shape[3] ** 0.5
    return scores.softmax(dim=3)


def align_words(
    attention: Tensor, source_pieces: Sequence[str], target_pieces: Sequence[str]
) -> list[tuple[int, int]]:
    """For each target word the source word that it attended to most: (source, target), from 0.

    attention [T, S + 1], of SentencePiece pieces, where ▁ begins a word; the end of the source,
    which words without a counterpart look at, aligns to nothing.
    """
    sources = torch.tensor([*_word_numbers(source_pieces), max(1, len(source_pieces))])
    targets = torch.tensor(_word_numbers(target_pieces), dtype=torch.long)
    if not len(targets) or not source_pieces:
        return []
    words = int(sources[:-1].max()) + 1
    sources[-1] = words  # the end
    shared = torch.zeros(int(targets.max()) + 1, words + 1)
    by_word = torch.zeros(len(target_pieces), words + 1).index_add_(1, sources, attention.cpu())
    shared.index_add_(0, targets, by_word)
    best = shared.argmax(dim=1).tolist()
    return [(source, target) for target, source in enumerate(best) if source < words]


def _word_numbers(pieces: Sequence[str]) -> list[int]:
    numbers, number = [], 0
    for index, piece in enumerate(pieces):
        number += piece.startswith("▁") and index > 0
        numbers.append(number)
    return numbers
