"""Checks that are answered by a model server over HTTP, instead of the bundle's own graphs.

Three kinds of server, named by ``REMOTE_PROTOCOL``:

* ``kserve``: the Open Inference Protocol, version 2 (KServe, MLServer, OpenVINO Model Server, TorchServe);
* ``triton``: the same with NVIDIA Triton's binary tensors, a tenth of the bytes;
* ``ort``: kibae's onnxruntime-server (``/api/sessions/MODEL/VERSION``).

``REMOTE_URL`` says where it is, ``REMOTE_CHECKS`` which models answer which checks::

    export REMOTE_PROTOCOL=ort REMOTE_URL=http://ort-server:8080
    export REMOTE_CHECKS="corner=corner/v1 empty=empty/v5_24_08_23"
    imagefaulty serve --customise examples/remote_model/model.py

The models here are the four published graphs, so pages are prepared as these want them.
"""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import httpx2
import numpy as np
from numpy.typing import NDArray

from imagefaulty import Page
from imagefaulty.bundle import InputSpec
from imagefaulty.calibration import probabilities
from imagefaulty.checks import CheckName, check_named
from imagefaulty.customising import Customisation
from imagefaulty.errors import SettingsError, SourceUnreachable
from imagefaulty.extras import ExtraCheck
from imagefaulty.network import prepare
from imagefaulty.published import PUBLISHED

#: A page takes a server some 30 ms; a cold model some seconds.
TIMEOUT_S = 20.0


class ModelServer(ABC):
    """A server and how to speak to it.

    Args:
        url: Its address.
        client: HTTP client, shared by all threads.
    """

    def __init__(self, url: str, client: httpx2.Client) -> None:
        self._url = url.rstrip("/")
        self._client = client

    @abstractmethod
    def infer(self, model: str, version: str, tensor: NDArray[np.float32]) -> list[float]:
        """Return the logits for one page.

        Args:
            model: Name of the model.
            version: Its version; "" for the server's choice.
            tensor: float32, shape (1, 3, height, width).
        """

    def post(self, path: str, **body: Any) -> Any:  # noqa: ANN401 - JSON
        """Send a request and return the JSON of the answer.

        Raises:
            SourceUnreachable: The server is away, too slow or refuses; the page's finding says so, and Label Studio
                asks again later.
        """
        try:
            answer = self._client.post(f"{self._url}{path}", **body)
            answer.raise_for_status()
            return answer.json()
        except httpx2.HTTPStatusError as error:
            status = error.response.status_code
            raise SourceUnreachable(f"the model server answers {status} to {path}; look into its log") from None
        except (httpx2.HTTPError, ValueError) as error:
            kind = type(error).__name__
            raise SourceUnreachable(f"the model server gives no answer to {path} ({kind}); check REMOTE_URL") from None


class KServe(ModelServer):
    """The Open Inference Protocol, tensors as JSON."""

    def infer(self, model: str, version: str, tensor: NDArray[np.float32]) -> list[float]:
        """Ask ``/v2/models/MODEL/infer``."""
        described = {"name": "input", "shape": list(tensor.shape), "datatype": "FP32", "data": tensor.ravel().tolist()}
        return _first_output(self.post(_v2_path(model, version), json={"inputs": [described]}))


class Triton(ModelServer):
    """The same protocol with the binary tensor extension: a JSON header, then the bytes of the tensor."""

    def infer(self, model: str, version: str, tensor: NDArray[np.float32]) -> list[float]:
        """Ask ``/v2/models/MODEL/infer``."""
        raw = tensor.astype("<f4").tobytes()
        described = {
            "name": "input",
            "shape": list(tensor.shape),
            "datatype": "FP32",
            "parameters": {"binary_data_size": len(raw)},
        }
        header = json.dumps({"inputs": [described], "parameters": {"binary_data_output": False}}).encode()
        headers = {"Inference-Header-Content-Length": str(len(header)), "Content-Type": "application/octet-stream"}
        return _first_output(self.post(_v2_path(model, version), content=header + raw, headers=headers))


class OnnxRuntimeServer(ModelServer):
    """onnxruntime-server: nested lists by the names of inputs and outputs."""

    def infer(self, model: str, version: str, tensor: NDArray[np.float32]) -> list[float]:
        """Ask ``/api/sessions/MODEL/VERSION``."""
        answer = self.post(f"/api/sessions/{model}/{version}", json={"input": tensor.tolist()})
        return [float(value) for value in next(iter(answer.values()))[0]]


SERVERS: dict[str, type[ModelServer]] = {"kserve": KServe, "triton": Triton, "ort": OnnxRuntimeServer}


class RemoteCheck(ExtraCheck):
    """One of the four checks, answered by a model server.

    Args:
        check: Name of the check.
        server: Where its model is.
        model: ``MODEL`` or ``MODEL/VERSION``.
    """

    def __init__(self, check: CheckName, server: ModelServer, model: str) -> None:
        super().__init__(check_named(check), version=model, page_size=None)
        self._server = server
        self._model, _, self._version = model.partition("/")
        known = PUBLISHED[check]
        self._order = [known.classes.index(name) for name in self.check.class_names]
        self._input = InputSpec(
            name="input",
            width=224,
            height=224,
            layout="nchw-float32",
            filter=known.filter,
            decode="full",
            mean=known.mean,
            std=known.std,
        )

    def probabilities(self, page: Page) -> Sequence[float]:
        """Prepare the page here and have the server run the model."""
        tensor, _ = prepare(page.pixels, self._input)
        logits = np.asarray(self._server.infer(self._model, self._version, tensor))[self._order]
        return [float(value) for value in probabilities(logits, temperature=1.0)]


class RemoteModels(Customisation):
    """Some of the four checks by a model server, the others by the bundle."""

    def extra_checks(self) -> Sequence[ExtraCheck]:
        """Read where the server is, and which models it has."""
        protocol = os.environ.get("REMOTE_PROTOCOL", "kserve")
        if protocol not in SERVERS:
            raise SettingsError(f"REMOTE_PROTOCOL: {protocol!r} is none of {', '.join(SERVERS)}")
        url = os.environ.get("REMOTE_URL", "http://localhost:8080")
        server = SERVERS[protocol](url, httpx2.Client(timeout=TIMEOUT_S))
        pairs = [pair.partition("=") for pair in os.environ.get("REMOTE_CHECKS", "").split()]
        return [RemoteCheck(check, server, model) for check, _, model in pairs]


def _v2_path(model: str, version: str) -> str:
    return f"/v2/models/{model}/versions/{version}/infer" if version else f"/v2/models/{model}/infer"


def _first_output(answer: Any) -> list[float]:  # noqa: ANN401 - JSON
    return [float(value) for value in np.ravel(answer["outputs"][0]["data"])]
