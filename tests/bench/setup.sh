#!/bin/sh
# Installs what the gateway is measured beside, pinned: Python's under target/bench, JavaScript's in node_modules.
set -eu
cd "$(dirname "$0")"
installed=../../target/bench/flask
PATH=$PATH:/usr/sbin

missing=
nginx -v >/dev/null 2>&1 || missing="$missing nginx-light"
command -v wrk >/dev/null 2>&1 || missing="$missing wrk"
python3 -m pip --version >/dev/null 2>&1 || missing="$missing python3 python3-pip"
{ node --version && npm --version; } >/dev/null 2>&1 || missing="$missing nodejs npm"
if [ -n "$missing" ]; then
    echo "this bench needs, as Debian calls them:$missing" >&2
    exit 1
fi

# A copy of the pins is put beside each installation when it is complete.
pins=$(cat requirements.txt ../../examples/flask/requirements.txt)
if [ "$pins" != "$(cat "$installed/.pins" 2>/dev/null)" ]; then
    rm -rf "$installed"
    python3 -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --root-user-action=ignore \
        --target "$installed" --requirement requirements.txt --requirement ../../examples/flask/requirements.txt
    echo "$pins" >"$installed/.pins"
fi
if ! cmp -s package-lock.json node_modules/.pins; then
    npm ci --loglevel=error
    cp package-lock.json node_modules/.pins
fi
echo "what the gateway is measured beside is installed"
