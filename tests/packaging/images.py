"""Builds the image with buildah and runs it as a container engine would, as far as that can be had without one.

buildah's own ``run`` cannot make the root file system read-only, so a server is started here in namespaces of its own:
the image's files are mounted read-only (the kernel then refuses every write, root's too), Python is process 1, the user
is the image's, without any capability and without a way to get one. What only a real engine adds is not shown: its
network, its seccomp filter, limits on memory and processors.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REPOSITORY = Path(__file__).resolve().parent.parent.parent
BASE = "docker.io/library/python:3.11-slim"
TOOLS = ("buildah", "debootstrap", "unshare")
#: Run by ``sh`` in new mount and process namespaces: $1 is the root, $2 the working directory, $3 the user, $4 the
#: group, $5 folders (separated by blanks) for files that are forgotten, the rest the program. The mounts go away with
#: the namespace.
_ENTER = """
set -eu
root=$1 directory=$2 user=$3 group=$4 scratch=$5; shift 5
mount --bind "$root" "$root"
mount -t proc -o ro,nosuid,nodev,noexec proc "$root/proc"
mount -o remount,bind,ro "$root"
for folder in $scratch; do mount -t tmpfs -o nosuid,nodev,noexec scratch "$root$folder"; done
exec chroot "$root" setpriv --reuid "$user" --regid "$group" --clear-groups --no-new-privs \
    --bounding-set=-all --inh-caps=-all env --chdir "$directory" "$@"
"""


def missing_tools() -> list[str]:
    """What has to be there to build images and is not."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    return missing if os.geteuid() == 0 else ["root", *missing]


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What an image says about how it is run.

    Attributes:
        user: User and group as numbers.
        environment: Variables.
        command: Entry point and its arguments.
        directory: Working directory.
        health_check: The command that says whether it is well.
        ports: Ports that it listens on, such as ``"9090/tcp"``.
    """

    user: tuple[int, int]
    environment: dict[str, str]
    command: list[str]
    directory: str
    health_check: list[str]
    ports: set[str]


class ImageStore:
    """A store of images that belongs to the tests alone.

    Args:
        folder: Where it is kept. The base image stays there between runs, as it takes minutes to make.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make_base(self) -> None:
        """Make the base image from Debian packages, unless it is there."""
        subprocess.run([REPOSITORY / "docker" / "stand_in_base.sh", self.folder, BASE], check=True)
        # What a run that was cut off has left: half a gigabyte each.
        self.buildah("rm", "--all")
        self.buildah("rmi", "--prune", "--force")

    def build(self, name: str, *, requirements: str = "runtime") -> None:
        """Build the image from the repository as it is, with one of the files of pins."""
        secrets = [part for secret in _secrets() for part in ("--secret", secret)]
        self.buildah(
            *("bud", "--pull-never", "--isolation", "chroot", "--format", "docker", "--file", "docker/Dockerfile"),
            *(*secrets, "--build-arg", f"REQUIREMENTS={requirements}", "--tag", name, "."),
        )

    def config(self, name: str) -> ImageConfig:
        """Read what the image says."""
        described = json.loads(self.buildah("inspect", "--type", "image", name))
        raw = described["Docker"]["config"]
        user, group = raw["User"].split(":")
        return ImageConfig(
            user=(int(user), int(group)),
            environment=dict(line.split("=", 1) for line in raw["Env"]),
            command=raw["Entrypoint"] + raw["Cmd"],
            directory=raw["WorkingDir"],
            health_check=raw["Healthcheck"]["Test"],
            ports=set(raw["ExposedPorts"]),
        )

    def history(self, name: str) -> str:
        """All that the image tells about how it was made."""
        return self.buildah("inspect", "--type", "image", name)

    def unpack(self, name: str) -> tuple[str, Path]:
        """Make a container of the image; returns its name and the folder of its files."""
        container = self.buildah("from", "--pull-never", name).strip()
        return container, Path(self.buildah("mount", container).strip())

    def run(self, container: str, command: Sequence[str], *, mounts: Sequence[str] = ()) -> str:
        """Run a command in a container, as the user of its image; returns what it printed."""
        volumes = [part for mount in mounts for part in ("--volume", mount)]
        return self.buildah("run", "--isolation", "chroot", *volumes, container, "--", *command)

    def remove(self, *, containers: Sequence[str] = (), images: Sequence[str] = ()) -> None:
        """Remove containers, then images."""
        for container in containers:
            self.buildah("rm", container)
        for image in images:
            self.buildah("rmi", image)

    def buildah(self, *arguments: str) -> str:
        """Run buildah on this store; returns what it printed."""
        # vfs needs nothing of the kernel and so works inside other containers too.
        store = [
            "--root",
            str(self.folder / "images"),
            "--runroot",
            str(self.folder / "run"),
            "--storage-driver",
            "vfs",
        ]
        done = subprocess.run(
            ["buildah", *store, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise AssertionError(f"buildah {arguments[0]} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout


def read_only(
    root: Path,
    config: ImageConfig,
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    scratch: Sequence[str] = (),
) -> list[str]:
    """Return the command that runs ``command`` on the image's files as described at the top of this module.

    Args:
        root: Folder of the files.
        config: What the image says.
        command: The program and its arguments.
        environment: Variables to add to those of the image.
        scratch: Folders that can be written to after all, and start empty.
    """
    user, group = (str(number) for number in config.user)
    variables = [f"{name}={value}" for name, value in {**config.environment, **(environment or {})}.items()]
    return [
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _ENTER, "sh"),
        *(str(root), config.directory, user, group, " ".join(scratch), "-i", *variables, *command),
    ]


def size_bytes(root: Path) -> int:
    """Sum of the sizes of all files below a folder, links and devices not followed."""
    return sum(path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def _secrets() -> list[str]:
    """How this machine reaches its package index, handed to the build without becoming part of the image."""
    places: dict[str, Any] = {
        "pip.conf": os.environ.get("PIP_CONFIG_FILE") or "/etc/pip.conf",
        "ca-certificates": os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE"),
    }
    return [f"id={name},src={place}" for name, place in places.items() if place and Path(place).is_file()]
