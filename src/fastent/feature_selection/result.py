"""What a selection found, to read, to plot and to continue from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastent._terminal import number_text, table
from fastent.feature_selection._greedy import State

Array = np.ndarray[Any, Any]

SHOWN = 30
"""Steps that a repr shows."""


@dataclass(frozen=True, eq=False)
class Selection:
    """The columns that `select` chose, in that order, and why.

    Attributes
    ----------
    indices : ndarray of int64
        Column numbers in X.
    names : list
        Their names: of a frame, as passed in `names`, or the numbers.
    scores : ndarray of float64
        The criterion of each when it was chosen; of the first, its relevance.
    relevance, redundancy : ndarray of float64
        I(x; y), and the mean of I(x; w) over the columns w chosen before, 0 for the first; in nats.
    p_values : ndarray of float64 or None
        What the stop rule `max_p_value` saw.
    counted : ndarray of int64
        How many columns were counted against a chosen one to find each.
    relevances : ndarray of float64
        I(x; y) of every column of X.
    criterion, stopped : str
        The name of the criterion; what ended the selection: "k", "min_gain", "max_p_value" or "exhausted".

    Examples
    --------
    >>> from fastent.feature_selection import select
    >>> X = [[0, 0, 1], [0, 0, 0], [1, 1, 1], [1, 1, 0]]
    >>> found = select(X, [0, 0, 1, 1], 2, "mrmr", names=["a", "copy", "noise"])
    >>> found.indices
    array([0, 1])
    """

    indices: Array
    names: list[Any]
    scores: Array
    relevance: Array
    redundancy: Array
    p_values: Array | None
    counted: Array
    relevances: Array
    criterion: str
    stopped: str
    _state: State = field(repr=False)
    _key: tuple[Any, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def steps(self) -> Array:
        """The table of steps: a structured array with one row per chosen column."""
        columns = {
            "step": np.arange(1, len(self) + 1),
            "index": self.indices,
            "name": np.array([*self.names, None], object)[:-1],
            "score": self.scores,
            "relevance": self.relevance,
            "redundancy": self.redundancy,
            "counted": self.counted,
        }
        if self.p_values is not None:
            columns["p_value"] = self.p_values
        found = np.empty(len(self), [(name, values.dtype) for name, values in columns.items()])
        for name, values in columns.items():
            found[name] = values
        return found

    def lines(self, steps: int | None = None) -> list[str]:
        """The table of steps as text."""
        head = ["step", "column", "score", "relevance", "redundancy"] + ["p value"] * (self.p_values is not None)
        cells = []
        for i in range(min(len(self), len(self) if steps is None else steps)):
            numbers = [self.scores[i], self.relevance[i], self.redundancy[i]]
            numbers += [] if self.p_values is None else [self.p_values[i]]
            cells.append([str(i + 1), str(self.names[i]), *map(number_text, numbers)])
        return table(head, cells)

    def __repr__(self) -> str:
        columns = len(self.relevances)
        title = f"Selection of {len(self)} of {columns:,} columns by {self.criterion} (ended by {self.stopped})"
        more = [f"({SHOWN} of {len(self):,} steps)"] if len(self) > SHOWN else []
        return "\n".join([title, *self.lines(SHOWN), *more])

    def plot(self, ax: Any = None) -> Any:
        """Draw the chosen columns with their relevance and redundancy. Needs matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure without it.

        Returns
        -------
        matplotlib Axes
        """
        from fastent.feature_selection._plot import draw

        return draw(self, ax)
