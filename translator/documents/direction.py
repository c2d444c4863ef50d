"""From which language into which: what the run translates, and what a document says of itself."""

from dataclasses import dataclass

from translator.errors import DataError
from translator.text.languages import primary

_UNSAID = ("", "*all*", "und", "mul", "zxx")


@dataclass(frozen=True)
class Direction:
    """The languages of a translation; `forced` where a document may say what it likes."""

    source: str
    target: str
    forced: bool = False

    def is_source(self, tag: str) -> bool:
        """Whether a document that names this language names the source, in whatever region."""
        return primary(tag.strip()) == primary(self.source)

    def check(self, place: str, *, source: str | None = None, target: str | None = None) -> None:
        """Raise DataError where a document says, at a place, that it is in other languages.

        Regions and scripts are not compared, nor what it does not say.
        """
        for stated, language, way in ((source, self.source, "from"), (target, self.target, "into")):
            if self.forced or stated is None or stated.strip() in _UNSAID:
                continue
            if primary(stated.strip()) != primary(language):
                raise DataError(
                    f"{place}: the document says {stated!r}, but the run translates {way} "
                    f"{language!r}",
                    "Take a run of its languages, or of several the one that --to names; --force "
                    "translates it all the same.",
                )
