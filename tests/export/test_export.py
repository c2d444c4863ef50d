"""Exports, loaded by the real libraries: the same numbers, the same ids, the same translations."""

import dataclasses
import json
import math
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import unicodedata
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import ctranslate2
import pytest
import sentencepiece
import torch
import transformers
from huggingface_hub import ModelCard
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from typer.testing import CliRunner

from tests.commands import run_command
from tests.helpers import ROOT, encoder_decoder, ended
from tests.pages import blocks_of
from translator.cli import app
from translator.cli import export as export_command
from translator.config import Config
from translator.data import SentencePair
from translator.errors import DataError, RunError, TranslatorError
from translator.evaluation import EvaluationSet, sets_of_split
from translator.evaluation.significance import System, binomial_tail, compare
from translator.export import Certificate, CTranslate2Translator, certified_engine
from translator.export.argos import export_argos
from translator.export.certificate import sha256_of
from translator.export.certified import ExportFormat, _way_out, export_certified
from translator.export.comparison import sample_of
from translator.export.ctranslate2 import Quantization, export_ctranslate2
from translator.export.huggingface import TransformersTranslator, export_huggingface
from translator.hypotheses import LOOPED
from translator.model import Seq2SeqTransformer, build_model
from translator.runs import RunDirectory
from translator.text.glossary import Glossary
from translator.tokenizer import BOS_ID, EOS_ID, PAD_ID, Tokenizer
from translator.translation import Translator

SHAPES: dict[str, dict[str, Any]] = {
    "pre": {"norm": "pre"},
    "post": {"norm": "post"},
    "pre, gelu, learned positions": {
        "norm": "pre", "activation": "gelu", "positions": "learned",
    },
    "post, gelu, learned positions": {
        "norm": "post", "activation": "gelu", "positions": "learned",
    },
    "pre, untied": {"norm": "pre", "tie_embeddings": False},
    "post, untied": {"norm": "post", "tie_embeddings": False},
    "pre, silu, output bias": {"norm": "pre", "activation": "silu", "output_bias": True},
    "post, silu, output bias": {"norm": "post", "activation": "silu", "output_bias": True},
}  # fmt: skip
NASTY = [
    "", " ", "  two  spaces \t and a tab\n", "</s> <s> <pad> <unk>", "<0x41> <0x0A>",
    "▁ and ▁below", ">>es<< hi", "cafe\u0301", "e\u0302\u0301 e\u0323\u0302", "\u1112\u1161\u11ab",
    "中文 😀 👩\u200d👩\u200d👧", "a\u00a0b\u2009c\u200bd\ufeffe\u00adf", "ﬁ ½ … “x”",
    "q\u0307\u0323", "\x00a\x01b", "ana" * 200, "123456", "\u0301ana",
]  # fmt: skip


def run_of(run: RunDirectory, folder: Path, **shape: Any) -> RunDirectory:
    """A run of another shape, with the tokenizer of `run` and no weight at zero or one."""
    config = run.read_config().model_dump()
    config["model"] |= {"encoder_layers": 2, "decoder_layers": 3, "dropout": 0.1, **shape}
    made, tokenizer = RunDirectory(folder), run.read_tokenizer()
    folder.mkdir()
    torch.manual_seed(3)
    model = build_model(Config.model_validate(config).model, tokenizer.vocabulary_size)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    made.write_config(Config.model_validate(config))
    made.write_tokenizer(tokenizer)
    made.write_model({n: p.detach() for n, p in model.named_parameters()}, tokenizer)
    return made


def copy_of(run: RunDirectory, folder: Path) -> RunDirectory:
    shutil.copytree(run.path, folder, ignore=shutil.ignore_patterns("checkpoints"))
    return RunDirectory(folder)


def random_ids(model: Seq2SeqTransformer, lengths: list[int]) -> list[list[int]]:
    draw = torch.Generator().manual_seed(5)
    size = model.output.out_features
    return [torch.randint(4, size, (n,), generator=draw).tolist() for n in lengths]


def padded(rows: list[list[int]]) -> Tensor:
    width = max(map(len, rows))
    return torch.tensor([[*row, *[PAD_ID] * (width - len(row))] for row in rows])


def own_log_probs(model: Seq2SeqTransformer, source: Tensor, target: Tensor) -> Tensor:
    with torch.inference_mode():
        states = model(source, (source != PAD_ID).long(), target)
        return torch.log_softmax(model.output(states), dim=-1)


@pytest.fixture(scope="module")
def valid(trained_run: RunDirectory) -> EvaluationSet:
    return sets_of_split(trained_run, "valid")[0]


@pytest.fixture(scope="module")
def cipher(cipher_pairs: list[SentencePair]) -> EvaluationSet:
    """More sentences than the validation set has: one that differs is half a percent."""
    sources, targets = zip(*cipher_pairs[:200], strict=True)
    return EvaluationSet("cipher", sources, (targets,), "es")


@pytest.fixture(scope="module")
def exported(trained_run: RunDirectory, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A copy of the trained run with a certified export in it; nobody changes it."""
    run = copy_of(trained_run, tmp_path_factory.mktemp("exported") / "run")
    export_certified(run, "ctranslate2", sets_of_split(run, "valid")[0])
    return run


@pytest.fixture(scope="module")
def hugging_face(trained_run: RunDirectory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_huggingface(trained_run, tmp_path_factory.mktemp("huggingface"))


# --- the same numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_ctranslate2_gives_every_token_our_probability(
    trained_run: RunDirectory, tmp_path: Path, shape: dict[str, Any]
) -> None:
    run = run_of(trained_run, tmp_path / "run", **shape)
    translator = Translator.from_run(run.path, device="cpu")
    sources = random_ids(encoder_decoder(translator.model), [3, 9, 1])
    targets = random_ids(encoder_decoder(translator.model), [7, 2, 5])
    engine = ctranslate2.Translator(str(export_ctranslate2(run, tmp_path / "export")))
    pieces = translator.tokenizer.pieces
    theirs = engine.score_batch([pieces(s) for s in sources], [pieces(t) for t in targets])
    ours = own_log_probs(
        encoder_decoder(translator.model),
        padded([[*source, EOS_ID] for source in sources]),
        padded([[BOS_ID, *target] for target in targets]),
    )
    for row, target, result in zip(ours, targets, theirs, strict=True):
        expected = [row[t, token] for t, token in enumerate([*target, EOS_ID])]
        torch.testing.assert_close(
            torch.tensor(result.log_probs), torch.stack(expected), atol=2e-4, rtol=1e-4
        )


DECODER = {"architecture": "decoder_only", "prefix_attention": "causal", "max_positions": 128}


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("shape", [{}, {"tie_embeddings": False, "positions": "learned"}], ids=str)
def test_a_causal_decoder_gives_our_logits_as_opt_and_searches_alike(
    trained_run: RunDirectory, tmp_path: Path, norm: str, shape: dict[str, Any]
) -> None:
    run = run_of(trained_run, tmp_path / "run", **DECODER, norm=norm, **shape)
    ours = Translator.from_run(run.path, device="cpu")
    folder = export_huggingface(run, tmp_path / "export")
    theirs, loading = transformers.AutoModelForCausalLM.from_pretrained(
        folder, output_loading_info=True
    )
    assert not any(loading[f"{kind}_keys"] for kind in ("missing", "unexpected", "mismatched"))
    ids = torch.randint(4, 200, (3, 17))
    ids[:, 8:10] = torch.tensor([EOS_ID, BOS_ID])
    with torch.inference_mode():
        expected, found = ours.model.output(ours.model(ids)), theirs.eval()(ids).logits
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    greedy = ours.config.decoding.greedy()
    texts = ["ana bebe", "nina banana ene benne", "baba"]
    as_user = TransformersTranslator(run.read_config(), folder)
    limited = greedy.model_copy(update={"max_length_ratio": 0.1, "max_length_extra": 5})
    expected_texts = [each.text for each in ours.translate(texts, limited)]
    assert as_user.translate(texts, limited) == expected_texts


@pytest.mark.parametrize("shape", [{}, DECODER], ids=["encoder_decoder", "decoder_only"])
def test_transformers_searches_again_where_the_run_does(
    trained_run: RunDirectory, tmp_path: Path, shape: dict[str, Any]
) -> None:
    """A model of random weights writes loops: both search again, and find the same."""
    run = run_of(trained_run, tmp_path / "run", **shape)
    ours = Translator.from_run(run.path, device="cpu")
    texts = ["ana bebe", "nina banana ene benne", "baba", "nana nina"]
    greedy = ours.config.decoding.greedy()
    greedy = greedy.model_copy(update={"max_length_extra": 20, "recover_lost": False})
    expected = ours.translate(texts, greedy)
    assert any(LOOPED.warning in each.warnings for each in expected)
    as_user = TransformersTranslator(
        run.read_config(), export_huggingface(run, tmp_path / "export")
    )
    assert as_user.translate(texts, greedy) == [each.text for each in expected]


def test_what_no_plain_class_computes_is_refused_in_a_sentence(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    prefix = DECODER | {"prefix_attention": "bidirectional"}
    run = run_of(trained_run, tmp_path / "run", **prefix)
    with pytest.raises(RunError, match="prefix_attention bidirectional"):
        export_huggingface(run, tmp_path / "export")
    with pytest.raises(RunError, match="encoder_decoder runs only"):
        export_ctranslate2(run, tmp_path / "export")
    assert not (tmp_path / "export").exists()


@pytest.mark.parametrize("form", get_args(ExportFormat))
def test_a_run_that_has_not_learned_to_translate_is_refused_in_every_format(
    trained_run: RunDirectory, valid: EvaluationSet, tmp_path: Path, form: ExportFormat
) -> None:
    run = copy_of(trained_run, tmp_path / "denoised")
    config = run.read_config()
    learned = {"objective": "denoise", "best_metric": "loss"}
    training = config.training.model_copy(update=learned)
    run.write_config(config.model_copy(update={"training": training}))
    with pytest.raises(RunError, match="objective is denoise") as error:
        export_certified(run, form, valid)
    assert "training.start_from" in error.value.hint
    done = CliRunner().invoke(app, ["export", str(run.path), "--format", form])
    assert str(done.exception) == str(error.value)
    assert not list(run.exports.glob("*"))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_transformers_gives_our_logits(
    trained_run: RunDirectory, tmp_path: Path, shape: dict[str, Any]
) -> None:
    run = run_of(trained_run, tmp_path / "run", **shape)
    ours = encoder_decoder(Translator.from_run(run.path, device="cpu").model)
    theirs, loading = transformers.AutoModelForSeq2SeqLM.from_pretrained(
        export_huggingface(run, tmp_path / "export"), output_loading_info=True
    )
    assert loading["unexpected_keys"] == loading["mismatched_keys"] == set()
    source = padded([[*ids, EOS_ID] for ids in random_ids(ours, [3, 9, 1])])
    target = padded([[BOS_ID, *ids] for ids in random_ids(ours, [6, 6, 6])])
    with torch.inference_mode():
        logits = theirs.eval()(
            input_ids=source, attention_mask=(source != PAD_ID).long(), decoder_input_ids=target
        ).logits
    expected = own_log_probs(ours, source, target)
    torch.testing.assert_close(logits.log_softmax(dim=-1), expected, atol=2e-5, rtol=1e-5)


# --- the same ids ---------------------------------------------------------------------------------


@settings(max_examples=100)
@given(text=st.one_of(st.sampled_from(NASTY), st.text(), st.text("anbe \u0301\u0302\u0323</s>▁ñ")))
def test_the_tokenizer_of_transformers_gives_our_ids(
    trained_run: RunDirectory, hugging_face: Path, text: str
) -> None:
    ours, theirs = tokenizers(trained_run.tokenizer_file, hugging_face)
    (ids,) = ours.encode([text])
    composed = unicodedata.normalize("NFC", text)  # as ours are before they are encoded
    assert theirs(composed)["input_ids"] == [*ids, EOS_ID]
    decoded = theirs.decode([BOS_ID, *ids, EOS_ID, PAD_ID], skip_special_tokens=True)
    assert " ".join(decoded.splitlines()).strip() == ours.decode([ids])[0].strip()


_LOADED: dict[Path, tuple[Tokenizer, Any]] = {}


def tokenizers(model: Path, folder: Path) -> tuple[Tokenizer, Any]:
    if folder not in _LOADED:
        theirs = transformers.AutoTokenizer.from_pretrained(folder)
        _LOADED[folder] = (Tokenizer.load(model), theirs)
    return _LOADED[folder]


def test_what_a_user_of_transformers_writes_translates(
    trained_run: RunDirectory, hugging_face: Path
) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(hugging_face)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(hugging_face)
    texts = ["ana bebe nina", "abba"]
    inputs = tokenizer(texts, return_tensors="pt", padding=True)
    translated = tokenizer.batch_decode(model.generate(**inputs), skip_special_tokens=True)
    expected = Translator.from_run(trained_run.path, device="cpu").translate(texts)
    assert translated == [translation.text for translation in expected]


def test_the_model_card_has_the_scores_of_these_weights_only(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    run = copy_of(trained_run, tmp_path / "run")
    entry = {"set": "test/x", "decoding": {"beam_size": 5}, "model_sha256": run.model_sha256()}
    score = {"name": "BLEU", "score": 38.26, "signature": "nrefs:1|tok:13a"}
    run.write_json(run.evaluations / "x.json", {**entry, "scores": [score]})
    old = {**entry, "model_sha256": "0", "scores": [{**score, "score": 11.1}]}
    run.write_json(run.evaluations / "old.json", old)
    run.write_text(run.evaluations / "damaged.json", "{")
    card = (export_huggingface(run, tmp_path / "export") / "README.md").read_text(encoding="utf-8")
    assert "| test/x, beam 5 | BLEU | 38.3 | `nrefs:1|tok:13a` |" in card
    assert "11.1" not in card
    assert "* cipher.en-es.tsv\n" in card  # and not the folders of this machine
    data: Any = ModelCard(card).data
    assert (data.pipeline_tag, data.library_name, data.model_name) == (
        *("translation", "transformers"),
        run.read_config().name,
    )
    [result] = [each for each in data.eval_results if each.dataset_type == "test/x"]
    assert (result.dataset_type, result.metric_type, result.metric_value) == (
        "test/x",
        "bleu",
        38.3,
    )


# --- the same translations ------------------------------------------------------------------------


@pytest.mark.parametrize("quantization", ["float32", "float16", "bfloat16"])
def test_numbers_of_16_bits_and_more_are_proved_on_every_processor(
    trained_run: RunDirectory, cipher: EvaluationSet, tmp_path: Path, quantization: Quantization
) -> None:
    folder = tmp_path / "export"
    certificate = export_certified(
        trained_run, "ctranslate2", cipher, folder=folder, quantization=quantization
    )
    assert Certificate.read(folder) == certificate
    assert certificate.sentences == 200
    assert certificate.model_sha256 == trained_run.model_sha256()
    assert certificate.checks and all(check.passed for check in certificate.checks)
    written = json.loads((folder / "certificate.json").read_text(encoding="utf-8"))
    assert written["checks"] == [check.text for check in certificate.checks]
    assert {path.name for path in tmp_path.iterdir()} == {"export"}


@pytest.mark.parametrize("quantization", ["int8", "int8_float32"])
def test_8_bits_are_judged_by_what_they_do_on_this_processor(
    trained_run: RunDirectory, cipher: EvaluationSet, tmp_path: Path, quantization: Quantization
) -> None:
    """Without instructions for products of 8 bits (VNNI), sums overflow, and this model suffers."""
    own = Translator.from_run(trained_run.path, device="cpu")
    folder = export_ctranslate2(trained_run, tmp_path / "plain", quantization)
    theirs = CTranslate2Translator(own.config, folder, own.tokenizer, device="cpu", threads=1)
    systems = [
        System(name, tuple(each.text for each in engine.translate(cipher.sources)))
        for name, engine in (("own", own), ("theirs", theirs))
    ]
    [_, found] = compare(cipher, systems, ["bleu"]).differences["BLEU"]
    assert found.p_bootstrap is not None
    is_worse = found.difference < -0.5 and found.p_bootstrap < 0.05
    proved = tmp_path / "proved"
    try:
        certificate = export_certified(
            trained_run, "ctranslate2", cipher, folder=proved, quantization=quantization
        )
    except RunError as error:
        assert is_worse and f"p = {found.p_bootstrap:.2g}" in error.message
        assert not proved.exists()
    else:
        assert not is_worse
        assert certificate.bleu_difference == pytest.approx(found.difference)
        assert certificate.bleu_p == pytest.approx(found.p_bootstrap)


def test_smaller_numbers_make_a_smaller_model(trained_run: RunDirectory, tmp_path: Path) -> None:
    sizes = [
        (export_ctranslate2(trained_run, tmp_path / q, q) / "model.bin").stat().st_size
        for q in ("float32", "float16", "int8")
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[2] < sizes[0] / 2


def test_huggingface_is_proved(
    trained_run: RunDirectory, valid: EvaluationSet, tmp_path: Path
) -> None:
    folder = tmp_path / "export"
    certificate = export_certified(trained_run, "huggingface", valid, folder=folder)
    assert certificate.identical_greedy == certificate.identical == 1.0
    assert certificate.bleu_difference == 0.0
    assert certificate.run.bleu > 50.0  # of a model that has learned something


@pytest.mark.parametrize("beam_size", [1, 4])
def test_the_engine_translates_any_text_as_the_run_does(
    exported: RunDirectory, beam_size: int
) -> None:
    own, engine = Translator.from_run(exported.path, device="cpu"), certified_engine(exported)
    decoding = own.config.decoding.model_copy(update={"beam_size": beam_size})
    texts = ["ana bebe.", "", "  ", "ene\nene", "baba nina"]
    if beam_size == 1:  # the model knows too little of these for two beams to agree
        texts += ["a\udc80b", "😀 abba", "Ana Bebe Nina Anne"]
        texts.append("nina " * 90)  # cut in parts, some of which end at the longest allowed
    ours, theirs = own.translate(texts, decoding), engine.translate(texts, decoding)
    assert [t.source for t in theirs] == texts
    assert [t.text for t in theirs] == [t.text for t in ours]
    if beam_size > 1:
        assert [t.score for t in theirs] == pytest.approx([t.score for t in ours], abs=1e-3)
    assert engine.translate([]) == []


def test_the_engine_ends_a_translation_where_the_run_does(exported: RunDirectory) -> None:
    own, engine = Translator.from_run(exported.path, device="cpu"), certified_engine(exported)
    short = {"beam_size": 1, "max_length_ratio": 0.3, "max_length_extra": 1}
    decoding = own.config.decoding.model_copy(update=short)
    texts = ["ana bebe nina abba ene", "ana bebe", "banana nabe"]
    ours, theirs = own.translate(texts, decoding), engine.translate(texts, decoding)
    assert [t.text for t in theirs] == [t.text for t in ours]
    assert len(ours[0].text) < len("oto tita rosa tor mar")  # it was cut


def test_the_engine_finds_what_it_finds_for_texts_for_ids_too(exported: RunDirectory) -> None:
    engine = certified_engine(exported)
    [[best, *others]] = engine.search(engine.tokenizer.encode(["ana bebe"]))
    [found] = engine.translate(["ana bebe"])
    assert engine.tokenizer.decode([best.tokens]) == [found.text]
    assert (best.score, (found.text, found.score)) == (
        found.score,
        (found.alternatives[0].text, found.alternatives[0].score),
    )
    assert all(best.score >= each.score for each in others)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [{"prefix": "oto"}, {"glossary": Glossary({"ana": "oto"})}, {"details": True}],
    ids=lambda asked: next(iter(asked)),
)
def test_the_engine_refuses_by_name_what_only_the_run_can(
    exported: RunDirectory, asked: dict[str, Any]
) -> None:
    with pytest.raises(RunError, match=next(iter(asked))):
        certified_engine(exported).translate(["ana"], **asked)


@pytest.mark.parametrize(
    ("bleu", "quantization", "sentences", "said"),
    [
        (9.9, "float32", 20, "The run itself hardly translates these sentences (BLEU 9.9): where "),
        (10.0, "float32", 20, "Try a larger --sample; if that does not help, this is a defect: "),
        (10.0, "float32", 10_000, "Try more sentences, with --source and --reference; if that "),
        (10.0, "int8", 20, "Try a larger --sample, or --quantization float32."),
    ],
)
def test_of_a_run_that_hardly_translates_an_export_that_does_otherwise_is_no_defect(
    exported: RunDirectory, bleu: float, quantization: Quantization, sentences: int, said: str
) -> None:
    certificate = changed_certificate(exported)
    of_run = dataclasses.replace(certificate.run, bleu=bleu)
    certificate = dataclasses.replace(certificate, run=of_run)
    assert _way_out(certificate, quantization, sentences).startswith(said)


def with_outliers(run: RunDirectory) -> None:
    """Change the weights and not the model: a unit comes in smaller and goes out larger.

    What multiplies the others is then rounded to nothing where numbers share a scale of 8 bits.
    """
    tokenizer = run.read_tokenizer()
    weights = run.read_model(tokenizer)
    for name in list(weights):
        for before, after in (("v_proj", "out_proj"), ("in_proj", "out_proj")):
            if name.endswith(f".{before}.weight"):
                weights[name][0] /= 3e3
                weights[name.replace("weight", "bias")][0] /= 3e3
                weights[name.replace(before, after)][:, 0] *= 3e3
    run.write_model(weights, tokenizer)


def test_a_model_that_8_bits_ruin_is_refused_and_nothing_is_left(
    trained_run: RunDirectory, valid: EvaluationSet, tmp_path: Path
) -> None:
    run = copy_of(trained_run, tmp_path / "run")
    with_outliers(run)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RunError, match=r"BLEU .* against the run's .* of a paired bootstrap"):
        export_certified(run, "ctranslate2", valid, quantization="int8")
    assert [path for path in sorted(tmp_path.rglob("*")) if path != run.exports] == before
    certificate = export_certified(run, "ctranslate2", valid)  # as numbers, they are the same
    assert certificate.identical_greedy == 1.0
    folder = run.exports / "ctranslate2"
    folder.rename(run.exports / ".ctranslate2.old")  # as a kill in the midst of replacing leaves it
    with pytest.raises(DataError, match="holds an export already"):
        export_certified(run, "ctranslate2", valid)
    with pytest.raises(RunError, match="of a paired bootstrap"):
        export_certified(run, "ctranslate2", valid, quantization="int8", force=True)
    assert [path.name for path in run.exports.iterdir()] == ["ctranslate2"]
    assert Certificate.read(folder) == certificate


@pytest.mark.parametrize(
    ("quantization", "different", "sentences", "problem"),
    [
        ("float32", 2, 200, ""),
        ("float32", 12, 200, "12 of 200 greedy translations are not those of the run"),
        ("float16", 12, 200, "12 of 200 greedy translations are not those of the run"),
        ("float32", 1, 7, ""),  # one of few sentences may be luck
        ("float32", 3, 7, "3 of 7 greedy translations are not those of the run"),
        ("int8", 100, 200, ""),
    ],
)
def test_numbers_that_are_hardly_rounded_change_hardly_a_translation(
    exported: RunDirectory, quantization: str, different: int, sentences: int, problem: str
) -> None:
    certificate = changed_certificate(
        exported,
        quantization=quantization,
        sentences=sentences,
        identical_greedy=1.0 - different / sentences,
    )
    assert certificate.problem.startswith(problem)
    assert bool(certificate.problem) == bool(problem)


@pytest.mark.parametrize("quantization", ["float32", "bfloat16", "int8"])
@pytest.mark.parametrize(
    ("bleu", "p", "alike", "problem"),
    [
        (29.6, 0.001, 99.0, ""),  # within the tolerance
        (29.4, 0.001, 99.0, "BLEU 29.4 against the run's 30.0"),
        (20.0, 0.2, 99.0, ""),  # worse, but perhaps by luck
        (20.0, 0.03, 99.0, ""),  # likewise: the bootstrap counts one tail of two
        (20.0, 0.02, 99.0, "BLEU 20.0 against the run's 30.0"),
        (31.2, 0.001, 99.0, ""),  # better
        (40.0, 0.001, 99.0, ""),
        (30.0, 0.9, 50.0, "chrF2 50.0 of the translations"),  # as good, but not the same model
        (30.0, None, None, ""),  # a certificate of an earlier version
    ],
)
def test_an_export_may_be_better_or_worse_by_luck_but_not_another_model(
    exported: RunDirectory,
    quantization: str,
    bleu: float,
    p: float | None,
    alike: float | None,
    problem: str,
) -> None:
    certificate = changed_certificate(
        exported, quantization=quantization, bleu_p=p, alike=alike, identical_greedy=1.0
    )
    certificate = dataclasses.replace(
        certificate,
        run=dataclasses.replace(certificate.run, bleu=30.0),
        export=dataclasses.replace(certificate.export, bleu=bleu),
    )
    assert certificate.problem.startswith(problem)
    assert bool(certificate.problem) == bool(problem)


def changed_certificate(run: RunDirectory, **changes: Any) -> Certificate:
    certificate = Certificate.read(run.exports / "ctranslate2")
    assert certificate is not None
    return dataclasses.replace(certificate, **changes)


def test_the_luck_of_few_sentences_is_the_share_of_random_draws() -> None:
    draws = random.Random(1)
    most = [sum(draws.random() < 0.1 for _ in range(20)) for _ in range(20_000)]
    for least in range(6):
        share = sum(found >= least for found in most) / len(most)
        assert binomial_tail(least, 20, 0.1) == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("sentences", [7, 200, 3000])
def test_the_luck_of_any_number_of_sentences_is_that_of_exact_arithmetic(sentences: int) -> None:
    share, least = Fraction(1, 64), sentences // 50
    exact = 1 - sum(
        math.comb(sentences, k) * share**k * (1 - share) ** (sentences - k) for k in range(least)
    )
    assert binomial_tail(least, sentences, 1 / 64) == pytest.approx(float(exact), rel=1e-9)


def test_a_certificate_of_an_earlier_version_is_read(exported: RunDirectory) -> None:
    content = dataclasses.asdict(changed_certificate(exported))
    for name in ("bleu_p", "alike", "processor"):
        del content[name]
    folder = exported.path / "old"
    exported.write_json(folder / "certificate.json", content)
    certificate = Certificate.read(folder)
    assert certificate is not None and certificate.bleu_p is None


@pytest.mark.parametrize("form, name", [("ctranslate2", "react-ct2"), ("huggingface", "react-hf")])
def test_the_lines_of_the_page_translate_as_the_run_does(
    trained_run: RunDirectory, valid: EvaluationSet, tmp_path: Path, form: ExportFormat, name: str
) -> None:
    page = (ROOT / "docs" / "importing.md").read_text(encoding="utf-8")
    [lines] = [each for each in blocks_of(page, "python") if name in each]
    export_certified(trained_run, form, valid, folder=tmp_path / name)
    text = "abba bebe"  # of which the model is sure, whatever the beam
    program = lines.replace("Where is the library?", text)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True)
    [expected] = Translator.from_run(trained_run.path, device="cpu").translate([text])
    assert done.stdout.decode() == f"{expected.text}\n", done.stderr.decode()


def test_a_folder_that_cannot_be_made_is_not_called_one_that_another_process_has(
    trained_run: RunDirectory, valid: EvaluationSet
) -> None:
    with pytest.raises(TranslatorError, match="cannot write /proc/new: No such file or directory"):
        export_certified(trained_run, "ctranslate2", valid, folder=Path("/proc/new"))


def test_only_an_export_is_replaced_and_only_on_demand(
    trained_run: RunDirectory, valid: EvaluationSet, tmp_path: Path
) -> None:
    letters, export = tmp_path / "letters", tmp_path / "export"
    letters.mkdir()
    (letters / "dear.txt").write_text("…", encoding="utf-8")
    for force in (False, True):
        with pytest.raises(DataError, match="is no export"):
            export_certified(trained_run, "ctranslate2", valid, folder=letters, force=force)
    assert [path.name for path in letters.iterdir()] == ["dear.txt"]
    export_certified(trained_run, "ctranslate2", valid, folder=export)
    with pytest.raises(DataError, match="holds an export already"):
        export_certified(trained_run, "ctranslate2", valid, folder=export)
    export_certified(
        trained_run, "ctranslate2", valid, folder=export, quantization="float16", force=True
    )
    kept = Certificate.read(export)
    assert kept and kept.quantization == "float16"
    assert {path.name for path in tmp_path.iterdir()} == {"letters", "export"}


def test_an_export_to_a_link_replaces_what_the_link_means(
    trained_run: RunDirectory, valid: EvaluationSet, tmp_path: Path
) -> None:
    (tmp_path / "v1").mkdir()
    link = tmp_path / "current"
    link.symlink_to("v1")
    for quantization in get_args(Quantization)[:2]:
        export_certified(
            trained_run, "ctranslate2", valid, folder=link, quantization=quantization, force=True
        )
        kept = Certificate.read(tmp_path / "v1")
        assert kept and kept.quantization == quantization
    assert link.is_symlink() and {path.name for path in tmp_path.iterdir()} == {"v1", "current"}


def test_a_folder_that_holds_something_is_not_written_into(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="not empty"):
        export_ctranslate2(trained_run, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_a_killed_export_is_not_there_and_the_next_one_is(
    trained_run: RunDirectory, valid: EvaluationSet, tmp_path: Path
) -> None:
    folder, partial = tmp_path / "export", tmp_path / ".export.partial"
    command = ["from translator.cli import main; main()", "export", trained_run.path]
    for end in (signal.SIGINT, signal.SIGKILL):
        started = subprocess.Popen(
            [sys.executable, "-c", *map(str, command), "--output", str(folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with ended(started) as process:
            deadline = time.monotonic() + 60
            while not (partial / "model.bin").exists() and time.monotonic() < deadline:
                time.sleep(0.002)
            assert process.poll() is None
            process.send_signal(end)
            assert process.wait(timeout=60) != 0
        assert not folder.exists()
        assert partial.exists() == (end == signal.SIGKILL)
    export_certified(trained_run, "ctranslate2", valid, folder=folder)
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def test_an_export_of_other_weights_is_not_used(exported: RunDirectory, tmp_path: Path) -> None:
    run = copy_of(exported, tmp_path / "run")
    certified_engine(run)
    tokenizer = run.read_tokenizer()
    weights = run.read_model(tokenizer)
    weights["output.weight" if "output.weight" in weights else "source_embedding.weight"] *= 1.01
    run.write_model(weights, tokenizer)
    with pytest.raises(RunError, match="other weights"):
        certified_engine(run)
    (run.exports / "ctranslate2" / "certificate.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RunError, match="no certified export"):
        certified_engine(run)


def test_a_damaged_export_says_so(exported: RunDirectory, tmp_path: Path) -> None:
    run = copy_of(exported, tmp_path / "run")
    folder = run.exports / "ctranslate2"
    model = folder / "model.bin"
    model.write_bytes(model.read_bytes()[:1000])
    with pytest.raises(RunError, match=r"model\.bin is not what was certified"):
        certified_engine(run)
    certificate = Certificate.read(folder)
    assert certificate is not None
    size = sum(file.stat().st_size for file in folder.iterdir()) - (
        (folder / "certificate.json").stat().st_size
    )
    old = dataclasses.replace(  # of a version without checksums
        certificate, files={}, export=dataclasses.replace(certificate.export, bytes=size)
    )
    old.write(folder)
    with pytest.raises(RunError, match="CTranslate2 cannot load"):
        certified_engine(run)


@pytest.mark.parametrize(
    ("library", "form"), [("ctranslate2", "ctranslate2"), ("transformers", "huggingface")]
)
def test_a_missing_library_is_named_with_what_to_install(
    trained_run: RunDirectory,
    valid: EvaluationSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    library: str,
    form: ExportFormat,
) -> None:
    monkeypatch.setitem(sys.modules, library, None)  # what the import system does without it
    with pytest.raises(TranslatorError, match=f"{library} is not installed") as raised:
        export_certified(trained_run, form, valid, folder=tmp_path / "export")
    assert f"'{library}>=" in raised.value.hint
    assert not any(tmp_path.iterdir())


def test_the_sample_has_no_blank_and_no_cut_sentence(trained_run: RunDirectory) -> None:
    words = ["bebe " * (i % 7) + "nina " * (i // 7) + "ana" for i in range(49)]
    others = ("bebe " * 90, "ana 7", "ana {n}", "- ana")
    sources = ("", "ana", "  ", *others, *words)
    test_set = EvaluationSet("x", sources, (tuple(map(str.upper, sources)),))
    sample = sample_of(test_set, trained_run, 10)
    assert sample.sources == tuple(["ana", "ana 7", "ana {n}", *words][::5][:10])
    assert sample.references == (tuple(map(str.upper, sample.sources)),)
    with pytest.raises(DataError, match="no sentence to compare"):
        sample_of(EvaluationSet("x", (" ",), (("y",),)), trained_run, 10)


# --- Argos Translate ------------------------------------------------------------------------------


def test_argos_finds_all_that_it_reads(
    trained_run: RunDirectory, valid: EvaluationSet, tmp_path: Path
) -> None:
    certificate = export_certified(trained_run, "argos", valid, folder=tmp_path / "export")
    assert certificate.identical_greedy == 1.0
    names = sorted(path.name for path in (tmp_path / "export").iterdir())
    assert names == ["certificate.json", "translate-en_es-1_0.argosmodel"]
    with zipfile.ZipFile(tmp_path / "export" / names[1]) as archive:
        archive.extractall(tmp_path / "packages")
    (package,) = (tmp_path / "packages").iterdir()  # one folder, as Argos unpacks it
    metadata = json.loads((package / "metadata.json").read_text(encoding="utf-8"))
    assert {key: metadata[key] for key in ("from_code", "from_name", "to_code", "to_name")} == {
        "from_code": "en", "from_name": "English", "to_code": "es", "to_name": "Spanish",
    }  # fmt: skip
    assert (package / "README.md").is_file()
    tokenizer = sentencepiece.SentencePieceProcessor(str(package / "sentencepiece.model"))
    model = ctranslate2.Translator(str(package / "model"))
    result = model.translate_batch(  # with the options of argostranslate.translate
        [tokenizer.encode("ana bebe nina", out_type=str)],
        replace_unknowns=True,
        max_batch_size=32,
        batch_type="tokens",
        beam_size=4,
        num_hypotheses=4,
        length_penalty=0.2,
        return_scores=True,
    )
    assert tokenizer.decode(result[0].hypotheses[0]) == "oto tita rosa"


def test_argostranslate_installs_the_package(trained_run: RunDirectory, tmp_path: Path) -> None:
    pytest.importorskip("argostranslate.translate", reason="argostranslate is not installed")
    file = export_argos(trained_run, tmp_path / "export")
    program = """if True:
        import sys
        from argostranslate import package, translate
        package.install_from_path(sys.argv[1])
        translation = translate.get_translation_from_codes("en", "es")
        for each in (translation, getattr(translation, "underlying", None)):
            if hasattr(each, "sentencizer"):  # its model of sentence ends is fetched: do without
                each.sentencizer.split_sentences = lambda text: [text]
        print(translation.translate("ana bebe nina"))
    """
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)],
        env={**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "oto tita rosa"


# --- the command line -----------------------------------------------------------------------------


def test_the_command_line_knows_the_same_words() -> None:
    assert get_args(export_command.FormatName) == get_args(ExportFormat)
    assert set(get_args(export_command.Quantization)) < set(get_args(Quantization))


def test_export_prints_the_proof_and_the_folder(trained_run: RunDirectory, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    done = CliRunner().invoke(
        app, ["export", str(trained_run.path), "--output", str(folder), "--sample", "7"]
    )
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{folder}\n"
    assert "7 sentences of valid" in done.stderr
    assert "identical: greedy 100.0%" in done.stderr
    assert "Δ BLEU +0.00, p = 1 of a paired bootstrap (nrefs:1|" in done.stderr
    assert "next:" not in done.stderr  # the run does not find it there


def test_export_says_how_to_translate_with_it(trained_run: RunDirectory, tmp_path: Path) -> None:
    run = copy_of(trained_run, tmp_path / "run")
    done = CliRunner().invoke(app, ["export", str(run.path), "--sample", "3"])
    [command] = re.findall(r"next:\n    translator (.*)\n", done.stderr)
    asked = CliRunner().invoke(app, shlex.split(command))
    assert asked.exit_code == 0 and asked.stdout.strip(), asked.output
    assert "`translate` takes this export from now on" in done.stderr
    told = "the run's CTranslate2 export"
    for engine in ("auto", "own"):
        words = [*shlex.split(command), "--beam-size", "5"]
        asked = CliRunner().invoke(app, words, env={"TRANSLATOR_ENGINE": engine})
        assert (told in asked.stderr) == (engine == "auto"), asked.stderr


def test_export_compares_on_named_sentences(trained_run: RunDirectory, tmp_path: Path) -> None:
    for name, text in (("source", "ana bebe\nnina\n"), ("reference", "oto tita\nrosa\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    arguments = ["--source", str(tmp_path / "source"), "--reference", str(tmp_path / "reference")]
    done = CliRunner().invoke(
        app, ["export", str(trained_run.path), *arguments, "--output", str(tmp_path / "export")]
    )
    assert done.exit_code == 0, done.output
    assert "2 sentences of source" in done.stderr


def test_a_quantized_folder_of_transformers_is_wrong_usage(trained_run: RunDirectory) -> None:
    arguments = ["--format", "huggingface", "--quantization", "int8"]
    done = CliRunner().invoke(app, ["export", str(trained_run.path), *arguments])
    assert done.exit_code == 2


ENGINE_NOTE = (
    "engine: the run's CTranslate2 export; with a beam its text may differ from the run's own "
    "(--engine own)\n"
)


def test_translate_uses_the_engine_that_is_asked_for(
    exported: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[str] = []
    translate = CTranslate2Translator.translate

    def noted(self: CTranslate2Translator, *arguments: Any) -> Any:
        used.append("ctranslate2")
        return translate(self, *arguments)

    monkeypatch.setattr(CTranslate2Translator, "translate", noted)
    run = copy_of(exported, tmp_path / "run")
    for engine, expected in (
        ("own", []),
        ("ctranslate2", ["ctranslate2"]),
        ("auto", ["ctranslate2"]),
    ):
        used.clear()
        done = CliRunner().invoke(
            app, ["translate", "--run", str(run.path), "--engine", engine, "ana bebe"]
        )
        assert (done.exit_code, done.stdout) == (0, "oto tita\n"), done.output
        assert (used, done.stderr) == (expected, ENGINE_NOTE if engine == "auto" else "")
    for asked in ("--quiet", "--beam-size=1"):
        done = CliRunner().invoke(app, ["translate", "--run", str(run.path), asked, "ana bebe"])
        assert (done.stdout, done.stderr) == ("oto tita\n", "")


def translated(run: RunDirectory, text: str) -> tuple[str, set[str]]:
    """What the command prints in a process of its own, and the modules that it has imported."""
    program = "import sys; from translator.cli import main\n"
    program += "try: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", program, "translate", "--run", str(run.path), text]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout, set(done.stderr.split())


def test_a_sentence_is_translated_by_an_export_without_torch(exported: RunDirectory) -> None:
    text, modules = translated(exported, "ana bebe")
    assert text == "oto tita\n"
    assert "ctranslate2" in modules
    assert not modules & {"torch", "numpy", "safetensors", "translator.model", "langcodes"}


def test_a_text_does_not_depend_on_its_neighbours_though_the_export_is_rounded(
    exported: RunDirectory, tmp_path: Path
) -> None:
    run = copy_of(exported, tmp_path / "run")
    folder = run.exports / "ctranslate2"
    certificate = Certificate.read(folder)
    assert certificate is not None
    shutil.rmtree(folder)
    export_ctranslate2(run, folder, "int8")  # of so small a model it would not pass
    files = {file.name: sha256_of(file) for file in folder.iterdir()}
    dataclasses.replace(certificate, quantization="int8", files=files).write(folder)
    assert certified_engine(exported, "cpu").is_exact
    assert not certified_engine(run, "cpu").is_exact
    text, modules = translated(run, "ana bebe")
    assert text == "oto tita\n"
    assert "torch" in modules
    assert not modules & {"torch._dynamo", "datasets", "sacrebleu", "ftfy", "langcodes"}


def test_what_an_export_loses_is_searched_by_the_run(exported: RunDirectory) -> None:
    texts = ["ana bebe", "ana 1234567 bebe {name} 89", "bebe"]
    assert certified_engine(exported).translate(texts)[1].warnings
    own, auto, theirs = (
        CliRunner().invoke(
            app, ["translate", "--run", str(exported.path), "--engine", engine, *texts]
        )
        for engine in ("own", "auto", "ctranslate2")
    )
    assert auto.stdout == own.stdout
    assert theirs.stdout != own.stdout


def test_marks_that_an_export_cannot_place_are_placed_by_the_run(
    exported: RunDirectory, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text("ana b*eb*e nina\n", encoding="utf-8")  # no word: nothing to look for
    command = ["translate", "--run", str(exported.path), "--input", str(page), "--engine"]
    own, auto, theirs = (
        CliRunner().invoke(app, [*command, engine]).stdout
        for engine in ("own", "auto", "ctranslate2")
    )
    assert own == auto == "oto *tita* rosa\n"
    assert theirs != own


@pytest.mark.parametrize("texts", [1, 7, 100])
def test_the_texts_of_an_export_do_not_depend_on_their_batch(
    exported: RunDirectory, cipher: EvaluationSet, texts: int
) -> None:
    engine, sources = certified_engine(exported, "cpu"), cipher.sources[:100]
    together = [each.text for each in engine.translate(sources)]
    apart = [sources[i : i + texts] for i in range(0, len(sources), texts)]
    assert [each.text for some in apart for each in engine.translate(some)] == together


def finish(run: RunDirectory, folder: Path, *settings: str) -> Any:
    """Repeat in `folder` the command that trained a run, which has nothing left to train."""
    if not (folder / "runs").exists():
        shutil.copytree(run.path, folder / "runs" / "tiny")
    sets = [f"--set={each}" for each in settings]
    return run_command("train", run.config_file, *sets, cwd=folder)


def test_training_ends_with_the_export_that_is_asked_for(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    run = RunDirectory(tmp_path / "runs" / "tiny")
    assert finish(trained_run, tmp_path).returncode == 0
    assert not run.exports.exists()
    half = run.exports / ".ctranslate2.partial"  # of a process that was killed
    half.mkdir(parents=True)
    done = finish(trained_run, tmp_path, "export.after_training=float32")
    assert (done.returncode, half.exists()) == (0, False)
    assert "export     runs/tiny/export/ctranslate2, float32: BLEU" in done.stderr
    made = (run.exports / "ctranslate2" / "certificate.json").read_bytes()
    assert certified_engine(run, "cpu").is_exact
    assert finish(trained_run, tmp_path, "export.after_training=float32").returncode == 0
    assert (run.exports / "ctranslate2" / "certificate.json").read_bytes() == made


def test_training_is_no_failure_though_its_export_is_one(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    run = RunDirectory(tmp_path / "runs" / "tiny")
    (tmp_path / "runs").mkdir()
    shutil.copytree(trained_run.path, run.path)
    run.exports.mkdir()
    (run.exports / "ctranslate2").write_text("no folder", encoding="utf-8")
    done = finish(trained_run, tmp_path, "export.after_training=float32")
    assert done.returncode == 0
    assert "warning: there is no float32 export: " in done.stderr
    assert (run.exports / "ctranslate2").read_text(encoding="utf-8") == "no folder"


def test_auto_passes_over_an_export_of_other_weights_and_says_so(
    exported: RunDirectory, tmp_path: Path
) -> None:
    run = copy_of(exported, tmp_path / "run")
    file = run.exports / "ctranslate2" / "certificate.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    run.write_json(file, {**content, "model_sha256": "another"})
    done = CliRunner().invoke(
        app, ["translate", "--run", str(run.path), "--engine", "auto", "ana bebe"]
    )
    assert (done.exit_code, done.stdout) == (0, "oto tita\n"), done.output
    assert "other weights" in done.stderr
    shutil.rmtree(run.exports)
    done = CliRunner().invoke(
        app, ["translate", "--run", str(run.path), "--engine", "auto", "ana bebe"]
    )
    assert (done.stdout, done.stderr) == ("oto tita\n", "")  # there is none: nothing to say
    done = CliRunner().invoke(
        app, ["translate", "--run", str(run.path), "--engine", "ctranslate2", "ana bebe"]
    )
    assert isinstance(done.exception, RunError)
    assert "translator export" in done.exception.hint


@pytest.mark.parametrize(
    "setting", ["sampling=true", "diversity=0.5", "n_best=2", "no_repeat_ngram_size=3"]
)
def test_a_search_that_an_export_does_not_know_is_left_to_the_run(
    exported: RunDirectory, setting: str
) -> None:
    command = ["translate", "--run", str(exported.path), "--set", f"decoding.{setting}", "ana"]
    done = CliRunner().invoke(app, [*command, "--engine", "ctranslate2"])
    assert isinstance(done.exception, RunError)
    assert f"decoding.{setting.split('=')[0]}" in done.exception.message
    own = CliRunner().invoke(app, [*command, "--engine", "own"])
    auto = CliRunner().invoke(app, [*command, "--engine", "auto"])
    assert (auto.exit_code, auto.stdout, auto.stderr) == (0, own.stdout, own.stderr)
