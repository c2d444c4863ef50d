"""XML files → elements, one at a time, and nothing that could be a bomb or steal a file.

lxml reads block by block, so that only the element at hand is in memory. It fetches nothing;
entities, which could multiply without end, are refused as they appear. What is no character of XML
is left out: one control character must not end a translation memory.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from translator.data.readers.pairs import beside_path
from translator.errors import DataError
from translator.files import open_unpacked

_CHECK_EVERY = 256  # events: a look at the errors takes as long as a short element
_MENDED = ("ERR_INVALID_CHAR", "NS_ERR_UNDEFINED_NAMESPACE")  # what lxml reads on after
_ENTITIES = ("ERR_UNDECLARED_ENTITY", "WAR_UNDECLARED_ENTITY", "ERR_ENTITY_LOOP")
_REFUSED = "Entities are refused, since they can be bombs or steal files; write the characters."


def elements(
    file: Path, root: str, whole: Collection[str], opening: Collection[str] = ()
) -> Iterator[Any]:
    """Yield the lxml elements of some names `whole`, and the `opening` ones for their attributes.

    Names are without namespace, see `name_in`. Raises DataError for broken XML, another root, and
    entities.
    """
    from lxml import etree

    line = number = 0
    with open_unpacked(file, lambda: f"line {line}") as stream:
        found = etree.iterparse(
            stream,
            events=("start", "end"),
            tag=[f"{{*}}{name}" for name in (*whole, *opening)],
            recover=True,
            resolve_entities=False,
            no_network=True,
            remove_comments=True,
            remove_pis=True,
        )
        try:
            for number, (event, element) in enumerate(found):
                line = element.sourceline
                if number == 0:
                    _check_document(file, element.getroottree(), root)
                if number % _CHECK_EVERY == 0:
                    _check_errors(file, found.error_log)
                is_whole = name_in(element.tag) in whole
                if event == "start" and not is_whole:
                    yield element
                elif event == "end" and is_whole:
                    yield element
                    _forget(element)
        except etree.XMLSyntaxError as error:
            raise _broken(file, error.lineno or 1, error.msg) from None
        _check_errors(file, found.error_log)
        _check_document(file, found.root.getroottree(), root)


def name_in(tag: str) -> str:
    """The name of an element or attribute without its namespace or prefix."""
    return tag.rpartition("}")[2].rpartition(":")[2]


def child(element: Any, name: str) -> Any:
    """The first child of a name, None without one."""
    return next((each for each in element if name_in(each.tag) == name), None)


def _forget(element: Any) -> None:
    """Let go of an element that has been read, and of all that stands before it."""
    element.clear()
    for each in element.iterancestors():
        _delete_before(each)
    _delete_before(element)


def _delete_before(element: Any) -> None:
    while element.getprevious() is not None:
        del element.getparent()[0]


def _check_document(file: Path, tree: Any, root: str) -> None:
    declared = tree.docinfo.internalDTD
    for entity in declared.iterentities() if declared is not None else ():
        raise DataError(f"{file}, line 1: the entity {entity.name!r} is declared", _REFUSED)
    name = name_in(tree.getroot().tag)
    if name != root:
        raise DataError(
            f"{file}, line {tree.getroot().sourceline}: <{name}> is not the root of a {root} file",
            f"Name the file by its format, or set it: {beside_path(file, 'format: …')}.",
        )


def _check_errors(file: Path, errors: Any) -> None:
    for error in errors:
        if error.type_name in _ENTITIES:
            entity = error.message.partition("'")[2].partition("'")[0]
            raise DataError(
                f"{file}, line {error.line}: the entity {entity!r} is declared or used", _REFUSED
            )
        if error.type_name not in _MENDED:
            raise _broken(file, error.line, error.message)


def _broken(file: Path, line: int, reason: str) -> DataError:
    return DataError(
        f"{file}, line {line}: broken XML ({reason})", "Export the file again, or mend it there."
    )
