"""Attention maps and learning curves; the pages in a real browser."""

import html.parser
import io
import itertools
import json
import math
import re
import subprocess
import threading
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.commands import MAIN, run_command
from tests.helpers import CIPHER, all_of, encoder_decoder, one
from translator import attention_maps
from translator.alignment import attention_weights, recorded_attention
from translator.config import Config
from translator.errors import DataError, RunError
from translator.model import Attention, Seq2SeqTransformer
from translator.runs import RunDirectory
from translator.tokenizer import BOS_ID, EOS_ID, PAD_ID
from translator.translation import Translator
from translator.visualization.attention import (
    END,
    START,
    AttentionMap,
    AttentionMaps,
    Shown,
    attention_arrays,
    attention_page,
    between_words,
    explained,
)
from translator.visualization.curves import METRICS, RunCurves, curves_page, read_curves
from translator.visualization.picture import attention_picture, curves_picture, heads_picture

SENTENCE = "ana bebe nina banana"


@pytest.fixture(scope="module")
def trained(trained_run: RunDirectory) -> Translator:
    return Translator.from_run(trained_run.path, device="cpu")


@pytest.fixture(scope="module")
def deep(trained: Translator) -> Translator:
    """An untrained model of 3 + 2 layers and 4 heads, so that layers and heads are told apart."""
    shape = {"encoder_layers": 3, "decoder_layers": 2, "num_heads": 4, "d_model": 32}
    model_config = trained.config.model.model_copy(update=shape)
    torch.manual_seed(3)
    model = Seq2SeqTransformer(model_config, trained.tokenizer.vocabulary_size)
    config = trained.config.model_copy(update={"model": model_config})
    return Translator(config, trained.tokenizer, model)


@pytest.fixture(scope="module")
def maps(deep: Translator) -> AttentionMaps:
    return attention_maps(deep, SENTENCE, "oto tita rosa")


# --- the weights ----------------------------------------------------------------------------------


@torch.inference_mode()
def test_the_weights_times_the_values_are_what_the_module_computes(deep: Translator) -> None:
    calls: list[tuple[Any, ...]] = []
    modules = [module for module in deep.model.modules() if isinstance(module, Attention)]
    hooks = [m.register_forward_hook(lambda *call: calls.append(call)) for m in modules]
    source = torch.tensor([[5, 6, 7, 8, EOS_ID, 9, EOS_ID, PAD_ID], [5, 6, EOS_ID, *[PAD_ID] * 5]])
    segments = torch.tensor([[1, 1, 1, 1, 1, 2, 2, 0], [1, 1, 1, 0, 0, 0, 0, 0]])
    target = torch.tensor([[BOS_ID, 11, 12, BOS_ID, 13], [BOS_ID, 14, 15, 16, 17]])
    deep.model(source, segments, target, torch.tensor([[1, 1, 1, 2, 2], [1, 1, 1, 1, 1]]))
    for hook in hooks:
        hook.remove()
    assert len(calls) == 3 + 2 * 2
    for module, inputs, output in calls:
        weights = attention_weights(module, *inputs)
        heads = weights @ inputs[1].values
        real = ~weights.isnan().any(dim=-1)[:, 0]  # not the queries at padding, which see nothing
        expected = module.out_proj(heads.transpose(1, 2).flatten(2))
        torch.testing.assert_close(expected[real], output[real])


def test_what_a_token_gives_to_all_others_is_one(maps: AttentionMaps) -> None:
    for each in maps.kinds.values():
        assert each.weights.dtype == np.float32
        assert each.weights.shape[2:] == (len(each.queries), len(each.keys))
        np.testing.assert_allclose(each.weights.sum(axis=-1), 1, atol=1e-6)


def test_the_decoder_never_sees_the_future_and_all_of_the_past(maps: AttentionMaps) -> None:
    weights = maps.decoder_self_attention.weights
    future = np.triu(np.ones(weights.shape[2:], dtype=bool), 1)
    assert (weights[:, :, future] == 0).all()
    assert (weights[:, :, ~future] > 0).all()


@torch.inference_mode()
def test_padding_gets_exactly_nothing_and_changes_nothing(deep: Translator) -> None:
    ids = [5, 6, 7, EOS_ID]
    found = []
    for row in (ids, [*ids, PAD_ID, PAD_ID]):
        source = torch.tensor([row])
        with recorded_attention(deep.model.modules()) as weights:
            deep.model(source, (source != PAD_ID).long(), torch.tensor([[BOS_ID, 11, 12]]))
        found.append([each[0][:, :, : len(ids)] for each in weights.values()])
    for alone, padded in zip(*found, strict=True):
        keys = alone.shape[-1]
        assert (padded[..., keys:] == 0).all()
        torch.testing.assert_close(padded[..., :keys], alone)


@torch.inference_mode()
def test_one_forced_pass_gives_what_decoding_step_by_step_sees(
    deep: Translator, maps: AttentionMaps
) -> None:
    source, target = deep.tokenizer.encode([SENTENCE, "oto tita rosa"])
    ids = torch.tensor([[*source, EOS_ID]])
    for step in range(len(target) + 1):
        with recorded_attention(deep.model.modules()) as weights:
            deep.model(ids, torch.ones_like(ids), torch.tensor([[BOS_ID, *target[:step]]]))
        for index, layer in enumerate(encoder_decoder(deep.model).decoder.layers):
            [seen] = weights[layer.cross_attention]
            forced = maps.cross_attention.weights[index, :, step]
            np.testing.assert_allclose(seen[0, :, -1], forced, atol=1e-5)
            [seen] = weights[layer.self_attention]
            forced = maps.decoder_self_attention.weights[index, :, step]
            np.testing.assert_allclose(seen[0, :, -1], forced[:, : step + 1], atol=1e-5)


def test_a_view_is_a_head_of_a_layer_or_their_average(maps: AttentionMaps) -> None:
    cross = maps.cross_attention
    assert np.array_equal(cross.view(1, 2), cross.weights[1, 2])
    np.testing.assert_allclose(cross.view(1), sum(cross.weights[1]) / 4, atol=1e-6)
    heads = [cross.view(layer, head) for layer in range(2) for head in range(4)]
    np.testing.assert_allclose(cross.view(), sum(heads) / 8, atol=1e-6)


def test_words_share_the_attention_of_their_pieces(deep: Translator) -> None:
    maps = attention_maps(deep, "zanahoria ana  naranja", "ana limonada")
    pieces, between = maps.cross_attention, between_words(maps)
    words = between.cross_attention
    assert words.keys == ("zanahoria", "ana", "naranja", END)
    assert words.queries == ("ana", "limonada", END)
    np.testing.assert_allclose(words.weights.sum(axis=-1), 1, atol=1e-6)
    rows = [i for i, piece in enumerate(pieces.queries) if piece.startswith("▁")]
    columns = [j for j, piece in enumerate(pieces.keys) if piece.startswith("▁")]
    second = pieces.weights[:, :, rows[1] : -1, columns[0] : columns[1]].sum(axis=-1).mean(axis=-1)
    assert len(pieces.queries) - 1 - rows[1] > 1 and columns[1] > 1  # words of several pieces
    np.testing.assert_allclose(words.weights[:, :, 1, 0], second, atol=1e-6)
    assert np.array_equal(words.weights[:, :, 2, 3], pieces.weights[:, :, -1, -1])
    assert between.encoder_self_attention.queries == words.keys
    own = between.decoder_self_attention
    assert own.keys == (START, "ana", "limonada") and own.queries == words.queries
    for each in between.kinds.values():
        np.testing.assert_allclose(each.weights.sum(axis=-1), 1, atol=1e-6)
    ends = [
        len(row)
        for row in embedded(attention_page(between))["maps"]["decoder_self_attention"]["weights"][
            0
        ][0]
    ]
    assert ends == [1 + (rows[1] > 1), 3, 3]  # a word is seen by its own later pieces


def test_recording_ends_and_leaves_other_threads_out(deep: Translator) -> None:
    expected = attention_maps(deep, SENTENCE, "oto")
    stop = threading.Event()

    def translate() -> None:
        while not stop.is_set():
            deep.translate(["bebe", "nina ana"], details=True)

    thread = threading.Thread(target=translate)
    thread.start()
    try:
        found = [attention_maps(deep, SENTENCE, "oto") for _ in range(30)]
        with recorded_attention(deep.model.modules()) as weights:
            ids = torch.tensor([[5, EOS_ID]])
            deep_thread = threading.Thread(target=deep.model, args=(ids, ids.clip(1, 1), ids))
            deep_thread.start()
            deep_thread.join()
    finally:
        stop.set()
        thread.join()
    assert not any(weights.values())
    for kind, each in expected.kinds.items():
        for other in found:
            assert np.array_equal(other.kinds[kind].weights, each.weights)
    assert not any(module._forward_hooks for module in deep.model.modules())


# --- the maps of a translation --------------------------------------------------------------------


def test_without_a_translation_it_is_the_models_own(trained: Translator) -> None:
    maps = attention_maps(trained, "ana nabe")
    assert maps.translation == trained.translate(["ana nabe"])[0].text == "oto sisi"
    tokens = tuple(trained.tokenizer.pieces(trained.tokenizer.encode(["ana nabe"])[0]))
    assert maps.encoder_self_attention.queries == (*tokens, "⟨end⟩")
    assert maps.cross_attention.keys == maps.encoder_self_attention.keys
    assert maps.cross_attention.queries == maps.decoder_self_attention.queries
    assert maps.decoder_self_attention.queries[-1] == "⟨end⟩"
    assert maps.decoder_self_attention.keys[0] == "⟨start⟩"
    assert maps.decoder_self_attention.keys[1:] == maps.decoder_self_attention.queries[:-1]
    assert (maps.source_language, maps.target_language) == ("en", "es")


def test_the_trained_model_looks_at_the_word_that_it_translates(trained: Translator) -> None:
    """Of a cipher nothing else can be learned: word n comes from word n."""
    words = ["banana", "ene", "abba", "nina"]
    maps = attention_maps(trained, " ".join(words), " ".join(CIPHER[word] for word in words))
    weights = maps.cross_attention.view()
    begins = [i for i, token in enumerate(maps.cross_attention.queries) if token[0] == "▁"]
    word_of_key = np.cumsum([token[0] == "▁" for token in maps.cross_attention.keys]) - 1
    for word, row in enumerate(begins):
        shares = [weights[row][word_of_key == each].sum() for each in range(len(words))]
        assert int(np.argmax(shares)) == word


def test_what_cannot_be_looked_at_in_one_piece_is_refused(trained: Translator) -> None:
    with pytest.raises(DataError, match="no text"):
        attention_maps(trained, "  ")
    with pytest.raises(DataError, match="looks at 40 at once"):
        attention_maps(trained, "ana " * 60)
    with pytest.raises(DataError, match=r"translation has .* looks at 63"):
        attention_maps(trained, "ana", "oto " * 80)
    assert attention_maps(trained, "ana", "").cross_attention.queries == ("⟨end⟩",)


def test_the_arrays_come_back_from_the_archive_without_pickle(maps: AttentionMaps) -> None:
    with np.load(io.BytesIO(attention_arrays(maps)), allow_pickle=False) as archive:
        for kind, each in maps.kinds.items():
            assert np.array_equal(archive[kind], each.weights)
        assert tuple(archive["source_tokens"]) == maps.cross_attention.keys
        assert tuple(archive["target_tokens"]) == maps.cross_attention.queries
        assert tuple(archive["decoder_input_tokens"]) == maps.decoder_self_attention.keys
        assert str(archive["source"]) == SENTENCE


# --- pictures -------------------------------------------------------------------------------------


def size_of(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def test_a_picture_shows_the_layer_and_the_head_that_are_asked_for(maps: AttentionMaps) -> None:
    average, one, other = (
        attention_picture(maps, *place).png for place in ((None, None), (1, 2), (1, 3))
    )
    assert len({average, one, other}) == 3
    assert attention_picture(maps, 1, 3).png == other
    assert size_of(attention_picture(maps, 2).png)[0] < size_of(one)[0]  # the encoder's alone
    assert list(maps.kinds_with(2, None)) == ["encoder_self_attention"]
    one_layer = {kind: replace(each, weights=each.weights[:1]) for kind, each in maps.kinds.items()}
    lower = heads_picture(replace(maps, kinds=one_layer)).png
    assert size_of(lower)[1] < size_of(heads_picture(maps).png)[1]
    for place in ((3, None), (None, 4), (3, 0)):
        for draw in (attention_picture, attention_page):
            with pytest.raises(DataError, match="there is no") as error:
                draw(maps, *place)
            assert "3 of the encoder, 2 of the decoder; heads: 4" in error.value.hint


def test_characters_that_no_font_has_are_told_once_and_not_warned_of(deep: Translator) -> None:
    odd = attention_maps(deep, "$x_2$ ana 𒀀", "مرحبا $\\frac$ שלום ñ")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = attention_picture(odd)
    assert picture.missing == "𒀀"  # the byte pieces are written out; the sentence is in the title


def ink_at_the_sides(png: bytes) -> bool:
    """Whether something is drawn in the first or the last column of pixels."""
    from matplotlib.image import imread

    return bool((imread(io.BytesIO(png))[:, [0, -1], :3] < 1.0).any())


def test_a_title_breaks_between_sentence_and_translation(
    maps: AttentionMaps, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.figure import Figure

    titles: list[str] = []
    monkeypatch.setattr(Figure, "suptitle", lambda figure, title, **style: titles.append(title))
    for count in (1, 8):
        source, translation = " ".join(["ana"] * count), " ".join(["oto"] * count)
        attention_picture(replace(maps, source=source, translation=translation), 2)
    [fits, breaks] = [title.splitlines()[:-1] for title in titles]  # without what is drawn
    assert fits == ["ana  →  oto"]
    assert breaks == [source, f"→  {translation}"]


def test_every_view_says_where_what_a_row_lacks_goes(
    maps: AttentionMaps, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.figure import Figure

    titles: list[str] = []
    monkeypatch.setattr(Figure, "suptitle", lambda figure, title, **style: titles.append(title))
    tagged = replace(maps, tag=">>es<<")
    goes = (
        "row adds up to 1 with what goes to >>es<<, the tag of the direction, which is not shown."
    )
    for each in (maps, tagged):
        attention_picture(each)
        heads_picture(each)
    whole, heads, partial, partial_heads = (" ".join(title.split("\n")[1:]) for title in titles)
    assert (whole, heads) == ("average of all layers, average of all heads", "Cross-attention")
    assert partial == f"{whole} Cross-attention and encoder self-attention: a {goes}"
    assert partial_heads == f"{heads} Cross-attention: a {goes}"
    told = embedded(attention_page(tagged))["maps"]
    for kind in maps.kinds:
        is_partial = kind != "decoder_self_attention"
        assert (f"A {goes}" in told[kind]["explanation"]) == is_partial
        assert ("A row adds up to 1." in told[kind]["explanation"]) == (not is_partial)
    assert "the rest of a row goes to &gt;&gt;es&lt;&lt;, the tag" in tagged._repr_html_()
    assert "the rest" not in maps._repr_html_()


@pytest.mark.parametrize("unit", ["token", "word"])
def test_rows_and_columns_are_called_what_they_are(
    maps: AttentionMaps, unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.figure import Figure

    axes: list[str] = []
    monkeypatch.setattr(Figure, "supxlabel", lambda figure, label, **style: axes.append(label))
    shown = maps if unit == "token" else between_words(maps)
    heads_picture(shown)
    assert axes == [f"key: the {unit} that is looked at"]
    told = {
        kind: each["explanation"] for kind, each in embedded(attention_page(shown))["maps"].items()
    }
    assert f"Each row is a {unit} of the translation" in told["cross_attention"]
    assert f"the columns are the {unit}s of the source" in told["cross_attention"]
    assert f"Each row is a {unit} of the source" in told["encoder_self_attention"]
    own = "A word of several tokens sees its own earlier tokens."
    assert [own in each for each in told.values()] == [False, False, unit == "word"]
    seen = replace(shown, shown=Shown(np.zeros((8, 8, 3), np.uint8), (2, 2)))
    assert f"row is a {unit} of" in explained(seen, "cross_attention")
    assert "columns are the places of the picture" in explained(seen, "cross_attention")


@pytest.mark.parametrize(
    "sentence", ["ana", "ana " * 40, "Donaudampfschifffahrtsgesellschaftskapitän", "翻訳" * 60]
)
def test_no_text_of_a_picture_is_cut_at_its_sides(maps: AttentionMaps, sentence: str) -> None:
    word = sentence.split()[0][:45]
    alone = AttentionMap(np.full((2, 4, 2, 2), 0.5, np.float32), (word, END), (word, END))
    few = replace(maps, source=sentence, translation="", kinds={"encoder_self_attention": alone})
    for picture in (attention_picture(few), heads_picture(few)):
        assert not ink_at_the_sides(picture.png)
    shown = Shown(np.full((8, 8, 3), 255, np.uint8), (1, 1))
    cross = AttentionMap(np.ones((1, 1, 2, 1), np.float32), (word[:9], END), ("1·1",))
    seen = replace(few, kinds={"cross_attention": cross}, shown=shown)
    assert not ink_at_the_sides(attention_picture(seen).png)


def test_a_legend_takes_the_lines_that_it_needs(trained_run: RunDirectory) -> None:
    [run] = read_curves([trained_run])
    heights = []
    for names in (["one"], ["a" * 50, "b" * 50, "c" * 50], ["word " * 60, *map(str, range(20))]):
        png = curves_picture([replace(run, name=name) for name in names], "steps").png
        assert not ink_at_the_sides(png)
        heights.append(size_of(png)[1])
    assert heights[0] < heights[1] < heights[2]


def test_long_sentences_are_drawn_one_map_below_the_other(deep: Translator) -> None:
    long = attention_maps(deep, "ana bebe nina " * 8, "oto tita rosa " * 8)
    width, height = size_of(attention_picture(long).png)
    assert height > 1.5 * width


def test_no_picture_has_more_pixels_than_can_be_drawn(
    maps: AttentionMaps, monkeypatch: pytest.MonkeyPatch
) -> None:
    for draw in (attention_picture, heads_picture):
        assert max(size_of(draw(maps).png)) > 500
    monkeypatch.setattr("translator.visualization.picture._MOST_PIXELS", 500)
    for draw in (attention_picture, heads_picture):
        assert max(size_of(draw(maps).png)) == 500


# --- learning curves ------------------------------------------------------------------------------


def logged(path: Path, *lines: str | dict[str, Any]) -> RunDirectory:
    """A run directory with these lines in its metrics.jsonl."""
    path.mkdir(parents=True)
    run = RunDirectory(path)
    texts = [line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines]
    run.metrics_file.write_text("".join(texts), encoding="utf-8")
    return run


def step(number: int, loss: float, seconds: float) -> dict[str, Any]:
    speed = {"learning_rate": 0.001 * number, "tokens_per_second": 100}
    return {"step": number, "train_loss": loss, "seconds": seconds, **speed}


def test_the_curves_are_what_training_logged(trained_run: RunDirectory) -> None:
    [run] = read_curves([trained_run])
    assert run.name == "tiny"
    entries = trained_run.read_metrics()
    for key in METRICS:
        values = tuple(entry[key] for entry in entries if key in entry)
        assert values == run.curves[key].values
    last = [entry for entry in entries if "seconds" in entry][-1]
    assert run.curves["train_loss"].minutes[-1] == last["seconds"] / 60
    assert run.curves["valid_bleu"].minutes == (last["seconds"] / 60,)  # of the same step


def test_interrupted_resumed_and_diverged_runs_are_read(tmp_path: Path) -> None:
    run = logged(
        tmp_path / "run",
        step(10, 5.0, 60.0),
        {"step": 15, "valid_loss": 4.0, "valid_bleu": 1.0, "valid_chrf": 2.0},
        step(20, 3.0, 180.0),
        step(20, 2.5, 180.0),  # once more, by a copy that was trained on
        '{"step": 30, "train_loss": NaN, "seconds": 240.0}\n',
        '["no", "entry"]\n',
        {"step": 35, "valid_loss": 3.0},
        '{"step": 40, "train_l',  # killed while it wrote
    )
    curves = read_curves([run])[0].curves
    assert curves["train_loss"].steps == (10, 20)
    assert curves["train_loss"].values == (5.0, 2.5)
    assert curves["train_loss"].minutes == (1.0, 3.0)
    assert curves["valid_loss"].minutes[0] == 2.0  # half way between two log lines
    assert math.isnan(curves["valid_loss"].minutes[1])  # no later line tells the time yet
    assert curves["valid_bleu"].steps == (15,)
    page = curves_page(read_curves([run]))
    assert '"minutes":[2.0,null]' in page
    assert size_of(curves_picture(read_curves([run]), "minutes").png)


def test_a_run_before_its_first_validation_is_drawn(tmp_path: Path) -> None:
    runs = read_curves([logged(tmp_path / "run", step(10, 5.0, 60.0))])
    assert "valid_bleu" not in runs[0].curves
    assert size_of(curves_picture(runs, "steps").png)


def test_too_few_points_for_a_curve_are_told_with_what_to_set(tmp_path: Path) -> None:
    valid = {"step": 60, "valid_loss": 4.0, "valid_bleu": 1.0, "valid_chrf": 2.0}
    run = logged(tmp_path / "run", step(50, 5.0, 50.0), step(60, 4.0, 60.0), valid)
    told = (
        "run: 2 log lines{} and 1 validation{} by step 60 are too few points for a curve; a longer "
        "training has more, and so has one with training.log_every_steps=6 and "
        "training.validate_every_steps=15"
    )
    assert read_curves([run])[0].few_points == told.format("", "")
    run.write_config(Config())
    [few] = read_curves([run])
    assert few.few_points == told.format(" (one every 50 steps)", " (one every 235 steps)")
    assert f"<p>{few.few_points}</p>" in curves_page([few])
    assert few.few_points in command("plot", run.path, "-o", tmp_path / "curves").stderr
    enough = [step(n, 1.0, n) | {"valid_loss": 1.0} for n in (10, 20, 30)]
    assert read_curves([logged(tmp_path / "enough", *enough)])[0].few_points == ""


def test_runs_of_one_name_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    runs = [logged(tmp_path / place / "x", step(10, 5.0, 60.0)) for place in ("a", "b")]
    assert [run.name for run in read_curves(runs)] == [str(run.path) for run in runs]


def test_a_run_without_metrics_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run directory"):
        read_curves([RunDirectory(tmp_path / "none")])
    nan = '{"step": 50, "valid_loss": NaN}\n'
    for lines in ([], ['{"step": 50, "tra'], [{"step": 50, "other": 1}], [nan]):
        run = logged(tmp_path / f"run{len(list(tmp_path.iterdir()))}", *lines)
        with pytest.raises(RunError, match=r"metrics\.jsonl holds no metrics yet"):
            read_curves([run])


# --- pages ----------------------------------------------------------------------------------------


class Links(html.parser.HTMLParser):
    """Everything in a page that could be fetched."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "action")]


def embedded(page: str) -> Any:
    """The JSON that a page carries."""
    start = page.index('id="data">') + len('id="data">')
    return json.loads(page[start : page.index("</script>", start)])


def test_a_page_carries_its_weights_and_fetches_nothing(maps: AttentionMaps) -> None:
    page = attention_page(maps)
    assert Links(page).found == []
    data = embedded(page)
    for kind, each in maps.kinds.items():
        for layer, head in itertools.product(range(len(each.weights)), range(4)):
            for i, row in enumerate(data["maps"][kind]["weights"][layer][head]):
                shown = each.weights[layer, head, i]
                np.testing.assert_allclose(
                    np.array(row) / data["one"], shown[: len(row)], atol=1e-4
                )
                assert (shown[len(row) :] == 0).all()  # the future
    seen = np.array([[0.5, 0.5, 0], [0.5, 0.5, 0], [0.3, 0.3, 0.4]], np.float32)
    alone = AttentionMap(seen[None, None], ("ana", START, "oto"), ("ana", START, "oto"))
    data = embedded(attention_page(replace(maps, kinds={"self_attention": alone})))
    assert [len(row) for row in data["maps"]["self_attention"]["weights"][0][0]] == [2, 2, 3]


def test_a_page_cannot_be_broken_by_its_texts(deep: Translator, tmp_path: Path) -> None:
    text = "</script><script> {{data}} \\"
    page = attention_page(attention_maps(deep, text, "<!-- & \u2028 {{style}}"))
    assert page.count("<script>") == 1
    assert embedded(page)["source"] == text
    run = RunCurves(
        "<b>{{title}}</b>", read_curves([logged(tmp_path / "r", step(1, 1, 1))])[0].curves
    )
    assert embedded(curves_page([run]))["runs"][0]["name"] == run.name
    assert "<b>" not in curves_page([run])


# --- the commands ---------------------------------------------------------------------------------


def command(*arguments: object, without: str = "") -> subprocess.CompletedProcess[str]:
    """Run `translator`, as if a library were not installed."""
    program = f"import sys; sys.modules[{without!r}] = None; " if without else ""
    return run_command(*arguments, program=program + MAIN)


def test_the_commands_write_their_files(trained_run: RunDirectory, tmp_path: Path) -> None:
    stem = tmp_path / "new" / "v1.5"
    done = command("attention", "ana bebe", "--run", trained_run.path, "-o", f"{stem}.png")
    assert done.returncode == 0, done
    files = [Path(f"{stem}{ending}") for ending in (".html", ".npz", ".png", "-heads.png")]
    assert done.stdout.split() == [str(file) for file in files]
    assert "ana bebe  →  oto tita" in done.stderr
    maps = attention_maps(Translator.from_run(trained_run.path, device="cpu"), "ana bebe")
    assert files[0].read_text(encoding="utf-8") == attention_page(between_words(maps))
    with np.load(files[1]) as arrays:
        assert np.array_equal(arrays["cross_attention"], maps.cross_attention.weights)
    done = command("attention", "ana bebe", "--run", trained_run.path, "-o", stem, "--pieces")
    assert files[0].read_text(encoding="utf-8") == attention_page(maps)
    for name, kind in (("encoder", "encoder_self_attention"), ("cross", "cross_attention")):
        chosen = command(
            "attention", "ana bebe", "--run", trained_run.path, "-o", stem, "--attention", name
        )
        assert chosen.returncode == 0, chosen
        words = between_words(maps)
        assert (
            files[3].read_bytes()
            == heads_picture(replace(words, kinds={kind: words.kinds[kind]})).png
        )
        assert embedded(files[0].read_text(encoding="utf-8"))["kind"] == kind
    done = command("plot", trained_run.path, "--output", tmp_path / "curves")
    assert done.returncode == 0, done
    names = ("curves.html", "curves.png", "curves-minutes.png")
    assert done.stdout.split() == [str(tmp_path / name) for name in names]
    page = (tmp_path / "curves.html").read_text(encoding="utf-8")
    assert page == curves_page(read_curves([trained_run]))


@pytest.mark.parametrize("name", ["attention", "plot"])
def test_without_matplotlib_a_picture_is_left_out_unless_it_is_asked_for(
    trained_run: RunDirectory, tmp_path: Path, name: str
) -> None:
    words = ["ana", "--run", trained_run.path] if name == "attention" else [trained_run.path]
    done = command(name, *words, "-o", tmp_path / "a", without="matplotlib")
    assert done.returncode == 0, done
    assert "note: no picture" in done.stderr and "pip install 'matplotlib" in done.stderr
    assert "Traceback" not in done.stderr
    pages = {file.name for file in tmp_path.iterdir()}
    assert pages == {Path(file).name for file in done.stdout.split()}
    assert "a.html" in pages and "a.png" not in pages
    done = command(name, *words, "-o", tmp_path / "b.png", without="matplotlib")
    assert done.returncode == 1
    assert "error: a PNG picture needs Matplotlib" in done.stderr
    assert (tmp_path / "b.html").is_file()


# --- in a real browser ----------------------------------------------------------------------------


def show(browser: Any, page: str, folder: Path) -> None:
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    browser.get(file.as_uri())


def assert_quiet(browser: Any) -> None:
    """Nothing was fetched but the page, and nothing was complained of."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    fetched = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert fetched and all(url.startswith(("file:", "data:")) for url in fetched), fetched
    assert browser.get_log("browser") == []


def choose(browser: Any, layer: str, head: str) -> None:
    for id_, text in (("layer", layer), ("head", head)):
        one(browser, f"#{id_}").send_keys(text)
        assert one(browser, f"#{id_} option:checked").text == text


def shown(browser: Any) -> list[list[str]]:
    """What a screen reader would be told of each cell, row by row."""
    script = """return [...document.querySelectorAll("tbody tr")].map((row) =>
        [...row.querySelectorAll("td")].map((cell) => cell.getAttribute("aria-label")))"""
    cells: list[list[str]] = browser.execute_script(script)
    return cells


@pytest.mark.slow
def test_kind_layer_and_head_are_chosen_in_the_page(
    browser: Any, maps: AttentionMaps, tmp_path: Path
) -> None:
    show(browser, attention_page(maps, layer=1), tmp_path)
    assert_close_to(shown(browser), maps.cross_attention.view(1))
    for kind, each in maps.kinds.items():
        one(browser, f"input[value={kind}]").click()
        choose(browser, "2", "3")
        assert_close_to(shown(browser), each.view(1, 2))
        choose(browser, "average", "1")
        assert_close_to(shown(browser), each.view(None, 0))
        header = [cell.text for cell in all_of(browser, "thead th")]
        assert header == list(each.keys)
        assert [cell.text for cell in all_of(browser, "tbody th")] == list(each.queries)
        one(browser, '#heads button[aria-label="layer 2, head 4"]').click()
        assert_close_to(shown(browser), each.view(1, 3))
        assert [at.get_attribute("title") for at in all_of(browser, "[aria-pressed=true]")] == [
            "layer 2, head 4"
        ]
        assert one(browser, "#explanation").text == explained(maps, kind)
    assert_quiet(browser)


def assert_close_to(cells: list[list[str]], weights: np.ndarray[Any, Any]) -> None:
    assert (len(cells), len(cells[0])) == weights.shape
    for row, expected in zip(cells, weights, strict=True):
        for text, weight in zip(row, expected, strict=True):
            value = 0.0 if text == "the future, not seen" else float(text)
            assert value == pytest.approx(weight, abs=0.0007)


@pytest.mark.slow
def test_pointing_and_the_keyboard_show_a_weight_and_light_its_row_and_column(
    browser: Any, maps: AttentionMaps, tmp_path: Path
) -> None:
    from selenium.webdriver import ActionChains, Keys

    show(browser, attention_page(maps), tmp_path)
    cross = maps.cross_attention
    weights = np.round(cross.view() * 1000).astype(int)  # what three digits say

    def readout() -> str:
        return str(one(browser, "#readout").text)

    def told() -> int:
        return int(re.findall(r"0\.(\d{3})", readout())[0])

    def lit() -> list[str]:
        return [header.text for header in all_of(browser, "th.lit")]

    row = all_of(browser, "tbody tr")[2]
    ActionChains(browser).move_to_element(row.find_elements("css selector", "td")[3]).perform()
    assert abs(told() - weights[2, 3]) <= 1
    assert f"writing {cross.queries[2]} looks at {cross.keys[3]} with weight" in readout()
    assert lit() == [cross.keys[3], cross.queries[2]]
    one(browser, "#head").send_keys(Keys.TAB)  # into the map
    keys = [Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.END, Keys.ARROW_RIGHT, Keys.ARROW_LEFT]
    ActionChains(browser).send_keys(*keys).perform()
    assert lit() == [cross.keys[-2], cross.queries[2]]
    assert abs(told() - weights[2, -2]) <= 1
    assert browser.switch_to.active_element.get_attribute("aria-label") in readout()
    one(browser, "input[value=decoder_self_attention]").click()
    future = all_of(browser, "tbody tr")[0].find_elements("css selector", "td")[2]
    ActionChains(browser).move_to_element(future).perform()
    assert "does not see" in readout() and "not written yet" in readout()
    assert_quiet(browser)


@pytest.mark.slow
def test_the_picture_that_was_seen_is_shown(
    browser: Any, maps: AttentionMaps, tmp_path: Path
) -> None:
    keys = len(maps.cross_attention.keys)
    seen = replace(maps, shown=Shown(np.zeros((8, 6, 3), np.uint8), (1, keys)))
    show(browser, attention_page(seen), tmp_path)
    size = "const seen = document.querySelector('#shown img'); return [seen.naturalWidth, "
    assert browser.execute_script(f"{size}seen.naturalHeight]") == [6, 8]
    assert len(all_of(browser, "#tiles div")) == keys
    assert_quiet(browser)


@pytest.mark.slow
def test_pointing_at_a_curve_shows_its_values(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains, Keys

    points = [step(10 * n, 5 - n, 60.0 * n * n) for n in range(1, 5)]
    first = logged(tmp_path / "first", *points, {"step": 20, "valid_bleu": 31.24})
    second = logged(tmp_path / "second", *points[:2])
    show(browser, curves_page(read_curves([first, second])), tmp_path)
    charts = dict(zip(METRICS, all_of(browser, "figure"), strict=True))

    def readout(chart: Any) -> list[str]:
        return str(chart.find_element("css selector", "output").text).split("\n")

    loss = charts["train_loss"]
    svg = loss.find_element("css selector", "svg")
    half = svg.size["width"] / 2
    ActionChains(browser).move_to_element_with_offset(svg, half - 20, 0).perform()
    assert readout(loss) == ["first, step 40: 1.000", "second, step 20: 3.000"]
    speed = charts["tokens_per_second"]  # not at the window's edge
    speed_svg = speed.find_element("css selector", "svg")
    ActionChains(browser).move_to_element_with_offset(speed_svg, 60 - half, 0).perform()
    assert readout(speed) == ["first, step 10: 100", "second, step 10: 100"]
    assert readout(loss) == [""]
    bleu = charts["valid_bleu"].find_element("css selector", "svg")
    browser.execute_script("arguments[0].focus()", bleu)
    bleu.send_keys(Keys.ARROW_RIGHT)
    assert readout(charts["valid_bleu"]) == ["first, step 20: 31.2"]
    one(browser, "input[value=minutes]").click()
    browser.execute_script("arguments[0].focus()", svg)
    svg.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert readout(loss) == ["first, minute 9: 2.000", "second, minute 4: 3.000"]
    assert "nothing logged yet" in charts["valid_chrf"].text
    assert "one point: too few for a curve" in charts["valid_bleu"].text
    assert "minutes of training" in loss.text and "too few" not in loss.text
    assert "31.2 at step 20" in one(browser, "#figures").text
    assert_quiet(browser)
