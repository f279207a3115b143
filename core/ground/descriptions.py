"""What the fields of a spec's models mean, read from the texts below them when somebody asks.

Pydantic's own reading (`use_attribute_docstrings`) looks for each class's source while it is imported, which
took a sixth of the time that a worker needs to load the core.
"""

import ast
import inspect
import sys
from collections.abc import Mapping
from functools import cache


@cache
def descriptions_of(model: type) -> Mapping[str, str]:
    """The text below each annotated attribute of a class and of its bases, by the attribute's name."""
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        texts |= _of_module(base.__module__).get(base.__qualname__, {})
    return texts


@cache
def _of_module(name: str) -> Mapping[str, Mapping[str, str]]:
    """The texts of all classes at the top of a module, by the class's name."""
    if not name.startswith("lockstep."):
        return {}
    try:
        body = ast.parse(inspect.getsource(sys.modules[name])).body
    except OSError:  # an installation without sources describes less
        return {}
    return {node.name: _texts(node) for node in body if isinstance(node, ast.ClassDef)}


def _texts(node: ast.ClassDef) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for before, after in zip(node.body, node.body[1:], strict=False):
        match before, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
    return found
