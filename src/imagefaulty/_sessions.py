"""ONNX Runtime sessions: which file of a graph is run, and where.

A graph in eight bits is two to three times as fast as in single precision where the processor adds products of bytes
in 32 bits (x86 with VNNI, Arm). Elsewhere ONNX Runtime's kernels add pairs in 16 bits that saturate: under an emulated
Haswell the logits of pages moved by 2.9 in the mean and by 29 at worst. Graphs whose weights are such that those sums
fit say so (``narrow_sums``); for others the kernels are asked for precision (:func:`wide_sums`), which takes half as
long again. Processor flags would have to be read differently on every system, so the graph itself is asked: it runs a
white page, where activations are largest, and if its logits are not those that the bundle records the graph in single
precision is opened instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
import onnxruntime as ort

from imagefaulty.bundle import Bundle, Fallback, GraphSpec
from imagefaulty.checks import CheckName
from imagefaulty.errors import BundleDamaged, SettingsError

#: Where graphs run. ``auto`` is ``cuda`` where ONNX Runtime's build for it is installed, else ``cpu``.
Provider = Literal["auto", "cpu", "cuda", "openvino"]

_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu[cuda,cudnn]"),
    "openvino": ("OpenVINOExecutionProvider", "onnxruntime-openvino"),
}
_CPU: Final = "CPUExecutionProvider"
#: Log severity "error": warnings about graph optimisation help nobody who scans pages.
_ERRORS_ONLY: Final = 3
#: Largest difference of a logit, and what its size adds to that. Right kernels differ by what they round: by 0.01 where
#: a logit is 9, by 0.4 where it is 28. Saturating ones differ by 2.9 in the mean, over all logits.
_TOLERANCE: Final = 0.25
_TOLERANCE_SHARE: Final = 0.05


class Session:
    """An open graph.

    Args:
        bundle: The bundle it belongs to.
        graph: Which graph.
        threads: Threads inside one run.
        provider: Where to run.

    Attributes:
        file: The file that is run: the graph's own, or that in single precision.

    Raises:
        BundleDamaged: The file does not load, or lacks an input or output that the manifest names.
        SettingsError: The provider is not there.
    """

    __slots__ = ("_session", "file")

    def __init__(self, bundle: Bundle, graph: GraphSpec, *, threads: int, provider: Provider) -> None:
        providers = _providers(provider)
        spare = graph.fallback
        # Eight bits are made for processors; CUDA has no kernels for them and would compute in floats with detours.
        self.file = graph.file if spare is None or providers[0] != _NAMES["cuda"][0] else spare.file
        self._session = _opened(bundle, graph, self.file, threads, providers)
        if spare is not None and self.file == graph.file and not _as_recorded(self._session, graph, spare):
            self.file = spare.file
            self._session = _opened(bundle, graph, self.file, threads, providers)
        if provider in _NAMES and self._session.get_providers()[0] != _NAMES[provider][0]:
            raise SettingsError(f"{_NAMES[provider][0]} does not start here; check its drivers, or use --provider cpu")

    def run(self, names: list[str], inputs: Mapping[str, Any]) -> list[Any]:
        """Return the outputs of that name."""
        outputs: list[Any] = self._session.run(names, inputs)
        return outputs


def wide_sums(options: ort.SessionOptions) -> None:
    """Have a graph in eight bits computed right on processors without VNNI, though its sums do not fit 16 bits.

    Both factors are taken as unsigned bytes there, whose products are added in 32 bits; others compute as ever. On an
    AMD EPYC without VNNI the logits of 15 pages are off by 0.03 in the mean then, by 0.59 otherwise (against the same
    graph in floats, node by node), in 72 ms a page instead of 45; single precision takes 73.
    """
    options.add_session_config_entry("session.x64quantprecision", "1")


def probe(session: Any, graph: GraphSpec) -> dict[CheckName, tuple[float, ...]]:  # noqa: ANN401 - untyped package
    """Return the logits of a white page by check, in the graph's order of classes.

    Args:
        session: An ONNX Runtime session of the graph.
        graph: What its inputs and outputs mean.
    """
    size = (graph.input.height, graph.input.width, 3)
    page: Any = np.full((1, *size), 255, np.uint8)
    if graph.input.layout == "nchw-float32":
        mean, std = np.asarray(graph.input.mean, np.float32), np.asarray(graph.input.std, np.float32)
        page = ((1 - mean) / std).reshape(1, 3, 1, 1)
        page = np.ascontiguousarray(np.broadcast_to(page, (1, 3, *size[:2])), np.float32)
    names = [output.name for output in graph.outputs.values()]
    answers = session.run(names, {graph.input.name: page})
    return {check: tuple(map(float, answer[0])) for check, answer in zip(graph.outputs, answers, strict=True)}


def _as_recorded(session: ort.InferenceSession, graph: GraphSpec, fallback: Fallback) -> bool:
    found = probe(session, graph)
    pairs = ((found[check], fallback.probe.get(check)) for check in graph.outputs)
    return all(was is None or np.allclose(now, was, rtol=_TOLERANCE_SHARE, atol=_TOLERANCE) for now, was in pairs)


def _opened(bundle: Bundle, graph: GraphSpec, file: str, threads: int, providers: list[str]) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    if not graph.narrow_sums:
        wide_sums(options)
    # A thread that waits for the next run in a loop takes the processor from the page that is being decoded.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    path = bundle.path(graph).with_name(file)
    try:
        session = ort.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # noqa: BLE001 - ONNX Runtime raises a dozen unrelated types for a bad file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BundleDamaged(f"{path}: does not load ({reason}); install the bundle again") from None
    _demand(file, "input", {graph.input.name}, {each.name for each in session.get_inputs()})
    outputs = {output.name for output in graph.outputs.values()}
    outputs |= {graph.embedding} if graph.embedding is not None else set()
    outputs |= {graph.evidence.name} if graph.evidence is not None else set()
    _demand(file, "output", outputs, {each.name for each in session.get_outputs()})
    return session


def _providers(provider: Provider) -> list[str]:
    """Return names of execution providers, the preferred one first."""
    present = ort.get_available_providers()
    if provider == "auto":
        provider = "cuda" if _NAMES["cuda"][0] in present else "cpu"
    if provider == "cpu":
        return [_CPU]
    if provider not in _NAMES:
        raise SettingsError(f"there is no provider {provider!r}; use auto, cpu, cuda or openvino")
    name, package = _NAMES[provider]
    if name not in present:
        raise SettingsError(
            f"this ONNX Runtime has no {name}; install {package} in place of onnxruntime, or use --provider cpu"
        )
    if provider == "cuda":
        ort.preload_dlls()  # CUDA and cuDNN from their Python packages
    return [name, _CPU]


def _demand(file: str, what: str, named: set[str], present: set[str]) -> None:
    if missing := sorted(named - present):
        raise BundleDamaged(
            f"{file}: the graph has no {what} {', '.join(missing)}, which the manifest names; install the bundle again"
        )
