r"""SciPy's entropy functions on fastent's engine: change the import, keep the program.

The line ::

    from fastent.compat.scipy import differential_entropy, entropy, jensenshannon, entr, rel_entr, kl_div

replaces ``scipy.stats.entropy``, ``scipy.spatial.distance.jensenshannon`` and ``scipy.special.entr``, ``rel_entr``,
``kl_div`` of SciPy 1.17: the same signatures, defaults (``axis=0``), conventions, dtypes, warnings and messages, with
the speed and the accuracy of `fastent.distributions`. SciPy need not be installed. ``differential_entropy`` has a list
of its own. Every other difference:

======================================================= ============================== ==============================
case                                                    SciPy                          fastent.compat.scipy
======================================================= ============================== ==============================
**values**
jensenshannon of nearly equal rows                      nan and a warning, or noise    the distance, all digits
jensenshannon of rows with subnormal entries            inf                            the distance
relative entropy of nearly equal rows                   lost digits, may be negative   all digits, never negative
entropy of a row with one dominant entry                lost digits: 2 % at [1, 1e-20] all digits
row whose sum overflows: [1e308] * 3, float16, int64    0, an infinity or any number   the value of the exact sum
`qk` entry that underflows: [1e308, 1e-20]              inf                            the finite value
float16 and bfloat16 rows                               normalised in 16 bits          accumulated wide
long float32 rows, most of all with ``axis=0``          drift, 6e-4 at 8 million rows  right to the last digits
kl_div(x, y) of nearly equal numbers                    lost digits, may be negative   all digits, never negative
kl_div(x, y) when x / y overflows or underflows         inf or -inf                    the finite value
entr(1), kl_div(0, -0.0)                                -0.0                           0.0
**types and errors**
entropy of float16 when the result is empty or nan      float16 or float32             float32
entropy of bfloat16                                     TypeError                      float32
longdouble, complex or object entries with a nan        entropy: nan, or other errors  TypeError, as without nan
wrong `base` or `nan_policy` and no row to apply it to  entropy: goes unnoticed        ValueError
wrong `base`, or shapes under ``axis=None``, and nan    entropy: nan if in every row   ValueError
np.matrix and ``axis=None``; list `axis`, `keepdims`    entropy: TypeError             the value
policies in the message about `nan_policy`              in any order                   always in the same order
overflow in a sum                                       RuntimeWarning                 none, nothing overflows
wrong calls of entr, rel_entr, kl_div                   in the words of a ufunc        in Python's words
cast that `casting` forbids                             UFuncTypeError                 TypeError, its parent
`where` without `out`                                   arbitrary numbers, UserWarning nan
**machinery**
entr, rel_entr, kl_div                                  ufuncs                         functions: no ``outer``, ``at``
``SCIPY_ARRAY_API=1``                                   torch, jax and cupy compute    NumPy on the CPU
threads                                                 one                            see `fastent.set_workers`
======================================================= ============================== ==============================
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.typing import ArrayLike, NDArray

from fastent import _plan, distributions
from fastent.compat._scipy_differential import differential_entropy

__all__ = ["differential_entropy", "entr", "entropy", "jensenshannon", "kl_div", "rel_entr"]

Array = NDArray[Any]
Axis = int | tuple[int, ...] | None
Result = NDArray[np.floating[Any]] | np.floating[Any]
Measure = Callable[..., Any]
Function = TypeVar("Function", bound=Callable[..., Any])

_LOOPS = (np.dtype(np.float32), np.dtype(np.float64))


def entropy(
    pk: ArrayLike,
    qk: ArrayLike | None = None,
    base: float | None = None,
    axis: Axis = 0,
    *,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Result:
    r"""Shannon entropy of `pk`, or its relative entropy (Kullback-Leibler divergence) to `qk`: scipy.stats.entropy.

    .. math:: H(p) = -\sum_i p_i \ln p_i \qquad D(p \| q) = \sum_i p_i \ln (p_i / q_i)

    Parameters
    ----------
    pk, qk : array_like
        Numbers, broadcast to one shape and divided by their sums. Masked entries are left out, of both.
    base : float, optional
        Base of the logarithm, in place of nats.
    axis : int, tuple of int or None
        Axes that hold a distribution; None for all.
    nan_policy : {'propagate', 'omit', 'raise'}
        A nan makes its row nan, is left out together with its partner, or raises ValueError.
    keepdims : bool
        Keep the reduced axes, with length one.

    Returns
    -------
    numpy scalar or ndarray
        float32 if the common dtype of `pk` and `qk` is float32 or float16, else float64. -inf for a row with negative
        entries (inf with `qk`), though one without positive entries counts as its magnitudes; nan for a row that
        sums to 0 or holds an infinity; 0 for an empty row.

    Raises
    ------
    ValueError
        `base` is not positive, `nan_policy` is unknown, shapes do not broadcast, `axis` is out of bounds or repeated.
    TypeError
        The entries are not real numbers of at most 64 bits.

    Examples
    --------
    >>> float(entropy([1 / 2, 1 / 2], base=2))
    1.0
    >>> round(float(entropy([1 / 2, 1 / 2], [9 / 10, 1 / 10], base=2)), 12)
    0.736965594166
    """
    arrays, included, dtype = _samples(pk, qk, axis)
    ndim, zero_d = arrays[0].ndim, False
    if type(axis) is int and -ndim <= axis < ndim:
        axis -= ndim if axis >= 0 else 0  # fastent has a short way for single rows and axis=-1
    elif axis is not None:
        axes: Any = (axis,) if np.isscalar(axis) else axis
        np.moveaxis(arrays[0], axes, tuple(range(-len(axes), 0)))  # for its message: SciPy moves the axes, too
        axis = normalize_axis_tuple(axes, ndim)
        if axis == ():  # SciPy reduces every axis, and keeps none of them
            axis, keepdims, zero_d = None, False, keepdims
    if nan_policy not in {"propagate", "raise", "omit"}:
        raise ValueError("nan_policy must be one of {'propagate', 'raise', 'omit'}.")

    supported, plain = _supported(dtype), _plain(base)
    if supported:
        measure: Measure = distributions.entropy if qk is None else distributions.kl_divergence
        measure = partial(measure, base=base if plain else None)
        result = measure(*arrays, axis=axis, where=included, keepdims=keepdims)
        result = _repair(result, arrays, included, axis, nan_policy, measure, _entropy_steps)
        if _narrow(dtype) and result.dtype != np.float32:  # int8 and float32 make float32
            result = result.astype(np.float32)
    else:
        result = _entropy_steps(*(a.astype(dtype, copy=False) for a in arrays), axis=axis, keepdims=keepdims)
    if base is not None and not (supported and plain):
        if base <= 0:
            raise ValueError("`base` must be a positive number or `None`.")
        result /= math.log(base)
    return np.asarray(result) if zero_d else result


def jensenshannon(
    p: ArrayLike, q: ArrayLike, base: float | None = None, *, axis: Axis = 0, keepdims: bool = False
) -> Result:
    r"""Jensen-Shannon distance, the square root of the divergence: scipy.spatial.distance.jensenshannon.

    .. math:: \sqrt{\tfrac12 D(p \| m) + \tfrac12 D(q \| m)}, \qquad m = \tfrac12 (p + q)

    Parameters
    ----------
    p, q : array_like
        Numbers, divided by their sums along `axis`, then broadcast to one shape.
    base, axis, keepdims
        As for `entropy`; with base 2 the distance is at most 1.

    Returns
    -------
    numpy scalar or ndarray
        float32 if `p` and `q` are float32 or float16 (a scalar with `base` is float64 even then), else float64. inf for
        rows with negative entries; nan for a row that sums to 0 or holds a nan or an infinity; 0 for empty rows.

    Raises
    ------
    ValueError, TypeError
        As by `entropy`, except that any `base` is taken.

    Examples
    --------
    >>> float(jensenshannon([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], 2.0))
    1.0
    >>> round(float(jensenshannon([1.0, 0.0], [0.5, 0.5])), 12)
    0.464501404022
    """
    p, q = np.asarray(p), np.asarray(q)
    axis = int(axis) if isinstance(axis, np.integer) else axis
    if type(keepdims) is not bool:
        keepdims = np.zeros(1).sum(keepdims=keepdims).ndim == 1  # in NumPy's sense and words

    def twice(x: Array, y: Array, **options: Any) -> Any:
        return distributions.js_divergence(x, y, **options) * 2  # exact

    if _supported(p.dtype) and _supported(q.dtype) and _same_rows(p, q, axis):
        if type(axis) is int and axis >= 0:
            axis -= p.ndim
        js = twice(p, q, axis=axis, keepdims=keepdims)
        js = _repair(js, (p, q), None, axis, "propagate", twice, _js_steps)
    else:
        js = _js_steps(p, q, axis=axis, keepdims=keepdims)
    if base is not None:
        js /= np.log(base)
    distance: Result = np.sqrt(js / 2.0)
    return distance


def _samples(pk: ArrayLike, qk: ArrayLike | None, axis: Axis) -> tuple[Sequence[Array], Array | None, np.dtype[Any]]:
    """`pk` (and `qk`) as arrays of one shape, which entries no mask hides (None: all), and the common dtype."""
    if qk is None and type(pk) is np.ndarray and pk.ndim:
        return [pk], None, pk.dtype
    given = [pk] if qk is None else [pk, qk]
    if pk is None and qk is None:
        np.result_type()  # raises SciPy's error
    arrays: list[Any] = [a if _python_number(a) else np.asanyarray(a) for a in given]
    dtype = np.result_type(*arrays)  # a Python number takes the dtype of the other array
    arrays = [np.atleast_1d(np.asanyarray(a, dtype) if _python_number(a) else a) for a in arrays]
    masks = [np.ma.getmaskarray(a) for a in arrays if isinstance(a, np.ma.MaskedArray) and np.any(a.mask)]
    arrays = [np.asarray(a) for a in arrays]
    if len({a.shape for a in arrays}) > 1:
        if axis is None:  # SciPy flattens before it broadcasts
            flat = (1,) * (max(a.ndim for a in arrays) - 1) + (-1,)
            arrays, masks = [a.reshape(flat) for a in arrays], [m.reshape(flat) for m in masks]
        try:
            arrays = list(np.broadcast_arrays(*arrays))
        except ValueError:
            raise ValueError("Array shapes are incompatible for broadcasting.") from None
        masks = [np.broadcast_to(m, arrays[0].shape) for m in masks]
    return arrays, ~np.logical_or.reduce(masks) if masks else None, dtype


def _python_number(x: Any) -> bool:
    return isinstance(x, int | float | complex) and not isinstance(x, np.generic)


def _supported(dtype: np.dtype[Any]) -> bool:
    return (dtype.kind in "biuf" and dtype.itemsize <= 8) or dtype.name == "bfloat16"


def _narrow(dtype: np.dtype[Any]) -> bool:
    """float32 and what is computed like it."""
    return dtype.kind not in "biu" and np.can_cast(dtype, np.float32)


def _plain(base: Any) -> bool:
    """Whether fastent takes `base` in SciPy's sense: no array, no special value, no type that shows in the result."""
    return base is None or (type(base) in (int, float, np.float64) and 1 < base < 1e300)


def _same_rows(p: Array, q: Array, axis: Axis) -> bool:
    """Whether normalising and broadcasting may change places: `axis` is valid and means the same rows of both."""
    if axis is not None and type(axis) not in (int, tuple):
        return False
    try:
        axes = normalize_axis_tuple(range(p.ndim) if axis is None else axis, p.ndim)
        np.broadcast_shapes(p.shape, q.shape)
    except (TypeError, ValueError):  # NumPy's sum will find SciPy's words
        return False
    if p.shape == q.shape:
        return axes != ()
    if type(axis) is not int or not -q.ndim <= axis < q.ndim:
        return False
    return p.shape[axis] == q.shape[axis] and (axis < 0 or p.ndim == q.ndim)


def _repair(
    result: Any, arrays: Any, included: Array | None, axis: Axis, policy: str, measure: Measure, steps: Measure
) -> Any:
    """`result` with what SciPy says wherever fastent says nan: from `measure` if it has a value, else from `steps`."""
    bad: Any = np.isnan(result)
    if not bad.any():
        return result
    arrays = np.broadcast_arrays(*arrays)
    axes = normalize_axis_tuple(range(arrays[0].ndim) if axis is None else axis, arrays[0].ndim)
    moved = [np.moveaxis(a, axes, range(-len(axes), 0)) for a in (*arrays, included) if a is not None]
    bad = bad.reshape(moved[0].shape[: -len(axes)])
    shape = (np.count_nonzero(bad), math.prod(moved[0].shape[-len(axes) :]))
    rows = [a[bad].reshape(shape) for a in moved]
    inside = np.ones(shape, bool) if included is None else rows.pop()

    rows = [r.astype(np.float64) if r.dtype.kind in "biuV" else r for r in rows]
    absent = np.logical_or.reduce([np.isnan(r) for r in rows]) & inside
    if policy == "raise" and absent.any():
        raise ValueError("The input contains nan values")
    if policy == "omit":
        inside, absent = inside & ~absent, np.zeros_like(absent)
    rows = [np.where(inside, r, r.dtype.type(0)) for r in rows]  # a zero, or two, adds nothing to any measure
    with np.errstate(all="ignore"):  # division by a negative sum makes negative numbers an ordinary distribution
        upright = [np.where(np.sum(r, axis=-1, keepdims=True, dtype=np.float64) < 0, -r, r) for r in rows]
    values = measure(*upright, axis=-1)
    values[~inside.any(axis=-1)] = 0.0
    rest = np.isnan(values) & ~absent.any(axis=-1)
    if rest.any():
        values[rest] = steps(*(_unit_range(r[rest]) for r in rows), where=inside[rest])
    if not isinstance(result, np.ndarray):
        return values[0]
    result.reshape(bad.shape)[bad] = values
    return result


def _unit_range(rows: Array) -> Array:
    """The rows times a power of two, their largest finite magnitude in [1/2, 1): no sum overflows."""
    largest = np.max(np.abs(rows), axis=-1, keepdims=True)
    exponent = np.frexp(np.where(np.isfinite(largest), largest, 1))[1]
    return np.asarray(np.ldexp(rows, -exponent))


# SciPy's own steps, for rows that are not distributions and dtypes that are refused: its special values, warnings and
# messages come out of this arithmetic and of nothing shorter.


def _entropy_steps(p: Array, q: Any = None, *, axis: Axis = -1, keepdims: bool = False, where: Any = True) -> Any:
    with np.errstate(invalid="ignore"):
        if q is not None:
            q = q / np.sum(q, axis=axis, keepdims=True)
        p = p / np.sum(p, axis=axis, keepdims=True)
    return np.sum(entr(p) if q is None else rel_entr(p, q), axis=axis, keepdims=keepdims, where=where)


def _js_steps(p: Array, q: Array, *, axis: Axis = -1, keepdims: bool = False, where: Any = True) -> Any:
    p = p / np.sum(p, axis=axis, keepdims=True)
    q = q / np.sum(q, axis=axis, keepdims=True)
    m = (p + q) / 2.0
    left, right = (np.sum(rel_entr(x, m), axis=axis, keepdims=keepdims, where=where) for x in (p, q))
    return left + right


def _ufunc_like(function: Function) -> Function:
    """Add a ufunc's optional arguments to the signature, and the attributes pandas, polars and numpy.ma look for."""
    own = list(inspect.signature(function).parameters.values())[:-1]  # without **options
    shared = [p for p in inspect.signature(_compute).parameters.values() if p.kind is p.KEYWORD_ONLY]
    n = len(own) - 1
    types = [loop.char * n + "->" + loop.char for loop in _LOOPS]
    attributes = {"__signature__": inspect.Signature([*own, *shared]), "nin": n, "nout": 1, "nargs": n + 1}
    for name, value in {**attributes, "types": types, "ntypes": 2, "identity": None, "signature": None}.items():
        setattr(function, name, value)
    return function


def _call(function: Callable[..., Any], inputs: tuple[Any, ...], out: Any, options: dict[str, Any]) -> Any:
    """`function` of the inputs, by the array library of an input if it wants to, as NumPy's protocols have it."""
    name = function.__name__
    unknown = [k for k in options if k not in inspect.signature(function).parameters]
    if unknown:
        raise TypeError(f"{name}() got an unexpected keyword argument '{unknown[0]}'")
    if isinstance(out, tuple):
        if len(out) != 1:
            raise ValueError("The 'out' tuple must have exactly one entry per ufunc output")
        out = out[0]
    for operand in (*inputs, out):
        protocol = getattr(type(operand), "__array_ufunc__", None)
        if protocol is not None and protocol is not np.ndarray.__array_ufunc__:
            outs = {} if out is None else {"out": (out,)}
            answer = protocol(operand, function, "__call__", *inputs, **outs, **options)
            if answer is not NotImplemented:
                return answer
    if out is not None and not isinstance(out, np.ndarray):
        raise TypeError("return arrays must be of ArrayType")
    return _compute(function, inputs, out, **options)


def _compute(
    function: Callable[..., Any],
    inputs: tuple[Any, ...],
    out: Array | None,
    *,
    where: Any = True,
    casting: Any = "same_kind",
    order: Any = "K",
    dtype: Any = None,
    subok: bool = True,
    signature: Any = None,
) -> Any:
    """What a ufunc does around its loop."""
    name, n = function.__name__, len(inputs)
    loop, operands = _operands(name, inputs, casting, dtype, signature)
    masks = [] if where is True else [np.asarray(where, bool)]
    if out is not None and not out.flags.writeable:
        raise ValueError("output array is read-only")
    # nditer is where a ufunc gets its shape, its memory order and its complaints about them.
    everything: Any = (*operands, out, *masks)
    flags: Any = [["readonly"]] * n + [["writeonly", "no_broadcast", "allocate"]] + [["readonly"]] * len(masks)
    types = [None] * n + [loop if out is None else None] + [None] * len(masks)
    target: Any = np.nditer(everything, ["zerosize_ok"], flags, types, order=order).operands[n]
    if not np.can_cast(loop, target.dtype, casting):
        raise TypeError(_cast_error(name, "output", loop, target.dtype, casting))
    named = tuple(zip(("x1", "x2"), operands, strict=False))
    shape = np.broadcast_shapes(*(a.shape for a in operands))
    if not masks and target.dtype == loop and target.shape == shape:  # fastent minds `out` that overlaps an operand
        _plan.map_elements(name, name, named, out=target)
    else:
        if out is None:
            target.fill(np.nan)
        result = _plan.map_elements(name, name, named)
        np.copyto(target, result, casting=casting, where=masks[0] if masks else True)
    if out is not None:
        return out
    foreign = [x for x in inputs if type(x) is not np.ndarray and not isinstance(x, np.generic)]
    wrappers = [x for x in foreign if hasattr(x, "__array_wrap__")]
    if not (subok and wrappers):
        return target if target.ndim else target[()]
    owner = max(wrappers, key=lambda x: getattr(x, "__array_priority__", 0.0))
    try:
        return owner.__array_wrap__(target, (function, inputs, 0), False)
    except TypeError:  # the protocol of NumPy 1, which torch still speaks
        return owner.__array_wrap__(target)


def _operands(
    name: str, inputs: tuple[Any, ...], casting: Any, dtype: Any, signature: Any
) -> tuple[np.dtype[Any], list[Array]]:
    """SciPy's choice between float32 and float64, and the inputs as arrays that make the engine choose the same."""
    arrays = [np.asarray(x) for x in inputs]
    for loop in _LOOPS:
        if dtype is None and signature is None and all(a.dtype == loop for a in arrays):
            return loop, arrays
    if signature is not None:
        dtypes = {np.dtype(c) for c in (signature.replace("->", "") if isinstance(signature, str) else signature) if c}
        dtype = dtypes.pop() if len(dtypes) == 1 else object
    if dtype is None:
        types = [a.dtype for a in arrays]
        if len(inputs) > 1 and any(map(_python_number, inputs)):
            types = [np.result_type(*(x if _python_number(x) else a for x, a in zip(inputs, arrays, strict=True)))]
        fitting = [loop for loop in _LOOPS if all(np.can_cast(t, loop) for t in types)]
        if not fitting:
            raise TypeError(
                f"ufunc '{name}' not supported for the input types, and the inputs could not be safely coerced to any "
                "supported types according to the casting rule ''safe''"
            )
        loop = fitting[0]
    elif (loop := np.dtype(dtype)) not in _LOOPS:
        raise TypeError(f"No loop matching the specified signature and casting was found for ufunc {name}")
    for i, (x, a) in enumerate(zip(inputs, arrays, strict=True)):
        if not (_python_number(x) or np.can_cast(a.dtype, loop, casting)):
            raise TypeError(_cast_error(name, "input" if len(inputs) == 1 else f"input {i}", a.dtype, loop, casting))
    narrow = [_narrow(a.dtype) for a in arrays]
    ready = all(narrow) if loop == np.float32 else not all(narrow) and all(_supported(a.dtype) for a in arrays)
    return loop, arrays if ready else [np.asarray(x, loop) for x in inputs]


def _cast_error(name: str, which: str, given: Any, wanted: Any, casting: str) -> str:
    return f"Cannot cast ufunc '{name}' {which} from {given!r} to {wanted!r} with casting rule '{casting}'"


@_ufunc_like
def entr(x: Any, /, out: Any = None, **options: Any) -> Any:
    r"""Elements :math:`-x \ln x`: scipy.special.entr.

    0 at 0, -inf at negative numbers and at inf, nan at nan.

    Parameters
    ----------
    x : array_like
        Numbers; bool and integers of 8 and 16 bits are computed in float32, as by SciPy, wider ones in float64.
    out : ndarray, optional
        Where the result goes.
    where, casting, order, dtype, subok, signature
        As for every NumPy ufunc; `dtype` and `signature` select float32 or float64.

    Returns
    -------
    numpy scalar or ndarray
        float32 or float64; pandas, polars, torch and masked arrays stay what they are.

    Raises
    ------
    TypeError
        The type of `x` does not convert to float64 without loss (complex, longdouble, object, str).

    Examples
    --------
    >>> entr([0.5, 0.0, -1.0])
    array([0.34657359, 0.        ,       -inf])
    """
    return _call(entr, (x,), out, options)


@_ufunc_like
def rel_entr(x1: Any, x2: Any, /, out: Any = None, **options: Any) -> Any:
    r"""Elements :math:`x_1 \ln(x_1 / x_2)`: scipy.special.rel_entr.

    0 where `x1` is 0 and `x2` is not negative, inf where one is negative or only `x2` is 0, nan at nan.
    `x1` and `x2` are broadcast; the other arguments, dtypes and errors are those of `entr`.

    Examples
    --------
    >>> rel_entr([0.5, 0.0, 1.0], [0.25, 1.0, 0.0])
    array([0.34657359, 0.        ,        inf])
    """
    return _call(rel_entr, (x1, x2), out, options)


@_ufunc_like
def kl_div(x1: Any, x2: Any, /, out: Any = None, **options: Any) -> Any:
    r"""Elements :math:`x_1 \ln(x_1 / x_2) - x_1 + x_2`, never negative: scipy.special.kl_div.

    `x2` where `x1` is 0 and `x2` is not negative, inf where one is negative or only `x2` is 0, nan at nan.
    `x1` and `x2` are broadcast; the other arguments, dtypes and errors are those of `entr`.

    Examples
    --------
    >>> kl_div([0.5, 0.0, 1.0], [0.25, 1.0, 0.0])
    array([0.09657359, 1.        ,        inf])
    """
    return _call(kl_div, (x1, x2), out, options)
