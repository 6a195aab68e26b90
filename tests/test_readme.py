"""The README says what is true: its map is the tree, its commands exist, its code runs, its pictures are there.

`python -m tests.test_readme` writes the map of folders into the README, and the files of each folder into the
docstring of its `__init__`.
"""

import ast
import re
import textwrap
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
START, END = "<!-- map of the folders: written by python -m tests.test_readme -->", "<!-- end of the map -->"
HOUSES = ("vapor_core", "vapor_ui", "vapor_api", "vapor_cli")
WIDTH = 110


def docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def first_sentence(path: Path) -> str:
    """Of a module's docstring, on one line."""
    text = docstring(path).split("\n\n")[0].replace("\n", " ")
    return " ".join(re.split(r"(?<=[.?])\s", text, maxsplit=1)[0].split()).rstrip(".")


def folders() -> list[Path]:
    """Every package of the two houses, a house itself included."""
    found = [path.parent for house in HOUSES for path in (ROOT / house).rglob("__init__.py")]
    return sorted(found, key=lambda path: path.relative_to(ROOT).parts)


def modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.py") if path.name not in ("__init__.py", "__main__.py"))


def folder_map() -> str:
    """A line a folder: what it answers, by the first sentence of its `__init__`."""
    lines = ["| folder | what it is |", "|---|---|"]
    for folder in folders():
        lines.append(f"| `{folder.relative_to(ROOT)}/` | {first_sentence(folder / '__init__.py')} |")
    return "\n".join(lines)


def files_of(folder: Path) -> str:
    """The files of a folder as its `__init__` tells them: a name and the first sentence of each."""
    lines = []
    for path in modules(folder):
        told = f"{path.stem}: {first_sentence(path)}."
        lines += textwrap.wrap(told, WIDTH, subsequent_indent="    ", break_on_hyphens=False)
    return "\n".join(lines)


def written_map() -> str:
    text = README.read_text(encoding="utf-8")
    return text[text.index(START) + len(START) : text.index(END)].strip()


def test_the_map_of_the_readme_is_the_tree():
    assert written_map() == folder_map(), "run: python -m tests.test_readme"


def test_each_folder_tells_its_files():
    for folder in folders():
        if modules(folder):
            assert files_of(folder) in docstring(folder / "__init__.py"), (
                f"{folder}: run: python -m tests.test_readme"
            )


def test_every_module_says_what_it_is_for():
    for top in (*HOUSES, "pages", "benchmarks"):
        for path in (ROOT / top).rglob("*.py"):
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


def write_files_of(folder: Path) -> None:
    """Put the list of files into a folder's docstring, behind what was written by hand."""
    if not modules(folder):
        return
    path = folder / "__init__.py"
    text = path.read_text(encoding="utf-8")
    old = ast.parse(text).body[0]
    by_hand = re.split(r"\n\n(?=\w+: )", docstring(path))[0]
    rest = text.splitlines(keepends=True)[old.end_lineno :]
    path.write_text(f'"""{by_hand}\n\n{files_of(folder)}\n"""\n{"".join(rest)}', encoding="utf-8")


def main() -> None:
    """Write the map and the lists of files."""
    for folder in folders():
        write_files_of(folder)
    text = README.read_text(encoding="utf-8")
    before, after = text.index(START) + len(START), text.index(END)
    README.write_text(f"{text[:before]}\n\n{folder_map()}\n\n{text[after:]}", encoding="utf-8")


if __name__ == "__main__":
    main()
