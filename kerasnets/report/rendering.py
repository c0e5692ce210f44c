"""From sections to a page: one HTML file that needs no other file and no network."""

import base64
import re
from typing import Any

import jinja2
from markupsafe import Markup
from matplotlib.figure import Figure

from kerasnets.report import drawing
from kerasnets.report.section import Picture

NUMBER = r"[-−+]?(\d[\d.,]*(e[-+]\d+)?|nan|inf)( ?(%|ms|s|MiB))?"
"""Cells that are set to the right."""


def render(template: str, **values: Any) -> str:
    """Return a page as HTML; inside `drawing.style`.

    Args:
        template: a file of this folder that extends base.html.
        **values: `title`; `results`, the first table; `sections`; and what the template itself needs. Text in
            them is shown as it is.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__, ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "drawn": _element,
        "is_number": _is_number,
    }
    return environment.get_template(template).render(**values)


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(NUMBER, text))


def _element(picture: Picture) -> Markup:
    """Return a picture as an element of the page."""
    if isinstance(picture.drawing, Figure):
        return Markup(drawing.inline_svg(picture.drawing, picture.name))
    source = base64.b64encode(picture.drawing).decode("ascii")
    return Markup('<img alt="{}" src="data:image/png;base64,{}">').format(picture.title, source)
