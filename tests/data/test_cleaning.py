"""Cleaning: which pairs are mended, which are dropped, by which rule, and that all are counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spoiled import mojibake
from translator import processes
from translator.config import CleaningConfig, Config, CorpusConfig, dump_config, load_config
from translator.data import Cleaner, Counts, SentencePair, cleaning, encode_pairs, read_pairs
from translator.data.mending import mend, strip_tags, tags
from translator.text.languages import guess_language
from translator.tokenizer import Tokenizer


def clean(*pairs, source="en", target="es", **settings):
    """The kept pairs, and the counts."""
    counts = Counts()
    cleaner = Cleaner(CleaningConfig(**settings), source, target)
    kept = list(cleaner.clean([SentencePair(*pair) for pair in pairs], counts))
    return kept, counts


# --- rules ----------------------------------------------------------------------------------------

LONG = "a sentence that has a great many words " * 60
DROPPED = [
    ("empty source", ("", "Hola."), {}),
    ("empty target", ("Hello.", " \u200b\t "), {}),
    ("broken encoding", ("Hello.", "Ma\ufffdana."), {}),
    ("broken encoding", ("Hello.", "Lone \ud800 surrogate."), {}),
    ("broken encoding", ("He said so.", "Lo dijo.â€ofrece"), {}),
    ("too short", ("Hi.", "Hola a todos."), {"min_characters": 5}),
    ("too long", (LONG, LONG.replace("a", "e")), {}),
    ("markup", ("Read this.", "<b>Lee</b> esto."), {}),
    ("markup", ("Read this.<br/>", "Lee esto."), {}),
    ("markup", ("A comment.", "Un <!-- secreto --> comentario."), {}),
    ("boilerplate", ("Our Cookie Policy has changed.", "La política ha cambiado."), {}),
    ("boilerplate", ("Our policy has changed.", "La POLÍTICA DE COOKIES ha cambiado."), {}),
    ("boilerplate", ("Hier ist die Straße.", "Aquí está la calle."), {"boilerplate": ["STRAßE"]}),
    ("boilerplate", ("https://example.com/a", "https://example.com/b"), {}),
    ("boilerplate", ("Mail me.", "nadie@example.com"), {}),
    ("few letters", ("3 + 4 = 7", "3 + 4 = 7"), {}),
    ("few letters", ("* * * * *", "Capítulo nuevo"), {}),
    ("wrong script", ("Good morning.", "Доброе утро."), {}),
    ("wrong script", ("早上好，大家", "Buenos días a todos."), {}),
    ("length ratio", ("Yes.", "No, " * 30), {}),
    ("copy", ("Please press any key.", "Please press any key!"), {}),
    ("copy", ("Please press ANY key.", "please press any key"), {}),
    ("numbers differ", ("It was in 1998.", "Fue en aquel año."), {}),
    ("numbers differ", ("It was in 1998.", "Fue en 1989."), {}),
    ("numbers differ", ("Nobody knows.", "Murieron 21.343 personas."), {}),
    ("wrong language", ("She lives in a small house.", "She has a house of her own."), "langid"),
]
KEPT = [
    (("Hi.", "Hola."), {}),
    (("OK", "OK"), {}),
    (("New York", "New York"), {}),
    (("John F. Kennedy International", "John F. Kennedy International"), {"min_copied_words": 9}),
    (("1984", "1984"), {"min_letter_share": 0}),
    (("c = λν", "c = λν"), {}),
    (("I love 東京.", "Me encanta 東京."), {}),
    (("He wrote 中文.", "Escribió 中文."), {}),
    (("Press <b>Save</b>.", "Pulse <b>Guardar</b>."), {}),
    (("If a < b and c > d.", "Si a < b y c > d."), {}),
    (("Use <name> here.", "Use <nombre> aquí."), {}),
    (("See https://example.com/a.", "Vea https://example.com/a."), {}),
    (("It costs 1,000,000 dollars.", "Cuesta 1.000.000 de dólares."), {}),
    (("At 19:30.", "A las siete y media."), {}),
    (("In the 1980s.", "En los ochenta."), {}),
    (("I am 42 years old.", "Tengo cuarenta y dos años."), {}),
    (("It is 3.1416.", "Es 3,1416."), {}),
    (("It was in 1998.", "Fue en 1989."), {"min_number_digits": None}),
    (("Bloody hell, what a shitty day.", "Joder, qué día de mierda."), {}),
    (("SÃO PAULO", "SÃO PAULO"), {}),
    (("MANHÃ — MANHÃ", "PŘIBLÍŽÍŠ"), {}),
    (("I have eaten.", "TÔI ĐÃ ĂN CƠM."), {}),
    (("AMANHÃ—", "MANHÃ–"), {}),
    (("«SE CAYÓ»", "«IRMû"), {}),
    (("Hôtel «à côté»", "Château d’Â"), {}),
    (("Fire!", "¡Fuego!"), "langid"),
    (("She lives in a small house.", "Ella vive en una casa pequeña."), "langid"),
]


def settings_of(given_settings):
    return {"language": True} if given_settings == "langid" else given_settings


@pytest.mark.parametrize(("rule", "pair", "settings"), DROPPED)
def test_a_pair_that_breaks_a_rule_is_dropped_by_its_name(rule, pair, settings):
    kept, counts = clean(pair, **settings_of(settings))
    assert (kept, counts.read, counts.dropped) == ([], 1, {rule: 1})


@pytest.mark.parametrize(("pair", "settings"), KEPT)
def test_a_sound_pair_is_kept_as_it_is(pair, settings):
    kept, counts = clean(pair, **settings_of(settings))
    assert (kept, counts) == ([pair], Counts(read=1, kept=1))


def test_addresses_without_a_scheme_are_boilerplate():
    assert clean(("www.example.com", "www.ejemplo.es"))[1].dropped == {"boilerplate": 1}


def test_a_capital_before_a_no_break_space_is_no_mojibake():
    assert clean(("SOCIETY", "XÃ\u00a0HỘI"))[0] == [("SOCIETY", "XÃ HỘI")]
    assert clean(("there it is", "voilÃ\u00a0 oÃ¹"))[0] == [("there it is", "voilà où")]


def test_the_first_rule_that_a_pair_breaks_is_counted():
    assert clean(("", "https://example.com 1998 <b>"))[1].dropped == {"empty source": 1}


def test_cleaning_that_is_off_changes_nothing():
    pairs = [("", "\ufeffx"), ("a  b", "<b>"), ("a  b", "<b>")]
    kept, counts = clean(*pairs, enabled=False)
    assert (kept, counts) == (pairs, Counts(read=3, kept=3))


def test_scripts_are_those_of_the_language():
    pair = ("Good morning, all.", "Доброе утро всем.")
    assert clean(pair, target="ru")[0] == [pair]
    assert clean(pair, target="sr-Latn")[1].dropped == {"wrong script": 1}
    assert clean(pair, target="sr-Cyrl")[0] == [pair]
    assert clean(pair, target="tlh")[0] == [pair]  # nothing is known of its script
    assert clean(pair, target="rus_Cyrl")[0] == [pair]
    assert clean(pair, target="spa_Latn")[1].dropped == {"wrong script": 1}
    assert clean(("We eat rice every day.", "我们每天都吃米饭。"), target="zh")[1].kept == 1


def test_a_sign_of_chinese_weighs_as_much_as_the_letters_that_it_stands_for():
    pair = ("Open the workbook in Microsoft Excel", "在 Microsoft Excel 中打开工作簿")
    assert clean(pair, target="zh")[0] == [pair]
    wrong = ("Open the workbook in Microsoft Excel", "Open it in Microsoft Excel 中打")
    assert clean(wrong, target="zh")[1].dropped == {"wrong script": 1}


def test_ratios_allow_for_signs_that_say_more_than_letters():
    pair = (
        "They have been living in this house for many years. " * 2,
        "他们在这所房子住了多年" * 2,
    )
    assert clean(pair, target="zh", max_length_ratio=1.5)[1].kept == 1


# --- repetition -----------------------------------------------------------------------------------


def test_the_first_of_several_copies_stays():
    kept, counts = clean(("A dog.", "Un perro."), ("A cat.", "Un gato."), ("A dog.", "Un perro."))
    assert [pair.source for pair in kept] == ["A dog.", "A cat."]
    assert counts.dropped == {"duplicate": 1}


def test_copies_are_compared_after_mending():
    kept, counts = clean(("A dog.", "Un perro."), ("A  dog.", "Un\u00a0perro."))
    assert (len(kept), counts.dropped) == (1, {"duplicate": 1})


def test_a_text_may_be_repeated_so_many_times():
    pairs = [("A dog.", f"Un perro {word}.") for word in "uno dos tres cuatro cinco".split()]
    turned = [(target, source) for source, target in pairs]
    assert clean(*pairs, max_repeats=3) == (pairs[:3], Counts(5, 3, {"repeated source": 2}))
    assert clean(*turned, max_repeats=3) == (turned[:3], Counts(5, 3, {"repeated target": 2}))
    assert clean(*pairs, max_repeats=None)[1].kept == 5


def test_source_and_target_are_counted_apart():
    pairs = [("Taxi uno", "Taxi dos"), ("Taxi dos", "Taxi uno")]
    assert clean(*pairs, max_repeats=1)[1].kept == 2


def test_dropped_pairs_are_no_first_copies():
    assert clean(("Hi.", ""), ("Hi.", ""), ("Hi.", "Hola."), max_repeats=1)[1].kept == 1


def test_what_was_seen_is_counted_across_growth_and_chunks():
    seen = cleaning._Seen()
    keys = np.random.default_rng(1).integers(0, 60_000, 200_000).astype(np.uint64)
    counted = np.concatenate([seen.count(chunk) for chunk in np.array_split(keys, 37)])
    times: dict[int, int] = {}
    expected = []
    for key in np.maximum(keys, 1).tolist():
        expected.append(times.get(key, 0))
        times[key] = times.get(key, 0) + 1
    assert counted.tolist() == expected
    assert len(seen._keys) == 1 << 17  # it has grown


def test_a_full_table_goes_on_recognising_what_it_holds(monkeypatch):
    monkeypatch.setattr(cleaning._Seen, "largest", 1 << 16)
    seen = cleaning._Seen()
    keys = np.random.default_rng(1).integers(1, 2**63, 200_000).astype(np.uint64)
    early, late = keys[:40_000], keys[-1000:]
    for chunk in np.array_split(keys, 200):
        assert not seen.count(chunk).any()
    assert (seen.count(early) == 1).all()
    assert not seen.count(late).any()  # it was not learned
    assert len(seen._keys) == 1 << 16


# --- mending --------------------------------------------------------------------------------------

MENDED = [
    ("Tom &amp; Mary", "Tom & Mary", {"entities unescaped"}),
    ("Tom &amp;amp; Mary", "Tom & Mary", {"entities unescaped"}),
    ("caf&eacute; &#x41;&#66;", "café AB", {"entities unescaped"}),
    ("AT&T; R&D &unknown;", "AT&T; R&D &unknown;", set()),
    (mojibake("¿Cómo está la señora?"), "¿Cómo está la señora?", {"mojibake mended"}),
    (mojibake(mojibake("mañana")), "mañana", {"mojibake mended"}),
    (mojibake("“No”, dijo – 5 €"), "“No”, dijo – 5 €", {"mojibake mended"}),
    (mojibake("Привет, мир"), "Привет, мир", {"mojibake mended"}),
    (mojibake("你好世界"), "你好世界", {"mojibake mended"}),
    (mojibake("Gracias 😀"), "Gracias 😀", {"mojibake mended"}),
    ("a\u00a0b\u2003c", "a b c", {"normalised"}),
    (" a  b\t", "a b", {"normalised"}),
    ("a\u2028b\x0bc\x85d", "a b c d", {"normalised"}),
    ("so\u00adft\u200b\ufeff \x00\x07ware\ue000", "soft ware", {"normalised"}),
    ("man\u0303ana", "mañana", {"normalised"}),
    ("\u1112\u1161\u11ab", "한", {"normalised"}),
    ("می\u200cخواهم 👩\u200d👧", "می\u200cخواهم 👩\u200d👧", set()),  # joiners mean something
    ("ﬁn…  “…”", "ﬁn… “…”", {"normalised"}),
]


@pytest.mark.parametrize(("text", "mended", "repairs"), MENDED)
def test_a_text_is_mended(text, mended, repairs):
    assert mend(text) == (mended, repairs)
    assert mend(mended) == (mended, set())


@pytest.mark.parametrize(("text", "mended", "repairs"), MENDED)
def test_mending_is_counted_once_a_pair(text, mended, repairs):
    kept, counts = clean(
        (text, text), source="xx", target="xx", min_copied_words=None, min_letter_share=0
    )
    assert kept == [(mended, mended)]
    assert counts.repaired == dict.fromkeys(repairs, 1)


def test_the_repairs_of_dropped_pairs_are_not_counted():
    assert clean(("a  b", ""))[1] == Counts(1, 0, {"empty target": 1})


def test_tags_are_told_from_signs():
    assert tags("<p>a</p><BR/> 1 < 2 <name> <!-- x -->") == ["", "/p", "br", "p"]
    assert strip_tags("one<br>two <b>three</b>four <i\nclass='x'>!") == "one two threefour !"


def test_tags_are_stripped_or_kept_on_demand():
    pair = ("Press <b>Save</b>.", "Pulse Guardar.")
    stripped, counts = clean(pair, markup="strip")
    assert (stripped, counts.repaired) == (
        [("Press Save.", "Pulse Guardar.")],
        {"tags stripped": 1},
    )
    assert clean(pair, markup="keep")[0] == [pair]


@pytest.mark.heavy
def test_every_character_has_a_class_that_agrees_with_mending():
    """Only characters that a Scan calls odd, or odd neighbours, are changed by mending."""
    cleaner = Cleaner(CleaningConfig(min_letter_share=0, markup="keep"), "xx", "xx")
    characters = [chr(c) for c in range(0x30000) if not 0xD800 <= c < 0xE000 and c != 0xFFFD]
    pairs = [SentencePair(f"{c} x{c}x", "y") for c in characters]
    for start in range(0, len(pairs), 4096):
        chunk = pairs[start : start + 4096]
        verdicts = cleaner.judge_chunk(chunk)
        assert [p.source for p in verdicts.pairs] == [mend(p.source)[0] for p in chunk]


# --- properties -----------------------------------------------------------------------------------

FRAGMENTS = [
    *"Hello hola 1998 1,000 & &amp; &am p; &lt;b&gt; <b> </b> Ã© Ã â€™ â€ é \u0301 Ñ»".split(" "),
    *"&#0; &#38;lt; https://a.b/ x@y.z 中文 привет \xa0 \x00 \u200b \u2028 \ufffd".split(" "),
    *("\ud800", "cookie policy", " ", "<!--", "-->"),
]
ODD_TEXT = st.lists(
    st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=6), st.characters()), max_size=8
).map("".join)
PAIRS = st.lists(st.tuples(ODD_TEXT, ODD_TEXT).map(lambda pair: SentencePair(*pair)), max_size=12)
MARKUP = st.sampled_from(["alike", "strip", "keep"])


@given(PAIRS, MARKUP)
def test_cleaning_twice_is_cleaning_once(pairs, markup):
    once, _ = clean(*pairs, markup=markup)
    twice, counts = clean(*once, markup=markup)
    assert (twice, counts) == (once, Counts(len(once), len(once)))


@given(PAIRS)
def test_every_pair_is_kept_or_counted(pairs):
    kept, counts = clean(*pairs)
    assert (counts.read, counts.kept) == (len(pairs), len(kept))
    assert counts.read == counts.kept + sum(counts.dropped.values())
    assert all(times <= counts.kept for times in counts.repaired.values())


@given(PAIRS, st.integers(1, 5))
def test_chunks_change_nothing(pairs, size):
    expected = clean(*pairs, max_repeats=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cleaning, "_CHUNK", size)
        assert clean(*pairs, max_repeats=2) == expected


@given(PAIRS, st.randoms())
def test_the_order_of_pairs_changes_no_verdict_but_on_repetition(pairs, random):
    settings = {"duplicates": False, "max_repeats": None}
    kept, counts = clean(*pairs, **settings)
    random.shuffle(pairs)
    other, other_counts = clean(*pairs, **settings)
    assert (sorted(other), other_counts) == (sorted(kept), counts)


@given(PAIRS)
def test_swapped_languages_drop_the_swapped_pairs(pairs):
    settings = {"duplicates": False, "max_repeats": None}
    kept, _ = clean(*pairs, **settings)
    turned, _ = clean(*[pair[::-1] for pair in pairs], source="es", target="en", **settings)
    assert [pair[::-1] for pair in turned] == kept


def test_other_processes_come_to_the_same_verdicts(monkeypatch):
    pairs = [SentencePair(*pair) for _, pair, _ in DROPPED] * 2
    expected = clean(*pairs)
    monkeypatch.setattr(processes, "_cores", lambda: 2)
    monkeypatch.setattr(processes, "_ALONE", -1)
    monkeypatch.setattr(cleaning, "_CHUNK", 5)
    assert clean(*pairs) == expected


# --- the embedded corpus, training, settings ------------------------------------------------------


@pytest.mark.heavy
@pytest.mark.parametrize("name", "train-grammar train-handwritten valid test-handwritten".split())
def test_the_embedded_corpus_loses_nothing(name):
    pairs = list(read_pairs(CorpusConfig(path=f"embedded:{name}"), "en", "es"))
    kept, counts = clean(*pairs)
    assert (kept, counts) == (pairs, Counts(len(pairs), len(pairs)))


def test_a_corpus_changes_only_the_keys_that_it_names():
    config = Config.model_validate(
        {
            "data": {
                "cleaning": {"enabled": False, "max_repeats": 7},
                "train": [
                    {"path": "a.en-es.tsv"},
                    {"path": "b.en-es.tsv", "cleaning": {"enabled": True}},
                ],
            }
        }
    )
    first, second = (config.cleaning_of(corpus) for corpus in config.data.train)
    assert first == CleaningConfig(enabled=False, max_repeats=7)
    assert second == CleaningConfig(enabled=True, max_repeats=7)


def test_the_cleaning_of_a_corpus_survives_being_written(tmp_path):
    corpora = [{"path": "a.en-es.tsv", "cleaning": {"enabled": True, "boilerplate": ["x: y"]}}]
    data = {"cleaning": {"enabled": False}, "train": corpora}
    config = Config.model_validate({"data": data})
    file = tmp_path / "config.yaml"
    file.write_text(dump_config(config), encoding="utf-8")
    loaded = load_config(file)
    assert loaded == config
    assert loaded.cleaning_of(loaded.data.train[0]).enabled


def test_the_counts_of_two_stages_add_up():
    tokenizer = Tokenizer.train(["Hello there. Hola a todos."] * 50, Config().tokenizer)
    pairs = [("Hello there.", "Hola a todos."), ("Hello", ""), ("Hello. " * 50, "Hola. " * 50)]
    cleaned, counts = Counts(), Counts()
    cleaner = Cleaner(CleaningConfig(), "en", "es")
    kept = cleaner.clean([SentencePair(*pair) for pair in pairs], cleaned)
    list(encode_pairs(kept, tokenizer, 20, counts))
    counts.follow(cleaned)
    assert counts == Counts(
        3, 1, {"longer than 20 tokens": 1, "empty target": 1}, {"normalised": 1}
    )


def shared_words(sources, targets):
    """A similarity for tests: the share of the source's words that are in the target."""
    sides = [[{*text.split()} for text in texts] for texts in (sources, targets)]
    return np.array([len(s & t) / len(s) for s, t in zip(*sides, strict=True)], np.float32)


def test_pairs_whose_meanings_differ_are_dropped_and_counted():
    asked = []

    def similarity(sources, targets):
        asked.extend(sources)
        return shared_words(sources, targets)

    counts = Counts()
    settings = CleaningConfig(min_similarity=0.5, similarity_run="a run")
    cleaner = Cleaner(settings, "en", "es", similarity)
    pairs = [
        ("one two", "one dos"),
        ("", "x"),
        ("one two three", "one dos tres"),
        ("Hello", "Hola"),
    ]
    kept = list(cleaner.clean([SentencePair(*pair) for pair in pairs], counts))
    assert kept == [SentencePair("one two", "one dos")]
    assert counts == Counts(4, 1, {"empty source": 1, "meanings differ": 2})
    assert asked == ["one two", "one two three", "Hello"]  # what other rules dropped is not


def test_meanings_are_asked_of_the_run_of_each_corpus_and_only_where_they_count():
    runs = []

    def similarity_of(run):
        runs.append(run)
        return shared_words

    corpora = [
        {"path": "a.tsv"},
        {"path": "b.tsv", "cleaning": {"similarity_run": "runs/b"}},
        {"path": "c.tsv", "cleaning": {"min_similarity": None}},
        {"path": "d.tsv", "cleaning": {"enabled": False}},
    ]
    cleaning = {"min_similarity": 0.5, "similarity_run": "runs/a"}
    config = Config.model_validate({"data": {"train": corpora, "cleaning": cleaning}})
    for corpus in config.data.train:
        Cleaner.of(config, corpus, similarity_of)
    assert runs == ["runs/a", "runs/b"]
    with pytest.raises(ValueError, match="meanings"):
        Cleaner.of(config, config.data.train[0])


@pytest.mark.parametrize("side", [0, 1])
def test_the_language_of_many_texts_is_guessed(side):
    pairs = read_pairs(CorpusConfig(path="embedded:valid"), "en", "es")
    assert guess_language(pair[side] for pair in pairs) == ("en", "es")[side]
