#!/bin/sh
# A folder with this distribution's arm64 libraries (C library, OpenBLAS, FFTW, OpenMP), so that what is built for
# aarch64 links and runs under qemu-aarch64 on a machine of another architecture; or with other packages of arm64. Its own packages are not touched:
# apt works with an architecture, state and cache of its own. Prints the folder; does nothing when it is complete.
#
#   tests/payloads/arm64_root.sh [FOLDER [PACKAGE...]]     .cache/arm64 in the repository; about 30 MB to download
#   aarch64-linux-gnu-gcc --sysroot=$root x.c -lopenblas
#   QEMU_LD_PREFIX=$root qemu-aarch64 -cpu neoverse-n1 ./a.out
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
root=${1:-$here/.cache/arm64}
[ $# -eq 0 ] || shift
packages=${*:-"libc6 libc6-dev libgomp1 libgfortran5 libopenblas0-pthread libopenblas-pthread-dev libopenblas-dev liblapack3
libfftw3-dev libfftw3-double3 libfftw3-single3"}

# shellcheck disable=SC2086
stamp=$(printf '%s ' 2 $packages)
if [ "$(cat "$root/.complete" 2>/dev/null)" = "$stamp" ]; then
    echo "$root"
    exit 0
fi
rm -rf "$root" "$root.apt"
mkdir -p "$root" "$root.apt/lists/partial" "$root.apt/archives/partial" "$root.apt/parts"
: >"$root.apt/status"

# shellcheck disable=SC1091
. /etc/os-release
case $ID in
debian)
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb [arch=arm64 signed-by=$keys] http://deb.debian.org/debian $VERSION_CODENAME main" ;;
ubuntu)
    keys=/usr/share/keyrings/ubuntu-archive-keyring.gpg
    for suite in "$VERSION_CODENAME" "$VERSION_CODENAME-updates"; do
        echo "deb [arch=arm64 signed-by=$keys] http://ports.ubuntu.com/ubuntu-ports $suite main universe"
    done ;;
*)
    echo "arm64_root.sh: knows the archives of Debian and Ubuntu, not of $ID" >&2
    exit 1 ;;
esac >"$root.apt/sources.list"

apt() {
    apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o APT::Sandbox::User="$(id -un)" \
        -o Dir::Etc::sourcelist="$root.apt/sources.list" -o Dir::Etc::sourceparts="$root.apt/parts" \
        -o Dir::State::lists="$root.apt/lists" -o Dir::State::status="$root.apt/status" \
        -o Dir::Cache="$root.apt" -o Dir::Cache::archives="$root.apt/archives" -o Debug::NoLocking=1 "$@"
}
apt update >&2
# shellcheck disable=SC2086
apt --no-install-recommends --download-only -y install $packages >&2
for package in "$root.apt"/archives/*.deb; do dpkg-deb -x "$package" "$root"; done
# Packages for a system whose /lib is /usr/lib leave that link to another package.
[ -e "$root/lib" ] || ln -s usr/lib "$root/lib"
# The links that update-alternatives would make.
libraries=$root/usr/lib/aarch64-linux-gnu
[ ! -d "$libraries/openblas-pthread" ] ||
    for name in libopenblas.so libopenblas.so.0; do ln -sf "openblas-pthread/$name" "$libraries/$name"; done
rm -rf "$root.apt"
echo "$stamp" >"$root/.complete"
echo "$root"
