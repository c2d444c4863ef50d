"""Which architectures can be exported."""

from translator.errors import RunError
from translator.model import Seq2SeqTransformer
from translator.translation import Translator, check_translates


def encoder_decoder_of(translator: Translator, form: str) -> Seq2SeqTransformer:
    """The model of a translator; RunError unless it is an encoder–decoder, which `form` wants."""
    check_translates(translator.config)
    model = translator.model
    if not isinstance(model, Seq2SeqTransformer):
        architecture = translator.config.model.architecture
        raise RunError(
            f"{form} is written of encoder_decoder runs only, and this one is {architecture}",
            "`translator translate` and `translator serve` use the run itself.",
        )
    return model
