"""scikit-learn's own checks, every one, and its tools around the estimator."""

import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from learner_in_a_file import InContextClassifier

ESTIMATORS = [
    InContextClassifier(),
    InContextClassifier(model="drawing"),
    InContextClassifier(n_contexts=3, max_context=20, random_state=0),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore")
def test_that_all_checks_ran():
    # a mixin on the wrong side of BaseEstimator loses a quarter of the checks without a word
    results = check_estimator(InContextClassifier(), on_fail=None, on_skip=None)
    statuses = {}
    for result in results:
        statuses.setdefault(result["status"], []).append(result["check_name"])
    assert set(statuses) <= {"passed", "skipped"}, statuses
    assert len(statuses["passed"]) >= 50, len(statuses["passed"])
    for name in ["check_classifiers_train", "check_classifiers_classes", "check_classifiers_one_label"]:
        assert name in statuses["passed"], name
