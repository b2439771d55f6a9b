"""Files made to do harm: they are refused before code runs, memory is taken or anything is written."""

import io
import json
import os
import resource
import subprocess
import sys
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest

import fastfit
from fastfit.saving import load_model, load_weights
from tests.processes import environment

MB = 1 << 20


def small():
    model = fastfit.Sequential([fastfit.layers.Input((4,)), fastfit.layers.Dense(3, name="dense")])
    model.compile("adam", "mse")
    return model


@pytest.fixture
def good(tmp_path):
    """A good file, and its parts."""
    path = tmp_path / "good.keras"
    small().save(path)
    archive = zipfile.ZipFile(path)
    return {name: archive.read(name) for name in archive.namelist()}


def write(path, parts, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return str(path)


def with_config(good, path, change):
    config = json.loads(good["config.json"])
    changed = change(config)
    return write(path, {**good, "config.json": json.dumps(config if changed is None else changed)})


def with_weights(good, path, change):
    content = io.BytesIO(good["model.weights.h5"])
    with h5py.File(content, "r+") as file:
        change(file)
    return write(path, {**good, "model.weights.h5": content.getvalue()})


def refused(path, match, load=load_model, limit=32 * MB):
    """The file is refused with a message, and little memory was taken until then."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=match):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


def test_the_good_file_loads(good, tmp_path):
    assert load_model(write(tmp_path / "a.keras", good)).built
    assert load_model(write(tmp_path / "b.keras", good, zipfile.ZIP_DEFLATED)).built
    assert load_model(with_config(good, tmp_path / "c.keras", lambda c: None)).built
    assert load_model(with_weights(good, tmp_path / "d.keras", lambda f: None)).built


# Sizes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_zip_bomb(good, tmp_path, name):
    path = write(tmp_path / "m.keras", {**good, name: b" " * (300 * MB)}, zipfile.ZIP_DEFLATED)
    assert os.path.getsize(path) < MB
    refused(path, f"{name} is damaged or hostile")


def test_zip_that_lies_about_a_size(good, tmp_path):
    path = write(tmp_path / "m.keras", {**good, "model.weights.h5": b"\0" * (64 * MB)}, zipfile.ZIP_DEFLATED)
    content = bytearray(open(path, "rb").read())
    where = content.rfind(b"PK\x01\x02", 0, content.rfind(b"model.weights.h5"))
    content[where + 24 : where + 28] = (1000).to_bytes(4, "little")  # the size after unpacking
    open(path, "wb").write(content)
    refused(path, "damaged|HDF5")


def test_a_member_that_claims_more_bytes_than_the_archive_has(good, tmp_path):
    path = write(tmp_path / "m.keras", good)
    content = bytearray(open(path, "rb").read())
    where = content.rfind(b"PK\x01\x02", 0, content.rfind(b"model.weights.h5"))
    for offset in (20, 24):  # the sizes before and after unpacking
        content[where + offset : where + offset + 4] = b"\xf0\xff\xff\x0f"
    open(path, "wb").write(content)
    refused(path, "damaged or hostile.*may have")


def test_json_that_is_too_large(good, tmp_path):
    path = write(tmp_path / "m.keras", {**good, "config.json": b" " * (65 * MB)})
    refused(path, "config.json is damaged or hostile")


def test_dataset_that_claims_a_huge_shape(good, tmp_path):
    def change(file):
        group = file["layers/dense/vars"]
        del group["0"]
        group.create_dataset("0", shape=(1 << 20, 1 << 20), dtype="f4", chunks=(1024, 1024), fillvalue=1.0)

    path = with_weights(good, tmp_path / "m.keras", change)
    refused(path, "not fit the file")
    model = small()
    before = model.get_weights()
    refused(path, "not fit the file", lambda p: load_weights(model, p))
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_dataset_that_unpacks_to_far_more(tmp_path):
    """A layer that reads what it finds, without an idea of the shape."""

    class Reads(fastfit.layers.Layer):
        def build(self, shape):
            pass

        def save_own_variables(self, store):
            store["table"] = np.zeros(3)

        def load_own_variables(self, store):
            self.table = store["table"]

        def call(self, x):
            return x

    inputs = fastfit.layers.Input((4,))
    model = fastfit.Model(inputs, Reads()(fastfit.layers.Dense(2)(inputs)))
    path = tmp_path / "w.weights.h5"
    model.save_weights(path)
    model.load_weights(path)
    np.testing.assert_array_equal(model.layers[2].table, np.zeros(3))
    with h5py.File(path, "r+") as file:
        group = file["layers/reads/vars"]
        del group["table"]
        group.create_dataset("table", data=np.zeros(50 * MB, "u1"), compression="gzip", compression_opts=9)
    assert os.path.getsize(path) < MB
    refused(path, r"declares 52428800 bytes, but \d+ are stored", model.load_weights)


@pytest.mark.parametrize("units", [10**6, 10**9])
def test_config_that_asks_for_huge_weights(good, tmp_path, units):
    def change(config):
        config["config"]["layers"][1]["config"]["units"] = units

    refused(with_config(good, tmp_path / "m.keras", change), "more weights than the file holds")


def test_config_of_many_layers_whose_weights_are_not_there(good, tmp_path):
    def change(config):
        layers = config["config"]["layers"]
        for k in range(40):
            layer = json.loads(json.dumps(layers[1]))
            layer["config"].update(units=700, name=f"more_{k}")
            layers.append(layer)

    refused(with_config(good, tmp_path / "m.keras", change), "more weights than the file holds", limit=64 * MB)


def test_op_that_reads_no_tensor(tmp_path):
    inputs = fastfit.layers.Input((4,))
    model = fastfit.Model(inputs, fastfit.layers.Dense(2)(fastfit.ops.exp(inputs)))
    model.save(tmp_path / "m.keras")
    archive = zipfile.ZipFile(tmp_path / "m.keras")
    good = {name: archive.read(name) for name in archive.namelist()}

    def change(config):
        entry = next(e for e in config["config"]["layers"] if e["class_name"] == "Exp")
        entry.update(module="keras.ops", class_name="Op", config={"name": "broadcast_to"})
        entry["inbound_nodes"] = [{"args": [1.0], "kwargs": {"shape": [1 << 20, 1 << 14]}}]

    assert load_model(tmp_path / "m.keras").built
    refused(with_config(good, tmp_path / "n.keras", change), "reads no tensor")


@pytest.mark.parametrize("dtype", ["(100000,100000)f4", "S1000000000", "O", "f4,f4", None])
def test_arrays_of_strange_dtypes(tmp_path, dtype):
    inputs = fastfit.layers.Input((4,))
    model = fastfit.Model(inputs, fastfit.layers.Dense(2)(inputs + np.ones(4, "float32")))
    model.save(tmp_path / "m.keras")
    archive = zipfile.ZipFile(tmp_path / "m.keras")
    good = {name: archive.read(name) for name in archive.namelist()}
    assert good["config.json"].count(b'"dtype": "float32"}') and load_model(tmp_path / "m.keras").built

    def change(config):
        entry = next(e for e in config["config"]["layers"] if e["class_name"] == "Add")
        array = next(a for a in entry["inbound_nodes"][0]["args"] if a["class_name"] == "__numpy__")
        array["config"] = {"value": 1.0, "dtype": dtype}

    refused(with_config(good, tmp_path / "n.keras", change), "a dtype that is none of numbers")


@pytest.mark.parametrize("dtype", ("object", "S1000000000", "datetime64", "no_dtype"))
def test_weights_of_strange_dtypes(good, tmp_path, dtype):
    def change(config):
        config["config"]["layers"][1]["config"]["dtype"] = dtype

    refused_config = with_config(good, tmp_path / "m.keras", change)
    with pytest.raises((TypeError, ValueError), match="dtype"):
        load_model(refused_config)
    with pytest.raises(ValueError, match="Invalid dtype.*Received"):
        fastfit.Variable(np.ones(3), dtype=dtype)


def test_json_nested_too_deeply(good, tmp_path):
    deep = '{"class_name": "Sequential", "config": ' + "[" * 200000 + "]" * 200000 + "}"
    refused(write(tmp_path / "m.keras", {**good, "config.json": deep}), "no JSON text, or nested too deeply")


# Code --------------------------------------------------------------------------------------------------------------


def test_lambdas_are_refused(good, tmp_path):
    code = {"class_name": "__lambda__", "config": {"value": ["4wEAAAAAAAAA", None, None]}}

    def change(config):
        entry = {"module": "keras.layers", "class_name": "Lambda", "registered_name": None}
        config["config"]["layers"].append({**entry, "config": {"name": "l", "function": code}})

    refused(with_config(good, tmp_path / "m.keras", change), "holds a lambda.*`safe_mode=False`")


@pytest.mark.parametrize("key", ["class_name", "registered_name"])
@pytest.mark.parametrize("name", ["Popen", "system", "os>system", "subprocess.Popen", "__import__", "eval"])
def test_names_of_other_modules_are_not_looked_up(good, tmp_path, name, key):
    marker = tmp_path / "harm"

    def change(config):
        layer = config["config"]["layers"][1]
        layer["module"], layer[key] = "subprocess", name
        layer["config"] = {"args": ["touch", str(marker)], "command": f"touch {marker}"}

    path = with_config(good, tmp_path / "m.keras", change)
    with pytest.raises((TypeError, ValueError), match=f"{name}|Dense|args"):
        load_model(path)
    assert not marker.exists()


def test_no_module_is_imported(good, tmp_path):
    """A module of the file's choice, beside it and on the path."""
    (tmp_path / "harm.py").write_text("open('harmed', 'w').close()\nclass Dense: pass\n")

    def change(config):
        config["config"]["layers"][1]["module"] = "harm"
        config["config"]["layers"][1]["class_name"] = "Harm"

    path = with_config(good, tmp_path / "m.keras", change)
    load = f"try:\n    fastfit.models.load_model({path!r})\nexcept (TypeError, ValueError) as e:\n    print(e)"
    code = f"import fastfit\n{load}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Harm" in done.stdout
    assert not (tmp_path / "harmed").exists()


def test_no_pickle_and_no_marshal_in_what_loads_files(root):
    for path in (root / "fastfit" / "saving").glob("*.py"):
        text = path.read_text()
        for word in ("pickle", "marshal", "eval(", "exec(", "allow_pickle"):
            assert word not in text, f"{path.name}: {word}"


# Paths and links ---------------------------------------------------------------------------------------------------


def test_names_that_lead_out_of_the_directory(good, tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    evil = {"../evil": b"x", "/tmp/fastfit_evil": b"x", "assets/../../evil": b"x", "a/b/c": b"x"}
    path = write(inner / "m.keras", {**evil, **good})
    before = os.getcwd()
    os.chdir(inner)
    try:
        assert load_model(path).built
    finally:
        os.chdir(before)
    assert sorted(os.listdir(inner)) == ["m.keras"] and sorted(os.listdir(tmp_path)) == ["good.keras", "inner"]
    assert not os.path.exists("/tmp/fastfit_evil")


def test_two_members_of_one_name(good, tmp_path):
    path = tmp_path / "m.keras"
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "w") as archive:
        for name, content in [*good.items(), ("config.json", good["config.json"])]:
            archive.writestr(name, content)
    refused(str(path), "Expected one file config.json.*Received 2")


@pytest.mark.parametrize("kind", ["soft", "external", "virtual", "external storage", "group link"])
def test_links_are_not_followed(good, tmp_path, kind):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["0"] = np.ones((4, 3), "f4")
    (tmp_path / "secret.bin").write_bytes(np.ones(12, "f4").tobytes())

    def change(file):
        group = file["layers/dense/vars"]
        if kind == "group link":
            del file["layers/dense"]
            file["layers/dense"] = h5py.SoftLink("/optimizer")
            return
        del group["0"]
        if kind == "soft":
            group["0"] = h5py.SoftLink("/optimizer/vars/2")
        elif kind == "external":
            group["0"] = h5py.ExternalLink(str(secret), "0")
        elif kind == "virtual":
            source = h5py.VirtualLayout((4, 3), "f4")
            source[:] = h5py.VirtualSource(str(secret), "0", (4, 3), "f4")
            group.create_virtual_dataset("0", source)
        else:
            storage = [(str(tmp_path / "secret.bin"), 0, 48)]
            group.create_dataset("0", (4, 3), "f4", external=storage)

    refused(with_weights(good, tmp_path / "m.keras", change), "not followed|in other files")


# Damage ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [0, 0.2, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["keras", "weights.h5"])
def test_cut_files(tmp_path, part, kind):
    model = small()
    path = str(tmp_path / f"m.{kind}")
    (model.save if kind == "keras" else model.save_weights)(path)
    content = open(path, "rb").read()
    open(path, "wb").write(content[: int(len(content) * part)])
    before = model.get_weights()
    with pytest.raises(ValueError, match="HDF5|zip archive|damaged"):
        load_model(path) if kind == "keras" else model.load_weights(path)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_changed_bytes_do_no_harm(good, tmp_path):
    """Whatever a byte becomes: the model loads, or there is an error that says so."""
    rng = np.random.default_rng(0)
    content = bytearray(write(tmp_path / "m.keras", good) and open(tmp_path / "m.keras", "rb").read())
    for _ in range(150):
        changed = bytearray(content)
        for position in rng.integers(0, len(content), 3):
            changed[position] = rng.integers(0, 256)
        try:
            load_model(io.BytesIO(changed))
        except (ValueError, TypeError):
            pass
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 * MB  # in KB: 4 GB


def test_parts_that_are_missing_or_something_else(good, tmp_path):
    for name in ("config.json", "model.weights.h5"):
        parts = {key: value for key, value in good.items() if key != name}
        refused(write(tmp_path / "m.keras", parts), f"Expected one file {name}.*Received 0")
    for text, match in (
        ("[1, 2]", "does not describe a model"),
        ("{", "no JSON text"),
        ('{"class_name": 1}', "a model"),
    ):
        refused(write(tmp_path / "m.keras", {**good, "config.json": text}), match)
    dense = json.loads(good["config.json"])["config"]["layers"][1]
    refused(write(tmp_path / "m.keras", {**good, "config.json": json.dumps(dense)}), "not hold a model.*Dense")
    refused(with_weights(good, tmp_path / "m.keras", lambda f: f.pop("layers")), "expected 2 variables .* has 0")

    def text_for_numbers(file):
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = "text"

    refused(with_weights(good, tmp_path / "m.keras", text_for_numbers), "Expected numbers")
    (tmp_path / "folder").mkdir()
    refused(str(tmp_path / "folder"), "Expected .* in the directory of a model")
