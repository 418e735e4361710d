"""The server under test: plain calls to it, and the rows that the operations need."""

import itertools
import json
import os
import urllib.error
import urllib.request

URL = os.environ["TERRA_TEST_URL"]
DEV_ID = os.environ["TERRA_DEV_ID"]
API_KEY = os.environ["TERRA_API_KEY"]
ADMIN_TOKEN = os.environ["TERRA_ADMIN_TOKEN"]
# A connection through the practice provider, with its end user's reference id.
USER_ID = os.environ["TERRA_TEST_USER_ID"]
REFERENCE_ID = os.environ["TERRA_TEST_REFERENCE_ID"]
# A second one, which the seed deauthenticates: its grant is revoked at the provider.
LEFT_USER_ID = os.environ["TERRA_TEST_LEFT_USER_ID"]
# A receiver of webhooks on this machine.
DESTINATION = os.environ["TERRA_TEST_DESTINATION"]
EVENT = {"type": "auth_cancelled", "status": "error", "reason": "access_denied", "reference_id": REFERENCE_ID}
SCOPES = ["auth:write", "connections:read", "connections:write", "providers:read", "webhooks:write", "access-tokens:read"]
PROVIDER, OTHER_PROVIDER = "FITBIT", "OURA"

KEYS = {"dev-id": DEV_ID, "x-api-key": API_KEY}
ADMIN = {"authorization": f"Bearer {ADMIN_TOKEN}"}
_numbers = itertools.count(1)


def call(method, path, headers, body=None):
    """The answer of a call that must work, as JSON."""
    data = None if body is None else json.dumps(body).encode()
    headers = {**headers, "content-type": "application/json"} if data else headers
    request = urllib.request.Request(URL + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from error


def admin(method, path, body=None):
    return call(method, "/api/v3/admin" + path, ADMIN, body)


def new_environment():
    return admin("POST", "/environments", {"environment": "testing", "name": "throw-away"})["dev_id"]


def new_key(dev_id):
    return admin("POST", f"/environments/{dev_id}/keys", {"name": "throw-away"})["key"]["key_id"]


def new_destination(dev_id):
    return admin("POST", f"/environments/{dev_id}/destinations", {"url": DESTINATION})["destination_id"]


def new_event(dev_id):
    return admin("POST", f"/environments/{dev_id}/events", {"payload": EVENT})["event_id"]


def new_token():
    body = {"name": "throw-away", "role": "read-only"}
    return admin("POST", "/tokens", body)["info"]["token_id"]


def new_app(dev_id):
    body = {"client_id": "acme", "client_secret": "not-a-secret"}
    admin("PUT", f"/environments/{dev_id}/provider-apps/{PROVIDER}", body)


def new_mobile_token():
    return call("POST", "/v2/auth/generateAuthToken", KEYS)["token"]


def new_user():
    """A connection of a source on a device."""
    device = f"schemathesis-{next(_numbers)}"
    headers = {"dev-id": DEV_ID, "authorization": f"Bearer {new_mobile_token()}"}
    path = f"/v2/auth/authenticateSDKUser?resource=APPLE&resource_user_identifier={device}&reference_id=device"
    return call("POST", path, headers)["user_id"]


def contents(dev_id):
    return admin("GET", f"/environments/{dev_id}/contents")


def seed():
    """Leaves something to show for every list: a revocation, a delivery, an app, entries in the audit log. A new key with
    every scope."""
    admin("PATCH", f"/environments/{DEV_ID}", {"user_limit": None})
    call("PUT", "/v2/webhooks/destination", KEYS, {"destination": DESTINATION})
    call("POST", "/api/widget/session", KEYS, {"reference_id": REFERENCE_ID})
    new_app(DEV_ID)
    call("DELETE", f"/v2/auth/deauthenticateUser?user_id={LEFT_USER_ID}", KEYS)
    new_user()
    body = {"name": "every scope", "scopes": SCOPES}
    return admin("POST", f"/environments/{DEV_ID}/keys", body)["api_key"]
