"""The transformer equals torch's own layers, and its rows see nothing of each other."""

import math
from typing import TypeVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translator.config import ImageConfig, ModelConfig
from translator.data import Batch, Sequences
from translator.frontends import positions_in, sinusoids
from translator.model import (
    Attention,
    Decoder,
    DecoderLayer,
    EncoderLayer,
    PositionalEncoding,
    Residual,
    Seq2SeqTransformer,
    build_model,
    same_segment,
)
from translator.tokenizer import PAD_ID
from translator.training.loss import loss_sum

D, H, K, V = 16, 4, 4, 20
LAYER_NORMS = ["pre", "post"]
M = TypeVar("M", bound=nn.Module)
PADDING = torch.tensor([[False] * 6, [False] * 4 + [True] * 2])  # [B, S]


def config(**changes: object) -> ModelConfig:
    return ModelConfig.model_validate(
        {
            "d_model": D,
            "num_heads": H,
            "d_ff": 24,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "dropout": 0.0,
            "max_positions": 64,
            **changes,
        }
    )


def randomized(module: M) -> M:
    """Give every parameter, norms and biases too, a value that shows when it is misplaced."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.3)
    return module


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(1)


@pytest.fixture(params=LAYER_NORMS)
def model(request: pytest.FixtureRequest) -> Seq2SeqTransformer:
    model = Seq2SeqTransformer(config(norm=request.param), V)
    randomized(model)
    return model.eval()


def source_and_segments() -> tuple[Tensor, Tensor]:
    source = torch.randint(4, V, PADDING.shape).masked_fill(PADDING, PAD_ID)
    return source, (~PADDING).long()


# --- attention ------------------------------------------------------------------------------------


def torch_attention(ours: Attention) -> nn.MultiheadAttention:
    theirs = nn.MultiheadAttention(D, H, batch_first=True)
    copy_attention(ours, theirs)
    return theirs


@torch.no_grad()
def copy_attention(ours: Attention, theirs: nn.MultiheadAttention) -> None:
    projections = (ours.q_proj, ours.k_proj, ours.v_proj)
    theirs.in_proj_weight.copy_(torch.cat([each.weight for each in projections]))
    theirs.in_proj_bias.copy_(torch.cat([each.bias for each in projections]))
    copy(ours.out_proj, theirs.out_proj)


def copy(ours: nn.Module, theirs: nn.Module) -> None:
    theirs.load_state_dict(ours.state_dict())


def test_attention_equals_a_softmax_written_out_head_by_head() -> None:
    attention = randomized(Attention(D, H))
    queries, states = torch.randn(2, 3, D), torch.randn(2, 6, D)
    ours = attention(queries, attention.keys_values(states), ~PADDING[:, None, None])
    q, k, v = attention.q_proj(queries), attention.k_proj(states), attention.v_proj(states)
    heads = []
    for head in range(H):
        part = slice(head * K, (head + 1) * K)
        scores = q[..., part] @ k[..., part].transpose(1, 2) / math.sqrt(K)  # [B, Q, M]
        weights = scores.masked_fill(PADDING[:, None], -torch.inf).softmax(dim=-1)
        heads.append(weights @ v[..., part])
    torch.testing.assert_close(ours, attention.out_proj(torch.cat(heads, dim=-1)))


def test_attention_equals_torchs_multihead_attention() -> None:
    attention = randomized(Attention(D, H))
    queries, states = torch.randn(2, 3, D), torch.randn(2, 6, D)
    ours = attention(queries, attention.keys_values(states), ~PADDING[:, None, None])
    theirs, _ = torch_attention(attention)(queries, states, states, key_padding_mask=PADDING)
    torch.testing.assert_close(ours, theirs)


# --- packed rows ----------------------------------------------------------------------------------


def test_positions_begin_anew_with_every_segment() -> None:
    segments = torch.tensor([[1, 1, 2, 2, 2, 3, 0, 0], [1, 1, 1, 1, 1, 1, 1, 1]])
    assert positions_in(segments).tolist() == [[0, 1, 0, 1, 2, 0, 0, 1], list(range(8))]


def test_a_segment_sees_itself_only() -> None:
    mask = same_segment(torch.tensor([[1, 2, 2]]), torch.tensor([[1, 1, 2, 0]]))
    assert mask.int().tolist() == [[[[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0]]]]


def test_sentences_packed_into_a_row_are_as_if_each_were_alone(model: Seq2SeqTransformer) -> None:
    sources = [torch.randint(4, V, (1, n)) for n in (3, 5, 2)]
    targets = [torch.randint(4, V, (1, n)) for n in (4, 1, 6)]
    alone = [
        model(source, torch.ones_like(source), target)
        for source, target in zip(sources, targets, strict=True)
    ]
    source_segments = torch.tensor([[1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 0, 0]])
    target_segments = torch.tensor([[1, 1, 1, 1, 2, 3, 3, 3, 3, 3, 3, 1]])
    padding = torch.zeros(1, 2, dtype=torch.long)
    packed = model(
        torch.cat((*sources, padding), dim=1),
        source_segments,
        torch.cat((*targets, padding[:, :1]), dim=1),
        target_segments,
    )
    torch.testing.assert_close(packed[:, :11], torch.cat(alone, dim=1))


# --- layers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu"])
@pytest.mark.parametrize("norm", LAYER_NORMS)
def test_an_encoder_layer_equals_torchs(norm: str, activation: str) -> None:
    ours = randomized(EncoderLayer(config(norm=norm, activation=activation)))
    theirs = nn.TransformerEncoderLayer(
        D,
        H,
        24,
        dropout=0.0,
        activation=getattr(F, activation),
        batch_first=True,
        norm_first=norm == "pre",
    )
    copy_attention(ours.self_attention, theirs.self_attn)
    copy(ours.self_attention_residual.norm, theirs.norm1)
    copy(ours.feed_forward.in_proj, theirs.linear1)
    copy(ours.feed_forward.out_proj, theirs.linear2)
    copy(ours.feed_forward_residual.norm, theirs.norm2)
    x = torch.randn(2, 6, D)
    torch.testing.assert_close(
        ours(x, ~PADDING[:, None, None]), theirs(x, src_key_padding_mask=PADDING)
    )


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu"])
@pytest.mark.parametrize("norm", LAYER_NORMS)
def test_a_decoder_layer_equals_torchs(norm: str, activation: str) -> None:
    ours = randomized(DecoderLayer(config(norm=norm, activation=activation)))
    theirs = nn.TransformerDecoderLayer(
        D,
        H,
        24,
        dropout=0.0,
        activation=getattr(F, activation),
        batch_first=True,
        norm_first=norm == "pre",
    )
    copy_attention(ours.self_attention, theirs.self_attn)
    copy(ours.self_attention_residual.norm, theirs.norm1)
    copy_attention(ours.cross_attention, theirs.multihead_attn)
    copy(ours.cross_attention_residual.norm, theirs.norm2)
    copy(ours.feed_forward.in_proj, theirs.linear1)
    copy(ours.feed_forward.out_proj, theirs.linear2)
    copy(ours.feed_forward_residual.norm, theirs.norm3)
    x, memory = torch.randn(2, 5, D), torch.randn(2, 6, D)
    torch.testing.assert_close(
        ours(
            x,
            torch.ones(5, 5, dtype=torch.bool).tril(),
            ours.cross_attention.keys_values(memory),
            ~PADDING[:, None, None],
        ),
        theirs(
            x,
            memory,
            tgt_mask=torch.ones(5, 5, dtype=torch.bool).triu(1),
            memory_key_padding_mask=PADDING,
        ),
    )


@pytest.mark.parametrize("norm", LAYER_NORMS)
def test_a_decoder_layer_without_cross_attention_is_an_encoder_layer(norm: str) -> None:
    ours = randomized(DecoderLayer(config(norm=norm), cross_attention=False))
    theirs = EncoderLayer(config(norm=norm))
    copy(ours, theirs)
    x, attend = torch.randn(2, 5, D), torch.ones(5, 5, dtype=torch.bool).tril()
    assert torch.equal(ours(x, attend), theirs(x, attend))


@pytest.mark.parametrize("norm", LAYER_NORMS)
def test_without_a_memory_a_position_sees_its_own_past_in_its_own_sentence_only(norm: str) -> None:
    decoder = randomized(Decoder(config(norm=norm), cross_attention=False)).eval()
    x, segments = torch.randn(1, 8, D), torch.tensor([[1, 1, 1, 2, 2, 2, 2, 0]])
    packed = decoder(x, segments, None)
    for begin, length in ((0, 3), (3, 4)):
        for end in range(begin + 1, begin + length + 1):  # the future does not leak
            alone = decoder(x[:, begin:end], torch.ones(1, end - begin), None)
            torch.testing.assert_close(packed[:, begin:end], alone)


def test_a_pre_norm_residual_leaves_its_input_unnormed() -> None:
    residual = Residual(config(norm="pre"))
    x = 5 * torch.randn(2, 3, D)
    assert torch.equal(residual(x, torch.zeros_like), x)


def test_a_post_norm_residual_norms_the_sum() -> None:
    residual = Residual(config(norm="post"))
    x = 5 * torch.randn(2, 3, D)
    torch.testing.assert_close(residual(x, lambda y: y), F.layer_norm(2 * x, (D,)))


# --- positions ------------------------------------------------------------------------------------


def test_sinusoids_follow_the_formula_of_the_paper_with_sines_before_cosines() -> None:
    table = sinusoids(50, D)
    for position in (0, 1, 7, 49):
        for i in range(D // 2):
            angle = position / 10000 ** (2 * i / D)
            assert float(table[position, i]) == pytest.approx(math.sin(angle), abs=1e-5)
            assert float(table[position, D // 2 + i]) == pytest.approx(math.cos(angle), abs=1e-5)


@pytest.mark.parametrize("positions", ["sinusoidal", "learned"])
def test_each_position_adds_its_row_of_the_table(positions: str) -> None:
    encoding = randomized(PositionalEncoding(config(positions=positions)))
    x = torch.randn(2, 6, D)
    indices = torch.tensor([0, 1, 2, 0, 1, 63])
    assert torch.equal(encoding(x, indices), x + encoding.table[indices])


def test_without_positions_an_encoder_does_not_know_the_order() -> None:
    source = torch.tensor([[5, 6, 7, 8, 9]])
    order = torch.tensor([3, 0, 4, 1, 2])
    for positions, knows in (("none", False), ("sinusoidal", True), ("learned", True)):
        model = randomized(Seq2SeqTransformer(config(positions=positions), V)).eval()
        segments = torch.ones_like(source)
        states, shuffled = (
            model.encode(ids, segments).states for ids in (source, source[:, order])
        )
        assert torch.allclose(states[:, order], shuffled, atol=1e-5) is not knows, positions


def test_too_many_positions_raise() -> None:
    model = Seq2SeqTransformer(config(max_positions=8), V).eval()
    longest = torch.full((1, 8), 5)
    model.encode(longest, torch.ones_like(longest))
    longer = torch.full((1, 9), 5)
    with pytest.raises(ValueError, match="longer than the model's 8 positions"):
        model.encode(longer, torch.ones_like(longer))


def test_a_packed_row_may_be_longer_than_the_model_has_positions() -> None:
    model = Seq2SeqTransformer(config(max_positions=8), V).eval()
    row = torch.full((1, 24), 5)
    model.encode(row, torch.arange(24)[None] // 8 + 1)


# --- the whole model ------------------------------------------------------------------------------


def test_source_padding_changes_nothing(model: Seq2SeqTransformer) -> None:
    source, segments = source_and_segments()
    target = torch.randint(4, V, (2, 5))
    batched = model(source, segments, target)
    for row in range(2):
        alone = source[row : row + 1, : int(segments[row].sum())]
        states = model(alone, torch.ones_like(alone), target[row : row + 1])
        torch.testing.assert_close(batched[row : row + 1], states)


def test_what_stands_at_source_padding_changes_nothing(model: Seq2SeqTransformer) -> None:
    source, segments = source_and_segments()
    target = torch.randint(4, V, (2, 5))
    other = source.masked_fill(segments == 0, 9)
    assert torch.equal(model(source, segments, target), model(other, segments, target))


def test_a_target_position_does_not_see_later_ones(model: Seq2SeqTransformer) -> None:
    memory = model.encode(*source_and_segments())
    target = torch.randint(4, V, (2, 7))
    states = model.decode(target, memory)
    for position in range(1, 7):
        changed = target.clone()
        changed[:, position:] = (target[:, position:] + 1) % V
        after = model.decode(changed, memory)
        torch.testing.assert_close(after[:, :position], states[:, :position])
        assert not torch.allclose(after[:, position], states[:, position])


def test_every_parameter_gets_a_gradient(model: Seq2SeqTransformer) -> None:
    states = model(*source_and_segments(), torch.randint(4, V, (2, 5)))
    model.output(states).logsumexp(-1).sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_embeddings_are_scaled_by_the_root_of_d_model() -> None:
    model = Seq2SeqTransformer(config(), V).eval()
    ids = torch.tensor([[5, 6]])
    expected = model.source_embedding.weight[ids] * math.sqrt(D) + sinusoids(2, D)
    embedded = model._embed(model.source_embedding, ids, torch.arange(2))
    torch.testing.assert_close(embedded, expected)


def test_one_seed_builds_one_model() -> None:
    torch.manual_seed(3)
    first = Seq2SeqTransformer(config(), V).state_dict()
    torch.manual_seed(3)
    second = Seq2SeqTransformer(config(), V).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first | second)


def test_dropout_makes_training_differ_from_evaluation() -> None:
    model = Seq2SeqTransformer(config(dropout=0.5), V)
    inputs = (*source_and_segments(), torch.randint(4, V, (2, 5)))
    assert not torch.equal(model.train()(*inputs), model(*inputs))
    assert torch.equal(model.eval()(*inputs), model(*inputs))


# --- what exports depend on -----------------------------------------------------------------------


def test_pre_norm_ends_in_a_norm() -> None:
    model = Seq2SeqTransformer(config(norm="pre"), V)
    assert isinstance(model.encoder.norm, nn.LayerNorm)
    assert isinstance(model.decoder.norm, nn.LayerNorm)


def test_post_norm_has_no_final_norm() -> None:
    names = [name for name, _ in Seq2SeqTransformer(config(norm="post"), V).named_parameters()]
    assert [name for name in names if name.startswith(("encoder.norm", "decoder.norm"))] == []


def test_tied_embeddings_are_one_parameter() -> None:
    model = Seq2SeqTransformer(config(tie_embeddings=True), V)
    assert model.source_embedding.weight is model.target_embedding.weight is model.output.weight


def test_untied_embeddings_are_three_parameters() -> None:
    tied, untied = (Seq2SeqTransformer(config(tie_embeddings=tie), V) for tie in (True, False))
    sizes = [sum(p.numel() for p in model.parameters()) for model in (tied, untied)]
    assert sizes[1] - sizes[0] == 2 * V * D


def test_parameter_names_stay_as_exports_know_them() -> None:
    model = Seq2SeqTransformer(
        config(encoder_layers=1, decoder_layers=1, positions="learned", tie_embeddings=False), V
    )
    assert [name for name, _ in model.named_parameters()] == PARAMETER_NAMES


def test_tied_parameters_keep_the_name_of_the_source_embedding() -> None:
    model = Seq2SeqTransformer(config(encoder_layers=1, decoder_layers=1), V)
    absent = {"target_embedding.weight", "output.weight", "positions.table"}
    names = [name for name, _ in model.named_parameters()]
    assert names == [name for name in PARAMETER_NAMES if name not in absent]


PARAMETER_NAMES = """
source_embedding.weight
target_embedding.weight
positions.table
encoder.layers.0.self_attention.q_proj.weight
encoder.layers.0.self_attention.q_proj.bias
encoder.layers.0.self_attention.k_proj.weight
encoder.layers.0.self_attention.k_proj.bias
encoder.layers.0.self_attention.v_proj.weight
encoder.layers.0.self_attention.v_proj.bias
encoder.layers.0.self_attention.out_proj.weight
encoder.layers.0.self_attention.out_proj.bias
encoder.layers.0.self_attention_residual.norm.weight
encoder.layers.0.self_attention_residual.norm.bias
encoder.layers.0.feed_forward.in_proj.weight
encoder.layers.0.feed_forward.in_proj.bias
encoder.layers.0.feed_forward.out_proj.weight
encoder.layers.0.feed_forward.out_proj.bias
encoder.layers.0.feed_forward_residual.norm.weight
encoder.layers.0.feed_forward_residual.norm.bias
encoder.norm.weight
encoder.norm.bias
decoder.layers.0.self_attention.q_proj.weight
decoder.layers.0.self_attention.q_proj.bias
decoder.layers.0.self_attention.k_proj.weight
decoder.layers.0.self_attention.k_proj.bias
decoder.layers.0.self_attention.v_proj.weight
decoder.layers.0.self_attention.v_proj.bias
decoder.layers.0.self_attention.out_proj.weight
decoder.layers.0.self_attention.out_proj.bias
decoder.layers.0.self_attention_residual.norm.weight
decoder.layers.0.self_attention_residual.norm.bias
decoder.layers.0.cross_attention.q_proj.weight
decoder.layers.0.cross_attention.q_proj.bias
decoder.layers.0.cross_attention.k_proj.weight
decoder.layers.0.cross_attention.k_proj.bias
decoder.layers.0.cross_attention.v_proj.weight
decoder.layers.0.cross_attention.v_proj.bias
decoder.layers.0.cross_attention.out_proj.weight
decoder.layers.0.cross_attention.out_proj.bias
decoder.layers.0.cross_attention_residual.norm.weight
decoder.layers.0.cross_attention_residual.norm.bias
decoder.layers.0.feed_forward.in_proj.weight
decoder.layers.0.feed_forward.in_proj.bias
decoder.layers.0.feed_forward.out_proj.weight
decoder.layers.0.feed_forward.out_proj.bias
decoder.layers.0.feed_forward_residual.norm.weight
decoder.layers.0.feed_forward_residual.norm.bias
decoder.norm.weight
decoder.norm.bias
output.weight
""".split()


# --- gradients ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(
    ("architecture", "source"),
    [
        ("encoder_decoder", "text"),
        ("encoder_decoder", "image"),
        ("encoder_only", "text"),
        ("decoder_only", "text"),
    ],
)
def test_gradients_have_the_same_bits_every_time(architecture: str, source: str) -> None:
    """Also where threads share the work and many positions ask for one row of a table."""
    changes = {"architecture": architecture, "source": source, "positions": "learned"}
    model = build_model(config(d_model=64, image=ImageConfig(size=16, patch_size=4), **changes), V)
    ids = torch.randint(4, V, (64, 64))
    segments = torch.arange(64).expand_as(ids) // 8 + 1
    half = Sequences(ids, segments)
    framed = Sequences(torch.randint(255, (64, 64, 48), dtype=torch.uint8), segments)
    batch = Batch(
        None if architecture == "decoder_only" else framed if source == "image" else half,
        None if architecture == "encoder_only" else half,
        ids,
    )
    found = set()
    for _ in range(5):
        model.zero_grad()
        loss_sum(model, batch).backward()
        gradients = [each.grad for each in model.parameters() if each.grad is not None]
        found.add(b"".join(each.numpy().tobytes() for each in gradients))
    assert len(found) == 1 and all(each.isfinite().all() for each in gradients)
