"""English sentences of the embedded corpus, spoken by espeak-ng, with their Spanish translations.

    sudo apt-get install espeak-ng
    python scripts/speak.py --sentences 8000

writes spoken/train.tsv, spoken/valid.tsv and spoken/test.tsv (a recording, tab, English, tab,
Spanish) and the recordings (FLAC, 8 kHz): what configs/spoken-sentences.yaml learns from. The
sentences are those of up to eight words, drawn from a seed. Eight voices at three speeds speak to
learn from; a ninth, which speaks nothing else, the test.
"""

import argparse
import io
import random
import subprocess
from pathlib import Path

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


def sentences(count: int) -> list[SentencePair]:
    """Short pairs of the embedded corpora, each English sentence once."""
    found: dict[str, SentencePair] = {}
    for name in ("train-handwritten", "train-grammar"):
        for pair in read_pairs(CorpusConfig(path=f"embedded:{name}"), "en", "es"):
            if len(pair.source.split()) <= _WORDS:
                found.setdefault(pair.source, pair)
    return random.Random(1).sample(list(found.values()), count)


def speak(text: str, voice: str, speed: int, file: Path) -> None:
    """Write what espeak-ng says to a FLAC file."""
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "--stdout", text]
    sound = subprocess.run(command, check=True, capture_output=True).stdout
    # It streams, so its header does not know the length: the samples follow 44 bytes.
    samples, rate = soundfile.read(
        io.BytesIO(sound[44:]), samplerate=22_050, channels=1, format="RAW", subtype="PCM_16"
    )
    soundfile.write(file, soxr.resample(samples, rate, RATE), RATE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sentences", type=int, default=8000, help="to learn from")
    parser.add_argument("--held-out", type=int, default=300, help="for valid and for test, each")
    parser.add_argument("--folder", type=Path, default=Path("spoken"))
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    pairs = sentences(options.sentences + 2 * options.held_out)
    chance = random.Random(2)
    held_out = options.held_out
    parts = {"test": pairs[:held_out], "valid": pairs[held_out : 2 * held_out]}
    parts["train"] = pairs[2 * held_out :]
    for name, part in parts.items():
        lines = []
        for number, pair in enumerate(part):
            voice = UNHEARD if name == "test" else chance.choice(VOICES)
            file = options.folder / f"{name}-{number}.flac"
            speak(pair.source, voice, chance.choice(SPEEDS), file)
            lines.append(f"{file.name}\t{pair.source}\t{pair.target}\n")
        table = options.folder / f"{name}.tsv"
        table.write_text("".join(lines), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
