from collections.abc import Sequence

from numpy.typing import NDArray
from numpy import float64

# row after row, in C order
Values = NDArray[float64]

__version__: str
MOST_WORDS: int

class Model:
    def __init__(self, bytes: bytes) -> None: ...
    @property
    def classes(self) -> int: ...
    @property
    def capacity(self) -> int: ...

class Context:
    def __init__(
        self,
        model: Model,
        values: Values,
        words: Sequence[int],
        labels: Sequence[int],
        classes: int,
        picture: tuple[int, int, int] | None = None,
    ) -> None: ...
    def or_none(self) -> Context: ...
    def predict(self, values: Values, threads: int) -> bytearray: ...

def shipped(name: str) -> bytes | None: ...
def shipped_names() -> list[str]: ...
def stratified(labels: Sequence[int], most: int, seed: int) -> list[int]: ...
