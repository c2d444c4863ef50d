"""Pictures and recordings: what is read of files, and what a model makes of them."""

import io
import json
import os
import shutil
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from tests.commands import run_command
from tests.helpers import encoder_decoder
from translator.cli.streams import text_of
from translator.config import Config, CorpusConfig, ImageConfig, ModelConfig, SpeechConfig
from translator.data import (
    Codebook,
    Corpus,
    CorpusFiles,
    CorpusWriter,
    Distortion,
    EncoderDecoderLayout,
    Part,
    pack_rows,
    png,
    read_corpus,
    read_pairs,
)
from translator.data.corpus import Example
from translator.data.packing import row_lengths
from translator.data.readers.references import read_bytes
from translator.embedding import Embedder
from translator.errors import ConfigError, DataError, RunError
from translator.evaluation import EXACT, score
from translator.frontends import ImageFrontend, SpeechFrontend
from translator.inference import Engine
from translator.media import (
    LOUD,
    STRIDE,
    UNIT,
    FrameShape,
    frames_of,
    log_mel,
    patches,
    picture_of,
    pictures_of,
)
from translator.model import build_model
from translator.runs import RunDirectory
from translator.tokenizer import EOS_ID
from translator.training import train
from translator.training.loss import loss_sum
from translator.translation import Translator
from translator.visualization.attention import attention_maps

COLOURS = {
    "rojo": (220, 20, 20),
    "verde": (20, 200, 30),
    "azul": (20, 30, 230),
    "negro": (0, 0, 0),
    "amarillo": (250, 230, 20),
    "gris": (128, 128, 128),
}
NOTES = {"grave": 300.0, "medio": 900.0, "agudo": 2500.0}
IMAGE = ImageConfig(size=8, patch_size=4, codebook_size=16)
SPEECH = SpeechConfig(sample_rate=8000, mel_bins=16, max_seconds=2.0)
SIZES = {
    "d_model": 32,
    "num_heads": 2,
    "d_ff": 64,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "dropout": 0.0,
    "max_positions": 64,
}
OF_IMAGES = ModelConfig(source="image", image=IMAGE, **SIZES)
OF_SPEECH = ModelConfig(source="speech", speech=SPEECH, **SIZES)
CONVOLVED = ModelConfig(source="image", image=IMAGE.model_copy(update={"convolutions": 1}), **SIZES)
HEARD_AS_PLANE = ModelConfig(
    source="speech", speech=SPEECH.model_copy(update={"channels": 8}), **SIZES
)
MODELS = {
    "image": OF_IMAGES,
    "convolutions": CONVOLVED,
    "speech": OF_SPEECH,
    "channels": HEARD_AS_PLANE,
}


def picture(colour: tuple[int, int, int], corner: int = 0, size: int = 8) -> Image.Image:
    """A white picture of which all but one edge, which `corner` moves, has a colour."""
    made = Image.new("RGB", (size, size), "white")
    made.paste(colour, (corner % 2, corner // 2, size - 1 + corner % 2, size - 1 + corner // 2))
    return made


def as_png(made: Image.Image) -> bytes:
    stream = io.BytesIO()
    made.save(stream, "PNG")
    return stream.getvalue()


def wav(frequency: float, seconds: float = 0.3, rate: int = 8000, channels: int = 1) -> bytes:
    import soundfile  # type: ignore[import-untyped]

    time = np.arange(int(seconds * rate)) / rate
    tone = 0.3 * np.sin(2 * np.pi * frequency * time) * np.minimum(1.0, 8 * time)
    stream = io.BytesIO()
    soundfile.write(stream, np.stack([tone] * channels, 1), rate, format="WAV")
    return stream.getvalue()


def config_of(table: Path, **model: object) -> Config:
    return Config.model_validate(
        {
            "name": table.parent.name,
            "device": "cpu",
            "precision": "float32",
            "data": {
                "train": {"path": str(table), "columns": {"source": 0, "target": 1}},
                "valid": {"path": str(table), "columns": {"source": 0, "target": 1}},
                "test": {"same": {"path": str(table), "columns": {"source": 0, "target": 1}}},
                "augmentation": {"shift": 0.05, "colour": 0.1},
                "max_tokens_per_sentence": 40,
            },
            "tokenizer": {"vocabulary_size": 300},
            "model": {**SIZES, **model},
            "training": {
                "max_steps": 120,
                "tokens_per_batch": 256,
                "learning_rate": 0.01,
                "warmup_steps": 20,
                "validate_every_steps": 60,
                "checkpoint_every_steps": 40,
            },
        }
    )


def written_table(folder: Path, media: dict[str, bytes], names: dict[str, str]) -> Path:
    for file, content in media.items():
        (folder / file).write_bytes(content)
    table = folder / "table.tsv"
    table.write_text("".join(f"{file}\t{names[file]}\n" for file in media), encoding="utf-8")
    return table


def colours_table(folder: Path) -> Path:
    media, names = {}, {}
    for name, colour in COLOURS.items():
        for corner in range(4):
            media[f"{name}{corner}.png"] = as_png(picture(colour, corner))
            names[f"{name}{corner}.png"] = name
    return written_table(folder, media, names)


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunDirectory]:
    """A run that names the colour of a picture, trained in a folder that stays the current one."""
    folder = tmp_path_factory.mktemp("colours")
    table = colours_table(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for _ in train(config_of(table, source="image", image=IMAGE.model_dump())):
            pass
        yield RunDirectory(folder / "runs" / folder.name)


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run that hears how high a tone is."""
    folder = tmp_path_factory.mktemp("notes")
    media, names = {}, {}
    for name, frequency in NOTES.items():
        for number, factor in enumerate((0.9, 1.0, 1.1, 1.2)):
            file = f"{name}{number}.wav"
            media[file] = wav(frequency * factor, 0.2 + 0.1 * number)
            names[file] = name
    table = written_table(folder, media, names)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for _ in train(config_of(table, source="speech", speech=SPEECH.model_dump())):
            pass
    return RunDirectory(folder / "runs" / folder.name)


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run that draws the colour that a text names."""
    folder = tmp_path_factory.mktemp("drawing")
    lines = [f"{name}\t{name}{corner}.png\n" for name in COLOURS for corner in range(4)]
    colours_table(folder)
    table = folder / "table.tsv"
    table.write_text("".join(lines), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for _ in train(config_of(table, target="image", image=IMAGE.model_dump())):
            pass
    return RunDirectory(folder / "runs" / folder.name)


def test_the_validation_of_a_picture_counts_exact_names(colours: RunDirectory) -> None:
    """Their BLEU is 0, of names of one word; the run keeps the model of the lowest loss."""
    found = [each for each in colours.read_metrics() if "valid_exact" in each]
    assert found and {each["valid_bleu"] for each in found} == {0.0}
    best = min(found, key=itemgetter("valid_loss"))

    config = colours.read_config()
    pairs = list(read_pairs(config.data.train[0], "en", "es"))
    greedy = config.decoding.greedy()
    answers = Translator.from_run(colours.path).translate([pair.source for pair in pairs], greedy)
    right = [pair.target == answer.text for pair, answer in zip(pairs, answers, strict=True)]
    assert best["valid_exact"] == pytest.approx(100 * sum(right) / len(right))


# --- what is read of files ------------------------------------------------------------------------


def test_patches_are_put_together_again() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (5, 8, 8, 3), np.uint8)
    cut = patches(pixels, 4)
    assert cut.shape == (20, 48)
    assert (cut[1].reshape(4, 4, 3) == pixels[0, :4, 4:]).all()
    assert (pictures_of(cut, IMAGE) == pixels).all()


def test_what_is_transparent_or_missing_is_white_and_nothing_is_stretched() -> None:
    wide = Image.new("RGBA", (16, 8), (0, 0, 0, 255))
    wide.paste((0, 0, 0, 0), (0, 0, 4, 8))
    found = picture_of(as_png(wide), "wide.png", IMAGE)
    assert (found[:2] == 255).all() and (found[6:] == 255).all()
    assert (found[2:6, :2] == 255).all() and (found[2:6, 2:] == 0).all()


def test_white_borders_are_trimmed_and_what_is_shown_fills_the_square() -> None:
    white = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    trimmed = IMAGE.model_copy(update={"trim": True})
    assert (picture_of(as_png(white), "white.png", trimmed) == 255).all()
    white.paste((200, 0, 0, 255), (3, 9, 7, 11))
    found = picture_of(as_png(white), "small.png", trimmed)
    assert (found[2:6] == (200, 0, 0)).all()
    assert (found[:2] == 255).all() and (found[6:] == 255).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "CMYK", "I;16", "RGBA"])
def test_any_mode_of_picture_is_read(mode: str) -> None:
    made = Image.new("L", (8, 8), 255) if mode in ("I;16", "1") else picture((255, 255, 255))
    stream = io.BytesIO()
    made.convert(mode).save(stream, "TIFF")
    assert (picture_of(stream.getvalue(), "a.tif", IMAGE) >= 250).mean() > 0.9


def test_a_photo_lies_as_its_camera_says() -> None:
    made = Image.new("RGB", (8, 8), "white")
    made.paste((0, 0, 0), (0, 0, 8, 4))  # above
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by half
    stream = io.BytesIO()
    made.save(stream, "PNG", exif=exif)
    found = picture_of(stream.getvalue(), "photo.png", IMAGE)
    assert (found[:4] == 255).all() and (found[4:] == 0).all()


def bomb(height: int = 10_000) -> bytes:
    return as_png(Image.new("1", (10_001, height)))


def jpeg_cut() -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(stream, "JPEG")
    return stream.getvalue()[:900]


def jpeg_of_damaged_exif() -> bytes:
    """The width of the picture is said to be a text."""
    stream, picture = io.BytesIO(), Image.new("RGB", (4, 4))
    exif = picture.getexif()
    exif[0x010F], exif[0x0112] = "maker", 6
    picture.save(stream, "JPEG", exif=exif)
    return stream.getvalue().replace(b"\x01\x0f\x00\x02", b"\x01\x00\x00\x02")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"this is text", "no picture that Pillow knows"),
        (b"", "no picture"),
        (jpeg_cut(), "truncated"),
        (jpeg_of_damaged_exif(), "damaged"),
        (bomb(), "10,001 × 10,000 pixels are too many"),
        (bomb(20_000), "far more pixels than are read"),
        (wav(440.0), "no picture"),
    ],
    ids=["text", "empty", "truncated", "exif", "bomb", "larger", "sound"],
)
def test_what_is_no_picture_is_refused_by_its_name(content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=r"^x\.png: ") as caught:
        frames_of(content, "x.png", OF_IMAGES)
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"this is text", "no recording that soundfile knows"),
        (b"", "no recording that soundfile knows"),
        (wav(440.0, 0.0), "no sound"),
        (wav(0.0), "no sound"),
        (wav(440.0, 3.0), "3 seconds are longer"),
        (wav(440.0, 3600.0, rate=200), "3,600 seconds are longer"),
    ],
    ids=["text", "nothing", "empty", "silent", "long", "hour"],
)
def test_what_cannot_be_heard_is_refused_by_its_name(content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=r"^x\.wav: ") as caught:
        frames_of(content, "x.wav", OF_SPEECH)
    assert said in caught.value.message


def test_channels_and_rates_change_little_of_what_is_heard() -> None:
    plain = frames_of(wav(900.0), "a.wav", OF_SPEECH).astype(np.float32)
    rich = frames_of(wav(900.0, rate=96_000, channels=2), "b.wav", OF_SPEECH).astype(np.float32)
    assert plain.shape == rich.shape
    assert np.corrcoef(plain[:28].ravel(), rich[:28].ravel())[0, 1] > 0.9


def test_a_spectrogram_ends_in_silence_and_fills_whole_strides() -> None:
    for samples in range(2000, 2600, 37):
        frames = log_mel(np.random.default_rng(1).normal(size=samples).astype("f"), SPEECH)
        assert len(frames) % 4 == 0 and not frames[-2:].any() and frames[:-6].any(1).all()


# --- where they come from -------------------------------------------------------------------------


def parquet(folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells: list[dict[str, object]] = [
        {"bytes": as_png(picture(c)), "path": None} for c in COLOURS.values()
    ]
    cells[1] = {"bytes": None, "path": "green.png"}
    (folder / "green.png").write_bytes(as_png(picture(COLOURS["verde"])))
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    table = pa.table({"image": pa.array(cells, kind), "es": list(COLOURS)})
    pq.write_table(table, folder / "a.parquet", row_group_size=4)
    return folder / "a.parquet"


def test_rows_of_a_parquet_file_are_read_by_their_reference(tmp_path: Path) -> None:
    file = parquet(tmp_path)
    corpus = CorpusConfig(path=str(file), columns={"source": "image", "target": "es"})
    pairs = list(read_pairs(corpus, "en", "es", are_texts=(False, True)))
    assert [pair.target for pair in pairs] == list(COLOURS)
    assert pairs[5].source == f"{file}#image/6"
    for pair, colour in zip(pairs, COLOURS.values(), strict=True):
        assert read_bytes(pair.source) == as_png(picture(colour))
    for wrong in (f"{file}#image/7", f"{file}#nothing/1", f"{tmp_path}/none.parquet#image/1"):
        with pytest.raises(DataError, match=r"^.*#"):
            read_bytes(wrong)


def test_a_saved_dataset_and_a_folder_with_metadata_give_the_same(tmp_path: Path) -> None:
    import datasets

    file = parquet(tmp_path)
    columns = {"source": "image", "target": "es"}
    saved = tmp_path / "saved"
    table = datasets.Dataset.from_parquet(str(file), cache_dir=str(tmp_path / "cache"))
    table.map(lambda row: row, cache_file_name=str(tmp_path / "x.arrow")).save_to_disk(saved)
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, colour in COLOURS.items():
        (folder / f"{name}.png").write_bytes(as_png(picture(colour)))
    rows = [{"file_name": f"{name}.png", "text": name} for name in COLOURS]
    metadata = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "metadata.jsonl").write_text(metadata, encoding="utf-8")
    config = config_of(tmp_path / "any.tsv", source="image", image=IMAGE.model_dump())
    of_folder = CorpusConfig(path=str(folder), columns={"source": "file_name", "target": "text"})
    of_saved = CorpusConfig(path=str(saved), columns=columns)
    expected = [as_png(picture(colour)) for colour in COLOURS.values()]
    for corpus in (of_folder, of_saved):
        pairs = list(read_corpus(corpus, config))
        assert [pair.target for pair in pairs] == list(COLOURS)
        assert [read_bytes(pair.source) for pair in pairs] == expected or corpus is of_saved
        assert read_bytes(pairs[0].source) == expected[0]


# --- frames in rows -------------------------------------------------------------------------------


def some_corpus(model: ModelConfig, count: int = 7) -> Corpus:
    random = np.random.default_rng(3)
    shape = FrameShape.of_source(model)
    assert shape is not None
    frames = []
    for n in range(count):
        if model.source == "image":
            frames.append(random.integers(0, 256, (IMAGE.patches, shape.size), np.uint8))
        else:
            samples = random.normal(size=1200 + 700 * n).astype("f")
            frames.append(log_mel(samples, SPEECH))
    targets = [[*random.integers(4, 290, 1 + n % 3), EOS_ID] for n in range(count)]
    return Corpus.of_frames(frames, targets)


def test_a_corpus_of_frames_is_mapped_as_it_was_written(tmp_path: Path) -> None:
    corpus = some_corpus(OF_SPEECH)
    files = CorpusFiles(*(tmp_path / part for part in CorpusFiles._fields))
    with CorpusWriter(files, 300, with_frames=True) as writer:
        assert writer.append([corpus, corpus]) == 14
    mapped = Corpus.map(files, [Part(14, 1.0)], FrameShape.of_source(OF_SPEECH))
    assert mapped.frames is not None and corpus.frames is not None
    for index in (0, 4, 6, 7, 13):
        ours, theirs = corpus[index % 7], mapped[index]
        assert (corpus.frames[ours.source] == mapped.frames[theirs.source]).all()
        assert (ours.target == theirs.target).all()
    chosen = mapped.select(np.array([5, 2]))
    assert (mapped.frames[chosen[0].source] == corpus.frames[corpus[5].source]).all()


def test_what_is_spoken_is_heard_alike_whatever_silence_is_around_and_however_loud() -> None:
    random = np.random.default_rng(0)
    sound = (random.normal(0, 0.1, 4000) * np.sin(np.arange(4000) / 700)).astype("f")
    longer = np.concatenate([np.zeros(800, "f"), 0.2 * sound, np.zeros(8000, "f")])
    spoken = SPEECH.model_copy(update={"normalization": "spoken"})
    inner = slice(4, 44)
    alone, within = log_mel(sound, spoken)[inner], log_mel(longer, spoken)[10:][inner]
    assert np.allclose(alone, within, atol=0.05)
    whole = log_mel(sound, SPEECH)[inner], log_mel(longer, SPEECH)[10:][inner]
    assert not np.allclose(*whole, atol=0.2)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_examples_that_share_a_row_see_nothing_of_each_other(model: ModelConfig) -> None:
    torch.manual_seed(0)
    transformer = build_model(model, 300).eval()
    corpus = some_corpus(model)
    layout = EncoderDecoderLayout()
    lengths = row_lengths(layout.sizes(corpus), 512)
    lengths[0] = max(lengths[0], 256)
    rows = pack_rows(layout.sizes(corpus), lengths)
    assert max(map(len, rows)) > 1
    together = loss_sum(transformer, layout.batch(corpus, rows, len(rows) + 1, lengths)).detach()
    alone = [
        loss_sum(transformer, layout.batch(corpus, [[i]], 1, own)).detach()
        for i, own in enumerate(layout.sizes(corpus).T)
    ]
    assert float(together) == pytest.approx(float(sum(alone)), rel=1e-5)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_the_engine_reads_what_the_model_reads_whatever_is_beside_it(model: ModelConfig) -> None:
    torch.manual_seed(0)
    transformer = encoder_decoder(build_model(model, 300).eval())
    engine = Engine(transformer)
    corpus = some_corpus(model)
    assert corpus.frames is not None
    frames = [torch.from_numpy(corpus.frames[corpus[i].source]) for i in range(len(corpus))]
    with torch.inference_mode():
        together = engine.states(frames)
        for i, each in enumerate(frames):
            alone = engine.states([each])
            ones = torch.ones(1, len(each), dtype=torch.long)
            expected = transformer.encode(each[None], ones).states[0]
            length = int(together.segments[i].sum())
            assert length == len(expected) == alone.states.shape[1]
            assert torch.equal(together.states[i, :length], alone.states[0])
            assert torch.allclose(alone.states[0], expected, atol=1e-5)


def test_positions_of_a_picture_are_those_in_it() -> None:
    torch.manual_seed(0)
    frontend = ImageFrontend(OF_IMAGES)
    torch.nn.init.normal_(frontend.positions)
    frames = torch.zeros(1, 8, 48, dtype=torch.uint8)
    segments = torch.tensor([[1] * 4 + [2] * 4])
    x, _ = frontend(frames, segments)
    assert torch.equal(x[0, :4], x[0, 4:])
    assert not torch.equal(x[0, 0], x[0, 1])


def test_convolutions_see_the_picture_and_not_its_patches() -> None:
    torch.manual_seed(0)
    frontend = ImageFrontend(CONVOLVED)
    torch.nn.init.zeros_(frontend.positions)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    frames = torch.from_numpy(patches(pixels, 4)).view(1, 8, 48)
    found, _ = frontend(frames, torch.tensor([[1] * 4 + [2] * 4]))
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 127.5 - 1.0
    x = F.gelu(frontend.convolutions[0](x))  # [2, D, 4, 4]
    weight = frontend.projection.weight.view(32, 2, 2, 32).permute(0, 3, 1, 2)
    expected = F.conv2d(x, weight, frontend.projection.bias, stride=2)  # patches of 2 × 2
    assert torch.allclose(found.view(2, 4, 32), expected.flatten(2).transpose(1, 2), atol=1e-5)
    alone, _ = frontend(frames[:, :5], torch.tensor([[1] * 4 + [0]]))  # with padding
    assert torch.allclose(alone[:, :4], found[:, :4], atol=1e-6)


def test_a_recording_becomes_a_state_for_each_stride() -> None:
    frontend = SpeechFrontend(OF_SPEECH)
    x, segments = frontend(torch.randn(2, 32, 16), torch.ones(2, 32, dtype=torch.long))
    assert x.shape == (2, 8, 32) and segments.shape == (2, 8)


def test_rows_are_alike_unless_one_half_has_far_fewer_tokens() -> None:
    random = np.random.default_rng(1)
    alike = random.integers(1, 60, (2, 500))
    assert len(set(row_lengths(alike, 1024).tolist())) == 1
    few = np.stack([random.integers(100, 400, 500), random.integers(1, 20, 500)])
    lengths = row_lengths(few, 4096)
    assert lengths[1] < lengths[0] / 4 and (few.max(1) <= lengths).all()
    rows = pack_rows(few, lengths)
    assert sorted(np.concatenate(rows).tolist()) == list(range(500))
    assert all((few[:, row].sum(1) <= lengths).all() for row in rows)


def frames_in(corpus: Corpus) -> np.ndarray:
    assert corpus.frames is not None
    return corpus.frames


def examples_in(corpus: Corpus) -> list[Example]:
    return [corpus[i] for i in range(len(corpus))]


# --- distortion -----------------------------------------------------------------------------------


def distorted(
    model: ModelConfig, settings: dict[str, float], seed: int = 1
) -> tuple[Corpus, Corpus]:
    still = {"shift": 0, "zoom": 0, "colour": 0, "frequency_mask": 0, "time_mask": 0}
    data = {"augmentation": still | settings, "max_tokens_per_sentence": 40}
    config = Config.model_validate({"data": data, "model": model})
    corpus = some_corpus(model)
    return corpus, Distortion(config)(corpus, 512, np.random.default_rng(seed))


@pytest.mark.parametrize("model", [OF_IMAGES, OF_SPEECH], ids=["image", "speech"])
def test_without_rates_nothing_is_distorted(model: ModelConfig) -> None:
    corpus, same = distorted(model, {})
    assert np.array_equal(frames_in(corpus), frames_in(same))
    assert np.array_equal(corpus.offsets, same.offsets)


@pytest.mark.parametrize("model", [OF_IMAGES, OF_SPEECH], ids=["image", "speech"])
def test_distortion_follows_its_seed_and_keeps_lengths_targets_and_gaps(model: ModelConfig) -> None:
    settings = {"shift": 0.2, "zoom": 0.2, "turn": 20, "bend": 0.05, "colour": 0.3, "noise": 0.1}
    settings |= {"frequency_mask": 0.3, "time_mask": 0.3}
    corpus, changed = distorted(model, settings)
    _, again = distorted(model, settings)
    _, other = distorted(model, settings, seed=2)
    assert np.array_equal(frames_in(changed), frames_in(again))
    assert not np.array_equal(frames_in(changed), frames_in(other))
    assert np.array_equal(corpus.offsets, changed.offsets)
    for i in range(len(corpus)):
        assert np.array_equal(corpus[i].target, changed[i].target)
        if model.source == "speech":
            assert not frames_in(changed)[changed[i].source[-2:]].any()


def test_noise_leaves_recordings_normalised() -> None:
    corpus, changed = distorted(OF_SPEECH, {"noise": 0.5})
    for before, after in zip(examples_in(corpus), examples_in(changed), strict=True):
        heard = (frames_in(corpus)[before.source] != 0).any(1)
        found = frames_in(changed)[after.source][heard].astype("f")
        assert abs(found.mean()) < 0.01 and found.std() == pytest.approx(1, abs=0.01)
    spoken = SPEECH.model_copy(update={"normalization": "spoken"})
    corpus, changed = distorted(OF_SPEECH.model_copy(update={"speech": spoken}), {"noise": 0.5})
    for after in examples_in(changed):
        found = frames_in(changed)[after.source].astype("f")
        found = found[(found != 0).any(1)]
        loud = found[found.max(1) >= found.max() - LOUD / UNIT]
        assert abs(loud.mean()) < 0.01


def test_another_tempo_leaves_nothing_out_and_its_order_and_the_gaps_as_they_were() -> None:
    bins, spoken = 16, np.array([1, 9, 37, 201, 89])
    sounds = [np.outer(np.arange(-n, 0), np.ones(bins)).astype("f2") for n in spoken]
    gap = np.zeros((3, bins), np.float16)
    corpus = Corpus.of_frames([np.concatenate([s, gap]) for s in sounds], [[5, EOS_ID]] * 5)
    still = {"shift": 0, "zoom": 0, "colour": 0, "frequency_mask": 0, "time_mask": 0}
    data = {"augmentation": still | {"tempo": 1.0}, "max_tokens_per_sentence": 40}
    config = Config.model_validate({"data": data, "model": OF_SPEECH})
    lengths = []
    for seed in range(20):
        changed = Distortion(config)(corpus, 256, np.random.default_rng(seed))
        for n, sound, example in zip(spoken, sounds, examples_in(changed), strict=True):
            found = frames_in(changed)[example.source]
            assert len(found) % STRIDE == 0 and len(found) <= 256 and not found[-3:].any()
            heard = found[found[:, 0] != 0]
            assert (heard == found[: len(heard)]).all() and (heard == heard[:, :1]).all()
            assert heard[0, 0] == -n and heard[-1, 0] == -1  # from its beginning to its end
            assert (np.diff(heard[:, 0]) >= 0).all()
            lengths.append(len(heard) / len(sound))
    assert min(lengths) < 0.7 and max(lengths) > 1.5


def test_a_shift_by_whole_pixels_moves_a_picture() -> None:
    class Extreme:
        """Draws the end of each range."""

        def uniform(self, low: float, high: float, size: tuple[int, ...]) -> np.ndarray:
            return np.full(size, high)

    still = {"shift": 0.25, "zoom": 0, "colour": 0}
    data = {"augmentation": still, "max_tokens_per_sentence": 40}
    config = Config.model_validate({"data": data, "model": OF_IMAGES})
    pixels = np.zeros((1, 8, 8, 3), np.uint8)
    corpus = Corpus.of_frames([patches(pixels, 4)], [[5, EOS_ID]])
    moved = Distortion(config)(corpus, 64, Extreme())  # type: ignore[arg-type]
    assert moved.frames is not None
    [found] = pictures_of(moved.frames, IMAGE)
    assert (found[:6, :6] == 0).all() and (found[6:] == 255).all() and (found[:, 6:] == 255).all()


# --- a run that names pictures --------------------------------------------------------------------


def names_of(run: RunDirectory) -> dict[str, str]:
    lines = (run.path.parents[1] / "table.tsv").read_text(encoding="utf-8").splitlines()
    folder = run.path.parents[1]
    return {str(folder / file): name for file, name in (line.split("\t") for line in lines)}


@pytest.mark.parametrize("kind", ["colours", "notes"])
def test_names_are_learned_and_are_the_same_in_any_company(
    kind: str, request: pytest.FixtureRequest
) -> None:
    run = request.getfixturevalue(kind)
    translator = Translator.from_run(run.path, device="cpu")
    names = names_of(run)
    found = [each.text for each in translator.translate(list(names))]
    right = score(found, list(names.values()), metrics=list(EXACT))[0].score
    assert right > 90
    alone = [translator.translate([name])[0].text for name in list(names)[:5]]
    assert alone == found[:5]


def test_a_text_for_a_run_of_pictures_is_told_the_newest_run_that_reads_texts(
    colours: RunDirectory, trained_run: RunDirectory, tmp_path: Path
) -> None:
    def hints(*words: str) -> list[str]:
        done = run_command("translate", *words, cwd=tmp_path)
        assert done.returncode == 1
        return [line for line in done.stderr.splitlines() if line.startswith("hint: ")]

    shutil.copytree(colours.path, tmp_path / "runs" / "colours")
    name = Path("runs", "colours")
    reads = f"hint: the run {name} reads pictures, by the names of their files; "
    assert hints("Pizza is great.") == [reads + "a text needs another run"]
    shutil.copytree(trained_run.path, tmp_path / "runs" / "words")
    os.utime(tmp_path / "runs" / "words" / "model.safetensors", (1, 1))
    other = f"to translate a text: --run {Path('runs', 'words')}"
    assert hints("Pizza is great.", "ana") == [reads + other]
    assert hints("nowhere.png") == []


def test_a_set_of_files_is_judged_as_one_of_the_run(colours: RunDirectory, tmp_path: Path) -> None:
    """Names of pictures have no words to count, and that an answer was trained on is no leak."""
    names = names_of(colours)
    table = tmp_path / "set.tsv"
    table.write_text("".join(f"{name}\t{answer}\n" for name, answer in names.items()))
    options = ("--run", colours.path, "--test-set", table, "--resamples", "0")
    done = run_command("evaluate", *options, "--json", cwd=colours.path.parents[1])
    [found] = json.loads(done.stdout)
    assert found["by_length"] == []
    assert found["leaked"] == {"sources": len(names), "references": 0}
    assert "BLEU is near zero" not in done.stderr
    done = run_command("evaluate", *options, "--robustness", cwd=colours.path.parents[1])
    assert done.returncode == 2


def test_what_cannot_be_read_is_told_and_the_others_go_on(colours: RunDirectory) -> None:
    translator = Translator.from_run(colours.path, device="cpu")
    folder = colours.path.parents[1]
    (folder / "text.png").write_text("no picture")
    good = str(folder / "rojo0.png")
    found = translator.translate([good, "nowhere.png", "", str(folder / "text.png"), good])
    assert [each.text for each in found] == ["rojo", "", "", "", "rojo"]
    assert found[1].error == "nowhere.png: No such file or directory"
    assert "text.png: no picture" in found[3].error
    assert not found[0].error and not found[2].error
    with pytest.raises(DataError, match=r"text\.png"):
        Embedder.from_run(colours.path).embed([str(folder / "text.png")])


def test_only_what_is_no_picture_by_its_name_was_perhaps_meant_as_a_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, hinted in (("a.txt", True), ("a.png", False), ("a.WAV", False)):
        file = tmp_path / name
        file.write_text("a")
        assert text_of(str(file)) == str(file)
        assert ("is a file; to read it" in capsys.readouterr().err) == hinted


def test_tokens_have_their_probabilities_and_nothing_is_aligned(colours: RunDirectory) -> None:
    translator = Translator.from_run(colours.path, device="cpu")
    name = str(colours.path.parents[1] / "azul1.png")
    [found] = translator.translate([name], details=True)
    total = sum(token.log_prob for token in found.tokens)
    [[best, *_]] = translator.search([frames_of(Path(name).read_bytes(), name, OF_IMAGES)])
    assert total == pytest.approx(best.log_prob, abs=1e-3)
    assert found.alignment == ()


def test_pictures_are_embedded_each_by_itself(colours: RunDirectory) -> None:
    embedder = Embedder.from_run(colours.path)
    names = list(names_of(colours))
    vectors = embedder.embed([*names, ""])
    assert np.array_equal(vectors[3], embedder.embed([names[3]])[0])
    assert not vectors[-1].any()
    assert np.allclose(np.linalg.norm(vectors[:-1], axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize(("kind", "tiles"), [("colours", (2, 2)), ("notes", None)])
def test_attention_lies_over_what_was_seen(
    kind: str, tiles: tuple[int, int] | None, request: pytest.FixtureRequest
) -> None:
    run = request.getfixturevalue(kind)
    translator = Translator.from_run(run.path, device="cpu")
    name = next(iter(names_of(run)))
    maps = attention_maps(translator, name)
    assert maps.translation == translator.translate([name])[0].text
    assert maps.shown is not None
    rows, columns = tiles or (1, len(maps.cross_attention.keys))
    assert maps.shown.tiles == (rows, columns)
    weights = maps.cross_attention.view()
    assert weights.shape[1] == rows * columns
    assert np.allclose(weights.sum(1), 1.0, atol=1e-5)
    assert maps.shown.over(weights[0]).shape == (rows, columns)


def test_going_on_gives_the_same_bytes(colours: RunDirectory, tmp_path: Path) -> None:
    """A training that was cut at a checkpoint ends as one that was not."""
    config = colours.read_config().model_copy(update={"name": "cut"})
    events = train(config)
    for event in events:
        if getattr(event, "step", 0) == 47:
            events.close()
            break
    for _ in train(config):
        pass
    cut = RunDirectory(Path("runs/cut"))
    assert cut.model_file.read_bytes() == colours.model_file.read_bytes()


def test_a_changed_picture_is_prepared_anew(colours: RunDirectory) -> None:
    config = colours.read_config()
    prepared = {each.name for each in Path("runs/.prepared").iterdir() if each.is_dir()}
    file = colours.path.parents[1] / "gris3.png"
    before = file.read_bytes()
    file.write_bytes(as_png(picture((90, 90, 90), 3)))
    update = {"name": "changed", "training": config.training.model_copy(update={"max_steps": 1})}
    for _ in train(config.model_copy(update=update)):
        pass
    file.write_bytes(before)
    assert {each.name for each in Path("runs/.prepared").iterdir() if each.is_dir()} > prepared


# --- a run that draws -----------------------------------------------------------------------------


def test_a_codebook_draws_exactly_what_is_made_of_its_patches(tmp_path: Path) -> None:
    names = []
    for name, colour in COLOURS.items():
        for corner in (0, 3):
            names.append(str(tmp_path / f"{name}{corner}.png"))
            Path(names[-1]).write_bytes(as_png(picture(colour, corner)))
    few = Codebook.train(names, IMAGE, 1)
    many = Codebook.train(names, IMAGE.model_copy(update={"codebook_size": 100}), 1)

    def error(codebook: Codebook, name: str) -> float:
        shown = picture_of(Path(name).read_bytes(), name, IMAGE)
        drawn = codebook.decode(codebook.encode(name))
        return float(np.abs(drawn.astype(float) - shown).mean())

    assert max(error(many, name) for name in names) == 0.0
    assert 0.0 < np.mean([error(few, name) for name in names]) < 60.0
    assert Codebook.train(names, IMAGE, 1).sha256 == few.sha256


def test_what_is_drawn_has_the_colour_that_was_asked_for(drawing: RunDirectory) -> None:
    translator = Translator.from_run(drawing.path, device="cpu")
    drawn = translator.draw([*COLOURS, ""])
    assert (drawn[-1] == 255).all()
    right = 0
    for colour, shown in zip(COLOURS.values(), drawn, strict=False):
        assert shown.shape == (8, 8, 3)
        middle = shown[2:6, 2:6].reshape(-1, 3).astype(int).mean(0)
        distances = [np.abs(middle - np.array(other)).sum() for other in COLOURS.values()]
        right += int(np.argmin(distances)) == list(COLOURS.values()).index(colour)
    assert right >= 5
    assert np.array_equal(translator.draw(["rojo"])[0], drawn[0])


def test_who_draws_writes_no_text_and_who_writes_does_not_draw(
    drawing: RunDirectory, colours: RunDirectory
) -> None:
    with pytest.raises(RunError, match="it draws"):
        Translator.from_run(drawing.path).translate(["rojo"])
    with pytest.raises(RunError, match="draws nothing"):
        Translator.from_run(colours.path).draw(["rojo"])


def test_a_damaged_codebook_is_told(drawing: RunDirectory) -> None:
    content = drawing.codebook_file.read_bytes()
    drawing.codebook_file.write_bytes(content[:-3] + b"abc")
    with pytest.raises(RunError, match="codebook"):
        Translator.from_run(drawing.path)
    drawing.codebook_file.write_bytes(content)


@pytest.mark.parametrize(
    ("model", "training", "said"),
    [
        ({"source": "image", "architecture": "decoder_only"}, {}, "need architecture"),
        ({"source": "image", "target": "image"}, {}, "needs source text"),
        ({"source": "speech"}, {"objective": "denoise"}, "learns from texts alone"),
        ({"target": "image"}, {"best_metric": "bleu"}, "the loss only"),
        ({"image": {"size": 30, "patch_size": 4}}, {}, "not a multiple"),
        ({"target": "image", "max_positions": 50}, {}, "too small for pictures"),
    ],
)
def test_what_does_not_fit_together_is_said(
    model: dict[str, object], training: dict[str, object], said: str
) -> None:
    with pytest.raises((ConfigError, ValueError), match=said):
        Config.model_validate({"model": model, "training": training})


def test_a_picture_is_written_as_it_was_drawn() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (8, 8, 3), np.uint8)
    assert (picture_of(png(pixels), "x.png", IMAGE) == pixels).all()
