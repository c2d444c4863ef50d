"""The doctor: every fault of a spoiled corpus is found and placed, a sound one has none."""

import gzip
import itertools
import json
import lzma
import os
import random
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
import torch
from typer.testing import CliRunner

from tests import spoiled
from translator import files
from translator.cli import app
from translator.cli.console import VERDICT
from translator.config import Config, CorpusConfig, TokenizerConfig
from translator.data import SentencePair, read_pairs
from translator.doctor import Report, examine, textfiles, write_clean
from translator.doctor.leakage import LeakDetector
from translator.doctor.misalignment import (
    MAX_SHIFT,
    MisalignmentDetector,
    OffsetRange,
    find_swapped,
)
from translator.errors import DataError
from translator.runs import RunDirectory
from translator.tokenizer import Tokenizer
from translator.visualization.diagnosis import render_diagnosis


@pytest.fixture(scope="module")
def sound():
    """Hand-written pairs of the embedded corpus."""
    pairs = read_pairs(CorpusConfig(path="embedded:train-handwritten"), "en", "es")
    return list(itertools.islice(pairs, 1600))


@pytest.fixture(scope="module")
def test_set():
    return list(read_pairs(CorpusConfig(path="embedded:test-handwritten"), "en", "es"))


def examined(train, **data) -> Report:
    corpora = train if isinstance(train, list) else [{"path": str(train)}]
    return examine(
        Config.model_validate(
            {"data": {"train": corpora, **data}, "tokenizer": {"vocabulary_size": 500}}
        )
    )


def found(report, kind):
    """The only finding of a kind."""
    (finding,) = [finding for finding in report.findings if finding.kind == kind]
    return finding


def ranges(pairs):
    watch = MisalignmentDetector()
    for pair in pairs:
        watch.add(pair)
    return watch.ranges()


# --- nearly nothing is left ---------------------------------------------------------------------


def test_that_nearly_everything_is_dropped_is_serious(sound, tmp_path):
    numbers = [SentencePair(str(n), str(n + 1)) for n in range(900)]
    few, more = (spoiled.write(tmp_path / f"{n}.en-es.tsv", sound[:n] + numbers) for n in (50, 101))
    finding = found(examined(few), "nearly everything dropped")
    assert finding.severity == "serious"
    assert "cleaning drops 900 of the 950 pairs (few letters: 900)" in finding.message
    kinds = [finding.kind for finding in examined(more).findings]
    assert "nearly everything dropped" not in kinds and "few letters" in kinds
    as_test = examined(more, test={"numbers": {"path": str(few)}})  # which nobody cleans
    assert "nearly everything dropped" not in [finding.kind for finding in as_test.findings]


# --- sound corpora --------------------------------------------------------------------------------


def test_nothing_serious_is_found_in_a_sound_corpus(sound, tmp_path):
    report = examined(spoiled.write(tmp_path / "a.en-es.tsv", sound))
    assert (report.findings, report.serious) == ([], False)
    (corpus,) = report.corpora
    assert (corpus.counts.read, corpus.counts.kept) == (len(sound), len(sound))
    assert corpus.languages == ("en", "es")
    assert sum(corpus.lengths[0].bins) == len(sound)
    assert corpus.lengths[1].longest == max(len(pair.target) for pair in sound)


# --- one fault at a time --------------------------------------------------------------------------


@pytest.mark.parametrize("lines", [1, 7, -3])
def test_sides_out_of_step_are_found_with_their_place(sound, tmp_path, lines):
    pairs = spoiled.shifted(sound, abs(lines))
    if lines < 0:  # the source has lost them
        turned = spoiled.shifted([SentencePair(*pair[::-1]) for pair in sound], -lines)
        pairs = [SentencePair(*pair[::-1]) for pair in turned]
    finding = found(examined(spoiled.write(tmp_path / "a.en-es.tsv", pairs)), "out of step")
    (place,) = re.findall(r"lines ([\d,]+) to ([\d,]+)", finding.message)
    first, last = (int(number.replace(",", "")) for number in place)
    assert abs(first - len(sound) // 2) <= 20
    assert last == len(pairs)
    assert finding.message.endswith(f"target n{-lines:+d}")
    side = "target" if lines > 0 else "source"
    assert f"the {side} has lost {abs(lines)} line" in finding.hint
    assert finding.severity == "serious"


def test_each_loss_of_a_line_is_found(sound):
    lost = {400, 800, 1200}
    targets = [pair.target for i, pair in enumerate(sound) if i not in lost]
    pairs = [SentencePair(p.source, t) for p, t in zip(sound, targets, strict=False)]
    path = ranges(pairs)
    assert [each.offset for each in path] == [0, -1, -2, -3]
    for found, line in zip(path[1:], sorted(lost), strict=True):
        assert abs(found.first - line) <= 20


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3])
def test_steps_are_found_among_swapped_pairs_too(sound, share):
    pairs, _ = spoiled.swapped(sound, share)
    assert ranges(pairs) == [OffsetRange(1, len(sound), 0)]
    pairs, _ = spoiled.swapped(spoiled.shifted(sound), share)
    assert [each.offset for each in ranges(pairs)] == [0, -1]


def test_steps_are_found_without_a_shared_script(sound):
    """Lengths and numbers are left when the letters of one side mean nothing."""
    latin, other = "abcdefghijklmnopqrstuvwxyzáéíóúüñ", "абвгдежзийклмнопрстуфхцчшщъыьэюяђ"
    letters = str.maketrans(latin, other)
    pairs = [SentencePair(p.source, p.target.lower().translate(letters)) for p in sound]
    random.Random(1).shuffle(pairs)
    assert ranges(pairs) == [OffsetRange(1, len(pairs), 0)]
    first, second = ranges(spoiled.shifted(pairs))
    assert (first.offset, second.offset) == (0, -1)
    assert abs(second.first - len(pairs) // 2) <= 50


@pytest.mark.parametrize("number", [0, 1, 2, MAX_SHIFT, 999, 1000, 1001])
def test_corpora_of_any_size_are_one_range(sound, number):
    expected = [OffsetRange(1, number, 0)] if number else []
    assert ranges(sound[:number]) == expected


def test_swapped_pairs_are_found_with_their_lines(sound):
    pairs, lines = spoiled.swapped(sound)
    swaps = find_swapped(pairs)
    right = {index + 1 for index in swaps} & set(lines)
    assert len(right) >= 0.98 * len(lines)
    assert len(swaps) - len(right) <= 2
    assert find_swapped(sound) == []


def test_swapped_pairs_and_columns_are_told_apart(sound, tmp_path):
    pairs, lines = spoiled.swapped(sound)
    finding = found(examined(spoiled.write(tmp_path / "a.en-es.tsv", pairs)), "swapped pairs")
    assert finding.severity == "serious"
    place = f"lines {lines[0]}, {lines[1]}, "
    assert f"10.0% of the pairs have their sides swapped: {place}" in finding.message
    columns = {"en": 1, "es": 0}
    file = spoiled.write(tmp_path / "b.tsv", sound)
    report = examined([{"path": str(file), "columns": columns}])
    assert found(report, "swapped columns").severity == "serious"
    assert not [finding for finding in report.findings if finding.kind == "swapped pairs"]


def test_the_swapped_pairs_are_named_where_they_are_most(sound, tmp_path):
    pairs, lines = spoiled.swapped(sound, 0.6)
    finding = found(examined(spoiled.write(tmp_path / "a.en-es.tsv", pairs)), "swapped pairs")
    assert f"have their sides swapped: lines {lines[0]}, {lines[1]}, " in finding.message


def test_within_one_language_no_sides_are_swapped(sound, tmp_path):
    pairs = [SentencePair(source, f"{source} {source}") for source, _ in sound]
    file = spoiled.write(tmp_path / "a.en-en.tsv", pairs)
    report = examined(file, target_language="en")
    assert not {finding.kind for finding in report.findings} & {
        "swapped columns",
        "swapped pairs",
        "other language",
    }


def test_another_language_is_named(sound, tmp_path):
    file = spoiled.write(tmp_path / "a.en-fr.tsv", sound)
    finding = found(examined(file, target_language="fr"), "other language")
    assert "the target looks like es, not fr" in finding.message


def test_the_encoding_of_a_file_is_told_as_far_as_it_shows(sound, tmp_path):
    text = "".join(f"{pair.source}\t{pair.target}\n" for pair in sound)
    russian = "Привет, мир.\tЭто дом.\n" * 100
    for encoding, name, content in (
        ("utf-16", "utf-16", text),
        ("utf-16-le", "utf-16le", text),
        ("utf-16-be", "utf-16be", russian),
        ("cp1252", "latin1", text + "\0"),
    ):
        file = tmp_path / "a.en-es.tsv"
        file.write_bytes(content.encode(encoding))
        finding = found(examined(file), "invalid UTF-8" if name == "latin1" else "unreadable")
        converted = f"Convert the file, for example: iconv -f {name} -t utf-8 {file}"
        assert finding.hint.removeprefix("Training refuses it. ") == converted


def test_a_file_that_may_not_be_read_is_not_called_damaged(sound, tmp_path):
    file = spoiled.write(tmp_path / "a.en-es.tsv", sound)
    file.chmod(0)
    if os.access(file, os.R_OK):
        pytest.skip("this user may read everything")
    finding = found(examined(file), "unreadable")
    assert finding.message == f"cannot read {file}: Permission denied"
    assert finding.hint == "Check the permissions."


def test_swapped_pairs_are_dropped_by_what_is_advised(sound, tmp_path):
    pairs, lines = spoiled.swapped(sound)
    corpus = {"path": str(spoiled.write(tmp_path / "a.en-es.tsv", pairs))}
    (advice,) = [a for a in examined([corpus]).suggestions if "swapped" in a]
    assert advice.partition("  #")[0] == "data.cleaning.language: true"
    report = examined([corpus], cleaning={"language": True})
    assert report.corpora[0].counts.dropped["wrong language"] >= 0.5 * len(lines)
    assert not [a for a in report.suggestions if "swapped" in a]


def test_leaking_test_pairs_are_found_with_their_places(sound, test_set, tmp_path):
    train = spoiled.write(tmp_path / "a.en-es.tsv", spoiled.leaking(sound, test_set))
    test = spoiled.write(tmp_path / "test.en-es.tsv", test_set)
    report = examined(train, test={"own": {"path": str(test)}}, valid={"path": "embedded:valid"})
    (leak,) = [leak for leak in report.leaks if leak.split == "test/own"]
    assert (leak.pairs, leak.exact) == (320, 16)
    assert leak.samples[0] == (f"{train}, line {len(sound) + 1:,}", leak.samples[0][1])
    assert leak.samples[0][1].place == f"{test}, line 1"
    (finding,) = [f for f in report.findings if f.kind == "leakage" and f.severity == "serious"]
    assert (finding.corpus, report.serious) == ("test/own", True)


def test_near_copies_are_told_from_exact_ones():
    watch = LeakDetector()
    test = "The old man went to the market early this morning"
    watch.remember("test", "a", SentencePair(test, "El anciano"))
    watch.remember("test", "b", SentencePair("Hello!", "¡Hola!"))
    watch.check("1", SentencePair("Quite another sentence with as many words in it", "Otra"))
    watch.check("2", SentencePair(test.replace("early", "late"), "El viejo"))
    watch.check("3", SentencePair("HELLO", "Buenas"))
    (leak,) = watch.leaks()
    assert (leak.exact, leak.near, [place for place, _ in leak.samples]) == (1, 1, ["3", "2"])


def test_near_is_the_jaccard_similarity_of_trigrams():
    words = "a b c d e f g h i j".split()
    for changed, expected in ((1, 1), (3, 1), (4, 0), (5, 0)):
        watch = LeakDetector()
        watch.remember("test", "a", SentencePair(" ".join(words), ""))
        watch.check("1", SentencePair(" ".join([*words[changed:], *"vwxyz"[:changed]]), ""))
        texts = (words, [*words[changed:], *"vwxyz"[:changed]])
        trigrams = [{tuple(text[i : i + 3]) for i in range(8)} for text in texts]
        similarity = len(trigrams[0] & trigrams[1]) / len(trigrams[0] | trigrams[1])
        (leak,) = watch.leaks()
        assert leak.near == expected == (similarity >= 0.4)


LINE_FAULTS = {
    "CRLF": (b"a b c\td e f\r\n", "note"),
    "NUL bytes": (b"a b c\td\x00e f\n", "warning"),
    "invalid UTF-8": (b"a b c\td\xff e f\n", "serious"),
    "missing column": (b"a b c d e f\n", "serious"),
    "line-break trap": ("a b c\td\u2028e f\n".encode(), "warning"),
    "mojibake": ("a b c\té así".encode() + spoiled.mojibake("é así").encode() + b"\n", "warning"),
    "broken encoding": ("a b c\td \ufffd e f\n".encode(), "warning"),
}


@pytest.mark.parametrize("packed", ["", ".gz", ".xz"])
@pytest.mark.parametrize("kind", LINE_FAULTS)
def test_a_fault_of_a_line_is_found_with_its_number(sound, tmp_path, kind, packed):
    line, severity = LINE_FAULTS[kind]
    lines = [f"{pair.source}\t{pair.target}\n".encode() for pair in sound[:60]]
    lines[41] = line
    packers: dict[str, Callable[[bytes], bytes]]
    packers = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}
    file = tmp_path / f"a.en-es.tsv{packed}"
    file.write_bytes(packers[packed](b"".join(lines)))
    finding = found(examined(file), kind)
    assert finding.severity == severity
    assert "line 42" in finding.message
    assert str(file) in finding.message


def test_a_damaged_file_is_examined_as_far_as_it_goes(sound, tmp_path):
    file = tmp_path / "a.en-es.tsv.gz"
    whole = gzip.compress("".join(f"{p.source}\t{p.target}\n" for p in sound).encode())
    file.write_bytes(whole[: len(whole) // 2])
    report = examined(file)
    assert re.search(r"after line [\d,]+: ", found(report, "unreadable").message)
    assert report.corpora[0].counts.read > 400


def test_two_files_of_unequal_length_are_compared_to_their_end(sound, tmp_path):
    sides = {"en": [pair.source for pair in sound], "es": [pair.target for pair in sound][:-5]}
    for language, texts in sides.items():
        (tmp_path / f"a.{language}").write_text("".join(t + "\n" for t in texts), encoding="utf-8")
    report = examined(tmp_path / "a.{language}")
    message = found(report, "unequal length").message
    assert f"{len(sound):,} lines" in message
    assert f"from line {len(sound) - 4:,} on" in message
    assert report.corpora[0].counts.read == len(sound) - 5


def test_what_cannot_be_read_is_a_finding_and_the_next_corpus_is_read(sound, tmp_path):
    json_file = tmp_path / "a.jsonl"
    json_file.write_text('{"de": "x", "fr": "y"}\n', encoding="utf-8")
    good = spoiled.write(tmp_path / "b.en-es.tsv", sound[:50])
    paths = [tmp_path / "none.en-es.tsv", json_file, spoiled.write(tmp_path / "c.tsv", sound), good]
    report = examined([{"path": str(path)} for path in paths])
    unreadable = [f.corpus for f in report.findings if f.kind == "unreadable"]
    assert unreadable == [str(path) for path in paths[:3]]
    assert [corpus.counts.read for corpus in report.corpora] == [0, 0, 0, 50]


def test_line_breaks_inside_the_texts_of_other_formats_are_found(sound, tmp_path):
    rows = [{"en": p.source, "es": p.target} for p in sound[:40]]
    rows[6]["es"] = "uno\ndos tres"
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert "U+000A inside texts: pair 7" in found(examined(file), "line-break trap").message


def test_another_encoding_is_told_once_and_nothing_of_the_tokenizer(sound, tmp_path):
    file = tmp_path / "a.en-es.tsv"
    lines = "".join(f"year {n}\taño {n}\n" for n in range(40))
    file.write_bytes(lines.encode("latin-1"))
    assert [f.kind for f in examined(file).findings] == ["invalid UTF-8", "broken encoding"]


def test_a_rule_that_drops_much_is_a_warning(sound, tmp_path):
    pairs = [*sound[:90], *sound[:10]]
    finding = found(examined(spoiled.write(tmp_path / "a.en-es.tsv", pairs)), "duplicate")
    assert (finding.severity, "10% of the pairs" in finding.message) == ("warning", True)


# --- everything at once ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def worst(sound, test_set, tmp_path_factory):
    """A corpus with all faults, its configuration file, and the report."""
    folder = tmp_path_factory.mktemp("worst")
    spoiled.everything(sound, test_set, folder / "all.en-es.tsv")
    config = folder / "all.yaml"
    config.write_text(
        f"data:\n  train: {{path: {folder / 'all.en-es.tsv'}}}\n"
        "  test: {own: {path: embedded:test-handwritten}}\ntokenizer: {vocabulary_size: 500}\n",
        encoding="utf-8",
    )
    result = CliRunner().invoke(app, ["data", "check", str(config), "--html", f"{folder}/r.html"])
    return folder, config, result


def test_all_faults_of_a_file_are_found_in_one_go(worst, sound):
    _, _, result = worst
    assert result.exit_code == VERDICT
    middle = (len(sound) + 16) // 2
    expected = {
        "serious: invalid UTF-8": "line 100:",
        "serious: out of step": "source n is target n-1",
        "serious: swapped pairs": "10.0% of the pairs",
        "serious: leakage": "16 of the 320 pairs",
        "warning: NUL bytes": "line 11:",
        "warning: mojibake": "line 12:",
        "note: CRLF": "lines 1, 2, 3, 4, 5 … (1,615 lines)",
        "note: byte-order mark": "line 1:",
    }
    for kind, place in expected.items():
        assert re.search(rf"^{kind}: .*{re.escape(place)}", result.stdout, re.MULTILINE), kind
    traps = dict(re.findall(r"line-break characters (\S+) inside texts: (.*)", result.stdout))
    assert traps == {"U+2028": "line 10", "U+0085": "line 13", "U+000B": "line 13"}
    (first,) = re.findall(r"lines ([\d,]+) to 1,615: the sides are out of step", result.stdout)
    assert abs(int(first.replace(",", "")) - middle) <= 20


def test_the_page_stands_alone_and_is_well_formed(worst):
    folder, _, _ = worst
    page = (folder / "r.html").read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=|https?://|@import|url\(", page)
    assert "prefers-color-scheme: dark" in page

    class Balance(HTMLParser):
        void = "meta br".split()

        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag, attrs):
            self.open += [tag] * (tag not in self.void)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    parser = Balance()
    parser.feed(page)
    assert parser.open == []


def test_texts_cannot_write_html(tmp_path):
    evil = [SentencePair("<script>alert('x')</script> & so on", "")] * 3
    page = render_diagnosis(examined(spoiled.write(tmp_path / "a.en-es.tsv", evil)))
    assert "<script>" not in page
    assert "<bdi>&lt;script&gt;" in page


def test_the_report_as_json_has_the_same_findings(worst):
    _, config, text = worst
    result = CliRunner().invoke(app, ["data", "check", str(config), "--json"])
    report = json.loads(result.stdout)
    assert result.exit_code == VERDICT
    kinds = [f"{finding['severity']}: {finding['kind']}" for finding in report["findings"]]
    assert kinds == re.findall(r"^((?:serious|warning|note): [^:]+): ", text.stdout, re.MULTILINE)


def test_a_sound_configuration_exits_with_zero(sound, tmp_path):
    file = spoiled.write(tmp_path / "a.en-es.tsv", sound[:500])
    arguments = ["data", "check", "--set", f"data.train.path={file}"]
    result = CliRunner().invoke(app, [*arguments, "--set", "tokenizer.vocabulary_size=400"])
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "nothing serious was found")


# --- figures --------------------------------------------------------------------------------------


def test_coverage_tells_what_the_tokenizer_cannot_spell(tmp_path):
    pairs = [SentencePair(f"word{i % 7} and more", f"otra cosa{i % 5}") for i in range(300)]
    train = spoiled.write(tmp_path / "a.en-es.tsv", pairs)
    test = spoiled.write(tmp_path / "t.en-es.tsv", [SentencePair("more 猫 zebra", "otra cosa")])
    report = examined(train, test={"odd": {"path": str(test)}}, valid={"path": str(train)})
    coverage = {each.split: each for each in report.coverage}
    assert coverage["train"].byte_share == 0
    assert coverage["test/odd"].byte_share > 0
    assert "猫" in coverage["test/odd"].byte_characters
    assert coverage["test/odd"].unseen_word_share == pytest.approx(2 / 5)


def test_coverage_is_that_of_the_tokenizers_of_the_run_to_start_from(tmp_path):
    pieces = TokenizerConfig(vocabulary_size=300)
    english, spanish = (Tokenizer.train([text], pieces) for text in ("abc abc", "xyz xyz"))
    run = RunDirectory(tmp_path / "run")
    run.write_config(Config())
    run.write_tokenizer(Tokenizer(english.model, spanish.model))
    run.write_model({"embedding.weight": torch.zeros(1)}, run.read_tokenizer())
    file = spoiled.write(tmp_path / "a.en-es.tsv", [SentencePair("cabé", "zyxñ")] * 9)
    values = {"data": {"train": {"path": str(file)}}}
    start = {"start_from": str(run.path)}
    report = examine(Config.model_validate({**values, "training": start}))
    coverage = {each.split: each for each in report.coverage}
    assert coverage["train"].byte_characters == "éñ"  # two bytes each
    assert coverage["train"].byte_share == pytest.approx(4 / sum(map(len, tokens_of(run))))
    assert not any("tokenizer" in line for line in report.suggestions)

    start = {"start_from": str(tmp_path / "none")}
    finding = found(examine(Config.model_validate({**values, "training": start})), "tokenizer")
    assert (finding.severity, str(tmp_path / "none") in finding.message) == ("serious", True)


def tokens_of(run):
    tokenizer = run.read_tokenizer()
    return [*tokenizer.encode(["cabé"]), *tokenizer.target.encode(["zyxñ"])]


def test_two_packed_files_are_read_as_training_reads_them(sound, tmp_path):
    import pyarrow

    for side, language in enumerate(("en", "es")):
        text = "".join(f"{pair[side]}\n" for pair in sound[:300]).encode()
        with pyarrow.CompressedOutputStream(str(tmp_path / f"a.{language}.zst"), "zstd") as packed:
            packed.write(text)
    report = examined([{"path": str(tmp_path / "a.{language}.zst")}])
    assert (report.corpora[-1].counts.read, report.serious) == (300, False)


def test_no_more_pairs_are_examined_than_training_reads(sound, tmp_path):
    file = spoiled.write(tmp_path / "a.en-es.tsv", sound[:300])
    file.write_bytes(file.read_bytes() + b"\xff\tno pair that is read\n")
    report = examined([{"path": str(file), "max_pairs": 300}])
    assert (report.corpora[-1].counts.read, report.serious) == (300, False)
    assert examined(file).serious


def test_settings_are_suggested_where_they_matter(sound, tmp_path):
    file = spoiled.write(tmp_path / "a.en-es.tsv", sound)
    assert (
        examined(file, max_tokens_per_sentence=10)
        .suggestions[-1]
        .startswith("data.max_tokens_per_sentence: 20  # ")
    )


# --- clean ----------------------------------------------------------------------------------------


def test_clean_writes_what_is_kept_and_why_the_rest_is_not(tmp_path):
    pairs = [
        SentencePair("A  dog.", "Un perro."),
        SentencePair("A cat.", ""),
        SentencePair("Hi", "Hola"),
    ]
    file = spoiled.write(tmp_path / "pets.en-es.tsv", pairs)
    out = tmp_path / "out"
    result = CliRunner().invoke(
        app, ["data", "clean", "--set", f"data.train.path={file}", "-o", str(out)]
    )
    assert (result.exit_code, result.stdout.split()[-4:]) == (0, ["3", "2", "1", "1"])
    assert (out / "pets.en-es.tsv").read_bytes() == b"A dog.\tUn perro.\nHi\tHola\n"
    assert (out / "dropped.tsv").read_bytes() == f"{file}\t2\tempty target\tA cat.\t\n".encode()
    again = read_pairs(CorpusConfig(path=str(out / "pets.en-es.tsv")), "en", "es")
    assert list(again) == [("A dog.", "Un perro."), ("Hi", "Hola")]


def test_clean_joins_all_corpora_in_one_file(tmp_path):
    files = [
        spoiled.write(
            tmp_path / f"{name}.en-es.tsv", [SentencePair(name, name), SentencePair("", "x")]
        )
        for name in ("uno", "dos")
    ]
    config = Config.model_validate({"data": {"train": [{"path": str(file)} for file in files]}})
    counts = write_clean(config, tmp_path / "all.tsv")
    assert [each.kept for each in counts.values()] == [1, 1]
    assert (tmp_path / "all.tsv").read_text(encoding="utf-8") == "uno\tuno\ndos\tdos\n"
    assert (tmp_path / "all.dropped.tsv").read_text(encoding="utf-8").count("empty source") == 2


def test_clean_tells_corpora_of_one_name_apart(tmp_path):
    for folder, text in (("one", "uno"), ("two", "dos")):
        (tmp_path / folder).mkdir()
        spoiled.write(tmp_path / folder / "a.en-es.tsv", [SentencePair(text, text)])
    corpora = [{"path": str(tmp_path / folder / "a.en-es.tsv")} for folder in ("one", "two")]
    write_clean(Config.model_validate({"data": {"train": corpora}}), tmp_path / "out")
    found = {file.name: file.read_text("utf-8") for file in (tmp_path / "out").glob("a*")}
    assert found == {"a.en-es.tsv": "uno\tuno\n", "a-2.en-es.tsv": "dos\tdos\n"}


BROKEN = b"A dog.\tUn perro.\nonly one\nA cat.\tUn gato.\tmore\nA b\xffird.\tUn ave.\n\nHi\tHola\n"


def test_clean_leaves_out_the_lines_that_training_refuses(tmp_path):
    """And the doctor finds the same ones; what is left, training reads."""
    file = tmp_path / "pets.en-es.tsv"
    file.write_bytes(BROKEN)
    faults = ["missing column", "surplus column", "invalid UTF-8"]
    report = examined(file)
    for kind, line in zip(faults, (2, 3, 4), strict=True):
        assert f"{file}, line {line}: " in found(report, kind).message
        assert found(report, kind).severity == "serious"
    config = Config.model_validate({"data": {"train": {"path": str(file)}}})
    [counts] = write_clean(config, tmp_path / "out").values()
    assert counts.read == 6
    assert counts.dropped == {**dict.fromkeys(faults, 1), "empty source": 1}
    rows = (tmp_path / "out" / "dropped.tsv").read_text("utf-8").splitlines()
    places = sorted(tuple(row.split("\t")[1:3]) for row in rows)
    assert places == [*zip("234", faults, strict=True), ("5", "empty source")]
    kept = read_pairs(CorpusConfig(path=str(tmp_path / "out" / file.name)), "en", "es")
    assert list(kept) == [("A dog.", "Un perro."), ("Hi", "Hola")]


def test_an_endless_line_is_found_left_out_and_fills_no_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(textfiles, "LONGEST_LINE", 100)
    monkeypatch.setattr(files, "LONGEST_LINE", 100)
    lines = ["a dog\tun perro\n", f"{'é' * 150}\tx\n", "a cat\tun gato\n"]
    (tmp_path / "pets.en-es.tsv").write_text("".join(lines), encoding="utf-8")
    corpus = CorpusConfig(path=str(tmp_path / "pets.en-es.tsv"))
    with pytest.raises(DataError, match="line 2: longer than 100 bytes"):
        list(read_pairs(corpus, "en", "es"))
    report = examined(corpus.path)
    assert [each.kind for each in report.findings if each.severity == "serious"] == ["endless line"]
    assert f"{corpus.path}, line 2: " in found(report, "endless line").message
    config = Config.model_validate({"data": {"train": corpus.path}})
    [counts] = write_clean(config, tmp_path / "out").values()
    assert (counts.read, counts.dropped) == (3, {"endless line": 1})


def test_clean_takes_the_names_of_languages_for_no_pair(tmp_path):
    """As training does; in the middle of a file they would be one."""
    for name, header in (("a", "en\tes\n"), ("b", "English\tSpanish\n")):
        (tmp_path / f"{name}.en-es.tsv").write_text(f"{header}{name}\t{name}{name}\n")
    corpora = [str(tmp_path / f"{name}.en-es.tsv") for name in "ab"]
    config = Config.model_validate({"data": {"train": corpora}})
    counts = write_clean(config, tmp_path / "all.tsv")
    assert [each.read for each in counts.values()] == [1, 1]
    assert (tmp_path / "all.tsv").read_text("utf-8") == "a\taa\nb\tbb\n"


def test_clean_of_two_files_leaves_a_line_out_of_both(tmp_path):
    (tmp_path / "a.en").write_bytes(b"one\ntw\xffo\nthree\n")
    (tmp_path / "a.es").write_bytes(b"uno\ndos\ntres\n")
    corpus = {"path": str(tmp_path / "a.{language}")}
    write_clean(Config.model_validate({"data": {"train": corpus}}), tmp_path / "all.tsv")
    assert (tmp_path / "all.tsv").read_text("utf-8") == "one\tuno\nthree\ttres\n"


def test_a_corpus_in_the_other_direction_is_cleaned_as_it_is_read(tmp_path):
    file = tmp_path / "a.tsv"
    file.write_bytes(b"Hola\tHi\nsolo\n")
    corpus = {"path": str(file), "languages": "es-en", "columns": {"source": 0, "target": 1}}
    config = Config.model_validate({"data": {"directions": ["en-es"], "train": [corpus]}})
    write_clean(config, tmp_path / "all.tsv")
    assert (tmp_path / "all.tsv").read_text("utf-8") == "Hi\tHola\n"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.en": b"one\ntwo\n", "a.es": b"uno\n"}, "a.en has 2 lines and"),
        ({"a.en-es.tsv": "a\tb\n".encode("utf-16")}, "not UTF-8"),
        ({"a.en-es.tsv": b"a\tb\rc\td\r"}, "carriage returns end no line"),
        ({"a.en-es.tsv.gz": gzip.compress(b"a\tb\n" * 9999)[:-9]}, "damaged compressed file"),
    ],
)
def test_what_no_line_is_to_blame_for_is_not_cleaned(tmp_path, files, message):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    [name, *others] = files
    path = str(tmp_path / ("a.{language}" if others else name))
    with pytest.raises(DataError, match=message):
        write_clean(Config.model_validate({"data": {"train": {"path": path}}}), tmp_path / "out")
    assert not [*(tmp_path / "out").iterdir()]
    assert message in " ".join(finding.message for finding in examined([{"path": path}]).findings)


def test_clean_writes_over_nothing(tmp_path):
    file = spoiled.write(tmp_path / "a.en-es.tsv", [SentencePair("a", "b")])
    config = Config.model_validate({"data": {"train": {"path": str(file)}}})
    with pytest.raises(DataError) as caught:
        write_clean(config, file)
    assert str(file) in caught.value.message
    assert file.read_text(encoding="utf-8") == "a\tb\n"


# --- meanings -------------------------------------------------------------------------------------


def test_pairs_that_say_something_else_are_found_by_their_meaning(
    trained_run, cipher_pairs, tmp_path
):
    texts = list(dict.fromkeys(pair.source for pair in cipher_pairs))[:100]
    wrong = range(10, 100, 10)
    rows = [f"{t}\t{texts[n - 7] if n in wrong else t}\n" for n, t in enumerate(texts)]
    corpus = tmp_path / "corpus.en-es.tsv"
    corpus.write_text("".join(rows), encoding="utf-8")
    cleaning = {
        "min_similarity": 0.99,
        "similarity_run": str(trained_run.path),
        "min_copied_words": None,
    }
    finding = found(examined(corpus, cleaning=cleaning), "meanings differ")
    assert "lines 11, 21, 31, 41, 51" in finding.message
    assert "9%" in finding.message
    config = Config.model_validate({"data": {"train": str(corpus), "cleaning": cleaning}})
    [counts] = write_clean(config, tmp_path / "clean.tsv").values()
    assert counts.dropped == {"meanings differ": len(wrong)}
