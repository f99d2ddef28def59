"""Executes one request in one transaction."""

import logging
from collections.abc import Mapping
from typing import Any

from graphql import DocumentNode, ExecutionResult, GraphQLError, GraphQLSchema, OperationDefinitionNode, OperationType
from graphql import execute as execute_document

from wabucketref.errors import NotAuthorised, TransientError, WaBucketError
from wabucketref.server.accounts import User
from wabucketref.server.answers import shown
from wabucketref.server.call import Call
from wabucketref.server.graphql.build import read_field
from wabucketref.server.graphql.lenient import known
from wabucketref.server.site import Site

log = logging.getLogger(__name__)


class _RolledBack(Exception):
    """A mutation failed; carries its answer past the transaction."""

    def __init__(self, result: ExecutionResult) -> None:
        super().__init__()
        self.result = result


def execute(
    site: Site,
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
    user: User,
    base_url: str,
) -> ExecutionResult:
    """The answer; its errors are formatted by :func:`formatted`.

    Raises:
        TransientError: the catalog is busy or away; the client shall try again.
        NotAuthorised: a key that may only read asks for a change.
    """
    values = known(schema, operation, variables)
    if operation.operation is not OperationType.MUTATION:
        with site.read() as connection:
            return _run(schema, document, operation, values, Call(site, user, base_url, connection))
    if user.read_only:
        raise NotAuthorised("this API key may only read", hint="use a key that may write")
    try:
        with site.write() as connection:
            call = Call(site, user, base_url, connection)
            result = _run(schema, document, operation, values, call)
            if result.errors:
                raise _RolledBack(result)
        site.discard(call.discarded)
        return result
    except _RolledBack as failed:
        return failed.result


def _run(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    values: Mapping[str, Any],
    call: Call,
) -> ExecutionResult:
    """Run all resolvers. Raises TransientError when one of them does."""
    result = execute_document(
        schema,
        document,
        context_value=call,
        variable_values=dict(values),
        operation_name=operation.name.value if operation.name else None,
        field_resolver=read_field,
    )
    assert isinstance(result, ExecutionResult)  # no resolver is a coroutine
    for error in result.errors or ():
        if isinstance(error.original_error, TransientError):
            raise error.original_error
    return result


def formatted(error: GraphQLError) -> dict[str, Any]:
    """An error as it goes to the client; what is wrong with ourselves goes to the log alone."""
    cause = error.original_error
    found = dict(error.formatted)
    found.pop("locations", None)
    if isinstance(cause, WaBucketError):
        found["extensions"] = {"code": cause.kind}
    elif cause is not None and not isinstance(cause, GraphQLError):
        where = "/".join(map(str, error.path or ()))
        log.error("a resolver failed at %s: %s: %s", where, type(cause).__name__, shown(str(cause)), exc_info=cause)
        found |= {"message": "internal error of the server; its log has more", "extensions": {"code": "internal"}}
    return found
