#!/bin/sh
# Installs the dotenv libraries of Python and Node, pinned; quick when there is nothing to do.
set -eu
cd "$(dirname "$0")"
installed=../../target/dotenv

missing=
python3 -m pip --version >/dev/null 2>&1 || missing="$missing python3 (3.11 or newer, with pip)"
node --version >/dev/null 2>&1 || missing="$missing node (20 or newer)"
npm --version >/dev/null 2>&1 || missing="$missing npm"
if [ -n "$missing" ]; then
    echo "the dotenv libraries need:$missing" >&2
    exit 1
fi

# A copy of the pins is put beside each installation when it is complete.
if ! cmp -s requirements.txt "$installed/.pins"; then
    rm -rf "$installed"
    python3 -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --root-user-action=ignore \
        --target "$installed" --requirement requirements.txt
    cp requirements.txt "$installed/.pins"
fi
if ! cmp -s package-lock.json node_modules/.pins; then
    npm ci --loglevel=error
    cp package-lock.json node_modules/.pins
fi
echo "the dotenv libraries are installed"
