"""The estimator in scikit-learn's manner."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, assert_all_finite, check_array, check_random_state, check_scalar
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_X_y, validate_data

from . import _native
from ._columns import Columns, Floats, is_frame


@lru_cache(maxsize=8)
def _model(file: bytes) -> _native.Model:
    return _native.Model(file)


def _file(model: str | os.PathLike[str]) -> bytes:
    """The bytes of a shipped learner, or of a file."""
    shipped = _native.shipped(model) if isinstance(model, str) else None
    if shipped is not None:
        return shipped
    if not isinstance(model, (str, os.PathLike)):
        raise TypeError(f"model must be a name or the path of a file, got {model!r}")
    try:
        with open(model, "rb") as file:
            return file.read()
    except OSError as error:
        names = ", ".join(repr(name) for name in _native.shipped_names())
        raise ValueError(
            f"model must be {names} or a .safetensors file of a learner, got {model!r}: {error}"
        ) from error


class _Context:
    """Rows that a learner is shown. What it computes from them is left out of pickles, and made again."""

    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments
        self.native: _native.Context | None = self._show()

    def _show(self) -> _native.Context:
        arguments = dict(self.arguments)
        none = arguments.pop("none", False)
        native = _native.Context(_model(arguments.pop("file")), **arguments)
        return native.or_none() if none else native

    def __getstate__(self) -> dict[str, Any]:
        return self.arguments

    def __setstate__(self, arguments: dict[str, Any]) -> None:
        self.arguments = arguments
        self.native = None

    def predict(self, values: Floats, threads: int) -> Floats:
        native = self.native
        if native is None:
            # two threads may both do so, which costs time and nothing else
            native = self.native = self._show()
        probabilities = np.frombuffer(native.predict(values, threads), dtype=np.float64)
        return probabilities.reshape(len(values), 1 if self.arguments.get("none") else self.arguments["classes"])

    def or_none(self) -> "_Context":
        """The same rows, for the probability that a row belongs to none of their classes."""
        return _Context(**self.arguments, none=True)


class InContextClassifier(ClassifierMixin, BaseEstimator):
    """A network that was meta-trained to learn: shown labelled rows, it classifies others without a gradient step.

    ``fit`` keeps the rows as the learner's context. Scales of the columns, replacements of missing values and lists of
    words come from these rows alone.

    Parameters
    ----------
    model : str or path, default="general"
        A shipped learner, ``"general"`` or ``"drawing"`` (for pictures of drawings), both up to 200 classes, or the
        file of a learner that the project's trainer exported.
    n_contexts : int, default=1
        Of more rows than a context holds, this many samples are shown, each to a learner of its own, and the
        probabilities are averaged.
    max_context : int, default=None
        Most rows in a context; ``None`` is the learner's own limit (1,024). Of more rows a sample is shown, in which
        every class keeps its share.
    n_jobs : int, default=None
        Threads of ``fit`` and ``predict``, as elsewhere in scikit-learn: ``None`` is one, ``-1`` all cores. Answers
        do not depend on it.
    image_shape : tuple of int, default=None
        Each row is a picture of (height, width) or (height, width, channels). ``None``: each row is one of a table.
    random_state : int, RandomState instance or None, default=None
        Chooses the samples. Without more rows than a context holds, nothing is random.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    n_features_in_ : int
        Columns seen by ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if all are strings.
    context_indices_ : list of ndarray
        The rows of each context.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import train_test_split
    >>> from learner_in_a_file import InContextClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> shown, asked, y_shown, y_asked = train_test_split(X, y, random_state=0)
    >>> bool(InContextClassifier().fit(shown, y_shown).score(asked, y_asked) > 0.9)
    True
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "general",
        *,
        n_contexts: int = 1,
        max_context: int | None = None,
        image_shape: tuple[int, ...] | None = None,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.model = model
        self.n_contexts = n_contexts
        self.max_context = max_context
        self.image_shape = image_shape
        self.n_jobs = n_jobs
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.image_shape is None
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike) -> InContextClassifier:
        """Keeps rows as the context.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Numbers, dates and words; in data frames also categories. Missing values are NaN, None, NA or NaT.
        y : array-like of shape (n_samples,)
            A class for each row.
        """
        values, y = self._fitted_values(X, y)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        file = _file(self.model)
        learner = _model(file)
        classes = len(self.classes_)
        if classes > learner.classes:
            raise ValueError(
                f"expected at most {learner.classes} classes, found {classes}. Merge rare classes, or use "
                "sklearn.multiclass.OneVsRestClassifier(InContextClassifier())"
            )
        most = self._most(learner, classes)
        check_scalar(self.n_contexts, "n_contexts", (int, np.integer), min_val=1)
        # all contexts would be the same
        count = self.n_contexts if len(labels) > most else 1
        seeds = check_random_state(self.random_state).randint(2**32, size=count, dtype=np.uint64)
        listed = labels.tolist()
        self.context_indices_ = [np.array(_native.stratified(listed, most, int(seed))) for seed in seeds]
        shared = {"file": file, "words": self._columns.words(), "classes": classes, "picture": self._picture()}

        def show(rows: NDArray[np.intp]) -> _Context:
            return _Context(values=np.ascontiguousarray(values[rows]), labels=labels[rows].tolist(), **shared)

        with ThreadPoolExecutor(max_workers=effective_n_jobs(self.n_jobs)) as pool:
            self._contexts = list(pool.map(show, self.context_indices_))
        self._none = None
        return self

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Probability of each class for each row, ``(n_samples, n_classes)``, in the order of ``classes_``."""
        check_is_fitted(self)
        values = self._asked_values(X)
        threads = effective_n_jobs(self.n_jobs)
        return np.mean([context.predict(values, threads) for context in self._contexts], axis=0)

    def none_of_these(self, X: ArrayLike) -> Floats:
        """Probability that a row belongs to none of the classes that ``fit`` was shown, ``(n_samples,)``.

        The learner is asked about one class more, of which nothing was shown. ``predict_proba`` and ``predict`` go on
        to answer as if every row belonged to one of ``classes_``.
        """
        check_is_fitted(self)
        values = self._asked_values(X)
        threads = effective_n_jobs(self.n_jobs)
        contexts = getattr(self, "_none", None)
        if contexts is None:
            contexts = self._none = [context.or_none() for context in self._contexts]
        return np.mean([context.predict(values, threads)[:, 0] for context in contexts], axis=0)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The likeliest class of each row; of equally likely ones the first."""
        probabilities = self.predict_proba(X)
        return self.classes_[np.argmax(probabilities, axis=1)]

    def _most(self, learner: _native.Model, classes: int) -> int:
        """Most rows of a context."""
        if self.max_context is None:
            return learner.capacity
        return check_scalar(
            self.max_context, "max_context", (int, np.integer), min_val=max(classes, 1), max_val=learner.capacity
        )

    def _picture(self) -> tuple[int, int, int] | None:
        """Height, width and channels of a row."""
        if self.image_shape is None:
            return None
        shape = tuple(self.image_shape) if isinstance(self.image_shape, (tuple, list)) else (self.image_shape,)
        if len(shape) not in (2, 3) or any(not isinstance(side, (int, np.integer)) or side < 1 for side in shape):
            raise ValueError(
                f"image_shape must be (height, width) or (height, width, channels), got {self.image_shape!r}"
            )
        if int(np.prod(shape)) != self.n_features_in_:
            raise ValueError(
                f"image_shape {shape!r} is {int(np.prod(shape))} values, and X has {self.n_features_in_} features"
            )
        height, width, channels = shape if len(shape) == 3 else (*shape, 1)
        return int(height), int(width), int(channels)

    def _fitted_values(self, X: Any, y: Any) -> tuple[Floats, NDArray[Any]]:
        """X as float64 and y; learns what the columns hold."""
        if is_frame(X):
            # scikit-learn looks at names and y alone: words are no numbers, but are no fault either
            validate_data(self, X, y, skip_check_array=True)
            self._columns = Columns(X)
            return check_X_y(self._columns.encode(X), y, ensure_all_finite=self._finite(), estimator=self)
        X, y = validate_data(self, X, y, dtype=None, ensure_all_finite=self._finite())
        self._columns = Columns(X)
        return self._encoded(X), y

    def _asked_values(self, X: Any) -> Floats:
        if is_frame(X):
            validate_data(self, X, reset=False, skip_check_array=True)
            return check_array(self._columns.encode(X), ensure_all_finite=self._finite(), estimator=self)
        return self._encoded(validate_data(self, X, reset=False, dtype=None, ensure_all_finite=self._finite()))

    def _encoded(self, X: NDArray[Any]) -> Floats:
        values = self._columns.encode(X)
        # objects, and numbers beyond float64
        assert_all_finite(
            values, allow_nan=self.image_shape is None, estimator_name=type(self).__name__, input_name="X"
        )
        return values

    def _finite(self) -> bool | str:
        return "allow-nan" if self.image_shape is None else True
