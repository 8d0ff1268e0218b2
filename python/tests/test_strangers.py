"""Inputs as strangers have them: an answer, or an error that says what was expected and found."""

import datetime
import decimal
import pathlib
import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.multiclass import OneVsRestClassifier

from learner_in_a_file import InContextClassifier

X, Y = load_iris(return_X_y=True)
MODELS = pathlib.Path(__file__).parents[2] / "models"


def expected():
    return InContextClassifier().fit(X[::2], Y[::2]).predict_proba(X[1::2])


@pytest.mark.parametrize(
    "form",
    [
        lambda X: X.tolist(),
        lambda X: np.asfortranarray(X),
        lambda X: np.repeat(X, 2, axis=1)[:, ::2],
        lambda X: X.astype(object),
        lambda X: X.astype(np.longdouble),
        lambda X: pd.DataFrame(X),
        lambda X: pd.DataFrame(X).astype(object),
        lambda X: pd.DataFrame(X).astype("Float64"),
        lambda X: pd.DataFrame(X).astype(pd.SparseDtype(float, 0.0)),
        lambda X: pd.DataFrame(X).map(lambda value: decimal.Decimal(str(value))),
    ],
)
def test_the_same_numbers_in_any_form(form):
    learner = InContextClassifier().fit(form(X[::2]), Y[::2])
    np.testing.assert_allclose(learner.predict_proba(form(X[1::2])), expected(), atol=1e-6)


def test_a_name_over_several_columns():
    same = pd.DataFrame(X, columns=["same"] * 4)
    try:
        learner = InContextClassifier().fit(same.iloc[::2], Y[::2])
    except ValueError as error:
        # scikit-learn from 1.9 on
        assert "unique column names" in str(error)
    else:
        np.testing.assert_allclose(learner.predict_proba(same.iloc[1::2]), expected(), atol=1e-6)


def test_narrow_and_read_only_arrays():
    narrow = X.astype(np.float32)
    learner = InContextClassifier().fit(narrow[::2], Y[::2])
    # Other roundings of X: the ridges' matrices are ill-conditioned, and changes of 1e-9 already move an answer by 1e-4.
    np.testing.assert_allclose(learner.predict_proba(narrow[1::2]), expected(), atol=2e-3)
    fixed = X.copy()
    fixed.flags.writeable = False
    assert InContextClassifier().fit(fixed, Y).predict(fixed).flags.writeable
    for dtype in [np.int8, np.uint16, np.float16, bool]:
        whole = (10 * X[:, :2]).astype(dtype)
        assert InContextClassifier().fit(whole, Y).predict(whole).shape == (150,)


def test_the_array_may_be_changed_after_fit():
    shown = X[::2].copy()
    learner = InContextClassifier().fit(shown, Y[::2])
    shown[:] = 0
    np.testing.assert_array_equal(learner.predict_proba(X[1::2]), expected())


def test_one_class_and_one_row():
    learner = InContextClassifier().fit(X[:5], ["only"] * 5)
    assert learner.predict(X).tolist() == ["only"] * 150
    np.testing.assert_array_equal(learner.predict_proba(X), np.ones((150, 1)))
    assert InContextClassifier().fit([[1.0, 2.0]], [7]).predict([[3.0, 4.0]]).tolist() == [7]


@pytest.mark.parametrize(
    "labels", [["setosa", "versicolor", "virginica"], [True, False, True], [-5, 300, 7], [0.0, 1.0, 2.0]]
)
def test_labels_of_any_type(labels):
    y = np.array(labels)[Y]
    learner = InContextClassifier().fit(X, y)
    assert learner.classes_.dtype == y.dtype and learner.predict(X).dtype == y.dtype
    assert learner.score(X, y) > 0.9


def test_labels_of_pandas():
    for y in [
        pd.Series(Y, name="kind"),
        pd.Series(Y, dtype="Int64"),
        pd.Series(Y).astype(str),
        pd.Series(Y).astype("category"),
    ]:
        assert InContextClassifier().fit(X, y).score(X, y) > 0.9
    with pytest.raises(ValueError, match="[Uu]nknown label type"):
        InContextClassifier().fit(X, X[:, 0])
    with pytest.raises(ValueError, match="NaN"):
        InContextClassifier().fit(X, np.where(Y == 0, np.nan, Y))


def mixed(count=120):
    """A table of a bit of everything, whose class is in one column at a time."""
    at = np.arange(count)
    kind = at * 7 // 3 % 2
    frame = pd.DataFrame(
        {
            "number": np.where(at % 5 == 0, np.nan, kind + (at * 37 % 97) / 120.0),
            "colour": pd.Series(np.array(["red", "green", "blue"])[at % 3]).astype("category"),
            "word": np.where(at % 7 == 0, None, np.where(kind == 1, "yes", "no")),
            "flag": pd.array(np.where(at % 11 == 0, None, kind == 1), dtype="boolean"),
            "whole": pd.array(np.where(at % 4 == 0, None, at % 9), dtype="Int64"),
            "day": pd.date_range("2026-01-01", periods=count, freq="h"),
            "local": pd.date_range("2026-01-01", periods=count, freq="D", tz="Europe/Vienna"),
            "lasts": pd.to_timedelta(at, unit="m"),
            "text": pd.array(np.where(at % 2 == 0, "even", "odd"), dtype="string"),
            "size": pd.cut(at % 10, 3),
            "date": [datetime.date(2026, 1, 1) + datetime.timedelta(days=int(a)) for a in at],
            "empty": [None] * count,
        }
    )
    return frame, np.where(kind == 1, "spam", "ham")


def test_frames_with_a_bit_of_everything():
    frame, y = mixed()
    learner = InContextClassifier().fit(frame.iloc[:80], y[:80])
    assert learner.feature_names_in_.tolist() == frame.columns.tolist()
    assert learner.score(frame.iloc[80:], y[80:]) > 0.9
    with pytest.raises(ValueError, match="feature names"):
        learner.predict(frame[frame.columns[::-1]])
    with pytest.raises(ValueError, match="feature"):
        learner.predict(frame[["number"]])
    # the words say enough by themselves, also as an array of objects
    words = frame[["word", "colour"]]
    alone = InContextClassifier().fit(words.iloc[:80], y[:80])
    as_array = InContextClassifier().fit(words.to_numpy(dtype=object)[:80], y[:80])
    assert alone.score(words.iloc[80:], y[80:]) > 0.85
    np.testing.assert_array_equal(
        alone.predict_proba(words.iloc[80:]), as_array.predict_proba(words.to_numpy(dtype=object)[80:])
    )
    # a word that was never shown is no error
    new = words.iloc[80:].astype(object).assign(word="perhaps")
    assert np.isfinite(alone.predict_proba(new)).all()


def test_missing_values_are_inputs_of_their_own():
    at = np.arange(60)
    values = np.where(at % 2 == 0, np.nan, 1.0 + at % 5)[:, None]
    learner = InContextClassifier().fit(values[:40], at[:40] % 2)
    assert learner.score(values[40:], at[40:] % 2) == 1.0
    # missing only among the rows that are asked about
    assert np.isfinite(InContextClassifier().fit(X, Y).predict_proba(np.full((2, 4), np.nan))).all()


def test_columns_that_change_their_kind_are_named():
    frame, y = mixed()
    learner = InContextClassifier().fit(frame[["number", "day"]], y)
    with pytest.raises(ValueError, match="column 'number' held numbers in fit, and now holds words"):
        learner.predict(frame[["word", "day"]].set_axis(["number", "day"], axis=1))
    with pytest.raises(ValueError, match="column 'day' held dates in fit, and now holds numbers"):
        learner.predict(frame[["number", "number"]].set_axis(["number", "day"], axis=1))


def test_more_than_the_learner_takes():
    names = pd.DataFrame({"name": [f"person {at}" for at in range(60)]})
    with pytest.raises(ValueError, match="column 'name' has 60 different words, and at most 50"):
        InContextClassifier().fit(names, np.arange(60) % 2)
    with pytest.raises(ValueError, match="becomes 1100 inputs .* the most are 1024"):
        InContextClassifier().fit(np.random.default_rng(0).normal(size=(30, 1100)), np.arange(30) % 2)
    many, y = np.arange(402.0)[:, None], np.arange(402) // 2
    for model in ["general", "drawing"]:
        with pytest.raises(ValueError, match="expected at most 200 classes, found 201"):
            InContextClassifier(model).fit(many, y)


def test_rows_of_no_class():
    X, y = load_digits(return_X_y=True)
    known = y < 5
    learner = InContextClassifier("drawing", image_shape=(8, 8), random_state=0).fit(X[known][:100], y[known][:100])
    none = learner.none_of_these(X[200:600])
    assert none.shape == (400,) and ((0 < none) & (none < 1)).all()
    assert roc_auc_score(y[200:600] >= 5, none) > 0.85
    # what was asked before is answered as before, and a pickle answers both
    again = pickle.loads(pickle.dumps(learner))
    np.testing.assert_array_equal(again.predict_proba(X[:5]), learner.predict_proba(X[:5]))
    np.testing.assert_array_equal(again.none_of_these(X[200:205]), none[:5])
    quick = InContextClassifier(MODELS / "quick.safetensors").fit(X[:99], y[:99])
    with pytest.raises(ValueError, match="none_of_these needs a set learner"):
        quick.none_of_these(X[:2])


def test_more_classes_than_meta_training_had():
    # what the error above says to do, and a learner that needs no such help
    many = np.random.default_rng(0).normal(size=(100, 5))
    shown, y = np.repeat(many, 3, axis=0), np.repeat(np.arange(100), 3)
    noisy = shown + 0.05 * np.random.default_rng(1).normal(size=shown.shape)
    learner = InContextClassifier().fit(noisy, y)
    assert learner.predict_proba(many).shape == (100, 100)
    assert learner.score(many, np.arange(100)) > 0.9
    few = y < 26
    assert OneVsRestClassifier(InContextClassifier()).fit(noisy[few], y[few]).score(many[:26], np.arange(26)) > 0.8


@pytest.mark.parametrize(
    ("shown", "error", "words"),
    [
        (np.where(X > 7, np.inf, X), ValueError, "infinity"),
        (pd.DataFrame(np.where(X > 7, -np.inf, X)), ValueError, "infinity"),
        (np.where(X > 7, np.inf, X).astype(object), ValueError, "infinity"),
        (scipy.sparse.csr_matrix(X), TypeError, "[Ss]parse"),
        (X + 1j, ValueError, "[Cc]omplex"),
        (pd.DataFrame(X + 1j), ValueError, "[Cc]omplex"),
        (X[:, 0], ValueError, "1D array"),
        (X[:, :, None], ValueError, "dim 3"),
        (pd.DataFrame(X).iloc[:0], ValueError, "0 sample"),
        (pd.DataFrame(index=range(150)), ValueError, "0 feature"),
        (np.empty((0, 4)), ValueError, "0 sample"),
        (X[:10], ValueError, "inconsistent numbers of samples"),
        (pd.DataFrame({"a": [{}] * 150}), TypeError, "column 'a': argument must be a string or a number, not 'dict'"),
    ],
)
def test_what_cannot_be_learned_is_refused(shown, error, words):
    with pytest.raises(error, match=words):
        InContextClassifier().fit(shown, Y[:0] if len(getattr(shown, "index", [1])) == 0 else Y)


def test_numbers_at_the_end_of_float64():
    for factor in [1e-300, 1e300, 5e306]:
        learner = InContextClassifier().fit(X * factor, Y)
        assert np.isfinite(learner.predict_proba(X * factor)).all()
    assert InContextClassifier().fit(X * 1e200, Y).score(X * 1e200, Y) > 0.9
    assert np.isfinite(InContextClassifier().fit(X, Y).predict_proba(X * 1e306)).all()
    stamps = X + 1_764_288_000
    np.testing.assert_allclose(
        InContextClassifier().fit(stamps[::2], Y[::2]).predict_proba(stamps[1::2]), expected(), atol=1e-3
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model": "genral"}, "'general', 'drawing' or a .safetensors file.*'genral'"),
        ({"model": __file__}, "safetensors"),
        ({"model": 3}, "model"),
        ({"n_contexts": 0}, "n_contexts"),
        ({"n_contexts": 1.5}, "n_contexts"),
        ({"max_context": 2}, "max_context"),
        ({"max_context": 5000}, "max_context"),
        ({"image_shape": (3, 3)}, "9 values, and X has 4 features"),
        ({"image_shape": 4}, "image_shape"),
        ({"image_shape": (2, -2)}, "image_shape"),
    ],
)
def test_wrong_settings_are_named(settings, words):
    with pytest.raises((ValueError, TypeError), match=words):
        InContextClassifier(**settings).fit(X, Y)


def test_not_fitted_yet():
    with pytest.raises(NotFittedError):
        InContextClassifier().predict(X)


def test_pictures():
    pictures, y = load_digits(return_X_y=True)
    shown, asked = slice(0, 200), slice(200, 500)
    rows = InContextClassifier().fit(pictures[shown], y[shown]).score(pictures[asked], y[asked])
    for name in ["general", "drawing", MODELS / "drawing.safetensors"]:
        learner = InContextClassifier(name, image_shape=(8, 8)).fit(pictures[shown], y[shown])
        assert learner.score(pictures[asked], y[asked]) > rows, name
    colour = np.repeat(pictures, 3, axis=1)
    learner = InContextClassifier(image_shape=(8, 8, 3)).fit(colour[shown], y[shown])
    assert learner.score(colour[asked], y[asked]) > rows
    with pytest.raises(ValueError, match="NaN"):
        InContextClassifier(image_shape=(8, 8)).fit(np.where(pictures == 3, np.nan, pictures), y)
