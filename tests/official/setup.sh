#!/bin/sh
# Installs the official clients, unmodified and pinned: Python's under target/official, JavaScript's in node_modules.
set -eu
cd "$(dirname "$0")"
installed=../../target/official

missing=
python3 -m pip --version >/dev/null 2>&1 || missing="$missing python3 (3.11 or newer, with pip)"
node --version >/dev/null 2>&1 || missing="$missing node (20 or newer)"
npm --version >/dev/null 2>&1 || missing="$missing npm"
if [ -n "$missing" ]; then
    echo "the official clients need:$missing" >&2
    exit 1
fi

# A copy of the pins is put beside each installation when it is complete.
for sdk in new old; do
    if ! cmp -s "requirements-$sdk.txt" "$installed/py-$sdk/.pins"; then
        rm -rf "$installed/py-$sdk"
        python3 -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --root-user-action=ignore \
            --target "$installed/py-$sdk" --requirement "requirements-$sdk.txt"
        cp "requirements-$sdk.txt" "$installed/py-$sdk/.pins"
    fi
done
if ! cmp -s package-lock.json node_modules/.pins; then
    npm ci --loglevel=error
    cp package-lock.json node_modules/.pins
fi
echo "the official clients are installed"
