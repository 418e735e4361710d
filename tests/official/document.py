"""Runs the six operations of the commissioning guide on terra-python 1.1.0, unmodified. See README.md.

One line for each: `<n>/6 <operation>`. The credentials come from the credential file alone, by python-dotenv.
"""

import datetime
import json
import os
import subprocess
import sys
import urllib.request

import checks
from checks import absolute, check, equal, holds, matches, refused, setting, uuid

checks.use_sdk("py-new")
sys.path.insert(0, os.path.join(checks.HERE, "..", "..", "target", "dotenv"))

from dotenv import dotenv_values, load_dotenv  # noqa: E402
from terra import Terra  # noqa: E402
from terra.errors.not_found_error import NotFoundError  # noqa: E402

FOLDER = setting("TERRA_TEST_FOLDER")
USER = setting("TERRA_TEST_USER_ID")
OPERATIONS = 6
done = 0


def main():
    client = setup_environment()
    names = verify_connection(client)
    widget_session(client)
    mobile_token(client)
    list_integrations(client, names)
    deauthenticate(client)
    print(f"{done} of {OPERATIONS} operations work on terra-python 1.1.0")


def operation(name):
    """Counts an operation; its line is printed when everything inside of it held."""
    global done
    done += 1
    return check(f"{done}/{OPERATIONS} {name}")


def client_of(environment="testing"):
    """A client with the keys of one environment's file, and with nothing from anywhere else."""
    if environment not in ("testing", "staging", "production"):
        raise ValueError(f"Unknown environment: {environment}")
    keys = dotenv_values(credential_file(environment))
    return Terra(base_url=keys["TERRA_API_URL"], dev_id=keys["TERRA_DEV_ID"], api_key=keys["TERRA_API_KEY"])


def credential_file(environment):
    return os.path.join(FOLDER, f".env.terra.{environment}")


def setup_environment():
    with operation("setup-environment"):
        holds("TERRA_DEV_ID" not in os.environ, "the keys must come from the file")
        holds(load_dotenv(credential_file("testing")), "the file has no variables")
        client = Terra(
            base_url=os.getenv("TERRA_API_URL"),
            dev_id=os.getenv("TERRA_DEV_ID"),
            api_key=os.getenv("TERRA_API_KEY"),
        )
        equal(client_of().integrations.fetch().status, "success")
        equal(str(refused(ValueError, lambda: client_of("prod"))), "Unknown environment: prod")
    return client


def verify_connection(client):
    """Also by the curl line, whose answer must be the one that the SDK read."""
    with operation("verify-connection"):
        found = client.integrations.fetch()
        available = len(found.integrations)
        equal(available, len(found.providers) + len(found.sdk_providers))
        holds(available > 10, available)
        answer = json.loads(curl("/integrations"))
        equal(answer["integrations"], found.integrations)
        print(f"Connected! {available} providers available")
    return found.integrations


def curl(path):
    headers = [f"dev-id: {os.environ['TERRA_DEV_ID']}", f"x-api-key: {os.environ['TERRA_API_KEY']}"]
    command = ["curl", "--silent", "--show-error", "--fail", "-X", "GET", f"{os.environ['TERRA_API_URL']}{path}"]
    command += [part for header in headers for part in ("-H", header)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def widget_session(client):
    with operation("generate-widget-session"):
        for providers in (None, ["FITBIT", "GARMIN"], "FITBIT,GARMIN"):
            before = datetime.datetime.now(datetime.timezone.utc)
            session = client.authentication.generatewidgetsession(
                reference_id="document-1",
                auth_success_redirect_url="https://app.example/connected",
                auth_failure_redirect_url="https://app.example/failed",
                providers=providers,
            )
            absolute(session.url)
            uuid(session.session_id)
            matches(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", session.expires_at)
            lives = datetime.datetime.fromisoformat(session.expires_at) - before
            holds(datetime.timedelta(minutes=14) < lives <= datetime.timedelta(minutes=15, seconds=5), lives)
            warnings = (session.model_extra or {}).get("warnings", [])
            holds(("comma-separated" in " ".join(warnings)) is isinstance(providers, list), warnings)


def mobile_token(client):
    with operation("generate-mobile-token"):
        first, second = (client.authentication.generateauthtoken().token for _ in range(2))
        matches("[0-9a-f]{64}", first)
        holds(first != second, "a token is used once")


def list_integrations(client, names):
    with operation("list-integrations"):
        found = client.integrations.fetch().integrations
        equal(found, names)
        for one in found:
            equal(sorted(one), ["logo_url", "name", "resource"])
            matches("[A-Z0-9_]+", one["resource"])
            holds(isinstance(one["name"], str) and one["name"] != "", one)
            absolute(one["logo_url"])
            with urllib.request.urlopen(one["logo_url"], timeout=10) as logo:
                equal((logo.status, logo.headers.get_content_maintype()), (200, "image"))


def deauthenticate(client):
    with operation("deauthenticate-user"):
        equal(client.authentication.deauthenticateuser(user_id=USER).success, True)
        refused(NotFoundError, lambda: client.user.getinfoforuserid(user_id=USER))


main()
