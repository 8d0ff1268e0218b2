"""From the columns of arrays and data frames to float64: numbers, dates as seconds, words as their places in a list."""

from __future__ import annotations

import datetime
import decimal
import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._native import MOST_WORDS

Floats = NDArray[np.float64]
# kinds of NumPy's types: truth values, whole numbers with and without sign, floating point
_NUMBERS = "biuf"
_EPOCH = datetime.datetime(1970, 1, 1)


def is_frame(X: Any) -> bool:
    """Whether X is a data frame of pandas, whose columns have a type each. Others become arrays of objects."""
    return hasattr(X, "columns") and hasattr(X, "iloc")


class Columns:
    """What each column held when the estimator was fitted.

    A column is ``"numbers"``, ``"dates"``, ``"empty"``, or the list of its words.
    """

    def __init__(self, X: Any) -> None:
        if not is_frame(X) and X.dtype.kind in _NUMBERS:
            self.kinds: list[str | list[str]] = ["numbers"] * X.shape[1]
            return
        self.kinds = []
        for at in range(X.shape[1]):
            kind, values = _read(X, at)
            if kind != "words":
                self.kinds.append(kind)
                continue
            words = sorted({_word(value) for value in values if not _missing(value)})
            if len(words) > MOST_WORDS:
                raise ValueError(
                    f"{_name(X, at)} has {len(words)} different words, and at most {MOST_WORDS} become inputs. "
                    "Leave the column out, merge rare words, or convert it to numbers"
                )
            self.kinds.append(words)

    def words(self) -> list[int]:
        """How many words each column has; 0 for numbers."""
        return [len(kind) if isinstance(kind, list) else 0 for kind in self.kinds]

    def encode(self, X: Any) -> Floats:
        """The values of X, ``[rows, columns]``: NaN is a missing value or a word that fit never saw."""
        if not is_frame(X) and X.dtype.kind in _NUMBERS and all(kind == "numbers" for kind in self.kinds):
            return np.ascontiguousarray(X, dtype=np.float64)
        encoded = np.empty(X.shape, dtype=np.float64)
        for at, learned in enumerate(self.kinds):
            kind, values = _read(X, at)
            if isinstance(learned, list):
                places = {word: float(place) for place, word in enumerate(learned)}
                # numbers that were words in fit are the same words
                found = values if kind == "words" else np.asarray(values, dtype=object)
                encoded[:, at] = [np.nan if _missing(v) else places.get(_word(v), np.nan) for v in found]
            elif learned == "empty" or kind == "empty":
                encoded[:, at] = np.nan
            elif kind == learned:
                encoded[:, at] = values
            else:
                raise ValueError(f"{_name(X, at)} held {learned} in fit, and now holds {kind}")
        return encoded


def _name(X: Any, at: int) -> str:
    return f"column {X.columns[at]!r}" if is_frame(X) else f"column {at}"


def _missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating, decimal.Decimal)) and value != value


def _word(value: Any) -> str:
    # 1 and 1.0 are one word, as pandas makes the second of the first where a value is missing
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _read(X: Any, at: int) -> tuple[str, Any]:
    """The kind of a column, and its values: float64, or objects for words."""
    if not is_frame(X):
        return _read_array(X[:, at], f"column {at}")
    name = _name(X, at)
    # a name can stand over several columns of pandas
    column = X.iloc[:, at]
    if hasattr(column, "cat"):
        return _kind_of_words(column.astype(object).to_numpy())
    kind = getattr(column.dtype, "kind", "O")
    if kind in _NUMBERS:
        return _kind_of_floats("numbers", column.to_numpy(dtype=np.float64, na_value=np.nan))
    if kind == "M":
        # to UTC where there is a time zone
        return _read_array(column.to_numpy(dtype="datetime64[us]"), name)
    return _read_array(column.to_numpy(), name)


def _kind_of_floats(kind: str, values: Floats) -> tuple[str, Any]:
    return ("empty" if np.isnan(values).all() else kind), values


def _kind_of_words(values: NDArray[Any]) -> tuple[str, Any]:
    return ("empty" if all(_missing(value) for value in values) else "words"), values


def _read_array(values: NDArray[Any], name: str) -> tuple[str, Any]:
    kind = values.dtype.kind
    if kind in _NUMBERS:
        return _kind_of_floats("numbers", values.astype(np.float64))
    if kind in "mM":
        unit = "datetime64[us]" if kind == "M" else "timedelta64[us]"
        seconds = values.astype(unit).astype(np.int64) / 1e6
        seconds[np.isnat(values)] = np.nan
        return _kind_of_floats("dates" if kind == "M" else "numbers", seconds)
    if kind == "c":
        raise ValueError(f"Complex data not supported: {name}")
    values = values.astype(object)
    known = [value for value in values if not _missing(value)]
    if all(isinstance(value, (numbers.Real, np.bool_, decimal.Decimal)) for value in known):
        floats = [np.nan if _missing(value) else float(value) for value in values]
        return _kind_of_floats("numbers", np.array(floats, dtype=np.float64))
    if all(isinstance(value, datetime.date) for value in known):
        days = [np.nan if _missing(value) else _seconds(value) for value in values]
        return "dates", np.array(days, dtype=np.float64)
    for value in known:
        if not isinstance(value, (str, bytes, numbers.Real, np.bool_, decimal.Decimal, datetime.date)):
            raise TypeError(f"{name}: argument must be a string or a number, not {type(value).__name__!r}")
    return "words", values


def _seconds(value: datetime.date) -> float:
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)
    if value.tzinfo is not None:
        value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return (value - _EPOCH).total_seconds()
