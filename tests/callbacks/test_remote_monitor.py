"""RemoteMonitor, against a server in a thread."""

import http.server
import json
import socket
import threading
from urllib.parse import parse_qs

import numpy as np
import pytest

import fastfit
from fastfit import callbacks

X = np.random.default_rng(4).standard_normal((16, 3)).astype("float32")


class Server:
    """Keeps what is posted, and answers with a status or with nonsense."""

    def __init__(self, answer=200):
        self.seen = seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                seen.append((self.path, dict(self.headers), body))
                if answer is None:
                    self.wfile.write(b"what is this?\r\n\r\n")
                else:
                    self.send_response(answer)
                    self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def fit(monitor, epochs=2):
    model = fastfit.Sequential([fastfit.layers.Input((3,)), fastfit.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model.fit(X, X[:, :1], epochs=epochs, verbose=0, callbacks=[monitor])


def test_form():
    with Server() as server:
        history = fit(callbacks.RemoteMonitor(server.root))
    assert len(server.seen) == 2
    for epoch, (path, headers, body) in enumerate(server.seen):
        assert path == "/publish/epoch/end/"
        assert headers["Content-Type"] == "application/x-www-form-urlencoded"
        expected = {"epoch": epoch, **{key: v[epoch] for key, v in history.history.items()}}
        assert {key: [json.loads(text) for text in v] for key, v in parse_qs(body).items()} == {"data": [expected]}


def test_json_path_field_and_headers():
    with Server() as server:
        monitor = callbacks.RemoteMonitor(
            server.root, path="/x?y=1", headers={"Token": "abc"}, send_as_json=True, field="f"
        )
        history = fit(monitor, epochs=1)
        monitor.on_epoch_end(7, {"array": np.arange(3), "number": np.float32(0.5)})
        form = callbacks.RemoteMonitor(server.root, field="f")
        form.on_epoch_end(0)
    path, headers, body = server.seen[0]
    assert path == "/x?y=1" and headers["Token"] == "abc" and headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"epoch": 0, **{key: v[0] for key, v in history.history.items()}}
    assert json.loads(server.seen[1][2]) == {"epoch": 7, "array": [0, 1, 2], "number": 0.5}
    assert parse_qs(server.seen[2][2]) == {"f": ['{"epoch": 0}']}


def test_a_server_that_is_not_there_is_a_warning():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        root = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.warns(UserWarning, match=f"Could not reach RemoteMonitor root server at {root}"):
        history = fit(callbacks.RemoteMonitor(root))
    assert history.epoch == [0, 1]


def test_answers_do_not_end_training(recwarn):
    with Server(500) as server:
        assert fit(callbacks.RemoteMonitor(server.root)).epoch == [0, 1]
    assert not [w for w in recwarn if "RemoteMonitor" in str(w.message)]  # it was reached
    with Server(None) as server, pytest.warns(UserWarning, match="Could not reach RemoteMonitor"):
        assert fit(callbacks.RemoteMonitor(server.root)).epoch == [0, 1]


@pytest.mark.parametrize("root", ["file:///etc/passwd", "localhost:9000", ""])
def test_other_addresses(root):
    with pytest.raises(ValueError, match="http://"):
        callbacks.RemoteMonitor(root)
