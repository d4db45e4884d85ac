"""The stop rule of selection: whether what a column tells about the target may be chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastent.feature_selection._inputs import Table, Target
from fastent.feature_selection._weighting import information_within

Array = np.ndarray[Any, Any]


class Significance:
    """G-tests of a column and the target, alone and given columns chosen before."""

    def __init__(
        self, function: str, most: float, table: Table, target: Target, weights: Array | None, joint: bool
    ) -> None:
        if not 0 <= most <= 1:
            raise ValueError(f"{function}: max_p_value must be between 0 and 1, got {most}")
        if weights is not None:
            raise ValueError(f"{function}: max_p_value takes counts of samples, not sample_weight")
        try:
            from scipy.special import chdtrc  # type: ignore[import-untyped]
        except ImportError:
            raise ImportError(f"{function}: max_p_value needs SciPy: pip install 'fastent[scipy]'") from None
        self.tail, self.most, self.table, self.target, self.joint = chdtrc, most, table, target, joint

    def p_value(self, column: int, selected: Sequence[int]) -> float:
        """The largest p-value of the tests."""
        given = [list(selected)] if self.joint else [[], *([w] for w in selected)]
        return max(self._test(column, w) for w in given)

    def _test(self, column: int, given: list[int]) -> float:
        table, y = self.table, self.target.codes.astype(np.int64)
        x = table.column(column).astype(np.int64)
        kept = x < table.used[column]
        stratum = np.zeros(len(x), np.int64)
        for c in given:
            code = table.column(c).astype(np.int64)
            kept &= code < table.used[c]
            stratum = np.unique(stratum * int(table.levels[c]) + code, return_inverse=True)[1]
        x, y, stratum = x[kept], y[kept], stratum[kept]
        if not len(x):
            return 1.0
        levels, classes = int(table.used[column]), self.target.levels
        strata, stratum = np.unique(stratum, return_inverse=True)
        statistic, freedom = 0.0, 0.0
        step = max(1, (1 << 22) // (levels * classes))
        for begin in range(0, len(strata), step):
            part = (stratum >= begin) & (stratum < begin + step)
            count = min(step, len(strata) - begin)
            cells = ((stratum[part] - begin) * levels + x[part]) * classes + y[part]
            tables = np.bincount(cells, minlength=count * levels * classes).reshape(count, levels, classes)
            statistic += 2 * float(part.sum()) * float(information_within(tables, 1))
            rows, columns = (tables.sum(axis=2) > 0).sum(axis=1), (tables.sum(axis=1) > 0).sum(axis=1)
            freedom += float(((rows - 1) * (columns - 1)).sum())
        return float(self.tail(freedom, statistic)) if freedom > 0 else 1.0
