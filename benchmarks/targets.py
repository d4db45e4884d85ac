"""The speeds fastent promises itself, and whether a run reached them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from results import Results

MIB = 2**20


@dataclass(frozen=True)
class Target:
    """A figure with a bound. `figure` raises KeyError where the run did not measure it."""

    what: Callable[[Results], str]
    figure: Callable[[Results], float]
    unit: str = "x"
    at_least: float | None = None
    at_most: float | None = None

    @property
    def limit(self) -> str:
        if self.at_least is not None:
            return f"at least {self.at_least:g}{self.unit}"
        return f"at most {self.at_most:g}{self.unit}"

    def judge(self, results: Results) -> tuple[str, bool | None]:
        """The figure as printed, and whether the printed figure keeps the bound; None if it was not measured."""
        try:
            printed = f"{self.figure(results):.3g}"
        except (KeyError, ValueError):
            return "not measured", None
        value = float(printed)
        kept = value >= self.at_least if self.at_least is not None else value <= (self.at_most or 0)
        return printed + self.unit, kept


def _time(results: Results, item: str, contestant: str) -> float:
    row = results.rows[item]
    if contestant not in row.cells:
        raise KeyError(contestant)
    return row.cells[contestant].best / row.elements


def _faster(item: str, bound: float, *peers: str, name: str) -> Target:
    """fastent against the fastest of the peers."""

    def figure(results: Results) -> float:
        found = [p for p in peers if p in results.rows[item].cells]
        return min(_time(results, item, p) for p in found) / _time(results, item, "fastent")

    return Target(lambda r: f"{r.rows[item].title}: times as fast as {name}", figure, at_least=bound)


def _same_pace(item: str, other: str, bound: float, contestant: str = "fastent") -> Target:
    """Time per element of one item against that of another."""
    return Target(
        lambda r: f"{r.rows[item].title}: time per element against {r.rows[other].title}",
        lambda r: _time(r, item, contestant) / _time(r, other, contestant),
        at_most=bound,
    )


def _two_workers(item: str) -> Target:
    def figure(results: Results) -> float:
        two = "fastent-2" if "fastent-2" in results.rows[item].cells else "fastent"
        return _time(results, item, "fastent-1") / _time(results, item, two)

    return Target(lambda r: f"{r.rows[item].title}: two workers against one", figure, at_least=1.8)


def _memory(item: str) -> Target:
    def figure(results: Results) -> float:
        found = results.memory[item, "fastent"]
        beyond: float = found["extra_bytes"] - found["output_bytes"]
        return max(beyond, 0) / MIB / results.machine["processors"]

    def what(results: Results) -> str:
        size = results.memory[item, "fastent"]["input_bytes"] / MIB if (item, "fastent") in results.memory else 1024
        row = results.rows[item]
        axis = ", axis=0" if item.endswith("axis0") else ""
        return f"{row.measure} of {size:.0f} MiB{axis}: extra memory beyond the output, per worker"

    return Target(what, figure, " MiB", at_most=1)


def _all() -> Iterator[Target]:
    entropy = {"f64": {"long": 20, "middle": 18, "short": 20}, "f32": {"long": 35, "middle": 30, "short": 25}}
    for dtype, bounds in entropy.items():
        for shape, bound in bounds.items():
            yield _faster(f"entropy-{dtype}-{shape}", bound, "scipy", name="SciPy")
    yield Target(
        lambda r: f"{r.rows['entropy-f64-long'].title}: time of one worker against `np.log(x, out=buffer)` alone",
        lambda r: _time(r, "entropy-f64-long", "fastent-1") / _time(r, "entropy-f64-long", "log"),
        at_most=1.1,
    )
    for measure, dtype, bound in (("kl", "f64", 40), ("kl", "f32", 60), ("js", "f64", 30), ("js", "f32", 60)):
        yield _faster(f"{measure}-{dtype}-long", bound, "scipy", name="SciPy")
    yield _same_pace("entropy-f64-large-axis0", "entropy-f64-large", 1.5)
    for dtype in ("i64", "u8", "f16"):
        for shape in ("long", "short"):
            yield _same_pace(f"entropy-{dtype}-{shape}", f"entropy-f64-{shape}", 1)
    yield _faster("js-f64-pairs", 20, "scipy", name="SciPy's cdist")
    yield _faster("js-f64-pairs", 3, "numkong", "simsimd", name="the faster of NumKong and SimSIMD")
    yield Target(
        lambda r: f"{r.rows['entropy-f64-call'].title}: time of a call",
        lambda r: r.rows["entropy-f64-call"].time("fastent"),
        " µs",
        at_most=2.5,
    )
    yield _faster("entropy-f64-call", 50, "scipy", name="SciPy")
    for item in ("entropy-f64-long", "kl-f64-long", "js-f64-long", "js-f64-pairs"):
        yield _two_workers(item)
    for item in ("entropy-f64-long", "entropy-f64-long-axis0", "kl-f64-long"):
        yield _memory(item)
    yield Target(
        lambda r: "`import fastent` after NumPy",
        lambda r: 1e3 * median(r.imports["fastent"]),
        " ms",
        at_most=25,
    )


TARGETS = tuple(_all())
