"""What a user can get wrong, each with a hint that mends it."""


class TranslatorError(Exception):
    """A mistake that the user can mend; the command line prints it without a traceback.

    `message` says what is wrong and where (file, line, key); `hint` says what to do about it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(TranslatorError):
    """A configuration file or a `--set` that the schema refuses."""


class DataError(TranslatorError):
    """A corpus or an input file that cannot be read as text pairs or lines."""


class RunError(TranslatorError):
    """A run directory that is missing, incomplete, damaged or from another configuration."""
