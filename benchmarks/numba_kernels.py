"""What somebody who knows numba would write: parallel, fastmath, one pass where the formula allows it.

The one-pass formulas normalise at the end, sum p ln(p/q) = sum x ln(x/y) / X + ln(Y/X) with X = sum x and Y = sum y.
That costs no more than sums without normalisation, and loses digits where the two parts nearly cancel. Sums are float64
for every dtype: it is not slower here. Names end in the axis that is summed over, or in
`pair` for one pair of 1-D rows.
"""

from __future__ import annotations

from math import log, sqrt

import numpy as np
from numba import config, njit, prange

parallel = njit(parallel=True, fastmath=True, cache=True)
serial = njit(fastmath=True, cache=True)
THREADS = int(config.NUMBA_NUM_THREADS)
inline = njit(fastmath=True, inline="always")


@inline
def xlogx(x):
    return x * log(x) if x > 0 else x * 0  # counts may be 0


@serial
def entropy_pair(x):
    s = t = 0.0
    for j in range(x.size):
        s += x[j]
        t += xlogx(x[j])
    return log(s) - t / s


@serial
def kl_pair(x, y):
    s = u = t = 0.0
    for j in range(x.size):
        s += x[j]
        u += y[j]
        t += x[j] * log(x[j] / y[j])
    return t / s + log(u / s)


@serial
def js_pair(x, y):
    s = u = t = 0.0
    for j in range(x.size):
        s += x[j]
        u += y[j]
    s, u = x.dtype.type(1 / s), x.dtype.type(1 / u)
    for j in range(x.size):
        a, b = x[j] * s, y[j] * u
        m = (a + b) / 2
        t += a * log(a / m) + b * log(b / m)
    return sqrt(max(t / 2, 0.0))


@parallel
def entropy_last(x, out):
    for i in prange(len(x)):
        out[i] = entropy_pair(x[i])


@parallel
def kl_last(x, y, out):
    for i in prange(len(x)):
        out[i] = kl_pair(x[i], y[i])


@parallel
def js_last(x, y, out):
    for i in prange(len(x)):
        out[i] = js_pair(x[i], y[i])


@parallel
def js_all_pairs(x, y, out):
    """With the entropies of the rows known, a pair needs one logarithm per entry."""
    hx, hy = np.empty(len(x)), np.empty(len(y))
    for i in prange(len(x)):
        hx[i] = entropy_pair(x[i])
    for i in prange(len(y)):
        hy[i] = entropy_pair(y[i])
    for i in prange(len(x)):
        for j in range(len(y)):
            t = 0.0
            for c in range(x.shape[1]):
                m = (x[i, c] + y[j, c]) / 2
                t -= m * log(m)
            out[i, j] = sqrt(max(t - (hx[i] + hy[j]) / 2, 0.0))


# ---- axis 0: blocks of rows times blocks of columns, so that both few and many columns keep all threads busy -------


@serial
def blocks(k, n):
    """The number of blocks of rows and of columns: columns in blocks of about 1024, rows cut if that is too few."""
    columns = max(1, n // 1024)
    return max(1, min(k // 64, 8 * THREADS // columns)), columns


@parallel
def entropy_first(x, out):
    k, n = x.shape
    rows, columns = blocks(k, n)
    s, t = np.zeros((rows, n)), np.zeros((rows, n))
    for b in prange(rows * columns):
        r, c = b // columns, b % columns
        for i in range(k * r // rows, k * (r + 1) // rows):
            for j in range(n * c // columns, n * (c + 1) // columns):
                s[r, j] += x[i, j]
                t[r, j] += xlogx(x[i, j])
    for j in prange(n):
        total = s[:, j].sum()
        out[j] = log(total) - t[:, j].sum() / total


@parallel
def kl_first(x, y, out):
    k, n = x.shape
    rows, columns = blocks(k, n)
    s, u, t = np.zeros((rows, n)), np.zeros((rows, n)), np.zeros((rows, n))
    for b in prange(rows * columns):
        r, c = b // columns, b % columns
        for i in range(k * r // rows, k * (r + 1) // rows):
            for j in range(n * c // columns, n * (c + 1) // columns):
                s[r, j] += x[i, j]
                u[r, j] += y[i, j]
                t[r, j] += x[i, j] * log(x[i, j] / y[i, j])
    for j in prange(n):
        total = s[:, j].sum()
        out[j] = t[:, j].sum() / total + log(u[:, j].sum() / total)


@parallel
def js_first(x, y, out):
    k, n = x.shape
    rows, columns = blocks(k, n)
    s, u, t = np.zeros((rows, n)), np.zeros((rows, n)), np.zeros((rows, n))
    for b in prange(rows * columns):
        r, c = b // columns, b % columns
        for i in range(k * r // rows, k * (r + 1) // rows):
            for j in range(n * c // columns, n * (c + 1) // columns):
                s[r, j] += x[i, j]
                u[r, j] += y[i, j]
    inverse_s, inverse_u = np.empty(n, x.dtype), np.empty(n, x.dtype)
    for j in prange(n):
        inverse_s[j] = 1 / s[:, j].sum()
        inverse_u[j] = 1 / u[:, j].sum()
    for b in prange(rows * columns):
        r, c = b // columns, b % columns
        for i in range(k * r // rows, k * (r + 1) // rows):
            for j in range(n * c // columns, n * (c + 1) // columns):
                a, d = x[i, j] * inverse_s[j], y[i, j] * inverse_u[j]
                m = (a + d) / 2
                t[r, j] += a * log(a / m) + d * log(d / m)
    for j in prange(n):
        out[j] = sqrt(max(t[:, j].sum() / 2, 0.0))


@parallel
def read(words):
    """Touch every word of the memory: the least any of this can cost."""
    total = words.dtype.type(0)
    for i in prange(words.size):
        total += words[i]
    return total
