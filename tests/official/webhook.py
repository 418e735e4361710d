"""Terra's own webhook helpers in Python, on our signatures.

webhook.py new|old golden          are our golden vectors accepted, and anything else refused?
webhook.py new|old verify HEADER   is the body on standard input accepted? 0 yes, 1 no; the secret: TERRA_SIGNING_SECRET
"""

import json
import os
import sys

import checks
from checks import check, equal, holds, refused, setting

FOR_EVER = 10**12
GOLDEN = os.path.join(checks.HERE, "..", "..", "crates", "webhook", "tests", "golden.json")


def new():
    """terra-python 1.1.0: raises when it refuses."""
    checks.use_sdk("py-new")
    from terra.utils import verify_signature

    def accepts(header, body, secret, tolerance=300):
        try:
            return verify_signature.verify_terra_webhook_signature(body, header, secret, tolerance)
        except verify_signature.WebhookVerificationError:
            return False

    def more(vector):
        signed = f"{vector['timestamp']}.{vector['body']}"
        own = verify_signature._compute_signature(signed, vector["secret"])
        equal(f"t={vector['timestamp']},v1={own}", vector["header"])
        call = lambda: verify_signature.verify_terra_webhook_signature(  # noqa: E731
            vector["body"], vector["header"], vector["secret"]
        )
        holds("tolerance" in str(refused(verify_signature.WebhookVerificationError, call)), vector)

    return accepts, more


def old():
    """terra-python 0.0.17: says yes or no, and knows no tolerance."""
    checks.use_sdk("py-old")
    from terra.base_client import Terra

    def accepts(header, body, secret, tolerance=None):
        return Terra("test-key-not-a-secret", "acme-testing-0000000000", secret).check_terra_signature(body, header)

    def more(vector):
        client = Terra("test-key-not-a-secret", "acme-testing-0000000000", vector["secret"])
        if vector["body"].startswith("{") and "type" in (event := json.loads(vector["body"])):
            equal(client.handle_webhook(vector["body"], vector["header"]).dtype, event["type"])
        equal(client.handle_webhook(vector["body"] + " ", vector["header"]), None)

    return accepts, more


def golden(accepts, more):
    with open(GOLDEN, encoding="utf-8") as file:
        vectors = json.load(file)
    holds(len(vectors) > 0, vectors)
    for vector in vectors:
        header, body, secret = vector["header"], vector["body"], vector["secret"]
        with check(f"golden: {vector['name']}"):
            equal(accepts(header, body, secret, tolerance=FOR_EVER), True)
            equal(accepts(header, body + " ", secret, tolerance=FOR_EVER), False)
            equal(accepts(header, body, secret + "x", tolerance=FOR_EVER), False)
            more(vector)
    checks.done()


def main():
    match sys.argv[1:]:
        case [("new" | "old") as sdk, "golden"]:
            golden(*globals()[sdk]())
        case [("new" | "old") as sdk, "verify", header]:
            accepts, _ = globals()[sdk]()
            body = sys.stdin.buffer.read().decode("utf-8")
            accepted = accepts(header, body, setting("TERRA_SIGNING_SECRET"))
            print("accepted" if accepted else "refused")
            sys.exit(0 if accepted else 1)
        case _:
            print(__doc__, file=sys.stderr)
            sys.exit(2)


main()
