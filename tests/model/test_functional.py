"""The fast functions compute what torch's own compute."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from translator.functional import (
    IGNORE_INDEX,
    Dropout,
    _CrossEntropySum,
    cpu_dropout_mask,
    cross_entropy_sum,
    scaled_dot_product_attention,
)
from translator.model import attention

N, D, V = 23, 8, 13


def operands(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    states = torch.randn(N, D).to(dtype).requires_grad_()
    weight = torch.randn(V, D).to(dtype).requires_grad_()
    return states, weight, torch.randint(V, (N,))


def loss_and_gradients(loss: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
    return loss, *torch.autograd.grad(loss / 7, inputs)  # as training divides by its tokens


def torch_cross_entropy(
    states: Tensor, weight: Tensor, labels: Tensor, label_smoothing: float
) -> Tensor:
    logits = F.linear(states, weight).float()
    return F.cross_entropy(logits, labels, reduction="sum", label_smoothing=label_smoothing)


@pytest.mark.parametrize("rows", [1, 5, N, 100])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.9])
def test_cross_entropy_and_its_gradients_equal_torchs_however_the_logits_are_sliced(
    rows: int, label_smoothing: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_CrossEntropySum, "SLICE_ELEMENTS", rows * V + V // 2)
    states, weight, labels = operands()
    ours = cross_entropy_sum(states, weight, labels, label_smoothing)
    torchs = torch_cross_entropy(states, weight, labels, label_smoothing)
    torch.testing.assert_close(
        loss_and_gradients(ours, states, weight), loss_and_gradients(torchs, states, weight)
    )


@pytest.mark.parametrize("rows", [1, 5, N])
def test_a_bias_of_the_output_is_as_in_torchs_linear_layer(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_CrossEntropySum, "SLICE_ELEMENTS", rows * V + V // 2)
    states, weight, labels = operands()
    bias = torch.randn(V, requires_grad=True)
    ours = cross_entropy_sum(states, weight, labels, 0.1, bias)
    logits = F.linear(states, weight, bias)
    torchs = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=0.1)
    torch.testing.assert_close(
        loss_and_gradients(ours, states, weight, bias),
        loss_and_gradients(torchs, states, weight, bias),
    )
    with torch.inference_mode():
        assert cross_entropy_sum(states, weight, labels, 0.1, bias) == ours


def test_positions_without_a_question_count_nothing_and_get_no_gradient() -> None:
    states, weight, labels = operands()
    asked = torch.arange(N) % 3 != 0
    ours = cross_entropy_sum(states, weight, labels.masked_fill(~asked, IGNORE_INDEX), 0.1)
    torchs = torch_cross_entropy(states[asked], weight, labels[asked], 0.1)
    torch.testing.assert_close(
        loss_and_gradients(ours, states, weight), loss_and_gradients(torchs, states, weight)
    )


def test_a_vocabulary_larger_than_a_slice_is_taken_row_by_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_CrossEntropySum, "SLICE_ELEMENTS", V // 2)
    states, weight, labels = operands()
    torch.testing.assert_close(
        cross_entropy_sum(states, weight, labels), torch_cross_entropy(states, weight, labels, 0.0)
    )


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_cross_entropy_in_bfloat16_is_close_to_float32(
    label_smoothing: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_CrossEntropySum, "SLICE_ELEMENTS", 5 * V)
    states, weight, labels = operands(torch.bfloat16)
    ours = loss_and_gradients(
        cross_entropy_sum(states, weight, labels, label_smoothing), states, weight
    )
    exact_states, exact_weight = (x.detach().float().requires_grad_() for x in (states, weight))
    exact = loss_and_gradients(
        torch_cross_entropy(exact_states, exact_weight, labels, label_smoothing),
        exact_states,
        exact_weight,
    )
    assert [x.dtype for x in ours] == [torch.float32, torch.bfloat16, torch.bfloat16]
    for our, true in zip(ours, exact, strict=True):
        assert torch.linalg.norm(our.float() - true) < 0.01 * torch.linalg.norm(true)


def test_cross_entropy_without_gradients_is_the_same() -> None:
    states, weight, labels = operands()
    with torch.inference_mode():
        evaluated = cross_entropy_sum(states, weight, labels, 0.1)
    assert evaluated == cross_entropy_sum(states, weight, labels, 0.1)


def test_the_cross_entropy_of_no_positions_is_zero() -> None:
    states, weight, labels = operands()
    loss = cross_entropy_sum(states[:0], weight, labels[:0])
    value, states_gradient, weight_gradient = loss_and_gradients(loss, states, weight)
    assert value == states_gradient.abs().sum() == weight_gradient.abs().sum() == 0.0


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5])
def test_dropout_zeroes_its_share_and_keeps_the_mean(p: float) -> None:
    torch.manual_seed(1)
    dropped = Dropout(p).train()(torch.ones(400, 500))
    tolerance = 1 / 512 + 5 * (p * (1 - p) / dropped.numel()) ** 0.5  # steps of 1/256, 5 sigma
    assert float((dropped == 0).float().mean()) == pytest.approx(p, abs=tolerance)
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.02)


def test_dropout_scales_what_it_keeps_by_one_number() -> None:
    dropped = Dropout(0.25).train()(torch.ones(1000))
    torch.testing.assert_close(dropped.unique(), torch.tensor([0.0, 1 / 0.75]))


def test_dropout_drops_every_element_independently_of_its_neighbour() -> None:
    torch.manual_seed(1)
    kept = (Dropout(0.5).train()(torch.ones(200_000)) != 0).float()
    together = float((kept[1:] * kept[:-1]).mean())
    assert together == pytest.approx(0.25, abs=0.01)


def test_one_torch_seed_gives_one_dropout_mask() -> None:
    dropout, x = Dropout(0.5).train(), torch.ones(64, 64)
    torch.manual_seed(7)
    first, second = dropout(x), dropout(x)
    torch.manual_seed(7)
    assert torch.equal(dropout(x), first)
    assert torch.equal(dropout(x), second)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_a_mask_keeps_the_elements_whose_byte_is_small(dtype: torch.dtype) -> None:
    x = torch.empty(3, 7, dtype=dtype)
    torch.manual_seed(3)
    mask = cpu_dropout_mask(x, 0.1)
    torch.manual_seed(3)
    words = np.random.SFC64(int(torch.randint(2**62, ()))).random_raw(3)  # of eight bytes each
    kept = torch.from_numpy(words.view(np.uint8)[:21] < 230).view(3, 7)
    assert torch.equal(mask, kept * torch.tensor(256 / 230, dtype=dtype))


def test_dropout_in_evaluation_is_the_identity() -> None:
    x = torch.randn(3, 5)
    assert Dropout(0.5).eval()(x) is x


def test_dropout_of_nothing_is_the_identity() -> None:
    x = torch.randn(3, 5)
    assert Dropout(0.0).train()(x) is x


def test_the_gradient_passes_where_dropout_let_the_value_pass() -> None:
    x = torch.rand(50, 50).add(1).requires_grad_()
    dropped = Dropout(0.4).train()(x)
    (gradient,) = torch.autograd.grad(dropped.sum(), x)
    torch.testing.assert_close(gradient * x, dropped)


@pytest.mark.parametrize("shape", [(3,), (0,), (2, 0, 4), (2, 3, 5)])
def test_dropout_keeps_shape_and_number_format(shape: tuple[int, ...]) -> None:
    dropped = Dropout(0.5).train()(torch.ones(shape, dtype=torch.bfloat16))
    assert (dropped.shape, dropped.dtype) == (shape, torch.bfloat16)


@pytest.mark.parametrize("masked", [True, False])
def test_attention_and_its_gradients_equal_torchs_and_the_definition(masked: bool) -> None:
    torch.manual_seed(1)
    queries, keys, values = (
        torch.randn(2, 3, length, 4, dtype=torch.float64).requires_grad_() for length in (5, 6, 6)
    )
    attend = torch.rand(2, 1, 5, 6) < 0.5 if masked else None
    if attend is not None:
        attend[..., 0] = True
    direction = torch.randn(2, 3, 5, 4, dtype=torch.float64)
    ours, theirs, defined = [
        torch.autograd.grad((heads * direction).sum(), (queries, keys, values))
        for heads in (
            scaled_dot_product_attention(queries, keys, values, attend),
            F.scaled_dot_product_attention(queries, keys, values, attn_mask=attend),
            attention(queries, keys, values, attend).result,
        )
    ]
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(ours, defined)
    with torch.no_grad():  # torch's own, in inference
        heads = scaled_dot_product_attention(queries, keys, values, attend)
    with torch.enable_grad():
        torch.testing.assert_close(
            scaled_dot_product_attention(queries, keys, values, attend), heads
        )
