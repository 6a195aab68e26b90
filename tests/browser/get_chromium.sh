#!/bin/sh
# A Chromium for the browser tests: one that is there, else Debian's package, else Playwright's own build.
set -u
python=$1
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done
as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo -n"
if command -v apt-get >/dev/null 2>&1 && $as_root true 2>/dev/null; then
    $as_root apt-get update -q >/dev/null 2>&1
    if DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -q chromium >/dev/null 2>&1; then exit 0; fi
fi
"$python" -m playwright install chromium
