"""Runs every auth operation of terra-python 1.1.0 against a server, errors included. See README.md."""

import asyncio

import checks
from checks import UNKNOWN_USER, absolute, check, equal, holds, matches, problem, refused, setting, strings, uuid

checks.use_sdk("py-new")

from terra import AsyncTerra, Terra  # noqa: E402
from terra.core.api_error import ApiError  # noqa: E402
from terra.errors.bad_request_error import BadRequestError  # noqa: E402
from terra.errors.not_found_error import NotFoundError  # noqa: E402

URL = setting("TERRA_TEST_URL")
KEYS = {"dev_id": setting("TERRA_DEV_ID"), "api_key": setting("TERRA_API_KEY")}
USER = setting("TERRA_TEST_USER_ID")
REFERENCE = setting("TERRA_TEST_REFERENCE_ID")
WRONG_KEY = "wrong-key-not-a-secret"


def main():
    client = Terra(base_url=f"{URL}/v2", **KEYS)
    provider = users(client)
    widget_sessions(client, provider)
    auth_tokens(client)
    authenticate(client, provider)
    subscriptions(client)
    integrations(client, provider)
    refusals(client)
    wrong_keys(provider)
    deauthenticate(client)
    checks.done()


def users(client):
    with check("userInfo by id shows the user"):
        info = client.user.getinfoforuserid(user_id=USER)
        equal(info.status, "success")
        equal(info.is_authenticated, True)
        equal((info.user.user_id, info.user.reference_id), (USER, REFERENCE))
        matches("[A-Z0-9_]+", info.user.provider)
        # The Java client needs these two to be there, be they null.
        holds({"last_webhook_update", "scopes"} <= info.user.model_fields_set, info.user)
    with check("userInfo by reference id is a list of users"):
        found = client.user.getinfoforuserid(reference_id=REFERENCE)
        holds(isinstance(found, list) and USER in [user.user_id for user in found], found)
        equal({user.reference_id for user in found}, {REFERENCE})
    with check("bulkUserInfo is a list of users"):
        found = client.user.getinfoformultipleuserids(request=[USER])
        equal([(user.user_id, user.provider) for user in found], [(USER, info.user.provider)])
    with check("the newer path prefix answers too"):
        newer = Terra(base_url=f"{URL}/api/v2/", **KEYS)
        equal(newer.user.getinfoforuserid(user_id=USER).user.user_id, USER)
    return info.user.provider


def widget_session(session):
    equal(session.status, "success")
    uuid(session.session_id)
    absolute(session.url)
    holds(session.expires_in == 900 and not isinstance(session.expires_in, str), session.expires_in)


def widget_sessions(client, provider):
    generate = client.authentication.generatewidgetsession
    with check("a widget session without arguments"):
        widget_session(generate())
    with check("a widget session with every argument"):
        session = generate(
            providers=provider,
            language="fr",
            reference_id="py-new-widget",
            auth_success_redirect_url="https://app.example/connected?from=widget",
            auth_failure_redirect_url="https://app.example/failed",
        )
        widget_session(session)
        holds(not (session.model_extra or {}).get("warnings"), session.model_extra)
    with check("a widget session warns about a provider that does not exist"):
        session = generate(providers=f"{provider},NO_SUCH_PROVIDER")
        widget_session(session)
        holds("NO_SUCH_PROVIDER" in " ".join(session.model_extra["warnings"]), session.model_extra)
    with check("two widget sessions differ"):
        first, second = generate(), generate()
        holds(first.session_id != second.session_id and first.url != second.url, (first, second))


def auth_token(answer):
    equal(answer.status, "success")
    equal(answer.expires_in, 180)
    matches("[0-9a-f]{64}", answer.token)


def auth_tokens(client):
    with check("an auth token, new each time"):
        first, second = client.authentication.generateauthtoken(), client.authentication.generateauthtoken()
        auth_token(first)
        auth_token(second)
        holds(first.token != second.token, first)
    with check("an auth token through the asynchronous client"):
        client = AsyncTerra(base_url=f"{URL}/v2", **KEYS)
        auth_token(asyncio.run(client.authentication.generateauthtoken()))


def authenticate(client, provider):
    with check("authenticateUser with nothing but the resource"):
        answer = client.authentication.authenticateuser(resource=provider)
        equal(answer.status, "success")
        uuid(answer.user_id)
        absolute(answer.auth_url)
    with check("authenticateUser with every argument, resource in lower case"):
        answer = client.authentication.authenticateuser(
            resource=provider.lower(),
            language="en",
            reference_id="py-new-login",
            auth_success_redirect_url="https://app.example/connected",
            auth_failure_redirect_url="https://app.example/failed",
        )
        uuid(answer.user_id)
        absolute(answer.auth_url)
    with check("a user who has not logged in is not authenticated"):
        equal(client.user.getinfoforuserid(user_id=answer.user_id).is_authenticated, False)


def page_of(client, page):
    """One page. The client's types know no pages, so all of it is extra; sources disagree on the nesting."""
    extra = client.user.getalluserids(page=page, per_page=1).model_dump()
    return extra.get("data") or extra


def subscriptions(client):
    with check("subscriptions without a page are all users"):
        everyone = [user.user_id for user in client.user.getalluserids().users]
        holds(USER in everyone and len(everyone) == len(set(everyone)), everyone)
    with check("subscriptions page by page are the same users"):
        walked, page = [], 0
        while page is not None:
            answer = page_of(client, page)
            equal(len(answer["results"]), 1)
            walked += [user["user_id"] for user in answer["results"]]
            holds(answer["next"] in (None, page + 1) and isinstance(answer["max_page"], int), answer)
            page = answer["next"]
        equal(sorted(walked), sorted(everyone))


def integrations(client, provider):
    with check("integrations name the providers"):
        answer = client.integrations.fetch()
        equal(answer.status, "success")
        strings(answer.providers)
        holds(provider in answer.providers, answer.providers)
        on_device = answer.model_extra["sdk_providers"]
        strings(on_device)
        holds(on_device != [], on_device)
    with check("integrations/detailed describes the providers"):
        answer = client.integrations.detailedfetch()
        names = described(answer)
        equal([one.enabled for one in answer.providers if one.provider == provider], [True])
    with check("integrations/detailed adds the providers on the device when asked"):
        more = described(client.integrations.detailedfetch(sdk=True))
        holds(set(names) < set(more) and set(more) - set(names) <= set(on_device), (names, more))


def described(answer):
    equal(answer.status, "success")
    for one in answer.providers:
        holds(isinstance(one.provider, str) and bool(one.name) and isinstance(one.enabled, bool), one)
        kinds = one.types.model_dump()
        equal(sorted(kinds), ["activity", "body", "daily", "menstruation", "nutrition", "sleep"])
        holds(all(isinstance(kind, bool) for kind in kinds.values()), kinds)
    return [one.provider for one in answer.providers]


def refusals(client):
    user, authentication = client.user, client.authentication
    for name, kind, path, detail, call in [
        ("userInfo of an unknown user", NotFoundError, "userInfo", "user not found",
         lambda: user.getinfoforuserid(user_id=UNKNOWN_USER)),
        ("userInfo of a malformed id", BadRequestError, "userInfo", None,
         lambda: user.getinfoforuserid(user_id="not-an-id")),
        ("userInfo of nobody", BadRequestError, "userInfo", None, user.getinfoforuserid),
        ("bulkUserInfo of a malformed id", BadRequestError, "bulkUserInfo", None,
         lambda: user.getinfoformultipleuserids(request=["not-an-id"])),
        ("a page before the first", BadRequestError, "subscriptions", None, lambda: user.getalluserids(page=-1)),
        ("authenticateUser without a resource", BadRequestError, "auth/authenticateUser", None,
         lambda: authentication.authenticateuser(resource=None)),
        ("authenticateUser at a provider that does not exist", BadRequestError, "auth/authenticateUser", None,
         lambda: authentication.authenticateuser(resource="NO_SUCH_PROVIDER")),
        ("deauthenticateUser of an unknown user", NotFoundError, "auth/deauthenticateUser", "user not found",
         lambda: authentication.deauthenticateuser(user_id=UNKNOWN_USER)),
    ]:
        with check(f"{name} is refused, and the client shows why"):
            error = refused(kind, call)
            problem(error.body, f"/v2/{path}", detail)
            holds(error.body["detail"] in str(error), str(error))
            equal(error.headers["content-type"], "application/problem+json")
    with check("modifyuser, which the contract has dropped, is refused, and the client shows why"):
        error = refused(ApiError, lambda: user.modifyuser(USER, active=False))
        holds(error.status_code in (404, 405), error)
        problem(error.body, f"/v2/users/{USER}")


def wrong_keys(provider):
    wrong_key = Terra(base_url=f"{URL}/v2", dev_id=KEYS["dev_id"], api_key=WRONG_KEY)
    wrong_dev_id = Terra(base_url=f"{URL}/v2", dev_id="nobody-testing-0000000000", api_key=KEYS["api_key"])
    for whose, client in [("a wrong API key", wrong_key), ("a wrong dev-id", wrong_dev_id)]:
        for operation, path, call in every_operation(client, provider):
            with check(f"{operation} with {whose} is refused, and the client shows why"):
                error = refused(ApiError, call)
                equal(error.status_code, 401)
                problem(error.body, f"/v2/{path}")
                holds(error.body["detail"] in str(error) and WRONG_KEY not in str(error), str(error))


def every_operation(client, provider):
    user, authentication = client.user, client.authentication
    return [
        ("generateWidgetSession", "auth/generateWidgetSession", authentication.generatewidgetsession),
        ("generateAuthToken", "auth/generateAuthToken", authentication.generateauthtoken),
        ("authenticateUser", "auth/authenticateUser", lambda: authentication.authenticateuser(resource=provider)),
        ("userInfo", "userInfo", lambda: user.getinfoforuserid(user_id=USER)),
        ("bulkUserInfo", "bulkUserInfo", lambda: user.getinfoformultipleuserids(request=[USER])),
        ("subscriptions", "subscriptions", user.getalluserids),
        ("deauthenticateUser", "auth/deauthenticateUser", lambda: authentication.deauthenticateuser(user_id=USER)),
    ]


def deauthenticate(client):
    with check("the refused calls changed nothing"):
        equal(client.user.getinfoforuserid(user_id=USER).is_authenticated, True)
    with check("deauthenticateUser"):
        equal(client.authentication.deauthenticateuser(user_id=USER).status, "success")
    with check("deauthenticateUser again raises NotFoundError"):
        error = refused(NotFoundError, lambda: client.authentication.deauthenticateuser(user_id=USER))
        problem(error.body, "/v2/auth/deauthenticateUser", "user not found")
    with check("the user is gone"):
        refused(NotFoundError, lambda: client.user.getinfoforuserid(user_id=USER))
        holds(USER not in [user.user_id for user in client.user.getalluserids().users], USER)


main()
