"""Which architectures can be exported."""

from translator.config import Config
from translator.errors import RunError
from translator.hypotheses import check_translates
from translator.model import DecoderOnlyTransformer, Seq2SeqTransformer
from translator.translation import Translator

_USE_THE_RUN = "`translator translate` and `translator serve` use the run itself."


def encoder_decoder_of(translator: Translator, form: str) -> Seq2SeqTransformer:
    """The model of a translator; RunError unless it is an encoder–decoder, which `form` wants."""
    check_translates(translator.config)
    check_reads_text(translator.config, form)
    model = translator.model
    if not isinstance(model, Seq2SeqTransformer):
        architecture = translator.config.model.architecture
        raise RunError(
            f"{form} is written of encoder_decoder runs only, and this one is {architecture}",
            f"--format huggingface writes a causal one; {_USE_THE_RUN}",
        )
    return model


def check_reads_text(config: Config, form: str) -> None:
    """Raise RunError for a model of pictures or recordings."""
    if config.model.source != "text":
        raise RunError(
            f"{form} is written of runs that read text, and this one reads {config.model.source}",
            "`translator translate` uses the run itself.",
        )


def causal_decoder_of(translator: Translator, form: str) -> DecoderOnlyTransformer | None:
    """The model of a translator if it is a decoder alone; RunError for one that no class reads."""
    check_translates(translator.config)
    check_reads_text(translator.config, form)
    model = translator.model
    if not isinstance(model, DecoderOnlyTransformer):
        return None
    wanted = {"prefix_attention": "causal", "output_bias": False}
    for key, value in wanted.items():
        if getattr(model.config, key) != value:
            raise RunError(
                f"no plain class of {form} has model.{key} {getattr(model.config, key)}",
                f"Train with model.{key}: {str(value).lower()}; {_USE_THE_RUN}",
            )
    return model
