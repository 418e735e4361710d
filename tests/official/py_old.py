"""Runs every auth operation of terra-python 0.0.17 against a server, errors included. See README.md."""

import checks
from checks import UNKNOWN_USER, absolute, check, equal, holds, matches, problem, refused, setting, strings, uuid

checks.use_sdk("py-old")

import terra.constants  # noqa: E402
from requests import HTTPError  # noqa: E402
from terra.api import api_responses  # noqa: E402
from terra.base_client import Terra  # noqa: E402
from terra.models.user import User  # noqa: E402

# The client has no setting for its address; it reads this constant for each request.
terra.constants.BASE_URL = setting("TERRA_TEST_URL") + "/v2"
DEV_ID = setting("TERRA_DEV_ID")
API_KEY = setting("TERRA_API_KEY")
USER = setting("TERRA_TEST_USER_ID")
REFERENCE = setting("TERRA_TEST_REFERENCE_ID")
WRONG_KEY = "wrong-key-not-a-secret"


def main():
    client = Terra(API_KEY, DEV_ID, setting("TERRA_SIGNING_SECRET"))
    provider = users(client)
    widget_sessions(client, provider)
    authenticate(client, provider)
    lists(client, provider)
    refusals(client)
    wrong_keys(provider)
    deauthenticate(client)
    checks.done()


def parsed(answer, kind):
    """What the client made of the answer, which must be its own type for that operation."""
    made = answer.get_parsed_response()
    holds(type(made) is kind, made)
    equal(answer.get_json()["status"], "success")
    return made


def users(client):
    with check("userInfo by id shows the user"):
        answer = client.get_user_info(User(user_id=USER))
        info = parsed(answer, api_responses.UserInfo)
        equal(info.is_authenticated, True)
        equal((info.user.user_id, info.user.reference_id), (USER, REFERENCE))
        matches("[A-Z0-9_]+", info.user.provider)
    with check("from_user_id fills in the user"):
        filled, shown = client.from_user_id(USER), answer.get_json()["user"]
        equal(filled.provider, info.user.provider)
        equal((filled.scopes, filled.last_webhook_update), (shown["scopes"], shown["last_webhook_update"]))
    return info.user.provider


def widget_session(answer):
    session = parsed(answer, api_responses.WidgetSession)
    uuid(session.session_id)
    absolute(session.url)
    equal(answer.get_json()["expires_in"], 900)
    return session


def widget_sessions(client, provider):
    with check("a widget session without providers"):
        widget_session(client.generate_widget_session(providers=[]))
    with check("a widget session with every argument and a field that no server knows"):
        widget_session(
            client.generate_widget_session(
                providers=[provider],
                auth_success_redirect_url="https://app.example/connected?from=widget",
                auth_failure_redirect_url="https://app.example/failed",
                language="fr",
                reference_id="py-old-widget",
                no_such_field=True,
            )
        )
    with check("a widget session warns about the providers of a list that do not exist"):
        answer = client.generate_widget_session(providers=[provider, "NO_SUCH_PROVIDER"])
        widget_session(answer)
        holds("NO_SUCH_PROVIDER" in " ".join(answer.get_json()["warnings"]), answer.get_json())
    with check("two widget sessions differ"):
        first, second = (widget_session(client.generate_widget_session(providers=[])) for _ in range(2))
        holds(first.session_id != second.session_id and first.url != second.url, (first, second))


def authenticate(client, provider):
    with check("authenticateUser with the resource in the body and nulls for the rest"):
        login = parsed(client.generate_authentication_url(resource=provider), api_responses.UserAuthUrl)
        uuid(login.user_id)
        absolute(login.auth_url)
    with check("authenticateUser with every argument, resource in lower case"):
        answer = client.generate_authentication_url(
            resource=provider.lower(),
            auth_success_redirect_url="https://app.example/connected",
            auth_failure_redirect_url="https://app.example/failed",
            reference_id="py-old-login",
        )
        login = parsed(answer, api_responses.UserAuthUrl)
        absolute(login.auth_url)
    with check("a user who has not logged in is not authenticated"):
        info = parsed(client.get_user_info(User(user_id=login.user_id)), api_responses.UserInfo)
        equal(info.is_authenticated, False)


def lists(client, provider):
    with check("subscriptions are all users"):
        everyone = parsed(client.list_users(), api_responses.SubscribedUsers).users
        found = [user for user in everyone if user.user_id == USER]
        equal([(user.provider, user.reference_id) for user in found], [(provider, REFERENCE)])
    with check("integrations name the providers"):
        answer = parsed(client.list_providers(), api_responses.ProvidersResponse)
        strings(answer.providers)
        strings(answer.sdk_providers)
        holds(provider in answer.providers and answer.sdk_providers != [], answer)


def refused_with(status, path, call, detail=None):
    """The client raises; only the answer inside the error shows why."""
    error = refused(HTTPError, call)
    equal(error.response.status_code, status)
    equal(error.response.headers["content-type"], "application/problem+json")
    body = error.response.json()
    problem(body, f"/v2/{path}", detail)
    holds(WRONG_KEY not in error.response.text, error.response.text)


def refusals(client):
    for name, status, path, detail, call in [
        ("userInfo of an unknown user", 404, "userInfo", "user not found",
         lambda: client.get_user_info(User(user_id=UNKNOWN_USER))),
        ("from_user_id of an unknown user", 404, "userInfo", "user not found",
         lambda: client.from_user_id(UNKNOWN_USER)),
        ("userInfo of a malformed id", 400, "userInfo", None, lambda: client.get_user_info(User(user_id="not-an-id"))),
        ("userInfo of nobody", 400, "userInfo", None, lambda: client.get_user_info(User())),
        ("authenticateUser without a resource", 400, "auth/authenticateUser", None,
         lambda: client.generate_authentication_url(resource=None)),
        ("authenticateUser at a provider that does not exist", 400, "auth/authenticateUser", None,
         lambda: client.generate_authentication_url(resource="NO_SUCH_PROVIDER")),
        ("deauthenticateUser of an unknown user", 404, "auth/deauthenticateUser", "user not found",
         lambda: client.deauthenticate_user(User(user_id=UNKNOWN_USER))),
    ]:
        with check(f"{name} is refused, and the client shows why"):
            refused_with(status, path, call, detail)


def wrong_keys(provider):
    wrong_key, wrong_dev_id = Terra(WRONG_KEY, DEV_ID), Terra(API_KEY, "nobody-testing-0000000000")
    for whose, client in [("a wrong API key", wrong_key), ("a wrong dev-id", wrong_dev_id)]:
        for path, call in every_operation(client, provider):
            with check(f"{path.split('/')[-1]} with {whose} is refused, and the client shows why"):
                refused_with(401, path, call)


def every_operation(client, provider):
    return [
        ("auth/generateWidgetSession", lambda: client.generate_widget_session(providers=[])),
        ("auth/authenticateUser", lambda: client.generate_authentication_url(resource=provider)),
        ("userInfo", lambda: client.get_user_info(User(user_id=USER))),
        ("subscriptions", client.list_users),
        ("auth/deauthenticateUser", lambda: client.deauthenticate_user(User(user_id=USER))),
    ]


def deauthenticate(client):
    user = User(user_id=USER)
    with check("the refused calls changed nothing"):
        equal(client.get_user_info(user).get_json()["is_authenticated"], True)
    with check("deauthenticateUser"):
        equal(client.deauthenticate_user(user).get_parsed_response().status, "success")
    with check("deauthenticateUser again raises HTTPError"):
        again = lambda: client.deauthenticate_user(user)  # noqa: E731
        refused_with(404, "auth/deauthenticateUser", again, "user not found")
    with check("the user is gone"):
        refused_with(404, "userInfo", lambda: client.get_user_info(user), "user not found")
        holds(USER not in [one.user_id for one in client.list_users().get_parsed_response().users], USER)


main()
