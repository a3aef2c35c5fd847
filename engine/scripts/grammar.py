"""What an admin may write into a diagram: a small part of Python, refused at deploy otherwise.

RestrictedPython walks the tree; this policy allows it a list of constructs, turns everything whose
cost the text does not show (loops, arithmetic, copies, comparisons, calls) into calls of `Meter`,
and leaves what is cheap as it was: `decision == "approve"` runs as plain Python.  Methods are only
called, never values, so there is no attribute to climb.
"""
# ruff: noqa: N802, N815 - visitors are named after Python's nodes

from __future__ import annotations

import ast
import re
from typing import Any

from RestrictedPython.transformer import RestrictingNodeTransformer

from engine.scripts.meter import CHANGING, METHODS

NODES_PER_STEP = 32  # one round of a loop costs a step for so many parts of its body

PLAIN = {"len": len, "abs": abs, "bool": bool, "float": float, "range": range}
METERED = ("sum", "min", "max", "sorted", "any", "all", "list", "dict", "round", "int", "str")
OF_THE_HALL = ("before_due", "working_days")  # given by `script.Sandbox`, which knows the request
FUNCTIONS = frozenset((*PLAIN, *METERED, *OF_THE_HALL))
# what reads a generator to its end at once: one kept in a name could be nested without end
CONSUMERS = frozenset(("sum", "min", "max", "sorted", "any", "all", "list", "dict"))
CONSUMING_METHODS = frozenset(("join", "extend", "update"))
WITH_KEY = frozenset(("sorted", "min", "max", "sort"))
SCALAR_FUNCTIONS = frozenset(("len", "int", "float", "str", "bool", "round", "abs", "sum"))
FORMAT = re.compile(r"[<>^]?0?\d{0,2},?(\.\d)?[dfs%]?")  # widths of two digits: no text of a GB
OPERATORS = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mult",
    ast.Div: "div",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "power",
}

_ALLOWED = frozenset(
    (ast.Module, ast.Expression, ast.Expr, ast.Assign, ast.AugAssign, ast.Delete, ast.Pass)
    + (ast.If, ast.For, ast.While, ast.Break, ast.Continue, ast.IfExp, ast.BoolOp, ast.And, ast.Or)
    + (ast.UnaryOp, ast.Not, ast.USub, ast.UAdd, ast.BinOp, *OPERATORS)
    + (ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
    + (ast.Is, ast.IsNot, ast.In, ast.NotIn, ast.Call, ast.keyword, ast.Attribute, ast.Subscript)
    + (ast.Slice, ast.Name, ast.Load, ast.Store, ast.Del, ast.Constant, ast.List, ast.Tuple)
    + (ast.Set, ast.Dict, ast.Starred, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    + (ast.comprehension, ast.JoinedStr, ast.FormattedValue, ast.Lambda, ast.arguments, ast.arg)
)
_WORDS: dict[type[ast.AST], str] = {
    ast.Import: "import",
    ast.ImportFrom: "import",
    ast.FunctionDef: "def（自定义函数）",
    ast.AsyncFunctionDef: "async",
    ast.ClassDef: "class",
    ast.Try: "try（出错时流程会停下并通知管理员）",
    ast.TryStar: "try（出错时流程会停下并通知管理员）",
    ast.Raise: "raise",
    ast.Assert: "assert",
    ast.With: "with",
    ast.Match: "match，请改用 if",
    ast.NamedExpr: ":=",
    ast.Yield: "yield",
    ast.YieldFrom: "yield",
    ast.Await: "await",
    ast.Global: "global",
    ast.Nonlocal: "nonlocal",
    ast.Return: "return",
    ast.AnnAssign: "类型标注",
    ast.Invert: "运算符 ~",
    ast.LShift: "运算符 <<",
    ast.RShift: "运算符 >>",
    ast.BitOr: "运算符 |，条件请用 or",
    ast.BitXor: "运算符 ^，乘方请用 **",
    ast.BitAnd: "运算符 &，条件请用 and",
    ast.MatMult: "运算符 @",
}


def _constant(node: ast.expr) -> bool:
    """A literal, or a display of literals: comparing with it costs no more than it is long."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return all(_constant(each) for each in node.elts)
    if isinstance(node, ast.Dict):
        return not node.keys
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.operand, ast.Constant)
    return isinstance(node, ast.Constant)


def _scalar(node: ast.expr) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in SCALAR_FUNCTIONS
    return _constant(node)


class ScriptPolicy(RestrictingNodeTransformer):
    """What a script may contain; every visitor returns the metered form of its node."""

    may_change = True

    def visit(self, node: ast.AST) -> Any:
        if type(node) not in _ALLOWED:
            self.error(node, f"不能用 {_WORDS.get(type(node), type(node).__name__)}")
            return node
        return super().visit(node)

    def error(self, node: ast.AST, info: str) -> None:
        self.errors.append(f"第 {getattr(node, 'lineno', 1)} 行：{info}")

    def _metered(self, name: str, node: ast.expr, *args: ast.expr) -> ast.Call:
        call = ast.Call(ast.Name(f"_{name}_", ast.Load()), [*args], [])
        return ast.fix_missing_locations(ast.copy_location(call, node))

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if not isinstance(node.value, str | int | float | bool | None):
            self.error(node, "只能写文字、数字、True、False、None")
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id.startswith("_"):
            self.error(node, f"名称不能以下划线开头：{node.id}")
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        if node.arg.startswith("_"):
            self.error(node, f"名称不能以下划线开头：{node.arg}")
        return node

    # calls

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if any(isinstance(arg, ast.Starred) for arg in node.args) or not all(
            keyword.arg for keyword in node.keywords
        ):
            self.error(node, "调用时不能用 * 或 **")
            return node
        func, name = node.func, ""
        args: list[ast.expr] = []
        if isinstance(func, ast.Name) and func.id in FUNCTIONS:
            name = func.id
            target = ast.copy_location(ast.Name(f"_{name}_", ast.Load()), func)
        elif isinstance(func, ast.Attribute):
            name = func.attr
            self._check_method(func)
            target = ast.copy_location(ast.Name("_method_", ast.Load()), func)
            args = [self.visit(func.value), ast.copy_location(ast.Constant(name), func)]
        else:
            written = ast.unparse(func)[:40]
            self.error(node, f"没有函数 {written}，可以用：{'、'.join(sorted(FUNCTIONS))}")
            return node
        for keyword in node.keywords:
            if isinstance(keyword.value, ast.Lambda) and keyword.arg == "key" and name in WITH_KEY:
                keyword.value = self._key(keyword.value)
            else:
                keyword.value = self.visit(keyword.value)
        reads = name in (CONSUMERS if isinstance(func, ast.Name) else CONSUMING_METHODS)
        for arg in node.args:
            generator = reads and isinstance(arg, ast.GeneratorExp)
            args.append(self._comprehension(arg) if generator else self.visit(arg))
        node.func, node.args = target, args
        return node

    def _check_method(self, func: ast.Attribute) -> None:
        if func.attr not in METHODS:
            self.error(func, f'没有方法 {func.attr}；取数据请写成 名称["{func.attr}"]')
        elif func.attr in CHANGING and not self.may_change:
            self.error(func, f"表达式不能改动数据（{func.attr}），请改用脚本")

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Only met where it is not called."""
        self.error(node, f'不能取 .{node.attr}；取数据请写成 名称["{node.attr}"]')
        return node

    def _key(self, node: ast.Lambda) -> ast.Lambda:
        args = node.args
        if len(args.args) != 1 or args.posonlyargs or args.vararg or args.kwonlyargs or args.kwarg:
            self.error(node, "lambda 只能有一个参数")
        if args.defaults:
            self.error(node, "lambda 的参数不能有默认值")
        self.visit_arg(args.args[0]) if args.args else None
        cost = self._cost(node)
        node.body = self._metered("counted", node.body, cost, self.visit(node.body))
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.error(node, "lambda 只能写在 sorted、min、max、sort 的 key= 后面")
        return node

    # loops

    def _cost(self, node: ast.AST) -> ast.Constant:
        steps = 1 + sum(1 for _ in ast.walk(node)) // NODES_PER_STEP
        return ast.fix_missing_locations(ast.copy_location(ast.Constant(steps), node))

    def _check_target(self, node: ast.expr) -> None:
        for each in ast.walk(node):
            if not isinstance(each, ast.Name | ast.Tuple | ast.Store):
                self.error(node, "循环变量只能是名称")

    def visit_For(self, node: ast.For) -> ast.AST:
        self._check_target(node.target)
        cost = self._cost(node)
        node = self.node_contents_visit(node)
        node.iter = self._metered("each", node.iter, node.iter, cost)
        return node

    def visit_While(self, node: ast.While) -> ast.AST:
        cost = self._cost(node)
        node = self.node_contents_visit(node)
        node.test = self._metered("counted", node.test, cost, node.test)
        return node

    def _comprehension(self, node: Any) -> Any:
        cost = self._cost(node)
        node = self.node_contents_visit(node)
        for each in node.generators:
            each.iter = self._metered("each", each.iter, each.iter, cost)
        return node

    visit_ListComp = _comprehension
    visit_SetComp = _comprehension
    visit_DictComp = _comprehension

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        readers = "、".join(sorted(CONSUMERS))
        self.error(node, f"没有括号的 for 只能写在 {readers} 里面，其他地方请用 [ ]")
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self._check_target(node.target)
        if node.is_async:
            self.error(node.target, "不能用 async")
        return self.node_contents_visit(node)

    # operators

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        node = self.node_contents_visit(node)
        name = OPERATORS.get(type(node.op))
        return self._metered(name, node, node.left, node.right) if name else node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        target = node.target
        if not isinstance(target, ast.Name):
            written = ast.unparse(target)
            self.error(node, f"请把 {written} 的运算写成 {written} = {written} …")
            return node
        node = self.node_contents_visit(node)
        name = OPERATORS.get(type(node.op))
        if name is None:
            return node
        before = ast.copy_location(ast.Name(target.id, ast.Load()), node)
        assign = ast.Assign([target], self._metered(name, node.value, before, node.value))
        return ast.fix_missing_locations(ast.copy_location(assign, node))

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        sides = [node.left, *node.comparators]
        weighed = [False] * len(sides)
        for at, operator in enumerate(node.ops):
            left, right = sides[at], sides[at + 1]
            if isinstance(operator, ast.Is | ast.IsNot) or _constant(right):
                continue
            if isinstance(operator, ast.In | ast.NotIn):
                weighed[at], weighed[at + 1] = weighed[at] or not _scalar(left), True
            elif not _scalar(left) and not _scalar(right):
                weighed[at] = weighed[at + 1] = True
        node = self.node_contents_visit(node)
        done = [
            self._metered("weighed", side, side) if heavy else side
            for side, heavy in zip([node.left, *node.comparators], weighed, strict=True)
        ]
        node.left, node.comparators = done[0], done[1:]
        return node

    # text, lists, dicts

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        spec = node.format_spec
        if node.conversion not in (-1, ord("s")):
            self.error(node, "f 文字中不能用 !r、!a")
        if spec is not None:
            written = "".join(
                str(each.value) if isinstance(each, ast.Constant) else "{"
                for each in (spec.values if isinstance(spec, ast.JoinedStr) else [spec])
            )
            if not FORMAT.fullmatch(written):
                self.error(node, f"f 文字中的格式“{written[:20]}”不能用，只能写如 .2f、,、05d")
        value = self.visit(node.value)
        node.value = self._metered("str" if spec is None else "scalar", node.value, value)
        node.conversion = -1
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        reading = isinstance(node.ctx, ast.Load)
        if not reading and not self.may_change:
            self.error(node, "表达式不能改动数据，请改用脚本")
        if not isinstance(node.slice, ast.Slice):
            return self.node_contents_visit(node)
        if isinstance(node.ctx, ast.Store):
            self.error(node, "不能给一段列表赋值，请改为新的列表")
        value, bounds = self.visit(node.value), node.slice
        node.value = self._metered("sliced", value, value) if reading else value
        node.slice = self.node_contents_visit(bounds)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """Unpacking stays Python's own: everything a script holds is plain data."""
        return self.node_contents_visit(node)

    def visit_Starred(self, node: ast.Starred) -> ast.AST:
        if not isinstance(node.ctx, ast.Load):
            self.error(node, "赋值时不能用 *")
        value = self.visit(node.value)
        node.value = self._metered("list", value, value)
        return node

    def visit_Tuple(self, node: ast.Tuple) -> ast.AST:
        plain = _constant(node) or not isinstance(node.ctx, ast.Load)
        node = self.node_contents_visit(node)
        return node if plain else self._metered("tuple", node, node)

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        spread = [key is None for key in node.keys]
        node = self.node_contents_visit(node)
        node.values = [
            self._metered("dict", value, value) if alone else value
            for value, alone in zip(node.values, spread, strict=True)
        ]
        return node


class ExpressionPolicy(ScriptPolicy):
    """An expression looks and does not touch: data is shared between the steps of a request."""

    may_change = False
