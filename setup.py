"""Builds the C core as static libraries, one per instruction set, and the Cython extension over them.

Everything else about the package is in pyproject.toml. Environment:

FASTFIT_SANITIZE    "address,undefined" or "thread": instrument everything (use another build base)
FASTFIT_DEBUG       "1": keep debug information
"""

import glob
import os
import platform
import sys
import sysconfig

from setuptools import Extension, setup
from setuptools.command.build_clib import build_clib
from setuptools.command.build_ext import build_ext

ISA_NAMES = ("avx2", "avx512", "neon")
INCLUDE = ["csrc/include", "csrc"]
SANITIZE = os.environ.get("FASTFIT_SANITIZE", "")
DEBUG = os.environ.get("FASTFIT_DEBUG", "") == "1"
MSVC = sys.platform == "win32" and "GCC" not in sys.version  # a MinGW Python says "GCC"


def target_machine():
    """The machine the extension is for, as "x86_64", "aarch64" or something else."""
    # get_platform() and not platform.machine(): a 32-bit or a cross Python differs from its machine.
    name = sysconfig.get_platform().replace("-", "_").lower()
    if name.endswith("universal2"):
        name = platform.machine().lower()
    for machine, endings in {"x86_64": ("x86_64", "amd64"), "aarch64": ("aarch64", "arm64")}.items():
        if name.endswith(endings):
            return machine
    return name


def isa_flags(machine):
    """For each ISA that `machine` may have: the flags that only its own file is compiled with."""
    if machine == "x86_64" and MSVC:
        return {"avx2": ["/arch:AVX2"], "avx512": ["/arch:AVX512"]}
    if machine == "x86_64":
        return {
            "avx2": ["-mavx2", "-mfma", "-mf16c"],
            "avx512": [
                "-mavx512f",
                "-mavx512dq",
                "-mavx512bw",
                "-mavx512vl",
                "-mfma",
                "-mf16c",
                "-mprefer-vector-width=512",
            ],
        }
    if machine == "aarch64":
        return {"neon": []}
    return {}


def common_flags():
    """(compile flags of the C core, compile flags of the extension, link flags)."""
    if MSVC:
        flags = ["/O2", "/std:c11", "/experimental:c11atomics", "/fp:precise"]
        return flags, flags, []
    # Contraction off: a product and a sum are fused only where the source says so,
    # or one formula would give other bits on other machines.
    flags = ["-O3", "-std=gnu11", "-ffp-contract=off", "-fvisibility=hidden", "-pthread"]
    flags += ["-g", "-fno-omit-frame-pointer"] if SANITIZE or DEBUG else ["-g0"]
    link = ["-pthread"]
    if SANITIZE:
        sanitize = [f"-fsanitize={SANITIZE}", "-fno-sanitize-recover=all"]
        flags += sanitize
        link += sanitize
    # The second: Cython's own C, whose warnings nobody here can mend.
    return [*flags, "-Wall", "-Wextra", "-Werror"], [*flags, "-Wno-sign-compare"], link


def headers():
    """Every file that is included: an edit of one rebuilds what may include it."""
    found = glob.glob("csrc/**/*.h", recursive=True) + glob.glob("csrc/**/*.inc", recursive=True)
    return sorted(name.replace(os.sep, "/") for name in found)


def c_libraries():
    """build_clib's list: the core, then one library per ISA."""
    core_flags, _, _ = common_flags()
    per_isa = {f"csrc/kernels/isa_{name}.c" for name in ISA_NAMES}
    sources = sorted({name.replace(os.sep, "/") for name in glob.glob("csrc/**/*.c", recursive=True)} - per_isa)
    groups = {"core": (sources, [])}
    for name, flags in isa_flags(target_machine()).items():
        groups[name] = ([f"csrc/kernels/isa_{name}.c"], flags)
    return [
        (
            f"ff_{name}",
            {
                "sources": sources,
                "obj_deps": {"": headers()},
                "include_dirs": INCLUDE,
                "cflags": core_flags + flags,
            },
        )
        for name, (sources, flags) in groups.items()
    ]


def extensions(libraries):
    """fastfit._core, the binding, and fastfit._watch, which needs no C of ours."""
    import numpy
    from Cython.Build import cythonize

    _, flags, link = common_flags()
    module = Extension(
        "fastfit._core",
        ["fastfit/_core.pyx"],
        include_dirs=[*INCLUDE, numpy.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
        # build_ext appends all libraries once more: with two rounds the linker
        # resolves what the ISA libraries want from the core.
        libraries=[name for name, _ in libraries],
        extra_compile_args=flags,
        extra_link_args=link,
        depends=[
            "fastfit/_core_layouts.pxi",
            *(source for _, info in libraries for source in info["sources"]),
            *headers(),
        ],
    )
    watch = Extension(
        "fastfit._watch",
        ["fastfit/_watch.pyx"],
        include_dirs=[numpy.get_include()],
        define_macros=module.define_macros,
        extra_compile_args=flags,
        extra_link_args=link,
    )
    return cythonize(
        [module, watch],
        build_dir="build/cython",
        language_level=3,
        include_path=["."],
        compiler_directives={"binding": True},
    )


class BuildLibraries(build_clib):
    """Archives anew each time: `ar` would keep the objects of sources that are gone."""

    def build_libraries(self, libraries):
        for name, _ in libraries:
            archive = self.compiler.library_filename(name, output_dir=self.build_clib)
            if os.path.exists(archive):
                os.unlink(archive)
        super().build_libraries(libraries)


class BuildExtension(build_ext):
    """Builds the libraries first, also for `build_ext --inplace` alone."""

    def run(self):
        self.run_command("build_clib")
        super().run()


if sys.platform == "darwin":
    # A universal Python would compile every file for both machines, with flags that one of them rejects.
    os.environ.setdefault("ARCHFLAGS", f"-arch {platform.machine()}")

LIBRARIES = c_libraries()
setup(
    libraries=LIBRARIES,
    ext_modules=extensions(LIBRARIES),
    cmdclass={"build_clib": BuildLibraries, "build_ext": BuildExtension},
)
