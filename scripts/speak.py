"""What espeak-ng says, to learn from: English digits in many voices, or sentences.

    sudo apt-get install espeak-ng
    python scripts/speak.py digits --times 200
    python scripts/speak.py sentences

`digits` writes spoken-digits-synthetic.parquet (columns audio and es, as Hugging Face datasets has
them; WAV, 8 kHz): zero to nine, each time in another accent, by another throat, at another pitch
and speed, all drawn from a seed. configs/spoken-digits.yaml learns from them and real speakers.

`sentences` writes spoken/train.tsv, spoken/valid.tsv and spoken/test.tsv (a recording, tab,
English, tab, Spanish) and the recordings (FLAC, 8 kHz): what configs/spoken-sentences.yaml learns
from. They are sentences of the embedded corpus of up to eight words, drawn from a seed. And
spoken/pieces.tsv (a recording, tab, English): one to three words each out of the sentences to learn
from, by which configs/spoken-english.yaml learns to listen. Eight voices at three speeds speak to
learn from; a ninth, which speaks nothing else, the test.
"""

import argparse
import io
import random
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as parquet
import soundfile  # type: ignore[import-untyped]
import soxr  # type: ignore[import-untyped]

from translator.config import CorpusConfig
from translator.data import SentencePair, read_pairs

VOICES = (
    *("en-us+m1", "en-us+m3", "en-us+m5", "en-us+f1", "en-us+f2"),
    *("en-gb+m2", "en-gb+f3", "en-gb-x-rp"),
)
UNHEARD = "en-us+f4"
SPEEDS = (140, 165, 190)  # words a minute
RATE = 8000
_WORDS = 8

DIGITS = {
    **{"zero": "cero", "one": "uno", "two": "dos", "three": "tres", "four": "cuatro"},
    **{"five": "cinco", "six": "seis", "seven": "siete", "eight": "ocho", "nine": "nueve"},
}
ACCENTS = (
    *("en-us", "en-us", "en-us-nyc", "en-gb", "en-gb-scotland"),
    *("en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029"),
)
_VARIANT = re.compile(r"!v/(\S+)")
_UNLIKE = {"whisper", "whisperf", "Demonic", "announcer", "fast", "croak", "klatt6"}  # a voice
_SPEED, _PITCH = (100, 190), (20, 80)  # words a minute; of 0 … 99


def sentences(count: int) -> list[SentencePair]:
    """Short pairs of the embedded corpora, each English sentence once."""
    found: dict[str, SentencePair] = {}
    for name in ("train-handwritten", "train-grammar"):
        for pair in read_pairs(CorpusConfig(path=f"embedded:{name}"), "en", "es"):
            if len(pair.source.split()) <= _WORDS:
                found.setdefault(pair.source, pair)
    return random.Random(1).sample(list(found.values()), count)


def spoken(text: str, voice: str, speed: int, pitch: int = 50) -> npt.NDArray[np.float64]:
    """What espeak-ng says, at RATE."""
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "--stdout", text]
    sound = subprocess.run(command, check=True, capture_output=True).stdout
    # It streams, so its header does not know the length: the samples follow 44 bytes.
    samples, rate = soundfile.read(
        io.BytesIO(sound[44:]), samplerate=22_050, channels=1, format="RAW", subtype="PCM_16"
    )
    return np.asarray(soxr.resample(samples, rate, RATE))


def write_digits(times: int, file: Path) -> None:
    """A Parquet file of the ten digits, each said so many times by voices that are drawn."""
    listed = subprocess.run(
        ["espeak-ng", "--voices=variant"], check=True, capture_output=True, text=True
    ).stdout
    variants = sorted({*_VARIANT.findall(listed)} - _UNLIKE)
    chance = random.Random(3)
    rows = []
    for _ in range(times):
        for english, spanish in DIGITS.items():
            voice = f"{chance.choice(ACCENTS)}+{chance.choice(variants)}"
            sound = spoken(english, voice, chance.randint(*_SPEED), chance.randint(*_PITCH))
            if not sound.any():
                print(f"{voice} says nothing for {english}: left out", file=sys.stderr)
                continue
            content = io.BytesIO()
            soundfile.write(content, sound, RATE, format="WAV")
            audio = {"bytes": content.getvalue(), "path": None}
            rows.append({"audio": audio, "en": english, "es": spanish})
    parquet.write_table(pa.Table.from_pylist(rows), file)


def pieces(sentences: list[str], count: int, chance: random.Random) -> list[str]:
    """Every word of the sentences, and as many runs of two or three of them as `count` leaves."""
    found = {
        " ".join(words[start : start + length])
        for words in ([word.strip(".,?!").lower() for word in each.split()] for each in sentences)
        for length in (1, 2, 3)
        for start in range(len(words) - length + 1)
    }
    single = sorted(piece for piece in found if piece and " " not in piece)
    longer = sorted(piece for piece in found if " " in piece)
    return single + chance.sample(longer, max(0, min(len(longer), count - len(single))))


def write_sentences(count: int, held_out: int, piece_count: int, folder: Path) -> None:
    """Tables of recordings with their texts, and the recordings."""
    folder.mkdir(exist_ok=True)
    pairs = sentences(count + 2 * held_out)
    chance = random.Random(2)
    test, valid, train = pairs[:held_out], pairs[held_out : 2 * held_out], pairs[2 * held_out :]
    write_table(folder / "test.tsv", test, [UNHEARD], chance)
    write_table(folder / "valid.tsv", valid, VOICES, chance)
    write_table(folder / "train.tsv", train, VOICES, chance)
    short = pieces([pair.source for pair in train], piece_count, chance)
    write_table(folder / "pieces.tsv", [(piece,) for piece in short], VOICES, chance)


def write_table(
    file: Path, rows: Sequence[Sequence[str]], voices: Sequence[str], chance: random.Random
) -> None:
    """Texts, the first of each row spoken: the name of the recording before them."""
    lines = []
    for number, row in enumerate(rows):
        sound = spoken(row[0], chance.choice(voices), chance.choice(SPEEDS))
        recording = file.with_name(f"{file.stem}-{number}.flac")
        soundfile.write(recording, sound, RATE)
        lines.append("\t".join([recording.name, *row]) + "\n")
    file.write_text("".join(lines), encoding="utf-8", newline="\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("digits")
    command.add_argument("--times", type=int, default=200, help="that each digit is said")
    command.add_argument("--file", type=Path, default=Path("spoken-digits-synthetic.parquet"))
    command = commands.add_parser("sentences")
    command.add_argument("--sentences", type=int, default=10_000, help="to learn from")
    command.add_argument("--pieces", type=int, default=10_000, help="of sentences, to learn from")
    command.add_argument("--held-out", type=int, default=200, help="for valid and for test, each")
    command.add_argument("--folder", type=Path, default=Path("spoken"))
    options = parser.parse_args()
    if options.command == "digits":
        write_digits(options.times, options.file)
    else:
        write_sentences(options.sentences, options.held_out, options.pieces, options.folder)


if __name__ == "__main__":
    main()
