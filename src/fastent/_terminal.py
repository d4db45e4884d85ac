"""What commands show on a terminal: progress while they work, and tables."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence


class Progress:
    """One line on stderr while that is a terminal: share, rate if there is a size, and time left; gone afterwards."""

    def __init__(self, name: str, rows: int, size: int) -> None:
        self.name, self.rows, self.size, self.done = name, rows, size, 0
        self.start, self.next = time.perf_counter(), 0.0
        self.width = 0
        if sys.stderr and sys.stderr.isatty():
            self.width = (os.get_terminal_size(sys.stderr.fileno()).columns or 80) - 1

    def add(self, rows: int) -> None:
        self.at(self.done + rows)

    def at(self, rows: int) -> None:
        self.done = rows
        elapsed = time.perf_counter() - self.start
        if not self.width or not self.done or elapsed < self.next:
            return
        self.next = elapsed + 0.1
        share = self.done / self.rows
        left = round(elapsed / share - elapsed)
        rate = f"  {share * self.size / elapsed / 1e9:.2f} GB/s" if self.size else ""
        text = f"{share:4.0%}{rate}  {left // 60}:{left % 60:02d} left"
        bar = min(40, self.width - len(self.name) - len(text) - 6)
        if bar >= 5:
            text = f"{self.name}  [{'#' * round(share * bar):.<{bar}}] {text}"
        self._show(text)

    def _show(self, text: str) -> None:
        print("\r" + text[: self.width].ljust(self.width), end="\r", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self.width:
            self._show("")


def number_text(value: float) -> str:
    return f"{value:.6g}"


def printable(text: str) -> str:
    """The text with escapes for what would move the cursor or colour the terminal, or cannot be seen."""
    return "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in text)


def table(head: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    """Lines of right-aligned columns."""
    lines = [list(map(printable, line)) for line in (head, *cells)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)) for line in lines]
