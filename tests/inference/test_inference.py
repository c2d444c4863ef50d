"""The engine computes what the model computes, one position at a time and bit for bit alone."""

import itertools
from collections import deque
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.helpers import encoder_decoder, examples
from translator.config import ModelConfig
from translator.decoding import beam_search, search, steps_of_search
from translator.decoding.loop import Search
from translator.hypotheses import Hypothesis
from translator.inference import Engine, ModelStepper, Past, SearchJob, run_searches
from translator.inference.layers import spare_rows
from translator.inference.past import ProjectedMemory
from translator.model import (
    DecoderOnlyTransformer,
    Memory,
    Seq2SeqTransformer,
    Transformer,
    build_model,
)
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
    return encoder_decoder(_randomized(**changes))


def _randomized(**changes: object) -> Transformer:
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


def begun(engine: Engine, source: Tensor) -> Past:
    return engine.begin(engine.states(source))


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
        self.stepper.reorder(chosen, 3)


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
def test_steps_go_on_with_as_many_hypotheses_as_a_sentence_has_left() -> None:
    steps = Steps(build(), some_source(3))
    for rows in ([0, 0, 0, 1, 2, 2], [1, 3, 3, 4, 5], [0, 0, 2, 3, 4, 4], [1, 2, 5], [2]):
        steps.step()
        steps.reorder(rows)
    steps.step()


@torch.inference_mode()
def test_a_sentence_has_no_more_hypotheses_than_slots() -> None:
    steps = Steps(build(), some_source(2))
    steps.step()
    with pytest.raises(ValueError, match="more hypotheses than slots, 3"):
        steps.reorder([0, 1, 1, 1, 1])


@torch.inference_mode()
def test_steps_go_on_after_sentences_are_dropped() -> None:
    steps = Steps(build(), some_source(4))
    for rows in ([0, 0, 1, 1, 2, 2, 3, 3], [0, 1, 5, 4, 6, 7], [3, 2], [1]):
        steps.step()
        steps.reorder(rows)
    steps.step()


@torch.inference_mode()
def test_a_memory_is_copied_only_where_many_of_its_sentences_have_ended() -> None:
    engine = Engine(ENGINE_MODEL)
    past = begun(engine, some_source(17))
    rows = torch.arange(17)
    memories = []
    for _ in range(5):
        engine.step([torch.full((len(rows),), 5)], [past])
        rows = torch.arange(len(rows) - 1)
        past.reorder(rows, 1)
        assert past.memory is not None
        memories.append(len(past.memory.attend))
    assert memories == [17, 17, 14, 14, 12]


@pytest.mark.heavy
@examples(15)
@given(st.integers(1, 40), st.integers(1, 30), st.sampled_from([1, 2, 5]), st.integers(0, 99))
@torch.inference_mode()
def test_what_is_computed_for_a_sentence_is_the_same_bits_in_any_batch(
    sentences: int, width: int, slots: int, seed: int
) -> None:
    torch.manual_seed(seed)
    engine = Engine(ENGINE_MODEL)
    source = some_source(sentences, width)
    lengths = (source != PAD_ID).sum(dim=1)
    together, alone = (
        begun(engine, source),
        [begun(engine, s[None, :n]) for s, n in zip(source, lengths, strict=True)],
    )
    counts = torch.ones(sentences, dtype=torch.long)  # of the hypotheses of each
    for _ in range(5):
        chosen = [torch.randint(n, (int(torch.randint(1, slots + 1, ())),)) for n in counts]
        chosen = [rows.sort().values for rows in chosen]
        before = counts.cumsum(0) - counts
        rows = torch.cat([n + rows for n, rows in zip(before, chosen, strict=True)])
        together.reorder(rows, slots)
        tokens = [torch.randint(4, V, rows.shape) for rows in chosen]
        found = engine.step([torch.cat(tokens)], [together]).split([*map(len, tokens)])
        for past, rows, own, expected in zip(alone, chosen, tokens, found, strict=True):
            past.reorder(rows, slots)
            assert torch.equal(expected, engine.step([own], [past]))
        counts = torch.tensor([*map(len, chosen)])


ENGINE_MODEL = build()


@pytest.mark.heavy
@pytest.mark.parametrize("heads", [2, 4])
@pytest.mark.parametrize("slots", [1, 2, 5])
@pytest.mark.usefixtures("two_threads")
@torch.inference_mode()
def test_it_does_not_matter_which_thread_computes_a_sentence(heads: int, slots: int) -> None:
    """The second of a batch, and of a sentence alone the first as well."""
    engine = Engine(build(num_heads=heads))
    source = some_source(48, 45).flip(0)  # a long one last
    together, alone = begun(engine, source), begun(engine, source[-1:])
    together.reorder(torch.arange(len(source)).repeat_interleave(slots), slots)
    alone.reorder(torch.zeros(slots, dtype=torch.long), slots)
    for _ in range(40):
        tokens = torch.randint(4, V, (len(source) * slots,))
        found = engine.step([tokens], [together])[-slots:]
        assert torch.equal(found, engine.step([tokens[-slots:]], [alone]))


@torch.inference_mode()
def test_one_step_serves_pasts_of_different_lengths() -> None:
    engine, source = Engine(ENGINE_MODEL), some_source(4)
    old, new = begun(engine, source[:2]), begun(engine, source[2:])
    same_old, same_new = begun(engine, source[:2]), begun(engine, source[2:])
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
        return steps_of_search(limits, beam_search(3), bos=BOS_ID, eos=EOS_ID, slots=3)

    alone = [search(ModelStepper(engine, source), asks(source)) for source in sources]
    waiting = deque(SearchJob(source, asks(source), [n]) for n, source in enumerate(sources[:3]))
    found: dict[int, list[list[Hypothesis]]] = {}
    for job, results in filter(None, run_searches(engine, waiting, rows_at_once)):
        if len(found) == 0:  # what is found may call for more
            waiting.append(SearchJob(sources[3], asks(sources[3]), [3]))
        found[job.sentences[0]] = results
    assert [found[n] for n in range(len(sources))] == alone


def test_no_jobs_find_nothing() -> None:
    assert list(run_searches(Engine(ENGINE_MODEL), deque(), 8)) == []


# --- the waist: any memory or none, and a prompt --------------------------------------------------


@torch.inference_mode()
def test_the_states_of_the_engine_are_those_of_the_model() -> None:
    source = some_source(3)
    expected = ENGINE_MODEL.encode(source, (source != PAD_ID).long())
    found = Engine(ENGINE_MODEL).states(source)
    assert torch.equal(found.segments, expected.segments)
    real = found.segments == 1
    torch.testing.assert_close(found.states[real], expected.states[real], rtol=1e-3, atol=1e-3)


@torch.inference_mode()
def test_a_memory_may_come_from_anything_and_each_row_is_read_by_its_first_sentence() -> None:
    segments = torch.tensor([[1] * 7, [1] * 3 + [2] * 4, [1] * 5 + [0] * 2])
    memory = Memory(torch.randn(3, 7, 32), segments)
    engine, tokens = Engine(ENGINE_MODEL), torch.randint(4, V, (3, 1))
    found = engine.step([tokens[:, 0]], [engine.begin(memory)])
    states = ENGINE_MODEL.decode(tokens, memory)
    expected = ENGINE_MODEL.output(states[:, 0]).log_softmax(dim=1)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def decoder_only(**changes: object) -> DecoderOnlyTransformer:
    """A model whose decoder has no cross-attention."""
    model = _randomized(architecture="decoder_only", **changes)
    assert isinstance(model, DecoderOnlyTransformer)
    return model


Model = Seq2SeqTransformer | DecoderOnlyTransformer
BUILDERS = [build, decoder_only]


def memory_for(model: Model, sentences: int) -> Memory | None:
    if isinstance(model, DecoderOnlyTransformer):
        return None
    source = some_source(sentences)
    return model.encode(source, (source != PAD_ID).long())


def log_probs_of_prefixes(model: Model, tokens: Tensor, memory: Memory | None) -> Tensor:
    """The model's own [B, T, V], all positions of tokens [B, T] at once."""
    x = model._embed(model.target_embedding, tokens, torch.arange(tokens.shape[1]))
    return model.output(model.decoder(x, torch.ones_like(tokens), memory)).log_softmax(dim=2)


@pytest.mark.heavy
@pytest.mark.parametrize("prompt", [0, 1, 5, 15, 16, 17, 40])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("builder", BUILDERS)
@torch.inference_mode()
def test_a_prompt_in_one_go_equals_its_steps_and_the_whole_prefix(
    builder: Callable[..., Model], shape: dict[str, object], prompt: int
) -> None:
    model = builder(**shape)
    engine, tokens = Engine(model), torch.randint(4, V, (3, prompt + 5))
    memory = memory_for(model, 3)
    stepwise = engine.begin(memory, tokens[:, :0])
    for position in range(prompt):
        engine.step([tokens[:, position]], [stepwise])
    at_once = engine.begin(memory, tokens[:, :prompt])
    assert at_once.length == stepwise.length == prompt
    expected = log_probs_of_prefixes(model, tokens, memory)
    for position in range(prompt, prompt + 5):
        for past in (at_once, stepwise):
            found = engine.step([tokens[:, position]], [past])
            torch.testing.assert_close(found, expected[:, position], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("builder", BUILDERS)
@torch.inference_mode()
def test_a_position_of_a_prompt_does_not_see_later_ones(
    builder: Callable[..., Model],
) -> None:
    model = builder()
    engine, tokens = Engine(model), torch.randint(4, V, (2, 9))
    memory = memory_for(model, 2)
    other = torch.cat((tokens[:, :6], (tokens[:, 6:] - 3) % (V - 4) + 4), dim=1)
    first, second = (engine.begin(memory, each) for each in (tokens, other))
    for layer in range(2):
        seen = [past.append(layer, torch.zeros(2, 64)) for past in (first, second)]
        for ours, theirs in zip(*seen, strict=True):  # [B, H, positions, K] keys, then values
            assert torch.equal(ours[:, :, :6], theirs[:, :, :6])
            assert not torch.isclose(ours[:, :, 6:9], theirs[:, :, 6:9]).all(dim=3).any()


@pytest.mark.parametrize("builder", BUILDERS)
@torch.inference_mode()
def test_hypotheses_go_on_from_a_prompt_and_their_own_past(
    builder: Callable[..., Model],
) -> None:
    model = builder()
    engine, prefixes = Engine(model), torch.randint(4, V, (3, 6))
    memory = memory_for(model, 3)
    past = engine.begin(memory, prefixes)
    sentences = torch.arange(3)
    for rows in ([0, 0, 1, 1, 2, 2], [1, 0, 4, 5], [0, 0, 3, 3], [3]):  # the second one is dropped
        tokens = torch.randint(4, V, (len(prefixes),))
        prefixes = torch.cat((prefixes, tokens[:, None]), dim=1)
        read = memory and Memory(memory.states[sentences], memory.segments[sentences])
        found = engine.step([tokens], [past])
        expected = log_probs_of_prefixes(model, prefixes, read)[:, -1]
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
        chosen = torch.tensor(rows)
        past.reorder(chosen, 2)
        prefixes, sentences = prefixes[chosen], sentences[chosen]


@pytest.mark.heavy
@pytest.mark.parametrize("prompt", [1, 7, 33, 50])
@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.usefixtures("two_threads")
@torch.inference_mode()
def test_a_prompt_has_the_same_bits_in_any_batch(
    builder: Callable[..., Model], prompt: int
) -> None:
    model = builder()
    engine, tokens = Engine(model), torch.randint(4, V, (19, prompt + 3))
    memory = memory_for(model, 19)
    together = engine.begin(memory, tokens[:, :prompt])
    alone = []
    for row in range(19):
        read = memory and Memory(memory.states[row : row + 1], memory.segments[row : row + 1])
        alone.append(engine.begin(read, tokens[row : row + 1, :prompt]))
    for step in tokens[:, prompt:].t():
        found = engine.step([step], [together])
        for row, past in enumerate(alone):
            assert torch.equal(found[row : row + 1], engine.step([step[row : row + 1]], [past]))


@torch.inference_mode()
def test_a_memory_is_there_where_layers_look_at_one_and_only_there() -> None:
    prompt = torch.tensor([[5, 6]])
    memory = memory_for(ENGINE_MODEL, 1)
    for model, wrong in ((ENGINE_MODEL, None), (decoder_only(), memory)):
        with pytest.raises(ValueError, match="if, and only if, there is a memory"):
            Engine(model).begin(wrong, prompt)
        with pytest.raises(ValueError, match="if, and only if, there is a memory"):
            log_probs_of_prefixes(model, prompt, wrong)
    with pytest.raises(ValueError, match="begins with a prompt"):
        Engine(decoder_only()).begin(None)


@torch.inference_mode()
def test_a_prompt_beyond_the_positions_of_the_model_is_refused() -> None:
    engine = Engine(decoder_only(max_positions=8))
    engine.begin(None, torch.full((1, 8), 5))
    with pytest.raises(ValueError, match="8 positions"):
        engine.begin(None, torch.full((1, 9), 5))


# --- a source that is a prompt --------------------------------------------------------------------


@pytest.mark.parametrize("attention", ["bidirectional", "causal"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("length", [1, 6, 16, 31])
@torch.inference_mode()
def test_steps_after_a_source_that_is_read_equal_the_whole_sequence(
    attention: str, shape: dict[str, object], length: int
) -> None:
    model = decoder_only(prefix_attention=attention, **shape)
    source = torch.randint(4, V, (3, length))
    target = torch.cat((torch.full((3, 1), BOS_ID), torch.randint(4, V, (3, 6))), dim=1)
    engine = Engine(model)
    past = engine.read(source)
    expected = model.output(model(torch.cat((source, target), dim=1))).log_softmax(dim=2)
    for position in range(7):
        found = engine.step([target[:, position]], [past])
        torch.testing.assert_close(found, expected[:, length + position], rtol=1e-3, atol=1e-3)


@torch.inference_mode()
def test_only_a_bidirectional_prefix_sees_what_comes_later_in_it() -> None:
    source = torch.randint(4, V, (1, 8))
    other = source.clone()
    other[0, -1] = 4 + (source[0, -1] - 3) % (V - 4)
    bos = torch.full((1, 1), BOS_ID)
    for attention in ("bidirectional", "causal"):
        model = decoder_only(prefix_attention=attention)
        states, others = (model(torch.cat((each, bos), dim=1)) for each in (source, other))
        assert torch.equal(states[0, :7], others[0, :7]) == (attention == "causal")
        assert not torch.isclose(states[0, -1], others[0, -1]).all()  # BOS sees them all


@pytest.mark.heavy
@pytest.mark.parametrize("attention", ["bidirectional", "causal"])
@pytest.mark.usefixtures("two_threads")
@torch.inference_mode()
def test_a_source_that_is_read_has_the_same_bits_in_any_batch(attention: str) -> None:
    engine = Engine(decoder_only(prefix_attention=attention))
    source, tokens = torch.randint(4, V, (19, 13)), torch.randint(4, V, (3, 19))
    together, alone = engine.read(source), [engine.read(row[None]) for row in source]
    for step in tokens:
        found = engine.step([step], [together])
        for row, past in enumerate(alone):
            assert torch.equal(found[row : row + 1], engine.step([step[row : row + 1]], [past]))


@pytest.mark.parametrize("attention", ["bidirectional", "causal"])
@torch.inference_mode()
def test_a_beam_with_room_for_everything_finds_all_that_a_decoder_can_write(attention: str) -> None:
    """In the order of the log-probabilities of passes over the whole sequence."""
    torch.manual_seed(1)
    shape = {"d_model": 16, "num_heads": 2, "d_ff": 16, "decoder_layers": 2, "dropout": 0.0}
    settings = {**shape, "architecture": "decoder_only", "prefix_attention": attention}
    model = build_model(ModelConfig.model_validate(settings), 6).eval()
    source = torch.randint(4, 6, (1, 5))
    scores: dict[tuple[int, ...], float] = {}
    for length in range(3):
        for written in itertools.product([0, 1, 2, 4, 5], repeat=length):
            whole = torch.cat((source, torch.tensor([[BOS_ID, *written]])), dim=1)
            log_probs = model.output(model(whole)[0, 5:]).log_softmax(dim=1)
            labels = torch.tensor([*written, EOS_ID])
            scores[written] = float(log_probs.gather(1, labels[:, None]).sum())
    asks = steps_of_search(
        torch.tensor([3]), beam_search(40), bos=BOS_ID, eos=EOS_ID, slots=40, n_best=40, penalty=0.0
    )
    [found] = search(ModelStepper(model, source), asks)
    assert {each.tokens for each in found} == set(scores)
    for each in found:
        assert each.log_prob == pytest.approx(scores[each.tokens], abs=1e-4)
    expected = sorted(scores.values(), reverse=True)
    assert [each.log_prob for each in found] == pytest.approx(expected, abs=1e-4)


@torch.inference_mode()
def test_a_model_without_an_encoder_encodes_nothing() -> None:
    with pytest.raises(ValueError, match="without an encoder"):
        Engine(decoder_only()).states(some_source(1))


# --- precision, and what else holds ---------------------------------------------------------------


def first_log_probs(precision: torch.dtype) -> Tensor:
    torch.manual_seed(1)
    engine = Engine(ENGINE_MODEL, precision)
    return engine.step([torch.full((3,), BOS_ID)], [begun(engine, some_source(3))])


@torch.inference_mode()
def test_bfloat16_comes_near_float32() -> None:
    exact, rounded = first_log_probs(torch.float32), first_log_probs(torch.bfloat16)
    assert not torch.equal(exact, rounded)
    assert torch.cosine_similarity(exact, rounded).min() > 0.99


@torch.inference_mode()
def test_a_processor_without_products_of_bfloat16_computes_nearly_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("translator.inference.layers.cpu_multiplies", lambda precision: False)
    exact, rounded = first_log_probs(torch.float32), first_log_probs(torch.bfloat16)
    assert not torch.equal(exact, rounded)  # its numbers are rounded all the same
    assert torch.cosine_similarity(exact, rounded).min() > 0.99


@torch.inference_mode()
def test_a_step_beyond_the_positions_of_the_model_is_refused() -> None:
    engine = Engine(build(max_positions=8))
    past = begun(engine, torch.tensor([[5, 6, EOS_ID]]))
    for _ in range(8):
        engine.step([torch.tensor([5])], [past])
    with pytest.raises(ValueError, match="8 positions"):
        engine.step([torch.tensor([5])], [past])


@torch.inference_mode()
def test_the_room_of_a_past_grows_without_losing_any() -> None:
    memory = ProjectedMemory(torch.zeros(2, 3, 4, 16, 8), torch.zeros(3, 1, 1, 16))
    past = Past(torch.empty(16, 1, 3, 64), 4, memory)
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
    shapes = {rows + spare_rows(rows) for rows in range(1, 513)}
    assert len(shapes) <= 36
    assert all(0 <= spare_rows(rows) < max(4, rows) or rows < 4 for rows in range(1, 513))
