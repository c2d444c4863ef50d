"""Runs that are installed as packages: model:NAME."""

import json
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import cast

import pytest
import yaml
from huggingface_hub import ModelCard
from packaging.requirements import Requirement
from packaging.version import Version
from typer.testing import CliRunner

from tests.helpers import ROOT
from translator.adaptation import preparing
from translator.cli import app
from translator.config import load_config
from translator.data import occurring
from translator.errors import RunError, TranslatorError
from translator.export.card import write_card
from translator.packaged import packaged_names
from translator.runs import RUNS, Adaptation, RunDirectory
from translator.translation import Translator
from translator.version import __version__

EN_ES = ROOT / "models" / "en-es"
SENTENCES = ["ana bebe nina", "abba", "nina banana"]


def install(site: Path, name: str, licence: str = "CC-BY-SA-4.0") -> Path:
    """What pip leaves of a package, but for its run; its module."""
    module = site / f"package_of_{name}"
    module.mkdir(parents=True)
    (module / "__init__.py").touch()
    distribution = site / f"{name}-1.0.dist-info"
    distribution.mkdir()
    metadata = f"Name: {name}\nVersion: 1.0\n"
    metadata += f"License-Expression: {licence}\n" if licence else ""
    (distribution / "METADATA").write_text(metadata, "utf-8")
    entry = f"[translator.models]\n{name} = {module.name}\n"
    (distribution / "entry_points.txt").write_text(entry, "utf-8")
    return module


@pytest.fixture(scope="module")
def site(trained_run: RunDirectory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with the trained run as model:cipher."""
    site = tmp_path_factory.mktemp("site")
    install(site, "cipher")
    script = ROOT / "scripts" / "package_model.py"
    subprocess.run([sys.executable, script, trained_run.path, site], check=True)
    return site


@pytest.fixture
def installed(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    """model:cipher, the only one; the current directory is empty."""
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr("translator.runs.packaged_names", lambda: ["model:cipher"])
    monkeypatch.chdir(tmp_path)
    assert "model:cipher" in packaged_names()
    return RunDirectory.named("model:cipher")


def test_a_package_translates_as_its_run(
    trained_run: RunDirectory, installed: RunDirectory
) -> None:
    """Its weights are rounded, and this model is sure of what it says."""
    assert installed.name == "model:cipher"
    ours, theirs = (
        [each.text for each in Translator.from_run(run.path, device="cpu").translate(SENTENCES)]
        for run in (trained_run, installed)
    )
    assert theirs == ours
    assert installed.model_file.stat().st_size < 0.6 * trained_run.model_file.stat().st_size


def packaged(run: Path, folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, str(ROOT / "scripts" / "package_model.py"), str(run), str(folder)]
    return subprocess.run([*words, *options], capture_output=True, text=True, check=False)


def test_a_folder_that_is_not_there_becomes_a_package(
    trained_run: RunDirectory, installed: RunDirectory, tmp_path: Path
) -> None:
    """A copy of one that is there would bring its licence, its card and its recipe along."""
    folder = tmp_path / "Mine en-es"
    assert packaged(trained_run.path, folder).returncode == 0
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    [(name, module)] = project["entry-points"]["translator.models"].items()
    assert (project["name"], name) == ("translator-model-mine-en-es", "mine-en-es")
    assert {file.name for file in folder.iterdir()} == {"pyproject.toml", module}
    made = {file.name: file.read_bytes() for file in (folder / module / "run").iterdir()}
    assert made == {file.name: file.read_bytes() for file in installed.path.iterdir()}
    written = time.gmtime(trained_run.model_file.stat().st_mtime)
    assert Version(project["version"]) == Version(time.strftime("%Y.%m.%d.%H%M", written))
    assert allows_this_version(project["dependencies"])


def allows_this_version(dependencies: list[str]) -> bool:
    """And others with the same first two numbers, whose runs this version reads, but no more."""
    [requirement] = map(Requirement, dependencies)
    major, minor, *_ = Version(__version__).release
    later = [requirement.specifier.contains(f"{major}.{minor + each}.9") for each in (0, 1)]
    return requirement.name == "translator-trainer" and later == [True, False]


def test_a_package_that_is_made_again_is_an_upgrade(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(EN_ES, folder, ignore=lambda *_: ["run"])
    file = folder / "pyproject.toml"
    before = file.read_text("utf-8")
    assert allows_this_version(tomllib.loads(before)["project"]["dependencies"])
    file.write_text(before.replace(",<0.3", ""), "utf-8")
    assert packaged(trained_run.path, folder, "--version", "1.2").returncode == 0
    after = file.read_text("utf-8")
    assert tomllib.loads(after)["project"]["version"] == "1.2"
    assert re.sub('^version = ".*"$', "", after, flags=re.MULTILINE) == re.sub(
        '^version = ".*"$', "", before, flags=re.MULTILINE
    )
    assert packaged(trained_run.path, folder, "--version", 'x"').returncode == 2


def test_a_package_keeps_its_run_until_the_new_one_is_written(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    folder, damaged = tmp_path / "mine", tmp_path / "damaged"
    assert packaged(trained_run.path, folder).returncode == 0
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    shutil.copytree(trained_run.path, damaged, ignore=shutil.ignore_patterns("checkpoints"))
    weights = RunDirectory(damaged).model_file
    weights.write_bytes(weights.read_bytes()[:-1])
    done = packaged(damaged, folder)
    assert (done.returncode, "is damaged" in done.stderr) == (1, True), done.stderr
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before
    [run] = folder.glob("*/run")
    assert packaged(run, folder, "--version", "0").returncode == 0  # of its own run
    assert {file: file.read_bytes() for file in run.iterdir()}.items() <= before.items()


def test_what_is_no_run_or_no_package_is_said_in_a_sentence(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    inside = packaged(trained_run.checkpoints, tmp_path / "new")
    assert inside.returncode == 1
    assert inside.stderr.startswith(f"error: {trained_run.checkpoints} holds no config.yaml\n")
    assert not (tmp_path / "new").exists()
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "__init__.py").touch()
    outside = packaged(trained_run.path, tmp_path / "module")
    assert outside.stderr.startswith(f"error: {tmp_path / 'module'} is no package of a model")
    assert len(outside.stderr.splitlines()) == len(inside.stderr.splitlines()) == 2


def test_a_package_says_nothing_of_the_machine(
    trained_run: RunDirectory, installed: RunDirectory
) -> None:
    home = str(trained_run.path.parents[1])
    for file in installed.path.iterdir():
        assert home.encode() not in file.read_bytes()
    assert "command" not in installed.read_environment()


def test_without_runs_the_installed_one_is_used_and_named(installed: RunDirectory) -> None:
    result = CliRunner().invoke(app, ["translate", "abba"])
    assert result.exit_code == 0, result.output
    assert "run: model:cipher (installed; runs/ has none)" in result.stderr
    [expected] = Translator.from_run(installed.path, device="cpu").translate(["abba"])
    assert result.stdout == expected.text + "\n"
    named = CliRunner().invoke(app, ["translate", "abba", "--run", "model:cipher"])
    assert named.stdout == result.stdout
    assert "installed" not in named.stderr


def test_what_is_in_runs_and_not_taken_is_said(installed: RunDirectory) -> None:
    begun, refused = (RunDirectory(RUNS / name) for name in ("begun", "refused"))
    for run in (begun, refused):
        run.write_config(installed.read_config())
    refused.write_model({}, installed.read_tokenizer())
    numbers = dict.fromkeys(("pairs", "replayed", "terms", "max_steps", "replay_weight"), 1)
    made = {"made_of": {}, "distilled": False, "warnings": [], "refused": ["it lost"], **numbers}
    refused.write_adaptation(cast(Adaptation, made))
    others = "begun has no model yet, refused was refused by adapt"
    result = CliRunner().invoke(app, ["translate", "abba"])
    assert f"run: model:cipher (installed; in runs/, {others})" in result.stderr


def test_training_starts_from_a_package(installed: RunDirectory, trained_run: RunDirectory) -> None:
    corpus = trained_run.path.parents[1] / "cipher.en-es.tsv"
    settings = ["name=next", "training.start_from=model:cipher", f"data.train={corpus}"]
    settings += ["training.max_steps=2", "data.held_out_pairs=20", "training.validation_pairs=4"]
    settings += ["data.max_tokens_per_sentence=32"]
    words = [word for setting in settings for word in ("--set", setting)]
    result = CliRunner().invoke(app, ["train", "--quiet", *words])
    assert result.exit_code == 0, result.output
    [ancestor, *_] = RunDirectory(Path("runs/next")).lineage
    assert ancestor["run"] == "model:cipher"
    assert ancestor["model_sha256"] == installed.model_sha256()


def test_an_adaptation_is_named_after_the_package(
    installed: RunDirectory, trained_run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "_MOST_DISTILLED", 100)
    corpus = trained_run.path.parents[1] / "cipher.en-es.tsv"
    few = (
        *("training.max_steps=2", "data.max_tokens_per_sentence=32", "decoding.beam_size=1"),
        "training.learning_rate=1e-9",  # so no step is better, and nothing is tested
        *("decoding.max_length_ratio=0.1", "decoding.max_length_extra=1"),
    )
    words = [word for setting in few for word in ("--set", setting)]
    result = CliRunner().invoke(app, ["adapt", "model:cipher", str(corpus), "--quiet", *words])
    assert Path("runs/cipher-adapted/model.safetensors").is_file(), result.output


def test_what_commands_make_of_a_package_lies_in_runs(
    installed: RunDirectory, tmp_path: Path
) -> None:
    """Its folder belongs to pip, and need not be writable; and nobody wants to read its path."""
    pytest.importorskip("ctranslate2")
    Path("a.en").write_text("".join(f"{each}\n" for each in SENTENCES * 5), "utf-8")
    texts = Translator.from_run(installed.path, device="cpu").translate(SENTENCES * 5)
    Path("a.es").write_text("".join(f"{each.text}\n" for each in texts), "utf-8")
    before = {file: file.read_bytes() for file in installed.path.rglob("*")}
    files = "--source a.en --reference a.es"
    for words in (
        f"evaluate model:cipher {files}",
        f"compare model:cipher model:cipher {files}",
        f"report model:cipher {files}",
        f"export model:cipher {files}",
        "attention abba --run model:cipher",
        "explain abba --run model:cipher",
        "translate abba --run model:cipher --engine ctranslate2",
        "inspect model:cipher",
        "embed abba --run model:cipher",
        "distill a.en.txt --output a.jsonl --run model:cipher",
        "runs",
    ):
        Path("a.en.txt").write_text("abba\n", "utf-8")
        result = CliRunner().invoke(app, words.split())
        assert result.exit_code == 0, (words, result.output, result.exception)
        assert str(installed.path) not in result.output, words
    assert {file: file.read_bytes() for file in installed.path.rglob("*")} == before
    assert {each.name for each in Path("runs/model-cipher").iterdir()} == {
        *("attention-heads.png", "attention.html", "attention.npz", "attention.png"),
        *("evaluations", "export", "report.html"),
    }
    for words, said in (
        ("evaluate model:cipher", "model:cipher speaks of it and does not bring it along"),
        ("plot model:cipher", "model:cipher brings no metrics along"),
        ("runs rm model:cipher --yes", "An installed one goes with its package."),
        ("translate abba --run cipher", "The installed one is named model:cipher."),
    ):
        result = CliRunner().invoke(app, words.split())
        assert isinstance(result.exception, TranslatorError), words
        assert said in f"{result.exception.message} {result.exception.hint}"
    assert "<title>model:cipher" in Path("runs/model-cipher/report.html").read_text("utf-8")
    result = CliRunner().invoke(app, ["runs", "rm", "model-cipher", "--yes"])
    assert result.exit_code == 0, result.output
    assert not Path("runs/model-cipher").exists()
    assert {file: file.read_bytes() for file in installed.path.rglob("*")} == before


def test_what_is_named_in_place_of_absent_test_sets_can_be_evaluated(
    installed: RunDirectory,
) -> None:
    from sacrebleu.dataset import DATASETS

    error = CliRunner().invoke(app, ["evaluate", "model:cipher"]).exception
    assert isinstance(error, TranslatorError)
    file, known = re.findall(r"--test-set (\S+),", error.hint)
    name, _, pair = known.rpartition("/")
    assert pair == "en-es" and pair in DATASETS[name].langpairs
    Path(file).write_text("ana\toto\n" * 2, encoding="utf-8")
    done = CliRunner().invoke(app, ["evaluate", "model:cipher", "--test-set", file, "--json"])
    assert json.loads(done.stdout)[0]["sentences"] == 2, done.output


def test_a_card_names_the_licence_of_the_package_that_training_began_from(
    installed: RunDirectory, trained_run: RunDirectory, tmp_path: Path
) -> None:
    run = RunDirectory(tmp_path / "runs" / "mine")
    shutil.copytree(trained_run.path, run.path)
    told = "; model:cipher is under CC-BY-SA-4.0\n"
    for lineage, times in ((installed.descent(), 1), (trained_run.descent(), 0)):
        run.write_json(run.environment_file, {**run.read_environment(), "lineage": lineage})
        write_card(run, tmp_path, "transformers", "")
        assert (tmp_path / "README.md").read_text("utf-8").count(told) == times


def test_a_card_of_an_installed_run_states_the_licence_of_its_package(
    trained_run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, licence, key in (
        ("one", "CC-BY-SA-4.0", "cc-by-sa-4.0"),
        ("two", "MIT AND CC-BY-4.0", "other"),
        ("none", "", None),
    ):
        install(tmp_path, name, licence)
        write_card(RunDirectory(trained_run.path, f"model:{name}"), tmp_path, "transformers", "")
        card = ModelCard((tmp_path / "README.md").read_text("utf-8"))
        assert card.data.to_dict().get("license") == key
        assert (f"It is under {licence}." in card.text) == bool(licence)


def test_an_installed_run_is_exported_with_sentences_that_stand_in(
    installed: RunDirectory, tmp_path: Path
) -> None:
    words = [
        "export",
        "model:cipher",
        "--sample",
        "20",
        "--json",
        "--output",
        str(tmp_path / "ct2"),
    ]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "everyday sentences of this package stand in" in result.stderr
    certificate = json.loads(result.stdout)
    assert (certificate["test_set"], certificate["sentences"]) == ("embedded:valid.en-es", 20)


def test_what_is_not_installed_is_said_in_a_sentence(
    installed: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RunError, match=r"model:fr-de is not installed") as caught:
        RunDirectory.find(Path("model:fr-de"))
    assert "model:cipher" in str(caught.value.hint)
    monkeypatch.setattr("translator.runs.packaged_names", lambda: ["model:a", "model:b"])
    with pytest.raises(RunError, match="no trained model") as caught:
        RunDirectory.find()
    assert "model:a, model:b" in str(caught.value.hint)
    install(tmp_path, "hollow")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(RunError, match="the package of model:hollow holds no run"):
        RunDirectory.find(Path("model:hollow"))


# --- the package that comes with the repository ---------------------------------------------------


def test_every_text_of_the_packaged_model_has_its_licence() -> None:
    """And none was read that the card does not speak of."""
    recipe = load_config(EN_ES / "recipe.yaml", [])
    card = (EN_ES / "README.md").read_text("utf-8")
    table = card.split("| corpus | by | licence |")[1].split("\n\n")[0]
    assert len(re.findall(r"^\| \w", table, re.MULTILINE)) == 20
    # Three of them are of OpenStax, which has one row, as have the two of this program.
    assert len(recipe.data.train) == 23
    packaged = yaml.safe_load((run_of_repository() / "config.yaml").read_text("utf-8"))
    read = {Path(each["path"]).name for each in packaged["data"]["train"]}
    assert read == {Path(each.path).name for each in recipe.data.train}


def run_of_repository() -> Path:
    return EN_ES / "translator_model_en_es" / "run"


def test_the_packaged_model_knows_the_texts_that_it_was_trained_on() -> None:
    known = RunDirectory(run_of_repository()).read_fingerprints()
    texts = ["Where is the library?", "Nobody has translated this sentence of a test yet."]
    for side in ("source", "target"):  # in both directions each text is on both
        assert list(occurring(texts, known[side])) == [True, False]


GREETINGS = {
    "Hello.": "Hola.",
    "Hi!": "¡Hola!",
    "Good afternoon.": "Buenas tardes.",
    "Good night.": "Buenas noches.",
    "Goodbye.": "Adiós.",
    "Thank you.": "Gracias.",
    "Happy birthday!": "¡Feliz cumpleaños!",
    "Good luck!": "¡Buena suerte!",
    "Hello, world!": "¡Hola, mundo!",
}
REPLIES = {
    "Hola.": "Hello.",
    "Buenos días.": "Good morning.",
    "Buenas tardes.": "Good afternoon.",
    "Adiós.": "Goodbye.",
    "Muchas gracias.": "Thank you very much.",
    "Hasta mañana.": "See you tomorrow.",
    "¿Cómo te llamas?": "What's your name?",
    "Me llamo Ana.": "My name is Ana.",
}


def test_the_packaged_model_is_small_and_translates_both_ways() -> None:
    sizes = {file.name: file.stat().st_size for file in run_of_repository().iterdir()}
    assert sizes.pop("training_fingerprints.safetensors") <= 6_000_000
    assert sum(sizes.values()) <= 16_000_000
    translator = Translator.from_run(run_of_repository(), device="cpu")
    [spanish] = translator.translate(["Pizza is great."], to="es")
    [english] = translator.translate(["La pizza es genial."], to="en")
    assert "pizza" in spanish.text.lower()
    assert "pizza" in english.text.lower()


def test_the_packaged_model_knows_what_people_type_first() -> None:
    translator = Translator.from_run(run_of_repository(), device="cpu")
    for to, expected in (("es", GREETINGS), ("en", REPLIES)):
        found = translator.translate(list(expected), to=to)
        assert {each.source: each.text for each in found} == expected
