"""scikit-learn's own checks, every one, and its tools around the estimator."""

import copy
import pickle
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_blobs
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from learner_in_a_file import InContextClassifier

ESTIMATORS = [
    InContextClassifier(),
    InContextClassifier(model="drawing"),
    InContextClassifier(n_contexts=3, max_context=20, n_jobs=2, random_state=0),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore")
def test_that_all_checks_ran():
    # a mixin on the wrong side of BaseEstimator loses a quarter of the checks without a word
    results = check_estimator(InContextClassifier(), on_fail=None, on_skip=None)
    others = [result["check_name"] for result in results if result["status"] != "passed"]
    names = {result["check_name"] for result in results}
    assert not others, others
    assert len(results) >= 54, len(results)
    assert {"check_classifiers_train", "check_classifiers_classes", "check_estimators_pickle"} <= names


def test_pipeline_and_cross_validation():
    X, y = load_wine(return_X_y=True)
    scores = cross_val_score(make_pipeline(StandardScaler(), InContextClassifier()), X, y, cv=5)
    assert scores.mean() > 0.95, scores
    # its own scaling does what the pipeline's does
    assert cross_val_score(InContextClassifier(), X, y, cv=5).mean() > 0.95
    chances = cross_val_predict(InContextClassifier(), X, y, cv=3, method="predict_proba")
    np.testing.assert_allclose(chances.sum(axis=1), 1.0, atol=1e-12)
    assert cross_val_score(InContextClassifier(), X, y, cv=3, scoring="roc_auc_ovr").mean() > 0.99


def test_grid_search_in_processes():
    X, y = load_iris(return_X_y=True)
    grid = {"max_context": [10, None], "n_contexts": [1, 2]}
    search = GridSearchCV(InContextClassifier(random_state=0), grid, cv=3, n_jobs=2, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.94
    assert search.predict(X[:3]).shape == (3,)


def test_other_estimators_around_it():
    X, y = load_iris(return_X_y=True)
    vote = VotingClassifier(
        [("learner", InContextClassifier()), ("line", LogisticRegression(max_iter=1000))], voting="soft"
    )
    bags = BaggingClassifier(InContextClassifier(), n_estimators=3, random_state=0)
    for around in [
        vote,
        bags,
        OneVsRestClassifier(InContextClassifier()),
        CalibratedClassifierCV(InContextClassifier()),
    ]:
        assert around.fit(X, y).score(X, y) > 0.9, around


def test_pickles_answer_alike_in_any_process():
    X, y = load_breast_cancer(return_X_y=True)
    learner = InContextClassifier(n_contexts=2, max_context=50, random_state=3).fit(X[:300], y[:300])
    expected = learner.predict_proba(X[300:])
    again = pickle.loads(pickle.dumps(learner))
    np.testing.assert_array_equal(again.predict_proba(X[300:]), expected)
    np.testing.assert_array_equal(copy.deepcopy(learner).predict_proba(X[300:]), expected)
    parts = joblib.Parallel(n_jobs=2)(joblib.delayed(again.predict_proba)(part) for part in np.array_split(X[300:], 4))
    # in other parts, sums are rounded otherwise
    np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-5)
    # the learner itself is in a pickle once, not for each context
    assert len(pickle.dumps(learner)) < 800_000
    assert clone(learner).get_params() == learner.get_params()


def test_threads_do_not_change_answers():
    X, y = load_digits(return_X_y=True)
    learner = InContextClassifier(max_context=100, n_contexts=2, random_state=0).fit(X[:600], y[:600])
    one = learner.predict_proba(X[600:900])
    np.testing.assert_array_equal(learner.set_params(n_jobs=3).predict_proba(X[600:900]), one)
    refitted = clone(learner).fit(X[:600], y[:600])
    np.testing.assert_array_equal(refitted.predict_proba(X[600:900]), one)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: learner.predict_proba(X[600:900]), range(8)):
            np.testing.assert_array_equal(found, one)


def test_other_threads_of_python_run_meanwhile():
    X, y = load_digits(return_X_y=True)
    learner = InContextClassifier(max_context=300, random_state=0).fit(X[:900], y[:900])
    began, ended = threading.Event(), threading.Event()

    def ask():
        began.set()
        learner.predict(X[900:1200])
        ended.set()

    thread = threading.Thread(target=ask)
    thread.start()
    began.wait()
    start, last, longest = time.perf_counter(), time.perf_counter(), 0.0
    while not ended.is_set():
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    thread.join()
    # a lock that is held would stop this thread until the answers are there
    assert longest < (last - start) / 2, (longest, last - start)


def test_samples_keep_shares_and_more_contexts_help():
    X, y = make_blobs(3000, centers=[[0, 0], [3, 0], [0, 3]], cluster_std=1.0, random_state=1)
    one = InContextClassifier(max_context=12, random_state=0).fit(X[:2000], y[:2000])
    many = InContextClassifier(max_context=12, n_contexts=20, random_state=0).fit(X[:2000], y[:2000])
    assert [len(rows) for rows in one.context_indices_] == [12]
    assert all(np.bincount(y[rows]).tolist() == [4, 4, 4] for rows in many.context_indices_)
    assert many.score(X[2000:], y[2000:]) >= one.score(X[2000:], y[2000:])
    # all rows, in order, where they fit; then nothing is random
    whole = InContextClassifier(n_contexts=5).fit(X[:100], y[:100])
    assert [rows.tolist() for rows in whole.context_indices_] == [list(range(100))]
    other = InContextClassifier(max_context=12, random_state=1).fit(X[:2000], y[:2000])
    assert other.context_indices_[0].tolist() != one.context_indices_[0].tolist()


def test_more_rows_than_a_context_holds():
    X, y = make_blobs(1500, centers=4, random_state=0)
    learner = InContextClassifier(random_state=0, n_jobs=2).fit(X, y)
    assert [len(rows) for rows in learner.context_indices_] == [1024]
    assert learner.score(X[:50], y[:50]) > 0.8


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_answer_can_be_broken_off():
    import signal

    X, y = load_digits(return_X_y=True)
    learner = InContextClassifier(max_context=500, random_state=0).fit(X, y)
    asked = np.tile(X, (20, 1))
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        start = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            learner.predict(asked)
        assert time.perf_counter() - start < 20
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert learner.score(X[:20], y[:20]) > 0.8
