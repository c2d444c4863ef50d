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
_DROPPED_AT_ONCE = 8  # a memory leaves when 1/8 is of ended sentences: leaving copies the rest


class ProjectedMemory(NamedTuple):
    """A memory as every decoder layer looks at it: projected once."""

    keys_values: Tensor  # [2L, B, H, S, d_k] keys, values of the first layer, of the second, …
    attend: Tensor  # [B, 1, 1, S] 0, or -inf at padding

    def of_layer(self, layer: int) -> KeysValues:
        """Keys and values [B, H, S, d_k] in a layer."""
        return KeysValues(self.keys_values[2 * layer], self.keys_values[2 * layer + 1])

    def of_sentences(self, kept: Tensor) -> "ProjectedMemory":
        """Only these of the B sentences."""
        return ProjectedMemory(
            self.keys_values.index_select(1, kept), self.attend.index_select(0, kept)
        )


class Past:
    """What the engine keeps between steps for N hypotheses of B sentences.

    Those of a sentence look at one memory, from its slots: one at first.

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
        self._slots = 1
        self._all = torch.arange(self.hypotheses, device=states.device)
        self._owners = self._all  # [N] the sentence of each, a row of the memory
        self._places = self._all  # [N] where each stands among the B · slots
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

    def by_sentence(self, rows: Tensor) -> Tensor:
        """Queries of the newest positions [N · new, D] → [B, slots · new, D] for their memories.

        Zeros stand in empty slots. So what attention computes for a hypothesis depends neither on
        how many others there are nor on other sentences.
        """
        if self.new > 1:  # of a prompt, before there are several hypotheses
            return rows.view(self.hypotheses, self.new, -1)
        assert self.memory is not None
        found = rows.new_zeros(len(self.memory.attend) * self._slots, rows.shape[1])
        found[self._places] = rows
        return found.view(-1, self._slots, rows.shape[1])

    def of_hypotheses(self, found: Tensor) -> Tensor:
        """The opposite: [B, slots · new, D] → [N · new, D]."""
        rows = found.reshape(-1, found.shape[2])
        return rows if self.new > 1 else rows[self._places]

    def advance(self) -> None:
        """All layers have been given the newest positions: make room for the next."""
        self.length += self.new
        self._make_room(1)

    def reorder(self, rows: Tensor, slots: int) -> None:
        """Go on with these rows [N'] of the N hypotheses, sentence by sentence.

        A sentence has `slots` slots from now on, and no more rows than that.
        """
        same = len(rows) == self.hypotheses and torch.equal(rows, self._all)
        if same and slots == self._slots:
            return
        self._find_places(self._owners[rows], slots)
        if same:
            return
        states = self._states.new_empty(*self._states.shape[:2], len(rows), self._states.shape[3])
        known = self._states[: self.length]
        torch.index_select(known, 2, rows, out=states[: self.length])
        states[self.length + self.new : self._padded] = 0.0
        self._states = states
        self.hypotheses = len(rows)
        self._all = torch.arange(len(rows), device=rows.device)

    def _find_places(self, owners: Tensor, slots: int) -> None:
        """Of hypotheses of these sentences [N'], which ascend; others leave the memory."""
        if self.memory is not None:
            kept, among_kept = owners.unique_consecutive(return_inverse=True)
            sentences = len(self.memory.attend)
            if (sentences - len(kept)) * _DROPPED_AT_ONCE >= max(1, sentences):
                self.memory, owners = self.memory.of_sentences(kept), among_kept
        ranks = torch.arange(len(owners), device=owners.device) - torch.searchsorted(owners, owners)
        if bool((ranks >= slots).any()):
            raise ValueError(f"a sentence has more hypotheses than slots, {slots}")
        self._slots, self._owners, self._places = slots, owners, owners * slots + ranks

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
