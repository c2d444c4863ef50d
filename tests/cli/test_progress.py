"""What is under way is seen: a bar on a terminal, else lines now and then, nothing if quiet."""

import os
import random
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.test_cli import tiny, translator
from translator.cli import progress as shown
from translator.cli.inspect import _best_validation
from translator.cli.progress import shown_progress
from translator.cli.train import _interruption_answered
from translator.cli.verdict import meaning, prospect
from translator.config import Config, TokenizerConfig, load_config
from translator.data import Splits
from translator.progress import Activity, activity, tracked, under_way
from translator.runs import RunDirectory
from translator.tokenizer import Tokenizer
from translator.translation import Translator


def test_tasks_are_seen_while_they_are_under_way() -> None:
    with activity("outer"):
        items = tracked("abc", "inner", total=3, unit="letters")
        assert [each.name for each in under_way()] == ["outer"]
        assert next(items) == "a"
        assert [(each.name, each.done, each.total) for each in under_way()] == [
            ("outer", 0, None),
            ("inner", 1, 3),
        ]
        assert list(items) == ["b", "c"]
        assert [each.name for each in under_way()] == ["outer"]
        items = tracked("abc", "dropped")
        next(items)
        del items
        assert [each.name for each in under_way()] == ["outer"]
    assert under_way() == []


def test_a_task_that_fails_is_over() -> None:
    with pytest.raises(ValueError, match="x"), activity("failing"):
        raise ValueError("x")
    assert under_way() == []


def test_translating_is_counted_to_its_end(trained_run: RunDirectory) -> None:
    seen: list[tuple[int, int | None]] = []
    translate = Translator.from_run(trained_run.path, device="cpu").translate
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            seen.extend((each.done, each.total) for each in under_way())

    watcher = threading.Thread(target=watch)
    watcher.start()
    translate(["ana bebe", "nina", "", "7"] * 20)
    over.set()
    watcher.join()
    assert seen and {total for _, total in seen} == {
        40
    }  # a text without letters is not searched for
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_second_reading_knows_how_much_there_is(tmp_path: Path) -> None:
    file = tmp_path / "a.en-es.tsv"
    file.write_text("".join(f"a {n}\tb {n}\n" for n in range(50)), encoding="utf-8")
    splits = Splits(load_config(None, [f"data.train={file}"]))
    totals = []
    for _ in range(2):
        pairs = splits._read(splits.config.data.train[0], "reading")
        next(pairs)
        totals.append(under_way()[-1].total)
        assert len(list(pairs)) == 49
    assert totals == [None, 50]


@pytest.mark.parametrize(
    ("activities", "line"),
    [
        ([Activity("loading", began=0.0)], "loading …"),
        ([Activity("reading", None, "pairs", 5000, began=0.0)], "reading: 5,000 pairs, 500/s"),
        (
            [
                Activity("test", began=0.0),
                Activity("translating", 300, "sentences", 100, began=0.0),
            ],
            "test: translating: 100 of 300 sentences, 10/s, 20 s to go",
        ),
        (
            [Activity("training", 940, "steps", 500, 480, "loss 3.21", began=0.0)],
            "training: 500 of 940 steps, 2.0/s, 3 min 40 s to go, loss 3.21",
        ),
    ],
)
def test_a_line_says_how_far_and_how_long(activities: list[Activity], line: str) -> None:
    assert shown._line(activities, 10.0) == line


def test_a_block_under_way_is_a_share_of_its_job() -> None:
    job = Activity("out.txt", 5000, "texts", 2000, 1000, step=2000, began=0.0)
    block = Activity("translating", 1800, "sentences", 900, began=5.0)
    line = "out.txt: 3,000 of 5,000 texts, 200/s, 10 s to go"
    assert shown._line(shown._seen_whole([job, block]), 10.0) == line
    assert shown._seen_whole([job, Activity("loading")])[-1].name == "loading"
    assert shown._seen_whole([Activity("test"), block])[-1] is block


def test_lines_become_sparse(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    said: list[str] = []
    monkeypatch.setattr(shown, "say", said.append)

    with activity("reading", unit="pairs") as reading:
        shown._now_and_then(Looks(lambda number: setattr(reading, "done", number)))
    counts = [line.split()[1] for line in said]
    assert counts == ["1", "4", "13", "40", "121", "364", "964"]  # 3, 9, … and 600 seconds apart


def test_a_line_is_said_again_only_when_something_has_moved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither for the time that passes, nor because a part of an activity is over."""
    clock = iter(range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    said: list[str] = []
    monkeypatch.setattr(shown, "say", said.append)

    def work() -> Iterator[None]:
        with activity("exporting"):
            yield from [None] * 50
            with activity("translating", 9, "sentences") as translating:
                yield from [None] * 50
                translating.done = 7
                yield from [None] * 200
            yield from [None] * 700

    steps = work()
    shown._now_and_then(Looks(lambda _: next(steps, None)))
    assert [re.sub(r", .*", "", line) for line in said] == [
        "exporting …",
        "exporting: translating: 0 of 9 sentences",
        "exporting: translating: 7 of 9 sentences",
    ]


class Looks(threading.Event):
    """A thousand looks at what is under way, between which something happens."""

    def __init__(self, between: Callable[[int], object]) -> None:
        super().__init__()
        self._between = between
        self._number = 0

    def wait(self, timeout: float | None = None) -> bool:
        self._number += 1
        self._between(self._number)
        return self._number > 1000


def test_nothing_is_shown_if_quiet_or_fast(capfd: pytest.CaptureFixture[str]) -> None:
    with shown_progress(quiet=True), activity("loading"):
        time.sleep(0.6)
    with shown_progress(), activity("loading"):
        time.sleep(0.3)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_bar_is_drawn_on_a_terminal_and_gone_at_the_end(tmp_path: Path) -> None:
    import pty

    main, terminal = pty.openpty()
    (tmp_path / "a.en-es.tsv").write_text("a\tb\n" * 30, encoding="utf-8")
    pid = os.fork()
    if not pid:
        os.dup2(terminal, 2)
        sys.stderr = os.fdopen(2, "w", 1)
        with shown_progress(), activity("waiting", 4, "turns") as waiting:
            waiting.done = 2
            time.sleep(0.7)
        os._exit(0)
    os.close(terminal)
    os.waitpid(pid, 0)
    drawn = os.read(main, 10_000).decode()
    os.close(main)
    assert re.search(r"waiting:  50%\|█+.? +\| 2/4 \[00:0\d<00:0\d, .* turns/s\]", drawn)
    assert drawn.endswith("\r\x1b[K")


# --- what training says ---------------------------------------------------------------------------


def curve(bleu: list[float], loss: list[float] | None = None) -> list[dict[str, float]]:
    loss = loss or [1.0] * len(bleu)
    pairs = zip(bleu, loss, strict=True)
    return [
        {"step": 100 * n, "valid_bleu": b, "valid_loss": one} for n, (b, one) in enumerate(pairs, 1)
    ]


def test_the_outlook_follows_from_the_curve() -> None:
    assert "will probably pay" in prospect(curve([10, 20, 25, 30]), "bleu")
    assert "rose by 5.0 between step 300 and 400" in prospect(curve([10, 20, 25, 30]), "bleu")
    assert "hardly pay" in prospect(curve([10, 20, 30, 30.2]), "bleu")
    forgotten = prospect(curve([10, 11, 11, 11], [2.0, 1.9, 2.2, 2.4]), "bleu")
    assert "lowest at step 200" in forgotten and "more pairs" in forgotten
    assert prospect(curve([10, 20, 30]), "bleu") == ""
    assert prospect(curve([10, 20, 30, 40]), "loss") == ""
    assert prospect(curve([10, 20, 30, 99]), "bleu") == prospect(curve([0, 0, 0, 0]), "bleu") == ""
    assert "rose by 68.9" in prospect(curve([10, 20, 30, 98.9]), "bleu")


def test_where_bleu_is_near_zero_the_outlook_follows_from_chrf() -> None:
    found = [{**each, "valid_chrf": 10 * each["step"] / 100} for each in curve([0, 0.2, 1.1, 1.6])]
    assert "chrF still rose by 10.0" in prospect(found, "bleu")
    assert "chrF" not in prospect([{**each, "valid_bleu": 20.0} for each in found], "bleu")


def test_scores_are_put_in_words_with_their_doubts() -> None:
    good = {"bleu": 45.0, "chrf": 65.0}
    assert meaning(good, 300) == "good: a rule of thumb for sentences like those of validation"
    assert "only 20 pairs" in meaning(good, 20) and "only" not in meaning(good, 300)
    assert "hardly any" in meaning({"bleu": 0.0, "chrf": 12.0}, 300)
    assert "very good" in meaning({"bleu": 100.0, "chrf": 100.0}, 300)


def test_of_equal_validations_that_of_the_lower_loss_is_the_best() -> None:
    """As the trainer keeps it."""
    found = _best_validation(curve([0, 20, 20, 20], [4.0, 3.0, 1.0, 2.0]), "bleu")
    assert found == "BLEU 20.0, loss 1.000, step 300"


def test_short_answers_are_not_judged_by_a_bleu_that_they_cannot_have() -> None:
    perfect = {"bleu": 0.0, "chrf": 100.0}
    short = "BLEU counts four words in a row, and many answers are shorter: "
    assert meaning(perfect, 300) == f"{short}go by chrF"
    assert meaning({**perfect, "exact": 99.5}, 300) == f"{short}99.5 % are exact"
    assert prospect(curve([0, 0, 0, 0]), "bleu") == ""


def test_ctrl_c_is_answered_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        with _interruption_answered():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT] * 2
    assert capsys.readouterr().err.count("stopping after this step") == 1


def test_few_pairs_get_fewer_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from translator.cli.corpora import config_of

    def steps(pairs: int, *overrides: str) -> tuple[int, int, int]:
        file = tmp_path / f"c{pairs}.en-es.tsv"
        file.write_text("".join(f"a {n}\tb {n}\n" for n in range(pairs)), encoding="utf-8")
        training = config_of([str(file)], overrides)[0].training
        return training.max_steps, training.validate_every_steps, training.checkpoint_every_steps

    assert steps(157) == (100, 25, 25)
    assert steps(157, "training.checkpoint_every_steps=7") == (100, 25, 7)
    assert steps(1000) == (200, 50, 50)
    assert steps(4700) == (940, 235, 235)
    assert steps(157, "training.max_steps=300") == (300, 75, 75)
    assert steps(157, "training.max_minutes=3") == (940, 235, 235)
    assert config_of([], [])[0] == Config()


def test_training_says_its_events_as_json(tmp_path: Path) -> None:
    import json

    lines = "".join(f"number {n}\tnúmero {n}\n" for n in range(100))
    (tmp_path / "c.en-es.tsv").write_text(lines, encoding="utf-8")
    done = translator("train", "c.en-es.tsv", "--json", *tiny("name=c"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    names = [event.pop("event") for event in events]
    assert names == ["Plan", "StepDone", "StepDone", "StepDone", "Validated", "Finished"]
    assert events[0]["run"] == events[-1]["run"] and events[0]["run"].endswith("c")
    assert events[0]["config"]["training"]["max_steps"] == 3
    assert events[0]["counts"]["train"]["kept"] == 80
    assert events[-1]["best"]["step"] == 3


def test_a_dry_run_leaves_no_run(tmp_path: Path) -> None:
    lines = "".join(f"number {n}\tnúmero {n}\n" for n in range(100))
    (tmp_path / "c.en-es.tsv").write_text(lines, encoding="utf-8")
    done = translator("train", "c.en-es.tsv", "--dry-run", *tiny("name=c"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert rows["pairs"] == "80 of 80"
    assert rows["steps"] == "3, of 128 tokens"
    assert rows["memory"].endswith(" GB") and rows["time"].startswith("about ")
    assert rows["kept"] == "the prepared corpora in runs/.prepared, which training takes"
    assert [each.name for each in (tmp_path / "runs").iterdir()] == [".prepared"]


def test_ctrl_c_does_not_wait_for_sentencepiece() -> None:
    """Which hears no signal, and has seconds to do here."""
    draw = random.Random(1)
    words = ["".join(draw.choices("abcdefghij", k=8)) for _ in range(30_000)]
    texts = [" ".join(draw.choices(words, k=12)) for _ in range(20_000)]
    timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            Tokenizer.train(texts, TokenizerConfig(vocabulary_size=8000))
        assert not [each for each in under_way() if "tokenizer" in each.name]
        assert [each for each in threading.enumerate() if each.daemon and "train" in each.name]
    finally:
        timer.cancel()
