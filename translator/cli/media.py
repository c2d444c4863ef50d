"""What `translator translate` does with pictures and recordings."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from translator.cli.console import note, say
from translator.cli.streams import cannot_write, is_file, is_named_as_medium
from translator.errors import DataError

if TYPE_CHECKING:
    from translator.config import Config, DecodingConfig
    from translator.hypotheses import Translation
    from translator.runs import RunDirectory

_READ = {"image": "pictures", "speech": "recordings"}  # by model.source


def names_in(input_file: Path | None, config: "Config") -> list[str] | None:
    """The pictures or recordings that an input is or holds; None where it is a list of names.

    So is stdin: a name a line.
    """
    if input_file is None or config.model.source == "text":
        return None
    if input_file.is_dir():
        files = sorted(f for f in input_file.iterdir() if f.is_file() and f.name[0] != ".")
        if not files:
            raise DataError(f"the folder {input_file} holds no files", "Name another one.")
        return list(map(str, files))
    return [str(input_file)] if is_named_as_medium(input_file) else None


def is_medium(input_file: Path) -> bool:
    """Whether an input is no document, by its name."""
    return input_file.is_dir() or is_named_as_medium(input_file)


def say_error(translation: "Translation") -> bool:
    """Say why a picture or a recording could not be read; whether there is such a reason."""
    if translation.error:
        say(f"error: {translation.error}")
    return bool(translation.error)


def say_if_meant_as_text(texts: Iterable[str], run: "RunDirectory") -> None:
    """Where a run read pictures or recordings, and something that names no file: which reads text.

    It may be that nobody has chosen the run: it was the newest.
    """
    read = _READ.get(run.read_config().model.source)
    named = (text for text in texts if not is_file(text))
    if read is None or all(is_named_as_medium(Path(text)) for text in named):
        return
    others = (each for each in run.newest() if each.is_able(_reads_text))
    other = next(others, None)
    way = f"to translate a text: --run {other.name}" if other else "a text needs another run"
    say(f"hint: the run {run.name} reads {read}, by the names of their files; {way}")


def _reads_text(config: "Config") -> bool:
    return config.model.is_textual and not config.learns_from_texts


def draw(
    texts: list[str], output: Path | None, run: "RunDirectory", decoding: "DecodingConfig"
) -> None:
    """Draw a picture for each text into a PNG file; several into a folder, as 1.png and so on."""
    if not texts or output is None:
        raise typer.BadParameter("this run draws: give texts, and --output PICTURE.png")
    if len(texts) > 1 and output.suffix:
        raise typer.BadParameter("of several texts --output is a folder")
    from translator.data import png
    from translator.translation import Translator

    pictures = Translator.from_run(run.name, precision=decoding.precision).draw(texts, decoding)
    files = [output] if len(texts) == 1 else [output / f"{i + 1}.png" for i in range(len(texts))]
    for file, picture in zip(files, pictures, strict=True):
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(png(picture))
        except OSError as error:
            raise cannot_write(file, error, "Check the permissions and the room.") from None
    note(f"drawn: {', '.join(map(str, files))}")
