#!/usr/bin/env bash
# Builds Dockerfile.edge: by docker where an engine answers, else by buildah as root on a base that is made here
# from the packages of this Debian or Ubuntu. What pip and apt are told on this machine holds for the build too
# and is mounted, so that nothing of it stays in the image. BUILDER=buildah passes docker by. Prints one line:
# how to start a container.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

TAG=${1:-endcap-store}
CACHE="$PWD/.cache/image"
BASE=localhost/endcap-base
export PATH="$PATH:/usr/sbin:/sbin"
export BUILDAH_ISOLATION=chroot

have() { command -v "$1" >/dev/null 2>&1; }
say() { echo "  $*" >&2; }

if [ "${BUILDER:-docker}" = docker ] && have docker && docker info >/dev/null 2>&1; then
    docker build -f Dockerfile.edge -t "$TAG" . >&2
    echo "docker run --network host $TAG"
    exit 0
fi
have buildah && have debootstrap || { say "needs docker, or buildah and debootstrap (tests/servers/setup.sh)"; exit 1; }
[ "$(id -u)" = 0 ] || { say "buildah on a base of our own needs root"; exit 1; }

mkdir -p "$CACHE"
buildah() { command buildah --root "$CACHE/storage" --runroot "$CACHE/run" "$@"; }

make_base() {
    local suite mirror rootfs="$CACHE/rootfs" container
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' 'Component: main' |
        awk -v suite="$suite" '$1 == suite { print $2; exit }')
    [ -n "$mirror" ] || { say "apt names no mirror of $suite"; exit 1; }
    say "making a base of $suite (once)"
    rm -rf "$rootfs"
    debootstrap --variant=minbase --include=python3,python3-venv "$suite" "$rootfs" "$mirror" >"$CACHE/base.log" 2>&1 ||
        { tail -20 "$CACHE/base.log" >&2; exit 1; }
    rm -rf "$rootfs"/var/cache/apt/*.bin "$rootfs"/var/cache/apt/archives/*.deb "$rootfs"/var/lib/apt/lists/*
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$rootfs" / >/dev/null
    buildah commit --quiet --rm "$container" "$BASE" >/dev/null
    rm -rf "$rootfs"
}

mounts=(-v "/etc/ssl/certs:/etc/ssl/certs:ro")
mount_pip() { # pip's settings here, from files and environment alike, as one file for the build
    local conf="$CACHE/pip.conf" pip=.venv/bin/pip cert cache
    [ -x $pip ] || pip=pip3
    (
        umask 077
        echo "[global]"
        $pip config list | sed -nE "s/^(global|:env:)\.(index-url|extra-index-url|trusted-host|proxy|cert|timeout|default-timeout)='(.*)'$/\2 = \3/p" |
            awk -F ' = ' '!seen[$1]++' # the environment is listed first and wins
    ) >"$conf"
    mounts+=(-v "$conf:/etc/pip.conf:ro")
    cert=$(sed -n 's/^cert = //p' "$conf")
    case $cert in '' | /etc/ssl/certs/*) ;; *) mounts+=(-v "$cert:$cert:ro") ;; esac
    cache=$($pip cache dir 2>/dev/null || true)
    if [ -n "$cache" ]; then # what .venv was made of need not be fetched again
        mkdir -p "$cache"
        mounts+=(-v "$cache:/var/cache/pip")
    fi
}

buildah inspect --type image "$BASE" >/dev/null 2>&1 || make_base
mount_pip
say "building $TAG"
buildah bud --quiet --pull-never --format docker --layers -f Dockerfile.edge --build-arg "BASE=$BASE" \
    "${mounts[@]}" -t "$TAG" . >"$CACHE/build.log" 2>&1 || { tail -40 "$CACHE/build.log" >&2; exit 1; }
echo "buildah --root $CACHE/storage --runroot $CACHE/run from $TAG"
