"""A table that grows: whole at each save, exact after it goes on, bounded in memory."""

import math

import numpy as np
import pandas as pd
import pytest
from forked import SERVER

from kerasnets.callbacks import DiagnosticsLog
from kerasnets.errors import UserError
from kerasnets.files import diagnostics_table
from kerasnets.files.diagnostics_table import read_diagnostics, store_if_large, stored_as
from kerasnets.files.growing_table import GrowingTable, RecentRows
from kerasnets.files.whole_files import whole_file

COLUMNS = ["step", "name", "value"]


def _table(path, **options):
    return GrowingTable(path, COLUMNS, read=pd.read_csv, **options)


def test_a_table_is_what_pandas_would_have_written(tmp_path):
    rows = [(1, "a,b", 1 / 3), (1, 'with "quotes"', math.nan), (2, "c", -math.inf), (40, "é", 1e-300)]
    table = _table(tmp_path / "t.csv")
    for number, row in enumerate(rows):
        table.add(row)
        if number != 1:
            table.save()
        expected = pd.DataFrame(rows[: number + 1], columns=COLUMNS)
        pd.testing.assert_frame_equal(table.frame(), expected, check_dtype=False)
    assert (tmp_path / "t.csv").read_text() == pd.DataFrame(rows, columns=COLUMNS).to_csv(index=False)


def test_an_old_file_is_replaced_and_no_rows_leave_none(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("something else")
    table = _table(path)
    table.save()
    assert path.read_text() == "something else"
    table.add((1, "a", 2.5))
    table.save()
    assert path.read_text() == "step,name,value\n1,a,2.5\n"


def test_a_table_goes_on_after_a_step_as_if_it_had_not_stopped(tmp_path):
    rows = [(step, name, step / 7) for step in range(1, 30) for name in ("a", "b,c")]
    whole = _table(tmp_path / "whole.csv", recent=(2, 3))
    table = _table(tmp_path / "t.csv", recent=(2, 3))
    for row in rows:
        whole.add(row)
        table.add(row)
    whole.save()
    table.save()
    for step in (0, 1, 17, 29, 40):
        again = _table(tmp_path / "t.csv", recent=(2, 3))
        again.resume(step)
        for row in rows:
            if row[0] > step:
                again.add(row)
        again.save()
        assert (tmp_path / "t.csv").read_text() == (tmp_path / "whole.csv").read_text()
        pd.testing.assert_frame_equal(again.recent.frame(), whole.recent.frame())


def test_what_is_kept_is_the_first_steps_and_the_newest():
    kept = RecentRows(COLUMNS, first=2, newest=3)
    for step in range(1, 100):
        for name in ("a", "b"):
            kept.add((step, name, 0.0))
    assert kept.frame().step.tolist() == [1, 1, 2, 2, 97, 97, 98, 98, 99, 99]
    assert kept.frame().name.tolist() == ["a", "b"] * 5
    nothing = RecentRows(COLUMNS, first=0, newest=0)
    nothing.add((1, "a", 0.0))
    assert nothing.frame().columns.tolist() == COLUMNS
    assert nothing.frame().empty


def _read_often(path, stop, found):
    rows = []
    while not stop.is_set():
        rows.append(len(read_diagnostics(path)))
    found.put(rows)


@pytest.mark.exhaustive
def test_the_log_is_read_while_it_is_written(tmp_path):
    log = DiagnosticsLog(tmp_path / "diagnostics.csv")
    log.record("a", "b", 0.0, step=1, epoch=0)
    log.save()
    stop, found = SERVER.Event(), SERVER.Queue()
    reader = SERVER.Process(target=_read_often, args=(log.path, stop, found))
    reader.start()
    for step in range(2, 80):
        for layer in range(50):
            log.record(f"layer{layer}", "b", 0.1, step=step, epoch=0)
        log.save()
    stop.set()
    rows = found.get()
    reader.join()
    assert reader.exitcode == 0
    assert all(count % 50 == 1 for count in rows)
    assert rows == sorted(rows)


def test_large_logs_become_parquet_with_the_same_numbers(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(diagnostics_table, "AT_ONCE", 30)
    log, numbers = DiagnosticsLog(tmp_path / "diagnostics.csv"), np.random.default_rng(0)
    for step in range(100):
        log.record(f"layer{step % 7}", "update_ratio", numbers.normal(), step=step, epoch=step // 10)
    log.record("last", "activation_mean", math.nan, step=100, epoch=10)
    log.record("last", "activation_mean", math.inf, step=100, epoch=10)
    log.save()
    expected = read_diagnostics(log.path)
    assert store_if_large(log.path, 102) == log.path
    assert store_if_large(log.path, 101) == tmp_path / "diagnostics.parquet"
    assert not log.path.exists()
    assert stored_as(log.path) == tmp_path / "diagnostics.parquet"
    pd.testing.assert_frame_equal(read_diagnostics(stored_as(log.path)), expected)
    with whole_file(stored_as(log.path)) as temporary:
        temporary.write_bytes(stored_as(log.path).read_bytes()[:-20])
    with pytest.raises(UserError, match=r"parquet: not readable as a Parquet file"):
        read_diagnostics(stored_as(log.path))
