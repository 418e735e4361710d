"""Gives the generated requests real rows to work on, and counts what is answered.

Schemathesis draws requests from openapi.json, valid ones and invalid ones. A drawn id or name is nobody's, so most valid
requests would end with 404. Here a valid part of a request gets real values, most of the time; an invalid part stays as it
was drawn. An operation that destroys something gets a row of its own each time.
"""

import atexit
import functools
import json
import os
from collections import Counter, defaultdict

import schemathesis
from schemathesis.core.parameters import ParameterLocation

import server

ENVIRONMENT = "/api/v3/admin/environments/{dev_id}"
READS = {"GET", "HEAD"}
# Refusals of well-formed requests: the rule depends on what the server has, so no schema can say it. By the beginning of the
# detail.
BEYOND_SCHEMA = {
    "resource: name": "resource is in the query or in the body, as old clients send it",
    "provider ": "which providers there are",
    "no provider can be offered": "which providers there are",
    "providers: unknown provider": "which providers there are",
    "to: a provider with a login that is enabled here": "which providers there are, and the allow-list",
    "connected_uids has ids": "which users there are",
    "auth_success_redirect_url: ": "which URLs a page may redirect to, see the allow-list",
    "auth_failure_redirect_url: ": "the same",
    "apple_app_url: ": "the same",
    "samsung_app_url: ": "the same",
    "user_id or reference_id is missing": "one of two parameters",
    "URL: https": "http on loopback only",
    "redirect_allow_list: URLs without": "no query, fragment or dot segments",
    "resource: name an on-device source": "which providers there are",
    "payload: a body that matches": "the schema of an event, which the document has under webhooks",
    "profile: ": "which profiles a recipe has",
    "headers: ": "header names that every call has anyway",
}
# The published contract of the streaming tokens answers 400, and not 401, to a call without credentials.
NO_CREDENTIALS_IS_400 = {"POST /auth/developer", "POST /auth/user"}

answers = defaultdict(Counter)
drawn = Counter()
beyond = Counter()


@schemathesis.hook
def before_call(context, case, kwargs):
    # Each redemption needs a token of its own.
    if case.headers.get("Authorization") == "Bearer mobile-token":
        case.headers["Authorization"] = f"Bearer {server.new_mobile_token()}"
        if is_valid(case, ParameterLocation.HEADER) and "dev-id" in case.headers:
            case.headers["dev-id"] = server.DEV_ID
    number = drawn[case.operation.label]
    drawn[case.operation.label] += 1
    if is_valid(case, ParameterLocation.PATH) and case.path_parameters:
        fill_path(case)
    as_drawn = number % 4 == 3
    if is_valid(case, ParameterLocation.QUERY) and not as_drawn:
        fill_query(case)
    # A destination that was drawn would send events out of this machine.
    if is_valid(case, ParameterLocation.BODY) and (not as_drawn or "destination" in case.path):
        body = with_real_values(case.body, case.operation.label)
        if body != case.body:
            case.body = body


@schemathesis.hook
def after_call(context, case, response):
    label = case.operation.label
    if label.startswith(f"{case.method} "):
        answers[label][response.status_code] += 1
    if label == "POST /api/v3/admin/tokens" and response.status_code == 201:
        server.admin("DELETE", f"/tokens/{response.json()['info']['token_id']}")


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Leaves out what is decided: see the two lists above."""
    if type(failure).__name__ == "RejectedPositiveData" and response.status_code == 400:
        body = response.json()
        detail = body.get("detail", body["message"]).removeprefix("invalid ")
        reason = next((text for text in BEYOND_SCHEMA if detail.startswith(text)), None)
        beyond[reason] += 1
        return reason is None
    return not (case.operation.label in NO_CREDENTIALS_IS_400 and type(failure).__name__ == "IgnoredAuth")


@atexit.register
def report():
    with open(os.environ["TERRA_TEST_ANSWERS"], "w") as file:
        json.dump({"answers": answers, "beyond": {text: beyond[text] for text in BEYOND_SCHEMA}}, file)


def is_valid(case, location):
    component = case.meta and case.meta.components.get(location)
    return component is None or component.mode.is_positive


def fill_path(case):
    """Reads look at the environment with real data; everything else gets an environment of its own."""
    path = case.path_parameters
    if "token_id" in path:
        path["token_id"] = server.new_token()
    if "dev_id" not in path:
        return
    lends = case.path.endswith("/access-token")
    if case.path.endswith("/signing-secret/rotate"):
        # One rotation refuses the next.
        path["dev_id"] = rotating_environment()
    else:
        path["dev_id"] = server.DEV_ID if lends or case.method in READS else server.new_environment()
    if "user_id" in path:
        path["user_id"] = server.USER_ID
    if "key_id" in path:
        path["key_id"] = server.new_key(path["dev_id"])
    if "destination_id" in path:
        path["destination_id"] = server.new_destination(path["dev_id"])
    if "event_id" in path:
        path["event_id"] = server.new_event(path["dev_id"])
    if "provider" in path:
        path["provider"] = server.PROVIDER
        if case.method != "PUT":
            server.new_app(path["dev_id"])


@functools.cache
def rotating_environment():
    return server.new_environment()


def fill_query(case):
    query = case.query
    if case.operation.label == f"DELETE {ENVIRONMENT}" and case.path_parameters:
        query.update(server.contents(case.path_parameters["dev_id"]))
    if case.operation.label == "DELETE /v2/auth/deauthenticateUser":
        query["user_id"] = server.new_user()
    if case.operation.label == "POST /auth/user":
        query["id"] = server.USER_ID
    if case.operation.label == "POST /v2/auth/authenticateSDKUser":
        query["resource"] = "APPLE"
    if case.operation.label == "POST /v2/auth/authenticateUser":
        query["resource"] = server.PROVIDER
    if case.operation.label == "GET /v2/userInfo":
        real = {"user_id": server.USER_ID, "reference_id": server.REFERENCE_ID}
        chosen = [name for name in real if name in query] or ["user_id"]
        query.update({name: real[name] for name in chosen})


REAL = {
    "resource": server.PROVIDER,
    "providers": server.PROVIDER,
    "provider": server.PROVIDER,
    "from": server.PROVIDER,
    "to": server.OTHER_PROVIDER,
    "auth_success_redirect_url": "https://app.example/done",
    "auth_failure_redirect_url": "https://app.example/failed",
    "success_url": "https://app.example/done",
    "failure_url": "https://app.example/failed",
    "apple_app_url": "https://app.example/apple",
    "samsung_app_url": "https://app.example/samsung",
    "logo_url": "https://app.example/logo.png",
    "redirect_allow_list": ["https://app.example/"],
    "destination": server.DESTINATION,
    "url": server.DESTINATION,
    "payload": server.EVENT,
    "event_types": ["auth"],
    "description": "the app",
    "connected_uids": [server.USER_ID],
    "headers": {"X-Subscription-Key": "not-a-secret"},
    "access_token": "not-a-secret",
}


def with_real_values(body, label):
    """Puts real values where the body has any; what is absent stays absent."""
    if label == "POST /v2/bulkUserInfo" and isinstance(body, list):
        return [server.USER_ID for _ in body]
    if isinstance(body, list):
        return [with_real_values(item, label) for item in body]
    if not isinstance(body, dict):
        return body
    return {name: real_value(name, value, label) for name, value in body.items()}


def real_value(name, value, label):
    if name not in REAL:
        return with_real_values(value, label)
    if isinstance(value, list) and isinstance(REAL[name], str):
        return [REAL[name]] if value else value
    return REAL[name] if value else value
