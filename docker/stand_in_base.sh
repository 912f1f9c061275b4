#!/bin/sh
# Make an image that can stand in for docker.io/library/python:3.11-slim out of Debian packages alone, so that the
# Dockerfile can be built and run where there is neither a Docker engine nor an image registry.
#
#   usage: docker/stand_in_base.sh STORE [NAME]
#
# STORE is the folder of the image store; NAME is the image to make. What is there already is kept. Needs root, with
# Debian's debootstrap and buildah. The package mirror is the one this machine is set up with; DEBIAN_MIRROR names another.
#
# It differs from the real base: Python is Debian's, below /usr instead of /usr/local, and pip is older.
set -eu

store=${1:?usage: $0 STORE [NAME]}
name=${2:-docker.io/library/python:3.11-slim}
suite=bookworm # the Debian release whose python3 is 3.11

image_store() { # vfs needs nothing of the kernel, unlike overlay
    buildah --root "$store/images" --runroot "$store/run" --storage-driver vfs "$@"
}

mirror() { # on Debian, the first archive that apt is set up with, security updates aside
    grep -q '^ID=debian$' /etc/os-release || return 0
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1
}

if image_store inspect --type image "$name" >/dev/null 2>&1; then
    echo "$name is in $store" >&2
    exit 0
fi

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
trap 'exit 130' INT TERM

# shellcheck disable=SC2046 # no mirror found means no argument: debootstrap has a default of its own
debootstrap --variant=minbase --include=ca-certificates,python3,python3-pip,python3-venv \
    "$suite" "$tree" ${DEBIAN_MIRROR:-$(mirror)} >&2
ln -s python3 "$tree/usr/bin/python"
rm -rf "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/* "$tree"/usr/lib/python3*/EXTERNALLY-MANAGED

container=$(image_store from scratch)
image_store add --quiet "$container" "$tree" / >/dev/null
image_store config --cmd python3 "$container"
image_store commit --quiet --rm "$container" "$name" >/dev/null
echo "$name is made in $store" >&2
