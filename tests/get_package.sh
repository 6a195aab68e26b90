#!/bin/sh
# A server that the tests need, as Debian's package: get_package.sh COMMAND PACKAGE. Where there is none, its tests
# are skipped and say so, so this never fails.
set -u
command=$1 package=$2
if command -v "$command" >/dev/null 2>&1; then exit 0; fi
for found in /usr/lib/postgresql/*/bin/"$command" /usr/sbin/"$command"; do
    if [ -x "$found" ]; then exit 0; fi
done
as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo -n"
if command -v apt-get >/dev/null 2>&1 && $as_root true 2>/dev/null; then
    $as_root apt-get update -q >/dev/null 2>&1
    if DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -q --no-install-recommends "$package" >/dev/null 2>&1; then
        exit 0
    fi
fi
echo "no $command: the package $package cannot be had here, so its tests will be skipped" >&2
exit 0
