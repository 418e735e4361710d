#!/usr/bin/env bash
# Three environments on three servers of this machine: a key is replaced while calls go on, a leaked one is ended, and the
# audit log of each server is checked. Exits with 0 only if all of it holds.
#
#   examples/three-environments.sh [path of terra-auth]
#
# Needs bash 5 and curl. Everything happens in a folder of its own that is gone afterwards; only the servers started here
# are ended.
set -euo pipefail
umask 077

program=$(command -v "${1:-terra-auth}") || { echo "no such program: ${1:-terra-auth}" >&2; exit 2; }
program=$(realpath "$program")
work=$(mktemp -d)
servers=()
unset "${!TERRA_@}" # no key of the caller's

tidy_up() {
  touch "$work/stop"
  for pid in "${servers[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$work"
}
trap tidy_up EXIT
trap 'exit 130' INT TERM
cd "$work"

step() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
terra() { "$program" --env "$1" "${@:2}"; }

# What the credential file of an environment says, and a field of a JSON answer.
held() { sed -n "s/^$2=//p" ".env.terra.$1"; }
field() { sed -n "s/^ *\"$1\": \"\(.*\)\",\{0,1\}$/\1/p" | head -n 1; }

# The status of a call with a dev-id and a key, which stay out of the arguments that other users can see.
status() {
  local method=$1 url=$2 dev_id=$3 key=$4
  curl --silent --output /dev/null --write-out '%{http_code}' --max-time 5 --request "$method" --config - "$url" \
    <<<"header = \"dev-id: $dev_id\"
header = \"x-api-key: $key\"" || true
}

start() {
  local environment=$1
  mkdir "$environment"
  "$program" serve --sandbox --listen 127.0.0.1:0 --data-dir "$environment/data" --create-environment "$environment" \
    >"$environment/out" 2>"$environment/log" </dev/null &
  servers+=($!)
  for _ in {1..300}; do
    if grep --quiet --no-messages 'is ready at' "$environment/out"; then
      grep --only-matching --max-count 1 'ta_admin_[0-9a-f]*' "$environment/log" >"$environment/admin-token"
      return
    fi
    kill -0 "$!" 2>/dev/null || break
    sleep 0.1
  done
  cat "$environment/log" >&2
  fail "the server for $environment did not start"
}

admin() { TERRA_AUTH_ADMIN_TOKEN_FILE="$1/admin-token" terra "$@"; }

step "three servers, each with an environment of its own"
for environment in testing staging production; do
  start "$environment"
  echo "$environment: $(held "$environment" TERRA_API_URL), $(terra "$environment" verify-connection)"
done

step "a named operator for production, as the first admin token is for emergencies"
admin production admin tokens create --name deploy --role operator --expires-in-days 1 >operator 2>/dev/null
mv operator production/admin-token
echo "deploy is an operator"
if admin production admin tokens list >/dev/null 2>&1; then fail "an operator sees the admin tokens"; fi
echo "and sees no admin tokens"

step "production's key is replaced while two services go on calling"
mint="$(held production TERRA_API_URL)/auth/tokens"
dev_id=$(held production TERRA_DEV_ID)
old=$(held production TERRA_API_KEY)
follows() { while [[ ! -e stop ]]; do status POST "$mint" "$dev_id" "$(held production TERRA_API_KEY)"; echo; done >follows; }
lags() { while [[ ! -e stop ]]; do status POST "$mint" "$dev_id" "$old"; echo; done >lags; }
follows & workers=($!)
lags & workers+=($!)
sleep 1
admin production keys rotate --overlap 1h
[[ $(held production TERRA_API_KEY) != "$old" ]] || fail "the credential file has the old key"
sleep 1
touch stop
wait "${workers[@]}"
rm stop
for worker in follows lags; do
  all=$(wc -l <"$worker")
  failed=$(grep --count --invert-match '^200$' "$worker" || true)
  echo "the service that $worker: $all calls, $failed failed"
  ((all >= 10 && failed == 0)) || fail "a call failed, or there were too few to tell"
done

step "a key of staging leaks: it is used, so only --now ends it, and within a second nobody is let in with it"
issued=$(admin staging keys create --name leaked --output json)
leaked=$(field api_key <<<"$issued")
key_id=$(field key_id <<<"$issued")
base=$(held staging TERRA_API_URL)
dev_id=$(held staging TERRA_DEV_ID)
calls=("POST $base/auth/tokens" "GET $base/subscriptions" "POST ${base%/v2}/api/widget/session")
[[ $(status POST "$base/auth/tokens" "$dev_id" "$leaked") == 200 ]] || fail "the new key does not work"
if admin staging keys revoke "$key_id" --yes 2>refusal; then fail "a key in use was ended by mistake"; fi
grep 'was last used' refusal || fail "the refusal does not say why"
admin staging keys revoke "$key_id" --now --yes 2>/dev/null
now_us() { echo "${EPOCHREALTIME/[.,]/}"; }
since=$(now_us)
for call in "${calls[@]}"; do
  read -r method url <<<"$call"
  while begun=$(now_us) && [[ ! $(status "$method" "$url" "$dev_id" "$leaked") =~ ^40[13]$ ]]; do
    ((begun - since < 1000000)) || fail "$url still takes the leaked key"
  done
done
echo "refused by ${#calls[@]} calls $((($(now_us) - since) / 1000)) ms later; $(terra staging verify-connection)"

step "the audit log of every server is whole, and names who did what"
for environment in testing staging production; do
  echo "$environment: $(admin "$environment" audit verify)"
done
admin production audit list
admin production audit export | grep --quiet '"actor":"deploy".*"action":"api_key.rotate"' || fail "the rotation is not in the log"
admin production audit export | grep --quiet '"actor":"deploy".*"action":"admin_token.list".*"allowed":false' || fail "the denied act is not in the log"

step "all of it holds"
