"""The executable schema: all SDL files merged, resolvers put in."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from graphql import (
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    build_ast_schema,
    concat_ast,
    parse,
)

from wabucketref.server.area import Area
from wabucketref.server.call import Info
from wabucketref.server.graphql.scalars import SCALARS, adapt

FOLDER: Final = Path(__file__).parent.parent / "schema"
_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def build(areas: Iterable[Area]) -> GraphQLSchema:
    """The schema of these areas. Raises ValueError where SDL and resolvers do not fit: a mistake of ours."""
    areas = list(areas)
    documents = [parse((FOLDER / f"{area.name}.graphql").read_text("utf-8"), no_location=True) for area in areas]
    schema = build_ast_schema(concat_ast(documents))
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            for name, entry in kind.fields.items():
                entry.out_name = snake(name)
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field in kind.fields.values():
                for name, argument in field.args.items():
                    argument.out_name = snake(name)
        elif isinstance(kind, GraphQLScalarType) and kind.name in SCALARS:
            adapt(kind)
    for area in areas:
        _resolve(schema, area)
    return schema


def _resolve(schema: GraphQLSchema, area: Area) -> None:
    for kind_name, fields in area.resolvers.items():
        kind = schema.get_type(kind_name)
        if not isinstance(kind, GraphQLObjectType):
            raise ValueError(f"area {area.name} resolves {kind_name}, which no schema declares")
        for name, resolver in fields.items():
            if name not in kind.fields:
                raise ValueError(f"area {area.name} resolves {kind_name}.{name}, which no schema declares")
            kind.fields[name].resolve = resolver


def snake(name: str) -> str:
    """``runCount`` as ``run_count``, ``clientIDMapping`` as ``client_id_mapping``."""
    return _WORD.sub("_", name).lower()


def read_field(source: Any, info: Info, **arguments: Any) -> Any:
    """The value of a field without a resolver: an entry or attribute of `source` under its name in snake_case."""
    name = snake(info.field_name)
    value = source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)
    return value() if callable(value) else value
