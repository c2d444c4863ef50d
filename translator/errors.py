"""What a user can get wrong, each with a hint that mends it."""


class TranslatorError(Exception):
    """A mistake that the user can mend; the command line prints it without a traceback.

    `message` says what is wrong and where (file, line, key); `hint` says what to do about it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        self.message, self.hint = _printable(message), _printable(hint)
        super().__init__(self.message)


def _printable(text: str) -> str:
    """The text with what is no character, half of a surrogate pair, written as an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


class ConfigError(TranslatorError):
    """A configuration file or a `--set` that the schema refuses."""


class DataError(TranslatorError):
    """A corpus or an input file that cannot be read as text pairs or lines."""


class RunError(TranslatorError):
    """A run directory that is missing, incomplete, damaged or from another configuration."""
