"""What was exported translates as the run does."""

from pathlib import Path

import pytest

from translator.data import SentencePair
from translator.errors import DataError
from translator.export import export_ctranslate2
from translator.runs import RunDirectory
from translator.translation import Translator


def test_ctranslate2_finds_the_translations_of_the_run_with_the_same_scores(
    trained_run: RunDirectory, cipher_pairs: list[SentencePair], tmp_path: Path
) -> None:
    ctranslate2 = pytest.importorskip("ctranslate2")
    folder = export_ctranslate2(trained_run, tmp_path / "exported")
    theirs = ctranslate2.Translator(str(folder), device="cpu")
    ours = Translator.from_run(trained_run.path, device="cpu")
    texts = [pair.source for pair in cipher_pairs[:50]]
    tokenizer = ours.tokenizer
    pieces = [tokenizer.pieces(ids) for ids in tokenizer.encode(texts)]
    found = theirs.translate_batch(pieces, beam_size=1, return_scores=True, length_penalty=0)
    greedy = ours.config.decoding.model_copy(update={"beam_size": 1, "length_penalty": 0.0})
    for their, our in zip(found, ours.translate(texts, greedy, details=True), strict=True):
        assert their.hypotheses[0] == [token.piece for token in our.tokens[:-1]]
        assert their.scores[0] == pytest.approx(our.score, abs=5e-3)


def test_a_folder_that_holds_something_is_left_alone(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    pytest.importorskip("ctranslate2")
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="not empty"):
        export_ctranslate2(trained_run, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
