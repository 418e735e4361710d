#!/bin/sh
# Installs the OAuth server of the third-party proof, pinned; quick when there is nothing to do. Its people use the browser
# of tests/browser.
set -eu
cd "$(dirname "$0")"

missing=
node --version >/dev/null 2>&1 || missing="$missing nodejs"
npm --version >/dev/null 2>&1 || missing="$missing npm"
if [ -n "$missing" ]; then
    echo "the third-party OAuth server needs:$missing" >&2
    exit 1
fi

# A copy of the pins is put beside the installation when it is complete.
if ! cmp -s package-lock.json node_modules/.pins; then
    npm ci --loglevel=error
    cp package-lock.json node_modules/.pins
fi
../browser/setup.sh >/dev/null
echo "the third-party OAuth server can run"
