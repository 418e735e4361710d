"""One line for each check; the first failure says what was wrong and ends the run with 1."""

import contextlib
import os
import re
import signal
import sys
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
UNKNOWN_USER = "00000000-0000-4000-8000-000000000000"
_passed = 0

signal.alarm(120)  # the older client waits for ever


def use_sdk(name):
    """Makes `import terra` find one of the two installations, which cannot be loaded together."""
    path = os.path.join(HERE, "..", "..", "target", "official", name)
    if not os.path.isdir(os.path.join(path, "terra")):
        sys.exit(f"{name} is not installed: run {os.path.join(HERE, 'setup.sh')}")
    sys.path.insert(0, path)


def setting(name):
    """A setting from the environment that must be there."""
    return os.environ.get(name) or sys.exit(f"{name} is not set: see README.md")


@contextlib.contextmanager
def check(name):
    """Reports what happens inside it under `name`."""
    global _passed
    try:
        yield
    except Exception as error:
        print(f"FAILED {name}\n  {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
    _passed += 1
    print(f"ok {name}", flush=True)


def done():
    """Says how many checks passed."""
    print(f"{_passed} checks passed")


def equal(got, wanted):
    if got != wanted or type(got) is not type(wanted):
        raise AssertionError(f"wanted {wanted!r}, got {got!r}")


def holds(condition, got):
    if condition is not True:
        raise AssertionError(f"got {got!r}")


def matches(pattern, text):
    holds(isinstance(text, str) and re.fullmatch(pattern, text) is not None, text)


def uuid(text):
    matches(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text)


def absolute(url):
    parts = urllib.parse.urlsplit(url)
    holds(parts.scheme in ("http", "https") and bool(parts.netloc) and len(parts.path) > 1, url)


def strings(items):
    holds(isinstance(items, list) and all(isinstance(item, str) and item for item in items), items)


def refused(kind, call):
    """The error of exactly this `kind` that `call` must raise."""
    try:
        answer = call()
    except Exception as error:
        if type(error) is not kind:
            raise
        return error
    raise AssertionError(f"wanted a {kind.__name__}, got the answer {answer!r}")


def problem(body, path, detail=None):
    """A problem with all its fields, about a request to `path`, that says what is wrong in both places clients look."""
    holds(isinstance(body, dict), body)
    equal(body.get("status"), "error")
    for field in ("type", "title", "instance", "detail", "message"):
        holds(isinstance(body.get(field), str) and body[field] != "", body)
    equal(body["message"], body["detail"])
    holds(body["title"] == body["title"].lower(), body)
    equal(body["instance"].split("?")[0], path)
    if detail is not None:
        equal(body["detail"], detail)
