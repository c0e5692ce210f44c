"""A mistake in a recipe as one line: file, dotted key, what was found and what is allowed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import Tag, ValidationError
from pydantic_core import ErrorDetails

from kerasnets.errors import few, nearest, shortened
from kerasnets.recipe.base import Section, TableError
from kerasnets.recipe.schema import Recipe

ALLOWED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text in quotes",
    "list_type": "a list, as in [1, 2]",
    "dict_type": "a table, as in {key = 1}",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
"""What pydantic's kinds of error mean in words of TOML."""

TABLES = {
    "augment": '{op = "flip"}',
    "preprocess": '{op = "standardize"}',
    "train.phases": '{epochs = 5, trainable = ["fc"]}',
}
"""An example of a table of each list of tables."""

NAMED = 3
"""How many overrides a message names, at most."""


@dataclass(frozen=True)
class Override:
    """A key that was set in addition to the recipe's file, by `--set` or `overrides`.

    Attributes:
        key: dotted key.
        value: its value, as TOML has it.
        text: how messages call it, for instance "--set train.epochs=0".
    """

    key: str
    value: Any
    text: str


def mistake_line(error: ValidationError, origin: object, given: Sequence[Override] = ()) -> str:
    """Return one line for a refused recipe: all missing keys, the first mistake, and how many more there are.

    Args:
        error: why the recipe was refused.
        origin: its file.
        given: the overrides; a mistake that one of them made is reported as its own, not as the file's.
    """
    by_key: dict[str, list[str]] = {}
    tables: dict[str, str] = {}
    missing: list[str] = []
    for mistake in error.errors():
        place = _locate(mistake["loc"])
        refused = mistake.get("ctx", {}).get("error")
        if mistake["type"] == "missing":
            missing += _required(place.key)
        elif mistake["type"] == "union_tag_not_found":
            missing.append(f"{place.key}.{place.tag}")
        else:
            inner = refused.key if isinstance(refused, TableError) else ""
            key = ".".join(filter(None, (place.key, inner)))
            tables[key] = place.key
            by_key.setdefault(key, []).append(_message(mistake, place))
    parts = []
    if missing:
        need = "this key is" if len(missing) == 1 else "these keys are"
        parts.append(f"{', '.join(missing)}: missing: {need} required")
    for key, messages in list(by_key.items())[:1]:
        parts.append(f"{shortened(key) + ': ' if key else ''}{_alternatives(messages)}")
    more = f" (and {len(by_key) - 1} more)" if len(by_key) > 1 else ""
    line = "; ".join(parts)
    first = next(iter([*missing, *by_key]))
    return f"{_culprit(tables.get(first, first), line, origin=origin, given=given)}: {line}{more}"


def with_overrides(origin: object, given: Sequence[Override]) -> str:
    """Return how messages call a recipe: its file, and the overrides."""
    more = f" and {len(given) - NAMED} more" if len(given) > NAMED else ""
    return f"{origin} with {_texts(given)}{more}" if given else str(origin)


def _texts(given: Sequence[Override]) -> str:
    return " ".join(each.text for each in given[:NAMED])


def _alternatives(messages: Sequence[str]) -> str:
    """Join what pydantic reports of each member of a union: "found x, allowed: a or b; did you mean 'a'?"."""
    found, _, allowed = messages[0].partition("allowed: ")
    if not allowed:
        return messages[0]
    members = [message.partition("allowed: ")[2].partition("; did you mean ") for message in messages]
    hints = "".join(f"; did you mean {hint}" for _, _, hint in members if hint)
    return f"{found}allowed: {' or '.join(dict.fromkeys(names for names, _, _ in members))}{hints}"


def _culprit(key: str, line: str, *, origin: object, given: Sequence[Override]) -> object:
    """Return where a mistake at `key` comes from: the overrides that made it, or else the file.

    The closest kind of relation counts: an override of the key or of a table around it, of a key within it,
    of the same table; and for a mistake of the recipe as a whole, one that the message names, or any.
    """
    table = key.rpartition(".")[0]
    relations = [
        lambda name: key == name or key.startswith(f"{name}."),
        lambda name: bool(key) and name.startswith(f"{key}."),
        lambda name: bool(table) and name.startswith(f"{table}."),
        lambda name: not key and re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", line),
        lambda name: not key,
    ]
    for related in relations:
        guilty = [each for each in given if related(each.key)]
        if guilty:
            return _texts(guilty)
    return origin


def _required(key: str) -> list[str]:
    """Return the keys to set where the one at `key` is missing: of a table, all those that it requires."""
    schema = _Schema(Recipe)
    for part in key.split("."):
        found = schema.fields.get(part)
        if found is None:
            return [key]
        schema = found
    if schema.tag:
        return [f"{key}.{schema.tag}"]
    inner = [name for name, found in schema.fields.items() if found.required]
    return [found for name in inner for found in _required(f"{key}.{name}")] or [key]


def _message(mistake: ErrorDetails, place: "_Place") -> str:
    """Return what was found and what is allowed."""
    kind, context, key = mistake["type"], mistake.get("ctx", {}), place.key
    found = shortened(repr(mistake["input"]))
    if kind == "extra_forbidden":
        known = list(place.table.model_fields)
        return f"unknown key, allowed: {few(known)}{nearest(key.rpartition('.')[2], known)}"
    if kind == "union_tag_invalid":
        tags = context["expected_tags"].replace("'", "").split(", ")
        tag, wrong = context["discriminator"].strip("'"), context["tag"]
        return f"found {tag} = {shortened(repr(wrong))}, allowed: {few(tags)}{nearest(wrong, tags)}"
    if kind == "value_error":
        return shortened(str(context["error"]), 400)
    allowed = mistake["msg"].removeprefix("Input should be ")
    if kind == "string_pattern_mismatch":  # the schema has one pattern, of tfds:NAME
        return f"found {found}, allowed: {context['pattern'].removeprefix('^').replace('.', 'NAME')}"
    if kind == "literal_error":
        options = [option.strip("'") for option in allowed.replace(" or ", ", ").split(", ")]
        return f"found {found}, allowed: {shortened(allowed, 240)}{nearest(mistake['input'], options)}"
    if kind in ("too_short", "too_long"):
        most = context.get("max_length")
        count = f"{most} at most" if kind == "too_long" else f"{context['min_length']} or more"
        return f"found {found}, allowed: {count} in the list"
    if kind == "list_type" and key in TABLES:
        return f"found {found}, allowed: a list of tables, as in [{TABLES[key]}]"
    return f"found {found}, allowed: {ALLOWED.get(kind, shortened(allowed, 240))}"


@dataclass(frozen=True)
class _Place:
    """Where in the schema a mistake is.

    Attributes:
        key: dotted key.
        table: the innermost table around it.
        tag: name of the key that says which member of a union of tables is meant, or None.
    """

    key: str
    table: type[Section]
    tag: str | None


class _Schema:
    """What the schema has at a key.

    Args:
        annotation: the type, with or without `Annotated`.
        tag: discriminator of a union of tables, where the field says it and not the annotation.
        required: whether the key must be there.
    """

    def __init__(self, annotation: Any, tag: Any = None, required: bool = False) -> None:
        while get_origin(annotation) is Annotated:
            annotation, *extras = get_args(annotation)
            tag = next((each.discriminator for each in extras if getattr(each, "discriminator", None)), tag)
        self.annotation, self.tag, self.required = annotation, tag, required

    @property
    def table(self) -> type[Section] | None:
        """The table that this is, or None."""
        annotation = self.annotation
        return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None

    @property
    def fields(self) -> dict[str, "_Schema"]:
        """What the table's keys hold; nothing where this is no table."""
        fields = self.table.model_fields if self.table else {}
        return {
            name: _Schema(field.annotation, field.discriminator, field.is_required())
            for name, field in fields.items()
        }

    def members(self) -> list[Any]:
        """The alternatives of a union, without None."""
        annotation = self.annotation
        members = get_args(annotation) if get_origin(annotation) in (Union, type(int | str)) else ()
        return [member for member in members if member is not type(None)]


def _locate(loc: Sequence[str | int]) -> _Place:
    """Return the place that pydantic's location means.

    Pydantic puts the tag of a chosen union member into the location; it is no part of the key.
    """
    schema = _Schema(Recipe)
    table: type[Section] = Recipe
    key: list[str | int] = []
    parts = list(loc)
    while parts:
        if schema.table:
            table = schema.table
            part = parts.pop(0)
            key.append(part)
            if part not in schema.fields:
                schema = _Schema(None)
                break
            schema = schema.fields[part]
        elif get_origin(schema.annotation) in (list, dict):
            key.append(parts.pop(0))
            schema = _Schema(get_args(schema.annotation)[-1])
        elif len(members := schema.members()) == 1:  # X | None: pydantic names no alternative
            schema = _Schema(members[0], schema.tag)
        else:
            chosen, tag = parts.pop(0), schema.tag
            member = next((each for each in members if chosen in _tags(each, tag)), None)
            schema = _Schema(member, tag)
            if member is None:
                break
    return _Place(".".join(map(str, key)), table, schema.tag)


def _tags(member: Any, tag: str | None) -> tuple[Any, ...]:
    """Return the values of the discriminating key that choose this member of a union, or its own tag."""
    own = tuple(each.tag for each in getattr(member, "__metadata__", ()) if isinstance(each, Tag))
    if own:
        return own
    field = getattr(member, "model_fields", {}).get(tag)
    return get_args(field.annotation) if field else ()
