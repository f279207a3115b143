"""A class name, or the name of a type, means one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping

import pytest

from tests.test_architecture import ROOT, parse, sources

LAYERS, OPS = "core/model/layers/", "core/model/ops/"


def types_named(tree: ast.Module) -> Iterator[str]:
    """The classes and types that a module defines for others."""
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
                if name[0].isupper() and not name.isupper() and "_" not in name:
                    yield name


def homonyms(modules: Mapping[str, ast.Module]) -> dict[str, list[str]]:
    """By name, the modules that mean different things by it; a layer may share the name of its op."""
    places = defaultdict(list)
    for path, tree in modules.items():
        for name in dict.fromkeys(types_named(tree)):
            places[name].append(path)
    return {name: paths for name, paths in places.items() if len(paths) > 1 and not are_layer_and_op(paths)}


def are_layer_and_op(paths: list[str]) -> bool:
    return len(paths) == 2 and paths[0].startswith(LAYERS) and paths[1].startswith(OPS)


def test_no_name_has_two_meanings() -> None:
    paths = sources("core", "service/store", "worker")

    assert not homonyms({str(path.relative_to(ROOT)): parse(path) for path in paths})


@pytest.mark.parametrize(
    ("paths", "planted"),
    [
        (("core/group/door.py", "core/optim/base.py"), "class Block:\n    pass"),
        (("core/group/door.py", "worker/lead.py"), "Place = tuple[int, int]"),
        ((f"{LAYERS}a.py", f"{LAYERS}b.py"), "class Relu:\n    pass"),
        ((f"{LAYERS}a.py", f"{OPS}a.py", "core/losses/a.py"), "class Relu:\n    pass"),
    ],
)
def test_a_planted_homonym_is_found(paths: tuple[str, ...], planted: str) -> None:
    (found,) = homonyms({path: ast.parse(planted) for path in paths}).values()

    assert found == list(paths)


def test_a_layer_has_the_name_of_its_op() -> None:
    assert not homonyms(
        {path: ast.parse("class Relu:\n    pass") for path in (f"{LAYERS}a.py", f"{OPS}a.py")}
    )
