"""A score equals sacrebleu's own and says how it was made."""

import pytest
import sacrebleu  # noqa: TID253 (the tests pay for it)

from translator.config import DecodingConfig
from translator.data import SentencePair
from translator.errors import DataError
from translator.evaluation import evaluate, score
from translator.runs import RunDirectory
from translator.translation import Translator

HYPOTHESES = ["the cat sat on the mat .", "there is a dog in the old garden", "¡hola!", ""]
REFERENCES = ["the cat sat on a mat .", "there was a dog in the garden", "¡hola, amigo!", "nada"]


@pytest.fixture(scope="module")
def translator(trained_run: RunDirectory) -> Translator:
    return Translator.from_run(trained_run.path, device="cpu")


@pytest.fixture
def pairs(cipher_pairs: list[SentencePair]) -> list[SentencePair]:
    """Twenty pairs, some references of which are wrong, so that no score is perfect."""
    return [
        SentencePair(pair.source, pair.target if n % 3 else f"{pair.target} mal")
        for n, pair in enumerate(cipher_pairs[:20])
    ]


def test_bleu_equals_sacrebleus_corpus_bleu() -> None:
    bleu, _ = score(HYPOTHESES, REFERENCES)
    assert bleu.score == sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES]).score
    assert 0.0 < bleu.score < 100.0


def test_chrf_equals_sacrebleus_corpus_chrf() -> None:
    _, chrf = score(HYPOTHESES, REFERENCES)
    assert chrf.score == sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES]).score
    assert 0.0 < chrf.score < 100.0


def test_scores_have_the_signatures_of_sacrebleus_defaults() -> None:
    version = sacrebleu.__version__
    assert [(each.name, each.signature) for each in score(HYPOTHESES, REFERENCES)] == [
        ("BLEU", f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{version}"),
        ("chrF2", f"nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:{version}"),
    ]


def test_a_printed_score_tells_its_signature() -> None:
    bleu, _ = score(HYPOTHESES, HYPOTHESES)
    assert str(bleu) == f"BLEU 100.0 ({bleu.signature})"


def test_unequal_numbers_of_hypotheses_and_references_are_refused() -> None:
    with pytest.raises(DataError, match="4 hypotheses but 3 references"):
        score(HYPOTHESES, REFERENCES[:3])


def test_nothing_to_score_is_refused() -> None:
    with pytest.raises(DataError, match="empty"):
        score([], [])


def test_an_evaluation_scores_the_translations_of_its_sources(
    translator: Translator, pairs: list[SentencePair]
) -> None:
    sources, references = map(list, zip(*pairs, strict=True))
    evaluation = evaluate(translator, sources, references)
    hypotheses = [translation.text for translation in translator.translate(sources)]
    assert list(evaluation.hypotheses) == hypotheses
    assert evaluation.scores == score(hypotheses, references)
    assert evaluation["BLEU"] == sacrebleu.corpus_bleu(hypotheses, [references]).score
    assert evaluation["chrF2"] == sacrebleu.corpus_chrf(hypotheses, [references]).score
    assert evaluation.seconds > 0.0


def test_an_evaluation_decodes_as_it_is_told(
    translator: Translator, pairs: list[SentencePair]
) -> None:
    sources, references = map(list, zip(*pairs, strict=True))
    short = DecodingConfig(beam_size=1, max_length_ratio=0.01, max_length_extra=1)
    assert evaluate(translator, sources, references, short).hypotheses == ("",) * len(pairs)


def test_an_evaluation_has_no_score_of_an_unknown_name(translator: Translator) -> None:
    with pytest.raises(KeyError, match="TER"):
        evaluate(translator, ["ana"], ["oto"])["TER"]


def test_unequal_numbers_of_sources_and_references_are_refused(translator: Translator) -> None:
    with pytest.raises(DataError, match="2 source lines but 1 reference lines"):
        evaluate(translator, ["ana", "bebe"], ["oto"])


def test_an_empty_test_set_is_refused(translator: Translator) -> None:
    with pytest.raises(DataError, match="empty"):
        evaluate(translator, [], [])
