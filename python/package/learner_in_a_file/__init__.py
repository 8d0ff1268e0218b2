"""Learns any small classification task from shown examples, with no gradient step.

>>> from learner_in_a_file import InContextClassifier
>>> learner = InContextClassifier().fit([[0.0], [0.2], [1.0], [1.2]], ["low", "low", "high", "high"])
>>> learner.predict([[0.1], [1.1]]).tolist()
['low', 'high']
"""

from ._estimator import InContextClassifier
from ._native import __version__

__all__ = ["InContextClassifier", "__version__"]
