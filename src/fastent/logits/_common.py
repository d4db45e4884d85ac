"""What the functions of logits share: texts of docstrings."""

from __future__ import annotations

from fastent._docs import documented

_TEXTS = {
    # first, because it holds another
    "ENTRIES": """out : ndarray, optional
        Floats of the shape of z, where to write the result; it is also returned. May be z itself.
    <WORKERS>

    Returns
    -------
    ndarray
        Of the shape of z; float64 for float64 logits and for integers, otherwise float32.""",
    "LOGITS": """z : array_like
        Logits, of any shape: unnormalised log-probabilities. -inf is a class that cannot be.""",
    "AXIS": """axis : int
        Dimension along which the classes lie.""",
    "TEMPERATURE": """temperature : float
        T in softmax(z / T): above 1 flattens, below 1 sharpens.""",
    "BASE": """base : float, optional
        Unit of the result: 2 for bits; nats without it.""",
    "REDUCED": """sample_weight : array_like, optional
        A weight for each row.
    reduction : {"none", "mean", "sum"}
        A number per row, or one number; the mean divides by the weights.
    empty : float
        What the mean over no rows is.""",
    "GRAD_OUT": """grad_out : ndarray, optional
        Floats of the shape of the derivative, where to write it; it is then returned also without `return_grad`.
        Loops over large arrays that reuse it save the time that new memory takes.""",
    "DERIVATIVES_OUT": """grad_out, hess_out : ndarray, optional
        Floats of the shape of the derivatives, where to write them; they are then returned also without `return_grad`
        and `return_hess`. Loops over large arrays that reuse them save the time that new memory takes.""",
    "WORKERS": """workers : int, optional
        Threads; -1 for all. The result does not depend on it.""",
    "RESULT": """Returns
    -------
    ndarray, or a NumPy scalar for 1-D input
        float64 for float64 logits and for integers; float32 for float32, float16 and bfloat16. Derivatives are of the
        same dtype.""",
    "INVALID": "A row with NaN or +inf, and one of nothing but -inf, gives nan; no other row notices.",
}

described = documented(_TEXTS)
