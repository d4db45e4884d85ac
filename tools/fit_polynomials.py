"""Write src/fastent/_simd/coefficients.h: the polynomials and tables behind log, exp and the Jensen-Shannon term.

Every polynomial interpolates its function at the Chebyshev nodes of the range it is used on, computed with 60 digits
and rounded to double at the end; the largest relative error on the range stands in a comment beside it.
Run `python tools/fit_polynomials.py` after changing a range or a degree.
"""

from pathlib import Path

from mpmath import atanh, cos, expm1, linspace, log, lu_solve, matrix, mp, mpf, nstr, pi

mp.dps = 60
HEADER = Path(__file__).parents[1] / "src" / "fastent" / "_simd" / "coefficients.h"


JS_NEAR = 0.36, 0.0625
EXP_WIDE = 0.7


def log_tail(r):
    """(log(1 + r) - r) / r^2."""
    return (log(1 + r) - r) / r**2 if r else -mpf(1) / 2


def atanh_tail(z):
    """(atanh(s) / s - 1) / s^2 as a function of z = s^2."""
    s = z**0.5
    return (atanh(s) / s - 1) / z


def js_tail(z):
    """h(s) / s^2 as a function of z = s^2, where h(s) = (1+s) log(1+s) + (1-s) log(1-s)."""
    s = z**0.5
    return ((1 + s) * log(1 + s) + (1 - s) * log(1 - s)) / z


def exp_tail(r):
    """(exp(r) - 1 - r) / r^2."""
    return (expm1(r) - r) / r**2 if abs(r) > mpf(10) ** -15 else mpf(1) / 2


def fit(function, low, high, degree):
    """Coefficients, lowest first, and the largest relative error on the range."""
    low, high = mpf(low), mpf(high)
    nodes = [(low + high) / 2 + (high - low) / 2 * cos(pi * (2 * i + 1) / (2 * degree + 2)) for i in range(degree + 1)]
    vandermonde = matrix([[x**j for j in range(degree + 1)] for x in nodes])
    coefficients = [float(c) for c in lu_solve(vandermonde, matrix([function(x) for x in nodes]))]
    points = [x for x in linspace(low, high, 401) if abs(x) > mpf(10) ** -15]
    worst = max(abs(sum(mpf(c) * x**j for j, c in enumerate(coefficients)) / function(x) - 1) for x in points)
    return coefficients, worst


def array(name, values, comment):
    rows = ",\n".join("    " + ", ".join(f"{v!r}" for v in values[i : i + 4]) for i in range(0, len(values), 4))
    return f"/* {comment} */\nstatic const double {name}[{len(values)}] = {{\n{rows}}};\n"


def polynomial(name, function, low, high, degree):
    coefficients, worst = fit(function, low, high, degree)
    comment = f"{function.__doc__.rstrip('.')}, on [{low}, {high}]: relative error {nstr(worst, 2)}"
    return array(name, coefficients, comment)


def log_table():
    """Reciprocals c of the sixteen mantissa intervals [1 + i/16, 1 + (i+1)/16) and -log c.

    The first reciprocal is exactly 1 and the last exactly 1/2, so that log keeps its relative accuracy next to 1
    from both sides: there the table entry cancels the exponent's multiple of ln 2 to the bit. The others are moved
    by up to a thousandth of an interval to where the logarithm is nearly a double (Gal 1986). In the upper half, where
    numbers just below 1 add an exponent of -1, the entry also makes good the rounding of ln 2 itself.
    """
    ln2_lost = mpf(float(log(mpf(2)))) - log(mpf(2))
    reciprocals, offsets = [1.0], [0.0]
    for i in range(1, 15):
        middle = mpf(1) + (mpf(i) + mpf(1) / 2) / 16
        candidates = []
        for step in range(-2048, 2049):
            reciprocal = float(1 / middle * (1 + mpf(step) * mpf(2) ** -26))
            exact = -log(mpf(reciprocal)) + (ln2_lost if i >= 8 else 0)
            candidates.append((abs(mpf(float(exact)) - exact), reciprocal, float(exact)))
        _, reciprocal, offset = min(candidates)
        reciprocals.append(reciprocal)
        offsets.append(offset)
    reciprocals.append(0.5)
    offsets.append(float(log(mpf(2))))
    return (
        array(
            "LOG_RECIPROCAL", reciprocals, "reciprocals of the sixteen mantissa intervals; 1 and 1/2 exact at the ends"
        )
        + "\n"
        + array("LOG_OFFSET", offsets, "minus their logarithms; see log_table")
    )


def log2_table():
    """The same with logarithms to base 2 of few bits: multiples of 2^-18, of which sums of products stay exact.

    A reciprocal that is a double has such a logarithm only nearly; the one that misses it least is taken.
    """
    reciprocals, offsets = [1.0], [0.0]
    for i in range(1, 15):
        middle = log(mpf(1) + (mpf(i) + mpf(1) / 2) / 16) / log(mpf(2))
        candidates = []
        for step in range(-512, 513):
            offset = (int(middle * 2**18) + step) / 2.0**18
            reciprocal = float(mpf(2) ** -mpf(offset))
            candidates.append((abs(log(mpf(reciprocal)) + offset * log(mpf(2))), reciprocal, offset))
        missed, reciprocal, offset = min(candidates)
        assert missed < mpf(2) ** -62
        reciprocals.append(reciprocal)
        offsets.append(offset)
    reciprocals.append(0.5)
    offsets.append(1.0)
    return (
        array("LOG2_RECIPROCAL", reciprocals, "reciprocals again, with logarithms of few bits; see log2_table")
        + "\n"
        + array("LOG2_OFFSET", offsets, "minus their logarithms to base 2, exact to 2^-62")
    )


def main():
    # mantissa * reciprocal - 1 stays within these bounds (the first interval has reciprocal 1, hence 1/16)
    low, high = -0.0334, 0.0625
    parts = [
        "/* Generated by tools/fit_polynomials.py: edit that, not this. */",
        "#ifndef FASTENT_COEFFICIENTS_H\n#define FASTENT_COEFFICIENTS_H\n",
        log_table(),
        log2_table(),
        polynomial("LOG_PRECISE", log_tail, low, high, 8),
        polynomial("LOG_SINGLE", log_tail, low, high, 3),
        polynomial("ATANH_PRECISE", atanh_tail, 0, 0.0817, 9),
        polynomial("ATANH_SINGLE", atanh_tail, 0, 0.0817, 4),
        polynomial("JS_PRECISE", js_tail, 0, JS_NEAR[0], 15),
        polynomial("JS_SINGLE", js_tail, 0, JS_NEAR[1], 3),
        "/* the ends of these two ranges */",
        f"#define JS_NEAR_PRECISE {JS_NEAR[0]}\n#define JS_NEAR_SINGLE {JS_NEAR[1]}\n",
        "/* For lanes of floats: what is left over is smaller than their rounding. */",
        polynomial("LOG_FLOATS", log_tail, "-0.2929", "0.4143", 8),
        polynomial("ATANH_FLOATS", atanh_tail, 0, 0.0817, 3),
        polynomial("EXCESS_FLOATS", exp_tail, -0.3467, 0.3467, 5),
        polynomial("JS_FLOATS", js_tail, 0, JS_NEAR[0], 6),
        polynomial("EXP_PRECISE", exp_tail, -0.3467, 0.3467, 9),
        polynomial("EXP_FLOATS", exp_tail, -0.3467, 0.3467, 4),
        "/* The same where logarithms of ratios are small enough not to be cut into powers of two and a rest. */",
        polynomial("EXP_WIDE_PRECISE", exp_tail, -EXP_WIDE, EXP_WIDE, 13),
        polynomial("EXP_WIDE_FLOATS", exp_tail, -EXP_WIDE, EXP_WIDE, 6),
        f"#define EXP_WIDE {EXP_WIDE}\n",
        "#endif",
    ]
    HEADER.write_text("\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
