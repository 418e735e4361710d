"""Reads our webhook bodies with the models of terra-python 1.1.0. Standard input: {"type": [body, …]}."""

import json
import sys

import checks
from checks import check, equal, refused

checks.use_sdk("py-new")

from pydantic import ValidationError  # noqa: E402
from terra.types.auth_success_event import AuthSuccessEvent  # noqa: E402
from terra.types.deauth_event import DeauthEvent  # noqa: E402
from terra.types.user_reauth_event import UserReauthEvent  # noqa: E402

MODELS = {"auth": AuthSuccessEvent, "deauth": DeauthEvent, "user_reauth": UserReauthEvent}

for kind, bodies in json.load(sys.stdin).items():
    for body in bodies:
        with check(kind):
            whose = "new_user" if kind == "user_reauth" else "user"
            event = MODELS[kind].model_validate(body)
            equal((event.type, getattr(event, whose).user_id), (kind, body[whose]["user_id"]))
            without_reference = {name: value for name, value in body.items() if name != whose}
            refused(ValidationError, lambda: MODELS[kind].model_validate(without_reference))
checks.done()
