"""A document is translated in blocks; a job that writes a file can be killed and resumed.

Beside OUTPUT grow OUTPUT.partial and its journal: a line that says what the job was begun with, and
the number of bytes of each block once they are on the disk. Several processes take turns at the
blocks, each with a partial output of its own; who finds all of them complete joins them in order.
Blocks are the same whoever translates them, so every way leads to the same bytes.
"""

import glob
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translator.documents.segments import Segment
from translator.errors import DataError

Translate = Callable[[list[str]], list[str]]

TEXTS_AT_ONCE = 2048  # enough to make batches of like length
_CHARACTERS_AT_ONCE = 2**20
_SEGMENTS_AT_ONCE = 2**14
_COMPLETE = {"complete": True}


def blocks(
    segments: Iterable[Segment], texts_at_once: int = TEXTS_AT_ONCE
) -> Iterator[list[Segment]]:
    """Segments in blocks of about `texts_at_once` texts, and of bounded size."""
    block: list[Segment] = []
    texts = characters = 0
    for segment in segments:
        block.append(segment)
        texts += len(segment.texts)
        characters += sum(map(len, segment.texts))
        full = texts >= texts_at_once or len(block) >= _SEGMENTS_AT_ONCE
        if full or characters >= _CHARACTERS_AT_ONCE:
            yield block
            block, texts, characters = [], 0, 0
    if block:
        yield block


def count_texts(block: Iterable[Segment]) -> int:
    """How many texts segments hold."""
    return sum(len(segment.texts) for segment in block)


def translate_block(block: list[Segment], translate: Translate) -> str:
    """The document's stretch with translations in place; a text that occurs twice is asked once.

    Texts that segments look up besides their own are translated in a second round.
    """
    found: dict[str, str] = {}
    missing = dict.fromkeys(text for segment in block for text in segment.texts)

    def look_up(text: str) -> str:
        if text not in found:
            missing[text] = None
        return found.get(text, text)

    while True:
        if missing:
            found.update(zip(missing, map(_on_one_line, translate([*missing])), strict=True))
            missing.clear()
        stretch = "".join(segment.put_back(look_up) for segment in block)
        if not missing:
            return stretch


def _on_one_line(translation: str) -> str:
    return translation.replace("\n", " ") if "\n" in translation else translation


@dataclass(frozen=True)
class BlockDone:
    """A block that is behind us, and how many texts it held."""

    texts: int
    skipped: bool


@dataclass(frozen=True)
class DocumentJob:
    """A translation into a file by process `rank` of `world_size`.

    `fingerprint` tells, by name, all that determines the output; only with the same one is a job
    gone on with.
    """

    output: Path
    fingerprint: dict[str, str]
    rank: int = 0
    world_size: int = 1

    def partial_output(self, rank: int) -> "PartialOutput":
        """The partial output of a process."""
        suffix = f".{rank}-of-{self.world_size}" if self.world_size > 1 else ""
        return PartialOutput(self.output.with_name(f"{self.output.name}.partial{suffix}"))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only process that writes this part; DataError where another one does."""
        import filelock

        part = self.partial_output(self.rank)
        part.lock.parent.mkdir(parents=True, exist_ok=True)
        part.lock.touch()  # filelock takes a file that cannot be made for one that is held
        try:
            with filelock.FileLock(part.lock, timeout=0):
                yield
        except filelock.Timeout:
            raise DataError(
                f"another process is writing {part.file}", "Let it end, or stop it."
            ) from None

    def begin(self, *, resume: bool) -> int:
        """Make the partial output ready; how many of this process's blocks it holds already.

        A job that was the same goes on, for it leads to the same bytes. Another one is replaced;
        with `resume` it is a DataError.
        """
        part = self.partial_output(self.rank)
        header, sizes = part.read()[:2] if resume else self._of_the_same(part)
        if resume and header is None:
            self._check_processes()
        if header is None:
            part.create(self.fingerprint)
            return 0
        changed = [name for name in self.fingerprint if header.get(name) != self.fingerprint[name]]
        if changed:
            raise DataError(
                f"{part.file} was begun with another {' and another '.join(changed)}",
                "Put back what has changed, or start anew without --resume.",
            )
        part.cut(sizes)
        return len(sizes)

    def translate(
        self, segments: Iterable[Segment], translate: Translate, encode: Callable[[str], bytes]
    ) -> Iterator[BlockDone]:
        """Translate what is left, from `begin` on, and tell of every block.

        A block that is done already, or that is another process's, is passed over.
        """
        part = self.partial_output(self.rank)
        _, sizes, complete = part.read()
        if complete:
            return
        with part.file.open("ab") as output, part.journal.open("a", encoding="utf-8") as journal:
            done = len(sizes)
            for number, block in enumerate(blocks(segments)):
                turn, owner = divmod(number, self.world_size)
                is_ours = owner == self.rank and turn >= done
                if is_ours:
                    data = encode(translate_block(block, translate))
                    output.write(data)
                    _sync(output)
                    journal.write(json.dumps({"bytes": len(data)}) + "\n")
                    _sync(journal)
                yield BlockDone(count_texts(block), skipped=not is_ours)
            journal.write(json.dumps(_COMPLETE) + "\n")
            _sync(journal)

    def finish(self, pack: Callable[[bytes], bytes] | None = None) -> bool:
        """Move the output into place when all processes are done; whether that was so.

        `pack` makes of the joined stretches what the file is to hold.
        """
        parts = [self.partial_output(rank) for rank in range(self.world_size)]
        states = [part.read() for part in parts]
        if not all(header == self.fingerprint and done for header, _, done in states):
            return False
        if self.world_size > 1 or pack:
            joined = self.output.with_name(f"{self.output.name}.joined-by-{self.rank}")
            try:
                _join(
                    [part.file for part in parts], [sizes for _, sizes, _ in states], joined, pack
                )
            except OSError as error:
                joined.unlink(missing_ok=True)
                if isinstance(error, FileNotFoundError):  # another was faster, and has cleared up
                    return True
                raise
            joined.replace(self.output)
        else:
            parts[0].file.replace(self.output)
        for part in parts:
            part.delete()
        return True

    def _of_the_same(self, part: "PartialOutput") -> tuple[dict[str, str] | None, list[int]]:
        """What a partial output was begun with and the sizes of its blocks, if it is this job's."""
        with suppress(DataError):  # it is damaged
            header, sizes, _ = part.read()
            if header == self.fingerprint:
                return header, sizes
        return None, []

    def _check_processes(self) -> None:
        """DataError when there is the partial output of another number of processes."""
        ours = {self.partial_output(rank).journal for rank in range(self.world_size)}
        found = self.output.parent.glob(f"{glob.escape(self.output.name)}.partial*.journal")
        others = sorted(set(found) - ours)
        if others:
            raise DataError(
                f"{others[0].with_suffix('')} was begun by another number of processes",
                "Start as many as then, or start anew without --resume.",
            )


@dataclass(frozen=True)
class PartialOutput:
    """A partial output and its journal."""

    file: Path

    @property
    def journal(self) -> Path:
        return self.file.with_name(f"{self.file.name}.journal")

    @property
    def lock(self) -> Path:
        return self.file.with_name(f"{self.file.name}.lock")

    def read(self) -> tuple[dict[str, str] | None, list[int], bool]:
        """What it was begun with (None: nothing is there), the sizes of its blocks, if complete."""
        try:
            lines = self.journal.read_bytes().split(b"\n")[:-1]  # a kill may cut the last one short
            written = self.file.stat().st_size
        except FileNotFoundError:
            return None, [], False
        if not lines:
            return None, [], False
        try:
            header, *entries = [json.loads(line) for line in lines]
            sizes = [int(entry["bytes"]) for entry in entries if entry != _COMPLETE]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise DataError(f"{self.journal} is damaged", "Start anew without --resume.") from None
        if sum(sizes) > written:
            raise DataError(
                f"{self.file} is shorter than its journal says", "Start anew without --resume."
            )
        return header, sizes, _COMPLETE in entries

    def create(self, fingerprint: dict[str, str]) -> None:
        self.journal.unlink(missing_ok=True)
        self.file.write_bytes(b"")
        with self.journal.open("w", encoding="utf-8", newline="\n") as journal:
            journal.write(json.dumps(fingerprint) + "\n")
            _sync(journal)

    def cut(self, sizes: list[int]) -> None:
        """Drop what was written of a block that is not in the journal, and a torn last line."""
        os.truncate(self.file, sum(sizes))
        whole = self.journal.read_bytes().rpartition(b"\n")[0] + b"\n"
        os.truncate(self.journal, len(whole))

    def delete(self) -> None:
        for file in (self.file, self.journal, self.lock):
            with suppress(PermissionError):  # the lock, where a held one cannot be deleted
                file.unlink(missing_ok=True)


def _join(
    parts: list[Path],
    sizes: list[list[int]],
    output: Path,
    pack: Callable[[bytes], bytes] | None = None,
) -> None:
    """Write the blocks of all parts in order: the first of each part, then the second of each."""
    with ExitStack() as stack:
        streams = [stack.enter_context(part.open("rb")) for part in parts]
        turns = (divmod(number, len(parts)) for number in range(sum(map(len, sizes))))
        joined = (streams[owner].read(sizes[owner][turn]) for turn, owner in turns)
        with output.open("wb") as file:
            file.writelines([pack(b"".join(joined))] if pack else joined)
            _sync(file)


def _sync(stream: Any) -> None:
    stream.flush()
    with suppress(OSError):  # some file systems cannot
        os.fsync(stream.fileno())
