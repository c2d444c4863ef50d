"""A run and its export as a repository of the Hugging Face Hub, without what is private in them.

Beside the export lies the run itself, in run/: `--run hf:USER/NAME` loads it, bit for bit.
"""

import dataclasses
import json
from pathlib import Path, PurePath
from typing import Any

from translator.config import HUB_PREFIX, Config, dump_config
from translator.errors import RunError
from translator.export.card import CARD, public_name
from translator.export.certificate import Certificate, files_of, sha256_of
from translator.export.huggingface import transformers_card
from translator.hub import RUN_FOLDER, upload
from translator.integrity import sealed_tensors, tensors_metadata
from translator.runs import CERTIFICATE, RunDirectory

_SHARED = (  # of environment.json: neither the command nor the machine
    "packages python precision seed parameters vocabulary_size pairs data_fingerprint "
    "downloads tokenizer_sha256 proof lineage"
).split()


def publish(
    run: RunDirectory, folder: Path, certificate: Certificate, repository: str, licence: str
) -> tuple[str, bool]:
    """Upload a run and its export for transformers in `folder` to the Hub, as USER/NAME.

    The export is what its certificate says, the card has the scores of now unless somebody wrote
    another one. Of absolute paths only the last part is told, and the held-out sentences stay here.
    Returns the address, and whether it is new: then its user alone sees it. Raises RunError where
    the export is damaged or the Hub refuses.
    """
    certified = {name: each for name, each in certificate.files.items() if name != CARD}
    damaged = dataclasses.replace(certificate, files=certified).damaged_file(folder)
    if damaged:
        raise RunError(
            f"{folder} is damaged: {damaged} is not what was certified", "Export it anew: --force."
        )
    names = [*certified] or [file.relative_to(folder).as_posix() for file in files_of(folder)]
    files: dict[str, Path | bytes] = {name: folder / name for name in (*names, CERTIFICATE)}
    file = folder / CARD
    is_edited = file.is_file() and sha256_of(file) != certificate.files.get(CARD)
    card = file.read_text(encoding="utf-8") if is_edited else transformers_card(run)
    files[CARD] = _published_card(card, repository, licence).encode()
    files |= {f"{RUN_FOLDER}/{name}": content for name, content in shared_files(run).items()}
    return upload(repository, files, f"{run.read_config().name}, trained with translator")


def shared_files(run: RunDirectory) -> dict[str, Path | bytes]:
    """What of a run others may have, by the names of its files: all that translates.

    Of absolute paths only the last part is told, and nothing of the machine.
    """
    own = [*run.files, *([run.fingerprints_file] if run.read_fingerprints() else [])]
    config = Config.model_validate(_without_folders(run.read_config().model_dump(mode="json")))
    environment = json.dumps(_shared_environment(run), indent=2, ensure_ascii=False) + "\n"
    return {
        **{file.name: _shared_tensors(file) for file in own},
        run.config_file.name: dump_config(config).encode(),
        run.environment_file.name: environment.encode(),
    }


def _shared_tensors(file: Path) -> Path | bytes:
    """A file; where it is of tensors and its metadata name folders, the same without them."""
    if file.suffix != ".safetensors":
        return file
    metadata = tensors_metadata(file, verify=False)
    shared = _without_folders(metadata)
    return file if shared == metadata else sealed_tensors(file.read_bytes(), shared)


def _published_card(text: str, repository: str, licence: str) -> str:
    """The card of an export with its licence and its name, and how `translator` uses it."""
    from huggingface_hub import ModelCard

    card = ModelCard(text)
    data: Any = card.data
    data.license = licence
    usage, scores, rest = card.text.replace("this/folder", repository).partition("## Scores")
    ours = (
        "With `translator`, the same run, in the folder run/:\n\n"
        f'```sh\ntranslator translate "Hello." --run hf:{repository}\n```\n\n'
    )
    return f"---\n{data.to_yaml()}\n---\n{usage}{ours}{scores}{rest}"


def _without_folders(value: Any) -> Any:
    """The same values with the last part of each absolute path in its place, and no passwords."""
    match value:
        case dict():
            return {_without_folders(key): _without_folders(each) for key, each in value.items()}
        case list():
            return [_without_folders(each) for each in value]
        case str() if "://" in value:
            return public_name(value)
        case str() if PurePath(path := value.removeprefix(HUB_PREFIX)).is_absolute():
            return value.removesuffix(path) + PurePath(path).name
    return value


def _shared_environment(run: RunDirectory) -> dict[str, Any]:
    known: dict[str, Any] = {**run.read_environment(), "lineage": run.lineage}
    shared = {key: known[key] for key in _SHARED if known.get(key)}
    return {key: _without_folders(value) for key, value in shared.items()}
