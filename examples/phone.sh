#!/usr/bin/env bash
# What a phone app does, with curl: logs in to the Express app, gets a mobile token through the gateway, redeems it as the
# mobile SDK would, and asks the gateway for its user's connections. See express/README.md for what must be running.
#
#   examples/phone.sh [name password]
#
# TERRA_DEV_ID and TERRA_API_URL are built into a phone app. Neither is secret; the API key is, and no phone has it.
set -euo pipefail

name=${1:-alice}
password=${2:-wonderland}
app=${APP_URL:-http://127.0.0.1:3000}
gateway=${GATEWAY_URL:-http://127.0.0.1:8790}
terra=${TERRA_API_URL:-http://127.0.0.1:8787/v2}
dev_id=${TERRA_DEV_ID:?is not set: it is in .env.terra.testing}

# A header with a token goes through standard input, as arguments can be seen by other users of the machine.
call() { curl --silent --show-error --fail-with-body --max-time 10 --config - "$@"; }
with() { printf 'header = "%s"\n' "$@"; }
field() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }

login=$(printf '{"name":"%s","password":"%s"}' "$name" "$password" |
  curl --silent --show-error --fail-with-body --max-time 10 --json @- "$app/login")
bearer="authorization: Bearer $(field token <<<"$login")"
echo "$name is logged in"

minted=$(with "$bearer" | call --request POST "$gateway/api/terra/mobile-token")
reference_id=$(field reference_id <<<"$minted")
echo "the gateway minted a token for $reference_id"

redeem="resource=APPLE&resource_user_identifier=phone-of-$reference_id&reference_id=$reference_id"
redeemed=$(with "authorization: Bearer $(field token <<<"$minted")" "dev-id: $dev_id" |
  call --request POST "$terra/auth/authenticateSDKUser?$redeem")
user_id=$(field user_id <<<"$redeemed")
echo "Apple Health is connected as $user_id"

for _ in {1..20}; do
  known=$(with "$bearer" | call "$gateway/api/terra/connections")
  if [[ $known == *"$user_id"* ]]; then
    echo "the gateway knows: $known"
    exit
  fi
  sleep 1
done
echo "the gateway has not heard of the connection: is the server told to post its events to $gateway/webhooks/terra?" >&2
exit 1
