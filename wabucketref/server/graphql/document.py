"""GraphQL documents: parsed, bounded, validated, and remembered, since the SDK asks the same ones over and over.

The bounds are checked before validation, which takes more than linear time.
"""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    get_operation_ast,
    parse,
    validate,
)

from wabucketref.server.site import Limits

_REMEMBERED: Final = 512
_ERRORS: Final = 5


class Refused(Exception):
    """The document cannot be executed."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(errors[0].message)
        self.errors = errors


def refused(message: str) -> Refused:
    """A refusal in our own words."""
    return Refused([GraphQLError(message)])


class Documents:
    """The documents of one schema. Thread-safe."""

    def __init__(self, schema: GraphQLSchema, limits: Limits) -> None:
        self._schema = schema
        self._limits = limits
        self._checked = lru_cache(_REMEMBERED)(self._check)

    def get(self, source: str) -> DocumentNode:
        """The document, fit to be executed.

        Raises:
            Refused: it is malformed, too big, or asks for what the schema does not have.
        """
        if len(source) > self._limits.query:
            raise Refused(
                [GraphQLError(f"the query has {len(source)} characters, at most {self._limits.query} may be")]
            )
        return self._checked(source)

    def _check(self, source: str) -> DocumentNode:
        try:
            document = parse(source, no_location=True, max_tokens=self._limits.tokens)
        except GraphQLError as error:
            raise Refused([error]) from error
        except RecursionError as error:
            raise refused("the query is nested too deeply") from error
        _Bounds(document, self._limits).check()
        errors = validate(self._schema, document, max_errors=_ERRORS)
        if errors:
            raise Refused(errors)
        return document


def operation_of(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation to execute.

    Raises:
        Refused: there is none of this name, or several and no name.
    """
    found = get_operation_ast(document, name)
    if found is None:
        raise refused(f"there is no operation {name!r}" if name else "which operation? give its name")
    return found


class _Bounds:
    """Depth and number of fields, with each fragment counted wherever it is spread; circles are refused."""

    def __init__(self, document: DocumentNode, limits: Limits) -> None:
        self._limits = limits
        self._document = document
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._measured: dict[str, tuple[int, int]] = {}
        self._open: set[str] = set()
        self._names: Counter[str] = Counter()

    def check(self) -> None:
        """Raises Refused: one of the bounds is passed."""
        for node in self._document.definitions:
            if isinstance(node, OperationDefinitionNode):
                depth, fields = self._measure(node.selection_set)
                if depth > self._limits.depth:
                    raise refused(f"the query is {depth} deep, at most {self._limits.depth} may be")
                if fields > self._limits.fields:
                    raise refused(f"the query has {fields} fields, at most {self._limits.fields} may be")
        if sum(count * count for count in self._names.values()) > self._limits.repeats:
            raise refused("the query repeats its fields too often")

    def _measure(self, selection: SelectionSetNode | None) -> tuple[int, int]:
        depth = fields = 0
        for deeper, more in self._children(selection):
            depth, fields = max(depth, deeper), fields + more
        return depth, fields

    def _children(self, selection: SelectionSetNode | None) -> Iterator[tuple[int, int]]:
        for node in selection.selections if selection else ():
            if isinstance(node, FieldNode):
                self._names[(node.alias or node.name).value] += 1
                depth, fields = self._measure(node.selection_set)
                yield depth + 1, fields + 1
            elif isinstance(node, FragmentSpreadNode):
                yield self._fragment(node.name.value)
            else:
                yield self._measure(getattr(node, "selection_set", None))

    def _fragment(self, name: str) -> tuple[int, int]:
        if name in self._open:
            raise refused(f"the fragment {name} contains itself")
        if name not in self._measured:
            fragment = self._fragments.get(name)
            if fragment is None:
                return 0, 0  # validation names it
            self._open.add(name)
            self._measured[name] = self._measure(fragment.selection_set)
            self._open.discard(name)
        return self._measured[name]
