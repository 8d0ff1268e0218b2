"""Time of fit and predict, and accuracy, beside nearest neighbours, a support vector machine and a random forest.

    python bench/speed.py [REPEATS]

All get the same splits of tables that come with scikit-learn: three tenths of the rows are asked about, and 50 rows, or all
the others, are shown. Those classifiers are in their default settings, the first two behind a StandardScaler; everything
runs on one thread. Prints a table in Markdown: medians over the splits, and the mean of the accuracy.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = "1"

import numpy as np
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import learner_in_a_file
from learner_in_a_file import InContextClassifier

TABLES = {"iris": load_iris, "wine": load_wine, "breast_cancer": load_breast_cancer, "digits": load_digits}
LEARNERS = {
    "InContextClassifier()": InContextClassifier(random_state=0),
    "KNeighborsClassifier()": make_pipeline(StandardScaler(), KNeighborsClassifier()),
    "SVC()": make_pipeline(StandardScaler(), SVC()),
    "RandomForestClassifier()": RandomForestClassifier(random_state=0),
}
AS_PICTURES = {"InContextClassifier(image_shape=(8, 8))": InContextClassifier(image_shape=(8, 8), random_state=0)}


def timed(call):
    start = time.perf_counter()
    result = call()
    return 1000 * (time.perf_counter() - start), result


def main(repeats: int) -> None:
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, scikit-learn {sklearn.__version__}, "
        f"learner-in-a-file {learner_in_a_file.__version__}, {platform.machine()}, {repeats} splits\n"
    )
    print("| table | shown × columns | asked | | fit, ms | predict, ms | accuracy, % |\n|---|---|---|---|---|---|---|")
    for table, load in TABLES.items():
        X, y = load(return_X_y=True)
        learners = LEARNERS | (AS_PICTURES if table == "digits" else {})
        for few in [True, False]:
            found = {name: [] for name in learners}
            for split in range(repeats):
                shown, asked, y_shown, y_asked = train_test_split(
                    X, y, train_size=50 if few else 0.7, test_size=0.3, stratify=y, random_state=split
                )
                # in turn, so that a busy moment of the machine meets all of them
                for name, learner in learners.items():
                    learner = clone(learner)
                    fit, _ = timed(lambda: learner.fit(shown, y_shown))
                    predict, answers = timed(lambda: learner.predict(asked))
                    found[name].append((fit, predict, 100 * np.mean(answers == y_asked)))
            for name, rows in found.items():
                fit, predict, accuracy = zip(*rows)
                print(
                    f"| {table} | {len(shown)} × {X.shape[1]} | {len(asked)} | `{name}` "
                    f"| {statistics.median(fit):.1f} | {statistics.median(predict):.1f} | {statistics.mean(accuracy):.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
