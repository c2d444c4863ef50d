"""What is kept between steps: keys and values of the memory and of the positions so far.

Shapes: B sentences, S source length, N hypotheses, D d_model, H num_heads, d_k = D / H size of a
head, L decoder layers.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from translator.model import KeysValues

VECTOR = 16  # float32 in the widest vector of a CPU
_ALIGNMENT = 4  # float32 in 16 bytes


class ProjectedMemory(NamedTuple):
    """A memory as every decoder layer looks at it: projected once."""

    keys_values: Tensor  # [2L, B, H, S, d_k] keys, values of the first layer, of the second, …
    attend: Tensor  # [B, 1, 1, S] 0, or -inf at padding

    def of_layer(self, layer: int) -> KeysValues:
        """Keys and values [B, H, S, d_k] in a layer."""
        return KeysValues(self.keys_values[2 * layer], self.keys_values[2 * layer + 1])

    def of_sentences(self, kept: Tensor) -> "ProjectedMemory":
        """Only these of the B sentences."""
        if len(kept) == len(self.attend):
            return self
        return ProjectedMemory(
            self.keys_values.index_select(1, kept), self.attend.index_select(0, kept)
        )


class Past:
    """What the engine keeps between steps for N hypotheses of B sentences.

    The first dimension of the past is time, so that what is kept for a new order of the hypotheses
    is copied in whole rows, and a step writes one position. The room doubles when it is full.
    """

    def __init__(
        self,
        states: Tensor,
        num_heads: int,
        memory: ProjectedMemory | None = None,
        *,
        new: int = 1,
        causal: bool = True,
    ) -> None:
        """Begin with room for `states`, empty [room, L, B, 2D], and `new` positions to come first.

        Without a memory the layers have no cross-attention. Unless they are causal, each of the
        positions that come first sees them all.
        """
        self.memory = memory
        self.length = 0
        self.hypotheses = states.shape[2]
        self._heads = num_heads
        self._states = states
        self._all = torch.arange(self.hypotheses, device=states.device)
        self._padded = 0  # positions that the next step looks at; those to come are zeros
        self._make_room(new, causal)

    @property
    def new(self) -> int:
        """How many positions the next step adds: those of a prompt, afterwards one."""
        return self.attend.shape[2]

    def append(self, layer: int, keys_values: Tensor) -> KeysValues:
        """Add the newest positions [N · new, 2D] of a layer; returns all keys and values.

        These are [N, H, padded, d_k].
        """
        newest = keys_values.view(self.hypotheses, self.new, -1).transpose(0, 1)
        self._states[self.length : self.length + self.new, layer] = newest
        past = self._states[: self._padded, layer]  # [padded, N, 2D]
        keys, values = past.unflatten(2, (2, self._heads, -1)).permute(2, 1, 3, 0, 4)
        return KeysValues(keys, values)

    def advance(self) -> None:
        """All layers have been given the newest positions: make room for the next."""
        self.length += self.new
        self._make_room(1)

    def reorder(self, rows: Tensor) -> None:
        """Go on with these rows [N'] of the N hypotheses, sentence by sentence."""
        if len(rows) == self.hypotheses and torch.equal(rows, self._all):
            return
        if self.memory is not None:
            slots = self.hypotheses // len(self.memory.attend)
            self.memory = self.memory.of_sentences(torch.unique_consecutive(rows // slots))
        states = self._states.new_empty(*self._states.shape[:2], len(rows), self._states.shape[3])
        known = self._states[: self.length]
        torch.index_select(known, 2, rows, out=states[: self.length])
        states[self.length + self.new : self._padded] = 0.0
        self._states = states
        self.hypotheses = len(rows)
        self._all = torch.arange(len(rows), device=rows.device)

    def _make_room(self, new: int, causal: bool = True) -> None:
        """For the newest positions and the padding after them."""
        head_size = self._states.shape[3] // (2 * self._heads)
        known, self._padded = self._padded, aligned(self.length + new, head_size)
        while self._padded > len(self._states):
            self._states = torch.cat((self._states, torch.empty_like(self._states)))
        self._states[max(known, self.length + new) : self._padded] = 0.0
        later = self._states.new_full((1, 1, new, self._padded), -torch.inf)
        if causal:
            later.triu_(self.length + 1)
        else:
            later[..., : self.length + new] = 0.0
        self.attend = later  # [1, 1, new, padded] 0, or -inf at later ones


def aligned(keys: int, head_size: int) -> int:
    """To how many keys `keys` are padded, for attention to have the same bits in every thread.

    Torch's attention gives each thread a scratch of keys + d_k + 2 numbers for every query, and how
    MKL adds up hangs on whether that begins at a multiple of 16 bytes: so each of them must. The
    softmax adds whole vectors of keys otherwise than those left over: what is padded in one batch
    and not in another must fill whole vectors before.
    """
    return keys + -(keys + head_size + 2) % _ALIGNMENT
