"""Muon, against torch's own."""

import pytest
import torch

from translator.training import muon
from translator.training.muon import Muon, orthogonalized

SHAPES = [(24, 24), (16, 48), (48, 16)]


def matrices() -> list[torch.nn.Parameter]:
    torch.manual_seed(1)
    return [torch.nn.Parameter(torch.randn(shape)) for shape in SHAPES]


def test_where_bfloat16_is_fast_it_is_torchs_own_to_the_bit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(muon, "has_fast_bfloat16", lambda device: True)
    own, theirs = matrices(), matrices()
    optimizers = [
        Muon(own, 0.01, 0.1),
        torch.optim.Muon(
            theirs, lr=0.01, weight_decay=0.1, ns_steps=3, adjust_lr_fn="match_rms_adamw"
        ),
    ]
    for _ in range(4):
        for mine, other in zip(own, theirs, strict=True):
            mine.grad = torch.randn_like(mine)
            other.grad = mine.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for mine, other in zip(own, theirs, strict=True):
        assert torch.equal(mine, other)
    states = [
        [state["momentum_buffer"] for state in optimizer.state.values()] for optimizer in optimizers
    ]
    assert all(map(torch.equal, *states))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_singular_values_come_near_one(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int]
) -> None:
    monkeypatch.setattr(muon, "has_fast_bfloat16", lambda device: False)
    torch.manual_seed(1)
    matrix = torch.randn(shape)
    before, after = (
        torch.linalg.svdvals(each) for each in (matrix, orthogonalized(matrix[None])[0])
    )
    assert before.max() / before.min() > after.max() / after.min()
    assert after[: len(after) // 2].min() > 0.6 and after.max() < 1.3


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_without_fast_bfloat16_the_iteration_is_the_same(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int]
) -> None:
    monkeypatch.setattr(muon, "has_fast_bfloat16", lambda device: False)
    torch.manual_seed(1)
    matrix = torch.randn(shape) @ torch.diag(torch.logspace(0, -3, shape[1]))
    x = (matrix / matrix.norm()).double()
    for _ in range(3):
        x = 3.4445 * x - 4.7750 * x @ x.T @ x + 2.0315 * x @ x.T @ x @ x.T @ x
    torch.testing.assert_close(orthogonalized(matrix[None])[0].double(), x, rtol=0, atol=1e-4)


def test_a_kernel_of_a_convolution_is_the_matrix_whose_rows_are_its_outputs() -> None:
    torch.manual_seed(1)
    kernels = [torch.nn.Parameter(torch.randn(4, 3, 3, 3)) for _ in range(2)]
    flat = [torch.nn.Parameter(kernel.detach().flatten(1).clone()) for kernel in kernels]
    for kernel, matrix in zip(kernels, flat, strict=True):
        kernel.grad = torch.randn_like(kernel)
        matrix.grad = kernel.grad.flatten(1).clone()
    for parameters in (kernels, flat):
        Muon(parameters, 0.01, 0.1).step()
    for kernel, matrix in zip(kernels, flat, strict=True):
        assert torch.equal(kernel.flatten(1), matrix)
