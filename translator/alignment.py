"""Where did a model look? Attention weights, word alignment, and how sure it was of each token.

The last two are read from one more pass over a finished translation, all positions at once.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from translator.model import Attention, KeysValues, Seq2SeqTransformer, Transformer, attention
from translator.tokenizer import BOS_ID, EOS_ID

T = TypeVar("T")
_ONE_AT_A_TIME = threading.RLock()  # a thread may record within its own recording


@torch.inference_mode()
def force_decode(
    model: Transformer, source: Sequence[int] | Tensor, target: Sequence[int]
) -> tuple[list[float], Tensor]:
    """The log-probabilities of the target ids and of the end, and who attended to what [T, S].

    The ids are those of one sentence pair without special ids; the source may be the frames [S, F]
    of a picture or a recording instead. The attention is that of `forced_attention`.
    """
    states, attention = _forced(model, source, target)
    labels = torch.tensor([*target, EOS_ID], device=states.device)
    log_probs = model.output(states).float().log_softmax(dim=1).gather(1, labels[:, None])
    return log_probs[:, 0].tolist(), attention


@torch.inference_mode()
def forced_attention(
    model: Transformer, source: Sequence[int] | Tensor, target: Sequence[int]
) -> Tensor:
    """Who attends to what [T, S] where target ids are forced; both are as for `force_decode`.

    It is the attention of target position t, at which token t is chosen, to what was read, of a
    text with its end: the mean of the heads of cross-attention (or, without an encoder, of
    self-attention) in the last layer but one (the only one, if there is one), which is where heads
    align most clearly; the last layer prepares the next token's form.
    """
    return _forced(model, source, target)[1]


def _forced(
    model: Transformer, source: Sequence[int] | Tensor, target: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """The states [T + 1, D] and the attention [T, S]."""
    assert model.decoder is not None, "nothing is forced on a model without a decoder"
    layers = list(model.decoder.layers)
    layer = layers[max(0, len(layers) - 2)]
    has_memory = model.decoder.cross_attention
    aligning = layer.cross_attention if has_memory else layer.self_attention
    with recorded_attention([aligning]) as weights:
        states = forced_states(model, source, target)
    [seen] = weights[aligning]  # [1, H, …, …]
    read = seen.shape[-1] if has_memory else len(source) + 1
    return states, seen[0].mean(dim=0)[-len(states) : -1, :read]


def forced_states(
    model: Transformer, source: Sequence[int] | Tensor, target: Sequence[int]
) -> Tensor:
    """The states [T + 1, D] from which each target token, and the end, is chosen in one pass.

    The source is as that of `force_decode`.
    """
    device = model.output.weight.device
    written = torch.tensor([BOS_ID, *target], device=device)
    read = source if isinstance(source, Tensor) else torch.tensor([*source, EOS_ID], device=device)
    if isinstance(model, Seq2SeqTransformer):
        segments = torch.ones(1, len(read), dtype=torch.long, device=device)
        states = model(read[None], segments, written[None])
    else:
        states = model(torch.cat((read, written))[None])
    forced: Tensor = states[0, -len(written) :]
    return forced


@contextmanager
def recorded(
    modules: Iterable[nn.Module], observe: Callable[..., T]
) -> Iterator[dict[nn.Module, list[T]]]:
    """Record, by module, what `observe` makes of each computation of this thread.

    It is called with the module, what its `forward` returned and the arguments of that. Other
    threads may go on using the modules; what they compute is not recorded.
    """
    observed: dict[nn.Module, list[T]] = {module: [] for module in modules}
    thread = threading.get_ident()

    def record(module: Any, inputs: Any, output: Any) -> None:
        if threading.get_ident() == thread:
            observed[module].append(observe(module, output, *inputs))

    with _ONE_AT_A_TIME:  # torch does not expect hooks to come and go while a module computes
        hooks = [module.register_forward_hook(record) for module in observed]
        try:
            yield observed
        finally:
            for hook in hooks:
                hook.remove()


def recorded_attention(
    modules: Iterable[nn.Module],
) -> AbstractContextManager[dict[nn.Module, list[Tensor]]]:
    """Record, by module, the weights of the attention that this thread computes in the `with`.

    Modules that are no attention are passed over.
    """
    attentions = [module for module in modules if isinstance(module, Attention)]
    return recorded(attentions, lambda module, _, *inputs: attention_weights(module, *inputs))


def attention_weights(
    module: Attention, states: Tensor, keys_values: KeysValues, attend: Tensor | None = None
) -> Tensor:
    """The weights [B, H, Q, M], in float32, with which a module averages its values.

    The arguments are those of `Attention.forward`, whose fused kernel keeps no weights.
    """
    return attention(module.queries(states), *keys_values, attend).weights.float()


def align_words(
    attention: Tensor, source_pieces: Sequence[str], target_pieces: Sequence[str]
) -> list[tuple[int, int]]:
    """For each target word the source word that it attended to most: (source, target), from 0.

    attention [T, S + 1], of SentencePiece pieces; the end of the source, which words without a
    counterpart look at, aligns to nothing.
    """
    if not target_pieces or not source_pieces:
        return []
    shared = word_attention(attention, source_pieces, target_pieces)
    best, words = shared.argmax(dim=1).tolist(), shared.shape[1] - 1
    return [(source, target) for target, source in enumerate(best) if source < words]


def word_attention(
    attention: Tensor, source_pieces: Sequence[str], target_pieces: Sequence[str]
) -> Tensor:
    """The attention [T, S + 1] of pieces, summed by words [target words, source words + 1].

    The pieces are those of SentencePiece, where ▁ begins a word. There is at least one of either
    side. The last column is the end of the source.
    """
    numbers = word_numbers(source_pieces)
    words = numbers[-1] + 1
    sources = torch.tensor([*numbers, words])
    targets = torch.tensor(word_numbers(target_pieces))
    by_word = torch.zeros(len(target_pieces), words + 1).index_add_(1, sources, attention.cpu())
    shared = torch.zeros(int(targets.max()) + 1, words + 1)
    return shared.index_add_(0, targets, by_word)


def word_numbers(pieces: Sequence[str]) -> list[int]:
    """For each SentencePiece piece which word of its text it belongs to, from 0."""
    numbers, number = [], 0
    for index, piece in enumerate(pieces):
        number += piece.startswith("▁") and index > 0
        numbers.append(number)
    return numbers
