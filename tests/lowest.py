"""Which versions are the lowest that pyproject.toml allows, as constraints for pip: `make test-lowest` installs them.

What is only a tool of the tests is left at its newest.
"""

import re
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
EXTRAS = ("postgres", "auth")  # of the app; the others are for who works on it
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?:\[[\w,-]+\])?>=(?P<least>[\w.]+)")


def constraints(pyproject: Path = PYPROJECT) -> list[str]:
    """`name==version` of each dependency of the app; the highest of its lower bounds, where it has several."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(each for extra in EXTRAS for each in project["optional-dependencies"][extra]),
    ]
    found = [REQUIREMENT.match(each) for each in wanted]
    unbound = [each for each, match in zip(wanted, found, strict=True) if match is None]
    if unbound:
        raise ValueError(f"no lower bound: {', '.join(unbound)}")
    return [f"{match['name']}=={match['least']}" for match in found if match]


if __name__ == "__main__":
    sys.stdout.write("\n".join(constraints()) + "\n")
