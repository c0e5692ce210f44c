"""What the page makes of records that are known."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
from run_records import CLASSES, histogram_rows, layer_rows, run_records, step_rows

from kerasnets.catalog.quantities import BIN_EDGES, NETWORK
from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.names import FAULTS
from kerasnets.recipe import changed
from kerasnets.report import drawing
from kerasnets.report.page import page_sections, render_page
from kerasnets.report.run_records import RunPicture
from kerasnets.report.sections.about import warnings
from kerasnets.report.sections.curves import MOST_POINTS, thinned
from kerasnets.report.sections.heat_maps import MOST_COLUMNS, heat_map_sections, layer_table
from kerasnets.report.sections.images import confusion_matrix
from kerasnets.report.sections.ridges import ridges

DEEP = [
    f"stage{stage}_block{block}_conv{conv}" for stage in (1, 2, 3) for block in range(18) for conv in (1, 2)
]


def test_short_names_tell_the_layers_of_a_deep_net_apart():
    layers = [f"{name}{kind}" for name in DEEP for kind in ("", "_bn", "_relu")]
    for most in (18, 20):
        short = [drawing.short_layer(layer, most) for layer in layers]
        assert max(map(len, short)) <= most
        assert len(set(short)) == len(layers)
    assert drawing.short_layer("stage1_block12_conv1_relu") == "s1_b12_conv1_relu"
    assert drawing.short_layer("backbone/mixed7b_pool", 20) == "b/mixed7b_pool"
    assert drawing.short_layer("fc") == "fc"
    assert len(drawing.short_layer("x" * 40)) == 20


def _sections(*runs):
    with drawing.style():
        return {section.anchor: section for section in page_sections(runs)}


def _figure(name, *runs):
    pictures = [picture for section in _sections(*runs).values() for picture in section.pictures]
    return next(picture.drawing for picture in pictures if picture.name == name)


def _rows(section):
    return {row[0]: row[1:] for table in section.tables for row in table.rows}


def test_losses_are_drawn_as_recorded():
    run = run_records(epochs=4)
    top, bottom = _figure("loss-linear", run).axes
    training, validation = top.lines[:2]
    np.testing.assert_array_equal(training.get_ydata(), run.history.loss)
    np.testing.assert_array_equal(validation.get_ydata(), run.history.val_loss)
    np.testing.assert_array_equal(bottom.lines[0].get_ydata(), run.history.learning_rate)
    assert _figure("loss-log", run).axes[0].get_yscale() == "log"


def test_a_single_point_has_a_marker():
    for run in (run_records(epochs=1), run_records(epochs=0, steps=step_rows([2.3]))):
        lines = _figure("loss-linear", run).axes[0].lines
        assert any(line.get_marker() == "o" and len(line.get_xdata()) == 1 for line in lines)


def test_a_few_steps_do_not_ruin_the_axis():
    losses = np.concatenate([[1000.0, 500.0], np.linspace(2, 1, 298)])
    run = run_records(epochs=0, steps=step_rows(losses))
    low, high = _figure("loss-linear", run).axes[0].get_ylim()
    assert 0 < low < 1
    assert 2 < high < 120


def test_validation_stands_at_the_steps_where_its_epochs_end():
    run = run_records(epochs=2, steps=step_rows(np.linspace(2, 1, 80)))
    assert run.steps_per_epoch == 1302 // 32
    dashed = [line for line in _figure("loss-linear", run).axes[0].lines if line.get_linestyle() == "--"]
    assert dashed[0].get_xdata().tolist() == [40, 80]


def test_chance_is_drawn_where_it_is_seen():
    run = run_records(steps=step_rows(np.linspace(2.5, 1, 100)))
    labels = [line.get_label() for line in _figure("loss-linear", run).axes[0].lines]
    assert "ln 10: chance" in labels
    assert "ln 10: chance" not in [
        line.get_label() for line in _figure("loss-linear", run_records()).axes[0].lines
    ]


def test_long_lines_are_means_of_neighbours():
    x, y = thinned(np.arange(1201), np.arange(1201) % 3)
    assert len(x) <= MOST_POINTS
    assert x[:2].tolist() == [2, 5]
    assert set(y[:-1]) == {1.0}
    assert x[-1] == 1200


def test_runs_without_steps_are_drawn_by_epoch():
    runs = run_records("a", steps=step_rows([1.0, 2.0])), run_records("b")
    axes = _figure("loss-linear", *runs).axes
    assert axes[1].get_xlabel() == "epoch"
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == ["a", "b"]


def test_a_layers_row_holds_its_numbers_and_what_is_missing():
    rows = layer_rows(["conv1", "fc"], [0, 10], ["update_ratio"])
    rows.loc[len(rows)] = (10, 0, NETWORK, "update_ratio", 5.0)
    rows = rows.drop(index=rows[(rows.step == 0) & (rows.layer == "fc")].index)
    rows.loc[(rows.step == 10) & (rows.layer == "conv1"), "value"] = np.nan
    table = layer_table(rows, "update_ratio")
    assert list(table.index) == ["conv1", "fc"]
    assert list(table.columns) == [0, 10]
    assert np.isnan(table.loc["fc", 0])  # not measured
    assert np.isinf(table.loc["conv1", 10])  # measured, not finite
    assert table.loc["conv1", 0] == rows.value.iloc[0]


def test_layers_stay_in_the_networks_order_though_some_are_measured_later():
    rows = pd.DataFrame(
        [(0, 0, "b", "gradient_norm", 1.0), (0, 0, "a", "gradient_norm", 2.0)],
        columns=["step", "epoch", "layer", "quantity", "value"],
    )
    assert list(layer_table(rows, "gradient_norm").index) == ["b", "a"]


def test_many_measurements_are_thinned_to_first_and_last():
    table = layer_table(layer_rows(["fc"], range(1000), ["gradient_norm"]), "gradient_norm")
    assert table.shape[1] == MOST_COLUMNS
    assert table.columns[0] == 0
    assert table.columns[-1] == 999


def test_colours_tell_zeros_missing_and_broken_numbers_apart():
    rows = layer_rows(["a", "b", "c", "d"], [0, 1], ["activation_variance"])
    rows.loc[rows.layer == "a", "value"] = 0.0
    rows.loc[rows.layer == "b", "value"] = np.inf
    rows = rows.drop(index=rows[(rows.layer == "c") & (rows.step == 1)].index)
    pixels = _figure("activation-variance", run_records(diagnostics=rows)).axes[0].images[0].get_array()
    assert pixels[0, 0].tolist() == [0, 0, 0, 255]
    assert pixels[1, 0].tolist() == [255, 0, 255, 255]
    assert pixels[2, 1, 3] == 0
    assert pixels[3, 1, 3] == 255


def test_a_network_of_a_hundred_layers_is_readable():
    steps = range(0, 4000, 40)
    run = run_records(
        epochs=100,
        steps=step_rows(np.linspace(2, 1, 4000)),
        diagnostics=layer_rows(DEEP, steps),
        histograms=histogram_rows(DEEP, [0, 2000, 3960]),
    )
    page = render_page([run])
    assert len(page) < 3e6
    with drawing.style():
        layers = heat_map_sections([run])[0]
    axes = layers.pictures[0].drawing.axes[0]
    height = axes.get_position().height * 72 * axes.figure.get_figheight()
    labels = axes.get_yticks()
    assert height / len(DEEP) * np.diff(labels).min() >= 9  # points from one name to the next
    assert DEEP[0] in {text.get_text() for text in axes.get_yticklabels()}
    last = _rows(layers)[DEEP[-1]]
    newest = run.diagnostics[(run.diagnostics.layer == DEEP[-1]) & (run.diagnostics.step == 3960)]
    assert last == tuple(f"{value:.3g}" for value in newest.value)


def test_ridges_are_the_shares_of_each_bin():
    rows = histogram_rows(["a"], [0])
    rows = rows[rows.of == "weight"]
    with drawing.style():
        outline = ridges(rows).axes[0].collections[0].get_paths()[0].vertices
    counts = rows.filter(regex=r"^b\d").to_numpy()[0].copy()
    counts[len(BIN_EDGES) // 2] = 0  # cut off where it is higher than all others
    highest = counts.argmax()
    top = outline[outline[:, 1].argmin()]
    assert top.tolist() == [highest, -1.5]


def test_ridges_show_first_middle_and_last():
    figure = _figure(
        "ridges-gradient", run_records(histograms=histogram_rows(["a", "b"], [0, 10, 20, 30, 40]))
    )
    assert [axes.get_title() for axes in figure.axes] == ["step 0", "step 20", "step 40"]
    assert [len(axes.collections[0].get_paths()) for axes in figure.axes] == [2, 2, 2]


FOUND = Finding(
    rule="vanishing_gradients", layer="conv1", also=("conv2",), step=400,
    evidence="gradient norm 1e-9 at step 400", cause="nine tanh layers", advice="use glorot_uniform",
)  # fmt: skip


def test_verdicts_come_first_with_links_to_what_shows_them():
    run = run_records(diagnostics=layer_rows(["conv1", "conv2"], [0, 400]), findings=(FOUND,))
    page = render_page([run])
    assert page.index("nine tanh layers") < page.index("<h2>Loss</h2>")
    assert '<a href="#gradient-norm">Shown by: Gradient norm</a>' in page
    assert "vanishing_gradients in conv1, conv2" in page
    assert "so far vanishing_gradients" in page


def test_every_fault_of_every_run_is_linked_to_something_there():
    findings = tuple(replace(FOUND, rule=rule) for rule in FAULTS)
    runs = [
        run_records(label, diagnostics=layer_rows(["conv1"], [0, 400]), findings=findings)
        for label in ("one", "two")
    ]
    page = render_page(runs)
    links = re.findall(r'<a href="#([^"]+)">Shown by', page)
    assert len(links) == 2 * len(FAULTS)
    assert set(links) <= set(re.findall(r'\bid="([^"]*)"', page))
    assert {"gradient-norm-one", "gradient-norm-two"} <= set(links)


def test_a_run_without_diagnosis_is_not_called_healthy():
    assert "healthy" not in render_page([run_records()]).split("<h2>Verdict</h2>")[1].split("</section>")[0]
    assert "healthy: nothing found" in render_page([run_records(findings=())])


def test_names_are_shown_as_text():
    name = "<script>'x'\" & \U0001f600 $a_1$"
    classes = (name, *CLASSES[1:])
    run = run_records(
        name,
        diagnostics=layer_rows([name], [0, 10]),
        histograms=histogram_rows([name], [0]),
        dataset=replace(run_records().dataset, classes=classes),
        findings=(replace(FOUND, layer=name),),
        confusion=pd.DataFrame({"epoch": [1], "true": [name], "predicted": [name], "count": [3]}),
        log=(f"2026-11-26 07:34:01 warning: {name}",),
        pictures=(RunPicture(1, name, b"PNG"),),
    )
    page = render_page([run, run_records("other")])
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    for text in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ElementTree.fromstring(text.replace("xlink:", ""))
    assert "$a_1$" in page


def test_confusions_are_those_of_the_last_epoch():
    rows = pd.DataFrame(
        {"epoch": [1, 2, 2], "true": ["0", "0", "3"], "predicted": ["1", "0", "5"], "count": [9, 7, 2]}
    )
    run = run_records(confusion=rows)
    counts = confusion_matrix(run, 2)
    assert counts[0, 0] == 7
    assert counts[3, 5] == 2
    assert counts.sum() == 9
    (picture,) = _sections(run)["confusion-matrix"].pictures
    assert "77.8% right" in picture.title
    assert _sections(run)["confusion-matrix"].tables[0].rows == (("3", "5", "2", "100.0%"),)


def test_the_recipe_is_what_differs():
    recipe = changed(run_records().recipe, {"optimizer.learning_rate": 0.125, "regularization.l2": 1e-4})
    rows = _rows(_sections(run_records(recipe=recipe))["recipe"])
    assert rows["* optimizer.learning_rate"] == ("0.125", "0.05", "0.01")
    assert rows["* regularization.l2"] == ("0.0001", "0", "0")
    assert rows["optimizer.momentum"] == ("0.9", "0.9", "0")
    assert "train.seed" not in rows
    assert "learning_rate = 0.125" in render_page([run_records(recipe=recipe)])


def test_warnings_and_the_end_are_taken_from_the_log():
    log = (
        "2026-11-26 07:34:00 tracing the first step",
        "2026-11-26 07:34:01 warning: step 40: too high",
        "2026-11-26 07:34:01 warning: step 40: rate_too_high: loss 13",
        "2026-11-26 07:34:02 stopped: signal",
    )
    assert len(warnings(log, told=False)) == 3
    assert warnings(log, told=True) == [
        ("2026-11-26 07:34:01", "step 40: too high"),
        ("2026-11-26 07:34:02", "stopped: signal"),
    ]
    rows = _rows(_sections(run_records(log=log))["time"])
    assert rows["first and last line of the log"] == ("2026-11-26 07:34:00 to 2026-11-26 07:34:02",)


def test_pictures_that_are_too_large_together_are_counted():
    pictures = tuple(RunPicture(epoch, "conv1", bytes(250_000)) for epoch in (0, 50, 100))
    section = _sections(run_records(pictures=pictures))["filters"]
    assert len(section.pictures) == 2
    assert "1 more" in section.caption
