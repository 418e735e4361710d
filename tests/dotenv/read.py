"""What python-dotenv reads from each file of a folder, by the files' names: one JSON object."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "../../target/dotenv"))
from dotenv import dotenv_values  # noqa: E402

files = sorted(pathlib.Path(sys.argv[1]).iterdir())
json.dump({file.name: dotenv_values(file) for file in files}, sys.stdout)
