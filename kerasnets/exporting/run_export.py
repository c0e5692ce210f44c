"""Finished runs as an export: opened, written in each format, checked, and put into their folder."""

import logging
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf

import kerasnets
from kerasnets.errors import UserError
from kerasnets.exporting.beside.card import card_text
from kerasnets.exporting.beside.clients import write_clients
from kerasnets.exporting.beside.facts import card_facts
from kerasnets.exporting.beside.servers import write_serving_files
from kerasnets.exporting.cases import make_cases, takes_files
from kerasnets.exporting.format_writers import WRITERS
from kerasnets.exporting.formats.sample_inputs import sample_inputs
from kerasnets.exporting.manifest import SAMPLE, ExportedFormat, Manifest
from kerasnets.exporting.measured import with_measures
from kerasnets.exporting.publishing import manifest_before, publish, staging
from kerasnets.exporting.runtimes.choose import possible_formats
from kerasnets.exporting.runtimes.packages import check_packages
from kerasnets.exporting.subject import REFERENCE, Subject
from kerasnets.files.whole_files import check_writable
from kerasnets.inference.run_splits import DataOptions, split_to_check
from kerasnets.runs.ensemble import answer_threshold, open_runs, shared_channels
from kerasnets.runs.penultimate import with_features
from kerasnets.runs.records.samples import MOST, MOST_BYTES, sample_images
from kerasnets.runs.same_data import MissingDataError
from kerasnets.runs.trained_run import TrainedRun

log = logging.getLogger("kerasnets")

ALL: Literal["all"] = "all"
"""In place of names of formats: those that can be written here, measured."""

IMAGES, IMAGE_BYTES = 100, 64 * 2**20
"""Images of a run's data that an export is checked on at most, and bytes of all, as they are stored."""

PACKAGES = ("tensorflow", "keras", "numpy")
"""Whose versions the manifest states, with ours."""


def export_runs(
    runs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    to: str | os.PathLike[str] | None,
    *,
    formats: Sequence[str] | Literal["all"],
    data: DataOptions,
    top_k: int = 5,
    calibrated: bool = True,
    fold: bool = True,
) -> Path:
    """Export a finished run, or an ensemble of several; see `kerasnets.export`."""
    with tf.device(REFERENCE):
        members = open_runs(runs, "export", calibrated=calibrated, fold=fold)
        first, *others = members
        if others and to is None:
            raise UserError("export: found several runs and no folder, allowed: several with --to DIR")
        folder = Path(to) if to else first.directory.exports
        names = _possible(members) if formats == ALL else formats
        _check_folder(folder, names)
        for name in names:
            check_packages(name)
        shared_channels(members)
        cases = make_cases(members, _samples(members, data), with_files=takes_files(members))
    subject = Subject(members=members, cases=cases, data=data, top_k=top_k, folded=fold)
    with staging(folder) as staged, tf.device(REFERENCE):
        written = {name: WRITERS[name](subject, staged) for name in names}
        if formats == ALL:
            split = split_to_check(members, data)
            written = {
                name: with_measures(name, record, subject, folder=staged, split=split)
                for name, record in written.items()
            }

        def write_beside(whole: Manifest) -> None:
            sample = cases.sample(MOST, MOST_BYTES)
            sample.save(staged / SAMPLE, sample_inputs(members, sample.images, whole.formats))
            facts = card_facts(members, whole)
            facts.write(staged / "model_card.json")
            (staged / "model_card.md").write_text(card_text(facts), encoding="utf-8")
            write_clients(staged / "client", whole)
            onnx = whole.formats.get("onnx")
            places = (place / onnx.path for place in (staged, folder)) if onnx else ()
            write_serving_files(staged / "serving", whole, next(filter(Path.is_file, places), None))

        manifest = publish(staged, folder, _manifest(subject, written), write_beside=write_beside)
    return folder / manifest.formats[names[0]].path if len(names) == 1 else folder


def _possible(members: Sequence[TrainedRun]) -> list[str]:
    """Return all formats that runs can be written in here, and say why others are left out."""
    names, left_out = possible_formats(members)
    for line in left_out:
        log.warning("%s", line)
    return names


def _check_folder(folder: Path, formats: Sequence[str]) -> None:
    """Raise UserError unless exports can lie in `folder`; it need not be there yet."""
    check_writable(folder, "the exports")
    try:
        str(folder).encode()
    except UnicodeEncodeError:  # TensorFlow's file system knows no other names
        raise UserError(f"{str(folder)!r}: found a name that is not UTF-8, allowed: one that is") from None
    pattern = set(str(folder)) & set("[\\")
    if pattern and "saved_model" in formats:  # TensorFlow's RestoreV2 looks for files that match the path
        raise UserError(f"{folder}: found {min(pattern)!r} in the path, allowed: any characters but [ and \\")
    manifest_before(folder)


def _samples(members: Sequence[TrainedRun], data: DataOptions) -> list[bytes | np.ndarray]:
    """Return images that the runs were not fitted to, as they are stored: of their data, or those kept."""
    try:
        split = split_to_check(members, data)
        return list(sample_images(split, most=IMAGES, most_bytes=IMAGE_BYTES))
    except MissingDataError as error:
        kept = next(filter(None, (trained.directory.samples() for trained in members)), None)
        if data.path or not kept:
            raise
        print(f"{error}; checking on the {len(kept)} images that the run keeps")
        return kept


def _manifest(subject: Subject, formats: dict[str, ExportedFormat]) -> Manifest:
    """Return the manifest of formats that are written, which lists no files yet."""
    members, first = subject.members, subject.first
    features = [with_features(trained.network).output_shape[1][-1] for trained in members]
    calibrations = [trained.calibration for trained in members]
    return Manifest(
        name=subject.name,
        model=subject.digest(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        runs=tuple(trained.recipe.name for trained in members),
        architectures=tuple(trained.recipe.model.name for trained in members),
        numeric=first.numeric,
        classes=first.classes,
        image_shape=first.preprocessing.image_shape,
        input_shape=first.preprocessing.output_shape,
        spatial=tuple(trained.preprocessing.spatial_steps for trained in members),
        top_k=0 if first.numeric else min(subject.top_k, len(first.classes)),
        features=sum(features),
        threshold=answer_threshold(members),
        temperatures=tuple(each.temperature if each else 1.0 for each in calibrations),
        max_pixels=min(trained.image_rules.max_pixels for trained in members),
        versions={"kerasnets": kerasnets.__version__} | {name: version(name) for name in PACKAGES},
        formats=formats,
        files={},
    )
