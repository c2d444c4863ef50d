"""`translator inspect`: what a model is, what it consists of, and which runs it began from."""

import json
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from translator.cli.console import (
    SEE,
    RunArgument,
    RunOption,
    app,
    echo,
    find_run,
    listed,
    load,
    named_run,
    table,
)
from translator.cli.progress import QuietOption, shown_progress

if TYPE_CHECKING:
    from translator.config import Config
    from translator.runs import RunDirectory
    from translator.translation import Translator

_ARCHITECTURES = {
    "encoder_decoder": "encoder–decoder transformer",
    "decoder_only": "transformer, a decoder only",
    "encoder_only": "transformer, an encoder only",
}


@app.command("inspect", rich_help_panel=SEE)
def inspect_cli(
    named: RunArgument = None,
    run: RunOption = None,
    weights: Annotated[
        bool, typer.Option("--weights", help="Each matrix and vector with its shape.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The same as JSON, with the weights.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Show what the model of a run is, its layers, and the files on disk."""
    with shown_progress():
        directory = find_run(named_run(named, run))
        translator = load(directory)
    rows = [(name, list(p.shape), p.numel()) for name, p in translator.model.named_parameters()]
    files = {file.name: file.stat().st_size for file in directory.files}
    facts = _facts(translator, directory)
    if as_json:
        parameters = [dict(zip(("name", "shape", "parameters"), row, strict=True)) for row in rows]
        data = translator.config.data
        pairs = list(map(str, dict.fromkeys((data.direction, *data.all_directions))))
        content = {
            "model": facts,
            "directions": pairs,
            "lineage": directory.lineage,
            "parameters": parameters,
            "files": files,
        }
        echo(json.dumps(content, indent=2, ensure_ascii=False))
        return
    echo("\n".join(f"{name:12} {value}" for name, value in facts.items()))
    total = f"{sum(count for *_, count in rows):,}"
    if weights:
        lines = [["parameter", "shape", "parameters"]]
        lines += [[name, " × ".join(map(str, shape)), f"{count:,}"] for name, shape, count in rows]
        lines += [["total", "", total]]
    else:
        lines = [["layer", "parameters"]]
        lines += [[layer, f"{count:,}"] for layer, count in _by_layer(rows).items()]
        lines += [["total", total]]
    echo()
    echo(table(lines))
    echo()
    echo(table([["file", "bytes"], *([name, f"{size:,}"] for name, size in files.items())]))


def _by_layer(rows: list[tuple[str, list[int], int]]) -> dict[str, int]:
    """The parameters of each layer; what is in none stands by itself."""
    counts: dict[str, int] = {}
    for name, _, count in rows:
        within = re.match(r"(.*?layers\.\d+)\.", name)
        layer = within[1] if within else name.rpartition(".")[0]
        counts[layer] = counts.get(layer, 0) + count
    return counts


def _facts(translator: "Translator", run: "RunDirectory") -> dict[str, str]:
    """What a model is, in words, by what the words are about."""
    config = translator.config
    model, data = config.model, config.data
    facts = {"run": run.name, "architecture": _ARCHITECTURES[model.architecture]}
    if config.learns_from_texts:
        facts["objective"] = config.training.objective
    else:
        pairs = dict.fromkeys((data.direction, *data.all_directions))  # the default first
        default, *others = (f"{pair.source} → {pair.target}" for pair in pairs)
        facts["languages"] = ", ".join(
            [f"{default} (the default)", *others] if others else [default]
        )
    shape = f"d_model {model.d_model}, {model.num_heads} heads, d_ff {model.d_ff}"
    layers = {"encoder": model.encoder_layers, "decoder": model.decoder_layers}
    for half, count in layers.items():
        if model.architecture in ("encoder_decoder", f"{half}_only"):
            facts[half] = f"{count} layer{'s' * (count > 1)}, {shape}"
    facts["norm"] = {"pre": "before each sublayer", "post": "after each sublayer"}[model.norm]
    facts["activation"] = model.activation
    facts["positions"] = f"{model.positions}, at most {model.max_positions}"
    tied = ", one matrix for source, target and output" if model.tie_embeddings else ""
    facts["vocabulary"] = f"{translator.tokenizer.vocabulary_size:,} pieces{tied}"
    return facts | _history(config, run)


def _history(config: "Config", run: "RunDirectory") -> dict[str, str]:
    """What it was trained on and from, and the scores that are known; none that is not."""
    facts = {}
    paths = listed([corpus.path for corpus in config.data.train])
    train = run.read_environment().get("pairs", {}).get("train")
    if train and paths:
        facts["data"] = f"{train['kept']:,} pairs of {paths}"
    if progress := run.progress:
        facts["training"] = str(progress)
    if found := _best_validation(run.read_metrics(), config.training.best_metric):
        facts["validation"] = found
    if run.lineage:
        facts["began from"] = " ← ".join(str(each["run"]) for each in run.lineage)
    elif config.training.start_from:
        facts["began from"] = config.training.start_from
    return facts


def _best_validation(metrics: list[dict[str, Any]], metric: str) -> str:
    """The scores of the best validation; of equal ones, as in training, that of the lower loss."""
    found = [entry for entry in metrics if f"valid_{metric}" in entry]
    if not found:
        return ""
    best = max(
        found, key=lambda entry: (_rank(entry[f"valid_{metric}"], metric), -entry["valid_loss"])
    )
    names = {"valid_bleu": "BLEU", "valid_chrf": "chrF", "valid_exact": "exact"}
    scores = [f"{name} {best[key]:.1f}" for key, name in names.items() if key in best]
    return ", ".join([*scores, f"loss {best['valid_loss']:.3f}", f"step {best['step']:,}"])


def _rank(score: float, metric: str) -> float:
    return -score if metric == "loss" else score
