"""Rules about the source itself: file sizes, which floor imports which, and calls that must not be there."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = {".py", ".pyx", ".pxd", ".c", ".h", ".inc"}
MAX_LINES = 800

# A module imports only from its own floor and from those below it.
FLOORS = [
    {"_core", "_watch", "config", "utils", "datasets"},
    {"graph", "data"},
    {"ops"},
    {
        *("activations", "backend", "initializers", "regularizers", "constraints", "losses", "metrics", "layers"),
        *("optimizers", "random"),
    },
    {"callbacks", "compiler", "saving"},
    {"models", "training"},
    {"wrappers"},
    {"fastfit"},
]
# fastfit/callbacks receives a model and never imports one; nor does it know the compiler.
FORBIDDEN = {"callbacks": {"compiler", "models", "training"}, "compiler": {"callbacks"}}
RUN_TIME_PACKAGES = {"numpy", "fastfit"}
# Imported inside functions, because they are heavy and most programs never need them.
LAZY = {"h5py", "tensorboardX", "urllib.request"}

# The two files of csrc/include are words only: they include nothing of the project.
C_FLOORS = ["csrc/include/", "csrc/base/", "csrc/kernels/", "csrc/program/"]
# The row of an ISA names its CPU test and its kernels.
C_ALLOWED_UP = {"csrc/base/cpu.h": {"csrc/kernels/kernels.h"}}


def sources(*folders, suffixes=SUFFIXES):
    found = [
        path
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in suffixes and "__pycache__" not in path.parts
    ]
    assert found, folders
    return found


def relative(path):
    return path.relative_to(ROOT).as_posix()


PYTHON = sources("fastfit", suffixes={".py"})
C = sources("csrc")


@pytest.mark.parametrize("path", sources("fastfit", "csrc", "tests", "benchmarks", "examples"), ids=relative)
def test_file_size(path):
    count = len(path.read_text(encoding="utf-8").splitlines())
    assert count < MAX_LINES, f"{relative(path)} has {count} lines; split it"


# ---- Python ----


def part_of(module):
    """ "fastfit.layers.dense" -> "layers"; "fastfit" -> "fastfit"."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "fastfit"


def floor_of(part):
    for number, parts in enumerate(FLOORS):
        if part in parts:
            return number
    raise AssertionError(f"fastfit.{part} has no floor; name it in FLOORS")


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path):
    """(imported module, line, inside a function) for each import of a file, absolute."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]

    def visit(node, inside):
        for child in ast.iter_child_nodes(node):
            deeper = inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield alias.name, child.lineno, inside
            elif isinstance(child, ast.ImportFrom):
                base = package[: len(package) - child.level + 1] if child.level else []
                module = ".".join([*base, *([child.module] if child.module else [])])
                for alias in child.names:
                    full = f"{module}.{alias.name}"
                    is_module = module == "fastfit" or (ROOT / full.replace(".", "/")).with_suffix(".py").exists()
                    yield full if is_module else module, child.lineno, inside
            yield from visit(child, deeper)

    yield from visit(tree, False)


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_python_imports(path):
    own = part_of(module_name(path))
    wrong = []
    for module, line, inside in imports(path):
        where = f"{relative(path)}:{line}: {module}"
        top = module.split(".")[0]
        if top == "fastfit":
            part = part_of(module)
            if floor_of(part) > floor_of(own) or part in FORBIDDEN.get(own, ()):
                wrong.append(f"{where}: {own} is below {part}")
            if inside:
                wrong.append(f"{where}: import at the top; a cycle means that something is on the wrong floor")
        elif module in LAZY or top in LAZY:
            if not inside:
                wrong.append(f"{where}: import inside the function that needs it")
        elif inside:
            wrong.append(f"{where}: import at the top")
        elif top not in RUN_TIME_PACKAGES and top not in sys.stdlib_module_names:
            wrong.append(f"{where}: not a dependency at run time")
    assert not wrong, "\n".join(wrong)


def test_no_import_cycles():
    graph = {module_name(path): {module for module, _, _ in imports(path)} for path in PYTHON}
    done, trail = set(), []

    def visit(module):
        if module in trail:
            raise AssertionError("import cycle: " + " -> ".join([*trail[trail.index(module) :], module]))
        if module in done or module not in graph:
            return
        trail.append(module)
        for other in sorted(graph[module] - {module}):
            visit(other)
        trail.pop()
        done.add(module)

    for module in graph:
        visit(module)


# ---- C ----


def without_comments_and_strings(text):
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda match: "\n" * match.group().count("\n") + " ", text, flags=re.S)


def c_floor(name):
    for number, prefix in enumerate(C_FLOORS):
        if name.startswith(prefix):
            return number
    raise AssertionError(f"{name} has no floor; name it in C_FLOORS")


def resolve_include(path, name):
    for folder in (path.parent, ROOT / "csrc" / "include", ROOT / "csrc"):
        if (folder / name).exists():
            return relative((folder / name).resolve())
    raise AssertionError(f'{relative(path)}: #include "{name}" not found')


@pytest.mark.parametrize("path", C, ids=relative)
def test_c_includes(path):
    own = c_floor(relative(path))
    allowed_up = C_ALLOWED_UP.get(relative(path), set())
    wrong = []
    for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text(encoding="utf-8"), flags=re.M):
        target = resolve_include(path, name)
        if c_floor(target) > own and target not in allowed_up:
            wrong.append(f"{relative(path)} includes {target}")
        if own == c_floor("csrc/kernels/") and target == "csrc/include/fastfit.h":
            wrong.append(f"{relative(path)} includes {target}: kernels know nothing of programs")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", C, ids=relative)
def test_c_has_no_python_and_no_surprises(path):
    text = path.read_text(encoding="utf-8")
    assert "Python.h" not in text
    if relative(path).startswith("csrc/base/"):
        return
    code = without_comments_and_strings(text)
    banned = r"\b(printf|fprintf|puts|fputs|exit|abort|malloc|calloc|realloc|free|aligned_alloc|posix_memalign)\s*\("
    found = [f"{relative(path)}:{code[: m.start()].count(chr(10)) + 1}: {m[1]}" for m in re.finditer(banned, code)]
    assert not found, "belongs in csrc/base, or nowhere:\n" + "\n".join(found)


@pytest.mark.parametrize("path", [p for p in C if p.suffix == ".inc" and p.parent.name == "kernels"], ids=relative)
def test_kernel_bodies_name_no_isa(path):
    code = without_comments_and_strings(path.read_text(encoding="utf-8"))
    found = re.findall(r"\b(?:_mm\w*|__m\d+\w*|v\w+q_f32|float32x4_t|__AVX\w*|__ARM\w*)\b", code)
    assert not found, f"{relative(path)} uses {sorted(set(found))}; it belongs in kernels/simd/"


# ---- the binding ----


def binding():
    """_core.pyx without comments, docstrings and `cdef extern` blocks; lines keep their numbers."""
    text = (ROOT / "fastfit" / "_core.pyx").read_text(encoding="utf-8")
    text = re.sub(r'("""|\'\'\').*?\1', lambda match: "\n" * match.group().count("\n"), text, flags=re.S)
    text = re.sub(r"#[^\n]*", "", text)
    extern = r"^cdef extern[^\n]*:\n(?:(?:[ \t]+[^\n]*)?\n)*"
    return re.sub(extern, lambda match: "\n" * match.group().count("\n"), text, flags=re.M)


def status_functions():
    names = set()
    for path in C:
        code = without_comments_and_strings(path.read_text(encoding="utf-8"))
        names.update(re.findall(r"\bff_status\s+(ff_\w+)\s*\(", code))
    return names


def unchecked(code, functions):
    """The calls in `code` that return a status that nobody looks at."""
    found = []
    for match in re.finditer(r"\b(ff_\w+)\s*\(", code):
        if match[1] not in functions:
            continue
        before = code[: match.start()]
        line_start = before.rsplit("\n", 1)[-1]
        if re.search(r"\bcheck\(\s*$", before):
            continue
        assigned = re.match(r"\s*(?:cdef\s+\w+\s+)?(\w+)\s*=\s*$", line_start)
        rest = re.split(r"^[ \t]*(?:def|cpdef|cdef)\s[^\n]*:\s*$", code[match.end() :], maxsplit=1, flags=re.M)[0]
        if assigned and re.search(rf"\bcheck\(\s*{assigned[1]}\b", rest):
            continue
        found.append(f"fastfit/_core.pyx:{before.count(chr(10)) + 1}: {match[1]}")
    return found


def test_every_status_is_checked():
    functions = status_functions()
    assert functions
    found = unchecked(binding(), functions)
    assert not found, "status not passed to check():\n" + "\n".join(found)


def test_the_status_lint_sees_an_unchecked_call():
    functions = {"ff_run"}
    good = "def f():\n    with nogil:\n        s = ff_run(p, &err)\n    check(s, &err)\n    check(ff_run(p), &err)\n"
    assert unchecked(good, functions) == []
    for bad in (
        "def f():\n    ff_run(p, &err)\n",
        "def f():\n    s = ff_run(p, &err)\n    return s\n",
        "def f():\n    s = ff_run(p, &err)\n\ndef g():\n    check(s, &err)\n",
    ):
        assert len(unchecked(bad, functions)) == 1


def test_only_the_binding_names_c():
    wrong = [relative(p) for p in sources("fastfit", suffixes={".pyx", ".pxd"}) if p.stem not in ("_core", "_watch")]
    assert not wrong
    assert "ff_" not in (ROOT / "fastfit" / "_watch.pyx").read_text(encoding="utf-8")
    wrong = [relative(p) for p in PYTHON if re.search(r"^\s*(?:import|from) (?:ctypes|cffi)\b", p.read_text(), re.M)]
    assert not wrong
