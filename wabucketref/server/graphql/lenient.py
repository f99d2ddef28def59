"""Variables of newer clients: fields that this schema does not know and that say nothing are left out.

An SDK sends whole input objects, null in the fields that it does not use; a field that it got last month must not
shut it out. One that says something is refused by name, as ever.
"""

from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    type_from_ast,
)


def known(schema: GraphQLSchema, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables without unknown fields that are null."""
    found = dict(variables)
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        if name in found:
            found[name] = _pruned(type_from_ast(schema, definition.type), found[name])
    return found


def _pruned(kind: Any, value: Any) -> Any:
    if isinstance(kind, GraphQLNonNull):
        return _pruned(kind.of_type, value)
    if isinstance(kind, GraphQLList) and isinstance(value, list):
        return [_pruned(kind.of_type, item) for item in value]
    if isinstance(kind, GraphQLInputObjectType) and isinstance(value, Mapping):
        fields = kind.fields
        return {
            name: _pruned(fields[name].type, item) if name in fields else item
            for name, item in value.items()
            if name in fields or item is not None
        }
    return value
