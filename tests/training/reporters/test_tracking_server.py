"""A run on an MLflow tracking server, compared with its own records."""

import keras
import pytest

import kerasnets

pytest.importorskip("mlflow")


class StopAfterAnEpoch(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise RuntimeError("killed")


@pytest.mark.exhaustive
def test_a_run_that_goes_on_goes_on_there(quick_recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.tracking import MlflowClient

    uri, recipe = f"file:{tmp_path / 'server'}", quick_recipe("diagnostics.update_ratio_every=10")
    with pytest.raises(RuntimeError):
        kerasnets.train(recipe, tmp_path / "run", callbacks=[StopAfterAnEpoch()], mlflow=uri)
    run = kerasnets.train(recipe, tmp_path / "run", resume=True, mlflow=uri)

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("kerasnets").experiment_id
    (found,) = client.search_runs([experiment])
    assert found.info.status == "FINISHED"
    assert found.data.params["optimizer.learning_rate"] == str(recipe.optimizer.learning_rate)
    steps, layers = run.steps, run.diagnostics
    tables = {
        f"step/{name}": steps[["step", name]].dropna() for name in ("loss", "accuracy", "learning_rate")
    }
    for (layer, quantity), rows in layers.groupby(["layer", "quantity"]):
        name = layer.replace("(", "_").replace(")", "_")  # which MLflow refuses
        tables[f"{quantity}/{name}"] = rows[["step", "value"]].dropna()
    for key, table in tables.items():
        points = sorted((p.step, p.value) for p in client.get_metric_history(found.info.run_id, key))
        assert points == list(table.itertuples(index=False, name=None)), key
    names = {artifact.path for artifact in client.list_artifacts(found.info.run_id)}
    assert {"recipe.toml", "history.csv", "result.json"} <= names


def test_a_server_that_is_down_costs_a_warning(quick_recipe, tmp_path, caplog, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    recipe = quick_recipe("train.epochs=1")
    run = kerasnets.train(recipe, tmp_path / "run", mlflow="http://127.0.0.1:9")
    assert run.result.epochs == 1
    assert caplog.text.count("MLflow gets no more reports; training goes on") == 1


def test_without_the_extra_it_is_refused(refused, tmp_path, monkeypatch):
    monkeypatch.setattr("kerasnets.training.reporters.destinations.find_spec", lambda name: None)
    line = refused("train", "lenet5-digits", "--run", tmp_path / "run", "--mlflow", "http://127.0.0.1:9")
    assert "pip install kerasnets[mlflow]" in line
