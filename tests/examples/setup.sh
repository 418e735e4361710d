#!/bin/sh
# Installs what the examples and their test need, pinned: Python's under target/examples, JavaScript's in node_modules.
set -eu
cd "$(dirname "$0")"
installed=../../target/examples

missing=
python3 -m pip --version >/dev/null 2>&1 || missing="$missing python3 (3.11 or newer, with pip)"
node --version >/dev/null 2>&1 || missing="$missing node (20 or newer)"
npm --version >/dev/null 2>&1 || missing="$missing npm"
curl --version >/dev/null 2>&1 || missing="$missing curl"
if [ -n "$missing" ]; then
    echo "the examples need:$missing" >&2
    exit 1
fi

# A copy of the pins is put beside each installation when it is complete.
pins=../../examples/flask/requirements.txt
if ! cmp -s "$pins" "$installed/flask/.pins"; then
    rm -rf "$installed/flask"
    python3 -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --root-user-action=ignore \
        --target "$installed/flask" --requirement "$pins"
    cp "$pins" "$installed/flask/.pins"
fi
for folder in . ../../examples/express; do
    if ! cmp -s "$folder/package-lock.json" "$folder/node_modules/.pins"; then
        npm ci --loglevel=error --prefix "$folder"
        cp "$folder/package-lock.json" "$folder/node_modules/.pins"
    fi
done
echo "the examples can run"
