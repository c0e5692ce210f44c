"""The table [data.audit]: what is done about each kind of thing that is wrong or odd in the data."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, create_model

from kerasnets.catalog.audit_kinds import KINDS, MAX_PIXELS
from kerasnets.recipe.base import Positive, Section, one_of


class AuditLimits(Section):
    """A policy for each kind of finding, with the defaults of `kerasnets.catalog.audit_kinds.KINDS`.

    "error" refuses to train; "skip" leaves the image out, or the class; "fix" puts it right; "keep" uses it
    as it is. Every finding is reported. An image that declares more than `max_pixels` is never decoded. Of
    the values of 16-bit files the lower `significant_bits` bits count: 12 for a microscope whose values go
    from 0 to 4095.
    """

    max_pixels: Positive = MAX_PIXELS
    significant_bits: Annotated[int, Field(ge=9, le=16)] = 16


if TYPE_CHECKING:
    Audit = AuditLimits
else:
    Audit = create_model(
        "Audit",
        __base__=AuditLimits,
        __doc__=AuditLimits.__doc__,
        **{name: (one_of(kind.policies), kind.default) for name, kind in KINDS.items()},
    )
