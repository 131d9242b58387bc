"""The engine behind `placeholders`: Liquid with its tags, filters and limits cut down."""

import functools
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, cast

from liquid import BoundTemplate, Environment, RenderContext
from liquid.ast import Node
from liquid.builtin import content, illegal, output
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.exceptions import (
    LiquidError,
    LoopIterationLimitError,
    OutputStreamLimitError,
    ResourceLimitError,
)
from liquid.expression import Expression
from liquid.span import Span

from helpdesk_api.web.errors import FieldError
from helpdesk_api.web.placeholders import (
    CPU_SECONDS,
    MAX_KEPT,
    MAX_LOOPS,
    MAX_MARKS,
    MAX_OUTPUT,
    MAX_SOURCE,
    InvalidTemplate,
    Offered,
    TemplateLimitReached,
    Values,
)

# No name that a text could write.
_BUDGET: Final = " cpu seconds"
_TAGS = frozenset(
    {
        *(content.Literal.name, output.Output.name, illegal.Illegal.name),
        *("assign", "break", "case", "comment", "continue", "for", "if", "unless", "#"),
    }
)
_FILTERS = frozenset(
    {
        "append",
        "capitalize",
        "default",
        "downcase",
        "first",
        "join",
        "last",
        "prepend",
        "size",
        "strip",
        "truncate",
        "truncatewords",
        "upcase",
    }
)


class _OutOfTime(ResourceLimitError):
    pass


class _Context(RenderContext):
    """One budget for the whole text, where Liquid's own is one for each loop."""

    __slots__ = ("_ends_at", "_iterations")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._iterations = 0
        budget = self.globals.get(_BUDGET, CPU_SECONDS)
        self._ends_at = time.thread_time() + cast("float", budget)

    def get(self, path: list[object], **options: Any) -> object:
        if time.thread_time() > self._ends_at:
            message = "it takes too long"
            raise _OutOfTime(message, token=None)
        return super().get(path, **options)

    def raise_for_loop_limit(self, length: int = 1) -> None:
        self._iterations += length
        if self._iterations > MAX_LOOPS:
            message = f"more than {MAX_LOOPS} rounds of loops"
            raise LoopIterationLimitError(message, token=None)
        super().raise_for_loop_limit(length)


class _Template(BoundTemplate):
    context_class = _Context


def _bounded(apply: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that neither takes nor gives more than a whole text may hold."""

    @functools.wraps(apply)
    def within(*values: Any, **options: Any) -> Any:
        found = apply(*values, **options)
        if isinstance(found, str) and len(found) > MAX_OUTPUT:
            message = "a value becomes too long"
            raise OutputStreamLimitError(message, token=None)
        return found

    return within


class _Environment(Environment):
    template_class = _Template
    loop_iteration_limit = MAX_LOOPS
    local_namespace_limit = MAX_KEPT
    output_stream_limit = MAX_OUTPUT
    block_nesting_limit = 10

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        self.tags = {name: tag for name, tag in self.tags.items() if name in _TAGS}
        self.filters = {name: _bounded(self.filters[name]) for name in _FILTERS}


_environment = _Environment()


def fill(source: str, offered: Offered, values: Values, pointer: str, cpu_seconds: float) -> str:
    """See `placeholders.fill_template`."""
    template = read(source, offered, pointer)
    try:
        given: dict[str, Any] = {name: values.get(name, {}) for name in offered}
        return template.render({**given, _BUDGET: cpu_seconds})
    except ResourceLimitError as error:
        message = f"It reaches a limit: {error.message}."
        raise TemplateLimitReached(message, pointer=pointer) from error
    except LiquidError as error:
        raise _invalid([_located(source, error, pointer)]) from error


def read(source: str, offered: Offered, pointer: str) -> BoundTemplate:
    """A text that may be filled in. Raises `invalid_template`."""
    if len(source) > MAX_SOURCE or source.count("{{") + source.count("{%") > MAX_MARKS:
        message = f"A text has at most {MAX_SOURCE} characters and {MAX_MARKS} placeholders and tags."
        raise _invalid([FieldError("template_too_long", message, pointer=pointer)])
    try:
        template = _environment.from_string(source)
        wrong = [*_unknown(template, source, offered, pointer), *_ranges(template.nodes, pointer)]
    except LiquidError as error:
        raise _invalid([_located(source, error, pointer)]) from error
    except RecursionError as error:
        raise _invalid([FieldError("template_syntax", "an expression is nested too deep", pointer=pointer)]) from error
    if wrong:
        raise _invalid(wrong)
    return template


def _unknown(template: BoundTemplate, source: str, offered: Offered, pointer: str) -> Iterable[FieldError]:
    found = template.analyze(include_partials=False)
    for variables in found.globals.values():
        for variable in variables:
            root, *path = variable.segments
            if path and isinstance(root, str) and isinstance(path[0], str) and path[0] in offered.get(root, ()):
                continue
            known = ", ".join(f"{name}.{field}" for name in offered for field in sorted(offered[name]))
            message = f"`{variable}` is not offered here; offered are {known}"
            yield _at(source, variable.span, "unknown_placeholder", message, pointer)
    for name, places in found.filters.items():
        for span in places if name not in _FILTERS else ():
            message = f"there is no filter `{name}` here; offered are {', '.join(sorted(_FILTERS))}"
            yield _at(source, span, "unknown_filter", message, pointer)


def _ranges(nodes: Iterable[Node], pointer: str) -> Iterable[FieldError]:
    context = _Context(_Template(_environment, []))
    for node in nodes:
        if any(_holds_range(expression) for expression in node.expressions()):
            yield FieldError("range_not_offered", "ranges such as (1..5) are not offered", pointer=pointer)
        yield from _ranges(node.children(context, include_partials=False), pointer)


def _holds_range(expression: Expression) -> bool:
    return isinstance(expression, RangeLiteral) or any(_holds_range(part) for part in expression.children())


def _at(source: str, span: Span, code: str, message: str, pointer: str) -> FieldError:
    return FieldError(code, message[:2_000], pointer=pointer, params=_place(source, span.index))


def _place(source: str, index: int) -> dict[str, int]:
    before = source[: max(index, 0)]
    return {"line": before.count("\n") + 1, "column": len(before) - (before.rfind("\n") + 1) + 1}


def _located(source: str, error: LiquidError, pointer: str) -> FieldError:
    place = _place(source, error.token.start_index) if error.token is not None else {}
    return FieldError("template_syntax", str(error.message)[:500], pointer=pointer, params=place)


def _invalid(wrong: list[FieldError]) -> InvalidTemplate:
    first = wrong[0]
    place = f" (line {first.params['line']}, column {first.params['column']})" if first.params else ""
    return InvalidTemplate(f"{first.detail}{place}", errors=wrong)
