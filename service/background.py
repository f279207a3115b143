"""What works on a thread of its own: started and closed by hand, or as a context manager."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Background(ABC):
    """Runs from `start` to `close`."""

    @abstractmethod
    def start(self) -> None:
        """Start the thread; once."""

    @abstractmethod
    def close(self) -> None:
        """Let the thread come to its end."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
