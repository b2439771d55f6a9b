"""Files that are whole or not there."""

import os
import signal
import stat
import subprocess
import sys
import threading

import pytest

from fastfit.utils.atomic import remove_leftovers, replacing
from tests.processes import environment


def test_the_file_is_replaced_at_the_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as temporary:
        assert os.path.dirname(temporary) == str(tmp_path) and temporary != str(path)
        with open(temporary, "w") as file:
            file.write("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        with open(temporary, "w") as file:
            file.write("half")
        raise ZeroDivisionError
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_links_and_directories(tmp_path):
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with replacing(tmp_path / "link") as temporary, open(temporary, "w") as file:
        file.write("new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "target").read_text() == "new"
    with pytest.raises(IsADirectoryError, match="it is a directory"), replacing(tmp_path):
        pass
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "none" / "a") as temporary:
        open(temporary, "w")


WRITER = """
import sys
from fastfit.utils.atomic import replacing
path, size = sys.argv[1], int(sys.argv[2])
print("ready", flush=True)
k = 0
while True:
    k += 1
    with replacing(path) as temporary, open(temporary, "wb") as file:
        for _ in range(50):
            file.write(bytes([k % 256]) * (size // 50))
            file.flush()
"""


def test_a_killed_writer_leaves_a_whole_file(tmp_path):
    path, size = tmp_path / "a.bin", 50000
    for k in range(6):
        command = [sys.executable, "-c", WRITER, str(path), str(size)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment())
        writer.stdout.readline()
        threading.Event().wait(0.02 + 0.017 * k)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        if path.exists():
            content = path.read_bytes()
            assert len(content) == size and len(set(content)) == 1
    remove_leftovers(path)
    assert [name for name in os.listdir(tmp_path) if name.endswith(".tmp")] == []


def test_leftovers_of_the_living_and_of_others_stay(tmp_path):
    path = tmp_path / "a"
    with replacing(path) as temporary:
        open(temporary, "w").close()
        others = [".a.somebody.tmp", ".b.x-1-1.tmp", ".a.elsewhere-999999999-0.tmp", ".a..tmp"]
        for name in others:
            (tmp_path / name).write_text("")
        remove_leftovers(path)
        assert os.path.exists(temporary)
        dead = temporary.replace(f"-{os.getpid()}-", "-999999999-")
        open(dead, "w").close()
        remove_leftovers(path)
        assert not os.path.exists(dead)
    assert sorted(os.listdir(tmp_path)) == sorted(["a", *others])


def test_several_threads_write_one_file(tmp_path):
    path = tmp_path / "a"

    def write(k):
        for _ in range(20):
            with replacing(path) as temporary, open(temporary, "w") as file:
                file.write(str(k) * 1000)

    threads = [threading.Thread(target=write, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(path.read_text())) == 1 and len(path.read_text()) == 1000
    assert os.listdir(tmp_path) == ["a"]
