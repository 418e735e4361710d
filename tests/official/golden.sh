#!/bin/sh
# Do all four official helpers accept our golden signatures, and refuse what we did not sign? Needs setup.sh, no server.
set -eu
cd "$(dirname "$0")"
for sdk in new old; do
    python3 webhook.py "$sdk" golden
    node webhook.mjs "$sdk" golden
done
