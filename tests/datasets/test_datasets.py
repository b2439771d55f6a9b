"""Data sets: what load_data returns, where files are looked for, and that damaged files are refused."""

import gzip
import hashlib
import io
import os
import subprocess
import sys

import numpy as np
import pytest

from fastfit.datasets import digits, fashion_mnist, files, idx, mnist
from tests.processes import environment

SYSTEM_FASHION = "/usr/share/datasets/fashion-mnist"


def idx_bytes(array):
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def small_arrays(seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((7, 5, 4), (7,), (3, 5, 4), (3,))]


def write_idx(folder, arrays, suffix=""):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(files.IDX_FILES, arrays, strict=True):
        data = idx_bytes(array)
        (folder / (name + suffix)).write_bytes(gzip.compress(data) if suffix else data)


def assert_same(loaded, arrays):
    (x_train, y_train), (x_test, y_test) = loaded
    for got, want in zip((x_train, y_train, x_test, y_test), arrays, strict=True):
        assert got.dtype == np.uint8
        np.testing.assert_array_equal(got, want)


@pytest.fixture
def no_system_folder(monkeypatch):
    monkeypatch.setattr(files, "_SYSTEM_FOLDERS", ())


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_args):
        raise AssertionError("went to the network")

    monkeypatch.setattr(files, "_download_file", refuse)


def test_digits_are_the_uci_test_set():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert x_train.shape == (1500, 8, 8) and x_test.shape == (297, 8, 8)
    assert y_train.shape == (1500,) and y_test.shape == (297,)
    assert x_train.dtype == y_train.dtype == np.uint8
    assert x_train.max() == x_test.max() == 16
    counts = np.bincount(np.concatenate([y_train, y_test]))
    # Class counts of optdigits.tes as its documentation lists them.
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_digits_are_new_arrays_in_each_call():
    digits.load_data()[0][0][:] = 99
    assert digits.load_data()[0][0].max() == 16


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_folder_of_idx_files(tmp_path, suffix):
    arrays = small_arrays()
    write_idx(tmp_path, arrays, suffix)
    assert_same(mnist.load_data(tmp_path), arrays)
    assert_same(fashion_mnist.load_data(str(tmp_path)), arrays)


def test_npz_file_and_folder_with_it(tmp_path):
    arrays = small_arrays()
    np.savez(tmp_path / "mnist.npz", **dict(zip(files._NPZ_KEYS, arrays, strict=True)))
    assert_same(mnist.load_data(tmp_path / "mnist.npz"), arrays)
    assert_same(mnist.load_data(tmp_path), arrays)


def test_order_of_places(tmp_path, monkeypatch, no_network):
    given, home, system = small_arrays(1), small_arrays(2), small_arrays(3)
    write_idx(tmp_path / "given", given)
    write_idx(tmp_path / "system" / "mnist", system)
    monkeypatch.setattr(files, "_SYSTEM_FOLDERS", (str(tmp_path / "system"),))
    monkeypatch.setenv("FASTFIT_HOME", str(tmp_path / "home"))
    assert_same(mnist.load_data(), system)
    write_idx(tmp_path / "home" / "mnist", home)
    assert_same(mnist.load_data(), home)
    assert_same(mnist.load_data("mnist.npz"), home)
    assert_same(mnist.load_data(tmp_path / "given"), given)


def test_half_a_data_set_is_not_found(tmp_path):
    write_idx(tmp_path, small_arrays())
    os.unlink(tmp_path / files.IDX_FILES[3])
    with pytest.raises(FileNotFoundError, match="expected an .npz file, or a folder"):
        mnist.load_data(tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        mnist.load_data(tmp_path / "nowhere")


@pytest.mark.skipif(not os.path.isdir(SYSTEM_FASHION), reason="Debian's dataset-fashion-mnist is not installed")
def test_fashion_mnist_from_debian(tmp_path, monkeypatch, no_network):
    monkeypatch.setenv("FASTFIT_HOME", str(tmp_path))
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
    assert x_train.shape == (60000, 28, 28) and x_test.shape == (10000, 28, 28)
    assert np.bincount(y_train).tolist() == [6000] * 10
    assert np.bincount(y_test).tolist() == [1000] * 10
    digest = hashlib.sha256(idx_bytes(x_train)).hexdigest()
    assert digest == "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"


GOOD = idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an IDX file"),
        (b"\x89PNG" + GOOD, "not an IDX file"),
        (b"\0\0\x0d\3" + GOOD[4:], "type 0x0d"),
        (b"\0\0\x08\0", "dimensions. Received: 0"),
        (b"\0\0\x08\2" + GOOD[4:], "dimensions. Received: 2"),
        (GOOD[:9], "header ends early"),
        (GOOD[:-1], "24 bytes. Received: 23 bytes"),
        (GOOD + b"x", "Received: more bytes"),
        (b"\0\0\x08\3" + b"\xff" * 12, "more than 1073741824 bytes"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_damaged_idx(tmp_path, data, message, suffix):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(gzip.compress(data) if suffix else data)
    with pytest.raises(ValueError, match=message):
        idx.read_idx(path, ndim=3)


def test_damaged_gzip(tmp_path):
    whole = gzip.compress(GOOD)
    bad_bits = bytearray(whole)
    bad_bits[14] ^= 0x55
    for number, data in enumerate((b"not gzip at all", whole[:-9], bytes(bad_bits))):
        path = tmp_path / f"{number}.gz"
        path.write_bytes(data)
        with pytest.raises(ValueError, match=f"{number}.gz"):
            idx.read_idx(path)


def test_huge_claim_of_a_small_file_allocates_little(tmp_path):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\1" + (1 << 30).to_bytes(4, "big") + b"abc"))
    with pytest.raises(ValueError, match="Received: 3 bytes"):
        idx.read_idx(path)


def test_arrays_that_do_not_fit_together(tmp_path):
    arrays = small_arrays()
    write_idx(tmp_path, [arrays[0], arrays[1][:-1], *arrays[2:]])
    with pytest.raises(ValueError, match="training images"):
        mnist.load_data(tmp_path)
    write_idx(tmp_path, [arrays[0], arrays[1], arrays[2][:, :-1], arrays[3]])
    with pytest.raises(ValueError, match="images of one size"):
        mnist.load_data(tmp_path)


def test_damaged_npz(tmp_path):
    path = tmp_path / "mnist.npz"
    path.write_bytes(b"PK\x03\x04 but no more")
    with pytest.raises(ValueError, match="not a usable .npz file"):
        mnist.load_data(path)
    np.savez(path, x_train=np.zeros(3))
    with pytest.raises(ValueError, match="Missing: y_train, x_test, y_test"):
        mnist.load_data(path)
    np.savez(path, **{key: np.array([{}], dtype=object) for key in files._NPZ_KEYS})
    with pytest.raises(ValueError, match="not a usable .npz file"):
        mnist.load_data(path)


class TestDownload:
    """Against a stand-in for urlopen: tests use no network."""

    @pytest.fixture
    def source(self, tmp_path, monkeypatch, no_system_folder):
        buffer = io.BytesIO()
        self.arrays = small_arrays()
        np.savez(buffer, **dict(zip(files._NPZ_KEYS, self.arrays, strict=True)))
        self.data = buffer.getvalue()
        self.served = self.data
        self.requests = []

        def urlopen(url, timeout):
            self.requests.append(url)
            if self.served is None:
                raise OSError("no route to host")
            return io.BytesIO(self.served)

        monkeypatch.setattr("urllib.request.urlopen", urlopen)
        monkeypatch.setenv("FASTFIT_HOME", str(tmp_path / "home"))
        self.folder = tmp_path / "home" / "tiny"
        digest = hashlib.sha256(self.data).hexdigest()
        return files.Source("tiny", "https://example.invalid/", {"tiny.npz": (len(self.data), digest)})

    def test_once_and_then_from_the_cache(self, source):
        assert_same(files.load(source), self.arrays)
        assert_same(files.load(source), self.arrays)
        assert self.requests == ["https://example.invalid/tiny.npz"]
        assert os.listdir(self.folder) == ["tiny.npz"]

    @pytest.mark.parametrize("change", ["altered", "longer", "shorter"])
    def test_wrong_content_is_refused_and_removed(self, source, change):
        self.served = {
            "altered": self.data[:-1] + b"!",
            "longer": self.data + b"x" * 1000,
            "shorter": self.data[:-1],
        }[change]
        with pytest.raises(OSError, match="SHA-256"):
            files.load(source)
        assert os.listdir(self.folder) == []

    def test_no_network(self, source):
        self.served = None
        with pytest.raises(OSError, match="Without a network, put the files into"):
            files.load(source)
        assert os.listdir(self.folder) == []

    def test_https_only(self, source):
        source.base_url = "http://example.invalid/"
        with pytest.raises(ValueError, match="https"):
            files.load(source)


def test_import_does_not_load_urllib_request():
    code = "import sys, fastfit.datasets; sys.exit('urllib.request' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=environment(), check=False).returncode == 0
