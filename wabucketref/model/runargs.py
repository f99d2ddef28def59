"""Arguments of a run and metadata of an artifact, as people type them."""

import json
import math
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

from wabucketref.errors import UsageError
from wabucketref.model.jsonvalue import normalize

if TYPE_CHECKING:
    import argparse

_FORMS = "give JSON like '{\"lr\": 0.1}', or words like '--lr 0.1 --amp' or 'lr=0.1'"


def is_namespace(value: object) -> "TypeGuard[argparse.Namespace]":
    """Whether it is an ``argparse.Namespace``: nobody has one who has not loaded its module, which takes a while."""
    module = sys.modules.get("argparse")
    return module is not None and isinstance(value, module.Namespace)


def parse_run_args(
    value: "Mapping[str, Any] | argparse.Namespace | str | None", where: str = "run_args"
) -> dict[str, Any]:
    """The config of a run.

    Args:
        value: a mapping, an ``argparse.Namespace``, or a string: a JSON object, or shell words ``--key value``,
            ``--key=value``, ``--flag`` (True) and ``key=value``. Dashes inside an option's name become underscores, as
            argparse does it. Words that are JSON numbers, ``true``, ``false`` or ``null`` become those; others stay
            text. None gives an empty config.
        where: how an error names the argument.

    Raises:
        UsageError: the string cannot be read, or names a key twice.
        InvalidValue: a value that cannot be recorded.
    """
    if value is None:
        return {}
    if is_namespace(value):
        value = vars(value)
    elif isinstance(value, str):
        value = _from_text(value, where)
    if not isinstance(value, Mapping):
        raise UsageError(f"{where} is {type(value).__name__}", hint="give a dict, an argparse.Namespace or a string")
    plain: dict[str, Any] = normalize(value, where)
    return plain


def parse_metadata(pairs: Sequence[str]) -> dict[str, str]:
    """The metadata in ``-m KEY=VALUE`` arguments; values stay text, and only the first ``=`` divides.

    Raises:
        UsageError: naming the argument without ``=``, with an empty key, or with a key given before.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        shown = repr(pair[:80])
        if not equals:
            raise UsageError(f"-m {shown} has no '='", hint="write -m KEY=VALUE")
        if not key.strip():
            raise UsageError(f"-m {shown} has no key", hint="write -m KEY=VALUE")
        if key in found:
            raise UsageError(f"-m {shown} gives the key {key!r} a second time", hint="give each key once")
        found[key] = value
    return found


def _from_text(text: str, where: str) -> dict[str, Any]:
    if text.lstrip().startswith("{"):
        return _from_json(text, where)
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{where} cannot be read: {error}".lower(), hint=_FORMS) from error
    found: dict[str, Any] = {}
    for key, value in _pairs(words, where):
        if key in found:
            raise UsageError(f"{where} gives {key!r} twice", hint="give each key once")
        found[key] = value
    return found


def _from_json(text: str, where: str) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise UsageError(f"{where} gives a key twice", hint="give each key once")
        return found

    try:
        value = json.loads(text, object_pairs_hook=unique)
    except UsageError:
        raise
    except (ValueError, RecursionError) as error:
        reason = f"{error.msg} at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise UsageError(f"{where} is not valid JSON: {reason}", hint=_FORMS) from error
    return dict(value)


def _pairs(words: Sequence[str], where: str) -> Iterator[tuple[str, Any]]:
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        body, is_option = word.lstrip("-"), word.startswith("-")
        key, equals, value = body.partition("=")
        if not key or word.startswith("---") or not (is_option or equals):
            raise UsageError(f"{where} has the word {word[:80]!r}, which is not a key", hint=_FORMS)
        if is_option:
            key = key.replace("-", "_")
        if equals:
            yield key, _scalar(value)
        elif position < len(words) and not _is_option(words[position]):
            yield key, _scalar(words[position])
            position += 1
        else:
            yield key, True


def _is_option(word: str) -> bool:
    """Whether a word opens a new option; a negative number is a value."""
    return word.startswith("-") and word != "-" and not isinstance(_scalar(word), (int, float))


def _scalar(word: str) -> Any:
    """`word` as JSON number, true, false or null, else as it is."""
    if word[:1] not in "-0123456789tfn" or len(word) > 400:
        return word
    try:
        value = json.loads(word)
    except (ValueError, RecursionError):
        return word
    return word if isinstance(value, float) and not math.isfinite(value) else value
