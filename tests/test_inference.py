"""The engine computes what the model computes, one position at a time and bit for bit alone."""

from collections import deque

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from translator.config import ModelConfig
from translator.decoding import Hypothesis, best_extensions, search, steps_of_search
from translator.decoding.loop import Search
from translator.inference import Engine, Job, ModelStepper, Past, _spare, run_searches
from translator.model import Seq2SeqTransformer, build_model
from translator.tokenizer import BOS_ID, EOS_ID, PAD_ID

V = 70
SHAPES = [
    {},
    {"norm": "post"},
    {"activation": "gelu"},
    {"activation": "silu", "output_bias": True},
    {"positions": "learned"},
    {"tie_embeddings": False},
    {"encoder_layers": 1, "decoder_layers": 3, "d_model": 24, "num_heads": 3, "d_ff": 40},
]


def build(**changes: object) -> Seq2SeqTransformer:
    """A model whose every parameter, norms and biases too, shows when it is misplaced."""
    shape = {
        "d_model": 32,
        "num_heads": 4,
        "d_ff": 48,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "dropout": 0.0,
        "max_positions": 64,
    }
    torch.manual_seed(1)
    model = build_model(ModelConfig.model_validate({**shape, **changes}), V).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
    return model


def some_source(sentences: int, width: int = 19) -> Tensor:
    """Ids [B, S]; each sentence is shorter than the one before it."""
    source = torch.randint(4, V, (sentences, width))
    for row in range(sentences):
        source[row, max(1, width - 3 * row) :] = PAD_ID
    return source


class Steps:
    """Drives the engine and checks each step against the model's pass over the whole prefix."""

    def __init__(self, model: Seq2SeqTransformer, source: Tensor) -> None:
        self.model, self.source = model, source
        self.stepper = ModelStepper(model, source)
        self.sentences = torch.arange(len(source))  # [N] the sentence of each hypothesis
        self.prefixes = torch.zeros(len(source), 0, dtype=torch.long)  # [N, length]

    def step(self) -> None:
        tokens = torch.randint(4, V, (len(self.prefixes),))
        self.prefixes = torch.cat((self.prefixes, tokens[:, None]), dim=1)
        found = self.stepper.step(tokens)
        source = self.source[self.sentences]
        states = self.model(source, (source != PAD_ID).long(), self.prefixes)
        expected = self.model.output(states[:, -1]).log_softmax(dim=1)
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)

    def reorder(self, rows: list[int]) -> None:
        chosen = torch.tensor(rows)
        self.prefixes, self.sentences = self.prefixes[chosen], self.sentences[chosen]
        self.stepper.reorder(chosen)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@torch.inference_mode()
def test_cached_steps_equal_the_uncached_states_at_every_position(shape: dict[str, object]) -> None:
    steps = Steps(build(**shape), some_source(3))
    for _ in range(40):  # through two doublings of the room
        steps.step()


@torch.inference_mode()
def test_reordered_hypotheses_go_on_from_their_own_past() -> None:
    steps = Steps(build(), some_source(2))
    steps.step()
    steps.reorder([0, 0, 0, 1, 1, 1])  # they share the memory of their sentence
    for rows in ([2, 0, 0, 5, 4, 3], [1, 1, 1, 3, 5, 5], [0, 2, 1, 4, 3, 4]):
        steps.step()
        steps.reorder(rows)
    steps.step()


@torch.inference_mode()
def test_steps_go_on_after_sentences_are_dropped() -> None:
    steps = Steps(build(), some_source(4))
    for rows in ([0, 0, 1, 1, 2, 2, 3, 3], [0, 1, 5, 4, 6, 7], [3, 2], [1]):
        steps.step()
        steps.reorder(rows)
    steps.step()


@settings(max_examples=15)
@given(st.integers(1, 40), st.integers(1, 30), st.sampled_from([1, 2, 5]), st.integers(0, 99))
@torch.inference_mode()
def test_what_is_computed_for_a_sentence_is_the_same_bits_in_any_batch(
    sentences: int, width: int, slots: int, seed: int
) -> None:
    torch.manual_seed(seed)
    engine = Engine(ENGINE_MODEL)
    source = some_source(sentences, width)
    lengths = (source != PAD_ID).sum(dim=1)
    tokens = torch.randint(4, V, (5, sentences, slots))
    together, alone = (
        engine.encode(source),
        [engine.encode(s[None, :n]) for s, n in zip(source, lengths, strict=True)],
    )
    spread = torch.arange(sentences).repeat_interleave(slots)
    together.reorder(spread)
    for past in alone:
        past.reorder(torch.zeros(slots, dtype=torch.long))
    for step in tokens:
        found = engine.step([step.flatten()], [together]).unflatten(0, (sentences, slots))
        for row, past in enumerate(alone):
            assert torch.equal(found[row], engine.step([step[row]], [past]))


ENGINE_MODEL = build()


@pytest.mark.parametrize("heads", [2, 4])
@pytest.mark.parametrize("slots", [1, 2, 5])
@pytest.mark.usefixtures("two_threads")
@torch.inference_mode()
def test_it_does_not_matter_which_thread_computes_a_sentence(heads: int, slots: int) -> None:
    """The second of a batch, and of a sentence alone the first as well."""
    engine = Engine(build(num_heads=heads))
    source = some_source(48, 45).flip(0)  # a long one last
    together, alone = engine.encode(source), engine.encode(source[-1:])
    together.reorder(torch.arange(len(source)).repeat_interleave(slots))
    alone.reorder(torch.zeros(slots, dtype=torch.long))
    for _ in range(40):
        tokens = torch.randint(4, V, (len(source) * slots,))
        found = engine.step([tokens], [together])[-slots:]
        assert torch.equal(found, engine.step([tokens[-slots:]], [alone]))


@torch.inference_mode()
def test_one_step_serves_pasts_of_different_lengths() -> None:
    engine, source = Engine(ENGINE_MODEL), some_source(4)
    old, new = engine.encode(source[:2]), engine.encode(source[2:])
    same_old, same_new = engine.encode(source[:2]), engine.encode(source[2:])
    for _ in range(3):
        tokens = torch.randint(4, V, (2,))
        assert torch.equal(engine.step([tokens], [old]), engine.step([tokens], [same_old]))
    for _ in range(3):
        tokens = torch.randint(4, V, (2, 2))
        found = engine.step(list(tokens), [old, new])
        expected = [
            engine.step([row], [past])
            for row, past in zip(tokens, (same_old, same_new), strict=True)
        ]
        assert torch.equal(found, torch.cat(expected))


@pytest.mark.parametrize("rows_at_once", [1, 7, 1000])
def test_searches_that_share_steps_find_what_each_finds_alone(rows_at_once: int) -> None:
    engine = Engine(ENGINE_MODEL)
    sources = [some_source(n, 5 + n) for n in (1, 4, 2, 3)]

    def asks(source: Tensor) -> Search:
        limits = torch.full((len(source),), 3 * len(source))  # they do not end in their order
        return steps_of_search(limits, best_extensions(3), bos=BOS_ID, eos=EOS_ID, slots=3)

    alone = [search(ModelStepper(engine, source), asks(source)) for source in sources]
    waiting = deque(Job(source, asks(source), [n]) for n, source in enumerate(sources[:3]))
    found: dict[int, list[list[Hypothesis]]] = {}
    for job, results in run_searches(engine, waiting, rows_at_once):
        if len(found) == 0:  # what is found may call for more
            waiting.append(Job(sources[3], asks(sources[3]), [3]))
        found[job.sentences[0]] = results
    assert [found[n] for n in range(len(sources))] == alone


def test_no_jobs_find_nothing() -> None:
    assert list(run_searches(Engine(ENGINE_MODEL), deque(), 8)) == []


def first_log_probs(precision: torch.dtype) -> Tensor:
    torch.manual_seed(1)
    engine = Engine(ENGINE_MODEL, precision)
    return engine.step([torch.full((3,), BOS_ID)], [engine.encode(some_source(3))])


@torch.inference_mode()
def test_bfloat16_comes_near_float32() -> None:
    exact, rounded = first_log_probs(torch.float32), first_log_probs(torch.bfloat16)
    assert not torch.equal(exact, rounded)
    assert torch.cosine_similarity(exact, rounded).min() > 0.99


@torch.inference_mode()
def test_a_processor_without_products_of_bfloat16_computes_nearly_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("translator.inference.cpu_multiplies", lambda precision: False)
    exact, rounded = first_log_probs(torch.float32), first_log_probs(torch.bfloat16)
    assert not torch.equal(exact, rounded)  # its numbers are rounded all the same
    assert torch.cosine_similarity(exact, rounded).min() > 0.99


@torch.inference_mode()
def test_a_step_beyond_the_positions_of_the_model_is_refused() -> None:
    engine = Engine(build(max_positions=8))
    past = engine.encode(torch.tensor([[5, 6, EOS_ID]]))
    for _ in range(8):
        engine.step([torch.tensor([5])], [past])
    with pytest.raises(ValueError, match="8 positions"):
        engine.step([torch.tensor([5])], [past])


@torch.inference_mode()
def test_the_room_of_a_past_grows_without_losing_any() -> None:
    past = Past(torch.zeros(2, 3, 4, 16, 8), torch.zeros(3, 1, 1, 16))
    new = [torch.randn(3, 64) for _ in range(35)]
    for each in new:
        keys, values = past.append(0, each)
        past.advance()
    stacked = torch.stack(new, dim=1).unflatten(2, (2, 4, 8))  # [N, length, 2, H, K]
    for found, expected in ((keys, stacked[:, :, 0]), (values, stacked[:, :, 1])):
        assert torch.equal(found[:, :, :35], expected.transpose(1, 2))
        assert not found[:, :, 35:].any()


def test_products_have_few_numbers_of_rows() -> None:
    """Each keeps a kernel, and oneDNN's cache of them took gigabytes."""
    shapes = {rows + _spare(rows) for rows in range(1, 513)}
    assert len(shapes) <= 36
    assert all(0 <= _spare(rows) < max(4, rows) or rows < 4 for rows in range(1, 513))
