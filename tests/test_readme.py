"""The README says what is true: its file map is the tree, its commands exist, its code runs, its pictures are there.

`python -m tests.test_readme` writes the file map anew.
"""

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
START, END = "<!-- file map: written by python -m tests.test_readme -->", "<!-- end of the file map -->"
ROOMS = (
    "",
    "pages",
    "vapor_ui",
    "vapor_core",
    "vapor_core/physics",
    "vapor_core/backends",
    "benchmarks",
    "benchmarks/fidelity",
)


def first_sentence(path: Path) -> str:
    """Of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(re.split(r"(?<=[.?])\s", text.replace("\n", " "), maxsplit=1)[0].split()).rstrip(".")


def file_map() -> str:
    """Every Python file that is not a test, room by room, with its module's first sentence."""
    lines = []
    for room in ROOMS:
        files = sorted(
            path for path in (ROOT / room).glob("*.py") if path.name not in ("__init__.py", "__main__.py")
        )
        title = f"**`{room}/`**" if room else "**top level**"
        lines += [title, ""]
        lines += [f"- `{path.name}`: {first_sentence(path)}" for path in files]
        lines.append("")
    return "\n".join(lines).strip()


def written_map() -> str:
    text = README.read_text(encoding="utf-8")
    return text[text.index(START) + len(START) : text.index(END)].strip()


def test_the_file_map_is_the_tree():
    assert written_map() == file_map(), "run: python -m tests.test_readme"


def test_every_module_says_what_it_is_for():
    for room in ROOMS:
        for path in (ROOT / room).glob("*.py"):
            assert first_sentence(path), path


def test_the_commands_of_the_readme_exist():
    text = README.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", text)) <= targets
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    for named in re.findall(r"\.\[([a-z,]+)\]", text):
        assert set(named.split(",")) <= set(extras)


def test_the_files_and_pictures_that_documents_link_to_are_there():
    for document in [README, ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_python_of_the_readme_runs():
    for block in re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102 - our own document


def main() -> None:
    """Write the file map into the README."""
    text = README.read_text(encoding="utf-8")
    before, after = text.index(START) + len(START), text.index(END)
    README.write_text(f"{text[:before]}\n\n{file_map()}\n\n{text[after:]}", encoding="utf-8")


if __name__ == "__main__":
    main()
