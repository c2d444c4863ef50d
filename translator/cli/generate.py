"""`translator generate`: a prompt in, the text that goes on from it out."""

import sys
from typing import Annotated

import typer

from translator.cli.console import TRANSLATE, RunOption, app, find_run, loading_torch
from translator.cli.progress import QuietOption, on_terminal
from translator.progress import activity

Prompts = Annotated[
    list[str] | None, typer.Argument(metavar="PROMPT", help="The beginning of the text.")
]
MaxTokens = Annotated[int, typer.Option(min=1, help="Write at most this many tokens.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Change how to draw: decoding.temperature=0.7, decoding.sampling_seed=2, …",
    ),
]


@app.command("generate", rich_help_panel=TRANSLATE)
def generate_cli(
    prompts: Prompts = None,
    run: RunOption = None,
    max_tokens: MaxTokens = 100,
    overrides: Overrides = None,
    quiet: QuietOption = False,
) -> None:
    """Continue a text with a run that has learned training.objective language_model."""
    directory = find_run(run)
    decoding = directory.read_config(overrides or ()).decoding
    with loading_torch():
        from translator.generation import LanguageModel

    with on_terminal(), activity(f"loading {directory.name}"):
        model = LanguageModel.from_run(directory.name)
    for prompt in prompts or [""]:
        if decoding.sampling or decoding.beam_size == 1:
            written = ""
            for text in model.stream(prompt, decoding, max_tokens):
                if text.startswith(written):  # a character is shown when all of its bytes are there
                    sys.stdout.write(text[len(written) :])
                    sys.stdout.flush()
                    written = text
            sys.stdout.write("\n")
        else:
            sys.stdout.write(model.generate(prompt, decoding, max_tokens) + "\n")
