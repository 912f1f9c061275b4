"""A model bundle on disk: a directory with ``bundle.json`` and the ONNX graphs it lists.

The manifest says everything that is needed to run the graphs and to read their answers: how a page becomes the
input, which output answers which check and in which class order, the calibration, and the digest of every file. A
bundle that is damaged, or written in a newer format, is refused before anything is served.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

from imagefaulty._manifest import Fields, digest_of
from imagefaulty.checks import CHECK_NAMES, Check, CheckName, check_named
from imagefaulty.errors import BundleDamaged, BundleNotFound, BundleTooNew

#: The newest manifest format that this version reads and writes.
FORMAT: Final = 1
MANIFEST: Final = "bundle.json"
#: What a manifest's ``extends`` says to mean the embedded bundle.
EMBEDDED: Final = "embedded"
#: The operating point that is used when none is asked for.
DEFAULT_OPERATING_POINT: Final = "balanced"

Layout = Literal["nhwc-uint8", "nchw-float32"]
Resize = Literal["squash", "letterbox"]
Decode = Literal["shrunk", "full"]
ResizeFilter = Literal["box", "bilinear", "hamming", "bicubic", "lanczos"]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """How a page becomes a graph's input tensor.

    Attributes:
        name: Name of the graph's input.
        width: Input width in px.
        height: Input height in px.
        layout: ``"nhwc-uint8"`` (RGB, the graph normalises) or ``"nchw-float32"`` (RGB, we normalise).
        resize: ``"squash"`` ignores the page's aspect ratio, ``"letterbox"`` keeps it and pads with ``fill``.
        filter: Resampling filter.
        decode: ``"shrunk"`` takes a page that was shrunk while decoding, which is several times faster; ``"full"``
            resizes the page in its full resolution, for graphs that must see the very pixels that somebody else's
            pipeline would give them.
        fill: RGB colour of the letterbox padding, 0-255.
        mean: Per-channel mean on the 0-1 scale, for ``"nchw-float32"`` only.
        std: Per-channel standard deviation on the 0-1 scale, for ``"nchw-float32"`` only.
    """

    name: str
    width: int
    height: int
    layout: Layout = "nhwc-uint8"
    resize: Resize = "squash"
    filter: ResizeFilter = "bilinear"
    decode: Decode = "shrunk"
    fill: tuple[int, int, int] = (0, 0, 0)
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def size(self) -> tuple[int, int]:
        """Input size as (width, height) in px."""
        return self.width, self.height


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """Which output answers a check, and the order of its classes.

    Attributes:
        name: Name of the graph's output; float32 logits, shape (n, classes).
        classes: Class names of :mod:`imagefaulty.checks` in the order of the logits.
    """

    name: str
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EvidenceSpec:
    """Where a graph says *where*.

    Attributes:
        name: Name of the output; float32 logits per cell, shape (n, channels, rows, columns).
        channels: What each channel marks. A channel named like a check marks the fault of that check.
    """

    name: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fallback:
    """The same graph in single precision, for machines on which the one in eight bits computes something else.

    Attributes:
        file: File name inside the bundle directory.
        sha256: Hex digest of the file.
        probe: Logits that the graph in eight bits gives for a white page where it computes what it should, by check,
            in the graph's order of classes.
    """

    file: str
    sha256: str
    probe: Mapping[CheckName, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class GraphSpec:
    """One ONNX file of a bundle.

    Attributes:
        file: File name inside the bundle directory.
        sha256: Hex digest of the file.
        input: How a page becomes the input.
        outputs: The output that answers each check this graph serves.
        embedding: Name of the embedding output, shape (n, at most 512), or None.
        evidence: The evidence output, or None.
        directory: Where the file is if not in the bundle's own directory: it belongs to the bundle that this one
            extends. Not written to a manifest.
        fallback: What to run where the file does not give the answers that it should, or None.
        narrow_sums: Whether sums of two products of bytes fit 16 bits in a graph in eight bits. If not, processors that
            add them so are asked for 32 bits, which takes half as long again.
    """

    file: str
    sha256: str
    input: InputSpec
    outputs: Mapping[CheckName, OutputSpec]
    embedding: str | None = None
    evidence: EvidenceSpec | None = None
    directory: Path | None = None
    fallback: Fallback | None = None
    narrow_sums: bool = False


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where a calibrated probability becomes a verdict.

    The probability is that of the fault class, or of the winning class for a check without one. At ``yes`` or above
    the verdict is yes, below ``no`` it is no, between them a person should look.
    """

    no: float
    yes: float


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """Calibration of one check in a bundle.

    Attributes:
        temperature: Divides the logits before the softmax.
        thresholds: Thresholds by operating point; ``"balanced"`` is always there.
        metrics: Measured figures, for people; not used in computing.
    """

    temperature: float
    thresholds: Mapping[str, Thresholds]
    metrics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified model bundle.

    Attributes:
        name: Name of the model.
        version: Version of the model.
        description: One line for people.
        digest: Hex SHA-256 of the manifest, which names the digests of all files, and of what it extends.
        directory: Where the files are.
        graphs: The ONNX graphs.
        checks: Calibration of every check that the graphs serve, in wire order.
        extends: The bundle that answers the checks which this one leaves: ``"embedded"``, or a directory (relative
            to this one's). Its graphs stand in ``graphs`` after the own ones.
    """

    name: str
    version: str
    description: str
    digest: str
    directory: Path
    graphs: tuple[GraphSpec, ...]
    checks: Mapping[CheckName, CheckSpec]
    extends: str | None = None

    def path(self, graph: GraphSpec) -> Path:
        """Return where the file of a graph is."""
        return (graph.directory or self.directory) / graph.file

    @property
    def model_version(self) -> str:
        """The version string that Label Studio stores with every prediction.

        It changes with any change of weights, thresholds or class order, and stays the same over restarts.
        """
        return f"{self.name}-{self.version}-{self.digest[:8]}"

    @property
    def operating_points(self) -> tuple[str, ...]:
        """Names of all operating points, the default first."""
        names = {point for spec in self.checks.values() for point in spec.thresholds}
        return (DEFAULT_OPERATING_POINT, *sorted(names - {DEFAULT_OPERATING_POINT}))


def default_directory() -> Path:
    """Return the directory of the embedded bundle."""
    return Path(__file__).parent / "bundles" / "default"


def load_bundle(directory: str | Path | None = None, *, published: Mapping[CheckName, str] | None = None) -> Bundle:
    """Read and verify a bundle.

    A directory without a manifest that holds ONNX files of the DALAI project under their published names is a bundle
    too, see :mod:`imagefaulty.published`.

    Args:
        directory: The bundle's directory; None means the embedded one.
        published: Other names for the published files, by check.

    Raises:
        BundleNotFound: There is no such directory, or no bundle in it.
        BundleDamaged: The manifest is malformed, or a file is missing or altered.
        BundleTooNew: The manifest's format is newer than this version reads.
    """
    home = default_directory() if directory is None else Path(directory)
    return _load(home, published or {}, ())


def write_manifest(bundle: Bundle) -> Path:
    """Write ``bundle.json`` beside the graphs of a bundle.

    Args:
        bundle: What to write. Its ``digest`` and the ``sha256`` of its graphs may be empty: the digests of the files
            as they are in ``bundle.directory`` are written. Of a bundle that extends another only its own part is
            written.

    Returns:
        The path of the manifest; read it back with :func:`load_bundle`.
    """
    own = [graph for graph in bundle.graphs if graph.directory is None]
    served = {check for graph in own for check in graph.outputs}
    manifest = {
        "format": FORMAT,
        "name": bundle.name,
        "version": bundle.version,
        "description": bundle.description,
        **({} if bundle.extends is None else {"extends": bundle.extends}),
        "graphs": [_graph_fields(graph, bundle.directory) for graph in own],
        "checks": {check: asdict(spec) for check, spec in bundle.checks.items() if check in served},
    }
    path = bundle.directory / MANIFEST
    path.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return path


def _graph_fields(graph: GraphSpec, home: Path) -> dict[str, Any]:
    fields = {**asdict(graph), "sha256": digest_of(home / graph.file)}
    del fields["directory"]
    if graph.fallback is not None:
        fields["fallback"]["sha256"] = digest_of(home / graph.fallback.file)
    return fields


def _load(home: Path, published: Mapping[CheckName, str], extending: tuple[Path, ...]) -> Bundle:
    """Load a bundle and, if it extends another, what it extends; ``extending`` are the bundles that led here."""
    if home.resolve() in extending:
        raise BundleDamaged(f"{home / MANIFEST}: extends itself; name another bundle in 'extends'")
    if home.is_dir() and not (home / MANIFEST).exists():
        from imagefaulty.published import published_bundle  # noqa: PLC0415 - needs ONNX Runtime; a manifest does not

        if (found := published_bundle(home, published)) is not None:
            return found
    data = _manifest_bytes(home)
    bundle = _parse(_json_object(data, home), home, hashlib.sha256(data).hexdigest())
    for graph in bundle.graphs:
        _verify(home / graph.file, graph.sha256)
        if graph.fallback is not None:
            _verify(home / graph.fallback.file, graph.fallback.sha256)
    if bundle.extends is None:
        return bundle
    base = default_directory() if bundle.extends == EMBEDDED else home / bundle.extends
    return merged(bundle, _load(base, published, (*extending, home.resolve())))


def merged(own: Bundle, base: Bundle) -> Bundle:
    """Return a bundle that answers with its own graphs, and with those of another what they leave.

    Args:
        own: The bundle whose answers come first; it keeps its name and version.
        base: The bundle that answers the other checks. Its evidence for a check that is answered by ``own`` keeps
            its place under the name ``"<check>@<bundle>"``: it no longer belongs to the answer.
    """
    rest = tuple(_without(graph, own, base) for graph in base.graphs if graph.outputs.keys() - own.checks.keys())
    checks = {**base.checks, **own.checks}
    digest = hashlib.sha256(f"{own.digest} {base.digest}".encode()).hexdigest()
    return replace(own, graphs=own.graphs + rest, checks=in_wire_order(checks), digest=digest)


def in_wire_order(checks: Mapping[CheckName, CheckSpec]) -> dict[CheckName, CheckSpec]:
    """Return the same entries in the order of the checks."""
    return {name: checks[name] for name in CHECK_NAMES if name in checks}


def _without(graph: GraphSpec, own: Bundle, base: Bundle) -> GraphSpec:
    evidence = graph.evidence
    if evidence is not None:
        names = (f"{name}@{base.name}" if name in own.checks else name for name in evidence.channels)
        evidence = replace(evidence, channels=tuple(names))
    outputs = {check: output for check, output in graph.outputs.items() if check not in own.checks}
    return replace(graph, outputs=outputs, evidence=evidence, directory=graph.directory or base.directory)


def _manifest_bytes(home: Path) -> bytes:
    if not home.is_dir():
        raise BundleNotFound(f"{home}: no such directory; give the directory of a model bundle")
    try:
        return (home / MANIFEST).read_bytes()
    except FileNotFoundError:
        raise BundleNotFound(
            f"{home}: no {MANIFEST} in it; give the directory that holds the manifest "
            "or the ONNX files under their published names"
        ) from None
    except OSError as error:
        raise BundleDamaged(f"{home / MANIFEST}: cannot be read ({error.strerror}); check its permissions") from None


def _json_object(data: bytes, home: Path) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BundleDamaged(f"{home / MANIFEST}: not a JSON object; install the bundle again")
    return value


def _parse(raw: dict[str, Any], home: Path, digest: str) -> Bundle:
    fields = Fields(raw, f"{home / MANIFEST}")
    if (found := fields.integer("format")) > FORMAT:
        raise BundleTooNew(
            f"{home / MANIFEST}: format {found} is newer than format {FORMAT} of this version; upgrade imagefaulty"
        )
    graphs = tuple(_graph(each) for each in fields.sections("graphs"))
    served = {check for graph in graphs for check in graph.outputs}
    specs = {_known(name, each).name: _check(each) for name, each in fields.named_sections("checks")}
    if not served or served != set(specs):
        raise fields.damaged("the checks that the graphs serve and the checks that are calibrated differ")
    return Bundle(
        name=fields.text("name"),
        version=fields.text("version"),
        description=fields.text("description", default=""),
        digest=digest,
        directory=home,
        graphs=graphs,
        checks=specs,
        extends=fields.optional_text("extends"),
    )


def _known(name: str, fields: Fields) -> Check:
    try:
        return check_named(name)
    except ValueError as error:
        raise fields.damaged(str(error)) from None


def _graph(fields: Fields) -> GraphSpec:
    evidence = fields.optional_section("evidence")
    fallback = fields.optional_section("fallback")
    return GraphSpec(
        file=_file(fields),
        sha256=fields.text("sha256"),
        input=_input(fields.section("input")),
        outputs={_known(name, each).name: _output(name, each) for name, each in fields.named_sections("outputs")},
        embedding=fields.optional_text("embedding"),
        evidence=None if evidence is None else EvidenceSpec(evidence.text("name"), evidence.texts("channels")),
        fallback=None if fallback is None else _fallback(fallback),
        narrow_sums=fields.truth("narrow_sums", default=False),
    )


def _file(fields: Fields) -> str:
    file = fields.text("file")
    if Path(file).name != file:
        raise fields.damaged(f"file {file!r} is not a plain file name")
    return file


def _fallback(fields: Fields) -> Fallback:
    logits = fields.section("probe")
    probe = {_known(name, logits).name: logits.numbers(name) for name in logits.raw}
    return Fallback(_file(fields), fields.text("sha256"), probe)


def _input(fields: Fields) -> InputSpec:
    std = fields.triple("std", default=(1.0, 1.0, 1.0))
    if min(std) <= 0:
        raise fields.damaged("std must be above 0")
    red, green, blue = fields.triple("fill", default=(0, 0, 0))
    return InputSpec(
        name=fields.text("name"),
        width=fields.integer("width", at_least=8),
        height=fields.integer("height", at_least=8),
        layout=fields.choice("layout", get_args(Layout)),
        resize=fields.choice("resize", get_args(Resize)),
        filter=fields.choice("filter", get_args(ResizeFilter)),
        decode=fields.choice("decode", get_args(Decode), default="shrunk"),
        fill=(int(red), int(green), int(blue)),
        mean=fields.triple("mean", default=(0.0, 0.0, 0.0)),
        std=std,
    )


def _output(name: str, fields: Fields) -> OutputSpec:
    classes = fields.texts("classes")
    if sorted(classes) != sorted(check_named(name).class_names):
        raise fields.damaged(f"classes of {name} must be {', '.join(check_named(name).class_names)} in some order")
    return OutputSpec(fields.text("name"), classes)


def _check(fields: Fields) -> CheckSpec:
    thresholds = {}
    for point, each in fields.named_sections("thresholds"):
        pair = Thresholds(each.number("no"), each.number("yes"))
        if not 0 <= pair.no <= pair.yes <= 1:
            raise each.damaged("thresholds must satisfy 0 <= no <= yes <= 1")
        thresholds[point] = pair
    if DEFAULT_OPERATING_POINT not in thresholds:
        raise fields.damaged(f"thresholds lack the operating point {DEFAULT_OPERATING_POINT!r}")
    if (temperature := fields.number("temperature")) <= 0:
        raise fields.damaged("temperature must be above 0")
    return CheckSpec(temperature, thresholds, fields.mapping("metrics"))


def _verify(path: Path, sha256: str) -> None:
    try:
        found = digest_of(path)
    except OSError as error:
        raise BundleDamaged(f"{path}: cannot be read ({error.strerror}); install the bundle again") from None
    if found != sha256:
        raise BundleDamaged(
            f"{path}: altered or truncated (its SHA-256 differs from {MANIFEST}); install the bundle again"
        )
