"""The diagnosis of one training: which findings begin and end as its records grow."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.records import Records
from kerasnets.diagnosis.rules import RULES

Rule = Callable[[Records], list[Finding]]
"""A pure function from records to what is wrong at the newest of them; without what it needs, nothing."""

GONE = 3
"""Updates in a row without a finding that end it; twice as many each time that it has come back."""


class Diagnosis:
    """Keeps what was found of a training: each finding is told once when it begins and once when it ends.

    A rule has at most one finding that lasts: where it finds more, they are one with the layer of the first,
    and the layers of the others in `also`. A finding ends after `GONE` updates in a row without it. Each time
    that it comes back, this number doubles, so that one on the verge is told a few times only.

    Args:
        rules: what to look for.

    Attributes:
        findings: all so far, in the order in which they began; `ended` is None where they last.

    Example:
        >>> diagnosis = Diagnosis()
        >>> begun, ended = diagnosis.update(Records(steps=pd.read_csv("run/steps.csv")))
    """

    def __init__(self, rules: Sequence[Rule] = RULES):
        self.findings: list[Finding] = []
        self._rules = rules
        self._missed: dict[str, int] = {}

    def add(self, findings: Iterable[Finding]) -> None:
        """Add findings of checks before training; they last. One that is known already is left out."""
        known = {(found.rule, found.layer) for found in self.findings if found.ended is None}
        new = {(found.rule, found.layer): found for found in findings}
        self.findings += [found for key, found in new.items() if key not in known]

    def update(self, records: Records) -> tuple[list[Finding], list[Finding]]:
        """Apply the rules to all records so far; return the findings that have begun and those that ended."""
        found = _merged(finding for rule in self._rules for finding in rule(records))
        lasting = {each.rule: at for at, each in enumerate(self.findings) if each.ended is None}
        begun = [finding for rule, finding in found.items() if rule not in lasting]
        ended = []
        for rule, at in lasting.items():
            if rule not in self._missed:  # of a check before training
                continue
            if rule in found:
                self._missed[rule] = 0
                self.findings[at] = _with_layers(self.findings[at], found[rule])
            elif self._is_gone(rule):
                self.findings[at] = replace(self.findings[at], ended=records.step)
                ended.append(self.findings[at])
        self.findings += begun
        self._missed |= {finding.rule: 0 for finding in begun}
        return begun, ended

    def get_state(self) -> dict[str, Any]:
        """Return what `set_state` needs to go on, as JSON values."""
        return {"findings": [finding.to_dict() for finding in self.findings], "missed": dict(self._missed)}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `get_state` returned."""
        self.findings = [Finding.from_dict(finding) for finding in state["findings"]]
        self._missed = dict(state["missed"])

    def _is_gone(self, rule: str) -> bool:
        self._missed[rule] += 1
        times = sum(finding.rule == rule for finding in self.findings)
        return self._missed[rule] >= GONE * 2 ** (times - 1)


def _merged(findings: Iterable[Finding]) -> dict[str, Finding]:
    merged: dict[str, Finding] = {}
    for finding in findings:
        first = merged.setdefault(finding.rule, finding)
        merged[finding.rule] = _with_layers(first, finding)
    return merged


def _with_layers(finding: Finding, other: Finding) -> Finding:
    """Return a finding with the layers of another of the same rule among its own."""
    layers = dict.fromkeys([finding.layer, *finding.also, other.layer, *other.also])
    return replace(finding, also=tuple(layers)[1:])
