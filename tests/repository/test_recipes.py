"""The recipes do what they say: commands are run as they stand there, scripts on a few lines."""

import json
import random
import runpy
import shlex
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.commands import write_programs
from tests.helpers import ROOT
from tests.pages import SMALL, commands_of, run
from translator.config import load_config
from translator.data import read_pairs
from translator.data.readers.pairs import ReferencedPair
from translator.evaluation import ROUGE, score

CORPUS = ROOT.parent / "shared" / "corpus" / "summaries"
SCRIPT = ROOT / "scripts" / "lead_sentences.py"
SAME_LANGUAGE = runpy.run_path(str(ROOT / "scripts" / "same_language.py"))
[SUMMARIES] = [
    part
    for part in (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8").split("\n## ")
    if part.startswith("Summaries\n")
]


def write_articles(folder: Path) -> None:
    """Three files of articles of real sentences, and one to three summaries of each."""
    draw = random.Random(1)
    pairs = read_pairs(load_config().data.train[-1], "en", "es")
    sentences = list(dict.fromkeys(pair.source for pair in pairs))
    folder.mkdir(parents=True)
    for number, (name, count) in enumerate((("train", 60), ("dev", 4), ("test", 5))):
        own = sentences[300 * number : 300 * (number + 1)]  # none leaks into another file
        rows = []
        for _ in range(count):
            article = draw.sample(own, 6)
            summaries = draw.sample(article, draw.randint(1, 3))
            row = {"article": " ".join(article), "summary": summaries[0], "summaries": summaries}
            rows.append(json.dumps(row) + "\n")
        (folder / f"scitldr-{name}.jsonl").write_text("".join(rows), encoding="utf-8")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with the files that the recipe speaks of, and its programs on the path."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    (tmp_path / "scripts").mkdir()
    shutil.copy(SCRIPT, tmp_path / "scripts")
    write_articles(tmp_path / "corpus" / "summaries")
    write_programs(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_every_command_of_the_recipe_for_summaries_runs(place: Path) -> None:
    outputs = {}
    for command in commands_of(SUMMARIES):
        if command.startswith("translator train"):
            overrides = [*SMALL, "training.max_minutes=null", "decoding.max_length_ratio=0.1"]
            command += "".join(f" --set {shlex.quote(each)}" for each in overrides)
        done = run(command, place)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        outputs[command] = done.stdout
    [of_run, of_lead] = [text for each, text in outputs.items() if " evaluate " in each]
    for text in (of_run, of_lead):
        assert "test/scitldr-test: 5 sentences" in text and "ROUGE-L" in text
        assert "nrefs:var" in text
    assert len((place / "lead.txt").read_text(encoding="utf-8").splitlines()) == 5
    report = (place / "runs" / "summarise" / "report.html").read_text(encoding="utf-8")
    assert "up to 3 references each" in report and "ROUGE-2" in report


def test_the_first_sentence_is_one_line() -> None:
    lead_sentence = runpy.run_path(str(SCRIPT))["lead_sentence"]
    assert lead_sentence("We train a\nmodel, e.g. this one. It learns.") == (
        "We train a model, e.g. this one."
    )
    assert lead_sentence(" ") == ""


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of summaries is not here")
def test_the_first_sentences_of_scitldr_score_as_the_recipe_says() -> None:
    corpus = load_config(ROOT / "configs" / "summarise.yaml").data.test["scitldr-test"]
    path = str(CORPUS / Path(corpus.path).name)
    pairs = list(read_pairs(corpus.model_copy(update={"path": path}), "en", "en"))
    assert all(isinstance(pair, ReferencedPair) for pair in pairs)
    lead_sentence = runpy.run_path(str(SCRIPT))["lead_sentence"]
    references = [pair.references for pair in pairs if isinstance(pair, ReferencedPair)]
    streams = [[own[n] if n < len(own) else None for own in references] for n in range(4)]
    leads = [lead_sentence(pair.source) for pair in pairs]
    scores = score(leads, *streams, metrics=list(ROUGE), target_language="en")
    [row] = [line for line in SUMMARIES.splitlines() if line.startswith("| first sentence")]
    said = [cell.split(" ± ")[0].strip() for cell in row.split("|")[2:5]]
    assert [f"{each.score:.1f}" for each in scores] == said


def test_pairs_within_one_language_are_what_is_alike_by_a_text_or_its_source() -> None:
    texts = ["a b c d", "e f", "g", "h i", "h i"]
    rows = list(SAME_LANGUAGE["same_language"](zip("xxxyy", texts, strict=True)))
    assert [target for _, target in rows[:4]] == ["a b c d", "e f", "g", "h i"]
    for source, target in rows[:4]:
        assert source and Counter(source.split()) <= Counter(target.split())
    alike = {*texts[:3]}
    assert sorted(rows[4:]) == sorted((a, b) for a in alike for b in alike if a != b)


def test_disorder_leaves_out_a_tenth_of_the_words_and_moves_the_others_a_little() -> None:
    words = [str(number) for number in range(10_000)]
    shown = SAME_LANGUAGE["in_disorder"](" ".join(words), random.Random(1)).split()
    assert len(set(shown)) == len(shown) and 0.89 < len(shown) / len(words) < 0.91
    kept = sorted(map(int, shown))
    moves = {kept.index(int(word)) - place for place, word in enumerate(shown[:1000])}
    assert moves == {*range(-3, 4)}
