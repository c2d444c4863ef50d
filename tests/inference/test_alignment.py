"""Word alignment from attention, and the second look at a translation."""

import pytest
import torch

from tests.helpers import encoder_decoder
from translator.alignment import align_words, force_decode, recorded_attention
from translator.runs import RunDirectory
from translator.tokenizer import BOS_ID, EOS_ID
from translator.translation import Translator


@pytest.mark.parametrize(
    ("attention", "source", "target", "expected"),
    [
        # two words each, swapped; the last column is the end of the source
        ([[0.1, 0.8, 0.1], [0.7, 0.2, 0.1]], ["▁a", "▁b"], ["▁x", "▁y"], [(1, 0), (0, 1)]),
        # the pieces of a word count together: 0.3 + 0.3 > 0.4
        ([[0.3, 0.3, 0.4, 0.0]], ["▁a", "a", "▁b"], ["▁x"], [(0, 0)]),
        # so do those of a target word: 0.9 + 0.3 > 0.1 + 0.7
        ([[0.9, 0.1, 0.0], [0.3, 0.7, 0.0]], ["▁a", "▁b"], ["▁x", "x"], [(0, 0)]),
        # a word that looks at the end has no counterpart
        ([[0.2, 0.1, 0.7], [0.1, 0.6, 0.3]], ["▁a", "▁b"], ["▁x", "▁y"], [(1, 1)]),
        # a text that does not begin with a space still begins with a word
        ([[0.9, 0.0, 0.1]], ["a", "▁b"], ["x"], [(0, 0)]),
        ([], ["▁a"], [], []),
    ],
)
def test_a_target_word_is_aligned_to_the_source_word_that_it_looks_at_most(
    attention: list[list[float]],
    source: list[str],
    target: list[str],
    expected: list[tuple[int, int]],
) -> None:
    weights = torch.tensor(attention).reshape(len(target), len(source) + 1)
    assert align_words(weights, source, target) == expected


def test_a_second_look_sees_every_token_when_it_is_chosen(trained_run: RunDirectory) -> None:
    """Its log-probability, and what the last position looks at: as decoding step by step."""
    translator = Translator.from_run(trained_run.path, device="cpu")
    [source, target] = translator.tokenizer.encode(["ana bebe", "oto sol"])
    log_probs, attention = force_decode(translator.model, source, target)
    assert len(log_probs) == len(target) + 1
    ids = torch.tensor([[*source, EOS_ID]])
    [layer] = encoder_decoder(translator.model).decoder.layers
    with torch.inference_mode(), recorded_attention([layer.cross_attention]) as weights:
        for position, token in enumerate((*target, EOS_ID)):
            prefix = torch.tensor([[BOS_ID, *target[:position]]])
            states = translator.model(ids, torch.ones_like(ids), prefix)
            expected = translator.model.output(states[0, -1]).log_softmax(0)[token]
            assert log_probs[position] == pytest.approx(float(expected), abs=1e-4)
    seen = [each[0, :, -1].mean(dim=0) for each in weights[layer.cross_attention]]
    assert attention.shape == (len(target), len(source) + 1)
    torch.testing.assert_close(attention, torch.stack(seen[:-1]))
    torch.testing.assert_close(attention.sum(dim=1), torch.ones(len(target)))
    assert not any(module._forward_hooks for module in translator.model.modules())


def test_a_recording_within_a_recording_records_the_same(trained_run: RunDirectory) -> None:
    translator = Translator.from_run(trained_run.path, device="cpu")
    [source, target] = translator.tokenizer.encode(["ana bebe", "oto sol"])
    [layer] = encoder_decoder(translator.model).decoder.layers
    with torch.inference_mode(), recorded_attention([layer.cross_attention]) as weights:
        _, attention = force_decode(translator.model, source, target)  # which records, too
    [seen] = weights[layer.cross_attention]
    assert torch.equal(seen[0].mean(dim=0)[: len(target)], attention)
