"""The wheel beside the rest of the project.

``TRAINER`` names the trainer's program, ``WHEEL`` the wheel that is installed: ``cargo xtask test`` sets both.
"""

import doctest
import json
import os
import pathlib
import re
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
from sklearn.datasets import load_breast_cancer, load_wine

import learner_in_a_file
from learner_in_a_file import InContextClassifier, _estimator

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]


def promised(name):
    if name not in os.environ:
        pytest.skip(f"{name} is not set")
    return pathlib.Path(os.environ[name])


def wine():
    frame = load_wine(as_frame=True).frame
    return frame.drop(columns="target"), frame["target"].map({0: "barolo", 1: "grignolino", 2: "barbera"})


def cancer_with_gaps():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X, y = X.iloc[:150, :8].copy(), y.iloc[:150].map({0: "malignant", 1: "benign"})
    X.iloc[::7, 2] = np.nan
    X["size"] = np.where(X["mean area"] > 700, "large", np.where(X["mean area"] > 450, "middle", "small"))
    X["colour"] = np.array(["red", "blue"])[np.arange(150) * 37 % 11 % 2]
    X["seen"] = pd.Timestamp("2026-03-01") + pd.to_timedelta(np.arange(150) * 17 % 90, unit="D")
    return X, y


@pytest.mark.parametrize("table", [wine, cancer_with_gaps])
@pytest.mark.parametrize("model", ["general", "drawing"])
def test_the_trainer_answers_alike(table, model, tmp_path):
    trainer = promised("TRAINER")
    X, y = table()
    X.iloc[::2].assign(verdict=y).to_csv(tmp_path / "show.csv", index=False)
    X.iloc[1::2].to_csv(tmp_path / "ask.csv", index=False)
    files = ["--show", tmp_path / "show.csv", "--ask", tmp_path / "ask.csv", "--class", "verdict", "--json"]
    command = [trainer, "predict", ROOT / "models" / f"{model}.safetensors", *files]
    answers = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["answers"]
    learner = InContextClassifier(model).fit(X.iloc[::2], y.iloc[::2])
    found = learner.predict_proba(X.iloc[1::2])
    theirs = np.array([[answer["probabilities"][name] for name in learner.classes_] for answer in answers])
    # the trainer counts classes in another order, and sums are rounded otherwise
    np.testing.assert_allclose(found, theirs, atol=2e-3)


def test_the_wheel_is_small_and_whole():
    wheel = promised("WHEEL")
    assert wheel.stat().st_size <= 3_000_000
    with zipfile.ZipFile(wheel) as files:
        names = files.namelist()
        assert "-abi3-" in wheel.name and "learner_in_a_file/py.typed" in names
        assert sum(name.endswith(("LICENSE-MIT", "LICENSE-APACHE")) for name in names) == 2, names
        for name in names:
            if not name.endswith(".so"):
                assert str(ROOT) not in files.read(name).decode(), name
    for name in ["LICENSE-MIT", "LICENSE-APACHE"]:
        assert (HERE.parent / name).read_bytes() == (ROOT / name).read_bytes(), name


def test_versions_are_the_workspaces():
    manifest = (ROOT / "Cargo.toml").read_text()
    assert f'\nversion = "{learner_in_a_file.__version__}"\n' in manifest


def test_examples_run():
    for module in [learner_in_a_file, _estimator]:
        result = doctest.testmod(module)
        assert result.attempted > 0 and result.failed == 0, module


@pytest.mark.parametrize("document", [HERE.parent / "README.md", ROOT / "docs" / "python.md"])
def test_documents_run(document, tmp_path):
    blocks = re.findall(r"^```python\n(.*?)^```", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert blocks, document
    for block in blocks:
        subprocess.run([sys.executable, "-W", "error", "-c", block], check=True, cwd=tmp_path)


def test_the_example_of_a_table_gives_what_it_says(tmp_path):
    trainer = promised("TRAINER")
    document = (ROOT / "docs" / "data.md").read_text()
    (block,) = re.findall(r"^```python\n(.*?)^```", document, flags=re.MULTILINE | re.DOTALL)
    subprocess.run([sys.executable, "-W", "error", "-c", block], check=True, cwd=tmp_path)
    command = [trainer, "predict", ROOT / "models" / "general.safetensors", "--show", "wine.csv", "--json"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=tmp_path).stdout)
    used = sum(column["left_out"] is None for column in found["columns"])
    assert f"{used} of {len(found['columns']) - 1} columns" in document
    rules = found["baselines"]
    frequent = rules.pop("most frequent class")["accuracy"]
    for accuracy in [found["accuracy"], max(rule["accuracy"] for rule in rules.values()), frequent]:
        assert f" {100 * accuracy:.1f} %" in document, accuracy


def test_scikit_learns_own_files_are_read():
    trainer = promised("TRAINER")
    folder = pathlib.Path(sklearn.datasets.__file__).parent / "data"
    for name, rows, word in [("iris", 150, "setosa"), ("wine_data", 178, "class_0"), ("breast_cancer", 569, "malignant")]:
        command = [trainer, "predict", ROOT / "models" / "general.safetensors", "--show", folder / f"{name}.csv", "--json"]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        assert found["rows"] == rows and word in found["classes"], (name, found["rows"], found["classes"])
        assert found["accuracy"] > 0.9, name


def test_no_torch_is_loaded():
    code = "import sys, learner_in_a_file; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
