"""What the compiler made: wide registers only in the kernels of their instruction set, and kernels that call nothing.

An extension holds one kernels.c per instruction set, under equal names. The symbol table tells them apart: local
symbols follow the name of their file, and each kernel table points into its own file.
"""

from __future__ import annotations

import bisect
import importlib
import platform
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from fastent import _config
from fastent._rows import engine

PROJECT = Path(__file__).parents[1]
SHARED = [importlib.import_module(f"fastent.{name}") for name in ("_openmp", "_engine")]
ENGINES = [importlib.import_module(f"fastent.{folder}.engine") for folder in _config.ENGINES]
FUSED = {"rows", "logits", "continuous"}  # engines whose kernels are floating-point products
CALLED = {"memcpy", "memmove", "memset"}  # what a compiler may put in for a loop

pytestmark = [
    pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="looks for registers of x86-64"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads ELF files"),
    pytest.mark.skipif(not all(map(shutil.which, ("objdump", "nm", "readelf"))), reason="needs binutils"),
]


def output(*command: object) -> str:
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, check=True, timeout=120).stdout


class Instruction(NamedTuple):
    function: str
    address: int
    text: str


class Group(NamedTuple):
    """The functions of one object file inside a linked extension."""

    file: str
    spans: tuple[tuple[int, int], ...]

    def holds(self, address: int) -> bool:
        return any(start <= address < end for start, end in self.spans)


@cache
def groups(library: str) -> tuple[Group, ...]:
    """Object files of an extension that has its local symbols."""
    found: list[tuple[str, list[tuple[int, int]]]] = []
    for line in output("readelf", "-sW", library).partition(".symtab")[2].splitlines():
        fields = line.split()
        if len(fields) < 7 or not fields[0].endswith(":"):
            continue
        if fields[3] == "FILE":
            found.append((fields[7] if len(fields) > 7 else "", []))
        elif fields[3] == "FUNC" and fields[4] == "LOCAL" and found:
            size = int(fields[2], 0)
            found[-1][1].append((int(fields[1], 16), int(fields[1], 16) + size))
    return tuple(Group(file, tuple(spans)) for file, spans in found if spans)


def prefix(library: str) -> str:
    """What the names of an engine's tables begin with."""
    return Path(library).parent.name.strip("_")


@cache
def kernel_groups(library: str) -> dict[str, Group]:
    """The kernels of each instruction set: the file into which its table points."""
    kernels = [g for g in groups(library) if g.file == "kernels.c"]
    if not kernels:
        pytest.skip("the extension is stripped")
    tables = re.findall(
        rf"([0-9a-f]{{16}})\s+(\d+) OBJECT\s+GLOBAL.* {prefix(library)}_(\w+)$", output("readelf", "-sW", library), re.M
    )
    pointers = [
        (int(at, 16), int(to, 16))
        for at, to in re.findall(
            r"^([0-9a-f]+)\s.*R_X86_64_RELATIVE\s+([0-9a-f]+)", output("readelf", "-rW", library), re.M
        )
    ]
    found = {}
    for at, size, isa in set(tables):
        targets = [to for where, to in pointers if int(at, 16) <= where < int(at, 16) + int(size)]
        owners = [g for g in kernels if any(g.holds(to) for to in targets)]
        assert len(owners) == 1, f"the functions of {prefix(library)}_{isa} are in {len(owners)} files"
        found[isa] = owners[0]
    return found


@cache
def instructions(library: str) -> tuple[Instruction, ...]:
    found, function = [], ""
    for line in output("objdump", "-d", "--no-show-raw-insn", library).splitlines():
        address, colon, text = line.partition(":\t")
        if colon:
            found.append(Instruction(function, int(address, 16), text.partition("#")[0]))
        elif line.endswith(">:"):
            function = line.partition("<")[2][:-2]
    return tuple(found)


def outside(library: str, *inside: Group) -> Iterator[Instruction]:
    """Instructions that are in none of the groups."""
    spans = sorted(span for group in inside for span in group.spans)
    starts = [start for start, _ in spans]
    for instruction in instructions(library):
        i = bisect.bisect(starts, instruction.address) - 1
        if i < 0 or instruction.address >= spans[i][1]:
            yield instruction


def within(library: str, group: Group) -> Iterator[Instruction]:
    left = {i.address for i in outside(library, group)}
    return (i for i in instructions(library) if i.address not in left)


WIDE = re.compile(r"%[yz]mm\d|%[xyz]mm(1[6-9]|2\d|3[01])|%k[0-7]")
AVX512 = re.compile(r"%zmm\d|%[xyz]mm(1[6-9]|2\d|3[01])|%k[0-7]")
# AVX and FMA all begin with v; then what SSE2 lacks: SSE3, SSSE3, SSE4, BMI, POPCNT, LZCNT, MOVBE
NEWER = re.compile(
    r"^(v(?!err|erw)|h(add|sub)p|addsub|movddup|movs[hl]dup|lddqu|p(shufb|abs|sign|hadd|hsub|madd.bsw|alignr|mulhrsw)|"
    r"p(blend|test|mull?d\b|mov[sz]x|minu[wd]|mins[bd]|maxu[wd]|maxs[bd]|ackusdw|cmpeqq|cmpgtq|cmp[ei]str|insr[bdq]|extr[bdq])|"
    r"round[ps][sd]|blend|insertps|extractps|dpp[sd]|mpsadbw|movntdqa|crc32|popcnt|lzcnt|tzcnt|andn\b|andnl|andnq|bextr|"
    r"bls[irm]|bzhi|mulx|pdep|pext|rorx|s[ah][lr]x|movbe|aes|pclmul|xsave|rdtscp)"
)
HARMLESS = re.compile(r"^(rep |repz )|^x(get|save)bv|^pand|^pextrw|^pinsrw|^pmuludq")


def shown(found: list[Instruction]) -> str:
    functions = sorted({i.function for i in found})
    first = [f"  {i.address:x} in {i.function}: {i.text}" for i in found[:5]]
    return "\n".join([f"{len(found)} instructions in {functions}", *first])


def libraries() -> list[str]:
    return [str(module.__file__) for module in (*ENGINES, *SHARED)]


def group_sets() -> Iterator[tuple[str, dict[str, Group]]]:
    for module in ENGINES:
        yield str(module.__file__), kernel_groups(str(module.__file__))


def test_no_engine_is_left_out() -> None:
    """What the build finds is what the package pins, describes and these tests look at."""
    assert set(_config.ENGINES) == {path.parent.name for path in PROJECT.glob("src/fastent/*/kernels.c")}


def test_each_instruction_set_is_one_file() -> None:
    for library, kernels in group_sets():
        assert set(kernels) >= set(engine.isas())
        assert len({id(g) for g in kernels.values()}) == len(kernels)
        for isa, group in kernels.items():  # and the disassembly finds them
            assert sum(1 for _ in within(library, group)) > 100, isa


def test_wide_registers_stay_in_their_kernels() -> None:
    """No ymm, zmm or mask register outside v3 and v4, and none of AVX-512 in v3."""
    for library, kernels in group_sets():
        flagged = [kernels[isa] for isa in ("v3", "v4") if isa in kernels]
        wide = [i for i in outside(library, *flagged) if WIDE.search(i.text)]
        assert not wide, shown(wide)
        if "v3" in kernels:
            found = [i.text for i in within(library, kernels["v3"])]
            assert any("%ymm" in text for text in found)
            assert any(text.startswith("vfmadd") for text in found) or prefix(library) not in FUSED
            too_wide = [i for i in within(library, kernels["v3"]) if AVX512.search(i.text)]
            assert not too_wide, shown(too_wide)
        if "v4" in kernels:
            assert any("%zmm" in i.text for i in within(library, kernels["v4"]))
    for module in SHARED:
        wide = [i for i in instructions(str(module.__file__)) if WIDE.search(i.text)]
        assert not wide, shown(wide)


def test_the_baseline_is_the_baseline() -> None:
    """Outside v3 and v4 nothing that came after SSE2: AVX on xmm registers would crash an old processor, too."""
    for library, kernels in [*group_sets(), *((str(module.__file__), {}) for module in SHARED)]:
        flagged = [kernels[isa] for isa in ("v3", "v4") if isa in kernels]
        newer = [i for i in outside(library, *flagged) if NEWER.match(i.text) and not HARMLESS.match(i.text)]
        assert not newer, shown(newer)


def test_kernels_call_nothing() -> None:
    """Neither libm nor each other: a function shared by variants would be that of any of them."""
    for library, kernels in group_sets():
        for isa, group in kernels.items():
            foreign = []
            for instruction in within(library, group):
                jump = re.match(r"(?:bnd )?(?:call|j\w+)\s+([0-9a-f]+) <([^>+@]+)", instruction.text)
                through_table = re.match(r"(?:bnd )?(?:call|jmp)\s+\*.*\(%rip\)", instruction.text)
                elsewhere = jump and not group.holds(int(jump[1], 16)) and jump[2] not in CALLED
                if elsewhere or through_table:
                    foreign.append(instruction)
            assert not foreign, f"{isa}: {shown(foreign)}"


def test_no_function_of_libm() -> None:
    for library in libraries():
        wanted = set(re.findall(r" [Uw] (\w+)", output("nm", "-D", "--undefined-only", library)))
        known = re.compile(r"_?_?Py\w*|GOMP_\w+|omp_\w+|_?_?pthread_\w+|_ITM_\w+|__\w+")
        others = {name for name in wanted if not known.fullmatch(name)}
        assert others <= CALLED | {
            "memcmp",
            "strcmp",
            "strlen",
            "strchr",
            "strrchr",
            "malloc",
            "calloc",
            "free",
            "abort",
            "vsnprintf",  # messages of Cython's memoryviews
        }


def test_kernels_export_their_table_alone() -> None:
    for library, kernels in group_sets():
        exported = set(re.findall(r" [A-TV-Z] (\w+)", output("nm", "--defined-only", "-g", library)))
        ours = {name for name in exported if not name.startswith(("_", "PyInit"))}
        assert ours <= {f"{prefix(library)}_{isa}" for isa in kernels}


# ---- the objects themselves ----------------------------------------------------------------------------------------


def build_settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of setup.py, without building."""
    if not (PROJECT / "setup.py").exists():
        pytest.skip("not a checkout")
    pytest.importorskip("setuptools")
    cython = ModuleType("Cython.Build")
    cython.cythonize = lambda *_, **__: []  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "Cython.Build", cython)
    monkeypatch.setitem(sys.modules, "Cython", ModuleType("Cython"))
    monkeypatch.setattr("setuptools.setup", lambda **_: None)
    monkeypatch.chdir(PROJECT)
    return runpy.run_path("setup.py")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("gcc"), reason="compiles the kernels with gcc")
@pytest.mark.parametrize("variant", ["base", "v3", "v4"])
def test_objects(variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No symbol is undefined but what compilers put in for loops; one is exported; no code runs when it is loaded."""
    settings = build_settings(monkeypatch)
    for source in PROJECT.glob("src/fastent/*/kernels.c"):
        target = tmp_path / f"{source.parent.name}.o"
        flags = [
            *settings["C_FLAGS"],
            *settings["VARIANTS"][variant],
            f"-DVARIANT={variant}",
            "-fPIC",
            "-Wall",
            "-Wextra",
            "-Werror",
        ]
        output("gcc", "-c", *flags, "-Wno-unused-function", source, "-o", target)
        undefined = set(re.findall(r" [Uuw] (\w+)", output("nm", "-u", target)))
        # __cpu_model: of the compiler, where a level has instructions that not all its processors know
        assert undefined - {"_GLOBAL_OFFSET_TABLE_", "__cpu_model"} <= CALLED
        exported = re.findall(r" [A-Z] (\w+)", output("nm", "--defined-only", "-g", target))
        assert exported == [f"{source.parent.name.strip('_')}_{variant}"]
        assert not re.search(r"\.(init|fini|ctors|dtors)", output("readelf", "-SW", target))
        if variant == "base":
            found = [i for i in instructions(str(target)) if WIDE.search(i.text)]
            assert not found, shown(found)
