"""A run on its way to the Hugging Face Hub, and from there; and models of others from there.

The repository of a run has the files that translate in its folder run/, as they lie in a run
directory; beside it is what other programs read. The address, the token and the cache are those of
huggingface_hub: $HF_ENDPOINT, `hf auth login` or $HF_TOKEN, $HF_HOME.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal

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
    snapshot = download(name, _READ, f"a copy of the run, whose folder takes the place of {name}")
    folder = snapshot / RUN_FOLDER
    if not folder.is_dir():
        raise RunError(
            f"{name} holds no run of translator",
            f"`translator export --push` makes one that does; `translator import {name}` makes a "
            "run of a MarianMT model.",
        )
    return folder


def download(name: str, patterns: Sequence[str], instead: str) -> Path:
    """The folder of hf:NAME or hf:NAME@REVISION in the cache, with the files of these patterns.

    Without a network what the cache has is read; where that is not enough, the hint of the RunError
    also names what can be read `instead`.
    """
    from huggingface_hub import errors, snapshot_download

    repository, _, at = name.removeprefix(HUB_PREFIX).partition("@")
    with _explained(name, instead), activity(f"downloading {name}"), _no_bars():
        silence = unreached(repository, revision=at or None)
        try:
            snapshot = snapshot_download(
                repository,
                revision=at or None,
                allow_patterns=list(patterns),
                local_files_only=silence is not None,
            )
        except errors.LocalEntryNotFoundError as error:
            raise silence or error from None
    return Path(snapshot)


def unreached(
    repository: str, kind: Literal["model", "dataset"] = "model", revision: str | None = None
) -> Exception | None:
    """What keeps the Hub from answering within $HF_HUB_ETAG_TIMEOUT; None where it does.

    To be asked first: other calls of its client try again and again, or wait without end.
    """
    from huggingface_hub import HfApi, constants, errors

    seconds = constants.HF_HUB_ETAG_TIMEOUT
    try:
        HfApi().repo_info(repository, repo_type=kind, revision=revision, timeout=seconds)
    except (errors.HfHubHTTPError, errors.HFValidationError):
        pass  # is an answer, which the other calls get, too
    except Exception as error:  # of the network, and the client has changed its library for that
        return error
    return None


def check_login(repository: str) -> None:
    """Raise TranslatorError where a name cannot be one of the Hub, or nobody is logged in there.

    So too where the Hub does not answer.
    """
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
    with _explained(repository), activity("asking the Hub"):
        if silence := unreached(repository):
            raise silence


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
def _explained(name: str, instead: str = "") -> Iterator[None]:
    """Say in one sentence what the client could not do: it raises many kinds of errors.

    The hint names what can be read `instead` of the Hub.
    """
    from huggingface_hub import errors

    try:
        yield
    except errors.HFValidationError:
        raise RunError(
            f"{name} is no name of the Hub",
            f"Write {HUB_PREFIX}USER/NAME, or {HUB_PREFIX}USER/NAME@REVISION"
            f"{f'; or name {instead}' * bool(instead)}.",
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
        status = getattr(error.response, "status_code", None)  # the client tells of none at times
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
            "Check the network and HF_HUB_OFFLINE."
            + f" Without a network, name {instead}; what was downloaded before is read from the "
            "cache ($HF_HOME)." * bool(instead),
        ) from None


def _failed(name: str, error: Exception) -> str:
    return f"the Hub has failed for {name}: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
