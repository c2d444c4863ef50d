"""A run on its way to the Hugging Face Hub, and from there.

A repository has the files that translate in its folder run/, as they lie in a run directory; beside
it is what other programs read. The address, the token and the cache are those of huggingface_hub:
$HF_ENDPOINT, `hf auth login` or $HF_TOKEN, $HF_HOME.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from translator.config import HUB_PREFIX
from translator.errors import RunError, TranslatorError
from translator.progress import activity

RUN_FOLDER = "run"
_READ = [f"{RUN_FOLDER}/*.{ending}" for ending in ("yaml", "model", "safetensors", "json")]


def is_of_hub(name: str | Path) -> bool:
    """Whether a run is named hf:USER/NAME."""
    return str(name).startswith(HUB_PREFIX)


@cache  # a process that asks twice means the same revision
def download_run(name: str) -> Path:
    """The folder of the run hf:NAME, or hf:NAME@REVISION, in the cache; downloaded where it is new.

    Without a network what the cache has is read. Raises RunError for what is not to be had.
    """
    from huggingface_hub import snapshot_download

    repository, _, revision = name.removeprefix(HUB_PREFIX).partition("@")
    with _explained(name), activity(f"downloading {name}"), _no_bars():
        snapshot = snapshot_download(repository, revision=revision or None, allow_patterns=_READ)
    folder = Path(snapshot) / RUN_FOLDER
    if not folder.is_dir():
        raise RunError(
            f"{name} holds no run of translator",
            f"`translator export --push` makes one that does; `translator import {name}` makes a "
            "run of a MarianMT model.",
        )
    return folder


def check_login(repository: str) -> None:
    """Raise TranslatorError where the name cannot be one of the Hub, or nobody is logged in."""
    from huggingface_hub import get_token
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(repository)
    except HFValidationError:
        user = ""
    else:
        user = repository.partition("/")[0] if "/" in repository else ""
    if not user:
        raise TranslatorError(f"{repository} is no name of the Hub", "Write it as USER/NAME.")
    if get_token() is None:
        raise TranslatorError(
            "nobody is logged in at the Hugging Face Hub",
            "Log in with `hf auth login`, or set HF_TOKEN to a token that may write.",
        )


def upload(repository: str, files: Mapping[str, Path | bytes], message: str) -> tuple[str, bool]:
    """Commit files, by their paths in the repository, to the Hub.

    A repository that is not there yet is made, for its user's eyes only. What its run/ holds beside
    these files is deleted, all else stays. Returns its address, and whether it is new.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    operations: list[CommitOperationAdd | CommitOperationDelete]
    api = HfApi()
    with _explained(repository), activity(f"uploading to {repository}"), _no_bars():
        is_new = not api.repo_exists(repository)
        url = api.create_repo(repository, private=True, exist_ok=True)
        there = {each for each in api.list_repo_files(repository) if _is_of_run(each)}
        operations = [
            *(CommitOperationDelete(path) for path in sorted(there - files.keys())),
            *(CommitOperationAdd(path, content) for path, content in files.items()),
        ]
        api.create_commit(repository, operations, commit_message=message)
    return str(url), is_new


def _is_of_run(path: str) -> bool:
    return path.startswith(f"{RUN_FOLDER}/")


@contextmanager
def _no_bars() -> Iterator[None]:
    """Without the client's own progress bars: the command line shows what is under way."""
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    shown = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            enable_progress_bars()


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Say in one sentence what the client could not do: it raises many kinds of errors."""
    from huggingface_hub import errors

    try:
        yield
    except errors.HFValidationError:
        raise RunError(
            f"{name} is no name of the Hub",
            f"Write {HUB_PREFIX}USER/NAME, or {HUB_PREFIX}USER/NAME@REVISION.",
        ) from None
    except errors.GatedRepoError:
        raise RunError(
            f"{name} is given only to those who asked for it",
            "Ask for it on its page, and log in with `hf auth login`.",
        ) from None
    except errors.RepositoryNotFoundError:
        raise RunError(
            f"the Hub has no {name}, or it is not for you to see",
            "Check the name; one that is private needs `hf auth login`, or HF_TOKEN.",
        ) from None
    except errors.RevisionNotFoundError:
        raise RunError(f"{name} has no such revision", "Leave out what follows the @.") from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        refused = status in (401, 403)
        raise RunError(
            f"the Hub refuses {name}: {_first_line(error)}" if refused else _failed(name, error),
            "Log in with `hf auth login` and a token that may write to it."
            if refused
            else "Try again later.",
        ) from None
    except Exception as error:  # of the network, and the client has changed its library for that
        raise RunError(
            f"{name}: the Hub cannot be reached ({_first_line(error)})",
            "Check the network and HF_HUB_OFFLINE. What was downloaded before is read from the "
            "cache.",
        ) from None


def _failed(name: str, error: Exception) -> str:
    return f"the Hub has failed for {name}: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
