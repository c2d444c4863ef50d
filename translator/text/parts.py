"""What is translated as one sequence? Texts are split into parts, and their translations joined.

On the way to the model a text is split into sentences, capitals are read in other letters, a
sentence longer than the model can see is cut, and each part gets the terms that its translation
must hold. On the way back marks are closed, capitals are restored and the parts are joined.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from translator.config import Config
from translator.text.capitals import encode_sentences, likely_cases
from translator.text.directions import tag_of
from translator.text.glossary import Glossary
from translator.text.languages import (
    beginning,
    capitalises_nouns,
    has_opening_marks,
    upper,
    with_capital,
    with_small_letter,
)
from translator.text.messages import message_stretches
from translator.text.placeholders import (
    has_words,
    lost_numbers,
    lost_placeholders,
    numbers,
    placeholders,
    put_back,
    split_placeholders,
    split_unbroken,
    stand_alone,
    with_accelerator,
    with_stand_ins,
    without_accelerator,
)
from translator.text.sentences import (
    MARKS,
    close_marks,
    head_of,
    join_sentences,
    split_sentences,
    tail_of,
)
from translator.tokenizer import EOS_ID, Tokenizer

if TYPE_CHECKING:  # it imports numpy
    from translator.media import Frames

_CONTINUES_CHARACTER = re.compile("<0x[89AB].>")  # a piece that is no first byte in UTF-8


@dataclass(frozen=True)
class TextPart:
    """What is translated as one sequence: a sentence, or a piece of one that is too long."""

    text: int  # which of the given texts
    ids: tuple[int, ...]
    tag: tuple[int, ...] = ()  # read before the ids: into which language, if there are several
    head: str = ""  # what stands before its translation as it is …
    tail: str = ""  # … and what stands behind it
    space: str = ""  # what stands between its translation and the next one's
    sentence: str = ""  # the whole sentence that it is of
    source: str = ""  # what it says itself
    accelerator: str = ""  # the sign before the key of a menu, & or _
    prefix: tuple[int, ...] = ()  # what its translation must begin with
    required: tuple[str, ...] = ()  # the terms that its translation must hold …
    terms: tuple[tuple[int, ...], ...] = ()  # … and their ids, as many as there is room for
    is_term: bool = False  # it is one of these as a whole, and so is its translation
    in_capitals: bool = False  # the translation is put in capitals; the ids are of small letters
    capitalised: bool = False  # … and begins with one; the ids begin with a small letter
    goes_on: bool = False  # the next part is of the same sentence
    stand_ins: tuple[tuple[str, str], ...] | None = None  # words for placeholders: second search
    wanted: Callable[[], bool] | None = None  # whether somebody still waits for it; None: always
    frames: "Frames | None" = None  # of a picture or a recording, in place of ids
    problem: str = ""  # why it cannot be read

    @property
    def read(self) -> tuple[int, ...]:
        """The ids that a model reads."""
        return self.tag + self.ids

    @property
    def source_tokens(self) -> int:
        """How many ids, or frames, it has, the tag left out."""
        return len(self.ids) if self.frames is None else len(self.frames)

    @property
    def is_kept(self) -> bool:
        """Whether nothing of it is translated."""
        return bool(self.head) and not self.ids

    @property
    def words(self) -> str:
        """The sentence without what is kept around it."""
        words = self.sentence[len(self.head) : len(self.sentence) - len(self.tail)]
        return without_accelerator(words)[0] if self.accelerator else words

    @property
    def is_fragile(self) -> bool:
        """Whether it has placeholders or numbers, which a translation may lose."""
        return bool(placeholders(self.source) or numbers(self.source))

    @property
    def required_tokens(self) -> int:
        """How many ids of its translation are given."""
        return len(self.prefix) + sum(map(len, self.terms))

    @property
    def is_wanted(self) -> bool:
        """Whether somebody still waits for its translation."""
        return self.wanted is None or self.wanted()


class TextProcessor:
    """Takes texts apart for a model, and puts together what the model writes."""

    def __init__(self, config: Config, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._source_language = config.data.source_language
        self._target_language = config.data.target_language
        room = config.model.max_positions
        self.tag = tag_of(config, tokenizer)
        self._limit = min(config.data.max_tokens_per_sentence, room - 1) - len(self.tag)
        if config.model.architecture == "decoder_only":  # source and target are one sequence
            room -= len(self.tag) + self._limit + 1
        self._half = room // 2  # of what the model can see of a target

    # --- texts to parts ---------------------------------------------------------------------------

    def parts(
        self,
        texts: Sequence[str],
        *,
        split: bool = True,
        prefix: str = "",
        glossary: Glossary | None = None,
        keep: bool = True,
    ) -> list[TextPart]:
        """The parts of all texts, in order; a blank text has none.

        The translation of each text begins with `prefix` and holds the terms that `glossary`
        requires. Without `split` a text is one sentence.

        What has no letter is kept as it is, unless the glossary has another term for it: a text
        has no parts then, a sentence one without ids. So are the head of a line, such as `2.1.`,
        emoji at the end of a sentence, and what is longer than any word. Without `keep` the model
        sees all of it.
        """
        glossary = glossary or Glossary()
        sentences = [
            TextPart(index, (), space=space, sentence=sentence)
            for index, text in enumerate(texts)
            if not (keep and _stays(text, glossary))
            for sentence, space in self._sentences(text, split, glossary, keep=keep and not prefix)
        ]
        if keep and not prefix:
            sentences = [
                replace(each, accelerator=without_accelerator(each.words)[1])
                for each in self._with_ends(sentences, texts, glossary)
            ]
        if glossary and not prefix:
            sentences = [
                replace(each, capitalised=glossary.has_small(each.words, beginning(each.words)))
                for each in sentences
            ]
        written = [self._as_read(each.words, each) for each in sentences]
        encoded = encode_sentences(self._tokenizer, written, self._source_language)
        parts = [
            part
            for sentence, ids, loud in zip(sentences, *encoded, strict=True)
            for part in self._cut(
                replace(sentence, ids=tuple(ids), tag=self.tag, in_capitals=loud), glossary
            )
        ]
        return self._with_prefix(parts, prefix) if prefix else parts

    def _as_read(self, text: str, part: TextPart) -> str:
        """What a sentence says, as the model is to read it: a term with a capital seems a name."""
        language = self._source_language
        quiet = part.capitalised and not capitalises_nouns(language)
        return with_small_letter(text, language) if quiet else text

    def _sentences(
        self, text: str, split: bool, glossary: Glossary, *, keep: bool
    ) -> list[tuple[str, str]]:
        """The sentences of a text, with the space after each; none cuts what requires a term."""
        text = unicodedata.normalize("NFC", text)  # as the glossary's terms
        sentences = split_sentences(text, self._source_language) if split else [(text, "")]
        if keep:
            sentences = [
                (stretch, within if number < len(cut) else within + space)
                for sentence, space in sentences
                for cut in [[*split_unbroken(sentence)]]
                for number, (stretch, within) in enumerate(cut, start=1)
            ]
        return list(whole_spans(sentences, glossary.spans(text))) if glossary else sentences

    def _with_ends(
        self, sentences: Iterable[TextPart], texts: Sequence[str], glossary: Glossary
    ) -> Iterator[TextPart]:
        """Sentences with what is kept around them; of some it is all. Messages are taken apart."""
        begun, begins_line = -1, True
        for each in sentences:
            is_first = each.text != begun
            begun, stretches = each.text, message_stretches(texts[each.text])
            for stretch in stretches if is_first else ():
                sentence = stretch.head + stretch.text + stretch.tail
                head = stretch.head + head_of(stretch.text, self._source_language)
                yield replace(
                    each, head=head, tail=stretch.tail, space=stretch.space, sentence=sentence
                )
            if stretches:
                continue
            head = tail = ""
            if _stays(each.sentence, glossary):
                head = each.sentence
            else:
                if is_first or begins_line:
                    head = head_of(each.sentence, self._source_language)
                tail = tail_of(each.sentence)
            yield replace(each, head=head, tail=tail)
            begins_line = not set(each.space).isdisjoint("\r\n")

    def _cut(self, whole: TextPart, glossary: Glossary) -> Iterator[TextPart]:
        """The parts of a sentence: one, unless it is longer than the model can see."""
        if not whole.words:
            yield whole
        cut = list(split_long(whole.ids, self._tokenizer.pieces(whole.ids), self._limit))
        for number, ids in enumerate(cut, start=1):
            goes_on = number < len(cut)
            space = " " if goes_on else whole.space
            head, tail = whole.head if number == 1 else "", "" if goes_on else whole.tail
            part = replace(
                whole, ids=tuple(ids), head=head, tail=tail, space=space, goes_on=goes_on
            )
            part = replace(part, capitalised=whole.capitalised and number == 1)
            source = whole.words if len(cut) == 1 else self._source_of(part)
            accelerator = whole.accelerator if number == 1 else ""
            part = replace(part, source=source, accelerator=accelerator)
            if glossary:
                part = self._with_terms(part, glossary.required(source))
                is_term = glossary.spans(source) == [(0, len(source))] and bool(part.terms)
                part = replace(part, is_term=is_term)
            yield part

    def _source_of(self, part: TextPart) -> str:
        """What a piece of a sentence says."""
        [text] = self._tokenizer.decode([part.ids])
        return upper(text, self._source_language) if part.in_capitals else text

    def _with_terms(self, part: TextPart, required: Sequence[str]) -> TextPart:
        """A part with required terms and the ids of as many as half of the model's view holds."""
        if not required:
            return part
        terms: list[tuple[int, ...]] = []
        room = self._half - 1
        for ids in self._tokenizer.target.encode(required):
            if ids and len(ids) <= room:
                terms.append(tuple(ids))
                room -= len(ids)
        return replace(part, required=tuple(required), terms=tuple(terms))

    def _with_prefix(self, parts: Sequence[TextPart], prefix: str) -> list[TextPart]:
        """Parts of which the first of each text begins with a prefix.

        Capitals are put in capitals only if the prefix is; then it, too, is written in the letters
        that the model knows.
        """
        target, language = self._tokenizer.target, self._target_language
        quiet = likely_cases(target, [prefix], language)
        plain, of_capitals = (
            tuple(next(split_long(ids, target.pieces(ids), self._half), ()))
            for ids in target.encode([prefix, *quiet])
        )
        fits_capitals = prefix == upper(prefix, language)
        begun: set[int] = set()
        changed = []
        for part in parts:
            in_capitals = part.in_capitals and fits_capitals
            ids = () if part.text in begun else of_capitals if in_capitals else plain
            changed.append(replace(part, in_capitals=in_capitals, prefix=ids))
            begun.add(part.text)
        return changed

    # --- what the search must know of the text ----------------------------------------------------

    @cached_property
    def continues_word(self) -> list[bool]:
        """For each id whether it makes what stands before it part of a longer word."""
        return [
            not piece.startswith("▁") and any(map(str.isalnum, piece)) and i > EOS_ID
            for i, piece in enumerate(self._pieces)
        ]

    def closing_marks(self, part: TextPart) -> frozenset[int]:
        """The ids that end in a mark, where the part has none before its own end.

        Elsewhere, or beside digits, such a mark may belong to a word or a number.
        """
        pieces = self._tokenizer.pieces(part.ids)
        while pieces and not any(map(str.isalnum, pieces[-1])):
            pieces.pop()
        inner = "".join(pieces)
        if any(map(str.isdigit, inner)) or not MARKS.isdisjoint(inner):
            return frozenset()
        return frozenset() if self._marks.intersection(part.prefix) else self._marks

    @cached_property
    def _marks(self) -> frozenset[int]:
        return frozenset(i for i, piece in enumerate(self._pieces) if piece[-1] in MARKS)

    @cached_property
    def _pieces(self) -> list[str]:
        return self._tokenizer.pieces(range(self._tokenizer.vocabulary_size))

    # --- translations to texts --------------------------------------------------------------------

    def text(self, part: TextPart, ids: Sequence[int]) -> str:
        """What the ids of a part's translation say, as it is shown."""
        [text] = self._tokenizer.target.decode([ids])
        language = self._target_language
        text = finished(text, language, in_capitals=part.in_capitals, goes_on=part.goes_on)
        if part.required:
            text = _closed_up(text, part.required)
        if part.capitalised:
            text = with_capital(text, language)
        if part.stand_ins is not None:
            text = put_back(text, part.stand_ins, part.source)
        return with_accelerator(text, part.accelerator) if part.accelerator else text

    def join(self, translated: Iterable[tuple[TextPart, Sequence[int]]]) -> str:
        """The text that the translations of parts, which follow one another, make."""
        pairs = [
            (part.head + self.text(part, ids) + part.tail, part.space) for part, ids in translated
        ]
        return join_sentences([text for text, _ in pairs], [space for _, space in pairs])

    # --- what is lost -----------------------------------------------------------------------------

    def lost(self, part: TextPart, ids: Sequence[int]) -> list[str]:
        """Placeholders and numbers that a part's translation lacks, or has too often."""
        if not part.is_fragile:
            return []  # nearly always
        text = self.text(part, ids)
        return [*lost_placeholders(part.source, text), *lost_numbers(part.source, text)]

    def misplaced(self, part: TextPart, ids: Sequence[int]) -> list[str]:
        """The placeholders of a part that its translation does not place."""
        return stand_alone(self.text(replace(part, stand_ins=None), ids), part.stand_ins or ())

    @cached_property
    def names(self) -> list[str]:
        """Words with a capital that are pieces of their own, the commonest first.

        One that is a piece in small letters too may be a word of the translation, such as Spanish
        `con`: no name.
        """
        words = [piece[1:] for piece in self._pieces if piece.startswith("▁")]
        known = set(words)
        names = [each for each in words if len(each) > 2 and each.isalpha() and each.istitle()]
        return [each for each in names if each.lower() not in known]

    def constrained(self, part: TextPart, words: Sequence[str]) -> TextPart:
        """A part for another search, which is to find what is lost.

        Words that the model copies stand for the placeholders; they, what has no word, and the
        numbers are terms that the translation must hold.
        """
        source, stand_ins = with_stand_ins(part.source, words)
        required = [word for word, _ in stand_ins] + placeholders(source) + numbers(source)
        written = self._as_read(source, part)
        if part.in_capitals:  # a name in other letters would hide that the sentence is, too
            loud = [upper(word, self._source_language) for word in words]
            written, _ = with_stand_ins(part.source, loud)
        [ids], _ = encode_sentences(self._tokenizer, [written], self._source_language)
        searched = self._with_terms(replace(part, required=(), terms=()), required)
        return replace(
            searched,
            ids=tuple(ids) if len(ids) <= self._limit else part.ids,
            required=part.required,
            terms=part.terms + searched.terms,
            stand_ins=tuple(stand_ins),
        )

    def missing_terms(self, part: TextPart, text: str) -> list[str]:
        """The required terms that the translation of a part does not hold."""
        language = self._target_language
        if part.capitalised:
            text += "\n" + with_small_letter(text, language)  # the first may have got its capital
        return [
            term
            for term in part.required
            if (upper(term, language) if part.in_capitals else term) not in text
        ]


def finished(text: str, language: str, *, in_capitals: bool = False, goes_on: bool = False) -> str:
    """What a model wrote as it is shown: with single spaces, closed marks, and in capitals.

    `language` is that of the text. What opens a text that `goes_on` may be closed later.
    """
    text = " ".join(text.split())  # a model may write two spaces, or nothing but one
    if has_opening_marks(language) and not goes_on:
        text = close_marks(text, language)
    if not in_capitals:
        return text
    return "".join(
        each if is_kept else upper(each, language) for each, is_kept in split_placeholders(text)
    )


def whole_spans(
    sentences: Sequence[tuple[str, str]], spans: Sequence[tuple[int, int]]
) -> Iterator[tuple[str, str]]:
    """The sentences with their spaces; those that share a span of the text are one."""
    held: list[str] = []
    end = begun = furthest = 0  # of the spans that have begun before `end`, where the last one ends
    spans = sorted(spans)
    for sentence, space in sentences:
        end += len(sentence) + len(space)
        while begun < len(spans) and spans[begun][0] < end:
            furthest = max(furthest, spans[begun][1])
            begun += 1
        if end < furthest:
            held += (sentence, space)
        else:
            yield "".join([*held, sentence]), space
            held = []


def split_long(ids: Sequence[int], pieces: Sequence[str], limit: int) -> Iterator[Sequence[int]]:
    """Cut ids into parts of at most `limit`: after the last sentence end, clause end or word.

    A text without ids, which is blank, has no parts.
    """
    start = 0
    while len(ids) - start > limit:
        cut = _last_boundary(pieces, start + limit // 2, start + limit)
        yield ids[start:cut]
        start = cut
    if start < len(ids):
        yield ids[start:]


def _last_boundary(pieces: Sequence[str], first: int, last: int) -> int:
    """The best place to cut before a piece in first … last: the latest of the best kind."""
    words = [
        i
        for i in range(last, first, -1)
        if pieces[i].startswith("▁") or pieces[i - 1][-1] in "。！？；，、："
    ]
    for marks in (".!?…;؟۔।॥。！？；", ",:،，、："):
        found = next((i for i in words if pieces[i - 1][-1] in marks), None)
        if found:
            return found
    characters = (i for i in range(last, first, -1) if not _CONTINUES_CHARACTER.match(pieces[i]))
    return words[0] if words else next(characters, last)


def _closed_up(text: str, terms: Iterable[str]) -> str:
    """A text without spaces between an opening mark and a term: terms are searched with one."""
    pattern = rf"""([(\[“‘¿¡]|(?<!\S)["']) (?={"|".join(map(re.escape, terms))})"""
    return re.sub(pattern, r"\1", text)


def _stays(text: str, glossary: Glossary) -> bool:
    """Whether nothing of a text is translated: no letter, and no term that is not there already."""
    return not has_words(text) and all(term in text for term in glossary.required(text))
