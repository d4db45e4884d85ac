"""Greedy selection of the columns that tell most about a target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastent import _samples
from fastent._threads import check_workers
from fastent.feature_selection._counting import AnyCounter, Counter
from fastent.feature_selection._criteria import NAMES, Criterion, criteria
from fastent.feature_selection._greedy import Greedy
from fastent.feature_selection._inputs import Table, Target, Variable, read_all, read_names
from fastent.feature_selection._options import read_columns, read_k, read_number
from fastent.feature_selection._significance import Significance
from fastent.feature_selection._weighting import WeightedCounter
from fastent.feature_selection.result import Selection

Array = np.ndarray[Any, Any]

JOINT = ("jmi", "jmim", "njmim", "disr")
"""Criteria whose scores are of x and w together, and so do not fall where x adds nothing."""


def select(
    X: Any,
    y: Any,
    k: int | None = None,
    criterion: str = "jmi",
    *,
    bins: Any = None,
    beta: float = 1.0,
    gamma: float = 1.0,
    lazy: bool = False,
    must_include: Any = None,
    exclude: Any = None,
    min_gain: float | None = None,
    max_p_value: float | None = None,
    continue_from: Selection | None = None,
    sample_weight: Any = None,
    missing: str = "raise",
    names: Any = None,
    workers: int | None = None,
) -> Selection:
    """Choose columns of X one after the other, each time the one with the largest score given those chosen before.

    The first is the one with the largest I(x; y). In the scores below S are the columns chosen so far, w one of them:

    ================= ======================================================== =============================
    criterion         score of x                                               source
    ================= ======================================================== =============================
    "mim"             I(x; y)                                                  Lewis 1992
    "mifs"            I(x; y) - beta sum_w I(x; w)                             Battiti 1994
    "mrmr"            I(x; y) - mean_w I(x; w)                                 Peng, Long & Ding 2005
    "mrmr_quotient"   I(x; y) / mean_w I(x; w); 0/0 is 0                       Ding & Peng 2005
    "jmi"             sum_w I(x, w; y)                                         Yang & Moody 1999
    "cmim"            min(I(x; y), min_w I(x; y | w))                          Fleuret 2004
    "jmim"            min_w I(x, w; y)                                         Bennasar et al. 2015
    "njmim"           min_w I(x, w; y) / H(x, w, y)                            Bennasar et al. 2015
    "disr"            sum_w I(x, w; y) / H(x, w, y)                            Meyer & Bontempi 2006
    "cife"            I(x; y) - sum_w (I(x; w) - I(x; w | y))                  Lin & Tang 2006
    "icap"            I(x; y) - sum_w max(0, I(x; w) - I(x; w | y))            Jakulin 2005
    "betagamma"       I(x; y) - beta sum_w I(x; w) + gamma sum_w I(x; w | y)   Brown et al. 2012
    "cmi"             I(x; y | all of S)                                       Brown et al. 2012
    "fcbf"            SU(x, y), left out once SU(x, w) >= SU(x, y) for a w     Yu & Liu 2003
    ================= ======================================================== =============================

    SU is symmetric uncertainty, 2 I(x; y) / (H(x) + H(y)), which also picks the first column of "fcbf".

    Parameters
    ----------
    X : array_like or sparse matrix
        Labels of shape (samples, columns): integers, strings, categories, in arrays or frames. Floating-point columns
        are cut into `bins`. Of sparse matrices and arrays of SciPy only the entries are counted; what is absent is 0.
    y : array_like
        Labels of the target, (samples,).
    k : int, optional
        How many columns; without it the selection goes on until another rule stops it.
    criterion : str
        A name of the table.
    bins : optional
        How floating-point columns are cut: "quantile:16", "uniform:10", "mdlp" or edges, as in `discretize`.
    beta, gamma : float
        Weights in "mifs" and "betagamma".
    lazy : bool
        Count a candidate only while it can still win. The same columns in the same order, and faster where few columns
        matter; not for "cife", "betagamma" and "cmi", whose scores have no useful bound.
    must_include, exclude : names or numbers of columns, optional
        Chosen first, in this order; never chosen. Or masks of booleans, one for each column.
    min_gain : float, optional
        Stop before a column with a lower score. The scores of "jmi", "jmim", "njmim" and "disr" are of x and w
        together, and high for noise too: from the second column on, it is I(x; y | all of S) in nats that counts.
    max_p_value : float, optional
        Stop before a column whose dependence on y may be chance: of the G-tests of x with y, alone and given each w
        (for "cmi" given all of S), one has a larger p-value. Needs SciPy.
    continue_from : Selection, optional
        An earlier result with the same X, y and options, and a smaller k: its columns come first, without counting them
        again.
    sample_weight : array_like, optional
        Weight of each sample, finite and at least 0.
    missing : {"raise", "level", "omit"}
        What becomes of missing labels and nan: a ValueError, one more level, or samples that are left out of every
        table of columns that miss them (pairwise complete). Samples without a label of y are left out by "omit".
    names : sequence, optional
        Names of the columns, in the place of those of a frame.
    workers : int, optional
        Threads; -1 for all. The result does not depend on it.

    Returns
    -------
    Selection
        Indices, names, scores, relevance, redundancy, and the table of steps. Of equal scores the lowest index wins;
        without weights, scores are equal where the tables are, whatever their levels are called. All in nats.

    Raises
    ------
    ValueError, TypeError
        k is larger than the number of columns, the criterion is unknown, lengths differ, y has one label, X holds
        floating-point numbers and `bins` is not given, or labels are missing.

    Notes
    -----
    Each step counts every candidate once, with y and the column chosen last. Information is within 1e-15 of the exact
    value (weighted: 1e-12), never negative, and 0 where variables are independent.

    Examples
    --------
    >>> from fastent.feature_selection import select
    >>> X = [[0, 0, 1], [0, 0, 0], [0, 1, 1], [1, 1, 0], [1, 1, 1], [1, 1, 0]]
    >>> select(X, [0, 0, 1, 1, 2, 2], 2, "cmim", names=["a", "b", "c"])
    Selection of 2 of 3 columns by cmim (ended by k)
    step  column     score  relevance  redundancy
       1       b  0.636514   0.636514           0
       2       a  0.143841   0.462098    0.318257
    """
    return selected(
        X, y, k, criterion, bins=bins, beta=beta, gamma=gamma, lazy=lazy, must_include=must_include, exclude=exclude,
        min_gain=min_gain, max_p_value=max_p_value, continue_from=continue_from, sample_weight=sample_weight,
        missing=missing, names=names, workers=workers,
    )  # fmt: skip


def selected(
    X: Any,
    y: Any,
    k: int | None,
    criterion: str,
    *,
    bins: Any = None,
    beta: float = 1.0,
    gamma: float = 1.0,
    lazy: bool = False,
    must_include: Any = None,
    exclude: Any = None,
    min_gain: float | None = None,
    max_p_value: float | None = None,
    continue_from: Selection | None = None,
    sample_weight: Any = None,
    missing: str = "raise",
    names: Any = None,
    workers: int | None = None,
    watch: Callable[[], None] = lambda: None,
) -> Selection:
    """The same, and `watch` is called after every step."""
    name = "select"
    beta, gamma = read_number(name, "beta", beta), read_number(name, "gamma", gamma)
    rule = _criterion(criterion, beta, gamma, lazy)
    min_gain = None if min_gain is None else read_number(name, "min_gain", min_gain)
    if min_gain is not None and np.isnan(min_gain):
        raise ValueError(f"{name}: min_gain must be a number, got nan")
    max_p_value = None if max_p_value is None else read_number(name, "max_p_value", max_p_value)
    if workers is not None:
        check_workers(name, workers)
    table, target, weights = read_all(name, X, y, bins, missing, sample_weight, workers)
    if weights is not None and not weights.any():
        raise ValueError(f"{name}: sample_weight must not be zero for every sample")
    labels = read_names(name, names, table)
    forced = read_columns(name, "must_include", must_include, labels)
    banned = read_columns(name, "exclude", exclude, labels)
    both = sorted(set(forced) & set(banned))
    if both:
        raise ValueError(f"{name}: column {labels[both[0]]!r} is in must_include and in exclude")
    key = (criterion, float(beta), float(gamma), missing)
    _check_earlier(name, continue_from, key, len(labels), banned)
    before = 0 if continue_from is None else len(continue_from)
    most = len(labels) - len(banned)
    reason = "the number of columns" + (" that are not excluded" if banned else "")
    least = "those of continue_from" if before > len(forced) else "those in must_include"
    count = read_k(name, k, most, max(len(forced), before), reason, least)

    counter: AnyCounter
    if weights is None:
        counter = Counter(table, target.codes, target.levels, workers)
    else:
        counter = WeightedCounter(table, target.codes, target.levels, weights, workers)
    allowed = np.ones(len(labels), bool)
    allowed[banned] = False
    greedy = Greedy(
        counter, rule, Selected(table).variable, allowed, lazy, _bound_of_entropy(table, target, weights),
        None if continue_from is None else continue_from._state,
    )  # fmt: skip
    if continue_from is not None and not np.array_equal(greedy.mutual_information, continue_from.relevances):
        raise ValueError(f"{name}: continue_from was made from another X, y, or other weights or bins")
    test = None if max_p_value is None else Significance(name, max_p_value, table, target, weights, rule.joint)
    gains = Gains(table, target, weights, greedy)
    return _run(greedy, count, forced, min_gain, test, continue_from, labels, key, watch, gains.of)


def _run(
    greedy: Greedy,
    count: int,
    forced: Sequence[int],
    min_gain: float | None,
    test: Significance | None,
    earlier: Selection | None,
    labels: list[Any],
    key: tuple[Any, ...],
    watch: Callable[[], None],
    gain_of: Callable[[int], float],
) -> Selection:
    scores = [] if earlier is None else earlier.scores.tolist()
    counted = [] if earlier is None else earlier.counted.tolist()
    redundancy = [] if earlier is None else earlier.redundancy.tolist()
    p_values = [] if test is None else [test.p_value(c, greedy.selected[:i]) for i, c in enumerate(greedy.selected)]
    stopped = "k"
    if len(greedy.selected) < count:
        stopped = "exhausted"
        for step in greedy.steps(forced):
            must = step.column in forced
            if min_gain is not None and not must:
                gain = gain_of(step.column) if greedy.selected and key[0] in JOINT else step.score
                if not gain >= min_gain:
                    stopped = "min_gain"
                    break
            if test is not None:
                p = test.p_value(step.column, greedy.selected)
                if p > test.most and not must:
                    stopped = "max_p_value"
                    break
                p_values.append(p)
            scores.append(step.score)
            counted.append(step.counted)
            redundancy.append(step.redundancy)
            watch()
            if len(scores) == count:
                greedy.selected.append(step.column)
                stopped = "k"
                break
    indices = np.array(greedy.selected, np.int64)
    return Selection(
        indices=indices,
        names=[labels[i] for i in indices],
        scores=np.array(scores, np.float64),
        relevance=greedy.mutual_information[indices],
        redundancy=np.array(redundancy, np.float64) if greedy.pairwise else greedy.redundancy(),
        p_values=None if test is None else np.array(p_values, np.float64),
        counted=np.array(counted, np.int64),
        relevances=greedy.mutual_information,
        criterion=key[0],
        stopped=stopped,
        _state=greedy.state(),
        _key=key,
    )


def _criterion(criterion: str, beta: float, gamma: float, lazy: bool) -> Criterion:
    for option, value in (("beta", beta), ("gamma", gamma)):
        if not np.isfinite(value):
            raise ValueError(f"select: {option} must be finite, got {value}")
    known = criteria(float(beta), float(gamma))
    if not isinstance(criterion, str):
        raise TypeError(f"select: criterion must be a name, one of {', '.join(NAMES)}, got {criterion!r}")
    if criterion not in known:
        raise ValueError(f"select: criterion must be one of {', '.join(NAMES)}, got {criterion!r}")
    rule = known[criterion]
    if lazy and rule.limit is None:
        bounded = ", ".join(name for name, one in known.items() if one.limit is not None)
        raise ValueError(f"select: lazy=True needs a criterion whose score has a bound ({bounded}), got {criterion!r}")
    return rule


def _check_earlier(
    name: str, earlier: Selection | None, key: tuple[Any, ...], columns: int, banned: Sequence[int]
) -> None:
    if earlier is None:
        return
    if not isinstance(earlier, Selection):
        raise TypeError(f"{name}: continue_from must be a Selection, got {type(earlier).__name__}")
    if earlier._key != key:
        raise ValueError(
            f"{name}: continue_from was made with other options: criterion, beta, gamma and missing were "
            f"{earlier._key}, and are now {key}"
        )
    if len(earlier.relevances) != columns:
        raise ValueError(f"{name}: continue_from was made from {len(earlier.relevances)} columns, and X has {columns}")
    again = sorted(set(earlier.indices.tolist()) & set(banned))
    if again:
        raise ValueError(f"{name}: column {again[0]} is in exclude, and continue_from has selected it")


def _bound_of_entropy(table: Table, target: Target, weights: Array | None) -> float:
    """At least the entropy of y in every table: among samples without missing labels it may be larger than in all."""
    if (table.used < table.levels).any():
        return float(np.log(target.levels))
    share = np.bincount(target.codes, None if weights is None else _samples.scaled(weights)).astype(np.float64)
    share = share[share > 0] / share.sum()
    return float(-(share * np.log(share)).sum())


class Gains:
    """What a candidate adds to the information of the columns selected so far about y."""

    def __init__(self, table: Table, target: Target, weights: Array | None, greedy: Greedy) -> None:
        self.table, self.target, self.weights, self.greedy = table, target, weights, greedy
        self.joined = np.zeros(table.codes.shape[0], np.int64)
        self.present = np.ones(table.codes.shape[0], bool)
        self.count = 0  # of the selected columns in them

    def of(self, column: int) -> float:
        """I(x; y | all of S), of the samples that miss none of these."""
        for c in self.greedy.selected[self.count :]:
            self.joined, self.present = self._with(c)
        self.count = len(self.greedy.selected)
        both, present = self._with(column)
        before, after = (self._information(codes[present], present) for codes in (self.joined, both))
        return max(0.0, after - before)

    def _with(self, column: int) -> tuple[Array, Array]:
        codes = self.table.column(column).astype(np.int64)
        joined = np.unique(self.joined * int(self.table.levels[column]) + codes, return_inverse=True)[1]
        return joined, self.present & (codes < self.table.used[column])

    def _information(self, codes: Array, present: Array) -> float:
        weights = None if self.weights is None else self.weights[present]
        cells = _samples.positive_cells(codes, self.target.codes[present], weights)
        if not len(cells.counts):
            return 0.0
        return float(_samples.statistics_of_sample(cells)[_samples.STATISTICS["mi"]])


class Selected:
    """The columns chosen so far as what candidates meet: one of them, or several as one variable."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.joined: list[int] = []
        self.codes = np.zeros(table.codes.shape[0], np.int64)
        self.missing = np.zeros(table.codes.shape[0], bool)

    def variable(self, columns: Sequence[int]) -> Variable:
        table = self.table
        if len(columns) == 1:
            c = columns[0]
            return Variable(None, c, int(table.levels[c]), int(table.used[c]))
        if self.joined != list(columns[: len(self.joined)]):
            self.__init__(table)  # type: ignore[misc]
        for c in columns[len(self.joined) :]:
            code = table.column(c).astype(np.int64)
            self.missing |= code >= table.used[c]
            self.codes = np.unique(self.codes * int(table.levels[c]) + code, return_inverse=True)[1]
            self.joined.append(c)
        levels = int(self.codes.max()) + 1
        if not self.missing.any():
            return Variable(self.codes, -1, levels, levels)
        codes = np.where(self.missing, levels, self.codes)
        return Variable(np.unique(codes, return_inverse=True)[1], -1, *_sizes(codes, levels))


def _sizes(codes: Array, missing: int) -> tuple[int, int]:
    present = np.unique(codes)
    return len(present), len(present) - int(present[-1] == missing)
