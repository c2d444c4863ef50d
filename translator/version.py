"""The version, in a module of its own: every other may import it, and pyproject.toml reads it."""

__version__ = "0.2.0"
