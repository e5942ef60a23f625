"""Formulas given as text, read through a whitelist over Python's syntax tree; nothing is run."""

import ast
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeAlias

from noneq.errors import InvalidInput


_LONGEST, _DEEPEST = 2_000, 60
LARGEST_EXPONENT = 8
_LARGEST_NUMBER = 1e15

Read: TypeAlias = Callable[[ast.expr], Any]
"""From a part of a formula to what it stands for."""


class AbstractAlgebra(ABC):
    """What the numbers, names, operations and functions of a formula stand for.

    Attributes:
        what: the text is called, in errors.
        smallest: size of a number that is not 0.
    """

    what: str
    smallest: float

    @abstractmethod
    def number(self, value: int | float | complex) -> Any:
        """A constant; complex constants are imaginary."""

    @abstractmethod
    def name(self, name: str) -> Any:
        """A variable, parameter or constant."""

    @abstractmethod
    def negative(self, value: Any) -> Any:
        """−value."""

    @abstractmethod
    def operation(self, node: ast.BinOp, left: Any, right: Any) -> Any:
        """A sum, difference, product or quotient, as ``node.op`` says."""

    @abstractmethod
    def power(self, node: ast.BinOp, read: Read) -> Any:
        """A power, whose two sides are still to be read."""

    @abstractmethod
    def call(self, name: str, node: ast.Call, read: Read) -> Any:
        """A function, whose arguments are still to be read."""

    @abstractmethod
    def refusal(self, node: ast.expr) -> InvalidInput:
        """What to say of a part that has no place in a formula."""


def parse(text: str, *, what: str, example: str) -> ast.expr:
    """The syntax tree of a formula; ^ is read as a power.

    Raises:
        InvalidInput: text that is too long, nested too deeply, or no formula.
    """
    if len(text) > _LONGEST:
        raise InvalidInput(
            f"the {what} has {len(text)} characters; at most {_LONGEST} are read: shorten it."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.strip().replace("^", "**"), mode="eval").body
    except (RecursionError, MemoryError) as error:
        raise _deep(what) from error
    except (SyntaxError, ValueError) as error:
        raise InvalidInput(
            f"cannot read the {what} {shown(text)}; write it as {example}."
        ) from error


def meaning(tree: ast.expr, algebra: AbstractAlgebra) -> Any:
    """What a formula stands for.

    Raises:
        InvalidInput: a part that the algebra refuses, a number too large or too small, or a
            formula that is nested too deeply.
    """
    try:
        return _meaning(tree, algebra, 0)
    except RecursionError as error:
        raise _deep(algebra.what) from error


def _meaning(node: ast.expr, algebra: AbstractAlgebra, depth: int) -> Any:
    if depth > _DEEPEST:
        raise _deep(algebra.what)
    read = lambda part: _meaning(part, algebra, depth + 1)
    match node:
        case ast.Constant(value=int() | float() | complex() as value) if type(value) is not bool:
            if not (value == 0 or algebra.smallest <= abs(value) <= _LARGEST_NUMBER):
                raise InvalidInput(
                    f"the number {shown(value)} is outside {algebra.smallest:g} .. "
                    f"{_LARGEST_NUMBER:g}; choose other units."
                )
            return algebra.number(value)
        case ast.Name(id=name):
            return algebra.name(name)
        case ast.UnaryOp(op=ast.UAdd(), operand=inside):
            return read(inside)
        case ast.UnaryOp(op=ast.USub(), operand=inside):
            return algebra.negative(read(inside))
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div()):
            return algebra.operation(node, read(node.left), read(node.right))
        case ast.BinOp(op=ast.Pow()):
            return algebra.power(node, read)
        case ast.Call(func=ast.Name(id=name)):
            return algebra.call(name, node, read)
        case _:
            raise algebra.refusal(node)


def shown(part: object) -> str:
    """At most 60 characters of a text, a part of a formula or a value, in quotes."""
    if isinstance(part, ast.AST):
        part = ast.unparse(part)
    text = part if isinstance(part, str) else repr(part)
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _deep(what: str) -> InvalidInput:
    return InvalidInput(f"the {what} is nested too deeply; write it as a sum of terms.")
