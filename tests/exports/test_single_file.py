"""The training program is one readable file that needs nothing of Vapor, and says what it needs."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

from vapor_core.contracts.training import JobConfig
from vapor_core.exports import single_file as joining
from vapor_core.exports.launch_script import PACKAGES, launch_script
from vapor_core.exports.launch_spec import launch_spec
from vapor_core.exports.single_file import single_file

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "vapor_core" / "program"
CONFIG = JobConfig(model="HuggingFaceTB/SmolLM2-360M", max_steps=3)


def script(spec=None):
    return single_file(spec or launch_spec(CONFIG), docstring="A test.", packages=["torch>=2.6"])


def test_it_imports_packages_alone_each_once_and_at_its_top():
    tree = ast.parse(script())
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [ast.unparse(node) for node in imports]
    assert len(set(names)) == len(names)
    assert names[0] == "from __future__ import annotations"
    everywhere = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    packages = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
        for node in everywhere
    }
    assert packages - sys.stdlib_module_names == {
        "torch", "transformers", "trl", "peft", "datasets", "tokenizers"
    }  # fmt: skip


def test_it_holds_every_function_of_the_program_as_it_is_written():
    text = script()
    names = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert len(set(names)) == len(names)
    for module in ("data", "kernels", "limits", "model", "process_memory", "telling", "train"):
        for node in ast.parse((PROGRAM / f"{module}.py").read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                assert {node.name, f"{module}_{node.name}"} & set(names), f"{module}.{node.name}"
    assert max(map(len, text.splitlines())) < 200  # no blob


def test_a_name_that_would_be_another_thing_is_made_longer():
    """`lacking = lacking(...)` within a function would ask a variable that has no value yet."""
    text = script()
    assert "lacking = data_lacking(method" in text
    assert "def data_lacking(" in text
    assert not re.search(r"\b(data|model)\.(rows|parts|lacking|adapts)\(", text)


def test_it_says_nothing_to_tools_but_what_it_requires():
    text = script()
    assert "noqa" not in text and "type: ignore" not in text
    header = re.match(r"# /// script\n((?:# .*\n|#\n)+?)# ///\n", text)
    told = tomllib.loads("".join(line.removeprefix("# ") + "\n" for line in header[1].splitlines()))
    assert told == {"requires-python": ">=3.11", "dependencies": ["torch>=2.6"]}


def test_it_requires_what_the_extra_local_does():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    packaged = {"gguf>=0.10"}  # for the packaged model, which is not asked for elsewhere
    assert set(PACKAGES) == set(project["optional-dependencies"]["local"]) - packaged


@pytest.mark.parametrize(
    ("changes", "package"),
    [
        ({"method": "qlora"}, "bitsandbytes"),
        ({"optimizer": "lion"}, "bitsandbytes"),
        ({"optimizer": "adamw_4bit"}, "torchao"),
        ({"fused_kernels": True}, "liger-kernel"),
    ],
)
def test_what_a_configuration_needs_beyond_is_required(changes, package):
    assert f'#   "{package}",' not in launch_script(CONFIG)
    assert f'#   "{package}",' in launch_script(CONFIG.changed(**changes))


def test_a_module_that_cannot_be_joined_is_named(monkeypatch):
    def read(name):
        module = joining.Module(name, "def one(): pass\n")
        tree = ast.parse("def one(): pass\ndef two(one): return one" if name == "low" else "def one(): pass")
        module.body, module.stands_on = tree.body, ["low"] if name == "high" else []
        return module

    monkeypatch.setattr(joining, "_read", read)
    modules = {name: read(name) for name in ("high", "low")}
    with pytest.raises(ValueError, match="low calls two things one"):
        joining._new_names(modules)
