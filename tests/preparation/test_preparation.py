"""Preparation: made once, shared, noticed when out of date, whole or not there."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers import ended
from translator import processes
from translator.config import CleaningConfig, Config, load_config
from translator.data import (
    BatchStream,
    Counts,
    SentencePair,
    Splits,
    bare_text,
    cleaning,
    examples,
    read_corpus,
)
from translator.errors import ConfigError, DataError, RunError
from translator.preparation import TrainingData, _key_of_tokenizer, prepare_data
from translator.runs import RUNS, PreparedDirectory, RunDirectory, lock
from translator.training.run import _check_same

WORDS = "uno dos tres cuatro cinco seis siete ocho nueve diez once doce".split()
NAMES = "one two three four five six seven eight nine ten eleven twelve".split()
CORPUS = Path("numbers.en-es.tsv")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_corpus(CORPUS, 400)


def pairs(count, seed=1):
    random = np.random.default_rng(seed)
    for numbers in random.integers(0, 12, (count, 4)):
        source, target = (" ".join(names[n] for n in numbers) for names in (NAMES, WORDS))
        yield SentencePair(source, target)


def write_corpus(file, count, seed=1):
    lines = [f"{source}\t{target}\n" for source, target in pairs(count, seed)]
    file.write_text("".join(lines), encoding="utf-8", newline="\n")


def config(*overrides: str) -> Config:
    return load_config(
        None,
        [
            f"data.train.path={CORPUS}",
            "data.held_out_pairs=20",
            "tokenizer.vocabulary_size=330",
            *overrides,
        ],
    )


def prepare(name="a", *overrides: str) -> TrainingData:
    return prepare_data(config(*overrides), RunDirectory(RUNS / name))


def prepared() -> dict[str, bytes]:
    """The prepared ids on disk: the bytes of each file."""
    files = [file for file in RUNS.glob(".prepared/[!.]*/*") if file.is_file()]
    return {str(file): file.read_bytes() for file in files}


def same(one: TrainingData, other: TrainingData) -> bool:
    return one.fingerprint == other.fingerprint and all(
        np.array_equal(mine, its)
        for mine, its in [
            (one.train.ids, other.train.ids),
            (one.train.offsets, other.train.offsets),
            (one.valid.ids, other.valid.ids),
            (one.valid.offsets, other.valid.offsets),
        ]
    )


# --- what comes out -------------------------------------------------------------------------------


def test_the_ids_spell_the_pairs_of_the_corpus_in_their_order():
    data = prepare()
    splits = Splits(config())
    expected = list(splits.train(config().data.train[0], Counts()))
    train = [data.train[index] for index in range(len(data.train))]
    texts = [tuple(data.tokenizer.decode([ids.tolist() for ids in e])) for e in train]
    assert texts == expected
    [valid_pairs] = data.valid_pairs
    assert valid_pairs == splits.held_out["valid"]
    valid = [data.valid[index] for index in range(len(data.valid))]
    assert [data.tokenizer.decode([e.source.tolist()])[0] for e in valid] == [
        pair.source for pair in valid_pairs
    ]


def test_every_pair_is_counted():
    with CORPUS.open("a", encoding="utf-8") as file:
        file.write("\ta\n" * 3 + " ".join(NAMES * 30) + "\t" + "uno dos " * 180 + "\n")
    counts = prepare().counts["train"]
    assert counts.dropped["empty source"] == 3
    assert counts.dropped["longer than 128 tokens"] == 1
    assert counts.read == counts.kept + sum(counts.dropped.values()) == 404 - 20 - 20
    assert prepare("b").counts["train"] == counts


def test_no_held_out_text_is_learned_from():
    splits = Splits(config())
    learned = splits.train(config().data.train[0], Counts())
    texts = {bare_text(side) for pair in learned for side in pair}
    held_out = list(itertools.chain(*splits.held_out.values()))
    assert len(held_out) == 40
    assert [pair for pair in held_out if {*map(bare_text, pair)} & texts] == []


def test_the_tokenizer_learns_from_a_bounded_sample():
    small = Splits(config()).sample(50)
    learned = list(Splits(config()).train(config().data.train[0], Counts()))
    assert 40 <= len(small) <= 50
    assert [pair for pair in learned if pair in small] != []
    assert set(small) < set(learned)
    assert Splits(config()).sample(1_000_000) == learned


def test_other_processes_prepare_the_same_files(monkeypatch):
    write_corpus(other := Path("more.en-es.tsv"), 300, seed=2)
    corpora = f"data.train=[{{path: {CORPUS}}}, {{path: {other}}}]"
    alone, files = prepare("alone", corpora), prepared()
    shutil.rmtree(RUNS)
    monkeypatch.setattr(processes, "_cores", lambda: 2)
    monkeypatch.setattr(processes, "_ALONE", -1)
    monkeypatch.setattr(cleaning, "_CHUNK", 50)
    monkeypatch.setattr(examples, "_CHUNK", 100)
    together = prepare("together", corpora)
    assert prepared() == files
    assert same(alone, together)
    assert alone.counts == together.counts


def test_several_corpora_keep_their_order_and_weights():
    write_corpus(Path("more.en-es.tsv"), 100, seed=2)
    both = f"data.train=[{{path: {CORPUS}}}, {{path: more.en-es.tsv, weight: 2.5}}]"
    data = prepare("a", both)
    sizes = [part.pairs for part in data.train.parts]
    assert sum(sizes) == len(data.train)
    assert [part.weight for part in data.train.parts] == [1.0, 2.5]
    mixed = prepare("b", both, "data.temperature=2")
    shares = [size * part.weight for size, part in zip(sizes, mixed.train.parts, strict=True)]
    assert shares == pytest.approx([sizes[0], 2.5 * (sizes[0] * sizes[1]) ** 0.5])
    assert len(prepared()) == 6  # weights are no reason to prepare anew


def test_memory_is_mapped_not_held():
    data = prepare()
    for corpus in (data.train, data.valid):
        for array in (corpus.ids, corpus.offsets):
            assert isinstance(array.base, np.memmap)
    assert data.train.ids.dtype == np.uint16


def test_a_key_of_a_corpus_prepares_anew_though_it_is_the_default():
    ratio = CleaningConfig().max_length_ratio
    assert ratio
    section = f"data.cleaning.max_length_ratio={ratio / 2}"
    keys = set()
    for own in ("{duplicates: false}", f"{{duplicates: false, max_length_ratio: {ratio}}}"):
        chosen = config(section, f"data.train.cleaning={own}")
        keys.add(_key_of_tokenizer(chosen))
        run = RunDirectory(RUNS / "a")
        if not run.config_file.is_file():
            run.write_config(chosen)
    assert len(keys) == 2
    with pytest.raises(RunError, match="another configuration"):
        _check_same(run, chosen)


@pytest.mark.heavy
def test_the_first_pairs_are_on_the_disk_before_the_last_are_read(monkeypatch):
    """So memory does not grow with the corpus: every pass over it is a stream."""
    write_corpus(CORPUS, 40_000)
    written = []

    def watched(*arguments):
        yield from read_corpus(*arguments)
        written.append([file.stat().st_size for file in RUNS.glob(".prepared/.*/train.ids")])

    monkeypatch.setattr("translator.data.splits.read_corpus", watched)
    small = ["tokenizer.sample_sentences=1000", "data.held_out_pairs=5"]
    ids = prepare("a", *small, "data.cleaning.enabled=false").train.ids
    *earlier, [size] = written
    assert earlier == [[]] * len(earlier)  # passes that draw the held-out sets and the sample
    assert ids.nbytes / 4 < size < ids.nbytes


# --- made once ------------------------------------------------------------------------------------


def test_a_second_run_shares_what_the_first_prepared_without_reading():
    first = prepare("a")
    files = prepared()
    status = CORPUS.stat()
    content = CORPUS.read_bytes()
    CORPUS.write_bytes(content.translate(bytes.maketrans(b"\n", b"!")))  # of the same length
    os.utime(CORPUS, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(DataError):
        prepare("b")  # even with its old time another content is noticed
    CORPUS.write_bytes(content)
    os.utime(CORPUS, ns=(status.st_atime_ns, status.st_mtime_ns))
    inodes = {file: Path(file).stat().st_mtime_ns for file in files}
    assert same(prepare("b"), first)
    assert same(prepare("a"), first)
    assert {file: Path(file).stat().st_mtime_ns for file in prepared()} == inodes


@pytest.mark.heavy
@pytest.mark.parametrize(
    "setting",
    [
        "data.max_tokens_per_sentence=20",
        "data.held_out_pairs=21",
        "data.source_language=es",
        "data.cleaning.max_characters=90",
        "data.cleaning.enabled=false",
        "data.train.max_pairs=399",
        "data.train.cleaning.duplicates=false",
        "tokenizer.algorithm=bpe",
        "seed=2",
    ],
)
def test_a_setting_that_matters_is_prepared_anew(setting):
    swapped = ["data.target_language=en"] if "language" in setting else []
    prepare("a")
    if not setting.startswith("tokenizer"):  # another one would be reason enough
        tokenizer = RunDirectory(RUNS / "a").read_tokenizer()
        RunDirectory(RUNS / "b").write_tokenizer(tokenizer)
    prepare("b", setting, *swapped)
    assert len(prepared()) == 12


@pytest.mark.parametrize(
    "setting",
    ["data.train.weight=2", "data.augmentation.typos=0.5", "training.max_steps=7", "name=x"],
)
def test_a_setting_that_does_not_matter_is_not(setting):
    prepare("a")
    prepare("b", setting)
    assert len(prepared()) == 6


def test_a_changed_file_is_noticed():
    first = prepare("a")
    write_corpus(CORPUS, 401)
    second = prepare("b")
    assert len(second.train) == len(first.train) + 1
    write_corpus(CORPUS, 400)
    assert same(prepare("c"), first)


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["train.ids", "train.offsets", "valid.ids", "description.json"])
@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_a_damaged_cache_is_noticed_and_made_anew(name, damage):
    first = prepare("a")
    whole = prepared()
    (file,) = RUNS.glob(f".prepared/*/{name}")
    if damage == "missing":
        file.unlink()
    else:
        shorter = file.with_suffix(".shorter")  # `first` goes on reading the old file
        shorter.write_bytes(file.read_bytes()[:-2])
        shorter.replace(file)
    assert same(prepare("a"), first)
    assert prepared() == whole


def test_a_deleted_cache_is_made_anew_with_the_tokenizer_of_the_run():
    first = prepare("a")
    whole = prepared()
    subprocess.run(["rm", "-r", str(RUNS / ".prepared")], check=True)
    assert same(prepare("a"), first)
    assert prepared() == whole


def test_the_cache_holds_no_pickle():
    prepare("a")
    suffixes = {file.suffix for file in (RUNS / ".prepared").rglob("*") if file.is_file()}
    assert suffixes == {".ids", ".offsets", ".json", ".model", ".lock", ".safetensors"}
    (description,) = RUNS.glob(".prepared/*/description.json")
    assert set(json.loads(description.read_text(encoding="utf-8"))) == {
        "pairs", "counts", "fingerprint", "valid_pairs", "drawn", "sizes", "sha256",
    }  # fmt: skip


def test_a_corpus_without_pairs_leaves_no_cache():
    CORPUS.write_text("one\tuno\n", encoding="utf-8")
    with pytest.raises(DataError, match="no train pair is left"):
        prepare("a")
    assert prepared() == {}


def test_a_cache_that_cannot_be_written_is_an_error_with_a_hint():
    RUNS.mkdir()
    (RUNS / ".prepared").write_text("in the way", encoding="utf-8")
    with pytest.raises(RunError, match="cannot prepare the corpora") as caught:
        prepare("a")
    assert caught.value.hint


def test_a_failure_while_files_are_written_leaves_none():
    directory = PreparedDirectory(Path("cache"))
    with pytest.raises(OSError, match="full"), directory.make() as (made, _):
        made.corpus_files("train").ids.write_bytes(b"half")
        raise OSError("full")
    assert directory.read() is None
    assert list(Path.cwd().glob("*cache*")) == []


# --- several processes, and processes that are killed ---------------------------------------------

PREPARE = """
import sys
from translator.config import Config
from translator.preparation import prepare_data
from translator.runs import RUNS, RunDirectory
config = Config.model_validate_json(sys.argv[1])
print(prepare_data(config, RunDirectory(RUNS / sys.argv[2])).fingerprint)
"""


def start(settings: Config, name: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", PREPARE, settings.model_dump_json(), name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_two_processes_at_once_prepare_the_same_once():
    with ended(start(config(), "a")) as one, ended(start(config(), "b")) as other:
        processes = (one, other)
        fingerprints = {process.communicate(timeout=120)[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert fingerprints == {prepare("c").fingerprint}
    assert len(prepared()) == 6
    tokenizers = {RunDirectory(RUNS / n).tokenizer_file.read_bytes() for n in ("a", "b", "c")}
    assert len(tokenizers) == 1


def test_who_has_waited_for_another_takes_what_it_made(monkeypatch):
    prepare("a")
    [description] = RUNS.glob(".prepared/*/description.json")
    subprocess.run(["rm", "-r", str(description.parent)], check=True)
    made, looked = [], threading.Semaphore(0)
    make, read = PreparedDirectory.make, PreparedDirectory.read

    def counted_make(directory):
        made.append(directory)
        return make(directory)

    def noted_read(directory):
        found = read(directory)
        looked.release()
        return found

    monkeypatch.setattr(PreparedDirectory, "make", counted_make)
    monkeypatch.setattr(PreparedDirectory, "read", noted_read)
    with ThreadPoolExecutor(2) as pool:
        with lock(description.parent):
            found = [pool.submit(prepare, name) for name in ("b", "c")]
            for _ in found:
                assert looked.acquire(timeout=60)  # it has seen that there is nothing
        assert same(*(each.result() for each in found))
    assert len(made) == 1


@pytest.mark.slow
def test_a_killed_preparation_leaves_nothing_half():
    write_corpus(CORPUS, 60_000)
    settings = config("tokenizer.sample_sentences=1000", "data.held_out_pairs=5")
    partial: list[Path] = []
    until = time.monotonic() + 60
    with ended(start(settings, "a")) as process:
        while time.monotonic() < until and not any(f.stat().st_size > 100_000 for f in partial):
            partial = [*RUNS.glob(".prepared/.*.partial/train.ids")]
            assert process.poll() is None, "it ended before it could be killed"
        process.send_signal(signal.SIGKILL)
    assert partial[0].is_file()
    assert prepared() == {}
    again = prepare_data(settings, RunDirectory(RUNS / "a"))
    assert list(RUNS.glob(".prepared/.*.partial")) == []
    whole = prepared()
    (RUNS / ".prepared").rename("other")
    (RUNS / "a").rename("a")
    assert same(prepare_data(settings, RunDirectory(RUNS / "a")), again)
    assert prepared() == whole


def test_a_corpus_within_one_language_keeps_copies_and_any_length(tmp_path):
    lines = [f"{source} {source} {source} {source}\t{source}\n" for source, _ in pairs(100)]
    lines += [f"{source}\t{source}\n" for source, _ in pairs(100, seed=2)]
    Path("own.tsv").write_text("".join(lines), encoding="utf-8", newline="\n")
    data = prepare(
        "own",
        "data.train={path: own.tsv, columns: {source: 0, target: 1}}",
        "data.target_language=en",
        "data.cleaning.duplicates=false",
    )
    dropped = data.counts["train"].dropped
    assert set(dropped) <= {"shares a text with a held-out pair", "repeated target"}
    run = RunDirectory(RUNS / "own")
    held_out = data.drawn["valid"]
    sha = run.keep_held_out("valid", held_out, ("en", "en"))
    run.write_json(run.environment_file, {"held_out_sha256": {"valid": sha}})
    assert run.read_held_out("valid", ("en", "en")) == held_out


def test_a_mapped_corpus_gives_the_batches_of_one_in_memory():
    data = prepare()
    in_memory = data.train.select(np.arange(len(data.train)))
    streams = [BatchStream(corpus, 200, 1, views=data.views) for corpus in (data.train, in_memory)]
    for one, other in itertools.islice(zip(*streams, strict=False), 60):
        assert torch.equal(one.labels, other.labels)
        assert all(map(torch.equal, one.encoder, other.encoder))


# --- meanings -------------------------------------------------------------------------------------


def test_pairs_whose_meanings_differ_are_not_prepared_and_other_weights_prepare_anew(
    trained_run, cipher_pairs
):
    texts = list(dict.fromkeys(pair.source for pair in cipher_pairs))[:200]
    wrong = {20, 70, 120}
    lines = [f"{t}\t{texts[n - 7] if n in wrong else t}\n" for n, t in enumerate(texts)]
    CORPUS.write_text("".join(lines), encoding="utf-8")
    Path("held.en-es.tsv").write_text("otra cosa\totra\n", encoding="utf-8")
    judge = RunDirectory(Path("judge"))
    shutil.copytree(trained_run.path, judge.path)
    settings = (
        "data.cleaning.min_similarity=0.99",
        "data.cleaning.similarity_run=judge",
        "data.cleaning.min_copied_words=null",
        "data.valid=held.en-es.tsv",
        "data.test=held.en-es.tsv",
    )
    dropped = prepare("a", *settings).counts["train"].dropped
    assert dropped["meanings differ"] == len(wrong)
    before = {file.parent for file in map(Path, prepared())}
    prepare("b", *settings)
    assert {file.parent for file in map(Path, prepared())} == before
    tokenizer = judge.read_tokenizer()
    weights = {name: weight / 2 for name, weight in judge.read_model(tokenizer).items()}
    judge.write_model(weights, tokenizer)
    prepare("c", *settings)
    assert {file.parent for file in map(Path, prepared())} > before


def test_a_run_that_is_missing_names_the_key_before_anything_is_prepared():
    settings = ("data.cleaning.min_similarity=0.5", "data.cleaning.similarity_run=runs/none")
    with pytest.raises(ConfigError, match=r"data\.cleaning\.similarity_run: .*none"):
        prepare("a", *settings)
    with pytest.raises(ConfigError, match=r"needs data\.cleaning\.similarity_run"):
        config("data.cleaning.min_similarity=0.5")
