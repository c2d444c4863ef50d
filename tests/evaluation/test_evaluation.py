"""A score equals sacrebleu's own and says how it was made; what it hides is found."""

import itertools
import json
import os
import random
import re
import stat
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sacrebleu  # noqa: TID253 (the tests pay for it)
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.significance import estimate_ci  # noqa: TID253

from translator.config import DecodingConfig, load_config
from translator.data import SentencePair, bare_text, fingerprints, occurring, read_pairs
from translator.errors import DataError, RunError
from translator.evaluation import (
    METRICS,
    Difference,
    EvaluationSet,
    System,
    assess,
    compare,
    evaluate,
    find_faults,
    length_ratio,
    read_hypotheses,
    robustness,
    score,
    sentence_chrf,
    set_by_name,
    set_of_files,
    sets_of_split,
    translate_or_reuse,
)
from translator.evaluation.cache import _hypotheses_file, _write
from translator.evaluation.faults import FAULTS, final_sign, lost_numbers, repetitions
from translator.evaluation.neural import bootstrap_mean, neural_score
from translator.evaluation.resampling import bootstrap_scores, in_parts
from translator.evaluation.robustness import ways_to_write, with_typos
from translator.evaluation.scores import by_length
from translator.integrity import lines_sha256
from translator.runs import RunDirectory
from translator.translation import Translator

HYPOTHESES = ["the cat sat on the mat .", "there is a dog in the old garden", "¡hola!", ""]
REFERENCES = ["the cat sat on a mat .", "there was a dog in the garden", "¡hola, amigo!", "nada"]


def damaged(texts: tuple[str, ...], share: float, seed: int) -> tuple[str, ...]:
    """The texts with some words lost: the translations of a system that is not perfect."""
    draw = random.Random(seed)
    return tuple(" ".join(w for w in text.split() if draw.random() > share) for text in texts)


def write(file: Path, lines: tuple[str, ...], end: str = "\n") -> Path:
    file.write_bytes("".join(line + end for line in lines).encode())
    return file


@pytest.fixture(scope="module")
def test_set() -> EvaluationSet:
    """A hundred and twenty real sentences with one reference."""
    corpus = load_config().data.test["handwritten"]
    pairs = list(itertools.islice(read_pairs(corpus, "en", "es"), 120))
    sources, references = zip(*pairs, strict=True)
    return EvaluationSet("handwritten", sources, (references,), "es")


@pytest.fixture(scope="module")
def systems(test_set: EvaluationSet) -> tuple[System, System, System]:
    references = test_set.first_references
    return (
        System("poor", damaged(references, 0.3, 1)),
        System("better", damaged(references, 0.25, 2)),
        System("best", damaged(references, 0.1, 3)),
    )


@pytest.fixture(scope="module")
def translator(trained_run: RunDirectory) -> Translator:
    return Translator.from_run(trained_run.path, device="cpu")


@pytest.fixture
def run(trained_run: RunDirectory, tmp_path: Path) -> RunDirectory:
    """A copy of the trained run that a test may write into."""
    copy = RunDirectory(tmp_path / "run")
    copy.path.mkdir()
    for file in (copy.config_file, copy.tokenizer_file, copy.model_file, copy.fingerprints_file):
        file.write_bytes((trained_run.path / file.name).read_bytes())
    return copy


@pytest.fixture
def pairs(cipher_pairs: list[SentencePair]) -> list[SentencePair]:
    """Twenty pairs, some references of which are wrong, so that no score is perfect."""
    return [
        SentencePair(pair.source, pair.target if n % 3 else f"{pair.target} mal")
        for n, pair in enumerate(cipher_pairs[:20])
    ]


# --- scores ---------------------------------------------------------------------------------------


def sacrebleu_command(*arguments: str | Path, seed: int = 12345) -> str:
    """What the command itself prints."""
    return subprocess.run(
        [sys.executable, "-m", "sacrebleu", *map(str, arguments), "-w", "6"],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "SACREBLEU_SEED": str(seed), "PYTHONUTF8": "1"},
        check=True,
    ).stdout


@pytest.mark.heavy
@pytest.mark.parametrize(("two_references", "seed"), [(False, 12345), (True, 7)])
def test_scores_equal_the_commands_on_the_same_files(
    test_set: EvaluationSet,
    systems: tuple[System, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    two_references: bool,
    seed: int,
) -> None:
    monkeypatch.setenv("SACREBLEU_SEED", str(seed))
    source = write(tmp_path / "source", test_set.sources)
    hypothesis = write(tmp_path / "h", ("", *systems[0].hypotheses[1:]), " \r\n")
    references = [write(tmp_path / "r", test_set.first_references)]
    references[0].write_bytes(references[0].read_bytes().rstrip(b"\n"))  # no line end at the end
    if two_references:
        references.append(write(tmp_path / "r2", systems[2].hypotheses, "\r\n"))
    files = set_of_files(source, references, "es")
    ours = assess(files, read_hypotheses(hypothesis, files), resamples=100)
    options: tuple[str | Path, ...] = (
        "-i",
        hypothesis,
        "--confidence",
        "--confidence-n",
        "100",
        "-f",
        "json",
    )
    said = sacrebleu_command(*references, *options, "-m", "bleu", "chrf", "ter", seed=seed)
    theirs = {each["name"]: each for each in json.loads(said)}
    options = (*options, "-m", "chrf", "--chrf-word-order", "2")
    theirs["chrF2++"] = json.loads(sacrebleu_command(*references, *options, seed=seed))
    assert [each.name for each in ours.scores] == ["BLEU", "chrF2", "chrF2++", "TER"]
    for each in ours.scores:
        assert each.mean and each.interval
        printed = theirs[each.name]
        assert f"{each.score:.6f}" == f"{printed['score']:.6f}"
        assert f"{each.mean:.6f} ± {each.interval:.6f}" in printed["confidence"]
        assert each.signature == printed["signature"]


def test_scores_have_the_signatures_of_sacrebleus_defaults() -> None:
    version = sacrebleu.__version__
    assert [(each.name, each.signature) for each in score(HYPOTHESES, REFERENCES)] == [
        ("BLEU", f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{version}"),
        ("chrF2", f"nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:{version}"),
    ]


def test_draws_without_any_match_have_an_interval_too() -> None:
    """Averaging plain zeros and float32 is beyond sacrebleu 2.6 itself."""
    hypotheses, references = ["x", "y", "casa"], ["a", "b", "casa"]
    [chrf] = score(hypotheses, references, metrics=["chrf"], resamples=200)
    drawn = np.random.default_rng(12345).choice(3, size=(200, 3), replace=True)
    redone = [
        score([hypotheses[i] for i in row], [references[i] for i in row], metrics=["chrf"])[0].score
        for row in drawn
    ]
    assert 0.0 in redone
    assert (chrf.mean, chrf.interval) == pytest.approx(estimate_ci(np.array(redone)), rel=1e-5)
    assert "bs:200|seed:12345" in chrf.signature


def test_bleu_cuts_words_as_the_target_language_needs() -> None:
    [spaced] = score(["我 喜欢 你们。"], ["我喜欢你们。"], metrics=["bleu"], target_language="zh")
    assert spaced.score == pytest.approx(100.0)
    assert "tok:zh" in spaced.signature


def test_a_printed_score_tells_its_signature() -> None:
    bleu, _ = score(HYPOTHESES, HYPOTHESES)
    assert str(bleu) == f"BLEU 100.0 ({bleu.signature})"
    bleu, _ = score(HYPOTHESES, REFERENCES, resamples=10)
    assert str(bleu) == f"BLEU {bleu.score:.1f} ± {bleu.interval:.1f} ({bleu.signature})"


def test_unequal_numbers_of_hypotheses_and_references_are_refused() -> None:
    with pytest.raises(DataError, match="4 hypotheses but 3 references"):
        score(HYPOTHESES, REFERENCES[:3])


def test_nothing_to_score_is_refused() -> None:
    with pytest.raises(DataError, match="empty"):
        score([], [])


def test_the_length_ratio_counts_characters_and_averages_references() -> None:
    assert length_ratio(["abcd"], ["ab"]) == 2.0
    assert length_ratio(["abcd"], ["ab"], ["abcdef"]) == 1.0
    assert length_ratio(["abcd"], [""]) is None


def test_buckets_by_length_score_their_sentences_alone(
    test_set: EvaluationSet, systems: tuple[System, ...]
) -> None:
    references, hypotheses = test_set.first_references, systems[0].hypotheses
    buckets = by_length(test_set.sources, hypotheses, references)
    assert sum(bucket.sentences for bucket in buckets) == len(test_set)
    chosen = [i for i, source in enumerate(test_set.sources) if 5 <= len(source.split()) <= 8]
    [bucket] = [bucket for bucket in buckets if bucket.first == 5]
    assert (bucket.last, bucket.sentences) == (8, len(chosen))
    assert bucket.scores == score([hypotheses[i] for i in chosen], [references[i] for i in chosen])


# --- an evaluation --------------------------------------------------------------------------------


def test_an_evaluation_scores_the_translations_of_its_sources(
    translator: Translator, pairs: list[SentencePair]
) -> None:
    sources, references = map(list, zip(*pairs, strict=True))
    evaluation = evaluate(translator, sources, references)
    hypotheses = [translation.text for translation in translator.translate(sources)]
    assert list(evaluation.hypotheses) == hypotheses
    assert [each.name for each in evaluation.scores] == list(METRICS.values())
    assert evaluation["BLEU"] == sacrebleu.corpus_bleu(hypotheses, [references]).score
    assert evaluation["chrF2"] == sacrebleu.corpus_chrf(hypotheses, [references]).score
    assert evaluation["TER"] == sacrebleu.corpus_ter(hypotheses, [references]).score
    assert evaluation.seconds and evaluation.seconds > 0.0


def test_an_evaluation_decodes_as_it_is_told(
    translator: Translator, pairs: list[SentencePair]
) -> None:
    sources, references = map(list, zip(*pairs, strict=True))
    short = DecodingConfig(beam_size=1, max_length_ratio=0.01, max_length_extra=1)
    evaluation = evaluate(translator, sources, references, short)
    assert evaluation.hypotheses == ("",) * len(pairs)
    assert len(evaluation.faults["empty"]) == len(pairs)


def test_an_evaluation_has_no_score_of_an_unknown_name(translator: Translator) -> None:
    with pytest.raises(KeyError, match="COMET"):
        evaluate(translator, ["ana"], ["oto"])["COMET"]


def test_unequal_numbers_of_sources_and_references_are_refused(translator: Translator) -> None:
    with pytest.raises(DataError, match="2 source lines but 1 reference lines"):
        evaluate(translator, ["ana", "bebe"], ["oto"])


def test_an_empty_test_set_is_refused(translator: Translator) -> None:
    with pytest.raises(DataError, match="empty"):
        evaluate(translator, [], [])


def test_shuffled_references_are_noticed(
    test_set: EvaluationSet, systems: tuple[System, ...]
) -> None:
    shuffled = random.Random(1).sample(test_set.first_references, len(test_set))
    astray = EvaluationSet("astray", test_set.sources, (tuple(shuffled),))
    hypotheses = systems[2].hypotheses
    assert assess(test_set, hypotheses, resamples=0).warnings == ()
    [warning] = assess(astray, hypotheses, resamples=0).warnings
    question = "are the references in another order or language, or is the model hardly trained?"
    assert warning == f"BLEU is near zero (1.2): {question}"
    halves = tuple(text[: len(text) // 2] for text in hypotheses)
    [warning] = assess(astray, halves, resamples=0).warnings  # nothing is said of the lengths
    assert warning == f"BLEU is near zero (0.1): {question}"
    assert assess(replace(astray, of_text=False), hypotheses, resamples=0).warnings == ()


def test_a_score_of_few_sentences_is_warned_of(test_set: EvaluationSet) -> None:
    few = EvaluationSet("few", test_set.sources[:30], (test_set.first_references[:30],))
    assert assess(few, few.first_references, resamples=0).warnings == (
        "few sentences (30): mind the intervals",
    )


def test_the_summary_is_json_and_counts_lines_from_one(test_set: EvaluationSet) -> None:
    hypotheses = ("", *test_set.first_references[1:])
    summary = json.loads(json.dumps(assess(test_set, hypotheses, resamples=0).summary()))
    assert summary["faults"]["empty"] == {"sentences": 1, "rate": 1 / 120, "lines": [1]}
    assert summary["sentences"] == 120


def test_a_ratio_to_nothing_is_null_in_json() -> None:
    nothing = EvaluationSet("nothing", ("a",), (("",),))
    evaluation = assess(nothing, ["b"], resamples=0)
    summary = json.loads(json.dumps(evaluation.summary(), allow_nan=False))
    assert summary["length_ratio"] is summary["by_length"][0]["length_ratio"] is None


# --- what is kept ---------------------------------------------------------------------------------


def test_kept_translations_are_taken_while_nothing_has_changed(
    run: RunDirectory, pairs: list[SentencePair], monkeypatch: pytest.MonkeyPatch
) -> None:
    sources, references = zip(*pairs, strict=True)
    cipher = EvaluationSet("cipher/x", sources, (references,))
    first = translate_or_reuse(run, cipher, 1)
    again = translate_or_reuse(run, cipher, 1)
    assert (first.reused, again.reused) == (False, True)
    assert (first.hypotheses, first.file) == (again.hypotheses, again.file)
    assert first.file
    assert first.file.read_text(encoding="utf-8").splitlines() == list(first.hypotheses)
    assert not translate_or_reuse(run, cipher, 2).reused
    other = EvaluationSet("cipher/x", (*sources[1:], sources[0]), (references,))
    assert not translate_or_reuse(run, other, 1).reused
    assert not translate_or_reuse(run, cipher, 1).reused  # the other was kept in its place
    first.file.write_text("cut", encoding="utf-8")
    assert not translate_or_reuse(run, cipher, 1).reused
    config = run.read_config()
    search = config.decoding.model_copy(update={"length_penalty": 2.0})
    run.write_config(config.model_copy(update={"decoding": search}))
    assert not translate_or_reuse(run, cipher, 1).reused
    tokenizer = run.read_tokenizer()
    weights = run.read_model(tokenizer)
    run.write_model({name: 0.9 * weight for name, weight in weights.items()}, tokenizer)
    assert not translate_or_reuse(run, cipher, 1).reused
    assert translate_or_reuse(run, cipher, 1).reused
    monkeypatch.setattr("translator.evaluation.cache.__version__", "0.0")
    assert not translate_or_reuse(run, cipher, 1).reused


def test_two_that_write_the_same_evaluation_at_once_leave_the_whole_of_one(tmp_path: Path) -> None:
    file = tmp_path / "evaluations" / "test.json"

    def write(number: int) -> None:
        _write(file, {"number": number}, (f"hypothesis {number}",))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(200)))
    record = json.loads(file.read_text(encoding="utf-8"))
    hypotheses = _hypotheses_file(file).read_text(encoding="utf-8")
    assert hypotheses == f"hypothesis {record['number']}\n"
    assert record["hypotheses_sha256"] == lines_sha256(hypotheses.splitlines())
    assert sorted(file.parent.iterdir()) == [_hypotheses_file(file), file]


# --- leakage --------------------------------------------------------------------------------------


@given(st.lists(st.text(max_size=5)), st.lists(st.text(max_size=5)))
def test_fingerprints_tell_what_comparing_the_texts_tells(known: list[str], asked: list[str]):
    bare = {bare_text(text) for text in known} - {""}
    assert occurring(asked, fingerprints(known)) == [bare_text(text) in bare for text in asked]
    assert len(fingerprints(known)) == len(bare)


def test_a_run_keeps_what_it_was_trained_on_and_not_what_it_was_tested_on(
    trained_run: RunDirectory, cipher_pairs: list[SentencePair]
) -> None:
    trained_on = trained_run.read_fingerprints()
    [held_out] = sets_of_split(trained_run, "test")
    assert not any(occurring(held_out.sources, trained_on["source"]))
    assert not any(occurring(held_out.first_references, trained_on["target"]))
    assert sum(occurring([pair.source for pair in cipher_pairs], trained_on["source"])) > 200
    assert sum(occurring([pair.target for pair in cipher_pairs], trained_on["target"])) > 200


def test_test_sentences_from_training_are_warned_of(
    test_set: EvaluationSet, systems: tuple[System, ...]
) -> None:
    references, hypotheses = test_set.first_references, systems[0].hypotheses
    trained_on = {
        "source": fingerprints([test_set.sources[3].upper() + "!"]),
        "target": fingerprints([references[3], references[7]]),
    }
    evaluation = assess(test_set, hypotheses, resamples=0, trained_on=trained_on)
    assert evaluation.leakage
    assert (evaluation.leakage.sources, evaluation.leakage.references) == ((3,), (3, 7))
    rest = [i for i in range(len(test_set)) if i not in (3, 7)]
    bleu, _ = score([hypotheses[i] for i in rest], [references[i] for i in rest])
    [warning] = evaluation.warnings
    assert "1 of 120 sources and 2 references occur in the training data" in warning
    assert f"without them BLEU is {bleu.score:.1f}" in warning


def test_damaged_fingerprints_are_refused(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert run.read_fingerprints() == {}
    run.fingerprints_file.write_bytes(b"no tensors")
    with pytest.raises(RunError, match="training_fingerprints"):
        run.read_fingerprints()


# --- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "hypothesis", "reference", "fault"),
    [
        ("Hello.", "", "Hola.", "empty"),
        ("I saw a dog.", "Vi un perro, un perro, un perro, un perro.", "Vi un perro.", "loop"),
        ("Ha!", "¡Jajajajajajajajajajajaja!", "¡Ja!", "loop"),
        ("I saw a dog.", "I saw a dog.", "Vi un perro.", "copy"),
        ("I saw a dog.", "Vi un перро.", "Vi un perro.", "foreign script"),
        ("I saw a dog.", "Vi un ⁇ .", "Vi un perro.", "foreign script"),
        ("The 1st is 5 μm.", "El 1.º es de 5 µm.", "El primero es de 5 μm.", None),
        ("It cost 1,250.", "Costó 1.25.", "Costó 1.250.", "number lost"),
        ("It cost 12.50.", "Costó 1250.", "Costó 12,50.", "number lost"),
        ("{n} dogs at x.org/a", "{m} perros", "{n} perros", "placeholder lost"),
        ("{n} dogs", "perros", "muchos perros", None),
        ("Is it here?", "Está aquí.", "¿Está aquí?", "punctuation"),
        ("“Is it?”", "«¿Sí?", "«¿Es?»", None),
        ("It cost 1,250.5.", "Costó 1.250,5.", "Costó 1250,5.", None),
        ("Two dogs, 2 cats.", "Dos perros, dos gatos.", "Dos perros y dos gatos.", None),
        ("Go go go go go!", "¡Va va va va va!", "¡Vamos!", None),
        ("That's so sad.", "Muy muy muy triste.", "Es muy, muy muy muy muy triste.", None),
        ("Москва", "Москва", "Moscú", "copy"),
        ("London", "London", "London", None),
        ("", "", "", None),
    ],
)
def test_a_fault_is_what_neither_source_nor_reference_does(
    source: str, hypothesis: str, reference: str, fault: str | None
) -> None:
    faults = find_faults([source], [hypothesis], [reference])
    assert list(faults) == list(FAULTS)
    assert [name for name, indices in faults.items() if indices] == ([fault] if fault else [])


@given(st.text(min_size=1).filter(str.strip), st.text(min_size=1).filter(str.strip))
def test_a_translation_like_the_reference_has_no_fault(source: str, reference: str) -> None:
    faults = find_faults([source], [reference], [reference])
    assert not any(faults.values())


def test_one_reference_of_several_is_enough() -> None:
    def found(*references: str) -> set[str]:
        faults = find_faults(["3 dogs?"], ["¿Tres perros?"], *([text] for text in references))
        return {name for name, indices in faults.items() if indices}

    assert found("¿3 perros?") == {"number lost"}
    assert found("¿3 perros?", "Tres perros.") == set()
    assert found("Los tres.") == {"punctuation"}


@given(
    st.lists(st.sampled_from("abc"), max_size=3),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
    st.integers(2, 5),
)
def test_repetitions_are_at_least_those_that_were_put_in(
    before: list[str], group: list[str], times: int
) -> None:
    assert repetitions([*before, *group * times], 4) >= times
    units = [*before, *group * times]
    assert repetitions(units, 4) == max(
        (
            n
            for start in range(len(units))
            for period in range(1, 5)
            for n in range(1, len(units) + 1)
            if units[start : start + period] * n == units[start : start + period * n]
            and start + period <= len(units)
        ),
        default=0,
    )


def test_signs_and_numbers_are_read_in_any_script() -> None:
    assert [final_sign(text) for text in ("はい。", "「はい！」", "नहीं।", "no", "")] == [
        ".",
        "!",
        ".",
        "",
        "",
    ]
    assert lost_numbers("٣ dogs and 12", "3 y 11", ["3 y 12"]) == ["12"]


# --- test sets ------------------------------------------------------------------------------------


def test_blank_lines_line_ends_and_a_byte_order_mark_are_read_as_documented(
    tmp_path: Path,
) -> None:
    (tmp_path / "s").write_bytes("\ufeffone \r\n\r\n  three\u2028x\nfour".encode())
    (tmp_path / "r").write_bytes(b"uno\n\ntres\ncuatro\n")
    read = set_of_files(tmp_path / "s", [tmp_path / "r"])
    assert read.sources == ("one", "", "  three\u2028x", "four")
    assert read.references == (("uno", "", "tres", "cuatro"),)


def test_files_that_cannot_be_scored_are_refused_by_name(tmp_path: Path) -> None:
    two = write(tmp_path / "two", ("a", "b"))
    one = write(tmp_path / "one", ("a",))
    empty = write(tmp_path / "empty", ())
    latin = tmp_path / "latin"
    latin.write_bytes("a\ncafé\n".encode("latin-1"))
    for source, references, message in (
        (two, [one], r"two has 2 lines, .*one has 1"),
        (two, [two, one], r"two has 2 lines, .*one has 1"),
        (None, [empty], "empty is empty"),
        (two, [tmp_path / "none"], "no file .*none"),
        (two, [latin], r"latin, line 2: not UTF-8"),
    ):
        with pytest.raises(DataError, match=message):
            set_of_files(source, references)
    with pytest.raises(DataError, match="one has 1 lines, but two has 2 sentences"):
        read_hypotheses(one, set_of_files(two, [two]))


def test_a_tsv_file_is_a_test_set(tmp_path: Path) -> None:
    file = write(tmp_path / "news.en-es.tsv", ("one\tuno\tmore", "two\tdos\tmore"))
    there, back = set_by_name(str(file), ("en", "es")), set_by_name(str(file), ("es", "en"))
    assert (there.name, there.sources, there.references) == (
        "news",
        ("one", "two"),
        (("uno", "dos"),),
    )
    assert (back.sources, back.references) == (("uno", "dos"), (("one", "two"),))
    plain = write(tmp_path / "plain.tsv", ("one\tuno", "two\tdos"))
    assert set_by_name(str(plain)).sources == ("one", "two")
    with pytest.raises(DataError, match="is of en and es, the run translates de → es"):
        set_by_name(str(file), ("de", "es"))
    with pytest.raises(DataError, match="no file"):
        set_by_name("none.tsv")


@pytest.mark.parametrize(
    ("name", "languages", "message"),
    [
        ("wmt13", None, "no test set 'wmt13'"),
        ("nonsense/en-es", None, "no test set"),
        ("wmt13/en-xx", None, "no languages 'en-xx'"),
        ("wmt13/en-es", ("es", "en"), "the run translates es → en"),
    ],
)
def test_a_name_that_sacrebleu_does_not_know_is_refused(
    name: str, languages: tuple[str, str] | None, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        set_by_name(name, languages)


FETCH = """
from translator.errors import DataError
from translator.evaluation import set_by_name
try:
    found = set_by_name("wmt13/en-es", ("en", "es"))
    print(found.name, found.sources, found.references, found.target_language)
except DataError as error:
    print("error:", error.message, error.hint)
"""


def fetch(cache: Path) -> str:
    """What asking for wmt13/en-es gives where there is no network."""
    proxy = "http://127.0.0.1:9"  # the port of nobody
    return subprocess.run(
        [sys.executable, "-c", FETCH],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "SACREBLEU": str(cache), "https_proxy": proxy, "http_proxy": proxy},
        check=True,
    ).stdout


@pytest.mark.slow
def test_sacrebleus_sets_come_from_its_cache_and_a_failed_download_leaves_nothing(
    tmp_path: Path,
) -> None:
    said = fetch(tmp_path / "empty")
    assert said.startswith("error: sacrebleu cannot fetch wmt13/en-es")
    assert "--echo src" in said
    assert not (tmp_path / "empty").exists()
    folder = tmp_path / "cache" / "wmt13"
    folder.mkdir(parents=True)
    for field, lines in (("src", ("one", "two")), ("ref", ("uno", "dos"))):
        write(folder / f"wmt13.en-es.{field}", lines)
    for field in ("docid", "genre", "origlang"):
        write(folder / f"wmt13.en-es.{field}", ("x", "x"))
    assert fetch(tmp_path / "cache") == "wmt13/en-es ('one', 'two') (('uno', 'dos'),) es\n"


# --- comparisons ----------------------------------------------------------------------------------


@pytest.mark.heavy
def test_p_values_and_intervals_equal_the_commands(
    test_set: EvaluationSet, systems: tuple[System, ...], tmp_path: Path
) -> None:
    reference = write(tmp_path / "r", test_set.first_references)
    files = [write(tmp_path / system.name, system.hypotheses) for system in systems]
    metrics = ("bleu", "chrf", "ter")
    ours = compare(test_set, systems, metrics, resamples=200, trials=300)
    inputs: list[str | Path] = [reference, "-i", *files, "-f", "text", "-m", *metrics]
    bootstrap = sacrebleu_command(*inputs, "--paired-bs", "--paired-bs-n", "200")
    randomized = sacrebleu_command(*inputs, "--paired-ar", "--paired-ar-n", "300")
    told = [d for each in zip(*ours.differences.values(), strict=True) for d in each]
    assert re.findall(r"[\d.]+ \([\d.]+ ± [\d.]+\)", bootstrap) == [
        f"{d.score:.6f} ({d.mean:.6f} ± {d.interval:.6f})" for d in told
    ]
    told = told[len(metrics) :]  # the baseline has no p-value
    assert re.findall(r"p = ([\d.]+)", bootstrap) == [f"{d.p_bootstrap:.4f}" for d in told]
    assert re.findall(r"p = ([\d.]+)", randomized) == [f"{d.p_randomization:.4f}" for d in told]
    for signature in (signature for pair in ours.signatures.values() for signature in pair):
        assert signature in bootstrap + randomized
    assert ours.differences["BLEU"][2].p_bootstrap == 1 / 201  # the best is really better
    assert ours.differences["TER"][2].difference < 0  # and needs fewer edits


def test_equal_systems_are_equal(test_set: EvaluationSet, systems: tuple[System, ...]) -> None:
    same = compare(test_set, [systems[0], systems[0]], resamples=50, trials=50)
    for differences in same.differences.values():
        assert (differences[1].p_bootstrap, differences[1].p_randomization) == (1.0, 1.0)
        assert differences[1].difference == 0.0
    assert same.duels[0].wins == same.duels[0].losses == same.duels[0].most_different == ()


def test_what_a_metric_does_not_see_is_no_difference() -> None:
    """chrF counts no spaces, and nothing matches a reference that is in another script."""

    def chrf_of(test_set: EvaluationSet, systems: list[System]) -> tuple[Difference, ...]:
        return compare(test_set, systems, ("chrf",), resamples=50, trials=50).differences["chrF2"]

    texts = tuple(f"the cat number {n} sleeps" for n in range(30))
    seen = EvaluationSet("seen", ("",) * 30, (texts,))
    spaced = tuple(text.replace("number ", "number") for text in texts)
    unseen = EvaluationSet("unseen", ("",) * 30, (("кот",) * 30,))
    for test_set, other in ((seen, spaced), (unseen, texts[::-1])):
        systems = [System("a", texts), System("b", other)]
        [_, told] = chrf_of(test_set, systems)
        assert (told.difference, told.p_bootstrap, told.p_randomization) == (0.0, 1.0, 1.0)
    systems = [System("a", texts), System("b", (*spaced[:-1], "nothing"))]
    [_, told] = chrf_of(seen, systems)
    assert told.p_randomization == 1.0  # of one sentence that differs


@pytest.mark.heavy
def test_a_few_different_sentences_cannot_be_significant(
    test_set: EvaluationSet, systems: tuple[System, ...]
) -> None:
    """All ways to swap k translations are tried: the exact test is never below our bound."""
    base, k = systems[0].hypotheses, 4
    changed = (*test_set.first_references[:k], *base[k:])
    different = [i for i in range(k) if base[i] != changed[i]]

    def difference(swapped: tuple[int, ...]) -> float:
        sides = [list(base), list(changed)]
        for index in swapped:
            sides[0][index], sides[1][index] = sides[1][index], sides[0][index]
        bleus = [score(side, test_set.first_references)[0].score for side in sides]
        return abs(bleus[1] - bleus[0])

    seen = difference(())
    outcomes = [
        difference(swapped)
        for size in range(len(different) + 1)
        for swapped in itertools.combinations(different, size)
    ]
    exact = sum(outcome >= seen - 1e-9 for outcome in outcomes) / len(outcomes)
    ours = compare(test_set, [systems[0], System("b", changed)], ["bleu"], resamples=50, trials=999)
    assert ours.duels[0].different == len(different)
    assert ours.differences["BLEU"][1].p_randomization == 2.0 ** (1 - len(different)) == exact


def test_wins_and_losses_are_counted_by_sentence() -> None:
    small = EvaluationSet("small", ("",) * 3, (("el gato", "un perro", "la casa"),))
    a = System("a", ("el gato", "un perro", "un coche"))
    b = System("b", ("la gata", "un perro", "la casa"))
    comparison = compare(small, [a, b], ["chrf"], resamples=10, trials=10)
    [duel] = comparison.duels
    assert (duel.wins, duel.losses, duel.different) == ((2,), (0,), 2)
    assert duel.most_different == (2, 0)
    assert comparison.sentence_scores[1] == tuple(
        sentence_chrf(b.hypotheses, small.first_references)
    )


def test_a_system_of_another_test_set_is_refused(test_set: EvaluationSet) -> None:
    with pytest.raises(DataError, match="b has 1 translations, but handwritten has 120"):
        compare(test_set, [System("a", test_set.sources), System("b", ("x",))])


@pytest.mark.parametrize("sentences", [1, 7, 1001])
def test_draws_in_parts_are_those_of_one_draw(sentences: int) -> None:
    one, parts = np.random.default_rng(3), np.random.default_rng(3)
    found = in_parts(lambda n: parts.choice(sentences, size=(n, sentences)), 1100)
    assert np.array_equal(np.concatenate([*found]), one.choice(sentences, size=(1100, sentences)))
    found = in_parts(lambda n: parts.integers(2, size=(n, sentences), dtype=bool), 1100)
    drawn = one.integers(2, size=(1100, sentences), dtype=bool)
    assert np.array_equal(np.concatenate([*found]), drawn)


def test_resamples_take_less_memory_than_their_draws() -> None:
    tracemalloc.start()
    try:
        bootstrap_scores(sacrebleu.CHRF(), [np.ones((2000, 18), np.int64)], 4000)
        assert tracemalloc.get_traced_memory()[1] < 8 * 4000 * 2000  # what all draws take
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("seed", ["abc", "-1", ""])
def test_a_seed_that_is_none_is_an_error(monkeypatch: pytest.MonkeyPatch, seed: str) -> None:
    monkeypatch.setenv("SACREBLEU_SEED", seed)
    with pytest.raises(DataError, match=f"SACREBLEU_SEED is '{seed}'"):
        score(["a"], ["a"], resamples=2)
    with pytest.raises(DataError, match="SACREBLEU_SEED"):
        bootstrap_mean(np.zeros(2), 2)


# --- robustness -----------------------------------------------------------------------------------


def test_the_same_sentences_are_written_in_other_ways() -> None:
    ways = ways_to_write(["Don't stop, “Anna”!", "ok"])
    assert ways["UPPER CASE"] == ["DON'T STOP, “ANNA”!", "OK"]
    assert ways["Title Case"] == ["Don't Stop, “Anna”!", "Ok"]
    assert ways["no final sign"] == ["Don't stop, “Anna", "ok"]
    assert ways_to_write(["some longer words"] * 9) == ways_to_write(["some longer words"] * 9)


@given(st.text(alphabet="abcd é1.", max_size=80), st.integers(0, 99))
def test_typos_keep_words_apart_and_their_first_letters(text: str, seed: int) -> None:
    written = with_typos(text, random.Random(seed))
    pairs = list(zip(text.split(" "), written.split(" "), strict=True))
    for old, new in pairs:
        assert old[:1] == new[:1]
        assert abs(len(old) - len(new)) <= len(re.findall(r"[^\W\d_]{4,}", old))


def test_typos_come_in_a_tenth_of_the_longer_words() -> None:
    words = with_typos("abcdef " * 5000, random.Random(1)).split()
    assert 0.08 < sum(word != "abcdef" for word in words) / len(words) < 0.12


def test_a_system_is_scored_on_every_way_to_write(test_set: EvaluationSet) -> None:
    known = dict(zip(test_set.sources, test_set.first_references, strict=True))
    variants = robustness(test_set, lambda sources: [known.get(each, "???") for each in sources])
    by_name = {variant.name: variant for variant in variants}
    assert by_name["as it is"].changed == 0
    assert [each.score for each in by_name["as it is"].scores] == pytest.approx([100.0] * 3)
    assert by_name["UPPER CASE"].scores[0].score < 1.0
    shouting = robustness(test_set, lambda sources: [known.get(s, "x").upper() for s in sources])
    bleu, ignoring_case, _ = shouting[0].scores
    assert (bleu.score < 10.0, round(ignoring_case.score, 6)) == (True, 100.0)


# --- neural metrics -------------------------------------------------------------------------------


def test_the_interval_of_a_mean_is_made_as_sacrebleus_intervals_are() -> None:
    scores = np.random.default_rng(3).normal(size=50)
    mean, interval, seed = bootstrap_mean(scores, 400)
    draws = np.random.default_rng(12345).choice(50, size=(400, 50), replace=True)
    assert (mean, interval) == pytest.approx(
        estimate_ci(np.array([scores[d].mean() for d in draws]))
    )
    assert seed == "12345"
    assert bootstrap_mean(scores, 0)[:2] == (None, None)


def test_a_file_of_scores_is_a_metric(test_set: EvaluationSet, tmp_path: Path) -> None:
    file = write(tmp_path / "comet.txt", tuple(f"{0.5 + n / 1000}" for n in range(120)))
    neural = assess(
        test_set, test_set.first_references, resamples=100, neural={"comet": file}
    ).scores[-1]
    assert neural.name == "comet"
    assert neural.score == pytest.approx(0.5595)
    assert neural.value.startswith("0.5595 ± 0.00")
    assert neural.signature == "nsent:120|bs:100|seed:12345|from:comet.txt"
    for lines, message in (
        (("0.5",) * 119, "gives 119 scores, but handwritten has 120"),
        (("nan",) * 120, "gives 0 scores"),
        (("good",) * 120, "gives no number"),
    ):
        with pytest.raises(DataError, match=message):
            neural_score("comet", write(file, lines), test_set, test_set.sources, 0)


COMET_SCORE = """#!{python}
import sys
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
sides = [open(options[o], encoding="utf-8").read().splitlines() for o in ("-s", "-t", "-r")]
if sides[1][0] == "fail":
    sys.exit("no such model")
for number, (source, translation, reference) in enumerate(zip(*sides, strict=True)):
    equal = float(translation == reference)
    print(f"{{options['-t']}}\\tSegment {{number}}\\tscore: {{equal:.4f}}")
print(f"{{options['-t']}}\\tscore: 0.1234")
"""


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script with a #! line")
def test_a_command_that_speaks_as_comet_score_does_is_a_metric(
    test_set: EvaluationSet, tmp_path: Path
) -> None:
    command = tmp_path / "comet-score"
    command.write_text(COMET_SCORE.format(python=sys.executable), encoding="utf-8")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    hypotheses = (*test_set.first_references[:90], *("otra cosa",) * 30)
    neural = neural_score("comet", command, test_set, hypotheses, 0)
    assert neural.score == pytest.approx(90 / 120)
    with pytest.raises(DataError, match="exit code 1: no such model"):
        neural_score("comet", command, test_set, ("fail", *hypotheses[1:]), 0)


def test_empty_references_are_counted() -> None:
    sources = ("one", "two", "", "four", "five")
    first, second = ("uno", "", "", " ", ""), (None, None, None, None, "cinco")
    test_set = EvaluationSet("news", sources, (first, second), "es")
    told = [text for text in assess(test_set, first).warnings if "empty reference" in text]
    assert told == [
        "2 sentences have an empty reference, for which no translation is right: lines 2, 4"
    ]
    full = EvaluationSet("news", sources, (("a", "b", "", "d", "e"),), "es")
    assert not any("empty reference" in text for text in assess(full, first).warnings)
