"""What all studies share: they go on after a kill, are listed, and end in a table, a picture and a page."""

import signal

import numpy as np
import pandas as pd
import pytest
import small_study
from forked import start
from PIL import Image

import kerasnets
from kerasnets.studies.catalog import STUDIES, Listed

FILES = ("results.csv", "small.csv", "small.md")


@pytest.fixture
def _small(monkeypatch):
    monkeypatch.setitem(STUDIES, "small", Listed("Squares grow.", "small_study"))


@pytest.mark.exhaustive
@pytest.mark.usefixtures("_small")
def test_a_killed_study_goes_on_and_ends_in_the_same_files(tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    kerasnets.study("small", whole)
    killed = start(small_study.study_killed, stopped, "3", said=tmp_path / "said.txt")
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    assert list(pd.read_csv(stopped / "results.csv").part) == [1, 2]
    begun = []
    kerasnets.study("small", stopped, progress=lambda done, total, part: begun.append((done, total, part)))
    assert begun == [(2, 4, "3"), (3, 4, "4"), (4, 4, "")]
    assert (stopped / "runs.txt").read_text().split() == ["1", "2", "3", "4"]
    for file in FILES:
        assert (stopped / file).read_bytes() == (whole / file).read_bytes()


@pytest.mark.usefixtures("_small")
def test_the_result_is_what_the_parts_returned(tmp_path):
    result = kerasnets.study("small", tmp_path)
    assert str(result) == "5 rows, the largest area is 16."
    assert list(result.table.side) == [1, 2, 3, 3, 4]
    np.testing.assert_array_equal(result.table.third.dropna(), [1 / 3, 2 / 3, 1, 4 / 3])
    assert list(result.table.comment.dropna()) == ["one, two | three"]
    pd.testing.assert_frame_equal(pd.read_csv(result.file("csv")), result.table)
    with Image.open(result.file("png")) as picture:
        assert len(np.unique(np.asarray(picture))) > 2
    page = result.file("md").read_text()
    assert "Squares grow." in page
    assert "| 3 |  |  | one, two \\| three |" in page


@pytest.mark.usefixtures("_small")
def test_the_command_shows_progress_and_what_came_out(command, tmp_path):
    code, text, _ = command("study", "small", "--to", tmp_path)
    assert code == 0
    assert text.startswith("1 of 4: 1\n2 of 4: 2\n3 of 4: 3\n4 of 4: 4\n")
    assert text.endswith(f"page: {tmp_path / 'small.md'}\n5 rows, the largest area is 16.\n")


@pytest.mark.usefixtures("_small")
def test_chosen_parts_are_run_and_summed_up_alone(command, refused, tmp_path):
    code, text, _ = command("study", "small", "--to", tmp_path, "--part", "[24]", "--part", "4")
    assert code == 0
    assert text.startswith("1 of 4: 2\n2 of 4: 4\n")
    assert text.endswith("2 rows, the largest area is 16.\n")
    assert kerasnets.study("small", tmp_path).sentence == "5 rows, the largest area is 16."
    assert (tmp_path / "runs.txt").read_text().split() == ["2", "4", "1", "3"]
    assert "part: found 5, allowed: patterns of 1, 2, 3, 4" in refused("study", "small", "--part", "5")


@pytest.mark.usefixtures("_small")
def test_all_studies_are_listed(command):
    code, text, _ = command("study", "--list")
    assert code == 0
    assert [line.split()[0] for line in text.splitlines()[1:]] == list(STUDIES)
    assert "  small  Squares grow.\n" in text


@pytest.mark.usefixtures("_small")
def test_wrong_names_and_folders_are_refused(refused, tmp_path):
    assert "found 'smal', allowed: " in refused("study", "smal")
    assert "did you mean 'small'?" in refused("study", "smal")
    assert "found no name, allowed: " in refused("study")
    (tmp_path / "file").touch()
    assert f"{tmp_path / 'file'}: found a file" in refused("study", "small", "--to", tmp_path / "file")
    (tmp_path / "results.csv").write_text("part,loss\nelse,1\n")
    assert "found part 'else'" in refused("study", "small", "--to", tmp_path)
    (tmp_path / "results.csv").write_text("loss\n1\n")
    assert "found no column 'part'" in refused("study", "small", "--to", tmp_path)
