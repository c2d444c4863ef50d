"""What is learned of pictures is worth what? Beside the nearest picture that was learned.

    python scripts/measure_media.py nearest --learned A.parquet --learned B.parquet --test C.parquet
    python scripts/measure_media.py drawn DRAWING_RUN NAMING_RUN --pictures A.parquet --sheet FILE
    python scripts/measure_media.py speakers A.parquet B.parquet --folder speakers

`nearest` names each picture of the test as the most alike one of the learned pictures, by the
squares of the differences of all pixels: the baseline of configs/emoji-names.yaml.

`drawn` draws a name of every sixth picture, and asks another run to name what was drawn: the share
that it names rightly, and a sheet of the first 24.

`speakers` writes for each speaker two Parquet files: NAME.parquet, what is spoken by them, and
without-NAME.parquet, what is spoken by all others.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as parquet

from translator.config import CorpusConfig, ImageConfig
from translator.data import SentencePair, png, read_pairs
from translator.data.readers import read_picture
from translator.translation import Translator

_STEP, _SHOWN, _ACROSS = 6, 24, 6


def named(file: Path, language: str) -> list[SentencePair]:
    """The references of the pictures of a file, with their names."""
    corpus = CorpusConfig(path=str(file), columns={"source": "image", "target": language})
    return list(read_pairs(corpus, "image", language, are_texts=(False, True)))


def pixels(pairs: list[SentencePair]) -> npt.NDArray[np.float32]:
    """The pixels of pictures, a row each."""
    read = (read_picture(pair.source, ImageConfig()) for pair in pairs)
    return np.stack([each.ravel() for each in read]).astype(np.float32)


def nearest(learned: list[Path], test: Path, language: str) -> Iterator[str]:
    """The share of exact names by the nearest learned picture."""
    known = [pair for file in learned for pair in named(file, language)]
    asked = named(test, language)
    shown, compared = pixels(asked), pixels(known)
    distances = (compared**2).sum(1) - 2 * shown @ compared.T
    found = [known[i].target for i in distances.argmin(1)]
    right = np.mean([name == pair.target for name, pair in zip(found, asked, strict=True)])
    yield f"{test}: {right:.1%} of {len(asked):,} named exactly by the nearest learned picture"


def drawn(drawing: Path, naming: Path, pictures: Path, sheet: Path, language: str) -> Iterator[str]:
    """The share of drawn names that another run reads from the drawings."""
    names = sorted({pair.target for pair in named(pictures, language)})[::_STEP]
    found = Translator.from_run(drawing).draw(names)
    shown = found[:_SHOWN]
    white = np.full_like(found[0], 255)
    shown += [white] * (-len(shown) % _ACROSS)
    rows = [np.concatenate(shown[i : i + _ACROSS], 1) for i in range(0, len(shown), _ACROSS)]
    sheet.write_bytes(png(np.concatenate(rows)))
    folder = sheet.with_suffix("")
    folder.mkdir(exist_ok=True)
    files = [folder / f"{number}.png" for number in range(len(names))]
    for file, picture in zip(files, found, strict=True):
        file.write_bytes(png(picture))
    read = Translator.from_run(naming).translate(list(map(str, files)))
    right = np.mean([each.text == name for each, name in zip(read, names, strict=True)])
    yield f"{right:.1%} of {len(names):,} drawings are named by {naming} as what was to be drawn"
    yield f"{sheet}: {', '.join(names[:_SHOWN])}"


def speakers(recordings: list[Path], folder: Path) -> Iterator[str]:
    """Two files for each speaker: their recordings, and those of the others."""
    table = pa.concat_tables([parquet.read_table(file) for file in recordings])
    folder.mkdir(parents=True, exist_ok=True)
    for speaker in pc.unique(table["speaker"]).to_pylist():
        theirs = pc.equal(table["speaker"], speaker)
        own, others = table.filter(theirs), table.filter(pc.invert(theirs))
        parquet.write_table(own, folder / f"{speaker}.parquet")
        parquet.write_table(others, folder / f"without-{speaker}.parquet")
        yield f"{speaker}: {len(own):,} recordings, {len(others):,} by others"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--language", default="es", help="The column of the names.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("nearest")
    command.add_argument("--learned", type=Path, required=True, action="append")
    command.add_argument("--test", type=Path, required=True)
    command = commands.add_parser("drawn")
    command.add_argument("drawing", type=Path)
    command.add_argument("naming", type=Path)
    command.add_argument("--pictures", type=Path, required=True)
    command.add_argument("--sheet", type=Path, default=Path("sheet.png"))
    command = commands.add_parser("speakers")
    command.add_argument("recordings", type=Path, nargs="+")
    command.add_argument("--folder", type=Path, default=Path("speakers"))
    options = parser.parse_args()
    match options.command:
        case "nearest":
            lines = nearest(options.learned, options.test, options.language)
        case "drawn":
            lines = drawn(
                options.drawing, options.naming, options.pictures, options.sheet, options.language
            )
        case "speakers":
            lines = speakers(options.recordings, options.folder)
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    main()
