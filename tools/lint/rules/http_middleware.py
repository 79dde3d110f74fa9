"""No BaseHTTPMiddleware: middleware is pure ASGI.

The accident: it runs each request in another task. Context variables set inside are gone outside, so that logs and
events lose their correlation; a client that hangs up leaves the handler running; and each request costs a task more.
"""

import ast

from tools.lint.rule import Complaints, Rule, calls

WAY_OUT = "write pure ASGI, as common.http.middleware does"


def find(tree: ast.Module) -> Complaints:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(each.name == "BaseHTTPMiddleware" for each in node.names):
            yield node.lineno, f"BaseHTTPMiddleware moves each request to a task of its own: {WAY_OUT}"
        if isinstance(node, ast.Attribute) and node.attr == "BaseHTTPMiddleware":
            yield node.lineno, f"BaseHTTPMiddleware moves each request to a task of its own: {WAY_OUT}"
    for line, name, call in calls(tree):
        if name.endswith(".middleware") and [
            ast.literal_eval(each) for each in call.args[:1] if isinstance(each, ast.Constant)
        ] == ["http"]:
            yield line, f'{name}("http") is BaseHTTPMiddleware by another name: {WAY_OUT}'


RULE = Rule("http-middleware", find)
