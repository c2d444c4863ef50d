"""What is to be known of an exported model, as a README.md that people and hubs read."""

from pathlib import Path, PurePath

import yaml

from translator.config import ModelConfig
from translator.evaluation import read_record
from translator.runs import RunDirectory


def write_card(run: RunDirectory, folder: Path, library: str, usage: str) -> None:
    """Write README.md: languages, the scores that the run keeps, data and shape, and the usage."""
    config = run.read_config()
    languages = [config.data.source_language, config.data.target_language]
    header = {"language": languages, "tags": ["translation"], "library_name": library}
    corpora = "".join(f"* {_public_name(corpus.path)}\n" for corpus in config.data.train)
    if config.training.start_from is not None:
        corpora += f"* what {_public_name(config.training.start_from)} was trained on\n"
    scores = "".join(_rows_of_scores(run))
    if scores:
        scores = f"| test set | metric | score | signature |\n|---|---|---|---|\n{scores}"
    model = config.model
    text = f"""\
---
{yaml.safe_dump(header, sort_keys=False)}---

# {config.name}: {" → ".join(languages)}

A transformer of {_layers(model)}, \
d_model {model.d_model}, trained with `translator`.
`certificate.json` says how its translations compare with those of the original. `translator` \
itself translates a text sentence by sentence, and reads TEXT IN CAPITALS as lower case; give \
other programs single sentences in usual letters.

## Usage

{usage}
## Scores

{scores or "The run keeps no evaluation."}

## Training data

{corpora}"""
    (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")


def _layers(model: ModelConfig) -> str:
    decoder = f"{model.decoder_layers} decoder layers"
    if model.architecture == "decoder_only":
        return decoder
    return f"{model.encoder_layers} encoder and {decoder}"


def _public_name(path: str) -> str:
    """A corpus without the folders of the machine that it lay on."""
    return path if path.startswith(("hf:", "embedded:")) else PurePath(path).name


def _rows_of_scores(run: RunDirectory) -> list[str]:
    """A table row for each score in the run's evaluations/ that is of these weights."""
    rows = []
    model = run.model_sha256()
    for file in sorted(run.evaluations.glob("*.json")):
        record = read_record(file)
        if record is None or record.get("model_sha256", model) != model:
            continue
        rows += [
            f"| {record['set']}, beam {record['decoding'].get('beam_size')} | {score['name']} "
            f"| {score['score']:.1f} | `{score['signature']}` |\n"
            for score in record.get("scores", [])
        ]
    return rows
