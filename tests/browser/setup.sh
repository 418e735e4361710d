#!/bin/sh
# Installs what the browser test needs, pinned; quick when there is nothing to do. The browser itself is the system's.
set -eu
cd "$(dirname "$0")"

missing=
node --version >/dev/null 2>&1 || missing="$missing nodejs"
npm --version >/dev/null 2>&1 || missing="$missing npm"
command -v "${CHROMIUM:-/usr/bin/chromium}" >/dev/null || missing="$missing chromium"
if [ -n "$missing" ]; then
    echo "the browser test needs:$missing" >&2
    echo "on Debian: apt-get install$missing; CHROMIUM names a browser at another place than /usr/bin/chromium" >&2
    exit 1
fi

# A copy of the pins is put beside the installation when it is complete.
if ! cmp -s package-lock.json node_modules/.pins; then
    npm ci --loglevel=error
    cp package-lock.json node_modules/.pins
fi
echo "the browser test can run"
