"""Imported MarianMT models: the same pieces, the same numbers, the same translations."""

import json
import re
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import sentencepiece
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.commands import run_command
from tests.helpers import CIPHER, encoder_decoder
from tests.hub.stand_in import Repository, environment_of, stand_in
from translator.cli import app
from translator.config import AugmentationConfig, DataConfig, LanguagePair
from translator.data import Augmenter, Counts, SentencePair, encode_pairs, read_pairs
from translator.errors import ConfigError, DataError, RunError, TranslatorError
from translator.evaluation import AbsentSetError, EvaluationSet, sets_of_split
from translator.export.certified import ExportFormat, export_certified
from translator.export.huggingface import export_huggingface
from translator.importing import MarianCheckpoint, Proof, joint_model, load_checkpoint, prove
from translator.runs import RunDirectory
from translator.tokenizer import BOS_ID, EOS_ID, PAD_ID, Tokenizer
from translator.training import train
from translator.translation import Translator

CORPUS = DataConfig().train[1]
ENGLISH, SPANISH = zip(*read_pairs(CORPUS, "en", "es"), strict=True)


def sentencepieces(texts: tuple[str, ...], size: int, **settings: Any) -> bytes:
    model = BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        vocab_size=size,
        character_coverage=1.0,
        num_threads=1,
        minloglevel=2,
        **settings,
    )
    return model.getvalue()


def pieces_of(model: bytes) -> list[str]:
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [processor.id_to_piece(i) for i in range(processor.get_piece_size())]


SPM = {
    "source": sentencepieces(ENGLISH + tuple(CIPHER) * 200, 250),
    "target": sentencepieces(SPANISH + tuple(CIPHER.values()) * 200, 220),
}
PIECES = [
    "</s>",
    "<unk>",
    *dict.fromkeys(pieces_of(SPM["source"])[3:] + pieces_of(SPM["target"])[3:]),
]
VOCABULARY = {piece: i for i, piece in enumerate([*PIECES, "<pad>"])}


def write_tokenizer(folder: Path, vocabulary: dict[str, int] = VOCABULARY) -> Any:
    """A MarianTokenizer, as transformers saves it, with these pieces; and loaded."""
    folder.mkdir(parents=True, exist_ok=True)
    for side, model in SPM.items():
        (folder / f"{side}.spm").write_bytes(model)
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "MarianTokenizer"}', encoding="utf-8"
    )
    return transformers.MarianTokenizer.from_pretrained(folder)


def write_checkpoint(folder: Path, vocabulary: dict[str, int] = VOCABULARY, **changes: Any) -> Path:
    """A MarianMT checkpoint in whose translations every weight, norm and bias shows."""
    write_tokenizer(folder, vocabulary)
    pad = vocabulary["<pad>"]
    special = {"pad_token_id": pad, "decoder_start_token_id": pad, "eos_token_id": 0}
    shape: dict[str, Any] = {
        "vocab_size": len(vocabulary),
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 3,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 48,
        "decoder_ffn_dim": 48,
        "max_position_embeddings": 128,
        "activation_function": "swish",
        "scale_embedding": True,
        "forced_eos_token_id": 0,
    }
    torch.manual_seed(1)
    model = transformers.MarianMTModel(transformers.MarianConfig(**{**shape, **special, **changes}))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name or name.endswith("bias"):
                parameter.add_(0.2 * torch.randn(parameter.shape))
            elif "positions" not in name:  # large, so that translations differ
                scale = 1.0 if "shared" in name else 1.5
                parameter.normal_(std=scale * parameter.shape[1] ** -0.5)
        model.final_logits_bias.normal_()
    model.generation_config = transformers.GenerationConfig(
        num_beams=4, length_penalty=0.7, bad_words_ids=[[pad]], **special
    )
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("hub") / "opus-mt-en-es")


@pytest.fixture(scope="module")
def imported(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """The checkpoint as a run; its path is absolute, and nobody changes it."""
    return do_import(tmp_path_factory.mktemp("imported"), folder)


def do_import(directory: Path, folder: Path, *arguments: str) -> RunDirectory:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)  # runs go to ./runs
        done = CliRunner().invoke(app, ["import", f"hf:{folder}", *arguments])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return RunDirectory(Path(done.stdout.strip()).absolute())


def some_sentences(directory: Path) -> Path:
    file = directory / "sentences.txt"
    file.write_text("\n".join(ENGLISH[:8]) + "\n", encoding="utf-8")
    return file


# --- the same pieces ------------------------------------------------------------------------------

TEXTS = st.one_of(
    st.sampled_from(ENGLISH + SPANISH),
    st.text(),
    st.text("abcdeñáéíóúü¿¡ ,.THE'\"中😀▁<>"),
)


def marian_ids(model: bytes, text: str) -> list[int]:
    """As Marian reads: the pieces of a SentencePiece model, by their spelling."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [VOCABULARY.get(piece, 1) for piece in processor.encode(text, out_type=str)]


@settings(max_examples=300)
@given(text=TEXTS)
def test_texts_that_marian_knows_are_read_as_marian_reads_them(
    imported: RunDirectory, folder: Path, text: str
) -> None:
    tokenizer, order = tokenizer_and_order(imported, folder)
    for side, ours in (("source", tokenizer), ("target", tokenizer.target)):
        theirs = marian_ids(SPM[side], text.encode("utf-8", "replace").decode())
        [ids] = ours.encode([text])
        if 1 not in theirs:
            assert [order[i] for i in ids] == theirs
            assert tokenizer.decode([ids]) == tokenizer.target.decode([ids])


_LOADED: dict[Path, tuple[Tokenizer, list[int]]] = {}


def tokenizer_and_order(run: RunDirectory, folder: Path) -> tuple[Tokenizer, list[int]]:
    if run.path not in _LOADED:
        order = load_checkpoint(f"hf:{folder}").their_ids.tolist()
        _LOADED[run.path] = (run.read_tokenizer(), order)
    return _LOADED[run.path]


def test_real_text_is_read_as_the_tokenizer_of_transformers_reads_it(
    imported: RunDirectory, folder: Path
) -> None:
    tokenizer, order = tokenizer_and_order(imported, folder)
    theirs = transformers.MarianTokenizer.from_pretrained(folder)
    expected = theirs(list(ENGLISH))["input_ids"]
    assert [[order[i] for i in [*ids, EOS_ID]] for ids in tokenizer.encode(ENGLISH)] == expected
    expected = theirs(text_target=list(SPANISH))["input_ids"]
    ids = tokenizer.target.encode(SPANISH)
    assert [[order[i] for i in [*each, EOS_ID]] for each in ids] == expected
    assert tokenizer.encode(SPANISH) != ids  # each language has pieces of its own
    decoded = theirs.batch_decode(expected, skip_special_tokens=True)
    assert tokenizer.target.decode(ids) == decoded


def test_what_is_unknown_to_a_language_has_the_piece_of_the_other() -> None:
    joint = ["<pad>", "<unk>", "<s>", "</s>", *PIECES[2:], "中", "中国", "文a"]
    tokenizer = Tokenizer(joint_model(SPM["source"], joint), joint_model(SPM["target"], joint))
    for ours in (tokenizer, tokenizer.target):
        [ids] = ours.encode(["中国 中 文a 文"])
        assert ours.pieces(ids) == ["▁", "中国", "▁", "中", "▁", "<unk>", "a", "▁", "<unk>"]


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_joint_model_is_what_sentencepiece_itself_reads(side: str) -> None:
    protocol = pytest.importorskip("sentencepiece.sentencepiece_model_pb2")
    pieces = ["<pad>", "<unk>", "<s>", "</s>", *PIECES[2:]]
    own = protocol.ModelProto.FromString(SPM[side])
    joint = protocol.ModelProto.FromString(joint_model(SPM[side], pieces))
    assert [each.piece for each in joint.pieces] == pieces
    kept = {each.piece: each for each in own.pieces[3:]}
    assert {each.piece: each for each in joint.pieces if each.piece in kept} == kept
    trainer = joint.trainer_spec
    assert (trainer.pad_id, trainer.unk_id, trainer.bos_id, trainer.eos_id) == (0, 1, 2, 3)
    assert joint.normalizer_spec == own.normalizer_spec


def test_sampled_pieces_are_those_of_the_language(imported: RunDirectory) -> None:
    tokenizer = imported.read_tokenizer()
    for side, ours, texts in (
        ("source", tokenizer, ENGLISH),
        ("target", tokenizer.target, SPANISH),
    ):
        used = {piece for ids in ours.sample(texts, 0.1, 7) for piece in ours.pieces(ids)}
        assert used <= set(pieces_of(SPM[side]))


def test_training_reads_each_side_with_the_tokenizer_of_its_language(
    imported: RunDirectory,
) -> None:
    tokenizer = imported.read_tokenizer()
    pairs = [SentencePair(*pair) for pair in zip(ENGLISH[:50], SPANISH[:50], strict=True)]
    [corpus] = encode_pairs(pairs, tokenizer, 128, Counts())
    plain = {name: 0.0 for name in AugmentationConfig.model_fields if name != "alpha"}
    data = DataConfig(augmentation=AugmentationConfig(**{**plain, "other_pieces": 1.0}))
    augmented = Augmenter(data, tokenizer)(corpus, 128, np.random.default_rng(1))
    expected = (tokenizer.encode(ENGLISH[:50]), tokenizer.target.encode(SPANISH[:50]))
    changed = 0
    for index in range(50):
        for side in range(2):
            ids = corpus[index][side].tolist()
            assert ids == [*expected[side][index], EOS_ID]
            others = augmented[index][side].tolist()
            changed += others != ids
            own = pieces_of(SPM["target" if side else "source"])
            assert set(tokenizer.pieces(others[:-1])) <= set(own)
            assert tokenizer.decode([others]) == tokenizer.decode([ids])
    assert changed > 50


# --- the same numbers -----------------------------------------------------------------------------


def logits_of_both(run: RunDirectory, folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Ours and theirs, the columns in our order, after random ids up to the longest sequence."""
    checkpoint = load_checkpoint(f"hf:{folder}")
    model, order = Translator.from_run(run.path, device="cpu").model, checkpoint.their_ids
    torch.manual_seed(2)
    source, target = (torch.randint(4, len(order), (3, 127)) for _ in range(2))
    target[:, 0] = BOS_ID
    with torch.inference_mode():
        ours = model.output(model(source, torch.ones_like(source), target))
        theirs = checkpoint.model(input_ids=order[source], decoder_input_ids=order[target]).logits[
            ..., order
        ]
    return ours, theirs


@pytest.mark.parametrize(
    "changes",
    [{}, {"tie_word_embeddings": False}, {"activation_function": "gelu", "encoder_layers": 1}],
    ids=["tied", "untied", "gelu"],
)
def test_the_logits_are_those_of_transformers(
    imported: RunDirectory, folder: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    if changes:
        folder = write_checkpoint(tmp_path / "opus-mt-en-es", **changes)
        imported = do_import(tmp_path, folder, "--source", str(some_sentences(tmp_path)))
    ours, theirs = logits_of_both(imported, folder)
    torch.testing.assert_close(ours[..., 4:], theirs[..., 4:], atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(ours[..., [1, 3]], theirs[..., [1, 3]], atol=1e-4, rtol=1e-5)
    assert ours[..., [PAD_ID, BOS_ID]].max() < -900  # Marian forbids them


def test_greedy_translations_are_those_of_transformers(
    imported: RunDirectory, folder: Path
) -> None:
    texts = ENGLISH[:60]
    checkpoint = load_checkpoint(f"hf:{folder}")
    translator = Translator.from_run(imported.path, device="cpu")
    inputs = checkpoint.tokenizer(texts, padding=True, return_tensors="pt")
    greedy = {"num_beams": 1, "max_length": 30, "min_new_tokens": 30}  # none ends: all are compared
    theirs = checkpoint.model.generate(
        **inputs,
        **greedy,
        no_repeat_ngram_size=1,  # a random model likes to repeat itself
        bad_words_ids=[[VOCABULARY["<pad>"]]],
    )
    model, order = encoder_decoder(translator.model), checkpoint.their_ids
    source = torch.tensor(
        [[*ids, EOS_ID, *[PAD_ID] * 60][:60] for ids in translator.tokenizer.encode(texts)]
    )
    ours = torch.full((len(texts), 1), BOS_ID)
    with torch.inference_mode():
        memory = model.encode(source, (source != PAD_ID).long())
        for _ in range(28):
            scores = model.output(model.decode(ours, memory))[:, -1]
            scores[:, EOS_ID] = -torch.inf
            scores.scatter_(1, ours, -torch.inf)
            ours = torch.cat((ours, scores.argmax(dim=1)[:, None]), dim=1)
    assert torch.equal(order[ours], theirs[:, :29])
    assert len({tuple(row) for row in ours.tolist()}) > 50  # they do vary


def test_the_search_is_that_of_the_checkpoint(imported: RunDirectory) -> None:
    config = imported.read_config()
    assert config.decoding.beam_size == 4
    assert config.decoding.length_penalty == 0.7
    assert config.decoding.length_normalization == "length"
    assert (config.data.source_language, config.data.target_language) == ("en", "es")
    proof = json.loads(imported.environment_file.read_text("utf-8"))["proof"]
    assert proof["identical_ids"] == proof["identical_greedy"] == 1.0
    assert proof["sentences"] > 50


def test_a_beam_finds_what_transformers_finds(imported: RunDirectory, folder: Path) -> None:
    """A random model hardly ends; scores of what it finds at the limit are compared."""
    checkpoint = load_checkpoint(f"hf:{folder}")
    translator = Translator.from_run(imported.path, device="cpu")
    texts = ENGLISH[:20]
    decoding = translator.config.decoding.model_copy(
        update={"max_length_ratio": 1e-9, "max_length_extra": 8}
    )
    ids = translator.tokenizer.encode(texts)
    ours = [each[0] for each in translator.search(ids, decoding)]
    inputs = checkpoint.tokenizer(texts, padding=True, return_tensors="pt")
    found = checkpoint.model.generate(
        **inputs, max_length=9, forced_eos_token_id=0,
        return_dict_in_generate=True, output_scores=True,
    )  # fmt: skip
    same = 0
    for own, row in zip(ours, found.sequences[:, 1:].tolist(), strict=True):
        theirs = row[: row.index(0)] if 0 in row else row
        same += checkpoint.their_ids[list(own.tokens)].tolist() == theirs
    assert same >= 18


# --- what is done with the run --------------------------------------------------------------------


@pytest.fixture(scope="module")
def finetuned(
    cipher_pairs: list[SentencePair], tmp_path_factory: pytest.TempPathFactory
) -> RunDirectory:
    """A small imported run after it has learned to replace each word by another."""
    directory = tmp_path_factory.mktemp("finetuned")
    folder = write_checkpoint(directory / "x-en-es", encoder_layers=1, decoder_layers=1)
    start = do_import(directory, folder, "--source", str(some_sentences(directory)))
    lines = [f"{pair.source}\t{pair.target}\n" for pair in cipher_pairs]
    (directory / "cipher.en-es.tsv").write_text("".join(lines), encoding="utf-8")
    settings = """name=finetuned device=cpu precision=float32 data.train=cipher.en-es.tsv
    data.held_out_pairs=20 data.max_tokens_per_sentence=60 data.augmentation.upper_case=0
    data.augmentation.lower_case=0 data.augmentation.typos=0 data.augmentation.other_pieces=0.05
    training.max_steps=200 training.warmup_steps=20 training.tokens_per_batch=512
    training.learning_rate=0.015 training.validate_every_steps=200 model.dropout=0.0""".split()
    arguments = [each for setting in settings for each in ("--set", setting)]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        done = CliRunner().invoke(
            app, ["train", "--set", f"training.start_from={start.path}", *arguments]
        )
    assert done.exit_code == 0, done.output
    for shown in (rf"{start.path} test/grammar +300", "runs/finetuned test/held-out +20"):
        assert re.search(rf"before → after:\n(.*\n)*    {shown} +[\d.]+ → [\d.]+\n", done.output)
    return RunDirectory(directory / "runs" / "finetuned")


def test_an_imported_run_can_be_fine_tuned(finetuned: RunDirectory) -> None:
    start = RunDirectory(finetuned.path.parent / "x-en-es")
    for name in ("tokenizer.model", "tokenizer.target.model"):
        assert (finetuned.path / name).read_bytes() == (start.path / name).read_bytes()
    before, after = (e["valid_loss"] for e in finetuned.read_metrics() if "valid_loss" in e)
    assert after < before / 4
    translator = Translator.from_run(finetuned.path, device="cpu")
    [translation] = translator.translate(["ana bebe nina"], details=True)
    assert translation.text == "oto tita rosa"
    assert translation.alignment
    bias = translator.model.output.bias
    assert bias is not None
    assert max(bias[[PAD_ID, BOS_ID]].tolist()) < -990  # what may never follow may not still


@pytest.mark.parametrize("form", ["ctranslate2", "huggingface", "argos"])
def test_every_export_of_an_imported_run_is_proved(
    finetuned: RunDirectory, cipher_pairs: list[SentencePair], tmp_path: Path, form: ExportFormat
) -> None:
    sources, targets = zip(*cipher_pairs[:100], strict=True)
    test_set = EvaluationSet("cipher", sources, (targets,), "es")
    certificate = export_certified(finetuned, form, test_set, folder=tmp_path / "export")
    assert certificate.identical_greedy >= 0.99
    assert certificate.run.bleu > 50.0


def test_an_exported_import_is_a_marian_model_that_can_be_imported(
    finetuned: RunDirectory, tmp_path: Path
) -> None:
    folder = export_huggingface(finetuned, tmp_path / "export")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert isinstance(tokenizer, transformers.MarianTokenizer)
    ours = finetuned.read_tokenizer()
    for text in ENGLISH[:50]:
        assert tokenizer(text)["input_ids"][:-1] == ours.encode([text])[0]
    expected = ours.target.encode(SPANISH[:50])
    theirs = tokenizer(text_target=list(SPANISH[:50]))["input_ids"]
    assert [ids[:-1] for ids in theirs] == expected


# --- what is refused ------------------------------------------------------------------------------


def refusal(directory: Path, origin: str, *arguments: str) -> TranslatorError:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        before = sorted(directory.rglob("*"))
        done = CliRunner().invoke(app, ["import", origin, *arguments])
        assert isinstance(done.exception, TranslatorError), done.output
        left = set(directory.rglob("*")) - {directory / "runs"}
        assert left == set(before) - {directory / "runs"}
    assert done.exception.hint
    return done.exception


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale_embedding": False}, "the embeddings are not scaled"),
        ({"activation_function": "tanh"}, "the activation is tanh"),
        ({"decoder_ffn_dim": 64}, "encoder and decoder differ in ffn_dim"),
        ({"decoder_attention_heads": 2}, "encoder and decoder differ in attention_heads"),
        ({"vocab_size": len(VOCABULARY) + 8}, "vocab.json does not have the"),
        ({"decoder_start_token_id": 0}, "a translation does not begin with <pad>"),
    ],
)
def test_a_model_that_no_run_can_be_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    folder = write_checkpoint(tmp_path / "opus-mt-en-es", **changes)
    assert message in refusal(tmp_path, f"hf:{folder}").message


def test_a_vocabulary_that_no_run_can_have_is_refused(tmp_path: Path) -> None:
    vocabulary = {**VOCABULARY, "<s>": len(VOCABULARY)}
    folder = write_checkpoint(tmp_path / "opus-mt-en-es", vocabulary)
    assert "has a piece <s>" in refusal(tmp_path, f"hf:{folder}").message


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("vocab.json", lambda content: content | {"▁a": "5"}, "does not have the"),
        ("vocab.json", lambda content: content | {"▁a": None}, "does not have the"),
        (
            "vocab.json",
            lambda content: {key.replace("▁a", "\ud800"): i for key, i in content.items()},
            "a piece that is no text",
        ),
        ("generation_config.json", lambda content: content | {"bad_words_ids": [5]}, "no lists"),
        (
            "generation_config.json",
            lambda content: content | {"bad_words_ids": [[10**30]]},
            "no lists",
        ),
    ],
)
def test_files_that_hold_something_else_are_refused(
    tmp_path: Path, folder: Path, file: str, damage: Callable[[Any], Any], message: str
) -> None:
    copy = tmp_path / folder.name
    shutil.copytree(folder, copy)
    content = json.loads((copy / file).read_text(encoding="utf-8"))
    (copy / file).write_text(json.dumps(damage(content)), encoding="utf-8")
    assert message in refusal(tmp_path, f"hf:{copy}").message


@pytest.mark.parametrize(
    ("number", "message"), [(float("nan"), "numbers that are not finite"), (3e38, "not finite")]
)
def test_weights_that_compute_nothing_are_refused(
    tmp_path: Path, folder: Path, number: float, message: str
) -> None:
    copy = tmp_path / folder.name
    shutil.copytree(folder, copy)
    weights = safetensors.torch.load_file(copy / "model.safetensors")
    weights["model.encoder.layers.0.fc1.weight"].fill_(number)
    safetensors.torch.save_file(weights, copy / "model.safetensors", {"format": "pt"})
    assert message in refusal(tmp_path, f"hf:{copy}").message


def test_a_model_of_several_target_languages_translates_into_each_as_transformers_does(
    tmp_path: Path,
) -> None:
    tags = [">>pt_br<<", ">>es<<", ">>x-y<<"]  # the last is no language
    vocabulary = VOCABULARY | {tag: len(VOCABULARY) + n for n, tag in enumerate(tags)}
    folder = write_checkpoint(tmp_path / "opus-mt-en-ROMANCE", vocabulary)
    assert "does not say between which languages" in refusal(tmp_path, f"hf:{folder}").message
    wrong = refusal(tmp_path, f"hf:{folder}", "--from", "en", "--to", "de")
    assert "does not translate into de" in wrong.message
    assert wrong.hint is not None
    assert "pt_br, es" in wrong.hint
    run = do_import(tmp_path, folder, "--from", "en", "--to", "spa")
    config = run.read_config()
    assert list(map(str, config.data.directions)) == ["en-pt_br", "en-es"]
    assert config.data.direction == ("en", "es")
    assert [each.name for each in sets_of_split(run, "test/figures")] == ["test/figures.en-es"]
    translator = Translator.from_run(run.path, device="cpu")
    checkpoint = load_checkpoint(f"hf:{folder}")
    sentences = list(ENGLISH[:4])
    for to, tag in (("es", ">>es<<"), ("pt-BR", ">>pt_br<<")):
        proof = prove(checkpoint, translator.toward(to), sentences)
        assert (proof.sentences, proof.problem, proof.identical_ids) == (4, "", 1.0)
        asked = checkpoint.tokenizer([f"{tag} {text}" for text in sentences])["input_ids"]
        order = checkpoint.their_ids.tolist()
        parts = translator.toward(to)._processor.parts(sentences, split=False, keep=False)
        assert [[order[i] for i in [*part.read, EOS_ID]] for part in parts] == asked
    assert translator.search([[5, 6, 7]]) != translator.toward("pt-BR").search([[5, 6, 7]])


def test_an_import_of_several_directions_has_no_sets_of_its_own(
    imported: RunDirectory, tmp_path: Path
) -> None:
    config = imported.read_config()
    changes = {"directions": [LanguagePair("de", "fr"), LanguagePair("de", "it")], "test": {}}
    run = RunDirectory(tmp_path)
    languages = {"source_language": "de", "target_language": "fr"}
    data = config.data.model_copy(update={**changes, **languages, "valid": None})
    run.write_config(config.model_copy(update={"data": data}))
    with pytest.raises(AbsentSetError, match="was imported and has no corpora"):
        sets_of_split(run, "test")


def test_a_bpe_model_is_refused() -> None:
    bpe = sentencepieces(ENGLISH, 250, model_type="bpe")
    with pytest.raises(RunError, match="not of the kind unigram"):
        joint_model(bpe, ["<pad>", "<unk>", "<s>", "</s>", *pieces_of(bpe)[3:]])
    spelling = sentencepieces(ENGLISH, 400, byte_fallback=True)
    with pytest.raises(RunError, match="in bytes"):
        joint_model(spelling, ["<pad>", "<unk>", "<s>", "</s>", *PIECES[2:]])


def test_a_revision_is_no_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "mine@home-en-es").mkdir()
    names = {"ana/opus-mt-en-es@refs/pr/1": "opus-mt-en-es"}
    names |= {"ana/opus-mt-en-es@main": "opus-mt-en-es", "opus-mt-en-es": "opus-mt-en-es"}
    names |= {str(tmp_path / "mine@home-en-es"): "mine@home-en-es"}
    for origin, name in names.items():
        assert MarianCheckpoint(f"hf:{origin}", None, None).name == name


def test_other_architectures_are_refused_by_name(tmp_path: Path) -> None:
    config = transformers.BartConfig(architectures=["BartForConditionalGeneration"])
    config.save_pretrained(tmp_path / "bart")
    error = refusal(tmp_path, f"hf:{tmp_path / 'bart'}")
    assert "is a BartForConditionalGeneration, which cannot be imported" in error.message
    assert "MarianMTModel" in error.hint


def test_what_is_not_there_is_named(tmp_path: Path, folder: Path) -> None:
    assert "begin with hf:" in refusal(tmp_path, "Helsinki-NLP/opus-mt-en-es").message
    error = refusal(tmp_path, "hf:./opus-mt-en-es")
    assert "no name of the Hub" in error.message
    assert "there is no opus-mt-en-es" in error.hint
    shutil.copytree(folder, tmp_path / "x-en-es")
    (tmp_path / "x-en-es" / "source.spm").unlink()
    assert "source.spm" in refusal(tmp_path, f"hf:{tmp_path / 'x-en-es'}").hint


def test_a_model_of_the_hub_is_the_one_in_a_folder_also_without_a_network(
    tmp_path: Path, folder: Path
) -> None:
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    with stand_in() as hub:
        hub.repositories["ana/opus-mt-en-es"] = Repository(False, [{**files, "tf_model.h5": b"x"}])
        program = (
            "import huggingface_hub.constants as constants; from translator.importing import *\n"
            f"expected = load_checkpoint('hf:{folder}')\n"
            f"for address in ('{hub.address}', 'http://127.0.0.1:9'):\n"
            "    constants.ENDPOINT = address\n"
            "    checkpoint = load_checkpoint('hf:ana/opus-mt-en-es@main')\n"
            "    assert checkpoint.name == 'opus-mt-en-es' == expected.name\n"
            "    assert checkpoint.pieces == expected.pieces\n"
            "    own, theirs = (each.model.state_dict() for each in (expected, checkpoint))\n"
            "    assert all(own[name].equal(theirs[name]) for name in own | theirs)\n"
        )
        done = run_command(program=program, environment=environment_of(hub, tmp_path))
    assert done.returncode == 0, done.stderr
    assert [each for each in hub.requests if "model.safetensors" in each]
    assert not [each for each in hub.requests if "tf_model" in each]


def test_missing_weights_are_not_drawn_at_random(tmp_path: Path, folder: Path) -> None:
    shutil.copytree(folder, tmp_path / "x-en-es")
    file = tmp_path / "x-en-es" / "model.safetensors"
    weights = safetensors.torch.load_file(file)
    del weights["model.decoder.layers.1.fc1.weight"]
    safetensors.torch.save_file(weights, file, {"format": "pt"})
    message = refusal(tmp_path, f"hf:{tmp_path / 'x-en-es'}").message
    assert "lacks weights: model.decoder.layers.1.fc1.weight" in message


class Bomb:
    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (Path("exploded"),)


def test_pickled_weights_are_read_and_nothing_in_them_is_run(
    tmp_path: Path, folder: Path, imported: RunDirectory
) -> None:
    shutil.copytree(folder, tmp_path / "x-en-es")
    file = tmp_path / "x-en-es" / "model.safetensors"
    weights = safetensors.torch.load_file(file)
    file.unlink()
    pickled = file.with_name("pytorch_model.bin")
    torch.save({**weights, "bomb": Bomb()}, pickled)
    assert "cannot load" in refusal(tmp_path, f"hf:{tmp_path / 'x-en-es'}").message
    torch.save(weights, pickled)
    run = do_import(tmp_path, pickled.parent, "--source", str(some_sentences(tmp_path)))
    assert run.model_sha256() == imported.model_sha256()
    assert not list(tmp_path.rglob("exploded"))


def test_languages_come_from_the_options_the_name_or_the_tokenizer(
    tmp_path: Path, folder: Path
) -> None:
    sentences = str(some_sentences(tmp_path))
    shutil.copytree(folder, tmp_path / "model")
    error = refusal(tmp_path, f"hf:{tmp_path / 'model'}", "--source", sentences)
    assert "does not say between which languages" in error.message
    arguments = ["--from", "fi", "--to", "et", "--name", "named", "--source", sentences]
    run = do_import(tmp_path, tmp_path / "model", *arguments)
    data = run.read_config().data
    assert (run.path.name, data.source_language, data.target_language) == ("named", "fi", "et")
    assert (data.train, data.valid, data.test) == ([], None, {})
    with pytest.raises(DataError, match="was imported and has no corpora"):
        sets_of_split(run, "valid")
    assert "exists already" in refusal(tmp_path, f"hf:{tmp_path / 'model'}", *arguments).message
    with pytest.raises(ConfigError, match=r"data\.train names no corpus: named was imported"):
        list(train(run.read_config()))


@pytest.mark.parametrize("name", ["encoder.layers.0.feed_forward.in_proj.weight", "output.bias"])
def test_a_run_that_computes_anything_else_has_no_proof(
    imported: RunDirectory, folder: Path, name: str
) -> None:
    translator = Translator.from_run(imported.path, device="cpu")
    with torch.no_grad():
        translator.model.get_parameter(name)[7] += 1.0
    proof = prove(load_checkpoint(f"hf:{folder}"), translator, ENGLISH[:8])
    assert "the logits differ by" in proof.problem


def test_the_tolerance_is_of_ids_logits_and_translations() -> None:
    assert Proof(100, 0.99, 0.99, 1e-4).problem == ""
    assert "98.0% of the sentences are read" in Proof(100, 0.98, 1.0, 0.0).problem
    assert Proof(100, 1.0, 0.98, 0.0).problem == ""  # two of a hundred may be luck
    assert "95.0% of the greedy translations" in Proof(100, 1.0, 0.95, 0.0).problem
    assert Proof(7, 1.0, 6 / 7, 0.0).problem == ""
    assert "logits differ by 2.0e-04" in Proof(100, 1.0, 1.0, 2e-4).problem


def test_sentences_of_unknown_characters_prove_nothing(
    imported: RunDirectory, folder: Path
) -> None:
    translator = Translator.from_run(imported.path, device="cpu")
    with pytest.raises(DataError, match="characters of none"):
        prove(load_checkpoint(f"hf:{folder}"), translator, ["日本語", ""])
