"""Build the engines: each engine's kernels.c once per instruction set, linked into one extension.

Everything else about the package stands in pyproject.toml. A flag the compiler lacks, or missing OpenMP, leaves a
variant out and says so; it never stops the build. FASTENT_BUILD_SCALAR=1 builds the single variant that compilers
without vector extensions get, so that it can be tested anywhere.
"""

import os
import platform
import sys
import tempfile
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.modified import newer_group

PACKAGE = Path("src/fastent")
ENGINES = sorted(path.parent.name for path in PACKAGE.glob("*/kernels.c"))

MSVC = sys.platform == "win32"
WARNINGS = [] if MSVC else ["-Wall", "-Wextra", "-Wno-unused-function"]
GNU_FLAGS = ["-std=gnu11", "-O3", "-g0", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]
C_FLAGS = ["/O2", "/std:c11"] if MSVC else GNU_FLAGS
OPENMP = ["/openmp"] if MSVC else ["-fopenmp"]
SCALAR = bool(os.environ.get("FASTENT_BUILD_SCALAR"))
AVX2 = ["-mavx2", "-mfma", "-mf16c", "-mbmi", "-mbmi2", "-mlzcnt", "-mpopcnt"]
AVX512 = [*AVX2, *(f"-mavx512{part}" for part in ("f", "bw", "cd", "dq", "vl")), "-mprefer-vector-width=512"]
X86 = platform.machine().lower() in ("x86_64", "amd64") and not MSVC and not SCALAR
VARIANTS = {"base": ["-DFASTENT_SCALAR"] if SCALAR else []} | ({"v3": AVX2, "v4": AVX512} if X86 else {})


class BuildEngines(build_ext):
    def compiles(self, flags: list[str], program: str = "int main(void) { return 0; }\n") -> bool:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.c")
            source.write_text(program)
            try:
                self.compiler.link_executable(
                    self.compiler.compile([str(source)], output_dir=folder, extra_postargs=flags),
                    str(Path(folder, "probe")), extra_postargs=flags)  # fmt: skip
            except Exception as error:  # every compiler class raises its own
                print(f"fastent: left out, the compiler does not take {' '.join(flags)} ({type(error).__name__})")
                return False
        return True

    def build_extensions(self) -> None:
        openmp = (
            OPENMP
            if self.compiles(OPENMP, "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n")
            else []
        )
        variants = {isa: flags for isa, flags in VARIANTS.items() if self.compiles(flags)}
        macros = [(f"FASTENT_HAS_{isa.upper()}", "1") for isa in variants]
        for extension in self.extensions:
            extension.extra_compile_args += C_FLAGS + openmp
            extension.extra_link_args += openmp
            extension.define_macros += macros
        self.variants = variants
        self.parallel = self.parallel or os.cpu_count()
        super().build_extensions()

    def build_extension(self, extension: Extension) -> None:
        kernels = [path for path in extension.depends if path.endswith("kernels.c")]
        target = self.get_ext_fullpath(extension.name)
        stale = self.force or newer_group([*extension.sources, *extension.depends], target, "newer")
        for isa, flags in self.variants.items() if kernels and stale else ():
            # an output folder per variant: one source compiled several times must not reuse the first object
            extension.extra_objects += self.compiler.compile(
                kernels, output_dir=str(Path(self.build_temp, isa)), depends=extension.depends,
                extra_postargs=[*C_FLAGS, *WARNINGS, *flags, f"-DVARIANT={isa}"])  # fmt: skip
        super().build_extension(extension)


def engine(name: str) -> list[Extension]:
    """The modules of a room. The one called engine holds the kernels; the others reach them through it."""
    modules = sorted((PACKAGE / name).glob("*.pyx"))
    headers = [*PACKAGE.glob("*.pxd"), *(PACKAGE / name).glob("*.pxd"), *(PACKAGE / name).glob("*.h")]
    kernels = [*PACKAGE.glob("_simd/*.h"), PACKAGE / name / "kernels.c"]
    return [
        Extension(
            f"fastent.{name}.{path.stem}",
            [str(path)],
            depends=sorted(str(path) for path in headers + (kernels if path.stem == "engine" else [])),
        )
        for path in modules
    ]


plain = [Extension(f"fastent.{name}", [f"{PACKAGE}/{name}.pyx"]) for name in ("_openmp", "_engine", "_chance")]
extensions = [*plain, *(module for name in ENGINES for module in engine(name))]
directives = {"language_level": 3, "boundscheck": False, "wraparound": False, "freethreading_compatible": True}
setup(ext_modules=cythonize(extensions, compiler_directives=directives), cmdclass={"build_ext": BuildEngines})
