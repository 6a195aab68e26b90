"""The training program as one readable file: the sources of `vapor_core.program`, joined with what they train.

Nothing is run or imported for it: the modules are read as text, in the order in which they stand on each other. Their
imports of one another go, those of packages are merged, and a name that two modules have is made longer in one.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from pprint import pformat

PACKAGE = "vapor_core.program"
FUTURE = "from __future__ import annotations"
WIDTH = 110  # letters of a line of what is embedded
FOR_TOOLS = re.compile(
    r"\s+# (noqa|type: ignore)\b.*$", re.MULTILINE
)  # comments that say nothing to a reader
COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
END = """\
if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else "run")
    place.mkdir(parents=True, exist_ok=True)
    draft = place / f".spec.{{os.getpid()}}"
    draft.write_text(json.dumps(SPEC, indent=1), encoding="utf-8")
    draft.replace(place / "spec.json")
    sys.exit({begins}(str(place)))
"""


@dataclass(slots=True)
class Module:
    """One source of the program.

    Attributes:
        name: without its package.
        says: the first sentence of its docstring.
        stands_on: modules of the program, in the order of its imports.
        names: local name -> (module, name there), of what it imports from others of the program.
        modules: local name -> module, of those that it imports whole.
        packages: its other imports, a statement each.
        body: its other statements.
    """

    name: str
    text: str
    says: str = ""
    stands_on: list[str] = field(default_factory=list)
    names: dict[str, tuple[str, str]] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    packages: list[ast.Import | ast.ImportFrom] = field(default_factory=list)
    body: list[ast.stmt] = field(default_factory=list)

    @property
    def defined(self) -> set[str]:
        """Names of its own that it has at its top."""
        return {name for statement in self.body for name in _bound(statement)}


def single_file(
    spec: Mapping[str, object],
    *,
    docstring: str,
    packages: Sequence[str],
    python: str = ">=3.11",
    ends_with: str = "train",
    begins: str = "main",
) -> str:
    """The program that trains what `spec` says, as one file for `python train.py [FOLDER]` or `uv run train.py`.

    Args:
        spec: what a run directory's spec.json holds; it stands at the top, and is written into FOLDER.
        docstring: what the file says about itself; it must not end a string.
        packages: requirements of PEP 723's header.
        python: the Python that is required.
        ends_with: the last module that is needed.
        begins: the function of that module which is given the folder.
    """
    imports, program, new_names = _program(ends_with)
    parts = [
        f'{_header(packages, python)}\n"""{docstring}\n"""\n\n{FUTURE}\n\n{imports}',
        f"# What is to be trained; it can be changed here.\nSPEC = {_literal(spec)}",
        program,
        END.format(begins=new_names.get((ends_with, begins), begins)),
    ]
    return "\n\n\n".join(part.strip("\n") for part in parts) + "\n"


@lru_cache(maxsize=8)
def _program(ends_with: str) -> tuple[str, str, Mapping[tuple[str, str], str]]:
    """Its imports, its modules, and what is called otherwise there."""
    modules = _needed(ends_with)
    new_names = _new_names(modules)
    joined = [_joined(module, modules, new_names) for module in modules.values()]
    return _imports(modules), "\n\n\n".join(joined), new_names


def _literal(spec: Mapping[str, object]) -> str:
    return pformat(dict(spec), width=WIDTH, sort_dicts=False)


def _header(packages: Sequence[str], python: str) -> str:
    lines = [f'#   "{each}",' for each in packages]
    return "\n".join(
        ["# /// script", f'# requires-python = "{python}"', "# dependencies = [", *lines, "# ]", "# ///"]
    )


@lru_cache(maxsize=32)
def _read(name: str) -> Module:
    """A module as text and statements.

    Raises:
        ValueError: it imports of its package in a way that cannot be joined; that is to be changed there.
    """
    text = FOR_TOOLS.sub("", resources.files(PACKAGE).joinpath(f"{name}.py").read_text(encoding="utf-8"))
    tree = ast.parse(text)
    module = Module(name, text, says=(ast.get_docstring(tree) or "").split("\n\n", 1)[0].replace("\n", " "))
    for statement in tree.body[1:]:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            _take_import(module, statement)
        elif not _is_main(statement):
            module.body.append(statement)
    inner = [
        each for statement in module.body for each in ast.walk(statement) if isinstance(each, ast.ImportFrom)
    ]
    if any((each.module or "").startswith(PACKAGE) for each in inner):
        raise ValueError(f"{name} imports of {PACKAGE} within a function, which cannot be joined")
    return module


def _take_import(module: Module, statement: ast.Import | ast.ImportFrom) -> None:
    of = statement.module or "" if isinstance(statement, ast.ImportFrom) else ""
    if of == "__future__":
        return
    if not of.startswith(PACKAGE):
        module.packages.append(statement)
        return
    for alias in statement.names:
        here = alias.asname or alias.name
        if of == PACKAGE:
            module.modules[here] = alias.name
            module.stands_on.append(alias.name)
        else:
            module.names[here] = (of.removeprefix(f"{PACKAGE}."), alias.name)
            module.stands_on.append(of.removeprefix(f"{PACKAGE}."))


def _is_main(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__main__" in ast.unparse(statement.test)


def _needed(last: str) -> dict[str, Module]:
    """The modules that one stands on, each after those that it stands on itself, and that one last."""
    found: dict[str, Module] = {}

    def visit(name: str) -> None:
        if name not in found:
            for below in _read(name).stands_on:
                visit(below)
            found[name] = _read(name)

    visit(last)
    return found


def _bound(node: ast.AST) -> Iterator[str]:
    """Names that a statement binds where it stands, those of its inner functions and classes left out."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif not isinstance(node, ast.Lambda | COMPREHENSIONS):
        for child in ast.iter_child_nodes(node):
            yield from _bound(child)


def _inner(module: Module) -> set[str]:
    """Names that the functions of a module bind: parameters, variables, and what comprehensions go through."""
    nodes = [
        node
        for statement in module.body
        for outer in ast.walk(statement)
        if isinstance(
            outer, ast.FunctionDef | ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
        )
        for node in ast.walk(outer)
    ]
    names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    return names | {
        alias.asname or alias.name
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }


def _new_names(modules: Mapping[str, Module]) -> dict[tuple[str, str], str]:
    """(module, name) -> what it is called in the one file, where that is another name.

    A name is made longer by its module's where another module, a package or Python itself has it too, or where a
    function that uses it through its module calls something else so.
    """
    taken = set(dir(builtins)) | {"SPEC", "place", "draft"} | set(_imported(modules.values()))
    users: dict[str, set[str]] = {}
    for module in modules.values():
        for whole in module.modules.values():
            users.setdefault(whole, set()).update(_inner(module))
        for there, name in module.names.values():
            taken |= {name} & _inner(module)
            users.setdefault(there, set())
    new: dict[tuple[str, str], str] = {}
    for module in modules.values():
        for name in sorted(module.defined):
            if name in taken or name in users.get(module.name, ()):
                new[module.name, name] = (
                    f"_{module.name}{name}" if name.startswith("_") else f"{module.name}_{name}"
                )
            taken.add(new.get((module.name, name), name))
    for of, name in new:
        if name in _inner(modules[of]):
            raise ValueError(f"{of} calls two things {name}, which cannot be joined; rename one")
    return new


def _imported(modules: Iterable[Module]) -> Iterator[str]:
    for module in modules:
        for statement in module.packages:
            yield from (alias.asname or alias.name.split(".")[0] for alias in statement.names)


def _imports(modules: Mapping[str, Module]) -> str:
    """The imports of packages, each once: Python's own first."""
    whole: set[str] = set()
    names: dict[str, set[str]] = {}
    for module in modules.values():
        for statement in module.packages:
            told = {ast.unparse(alias) for alias in statement.names}
            if isinstance(statement, ast.ImportFrom):
                names.setdefault(statement.module or "", set()).update(told)
            else:
                whole |= told
    lines = [(each.split(".")[0], f"import {each}") for each in sorted(whole)]
    for package, taken in sorted(names.items()):
        line = f"from {package} import {', '.join(sorted(taken))}"
        if len(line) > WIDTH:
            line = "\n".join([f"from {package} import (", *(f"    {each}," for each in sorted(taken)), ")"])
        lines.append((package.split(".")[0], line))
    own = [line for package, line in lines if package in sys.stdlib_module_names]
    others = [line for package, line in lines if package not in sys.stdlib_module_names]
    return "\n".join([*own, "", *others])


def _joined(module: Module, modules: Mapping[str, Module], new: Mapping[tuple[str, str], str]) -> str:
    """A module's statements as they are written, with the names of the one file."""
    lines = module.text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()))
    source = module.text.encode()
    edits: list[tuple[int, int, str]] = []
    for statement in module.body:
        for node in ast.walk(statement):
            name = _new_name(node, module, modules, new)
            if name is not None and isinstance(node, ast.expr):
                assert node.end_lineno is not None and node.end_col_offset is not None  # noqa: S101 - of parsed text
                start = starts[node.lineno - 1] + node.col_offset
                edits.append((start, starts[node.end_lineno - 1] + node.end_col_offset, name))
            elif name is not None and isinstance(node, ast.FunctionDef | ast.ClassDef):
                start = source.index(
                    node.name.encode(), starts[node.lineno - 1] + node.col_offset + len("def ")
                )
                edits.append((start, start + len(node.name.encode()), name))
    bounds = [
        (starts[_first_line(module, statement)], starts[statement.end_lineno or 0])
        for statement in module.body
    ]
    pieces = []
    for begin, end in bounds:
        piece = source[begin:end]
        for start, stop, name in sorted(edits, reverse=True):
            if begin <= start < end:
                piece = piece[: start - begin] + name.encode() + piece[stop - begin :]
        pieces.append(piece.decode())
    return f"# {module.name}: {module.says}\n\n" + "".join(pieces).strip("\n")


def _first_line(module: Module, statement: ast.stmt) -> int:
    """Of a statement with its decorators and what stands above it: comments and empty lines."""
    decorated = statement.decorator_list if isinstance(statement, ast.FunctionDef | ast.ClassDef) else []
    first = min([statement.lineno, *(each.lineno for each in decorated)]) - 1
    lines = module.text.splitlines()
    while first and (not lines[first - 1].strip() or lines[first - 1].startswith("#")):
        first -= 1
    return first


def _new_name(
    node: ast.AST, module: Module, modules: Mapping[str, Module], new: Mapping[tuple[str, str], str]
) -> str | None:
    """What stands in the one file for a name; None where it stays."""
    if (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in module.modules
    ):
        there = module.modules[node.value.id]
        if node.attr in modules[there].defined:
            return new.get((there, node.attr), node.attr)
    if isinstance(node, ast.Name):
        there, name = module.names.get(node.id, (module.name, node.id))
        found = new.get((there, name), name)
        return found if found != node.id else None
    if isinstance(node, ast.FunctionDef | ast.ClassDef) and node in module.body:
        return new.get((module.name, node.name))
    return None
