"""What an encoder reads that is no text: frames → states. Patches of pictures, and sounds.

Shapes: B batch, S frames, F numbers of a frame, D d_model, S' positions of the encoder.
`segments` [B, S] number the examples of a row from 1, with 0 at padding, as in `model`.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translator.config import ModelConfig
from translator.media import STRIDE, FrameShape

_KERNEL = 3  # of both convolutions


class ImageFrontend(nn.Module):
    """Patches of pictures, projected, with learned positions (Dosovitskiy et al., 2021).

    Convolutions may come first, each of which halves height and width (Xiao et al., 2021).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self._image, depth = config.image, config.image.convolutions
        widths = [3, *(config.d_model >> i for i in reversed(range(depth)))]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(channels, wider, _KERNEL, stride=2, padding=1)
            for channels, wider in pairwise(widths)
        )
        self._patch = config.image.patch_size >> depth  # what is left of it
        self.projection = nn.Linear(widths[-1] * self._patch**2, config.d_model)
        self.positions = nn.Parameter(torch.empty(config.image.patches, config.d_model))

    def forward(self, frames: Tensor, segments: Tensor) -> tuple[Tensor, Tensor]:
        """Patches [B, S, F] of 0 … 255 → states [B, S, D] and their segments."""
        x = frames.to(self.positions.dtype) / 127.5 - 1.0  # -1 … 1
        if self.convolutions:
            x = self._convolved(x)
        index = positions_in(segments).clamp(max=len(self.positions) - 1)  # of padding
        return self.projection(x) + F.embedding(index, self.positions), segments

    def _convolved(self, x: Tensor) -> Tensor:
        """Patches [B, S, F] of pictures that follow each other → those of their features."""
        rows, length, _ = x.shape
        side, size = self._image.size // self._image.patch_size, self._image.patch_size
        x = F.pad(x, (0, 0, 0, -length % side**2))
        x = x.reshape(-1, side, side, size, size, 3).permute(0, 5, 1, 3, 2, 4)
        x = x.reshape(-1, 3, side * size, side * size)
        for convolution in self.convolutions:
            x = F.gelu(convolution(x))
        x = x.unflatten(3, (side, -1)).unflatten(2, (side, -1)).permute(0, 2, 4, 3, 5, 1)
        return x.reshape(rows, -1, self.projection.in_features)[:, :length]


class SpeechFrontend(nn.Module):
    """Two convolutions over a log-mel spectrogram, each of stride 2, and sinusoids.

    Over time as in Whisper (Radford et al., 2023), which strides but once; or over time and
    frequency, and then projected (Dong et al., 2018). Recordings that share a row see nothing of
    each other: each ends in silence (`media.log_mel`), and what the first convolution makes of its
    end is silence too.
    """

    table: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size, width, channels = _size_of(config), config.d_model, config.speech.channels
        self.projection = nn.Linear(channels * -(-size // 4), width) if channels else None
        self.conv1: nn.Conv1d | nn.Conv2d
        self.conv2: nn.Conv1d | nn.Conv2d
        if channels:
            self.conv1 = nn.Conv2d(1, channels, _KERNEL, stride=2, padding=1)
            self.conv2 = nn.Conv2d(channels, channels, _KERNEL, stride=2, padding=1)
        else:
            self.conv1 = nn.Conv1d(size, width, _KERNEL, stride=2, padding=1)
            self.conv2 = nn.Conv1d(width, width, _KERNEL, stride=2, padding=1)
        most = math.ceil(config.speech.max_seconds * 100) // STRIDE + STRIDE
        self.register_buffer("table", sinusoids(most, config.d_model), persistent=False)

    def forward(self, frames: Tensor, segments: Tensor) -> tuple[Tensor, Tensor]:
        """Frames [B, S, F] → states [B, S / 4, D] and their segments [B, S / 4]."""
        x = frames.to(self.conv1.weight.dtype).transpose(1, 2)  # [B, F, S]
        heard = ~_ends(segments[:, ::2])[:, None]  # [B, 1, S / 2]
        if self.projection is None:
            x = F.gelu(self.conv1(x)) * heard  # [B, D, S / 2]
            x = F.gelu(self.conv2(x)).transpose(1, 2)  # [B, S / 4, D]
        else:
            x = F.gelu(self.conv1(x[:, None])) * heard[:, None]  # [B, C, F / 2, S / 2]
            x = F.gelu(self.conv2(x)).flatten(1, 2)  # [B, C · F / 4, S / 4]
            x = self.projection(x.transpose(1, 2))
        segments = segments[:, ::STRIDE]
        index = positions_in(segments).clamp(max=len(self.table) - 1)
        return x + self.table[index].to(x.dtype), segments


def build_frontend(config: ModelConfig) -> ImageFrontend | SpeechFrontend:
    """The frontend of a model whose source is no text."""
    match config.source:
        case "image":
            return ImageFrontend(config)
        case "speech":
            return SpeechFrontend(config)
        case "text":
            raise ValueError("text is embedded by the model itself")


def sinusoids(positions: int, d_model: int) -> Tensor:
    """The table [positions, d_model] of Vaswani et al. (2017), section 3.5, sines before cosines.

    In float32, computed on the CPU, so that every device has the same bits.
    """
    half = d_model // 2
    rates = torch.exp(torch.arange(half, device="cpu") * (-math.log(10000.0) / half))
    angles = torch.arange(positions, device="cpu")[:, None] * rates  # [positions, D/2]
    return torch.cat((angles.sin(), angles.cos()), dim=1)


def positions_in(segments: Tensor) -> Tensor:
    """Positions 0, 1, 2, … that begin anew with every segment: [B, T] → [B, T]."""
    index = torch.arange(segments.shape[1], device=segments.device).expand_as(segments)
    begins = torch.ones_like(segments, dtype=torch.bool)
    begins[:, 1:] = segments[:, 1:] != segments[:, :-1]
    return index - torch.where(begins, index, 0).cummax(dim=1).values


def _ends(segments: Tensor) -> Tensor:
    """Where a segment has its last position, and at padding: [B, S]."""
    ends = torch.ones_like(segments, dtype=torch.bool)
    ends[:, :-1] = segments[:, 1:] != segments[:, :-1]
    return ends | (segments == 0)


def _size_of(config: ModelConfig) -> int:
    shape = FrameShape.of_source(config)
    assert shape is not None, "text has no frames"
    return shape.size
