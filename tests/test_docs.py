"""The documentation: its snippets are run, and every argument of compile and fit has a page."""

import ast
import doctest
import inspect
import re
from pathlib import Path

import pytest

import fastfit

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)\)")
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# Keras 2's arguments of compile(), which its **keras2 takes.
KERAS_2 = {"compile": ["sample_weight_mode", "target_tensors"], "fit": []}
HEADINGS = ["## Example", "## Errors"]
IMPORT = re.compile(r"^>>> import fastfit$", re.MULTILINE)
# What Keras does otherwise in the examples of an argument's page, and why.
NOT_AS_IN_KERAS = {
    "run_eagerly": ["calls"],  # the name of the tensors that are traced
    # there a list of weights needs a list of losses, and the weight in a dict is that of both outputs
    "loss_weights": [
        "model.evaluate(x, y, verbose=0, return_dict=True)",
        'model.evaluate(x, y, verbose=0, return_dict=True)["loss"]',
    ],
    "metrics": ["model.metrics_names"],  # not flat
    "steps_per_execution": ["seen"],  # the last index lies behind the last batch
}
# What Keras may do otherwise, as the machine has it.
AS_IN_KERAS_OR_NOT = {
    "jit_compile": ["weights_after_training(True) == weights_after_training(False)"],  # bits may differ there
}


def snippets(page):
    """[(first line, code)] of the fenced Python blocks."""
    text = page.read_text(encoding="utf-8")
    return [(text[: match.start(1)].count("\n"), match[1]) for match in FENCE.finditer(text)]


def arguments(method):
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(getattr(fastfit.Model, method)).parameters.values()
    return [p.name for p in parameters if p.kind in kinds and p.name != "self"] + KERAS_2[method]


def page_of(method, argument):
    return ROOT / "docs" / method / f"{argument}.md"


def relative(page):
    return str(page.relative_to(ROOT))


def run(page):
    """Run the snippets of a page one after the other, in one namespace; the number of examples or statements."""
    names, count = {"__name__": "__main__"}, 0
    report = []
    for line, code in snippets(page):
        if ">>>" in code:
            # each block has a name of its own, by which doctest finds the source of functions that it defines
            name = f"{relative(page)}:{line}"
            test = doctest.DocTestParser().get_doctest(code, names, name, str(page), line)
            runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
            result = runner.run(test, out=report.append, clear_globs=False)
            assert result.failed == 0, "".join(report)
            count += result.attempted
            names = test.globs
        else:
            tree = ast.parse(code)
            exec(compile(ast.increment_lineno(tree, line), str(page), "exec"), names)
            count += len(tree.body)
    return count


@pytest.fixture(autouse=True)
def as_in_a_new_process(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fastfit.utils.clear_session()
    fastfit.utils.set_random_seed(0)


@pytest.mark.filterwarnings("ignore")  # some examples show what a warning comes with
@pytest.mark.parametrize("page", [page for page in PAGES if snippets(page)], ids=relative)
def test_snippets(page):
    assert run(page) > 0


@pytest.mark.parametrize(
    ("method", "argument"), [(method, argument) for method in KERAS_2 for argument in arguments(method)]
)
def test_every_argument_has_a_page(method, argument):
    page = page_of(method, argument)
    assert page.exists(), f"{relative(page)} is missing"
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# `{method}({argument}=...)`\n")
    positions = [text.find(heading) for heading in HEADINGS]
    assert -1 not in positions and positions == sorted(positions)
    example, errors = text[positions[0] : positions[1]], text[positions[1] :]
    assert ">>>" in example and re.search(rf"\b{argument}\b|\.(fit|compile)\(", example)
    assert re.search(r"^(Value|Type)Error: .", errors, re.MULTILINE), "no error is shown"
    assert f"{method}/{argument}.md" in (ROOT / "docs" / "README.md").read_text(encoding="utf-8")


def test_every_page_is_about_an_argument():
    for method in KERAS_2:
        found = {page.stem for page in (ROOT / "docs" / method).glob("*.md")}
        assert found == set(arguments(method))


class Collector(doctest.DocTestRunner):
    """Collects the sources of examples that fail."""

    def __init__(self):
        super().__init__(optionflags=OPTIONS, verbose=False)
        self.sources = []

    def report_failure(self, out, test, example, got):
        self.sources.append(example.source.strip())

    def report_unexpected_exception(self, out, test, example, exc_info):
        self.sources.append(example.source.strip())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("method", "argument"),
    [(method, argument) for method in KERAS_2 for argument in arguments(method) if argument not in KERAS_2[method]],
)
def test_examples_say_what_keras_does(method, argument):
    pytest.importorskip("jax", reason="needs Keras on JAX")
    keras = pytest.importorskip("keras")
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    page = page_of(method, argument)
    text = page.read_text(encoding="utf-8")
    example = text[text.index(HEADINGS[0]) : text.index(HEADINGS[1])]
    code, count = IMPORT.subn(">>> import keras as fastfit", "".join(FENCE.findall(example)))
    assert count == 1
    collector = Collector()
    collector.run(doctest.DocTestParser().get_doctest(code, {}, f"{argument} in Keras", str(page), 0))
    at_will = AS_IN_KERAS_OR_NOT.get(argument, [])
    assert [source for source in collector.sources if source not in at_will] == NOT_AS_IN_KERAS.get(argument, [])


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_a_wrong_result_is_found(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("Text.\n\n```python\n>>> 1 + 1\n3\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"(?s)page.md\", line 4.*Expected:\s+3\s+Got:\s+2"):
        run(page)
    page.write_text("```python\nx = 1\nassert x == 2\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError):
        run(page)


def test_examples_are_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+\.py)` \|", index, re.MULTILINE)) == {
        p.name for p in (ROOT / "examples").glob("*.py")
    }
