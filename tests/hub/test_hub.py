"""To the Hub and back with its real client, over HTTP, to a stand-in on this machine."""

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import safetensors.numpy
from huggingface_hub import ModelCard
from huggingface_hub.errors import LocalEntryNotFoundError

from tests.commands import run_command
from tests.helpers import tiny_config
from tests.hub.stand_in import TOKEN, Hub, environment_of, stand_in
from translator.config import dump_config, load_config
from translator.errors import RunError
from translator.export.publishing import shared_files
from translator.hub import RUN_FOLDER, _explained
from translator.integrity import sealed_tensors
from translator.runs import RunDirectory, write_atomically

NAME = "ana/cipher"
PUSH = ("export", "--format", "huggingface", "--sample", 20, "--quiet")


@pytest.fixture
def hub() -> Iterator[Hub]:
    with stand_in() as hub:
        yield hub


@pytest.fixture
def run(trained_run: RunDirectory, tmp_path: Path) -> RunDirectory:
    """A copy of the trained run, with a score."""
    run = RunDirectory(tmp_path / "runs" / "tiny")
    shutil.copytree(trained_run.path, run.path, ignore=shutil.ignore_patterns("export"))
    score = {"name": "BLEU", "score": 38.26, "signature": "nrefs:1|tok:13a"}
    entry = {"set": "test/x", "decoding": {"beam_size": 5}, "model_sha256": run.model_sha256()}
    run.write_json(run.evaluations / "x.json", {**entry, "scores": [score]})
    return run


def command(hub: Hub, place: Path, *words: object, token: str = TOKEN) -> CompletedProcess[str]:
    """Run `translator` as somebody who uses this Hub only."""
    return run_command(*words, cwd=place, environment=environment_of(hub, place / "home", token))


def push(hub: Hub, run: RunDirectory, place: Path) -> dict[str, bytes]:
    """What the Hub has of a run after a push."""
    words = ("--run", run.path, "--push", NAME, "--license", "cc-by-4.0")
    done = command(hub, place, *PUSH, *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{hub.address}/{NAME}\n"
    return hub.repositories[NAME].commits[-1]


def test_a_run_that_was_pushed_translates_from_the_hub_and_from_the_cache(
    hub: Hub, run: RunDirectory, tmp_path: Path
) -> None:
    files = push(hub, run, tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.rmtree(tmp_path / "home", ignore_errors=True)
    text = "ana bebe nina"
    here = command(hub, tmp_path, "translate", text, "--run", run.path, "--engine", "own")
    there = command(hub, elsewhere, "translate", text, "--run", f"hf:{NAME}")
    assert there.returncode == 0, there.stderr
    assert there.stdout == here.stdout == "oto tita rosa\n"
    downloads = [each for each in hub.requests if each.startswith("GET") and "resolve" in each]
    assert downloads and all(f"/{RUN_FOLDER}/" in each for each in downloads)
    assert files["run/model.safetensors"] == run.model_file.read_bytes()
    hub.requests.clear()
    again = command(hub, elsewhere, "translate", text, "--run", f"hf:{NAME}")
    assert again.stdout == here.stdout
    assert not [each for each in hub.requests if each.startswith("GET") and "resolve" in each]
    offline = Hub(address="http://127.0.0.1:9")  # nobody is there
    without = command(offline, elsewhere, "translate", text, "--run", f"hf:{NAME}")
    assert without.returncode == 0, without.stderr
    assert without.stdout == here.stdout
    inspected = command(hub, elsewhere, "inspect", "--run", f"hf:{NAME}")
    assert inspected.returncode == 0, inspected.stderr


def test_what_is_pushed_has_a_whole_card_and_nothing_private(
    hub: Hub, run: RunDirectory, tmp_path: Path
) -> None:
    downloads = {"https://a.org/b.tsv?key=Sesame": "0" * 64}
    run.write_json(run.environment_file, {**run.read_environment(), "downloads": downloads})
    files = push(hub, run, tmp_path)
    assert hub.repositories[NAME].private
    card = ModelCard(files["README.md"].decode())
    data: Any = card.data
    assert (data.license, data.pipeline_tag, data.language, data.library_name) == (
        *("cc-by-4.0", "translation", ["en", "es"]),
        "transformers",
    )
    [result] = [each for each in data.eval_results if each.dataset_type == "test/x"]
    assert (result.metric_type, result.metric_value, result.metric_config) == (
        *("bleu", 38.3),
        "nrefs:1|tok:13a",
    )
    assert f'from_pretrained("{NAME}")' in card.text and "this/folder" not in card.text
    assert f"--run hf:{NAME}" in card.text
    texts = [content for path, content in files.items() if not path.endswith(".safetensors")]
    assert not [text for text in texts if b"Sesame" in text]
    assert b'"https://a.org/b.tsv": "0000' in files["run/environment.json"]
    assert str(run.read_config().data.train[0].path).startswith("/")
    assert not [text for text in texts if str(tmp_path).encode() in text or b"pytest-of" in text]
    assert not [path for path in files if path.endswith((".bin", ".pt", ".pkl", ".jsonl"))]
    assert "command" not in json.loads(files["run/environment.json"])


def test_of_the_run_that_training_began_from_only_the_name_is_pushed(run: RunDirectory) -> None:
    start = "/home/ana/private/first"
    tokenizer = run.read_tokenizer()
    weights = run.read_model(tokenizer)
    run.write_model(weights, tokenizer, weights_of=start)
    fingerprints = run.read_fingerprints()
    data = safetensors.numpy.save({**fingerprints})
    run.fingerprints_file.write_bytes(sealed_tensors(data, {"not_known": start}))
    copy = RunDirectory(run.path.with_name("copy"))
    for name, content in shared_files(run).items():
        given = content if isinstance(content, bytes) else content.read_bytes()
        assert b"/home/ana" not in given
        write_atomically(copy.path / name, given)
    assert copy.weights_of == copy.unknown_start == "first"
    for name, weight in copy.read_model(tokenizer).items():
        assert weight.equal(weights[name])
    for side, each in copy.read_fingerprints().items():
        assert (each == fingerprints[side]).all()


def test_an_export_that_is_there_is_pushed_as_it_was_certified_with_the_scores_of_now(
    hub: Hub, run: RunDirectory, tmp_path: Path
) -> None:
    push(hub, run, tmp_path)
    export = run.exports / "huggingface"
    (export / ".env").write_text("private", encoding="utf-8")
    file = run.evaluations / "x.json"
    run.write_text(file, file.read_text(encoding="utf-8").replace("38.26", "47.11"))
    files = push(hub, run, tmp_path)
    assert ".env" not in files and b"| 47.1 |" in files["README.md"]
    card = export / "README.md"
    run.write_text(card, card.read_text(encoding="utf-8") + "\nWritten by Ana.\n")
    assert b"Written by Ana." in push(hub, run, tmp_path)["README.md"]
    weights = export / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    pushed = command(hub, tmp_path, *PUSH, run.path, "--push", NAME, "--license", "cc-by-4.0")
    assert_error(pushed, f"{export} is damaged: model.safetensors is not what was certified")
    assert hub.repositories[NAME].commits[-1]["model.safetensors"] != weights.read_bytes()


def test_an_export_with_a_certificate_of_an_earlier_version_is_pushed(
    hub: Hub, run: RunDirectory, tmp_path: Path
) -> None:
    push(hub, run, tmp_path)
    file = run.exports / "huggingface" / "certificate.json"
    later = {"bleu_p", "alike", "files", "checks"}
    kept = json.loads(file.read_text(encoding="utf-8"))
    run.write_json(file, {key: value for key, value in kept.items() if key not in later})
    words = ("export", run.path, "--format", "huggingface", "--push", NAME, "--license", "mit")
    done = command(hub, tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert "Δ BLEU +0.00 (nrefs" in done.stderr


def test_a_second_push_replaces_the_run_and_keeps_what_others_added(
    hub: Hub, run: RunDirectory, tmp_path: Path
) -> None:
    first = push(hub, run, tmp_path)
    first["picture.png"] = b"theirs"
    first["run/tokenizer.target.model"] = b"of an older run"
    second = push(hub, run, tmp_path)
    assert second["picture.png"] == b"theirs"
    assert "run/tokenizer.target.model" not in second
    assert {path for path in first if path.startswith("run/")} - second.keys() == {
        "run/tokenizer.target.model"
    }


def test_training_starts_from_a_run_of_the_hub_and_says_so(
    hub: Hub, run: RunDirectory, trained_run: RunDirectory, tmp_path: Path
) -> None:
    push(hub, run, tmp_path)
    config = tiny_config(trained_run.path.parents[1] / "cipher.en-es.tsv")
    values = {"max_steps": 2, "warmup_steps": 1, "start_from": f"hf:{NAME}"}
    training = config.training.model_copy(update=values)
    file = tmp_path / "more.yaml"
    file.write_text(dump_config(config.model_copy(update={"name": "more", "training": training})))
    for _ in range(2):  # the second finds everything done
        done = command(hub, tmp_path, "train", file)
        assert done.returncode == 0, done.stderr
    more = RunDirectory(tmp_path / "runs" / "more")
    assert more.lineage[0] == {"run": f"hf:{NAME}", "model_sha256": run.model_sha256()}
    assert more.unknown_start is None
    words = ("--run", more.path, "--push", "ana/more", "--license", "mit")
    assert command(hub, tmp_path, *PUSH, *words).returncode == 0
    data: Any = ModelCard(hub.repositories["ana/more"].commits[-1]["README.md"].decode()).data
    assert data.base_model == NAME
    compared = command(
        hub, tmp_path, "compare", more.path, f"hf:{NAME}", "--source", "in.txt"
    )  # no --reference
    assert "Traceback" not in compared.stderr


def test_a_run_of_the_hub_may_stand_wherever_a_run_is_named(
    hub: Hub, run: RunDirectory, tmp_path: Path
) -> None:
    push(hub, run, tmp_path)
    pairs = [("ana bebe nina", "oto tita rosa"), ("banana baba", "mimi sol")] * 20
    for side, name in ((0, "a.en"), (0, "a.en.txt"), (1, "a.es")):
        (tmp_path / name).write_text("".join(f"{pair[side]}\n" for pair in pairs))
    files = ("--source", "a.en", "--reference", "a.es")
    same = ("--quiet", *files)
    for words in (
        ("evaluate", *same),
        ("evaluate", "--hypothesis", "a.es", *same),
        ("report", "--output", "report.html", *same),
        ("attention", "ana bebe", "--output", "looks"),
        ("explain", "ana bebe"),
        ("embed", "ana bebe"),
        ("distill", "a.en.txt", "--output", "pairs.jsonl"),
        ("export", "--output", "exported", "--sample", "20", *files),
    ):
        done = command(hub, tmp_path, *words, "--run", f"hf:{NAME}")
        assert done.returncode == 0, f"{words}\n{done.stderr}"
        if words[0] in ("evaluate", "embed"):
            assert done.stdout == command(hub, tmp_path, *words, "--run", run.path).stdout
    compared = command(hub, tmp_path, "compare", run.path, f"hf:{NAME}", *same)
    assert compared.returncode == 0, compared.stderr
    assert "0 differ" in compared.stdout


@pytest.mark.parametrize(
    ("words", "token", "message"),
    [
        (("translate", "a", "--run", "hf:ana/nothing"), TOKEN, "the Hub has no hf:ana/nothing"),
        (("translate", "a", "--run", "hf:a/b/c"), TOKEN, "hf:a/b/c is no name of the Hub"),
        (("translate", "a", "--run", "hf:ana/other"), TOKEN, "hf:ana/other holds no run"),
        (("translate", "a", "--run", "hf:ana/other"), "", "or it is not for you to see"),
        (("translate", "a", "--run", "hf:ana/other@old"), TOKEN, "has no such revision"),
    ],
)
def test_what_cannot_be_had_is_told_in_a_sentence(
    hub: Hub, tmp_path: Path, words: tuple[str, ...], token: str, message: str
) -> None:
    from tests.hub.stand_in import Repository

    hub.repositories["ana/other"] = Repository(private=True)
    assert_error(command(hub, tmp_path, *words, token=token), message)


def test_what_cannot_be_pushed_is_told_before_anything_is_exported(
    hub: Hub, run: RunDirectory, tmp_path: Path
) -> None:
    words = (*PUSH, "--run", run.path, "--license", "mit", "--push")
    assert_error(command(hub, tmp_path, *words, NAME, token=""), "nobody is logged in")
    assert_error(command(hub, tmp_path, *words, "cipher"), "cipher is no name of the Hub")
    without = command(hub, tmp_path, *PUSH, "--run", run.path, "--push", NAME)
    assert without.returncode == 2 and "--license" in without.stderr
    assert not run.exports.exists()
    assert_error(command(hub, tmp_path, *words, NAME, token="hf_of_another"), "hf auth login")


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (("translate", "a", "--run"), "whose folder takes the place of hf:ana/cipher"),
        (("import",), "as hf:FOLDER (there is no ana/cipher)"),
        (("train",), "name a folder of its files as path"),
    ],
)
def test_without_network_and_cache_it_is_told_in_a_sentence(
    tmp_path: Path, words: tuple[str, ...], instead: str
) -> None:
    offline = Hub(address="http://127.0.0.1:9")
    done = command(offline, tmp_path, *words, f"hf:{NAME}")
    assert_error(done, "the Hub cannot be reached ([Errno")
    assert instead in done.stderr and "cache ($HF_HOME)" in done.stderr
    assert "Retrying" not in done.stderr  # nobody waits for what is not there


@pytest.mark.parametrize(
    "words",
    [
        ("translate", "a", "--run", f"hf:{NAME}"),
        ("train", f"hf:{NAME}"),
        (*PUSH, "--push", NAME, "--license", "mit"),
    ],
)
def test_a_hub_that_never_answers_is_waited_for_as_long_as_its_client_says(
    run: RunDirectory, tmp_path: Path, words: tuple[str, ...]
) -> None:
    if words[0] == "export":
        words = (*words, "--run", str(run.path))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        home = environment_of(Hub(f"http://127.0.0.1:{silent.getsockname()[1]}"), tmp_path)
        settings = {**home, "HF_HUB_ETAG_TIMEOUT": "1"}
        done = run_command(*words, environment=settings, timeout=30.0)
    assert_error(done, "the Hub cannot be reached (timed out)")
    assert not run.exports.exists()


def test_a_run_that_was_damaged_on_its_way_is_refused(
    hub: Hub, run: RunDirectory, tmp_path: Path
) -> None:
    files = push(hub, run, tmp_path)
    weights = bytearray(files["run/model.safetensors"])
    weights[-1] ^= 1
    hub.repositories[NAME].commits.append({**files, "run/model.safetensors": bytes(weights)})
    assert_error(command(hub, tmp_path, "translate", "a", "--run", f"hf:{NAME}"), "is damaged")


def test_the_configuration_that_is_pushed_is_the_run_s(
    hub: Hub, run: RunDirectory, tmp_path: Path
) -> None:
    files = push(hub, run, tmp_path)
    file = tmp_path / "config.yaml"
    file.write_bytes(files["run/config.yaml"])
    pushed, own = load_config(file), run.read_config()
    assert [Path(each.path) for each in pushed.data.train] == [
        Path(Path(each.path).name) for each in own.data.train
    ]
    assert (pushed.model, pushed.decoding) == (own.model, own.decoding)


def assert_error(done: CompletedProcess[str], message: str) -> None:
    assert done.returncode == 1, done.stdout
    assert done.stderr.count("error: ") == 1 and "Traceback" not in done.stderr
    assert message in done.stderr, done.stderr
    assert "hint: " in done.stderr


def test_a_refusal_of_the_client_without_an_answer_is_told() -> None:
    with pytest.raises(RunError, match="ana/cipher"), _explained("ana/cipher"):
        raise LocalEntryNotFoundError("nothing is cached")
