"""How little code it takes: the service is counted, and so are its handlers."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[3] / "examples" / "fastapi_service" / "clinic_service"
_NO_CODE = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.ENCODING, tokenize.ENDMARKER),
}
_ASKED = {"get", "post", "put", "patch", "delete", "api_route"}


def lines_of_code(source: str) -> set[int]:
    """The lines that hold code: no blank ones, no comments, no docstrings."""
    told: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            told |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    found = {
        line
        for token in tokens
        if token.type not in _NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    return found - told


def handlers() -> Iterator[tuple[str, int]]:
    """Each handler, and how many lines its body has."""
    for path in sorted((PACKAGE / "routes").glob("*.py")):
        source = path.read_text("utf-8")
        code = lines_of_code(source)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
                isinstance(one, ast.Call)
                and isinstance(one.func, ast.Attribute)
                and one.func.attr in _ASKED
                for one in node.decorator_list
            ):
                body = range(node.body[0].lineno, (node.end_lineno or 0) + 1)
                yield f"{path.stem}.{node.name}", len(code & set(body))


def test_the_service_has_less_than_1630_lines_of_code() -> None:
    """All of it, messages included. The page and the demo are data."""
    counted = {
        path.relative_to(PACKAGE): len(lines_of_code(path.read_text("utf-8")))
        for path in PACKAGE.rglob("*.py")
    }
    assert sum(counted.values()) < 1630, counted


def test_handlers_have_ten_lines_on_average_or_fewer() -> None:
    found = dict(handlers())
    assert len(found) > 50
    assert sum(found.values()) / len(found) <= 10
    assert max(found.values()) <= 25


def test_what_counts_as_code() -> None:
    source = '"""Said."""\n\n# why\nx = (\n    1,  # one\n)\n\n\n'
    source += 'def f():\n    """Said."""\n    return x\n'
    assert lines_of_code(source) == {4, 5, 6, 9, 11}
