"""What is to be known of an exported model, as a README.md that people and hubs read."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import NamedTuple

from translator.config import HUB_PREFIX, ModelConfig, is_remote
from translator.data.downloads import shown
from translator.evaluation import ScoreRecord, read_record
from translator.packaged import packaged_licence
from translator.runs import Ancestor, RunDirectory

CARD = "README.md"


def write_card(run: RunDirectory, folder: Path, library: str, usage: str) -> None:
    """Write README.md, the card of an export, as `card_of` has it."""
    (folder / CARD).write_text(card_of(run, library, usage), encoding="utf-8", newline="\n")


def card_of(run: RunDirectory, library: str, usage: str) -> str:
    """Languages, the scores that the run keeps, data and shape, and the usage."""
    config = run.read_config()
    said = [" → ".join(pair) for pair in config.data.all_directions]
    kept = list(_kept_scores(run))
    corpora = "".join(f"* {public_name(corpus.path)}\n" for corpus in config.data.train)
    corpora += "".join(map(_began_from, run.lineage))
    scores = "".join(map(_row, kept))
    if scores:
        scores = f"| test set | metric | score | signature |\n|---|---|---|---|\n{scores}"
    model = config.model
    licence = packaged_licence(run.name)
    return f"""\
---
{_metadata(run, library, kept)}
---

# {config.name}: {", ".join(said)}

A transformer of {_layers(model)}, \
d_model {model.d_model}, trained with `translator`.{f" It is under {licence}." if licence else ""}
`certificate.json` says how its translations compare with those of the original. `translator` \
itself translates a text sentence by sentence, and reads TEXT IN CAPITALS as lower case; give \
other programs single sentences in usual letters.

## Usage

{usage}
## Scores

{scores or "The run keeps no evaluation."}

## Training data

{corpora}"""


def _layers(model: ModelConfig) -> str:
    decoder = f"{model.decoder_layers} decoder layers"
    if model.architecture == "decoder_only":
        return decoder
    return f"{model.encoder_layers} encoder and {decoder}"


def _began_from(ancestor: Ancestor) -> str:
    weights = ancestor.get("model_sha256")
    said = f" (training began from its weights, SHA-256 `{weights}`)" if weights else ""
    licence = packaged_licence(ancestor["run"])
    said += f"; {ancestor['run']} is under {licence}" if licence else ""
    return f"* what {public_name(ancestor['run'])} was trained on{said}\n"


def public_name(path: str) -> str:
    """A corpus or a run without folders of the machine that it lay on, and without passwords."""
    if is_remote(path) and not path.startswith("file:"):
        return re.split("[?#]", shown(path))[0]  # what follows may be a key
    is_public = path.startswith((HUB_PREFIX, "embedded:"))
    return path if is_public else PurePath(path).name


def _hub_names(paths: Iterable[str]) -> list[str]:
    """Those of the Hub, without a revision; hf:PATH may be an imported folder, too."""
    matches = (re.fullmatch(r"hf:([\w.-]+(/[\w.-]+)?)(@.*)?", path) for path in paths)
    return [match[1] for match in matches if match]


class _Score(NamedTuple):
    """A score that the run keeps, of a test set."""

    test_set: str
    beam_size: int | None
    score: ScoreRecord


def _kept_scores(run: RunDirectory) -> Iterator[_Score]:
    """The scores in the run's evaluations/ that are of these weights."""
    model = run.model_sha256()
    for file in sorted(run.evaluations.glob("*.json")):
        record = read_record(file)
        if record is None or record.get("model_sha256", model) != model:
            continue
        for score in record.get("scores", []):
            yield _Score(record["set"], record["decoding"].get("beam_size"), score)


def _row(kept: _Score) -> str:
    score = kept.score
    return (
        f"| {kept.test_set}, beam {kept.beam_size} | {score['name']} "
        f"| {score['score']:.1f} | `{score['signature']}` |\n"
    )


def _metadata(run: RunDirectory, library: str, kept: list[_Score]) -> str:
    """What a hub reads of a card; the licence is that of an installed run's package.

    That of another run is for the one to choose who publishes it.
    """
    from huggingface_hub import EvalResult, ModelCardData  # imports much

    config = run.read_config()
    bases = _hub_names(each["run"] for each in run.lineage)
    licence = packaged_licence(run.name)
    data = ModelCardData(
        # a hub knows single licences, in small letters
        license=licence and ("other" if " " in licence else licence.lower()),
        language=[*dict.fromkeys(each for pair in config.data.all_directions for each in pair)],
        library_name=library,
        pipeline_tag="translation",
        tags=["translation"],
        base_model=bases[0] if bases else None,  # the nearest
        datasets=_hub_names(corpus.path for corpus in config.data.train) or None,
        model_name=config.name,
        eval_results=[
            EvalResult(
                task_type="translation",
                dataset_type=each.test_set,
                dataset_name=f"{each.test_set}, beam {each.beam_size}",
                metric_type=each.score["name"].lower(),
                metric_name=each.score["name"],
                metric_value=round(each.score["score"], 1),
                metric_config=each.score["signature"],
            )
            for each in kept
        ]
        or None,
    )
    written: str = data.to_yaml()
    return written
