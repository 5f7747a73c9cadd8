"""Reading a callable's signature from its source, without importing it (so without importing torch)."""

import ast
import hashlib
import importlib
import importlib.util
import inspect
import typing
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from kdbench.spec import REQUIRED, Kind, Option, Signature, UserError, types

# The names an option's annotation may use; anything else is read by importing the module.
NAMES: dict[str, Any] = {
    **{name: value for name, value in vars(types).items() if not name.startswith("_")},
    **{t.__name__: t for t in (bool, int, float, str, tuple, list, dict)},
    "Literal": typing.Literal,
    "JsonValue": JsonValue,
    "None": None,
}


def read_signature(kind: Kind, use: str, target: str) -> Signature:
    """The signature of `module:attribute`, read from source where that suffices, else by importing it."""
    module, _, attribute = target.partition(":")
    node = _definition(module, attribute)
    try:
        if node is not None:
            return _from_source(kind, use, target, node)
    except (ValueError, NameError, TypeError, SyntaxError):
        pass  # a default or an annotation that only the module itself can evaluate
    return _from_object(kind, use, target, load_target(target))


def load_target(target: str) -> Any:
    """Import `module:attribute`."""
    module, _, attribute = target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise UserError(f"'{target}' needs the module '{error.name}', which is not installed") from error
    except AttributeError as error:
        raise UserError(f"module '{module}' has no '{attribute}'") from error


def source_hash(target: str) -> str | None:
    """A hash of the file that `module:attribute` stands in; none where it has no file."""
    found = importlib.util.find_spec(target.partition(":")[0])
    if found is None or not found.origin or not Path(found.origin).is_file():
        return None
    return hashlib.sha256(Path(found.origin).read_bytes()).hexdigest()[:16]


@cache
def _tree(module: str) -> ast.Module | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    return ast.parse(Path(spec.origin).read_text("utf-8"))


def _definition(module: str, attribute: str) -> ast.FunctionDef | ast.ClassDef | None:
    tree = _tree(module)
    for node in tree.body if tree else ():
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == attribute:
            return node
    return None


def _from_source(kind: Kind, use: str, target: str, node: ast.FunctionDef | ast.ClassDef) -> Signature:
    function: ast.stmt = node
    called: ast.stmt = node
    if isinstance(node, ast.ClassDef):
        methods = {n.name: n for n in node.body if isinstance(n, ast.FunctionDef)}
        if "__init__" not in methods or "forward" not in methods:
            raise ValueError("inherited methods are read from the imported class")
        function, called = methods["__init__"], methods["forward"]
    assert isinstance(function, ast.FunctionDef)
    assert isinstance(called, ast.FunctionDef)
    arguments = function.args
    options = tuple(
        Option(
            argument.arg,
            _evaluate(argument.annotation),
            REQUIRED if default is None else ast.literal_eval(default),
        )
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    )
    doc = ast.get_docstring(node) or ""
    inputs = [argument for argument in (*called.args.posonlyargs, *called.args.args) if argument.arg != "self"]
    optional = tuple(argument.arg for argument in inputs if _may_be_none(argument.annotation))
    return Signature(use, kind, target, tuple(each.arg for each in inputs), options, doc, optional=optional)


def _may_be_none(annotation: ast.expr | None) -> bool:
    """Whether an annotation is written `... | None`."""
    return isinstance(annotation, ast.BinOp) and ast.unparse(annotation.right) == "None"


def _evaluate(annotation: ast.expr | None) -> Any:
    if annotation is None:
        return JsonValue
    code = compile(ast.Expression(annotation), "<annotation>", "eval")
    return eval(code, {"__builtins__": {}}, dict(NAMES))  # source of an installed or named module, not of a suite


def _from_object(kind: Kind, use: str, target: str, thing: Any) -> Signature:
    called = vars(thing)["forward"] if inspect.isclass(thing) else thing
    hints = typing.get_type_hints(thing.__init__ if inspect.isclass(thing) else thing, include_extras=True)
    parameters = inspect.signature(thing).parameters.values()
    options = tuple(
        Option(p.name, hints.get(p.name, JsonValue), REQUIRED if p.default is p.empty else p.default)
        for p in parameters
        if p.kind is p.KEYWORD_ONLY
    )
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    inputs = [
        p.name for p in inspect.signature(called).parameters.values() if p.kind in positional and p.name != "self"
    ]
    optional = tuple(name for name in inputs if name in optional_inputs(called))
    return Signature(use, kind, target, tuple(inputs), options, inspect.getdoc(thing) or "", optional=optional)


def optional_inputs(function: Callable[..., Any]) -> tuple[str, ...]:
    """The parameters of an imported function whose annotation is written `... | None`."""
    hints = inspect.get_annotations(function)
    return tuple(name for name, hint in hints.items() if name != "return" and str(hint).endswith("| None"))
