"""The public surface, held against the stub that type checkers read."""

import ast
import importlib
from pathlib import Path

import imgcopy_core_stubs
import imgcopy_docker_archive

STUB = Path(imgcopy_core_stubs.__file__).with_suffix(".pyi")


def test_every_public_name_can_be_loaded() -> None:
    for package in (imgcopy_core_stubs, imgcopy_docker_archive):
        assert package.__all__ == sorted(package.__all__)
        for name in package.__all__:
            assert getattr(package, name) is not None


def test_the_stub_says_where_each_name_comes_from() -> None:
    homes = {
        name.name: node.module
        for node in ast.parse(STUB.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert sorted(homes) == imgcopy_core_stubs.__all__ == dir(imgcopy_core_stubs)
    for name, module in homes.items():
        home = importlib.import_module(str(module))
        assert getattr(home, name) is getattr(imgcopy_core_stubs, name)


def test_what_is_not_public_is_not_there() -> None:
    assert not hasattr(imgcopy_core_stubs, "ReadAhead")
