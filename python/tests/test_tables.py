"""What columns mean to a learner that sees inner products alone."""

import numpy as np
import pytest

from learner_in_a_file import InContextClassifier


@pytest.mark.parametrize("model", ["general", "drawing"])
def test_one_column_in_twelve_decides(model):
    """Its values inside a band are a class: nothing that any rotation of the columns would keep. Standardised columns give 0.55."""
    scores = []
    for seed in range(4):
        values = np.random.default_rng(seed).normal(size=(360, 12))
        classes = (np.abs(values[:, 3]) < 0.67).astype(int)
        learner = InContextClassifier(model).fit(values[:60], classes[:60])
        scores.append(learner.score(values[60:], classes[60:]))
    assert np.mean(scores) > 0.8, scores


def test_columns_that_say_nothing_leave_the_shares_of_the_classes():
    """A quarter of the rows are of class 1, and nothing tells which: three quarters of the answers are right by saying 0."""
    scores, losses = [], []
    for seed in range(4):
        random = np.random.default_rng(seed)
        values, classes = random.normal(size=(340, 8)), (random.random(340) < 0.25).astype(int)
        chances = InContextClassifier().fit(values[:40], classes[:40]).predict_proba(values[40:])
        scores.append(np.mean(chances.argmax(axis=1) == classes[40:]))
        losses.append(-np.log(chances[np.arange(300), classes[40:]]).mean())
    assert np.mean(scores) > 0.65 and np.mean(losses) < 0.7, (scores, losses)


def test_even_classes_keep_the_order_of_rotated_columns():
    """Clouds in general position: what a rotation keeps is still seen when axes say nothing."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(3, 6))
    classes = np.arange(240) % 3
    values = 2.0 * centres[classes] + random.normal(size=(240, 6))
    rotation = np.linalg.qr(random.normal(size=(6, 6)))[0]
    for rows in [values, values @ rotation]:
        assert InContextClassifier().fit(rows[:40], classes[:40]).score(rows[40:], classes[40:]) > 0.85
