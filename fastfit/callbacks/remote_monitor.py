"""RemoteMonitor: the logs of every epoch, sent to a server."""

import json
import warnings
from urllib.error import HTTPError
from urllib.parse import urlencode

import numpy as np

from fastfit.callbacks.callback import Callback


class RemoteMonitor(Callback):
    """Send the logs to a server at the end of every epoch, as an HTTP POST.

    A server that cannot be reached is a warning; training goes on.

    Parameters
    ----------
    root : str, default="http://localhost:9000"
    path : str, default="/publish/epoch/end/"
    field : str, default="data"
        Name of the form's field that holds the JSON text, unless it is sent as JSON.
    headers : dict, optional
        Further HTTP headers.
    send_as_json : bool, default=False
        Send JSON instead of a form.
    timeout : float, default=10
        Seconds to wait for the server.
    """

    def __init__(
        self,
        root="http://localhost:9000",
        path="/publish/epoch/end/",
        field="data",
        headers=None,
        send_as_json=False,
        timeout=10,
    ):
        super().__init__()
        if not str(root).startswith(("http://", "https://")):
            raise ValueError(f"`root` must be an address that begins with http:// or https://. Received: root={root!r}")
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json
        self.timeout = timeout

    def on_epoch_end(self, epoch, logs=None):
        import urllib.request

        event = {"epoch": epoch, **{key: _plain(value) for key, value in (logs or {}).items()}}
        text = json.dumps(event)
        if self.send_as_json:
            body, kind = text.encode(), "application/json"
        else:
            body, kind = urlencode({self.field: text}).encode(), "application/x-www-form-urlencoded"
        request = urllib.request.Request(
            self.root + self.path, data=body, headers={"Content-Type": kind, **(self.headers or {})}, method="POST"
        )
        try:
            urllib.request.urlopen(request, timeout=self.timeout).close()
        except HTTPError:
            pass  # the server was reached, and what it makes of the event is its business
        except Exception as error:  # whatever a server answers, training goes on
            warnings.warn(f"Could not reach RemoteMonitor root server at {self.root}: {error}", stacklevel=2)


def _plain(value):
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
