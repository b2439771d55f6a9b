"""Every public name of Keras has a row, a test, or a reason why it is not there; and Keras's signature."""

import ast
import importlib
import inspect
import types

import keras
import pytest

from tests.oracle import names

# Arguments that are not there: they are for large language models.
LACKING = {"layers.Dense": {"lora_rank", "lora_alpha", "quantization_config"}}
# Arguments that Keras does not have, or takes as further keywords: Keras 2's, and a limit to waiting.
MORE = {
    "callbacks.ModelCheckpoint": {"period"},
    "callbacks.RemoteMonitor": {"timeout"},
    "saving.save_weights": {"objects_to_skip"},
}
# Arguments with a default that they do not have in Keras: an older name may be given instead.
OPTIONAL = {
    "layers.Dense": "units",
    "layers.GaussianNoise": "stddev",
    **{f"layers.{n}": "rate" for n in ("Dropout", "AlphaDropout", "GaussianDropout", "SpatialDropout1D")},
}


def keras_names(module):
    found = vars(getattr(keras, module)).items()
    return {name for name, value in found if not name.startswith("_") and not isinstance(value, types.ModuleType)}


def our_names(module):
    """The names that a module means to give: those of its ``__all__``, or else those also in Keras."""
    ours = importlib.import_module(f"fastfit.{module}")
    listed = getattr(ours, "__all__", None)
    if listed is not None and module != "backend":  # Keras 2's names have a table of their own
        assert all(hasattr(ours, name) for name in listed)
        return set(listed)
    return {name for name in keras_names(module) if hasattr(ours, name)} | ({"get"} if module == "layers" else set())


@pytest.mark.parametrize("module", names.MODULES)
def test_every_public_name_is_tested(module):
    found = names.problems(module, keras_names(module), our_names(module))
    assert not found, "\n".join(found)


def test_the_check_sees_gaps():
    theirs, ours = keras_names("losses"), our_names("losses")
    assert names.problems("losses", theirs | {"New"}, ours) == ["losses.New: in Keras, without row, test or reason"]
    assert names.problems("losses", theirs, ours | {"own"}) == ["losses.own: in fastfit, without row or test"]
    assert names.problems("losses", theirs, ours | {"CTC"})[-1].endswith("but there: give it a row")
    assert names.problems("losses", theirs, ours - {"Huber"}) == ["losses.Huber: a row or test, but not in fastfit"]
    assert len(names.problems("losses", theirs - {"CTC"}, ours)) == 1


@pytest.mark.parametrize("test", sorted({t for tests in names.ELSEWHERE.values() for t in tests.values()}))
def test_tests_elsewhere_exist(test, root):
    path, _, function = test.partition("::")
    tree = ast.parse((root / path).read_text(encoding="utf-8"))
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert (function in defined) if function else defined


def test_every_exception_is_in_the_documentation(root):
    lines = (root / "docs" / "keras.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    listed = {(row[0].strip("`"), name.strip("` "), row[2]) for row in rows for name in row[1].split(",")}
    expected = {(m, name, reason) for m, table in names.EXCEPTIONS.items() for name, reason in table.items()}
    assert expected <= listed
    modules = set(names.EXCEPTIONS)
    assert {entry for entry in listed if entry[0] in modules} == expected


def _arguments(obj):
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [(p.name, p.default) for p in inspect.signature(obj).parameters.values() if p.kind not in kinds]


def _shared_names():
    for module in names.MODULES:
        ours = importlib.import_module(f"fastfit.{module}")
        for name in sorted(keras_names(module)):
            if callable(getattr(ours, name, None)):
                yield f"{module}.{name}"


@pytest.mark.parametrize("name", list(_shared_names()))
def test_signature_is_that_of_keras(name):
    module, _, attribute = name.partition(".")
    theirs = _arguments(getattr(getattr(keras, module), attribute))
    ours = _arguments(getattr(importlib.import_module(f"fastfit.{module}"), attribute))
    lacking, optional = LACKING.get(name, ()), OPTIONAL.get(name)
    more = MORE.get(name, set())
    assert more <= {a for a, _ in ours} - {a for a, _ in theirs}
    ours = [(a, default) for a, default in ours if a not in more]
    assert ours == [(a, None if a == optional else default) for a, default in theirs if a not in lacking]
