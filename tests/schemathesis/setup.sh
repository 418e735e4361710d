#!/bin/sh
# Installs Schemathesis, pinned, under target/schemathesis.
set -eu
cd "$(dirname "$0")"
installed=../../target/schemathesis

if ! python3 -m pip --version >/dev/null 2>&1; then
    echo "Schemathesis needs python3 (3.11 or newer, with pip)" >&2
    exit 1
fi

# A copy of the pins is put beside the installation when it is complete.
if ! cmp -s requirements.txt "$installed/.pins"; then
    rm -rf "$installed"
    python3 -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --root-user-action=ignore \
        --target "$installed" --requirement requirements.txt
    cp requirements.txt "$installed/.pins"
fi
echo "Schemathesis is installed"
