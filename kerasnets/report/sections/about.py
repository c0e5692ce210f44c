"""Where a run comes from: date, versions, machine, data, audit and warnings."""

import re
import shlex
from collections.abc import Sequence

from kerasnets.catalog.audit_kinds import KINDS
from kerasnets.diagnosis.names import FAULTS
from kerasnets.errors import few
from kerasnets.report.run_records import RunRecords
from kerasnets.report.section import Section, Table

MOST_WARNINGS = 20
"""Warnings of a run that stand open; log.txt has them all."""


def warning_sections(runs: Sequence[RunRecords]) -> list[Section]:
    """Return the section of warnings and errors of the log; none where there are none."""
    tables, left_out = [], 0
    for run in runs:
        found = warnings(run.log, told=run.findings is not None)
        if found:
            rows = tuple(found[:MOST_WARNINGS])
            where = f"warning of {run.label}" if len(runs) > 1 else "warning"
            tables.append(Table(("time", where), rows))
            left_out += len(found) - len(rows)
    caption = f"{left_out:,} more stand in log.txt." if left_out else ""
    section = Section(anchor="warnings", title="Warnings", caption=caption, tables=tuple(tables))
    return [section] if tables else []


def warnings(log: Sequence[str], *, told: bool) -> list[tuple[str, str]]:
    """Return (time, text) of the warnings and errors among the lines of a log, and of how it was stopped.

    Args:
        log: lines, each with its time before it.
        told: whether the verdict tells the findings, which are left out then.
    """
    found = (re.fullmatch(r"(\S+ \S+) ((?:warning|error|critical|stopped): .*)", line) for line in log)
    lines = [(match[1], match[2].removeprefix("warning: ")) for match in found if match]
    return [line for line in lines if not (told and _is_finding(line[1]))]


def _is_finding(text: str) -> bool:
    match = re.match(r"step [\d,]+: (\w+)", text)
    return bool(match and match[1] in FAULTS)


def about_sections(runs: Sequence[RunRecords]) -> list[Section]:
    """Return the sections of data and of machine and versions."""
    return [
        _facts_section("data", "Data and audit", [_data(run) for run in runs], runs=runs),
        _facts_section("machine", "Machine and versions", [_machine(run) for run in runs], runs=runs),
    ]


def _facts_section(
    anchor: str, title: str, facts: Sequence[dict[str, str]], *, runs: Sequence[RunRecords]
) -> Section:
    names = list(dict.fromkeys(name for each in facts for name in each))
    rows = tuple((name, *(each.get(name, "") for each in facts)) for name in names)
    return Section(anchor=anchor, title=title, tables=(Table(("", *(run.label for run in runs)), rows),))


def _data(run: RunRecords) -> dict[str, str]:
    dataset = run.dataset
    shape = "×".join("any" if size is None else str(size) for size in dataset.image_shape)
    kinds = "targets" if dataset.numeric else "classes"
    facts = {
        "source": dataset.source + (f", {run.recipe.data.path}" if run.recipe.data.path else ""),
        "images": ", ".join(f"{count:,} {name}" for name, count in dataset.images.items()),
        "image": f"{shape} (height, width, channels)",
        kinds: f"{len(dataset.classes):,}: {few(dataset.classes)}",
    }
    for name, digest in (dataset.fingerprints or {}).items():
        facts[f"digest of {name}"] = digest[:12]
    policies: dict[str, list[str]] = {}
    for kind, policy in run.recipe.data.audit.model_dump().items():
        if isinstance(policy, str):
            policies.setdefault(policy, []).append(kind)
    facts["audit found"] = "; ".join(_audit_lines(run.log)) or "nothing in the log"
    for policy, kinds_of in policies.items():
        facts[f"audit: {policy}"] = ", ".join(kinds_of)
    return facts


def _audit_lines(log: Sequence[str]) -> list[str]:
    """Return what the log says of the images that were inspected."""
    lines = [line[20:] for line in log]
    return [line for line in lines if " images audited" in line or line.partition(":")[0] in KINDS]


def _machine(run: RunRecords) -> dict[str, str]:
    environment = run.environment
    devices = ", ".join(
        f"{device.get('count', 1)} × {device.get('kind', '')} {device.get('name', '')}".strip()
        for device in environment.devices
    )
    settings = {key: value for key, value in environment.settings.items() if value not in (None, {}, "")}
    return {
        "started": run.log[0][:19] if run.log else "",
        "command": shlex.join(environment.command),
        "Python": environment.python,
        **environment.packages,
        "machine": environment.machine,
        "devices": devices,
        "strategy": f"{environment.strategy.lstrip('_')}, {environment.replicas} replica"
        + "s" * (environment.replicas > 1),
        "precision": run.recipe.train.precision,
        "seed": str(run.recipe.train.seed),
        **{key.replace("_", " "): str(value) for key, value in settings.items()},
    }
