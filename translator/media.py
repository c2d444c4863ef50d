"""How is a picture or a recording read? From its file to frames, the rows that an encoder reads.

A frame of a picture is a patch of it; one of a recording is ten milliseconds of its log-mel
spectrogram. The libraries that decode them are imported where the first one is read.

S frames, F numbers of a frame, P size of a patch in pixels.
"""

import importlib
import io
import math
import re
import struct
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from translator.config import ImageConfig, ModelConfig, SpeechConfig
from translator.errors import DataError, MissingLibraryError

if TYPE_CHECKING:
    from PIL import Image

Frames = npt.NDArray[Any]  # [S, F], uint8 of pictures and float16 of recordings
Pixels = npt.NDArray[np.uint8]

STRIDE = 4  # frames of a recording that become one state of the encoder
# What Pillow raises of damaged pictures; the last two of the numbers of EXIF and TIFF.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, TypeError, struct.error)
_MOST_PIXELS = 64_000_000  # a larger picture is more memory than meaning
_WHITE = 240  # as light as this is a border
_GAP = 2  # frames of silence, at least, that keep neighbours apart when frames are convolved
_QUIETEST = 5 * math.log(10)  # below the loudest: 50 dB
_OPENED = re.compile(r"^Error opening <.*?>: ")  # of soundfile, which calls a stream by its place
_FLATTEST = 0.5  # standard deviation of a spectrogram: less is no sound, and would be amplified
UNIT = 2.5  # of logarithms: about the deviation of what is spoken
LOUD = 3 * math.log(10)  # below the loudest: 30 dB, where there is speech


class FrameShape(NamedTuple):
    """What frames are made of."""

    size: int  # F
    dtype: str

    @classmethod
    def of_source(cls, config: ModelConfig) -> "FrameShape | None":
        """The frames that the encoder of a model reads; None where it reads text."""
        match config.source:
            case "image":
                return cls(3 * config.image.patch_size**2, "|u1")
            case "speech":
                return cls(config.speech.mel_bins, "<f2")
            case "text":
                return None


def frames_of(content: bytes, name: str, config: ModelConfig) -> Frames:
    """The frames [S, F] of a picture or a recording, the content of a file.

    DataError, which begins with its name, for what is none, or is more than a model can see.
    """
    if config.source == "image":
        return patches(picture_of(content, name, config.image), config.image.patch_size)
    return log_mel(samples_of(content, name, config.speech), config.speech)


def picture_of(content: bytes, name: str, config: ImageConfig) -> Pixels:
    """A picture [size, size, 3], upright, whole, and on white."""
    pillow = _library("PIL.Image", "pictures")
    try:
        with warnings.catch_warnings():  # of Pillow at 89 million pixels
            warnings.simplefilter("ignore")
            opened = pillow.open(io.BytesIO(content))
        with opened as picture:
            width, height = picture.size
            if width * height > _MOST_PIXELS:
                raise DataError(
                    f"{name}: {width:,} × {height:,} pixels are too many",
                    f"Scale it down: at most {_MOST_PIXELS:,} are read.",
                )
            picture.draft("RGB", (config.size, config.size))  # JPEG: decode no more than needed
            return _fitted(picture, config)
    except (*_DAMAGED, pillow.DecompressionBombError) as error:
        raise DataError(f"{name}: {_reason(error)}", "Save it anew as PNG or JPEG.") from None


def _fitted(picture: "Image.Image", config: ImageConfig) -> Pixels:
    """The pixels of a picture, scaled to fit a white square of `size` pixels."""
    from PIL import Image, ImageOps

    size = config.size
    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    if config.trim:
        upright = upright.crop(_shown(upright))
    square = Image.new("RGBA", (size, size), "white")
    smaller = max(upright.size) < size
    way = Image.Resampling.BILINEAR if smaller else Image.Resampling.BOX
    scaled = ImageOps.contain(upright, (size, size), way)
    left, top = (size - scaled.width) // 2, (size - scaled.height) // 2
    square.alpha_composite(scaled, (left, top))
    return np.asarray(square.convert("RGB"))


def _shown(picture: "Image.Image") -> tuple[int, int, int, int] | None:
    """The box of what is not white; None where all is."""
    from PIL import Image

    on_white = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return on_white.convert("L").point(lambda light: 255 * (light < _WHITE)).getbbox()


def patches(pictures: Pixels, size: int) -> Pixels:
    """Pictures […, H, W, 3] → their patches, row by row: [… · S, 3P²]."""
    *_, height, width, channels = pictures.shape
    grid = pictures.reshape(-1, height // size, size, width // size, size, channels)
    return grid.transpose(0, 1, 3, 2, 4, 5).reshape(-1, size * size * channels)


def pictures_of(patched: Pixels, config: ImageConfig) -> Pixels:
    """The pictures [N, size, size, 3] whose patches [N · S, 3P²] these are."""
    size, count = config.patch_size, config.size // config.patch_size
    grid = patched.reshape(-1, count, count, size, size, 3)
    return grid.transpose(0, 1, 3, 2, 4, 5).reshape(-1, config.size, config.size, 3)


def samples_of(content: bytes, name: str, config: SpeechConfig) -> npt.NDArray[np.float32]:
    """The samples of a recording, its channels mixed, at the configured rate: [samples]."""
    soundfile, soxr = _library("soundfile", "recordings"), _library("soxr", "recordings")
    try:
        seconds = soundfile.info(io.BytesIO(content)).duration
        if seconds > config.max_seconds:
            raise DataError(
                f"{name}: {seconds:,.0f} seconds are longer than the model can hear",
                f"Cut it into pieces of at most {config.max_seconds:g} seconds, a sentence each.",
            )
        samples, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError, ValueError) as error:
        raise DataError(f"{name}: {_reason(error)}", "Save it anew as WAV or FLAC.") from None
    mixed = np.nan_to_num(samples.mean(1))
    if len(samples) < rate // 50 or not mixed.any():
        raise DataError(f"{name}: there is no sound in it", "Leave it out.")
    return np.asarray(soxr.resample(mixed, rate, config.sample_rate), np.float32)


def log_mel(samples: npt.NDArray[np.float32], config: SpeechConfig) -> Frames:
    """The log-mel spectrogram [S, F] of samples, every 10 ms of 25 ms; S is a multiple of STRIDE.

    What is 50 dB below the loudest is silence, since rooms and microphones differ there; Whisper
    has 80 dB (Radford et al., 2023). The mean of the whole is 0, or that of what is spoken, however
    much silence is around it, which takes away the loudness; to take the mean of each bin away
    would take the vowel from a short word. Frames of zeros end it, as EOS ends a text.
    """
    knf = _library("kaldi_native_fbank", "recordings")
    options = knf.FbankOptions()
    options.frame_opts.samp_freq = config.sample_rate
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = config.mel_bins
    bank = knf.OnlineFbank(options)
    bank.accept_waveform(config.sample_rate, samples.tolist())
    bank.input_finished()
    found = np.stack([bank.get_frame(i) for i in range(bank.num_frames_ready)])
    found = np.maximum(found, found.max() - _QUIETEST)
    if config.normalization == "whole":
        mean, unit = found.mean(), np.maximum(found.std(), _FLATTEST)
    else:
        mean, unit = found[found.max(1) >= found.max() - LOUD].mean(), UNIT
    length = -(-(len(found) + _GAP) // STRIDE) * STRIDE
    frames = np.zeros((length, config.mel_bins), np.float16)
    frames[: len(found)] = (found - mean) / unit
    return frames


def _library(module: str, what: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingLibraryError(
            f"to read {what} the package {module.partition('.')[0]} is needed", "media"
        ) from None


def _reason(error: Exception) -> str:
    if isinstance(error, TypeError | struct.error):  # which speak of the program
        return "damaged"
    text = next(iter(str(error).splitlines()), "") or type(error).__name__
    if "identify image" in text:
        return "no picture that Pillow knows"
    if "decompression bomb" in text:
        return "far more pixels than are read"
    if "ormat not recogni" in text:  # either spelling
        return "no recording that soundfile knows"
    return _OPENED.sub("", text).rstrip(".")
