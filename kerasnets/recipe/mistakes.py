"""A mistake in a recipe, said in one line: file, dotted key, what was found and what is allowed."""

from typing import Annotated, Union, get_args, get_origin

from kerasnets.errors import nearest
from kerasnets.recipe.schema import Recipe
from kerasnets.recipe.section import Section


def one_line(error, origin):
    """Say the first mistake as file, key, found, allowed; and how many more keys are wrong."""
    by_key = {}
    for mistake in error.errors():
        key, model, tag = _locate(mistake["loc"])
        by_key.setdefault(key, []).append(_said(mistake, key, model, tag))
    key, said = next(iter(by_key.items()))
    # a plain union reports every alternative by itself: "found x, allowed: a" and "found x, allowed: b"
    found, _, allowed = said[0].partition("allowed: ")
    alternatives = dict.fromkeys([allowed, *(other.partition("allowed: ")[2] for other in said[1:])])
    line = f"{found}allowed: {' or '.join(alternatives)}" if allowed else said[0]
    more = f" (and {len(by_key) - 1} more)" if len(by_key) > 1 else ""
    return f"{origin}: {key + ': ' if key else ''}{line}{more}"


def _said(mistake, key, model, tag):
    kind, found, context = mistake["type"], mistake["input"], mistake.get("ctx", {})
    if kind == "extra_forbidden":
        allowed = list(model.model_fields)
        return f"unknown key, allowed: {', '.join(allowed)}{nearest(key.rpartition('.')[2], allowed)}"
    if kind == "missing":
        return "missing: this key is required"
    if kind == "union_tag_not_found":
        return f"missing: {tag} is required"
    if kind == "union_tag_invalid":
        tags = context["expected_tags"].replace("'", "")
        return f"found {tag} = {context['tag']!r}, allowed: {tags}{nearest(context['tag'], tags.split(', '))}"
    if kind == "value_error":
        return str(context["error"])
    allowed = mistake["msg"].removeprefix("Input should be ")
    if kind == "string_pattern_mismatch":  # the one pattern there is, of tfds:NAME
        return f"found {found!r}, allowed: {context['pattern'].removeprefix('^').replace('.', 'NAME')}"
    if kind == "literal_error":
        options = [option.strip("'") for option in allowed.replace(" or ", ", ").split(", ")]
        return f"found {found!r}, allowed: {allowed}{nearest(found, options)}"
    allowed = allowed.replace("a valid dictionary or object to extract fields from", "a table")
    return f"found {found!r}, allowed: {allowed}"


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
