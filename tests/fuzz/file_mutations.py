"""Ways to damage files of models: bytes, members of the archive, values of the config, objects of HDF5.

A mutation is ``(name, seed)``; `mutate` applies it to bytes. The same seed damages the same bytes in the same way.
"""

import contextlib
import io
import json
import random
import struct
import zipfile

import h5py
import numpy as np

CANARY = 12345.0  # what weights of files outside hold: no model may come to have it


# ---- bytes ----


def flip(data, rng):
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 40))):
        changed[_place(changed, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(data, rng):
    changed = bytearray(data)
    start = _place(changed, rng)
    new = rng.choice(
        (b"\0" * 8, b"\xff" * 8, rng.randbytes(rng.randrange(1, 40)), struct.pack("<Q", 1 << rng.randrange(64)))
    )
    changed[start : start + len(new)] = new
    return bytes(changed)


def cut(data, rng):
    return data[: rng.choice((_place(data, rng), rng.randrange(64), max(0, len(data) - rng.randrange(1, 64))))]


def grow(data, rng):
    more = rng.choice((b"\0" * 1000, rng.randbytes(200), data[: rng.randrange(1, len(data) + 1)]))
    return rng.choice((data + more, more + data))


def move(data, rng):
    a, b, size = _place(data, rng), _place(data, rng), rng.randrange(1, 200)
    changed = bytearray(data)
    changed[b : b + size] = data[a : a + size]
    return bytes(changed)


def _place(data, rng):
    """A place in the bytes; more often near the ends, where headers are."""
    n = max(1, len(data))
    near = min(n, rng.choice((64, 512, 4096)))
    return min(n - 1, rng.choice((rng.randrange(n), rng.randrange(near), n - 1 - rng.randrange(near))))


# ---- members of the archive ----

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
NAMES = (
    "config.json", "metadata.json", "model.weights.h5", "../../fuzzed", "/tmp/fuzzed", "assets/../../fuzzed", "assets/",
    "assets/layers/table/words.txt", "assets/layers/table/../../../fuzzed", "a" * 300, "c:\\fuzzed", "config.json/x",
    "é",
)  # fmt: skip


def members(data, rng):
    parts = _unzip(data)
    method = rng.choice(METHODS)
    kind = rng.randrange(6)
    if kind == 0 and parts:
        del parts[rng.randrange(len(parts))]
    elif kind == 1:
        parts.insert(
            rng.randrange(len(parts) + 1), (rng.choice(NAMES), rng.choice((b"", b"x", b"{}", b"\0" * 5_000_000)))
        )
    elif kind == 2 and parts:
        i = rng.randrange(len(parts))
        parts[i] = rng.choice(NAMES), parts[i][1]
    elif kind == 3 and parts:
        parts.append(rng.choice(parts))
    elif kind == 4 and len(parts) > 1:
        i, k = rng.sample(range(len(parts)), 2)
        parts[i], parts[k] = (parts[i][0], parts[k][1]), (parts[k][0], parts[i][1])
    return _zip(parts, method)


def sizes(data, rng):
    """Sizes, offsets, flags and methods in the headers of the archive."""
    changed = bytearray(data)
    signature, fields = rng.choice(
        (
            (b"PK\x01\x02", ((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (34, 2), (38, 4), (42, 4))),
            (b"PK\x03\x04", ((6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2))),
            (b"PK\x05\x06", ((4, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2))),
        )
    )
    starts = [i for i in range(len(data) - 4) if data[i : i + 4] == signature] if len(data) < 200_000 else []
    if starts:
        start, (offset, size) = rng.choice(starts), rng.choice(fields)
        value = rng.choice((0, 1, 0xFFFFFFFF, 0x7FFFFFFF, rng.getrandbits(32), rng.randrange(100_000), 8, 99))
        changed[start + offset : start + offset + size] = (value & (256**size - 1)).to_bytes(size, "little")
    return bytes(changed)


def member_bytes(data, rng):
    """Bytes of one member, with the archive around it in order."""
    parts = _unzip(data)
    if not parts:
        return data
    i = rng.randrange(len(parts))
    parts[i] = parts[i][0], rng.choice((flip, overwrite, cut, grow, move))(parts[i][1], rng)
    return _zip(parts)


def _unzip(data):
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [(i.filename, archive.read(i)) for i in archive.infolist() if i.file_size < 10_000_000]
    except Exception:  # an earlier mutation has left no archive
        return []


def _zip(parts, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in parts:
            info = zipfile.ZipInfo(name or "x")
            info.compress_type = method
            archive.writestr(info, content)
    return file.getvalue()


# ---- values of the config ----

CODE = "4wAAAAAAAAAAAAAAAAEAAAADAAAAQwAAAPMKAAAAlwBkAFMAKQFOqQA="
VALUES = (
    None, True, False, 0, 1, -1, 2, 3.5, -0.0, 1e308, float("nan"), float("inf"), 1 << 31, 1 << 63, 10**30, -(10**30),
    "", "x",
    "relu", "Dense", "float32", "float64", "int8", "complex64", "object", "no_dtype", "mean_squared_error", "adam",
    "os.system",
    "builtins", "../../fuzzed", "a" * 5000, "\0", "\ud800", [], [[]], {}, [None], [None, 4], [None, None], [4], [0],
    [-1, 3],
    [10**9], [None, 10**9], [1 << 40, 1 << 40], ["x", 0, 0], [0] * 300, {"a": 1}, {"class_name": "Dense"},
    {"class_name": "Dense", "config": {}}, {"class_name": "Dense", "config": None}, {"class_name": None, "config": {}},
    {"class_name": ["Dense"], "config": {}}, {"class_name": {}, "config": {}},
    {"class_name": "Dense", "config": {"units": 10**9}, "module": "keras.layers"},
    {"module": "os", "class_name": "function", "config": "system", "registered_name": "function"},
    {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "function"},
    {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "l", "function": [CODE, None, None]}},
    {"class_name": "__lambda__", "config": {"value": [CODE, None, None]}},
    {"class_name": "__lambda__", "config": {"code": CODE, "defaults": None, "closure": None}},
    {"class_name": "__lambda__", "config": {}}, {"class_name": "__lambda__", "config": None},
    {"class_name": "__numpy__", "config": {"value": [1, 2], "dtype": "float32"}},
    {"class_name": "__numpy__", "config": {"value": 1, "dtype": "S1000000000"}},
    {"class_name": "__numpy__", "config": {}},
    {"class_name": "__tensor__", "config": {"value": [[1], [2, 3]], "dtype": "float32"}},
    {"class_name": "__bytes__", "config": {"value": 3}},
    {"class_name": "__slice__", "config": {"start": 1, "stop": []}},
    {"class_name": "__keras_tensor__", "config": {"keras_history": ["dense", 0, 0]}},
    {"class_name": "__keras_tensor__", "config": {"keras_history": []}},
    {"class_name": "__keras_tensor__", "config": {}},
    {"class_name": "__tuple__", "items": [1, 2]}, {"class_name": "__tuple__", "config": 3},
    {"class_name": "__ellipsis__"},
    {"module": "keras.src.ops.numpy", "class_name": "Add", "config": {"name": "add"}},
    {"module": "keras.src.ops.numpy", "class_name": "Tile", "config": {"name": "tile", "repeats": [10**9]}},
    {"module": "keras.initializers", "class_name": "Constant", "config": {"value": [[1, 2]]}},
    {"module": "keras.initializers", "class_name": "RandomNormal", "config": {"seed": -1, "stddev": "x"}},
    {"module": "keras.optimizers.schedules", "class_name": "CosineDecay", "config": {"decay_steps": "x"}},
    {"module": "keras.regularizers", "class_name": "L2", "config": {"l2": "x"}},
    {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": []}},
    {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": 3}},
    {"module": "keras", "class_name": "Functional", "config": {"layers": [], "input_layers": [], "output_layers": []}},
)  # fmt: skip
KEYS = (
    "class_name", "config", "module", "registered_name", "name", "layers", "units", "inbound_nodes", "input_layers",
    "build_config", "compile_config", "build_input_shape", "batch_shape", "keras_history", "args", "kwargs",
    "optimizer",
    "loss", "metrics", "fn", "dtype", "shapes_dict", "input_shape", "axis", "learning_rate", "batch_input_shape",
    "class",
)  # fmt: skip


def damaged(text, rng):
    """Return the text of a config with some of its values changed."""
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        places = list(_places(config))
        if not places:
            break
        parent, key = rng.choice(places)
        kind = rng.randrange(10)
        if kind < 5:
            parent[key] = _copy(rng.choice(VALUES))
        elif kind == 5:
            del parent[key]
        elif kind == 6:
            other, place = rng.choice(places)
            parent[key] = _copy(other[place])
        elif kind == 7 and isinstance(parent, list):
            parent.insert(key, _copy(parent[key]))
        elif kind == 8 and isinstance(parent, dict):
            parent[rng.choice(KEYS)] = parent.pop(key)
        elif kind == 9 and isinstance(parent, dict):
            parent[rng.choice(KEYS)] = _copy(rng.choice(VALUES))
    text = json.dumps(config)
    if rng.random() < 0.02:
        depth = rng.choice((50, 900, 5000, 100_000))
        mark = rng.choice(("null", "true", "1", '"relu"'))
        text = text.replace(mark, rng.choice(("[", '{"a":')) * depth + "1" + "]" * depth, 1)
    return text


def _copy(x):
    return json.loads(json.dumps(x))


def _places(x):
    if isinstance(x, dict):
        for key in x:
            yield x, key
            yield from _places(x[key])
    elif isinstance(x, list):
        for i in range(len(x)):
            yield x, i
            yield from _places(x[i])


def config(data, rng):
    """The config of an archive, or of an HDF5 file."""
    if data[:2] == b"PK":
        return _zip(
            [(n, damaged(c, rng).encode(errors="surrogatepass") if n == "config.json" else c) for n, c in _unzip(data)]
        )

    def change(file):
        key = rng.choice(("model_config", "model_config", "training_config"))
        if key in file.attrs:
            file.attrs[key] = damaged(file.attrs[key], rng).encode(errors="surrogatepass")

    return _edit(data, change)


# ---- objects of HDF5 ----


def weights(data, rng):
    """An object, link or attribute of an HDF5 file, alone or in an archive."""
    if data[:2] == b"PK":
        return _zip([(n, weights(c, rng) if n.endswith(".h5") else c) for n, c in _unzip(data)])

    def change(file):
        names = []
        file.visit(names.append)
        for _ in range(rng.choice((1, 1, 2))):
            name = rng.choice(names)
            if name in file:
                _change_object(file, name, rng)

    return _edit(data, change)


def _edit(data, change):
    copy = io.BytesIO(data)
    try:
        with h5py.File(copy, "r+") as file:
            change(file)
    except Exception:  # an earlier mutation has left no file, or this one cannot be made here
        return data
    return copy.getvalue()


def _change_object(file, name, rng):
    kind = rng.randrange(9)
    entry = file[name]
    if kind == 0:
        attributes = entry if rng.random() < 0.7 else file
        key = rng.choice(list(attributes.attrs) or ["name"])
        attributes.attrs[key] = rng.choice(ATTRIBUTES)
        return
    if kind == 1:
        for key in list(entry.attrs):
            del entry.attrs[key]
        return
    if kind == 2:
        file[f"{name}_more"] = rng.choice(ARRAYS)
        return
    del file[name]
    if kind == 3:
        return
    if kind == 4:
        file[name] = rng.choice(
            (
                h5py.SoftLink("/"),
                h5py.SoftLink("/none"),
                h5py.SoftLink(f"/{name}"),
                h5py.ExternalLink("outside/canary.h5", "/w"),
            )
        )
    elif kind == 5:
        file[name] = file[name.rpartition("/")[0] or "/"]  # a hard link up: a circle
    elif kind == 6:
        file.create_group(name)
    elif kind == 7:
        _strange_dataset(file, name, rng)
    else:
        file[name] = rng.choice(ARRAYS)


ATTRIBUTES = (
    1, -1.5, "text", "", b"bytes", "relu", np.arange(3), np.zeros(0), np.zeros((2, 3)), np.array([b"a", b"bc"]),
    h5py.Empty("f"),
    np.array([b"../x", b"/"]), np.array(["a", "b"], dtype=h5py.string_dtype()), np.zeros(2000), "x" * 60000, True,
    "bfloat16",
    np.array([b"dense", b"dense"]), np.array([b""] * 3), np.array([b"\xff"]), 1 + 2j,
)  # fmt: skip
ARRAYS = (
    0.0, 1, np.zeros(3), np.zeros((3, 2), "float32"), np.zeros((4, 3), "float64"), np.zeros((4, 3), "int8"),
    np.zeros((0, 3)),
    np.full((4, 3), np.nan, "float32"), np.zeros((4, 3), "complex64"), np.zeros((4, 3), "bool"), np.array([b"ab"] * 3),
    "text",
    np.zeros((4, 3), "float16"), np.zeros(3, [("a", "f4"), ("b", "i8")]), np.zeros(3, "V2"), np.zeros((4, 3), ">f4"),
    np.zeros((4, 3), "uint64"), np.zeros((4, 3, 1)), h5py.Empty("f4"), np.zeros((4, 3), "V3"),
    np.zeros(100_000, "int8"),
)  # fmt: skip


def _strange_dataset(file, name, rng):
    kind = rng.randrange(7)
    if kind == 0:
        file.create_dataset(name, (1 << 40, 1 << 10), "float32", chunks=(1 << 10, 1 << 10))
    elif kind == 1:
        file.create_dataset(name, data=np.zeros((500, 500)), compression="gzip")
    elif kind == 2:
        file.create_dataset(name, (4, 3), "float32", external=[("outside/canary.bin", 0, 48)])
    elif kind == 3:
        layout = h5py.VirtualLayout((4, 3), "float32")
        layout[:] = h5py.VirtualSource("outside/canary.h5", "w", (4, 3))
        file.create_virtual_dataset(name, layout)
    elif kind == 4:
        file.create_dataset(name, (3,), h5py.vlen_dtype(np.dtype("int32")))
    elif kind == 5:
        file.create_dataset(name, (3,), h5py.ref_dtype)
    else:
        file.create_dataset(name, (4, 3), "float32", fillvalue=7, chunks=(2, 3), fletcher32=True, shuffle=True)


MUTATIONS = {f.__name__: f for f in (flip, overwrite, cut, grow, move, members, sizes, member_bytes, config, weights)}
# How often each is taken, for archives and for HDF5 files.
OF_ARCHIVES = {"config": 8, "weights": 4, "member_bytes": 3, "members": 2, "sizes": 2}
OF_ARCHIVES.update({"flip": 1, "overwrite": 1, "cut": 1, "grow": 1, "move": 1})
OF_H5 = {"weights": 6, "flip": 4, "overwrite": 4, "cut": 1, "grow": 1, "move": 2}
OF_MODELS_IN_H5 = {**OF_H5, "config": 10}


def choose(rng, weights):
    """Return a list of one to three mutations.

    Those of HDF5 objects come first: they are made by h5py, which should not write to a file that is damaged already.
    """
    names, counts = list(weights), list(weights.values())
    found = [(rng.choices(names, counts)[0], rng.getrandbits(32)) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    return sorted(found, key=lambda mutation: mutation[0] not in ("weights", "config"))


def mutate(data, mutations):
    """Return the bytes after all mutations, in order."""
    for name, seed in mutations:
        with contextlib.suppress(Exception):  # an earlier mutation may have left nothing that this one can change
            data = MUTATIONS[name](data, random.Random(seed))
    return data
