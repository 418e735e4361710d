"""Compares openapi.json with the server that serves it. See README.md."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
INSTALLED = HERE.parent.parent / "target" / "schemathesis"
# Operations that no request can succeed at here, each with its reason.
NEVER_2XX = {}

sys.path.insert(0, str(HERE))
import server


def main():
    key = server.seed()
    with tempfile.TemporaryDirectory() as folder:
        answers = pathlib.Path(folder) / "answers.json"
        python_path = f"{INSTALLED}{os.pathsep}{HERE}"
        environment = {**os.environ, "PYTHONPATH": python_path, "TERRA_TEST_ANSWERS": str(answers),
                       "TERRA_API_KEY": key}
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run",
                   f"{server.URL}/openapi.json", "--no-color", *sys.argv[1:]]
        agree = subprocess.run(command, cwd=folder, env=environment, check=False).returncode == 0
        counted = json.loads(answers.read_text())
    missing = summary(counted)
    for operation in missing:
        print(f"never answered with 2xx: {operation}", file=sys.stderr)
    return 0 if agree and not missing else 1


def summary(counted):
    """Prints what was answered; the operations that never succeeded."""
    operations = {f"{method.upper()} {path}": {} for path, item in document()["paths"].items() for method in item}
    answers = {**operations, **counted["answers"]}
    print("\n  2xx   4xx  operation")
    for operation, statuses in sorted(answers.items(), key=lambda entry: entry[0].split()[::-1]):
        print(f"{of_class(statuses, '2'):5} {of_class(statuses, '4'):5}  {operation}")
    for text, count in counted["beyond"].items():
        print(f"{count:5} well-formed requests refused beyond the schema: {text}…")
    requests = sum(sum(statuses.values()) for statuses in answers.values())
    succeeded = sum(of_class(statuses, "2") for statuses in answers.values())
    print(f"\n{requests} requests to {len(answers)} operations, {succeeded} of them answered with 2xx")
    return [operation for operation, statuses in answers.items()
            if not of_class(statuses, "2") and operation not in NEVER_2XX]


def of_class(statuses, digit):
    return sum(count for status, count in statuses.items() if status.startswith(digit))


def document():
    return server.call("GET", "/openapi.json", {})


if __name__ == "__main__":
    sys.exit(main())
