"""The command `fastent`: score the rows of .npy files of any size, and rank the columns of tables.

    fastent score INPUT --measure NAME [--against Q] [-o OUT.npy|OUT.csv] [--top K]
    fastent score INPUT --logits --measure NAME [--labels FILE [--ignore-index N] | --against Q] [--temperature T] ...
    fastent compare TEACHER STUDENT [--temperature T] [--probabilities]
    fastent associate TABLE [--target COLUMN] [--metric NAME,...] [--pairs] [-o OUT.csv]
    fastent select TABLE --target COLUMN [-k K] [--criterion NAME] [-o OUT.csv] [--plot OUT.png]
    fastent info

Exit codes: 0 done; 2 wrong usage or unusable files, with one line on stderr that says why; 130 stopped by Ctrl-C.
"""

import argparse
import difflib
import inspect
import math
import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from fastent import distributions, logits, show_config
from fastent._associate import add_command as add_associate
from fastent._compare import add_command as add_compare
from fastent._logit_rows import NOT_A_CLASS
from fastent._select_command import add_command as add_select
from fastent._stream import (
    BLOCK,
    Array,
    CsvWriter,
    InputError,
    Layout,
    NpyFile,
    NpyWriter,
    Summary,
    blocks,
    releasing,
    replacing,
)
from fastent._terminal import Progress, number_text, printable, table

WRITERS: dict[str, type[NpyWriter] | type[CsvWriter]] = {".npy": NpyWriter, ".csv": CsvWriter}
OF_LABELS = frozenset({"ignore_index", "label_smoothing"})
QUANTILES = (0.01, 0.05, 0.5, 0.95, 0.99)


@dataclass(frozen=True)
class Measure:
    """A public function that reduces rows, and what the command line can and must give it."""

    name: str
    function: Callable[..., Any]
    takes: frozenset[str]
    needs: frozenset[str]
    of_logits: bool = False


def measures() -> dict[str, Measure]:
    """Every public function of fastent.distributions that has an axis to reduce, by name."""
    found = {}
    for name in distributions.__all__:
        function = getattr(distributions, name)
        parameters = inspect.signature(function).parameters
        if "axis" in parameters:
            needs = frozenset(key for key, value in parameters.items() if value.default is value.empty)
            found[name] = Measure(name, function, frozenset(parameters), needs)
    return found


def measures_of_logits() -> dict[str, Measure]:
    """The measures of softmax(z), by name; of two, `q` is the second one and `labels` are classes."""
    one, two = frozenset({"axis", "temperature"}), frozenset({"axis", "temperature", "base", "q"})
    functions: dict[str, tuple[Callable[..., Any], frozenset[str], frozenset[str]]] = {
        "log_sum_exp": (logits.log_sum_exp, one, frozenset()),
        "entropy": (logits.entropy, one | {"base"}, frozenset()),
        "perplexity": (logits.perplexity, one, frozenset()),
        "cross_entropy": (loss_of_logits, two | OF_LABELS | {"labels"}, frozenset({"q or labels"})),
        "kl_divergence": (logits.kl_divergence, two, frozenset({"q"})),
        "js_divergence": (logits.js_divergence, two, frozenset({"q"})),
    }
    return {name: Measure(name, *parts, of_logits=True) for name, parts in functions.items()}


def loss_of_logits(z: Array, q: Array | None = None, labels: Array | None = None, **options: Any) -> Any:
    return logits.cross_entropy(z, labels, target_logits=q, **options)


class Job:
    """One `fastent score`: all of its refusals, made before a row is read or a file written, then its results.

    A Fortran-ordered file is worked on as its transpose, which is C-ordered: below, memory order is all that counts,
    and rows are numbered in it.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.measure: Measure = args.measure
        self.raises = args.invalid == "raise"
        self.options = chosen_options(args)
        self.ignored: int = self.options.get("ignore_index", NOT_A_CLASS)
        self.p = NpyFile(args.input)
        self.q = NpyFile(args.against) if args.against else None
        self.labels = NpyFile(args.labels) if args.labels else None
        self.files = [file for file in (self.p, self.q, self.labels) if file]
        self.size = sum(file.array.nbytes for file in self.files)

        shape = self.p.array.shape
        if not -len(shape) <= args.axis < len(shape):
            raise InputError(f"--axis {args.axis} is out of range: {self.p.path} has shape {shape}")
        self.axis = args.axis % len(shape)
        self.arrays = [self.p.array] if self.q is None else [self.p.array, reference(self.p, self.q, self.axis)]
        kept = shape[: self.axis] + shape[self.axis + 1 :]
        self.classes = self._classes(kept)
        self.layout = Layout(self.measure.name, self._result_dtype(), kept, self.p.fortran)
        if self.p.fortran:
            self.arrays = [array.T for array in self.arrays]
            self.classes = None if self.classes is None else self.classes.T
            self.axis = len(shape) - 1 - self.axis

    def _classes(self, kept: tuple[int, ...]) -> Array | None:
        """The labels: one for each row."""
        if self.labels is None:
            return None
        if self.labels.array.dtype.kind not in "iub":
            raise InputError(f"{self.labels.path} must hold class numbers (integers), got {self.labels.array.dtype}")
        if self.labels.array.shape != kept:
            raise InputError(f"{self.labels.path} must have one label per row, {kept}, got {self.labels.array.shape}")
        return self.labels.array

    def _result_dtype(self) -> np.dtype[Any]:
        """The dtype of the results. Scoring a row of two zeros meets every refusal of dtypes and options."""
        try:
            rows = [np.zeros(2, array.dtype) for array in self.arrays]
            of_class = {} if self.classes is None else {"labels": 0}
            return np.asarray(self.measure.function(*rows, **of_class, **self.options)).dtype
        except TypeError as error:
            held = ", ".join(f"{file.path} holds {file.array.dtype}" for file in self.files)
            raise InputError(f"{held}: {error}") from None
        except ValueError as error:
            raise InputError(str(error)) from None

    def results(self) -> Iterator[tuple[Array, Array | None]]:
        """The results, block after block, in memory order; of labelled rows, which of them count."""
        done = 0
        for index in blocks(self.arrays[0].shape, self.axis, self.arrays[0].itemsize):
            parts = [array[matching(array, index)] for array in self.arrays]
            labels = None if self.classes is None else self.classes[without(index, self.axis)]
            of_class, kept = {}, None
            if labels is not None:
                of_class = {"labels": labels}
                kept = np.ravel(labels != self.ignored)
                self._refuse_label(np.ravel(labels), kept, done)
            values: Array = np.ravel(self.measure.function(*parts, axis=self.axis, **of_class, **self.options))
            for file in self.files:
                file.release()
            for number in done + np.flatnonzero(np.isnan(values)) if self.raises else ():
                self._refuse_invalid(int(number))
            yield values, kept
            done += len(values)

    def row(self, number: int) -> list[Array]:
        """The row with this number, of each input."""
        shape = self.arrays[0].shape
        position = np.unravel_index(number, shape[: self.axis] + shape[self.axis + 1 :])
        index = [slice(int(i), int(i) + 1) for i in position]
        index.insert(self.axis, slice(None))
        return [array[matching(array, tuple(index))].reshape(-1) for array in self.arrays]

    def _refuse_label(self, labels: Array, kept: Array, done: int) -> None:
        """Name the first label that is no class by its row in the file."""
        last = self.arrays[0].shape[self.axis] - 1
        for number in np.flatnonzero(kept & ((labels < 0) | (labels > last)))[:1]:
            place = self.layout.positions([done + int(number)])[0]
            path = self.files[-1].path
            raise InputError(f"{path} must hold labels from 0 to {last}, got {labels[number]} in row {place}")

    def _refuse_invalid(self, number: int) -> None:
        """Name an invalid row by its number in the file, and the reason in the library's own words."""
        if self.measure.of_logits:
            place = self.layout.positions([number])[0]
            raise InputError(f"{self.p.path}, row {place}: it holds NaN, +inf, or nothing but -inf")
        try:
            self.measure.function(*self.row(number), invalid="raise", **self.options)
        except ValueError as error:
            raise InputError(f"{self.p.path}, row {self.layout.positions([number])[0]}: {error}") from None

    def top_class(self, number: int) -> tuple[int, float]:
        """The largest entry of a row and its share, looking at one piece of the row at a time."""
        row = self.row(number)[0]
        firsts = [start + int(row[start : start + BLOCK].argmax()) for start in range(0, len(row), BLOCK)]
        best = max(firsts, key=lambda i: row[i])
        if self.measure.of_logits:
            return best, math.exp(float(logits.log_prob_of(row, best)))
        return best, math.exp(-float(distributions.renyi_entropy(row, math.inf)))


def without(index: tuple[slice, ...], axis: int) -> tuple[slice, ...]:
    return index[:axis] + index[axis + 1 :]


def matching(array: Array, index: tuple[slice, ...]) -> tuple[slice, ...]:
    """The part of an array that an index of the first input pairs with: where it has one entry, that one."""
    return tuple(slice(None) if n == 1 else part for n, part in zip(array.shape, index, strict=True))


def reference(p: NpyFile, q: NpyFile, axis: int) -> Array:
    """The second input: a row for each row of the first, or one row for all of them."""
    shape, k = p.array.shape, p.array.shape[axis]
    single = tuple(k if i == axis else 1 for i in range(len(shape)))
    if q.array.shape in (shape, single):
        return q.array
    if q.array.shape == (k,):
        return q.array.reshape(single)
    raise InputError(f"{q.path} has shape {q.array.shape}; to go with {p.path} it must be {shape}, or one row, ({k},)")


def chosen_options(args: argparse.Namespace) -> dict[str, Any]:
    """The options that were given, all of which the measure must have, and none missing that it needs."""
    measure = args.measure
    given = {name: getattr(args, name) for name in ("base", "order", "temperature", *sorted(OF_LABELS))}
    if "q or labels" in measure.needs and (args.against is None) == (args.labels is None):
        raise InputError(f"{measure.name} of logits needs --labels FILE or --against Q, and not both")
    for name, value in {**given, "q": args.against, "labels": args.labels}.items():
        flag = "--against" if name == "q" else f"--{name.replace('_', '-')}"
        if value is not None and name in OF_LABELS | {"labels", "temperature"} and not measure.of_logits:
            raise InputError(f"{flag} is for logits; pass --logits as well if {args.input} holds logits")
        if value is not None and name not in measure.takes:
            raise InputError(f"{flag} has no meaning for {measure.name}")
        if value is not None and name in OF_LABELS and args.labels is None:
            raise InputError(f"{flag} is for labels; pass --labels FILE as well")
        if value is None and name in measure.needs:
            raise InputError(f"{measure.name} needs {flag}")
    return {name: value for name, value in given.items() if value is not None} | {"workers": args.workers}


def writable(output: str, inputs: Sequence[NpyFile]) -> Path:
    """The output path, if its suffix is one we write and it is none of the inputs."""
    path = Path(output)
    if path.suffix.lower() not in WRITERS:
        raise InputError(f"cannot write {output}: its suffix must be {' or '.join(WRITERS)}")
    for file in inputs:
        if path.exists() and path.samefile(file.path):
            raise InputError(f"cannot write {output}: it is the input {file.path}")
    return path


class Preview:
    """The results for a terminal: all of a few, or the first and the last of many."""

    ALL, ENDS = 20, 5

    def __init__(self, layout: Layout) -> None:
        self.layout, self.rows = layout, 0
        self.head: Array = np.empty(0, layout.dtype)
        self.tail: Array = np.empty(0, layout.dtype)

    def write(self, values: Array) -> None:
        self.rows += len(values)
        self.head = np.concatenate([self.head, values[: self.ALL - len(self.head)]])
        self.tail = np.concatenate([self.tail, values[-self.ENDS :]])[-self.ENDS :]

    def lines(self) -> list[str]:
        head, tail = (self.head, self.tail[:0]) if self.rows <= self.ALL else (self.head[: self.ENDS], self.tail)
        numbers = [*range(len(head)), *range(self.rows - len(tail), self.rows)]
        cells = [*zip(self.layout.positions(numbers), map(number_text, [*head, *tail]), strict=True)]
        if len(tail):
            cells.insert(len(head), ("...", "..."))
        shown = [f"({len(numbers)} of {self.rows:,} rows; -o FILE writes all of them)"] if len(tail) else []
        return [*table(("row", self.layout.name), cells), *shown]


def top_lines(job: Job, summary: Summary) -> list[str]:
    """The rows with the largest results, and what each of them would be taken for."""
    numbers = summary.top_rows.tolist()
    guesses = [job.top_class(number) for number in numbers]
    cells = [
        (position, number_text(value), str(largest), f"{share:.4f}")
        for position, value, (largest, share) in zip(
            job.layout.positions(numbers), summary.top_values.tolist(), guesses, strict=True
        )
    ]
    return table(("row", job.layout.name, "top class", "probability"), cells)


def unit(args: argparse.Namespace) -> str:
    """The unit of the results, where the measure has one."""
    if "base" not in args.measure.takes or args.measure.name.endswith("distance"):
        return ""
    return {None: " nats", 2: " bits"}.get(args.base, f" in base {args.base or math.e:g}")


def three_digits(value: float) -> str:
    """12,300,000 for 12345678."""
    return f"{round(value, 2 - math.floor(math.log10(value))):,.10g}" if 0 < value < math.inf else "0"


def summary_lines(args: argparse.Namespace, job: Job, summary: Summary, left_out: int, seconds: float) -> list[str]:
    held, k = job.p.array.dtype, job.arrays[0].shape[job.axis]
    plural = "" if summary.rows == 1 else "s"
    quantiles = (
        f"{level:.0%} {value:.4g}" for level, value in zip(QUANTILES, summary.quantiles(QUANTILES), strict=True)
    )
    sampled = f"   (of one row in {summary.step})" if summary.step > 1 else ""
    duration = f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.1f} ms"
    missing = f", {left_out:,} left out" if left_out else ""
    lines = {
        "scored": f"{summary.rows:,} row{plural} of {k:,} {held}, {summary.invalid - left_out:,} invalid{missing}",
        "mean": number_text(summary.mean) + unit(args),
        "quantiles": "   ".join(quantiles) + sampled,
        "time": f"{duration}, {three_digits(summary.rows / seconds)} rows/s,"
        f" {three_digits(job.size / seconds / 1e9)} GB/s",
    }
    if args.output:
        lines["written"] = args.output
    return [f"{label:<10} {text}" for label, text in lines.items()]


def score(args: argparse.Namespace) -> None:
    """fastent score"""
    args.measure = measure(args.measure, args.logits)
    job = Job(args)
    summary, left_out, preview = Summary(args.top or 0), 0, Preview(job.layout)
    with ExitStack() as stack:
        writer: Preview | NpyWriter | CsvWriter = preview
        if args.output:
            path = writable(args.output, job.files)
            writer = WRITERS[path.suffix.lower()](stack.enter_context(replacing(path)), job.layout)
        stack.enter_context(releasing(job.files))
        progress = Progress(job.layout.name, math.prod(job.layout.shape), job.size)
        stack.callback(progress.clear)
        for values, kept in job.results():
            writer.write(values)
            if kept is not None and not kept.all():
                left_out += int(np.count_nonzero(~kept))
                values = np.where(kept, values, np.nan)  # the summary counts them out
            summary.add(values)
            progress.add(len(values))
        seconds = time.perf_counter() - progress.start
        lines = top_lines(job, summary) if args.top else [] if args.output else preview.lines()

    if lines:
        print(*lines, "", sep="\n")
    print(*summary_lines(args, job, summary, left_out, seconds), sep="\n")


def info(args: argparse.Namespace) -> None:
    """fastent info"""
    show_config()


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} ({self.prog} --help says more)")


def measure(text: str, of_logits: bool) -> Measure:
    found = measures_of_logits() if of_logits else measures()
    name = text.replace("-", "_")
    if name not in found:
        near = difflib.get_close_matches(name, found, n=3) or sorted(found)
        kind = " of logits" if of_logits else ""
        raise InputError(f"there is no measure {text!r}{kind}; there is {', '.join(near)}")
    return found[name]


def count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return int(text)


def parser() -> Parser:
    names = textwrap.fill(", ".join(measures()), 76, break_on_hyphens=False)
    parser = Parser(prog="fastent", description="Information-theoretic measures of large arrays and tables.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    add = commands.add_parser(
        "score",
        help="score every row of a .npy file of any size",
        description="Score every row of a .npy file of any size, in a fixed small amount of memory.",
        epilog=f"measures:\n{textwrap.indent(names, '  ')}\n\nmeasures of logits:\n  {', '.join(measures_of_logits())}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add.add_argument("input", metavar="INPUT", help=".npy file of probabilities, counts or other weights")
    add.add_argument("--measure", metavar="NAME", required=True, help="what to compute (list below)")
    add.add_argument("--against", metavar="Q", help=".npy file of the same shape, or of one row for all")
    add.add_argument("--logits", action="store_true", help="the numbers are logits: measure their softmax")
    add.add_argument("--labels", metavar="FILE", help=".npy file of the rows' classes, for the cross_entropy of logits")
    add.add_argument("--ignore-index", metavar="N", type=int, help="leave out the rows of this label (default: -100)")
    add.add_argument("--label-smoothing", metavar="E", type=float, help="share of each label given to all classes")
    add.add_argument("--temperature", type=float, help="divide the logits by it (default: 1)")
    add.add_argument("--axis", type=int, default=-1, help="axis along which a row lies (default: the last)")
    add.add_argument("--base", type=float, help="base of the logarithm (default: e; 2 gives bits)")
    add.add_argument("--order", type=float, help="order of a Renyi or Tsallis measure")
    add.add_argument("--workers", type=int, help="threads (default: as fastent info says; -1: all)")
    add.add_argument(
        "--invalid", choices=("nan", "raise"), default="nan", help="invalid rows: nan, or stop at the first"
    )
    add.add_argument(
        "--top", metavar="K", type=count, help="list the K most uncertain rows: those with the largest value"
    )
    add.add_argument("-o", "--output", metavar="OUT", help=f"write all values to this file, {' or '.join(WRITERS)}")
    add.set_defaults(run=score)
    add_associate(commands)
    add_compare(commands)
    add_select(commands)
    commands.add_parser("info", help="print version, instruction set, threads and compiler").set_defaults(run=info)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    try:
        args = parser().parse_args(argv)
        args.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has seen enough; keep the interpreter from flushing into it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (InputError, OSError, MemoryError) as error:
        print(f"fastent: {printable(str(error))}", file=sys.stderr)
        return 2
    return 0
