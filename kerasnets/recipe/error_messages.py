"""A mistake in a recipe, said in one line: file, dotted key, what was found and what is allowed."""

import re
from typing import Annotated, Union, get_args, get_origin

from kerasnets.errors import few, nearest
from kerasnets.recipe.base import Section
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
"""What pydantic's kinds of mistake mean to who writes TOML."""


def one_line(error, origin, given=()):
    """Say the first mistake as file, key, found, allowed, with all keys that are missing, and how many more.

    Args:
        error: pydantic's `ValidationError`.
        origin: the file.
        given: (dotted key, "key=value") of each --set; a mistake that one of them has made is laid to it.
    """
    by_key, missing = {}, []
    for mistake in error.errors():
        key, model, tag = _locate(mistake["loc"])
        if mistake["type"] in ("missing", "union_tag_not_found"):
            missing += [f"{key}.{tag}"] if mistake["type"] != "missing" else _required(key)
        else:
            by_key.setdefault(key, []).append(_said(mistake, key, model))
    lines, keys = [], [*missing[:1], *by_key][:1]
    if missing:
        need = "this key is" if len(missing) == 1 else "these keys are"
        lines = [f"{', '.join(missing)}: missing: {need} required"]
    for key, said in list(by_key.items())[:1]:
        # a plain union reports every alternative by itself: "found x, allowed: a" and "found x, allowed: b"
        found, _, allowed = said[0].partition("allowed: ")
        alternatives = dict.fromkeys([allowed, *(other.partition("allowed: ")[2] for other in said[1:])])
        line = f"{found}allowed: {' or '.join(alternatives)}" if allowed else said[0]
        lines.append(f"{shortened(key) + ': ' if key else ''}{line}")
    more = f" (and {len(by_key) - 1} more)" if len(by_key) > 1 else ""
    said = "; ".join(lines)
    return f"{_culprit(keys[0], said, origin, given)}: {said}{more}"


def shortened(text, most=100):
    """Return text of no more than `most` characters: the middle is left out."""
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most // 2) + 1 :]}"


def with_overrides(origin, given):
    """Return what messages call a recipe: its file, and what was set."""
    said = " ".join(f"--set {shortened(text)}" for _, text in given[:3])
    more = f" and {len(given) - 3} more" if len(given) > 3 else ""
    return f"{origin} with {said}{more}" if given else str(origin)


def _culprit(key, said, origin, given):
    """Return where a mistake at `key` comes from: the --set that made it, or else the file."""
    table = key.rpartition(".")[0]
    rules = [
        lambda name: key == name or key.startswith(f"{name}."),
        lambda name: bool(key) and name.startswith(f"{key}."),
        lambda name: bool(table) and name.startswith(f"{table}."),
        lambda name: not key and re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", said),
        lambda name: not key,
    ]
    for rule in rules:
        guilty = [text for name, text in given if rule(name)]
        if guilty:
            return " ".join(f"--set {shortened(text)}" for text in guilty[:3])
    return origin


def _required(key):
    """Return the keys to set where the one at `key` is missing: of a table, those that it requires."""
    annotation, tag = Recipe, None
    for part in key.split("."):
        field = annotation.model_fields.get(part) if _is_section(annotation) else None
        if field is None:
            return [key]
        annotation, tag = field.annotation, field.discriminator
        while get_origin(annotation) is Annotated:
            annotation, *extras = get_args(annotation)
            tag = next((e.discriminator for e in extras if getattr(e, "discriminator", None)), tag)
    if tag:
        return [f"{key}.{tag}"]
    if not _is_section(annotation):
        return [key]
    inner = [name for name, field in annotation.model_fields.items() if field.is_required()]
    return [found for name in inner for found in _required(f"{key}.{name}")] or [key]


def _is_section(annotation):
    return isinstance(annotation, type) and issubclass(annotation, Section)


def _said(mistake, key, model):
    kind, context = mistake["type"], mistake.get("ctx", {})
    found = shortened(repr(mistake["input"]))
    if kind == "extra_forbidden":
        allowed = list(model.model_fields)
        return f"unknown key, allowed: {few(allowed)}{nearest(key.rpartition('.')[2], allowed)}"
    if kind == "union_tag_invalid":
        tags = context["expected_tags"].replace("'", "").split(", ")
        tag, wrong = context["discriminator"].strip("'"), context["tag"]
        return f"found {tag} = {shortened(repr(wrong))}, allowed: {few(tags)}{nearest(wrong, tags)}"
    if kind == "value_error":
        return shortened(str(context["error"]), 400)
    allowed = mistake["msg"].removeprefix("Input should be ")
    if kind == "string_pattern_mismatch":  # the one pattern there is, of tfds:NAME
        return f"found {found}, allowed: {context['pattern'].removeprefix('^').replace('.', 'NAME')}"
    if kind == "literal_error":
        options = [option.strip("'") for option in allowed.replace(" or ", ", ").split(", ")]
        return f"found {found}, allowed: {shortened(allowed, 240)}{nearest(mistake['input'], options)}"
    if kind in ("too_short", "too_long"):
        most = context.get("max_length")
        count = f"{most} at most" if kind == "too_long" else f"{context['min_length']} or more"
        return f"found {found}, allowed: {count} in the list"
    if kind == "list_type" and key in ("augment", "preprocess"):
        return f'found {found}, allowed: a list of tables, as in [{{op = "{_example(key)}"}}]'
    return f"found {found}, allowed: {ALLOWED.get(kind, shortened(allowed, 240))}"


def _example(key):
    return "flip" if key == "augment" else "standardize"


def _locate(loc):
    """Return the dotted key of a pydantic location, the Section it lies in, and its union's tag name.

    Pydantic puts the tag of a chosen union member into the location; it is no part of the key.
    """
    annotation, model, tag, key = Recipe, Recipe, None, []
    parts = list(loc)
    while parts:
        if isinstance(annotation, type) and issubclass(annotation, Section):
            model = annotation
            part = parts.pop(0)
            key.append(part)
            field = model.model_fields.get(part)
            if field is None:
                break
            annotation, tag = field.annotation, field.discriminator
        elif get_origin(annotation) is Annotated:
            annotation, *extras = get_args(annotation)
            tag = next((e.discriminator for e in extras if getattr(e, "discriminator", None)), tag)
        elif get_origin(annotation) is list:
            key.append(parts.pop(0))
            annotation, tag = get_args(annotation)[0], None
        elif get_origin(annotation) is dict:
            key.append(parts.pop(0))
            annotation = get_args(annotation)[1]
        elif len(members := _union_members(annotation)) == 1:  # X | None: pydantic names no alternative
            annotation = members[0]
        else:
            chosen = parts.pop(0)
            annotation = next((m for m in members if chosen in _tags(m, tag)), None)
            if annotation is None:
                break
    if get_origin(annotation) is Annotated:
        tag = next(
            (e.discriminator for e in get_args(annotation)[1:] if getattr(e, "discriminator", None)), tag
        )
    return ".".join(map(str, key)), model, tag


def _union_members(annotation):
    members = get_args(annotation) if get_origin(annotation) in (Union, type(int | str)) else ()
    return [member for member in members if member is not type(None)]


def _tags(member, tag):
    field = getattr(member, "model_fields", {}).get(tag)
    return get_args(field.annotation) if field else ()
