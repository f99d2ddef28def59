"""``POST /graphql``."""

import json
import logging
from typing import Any

from graphql import GraphQLSchema
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wabucketref.errors import UsageError
from wabucketref.server.access import base_url, require, require_json
from wabucketref.server.answers import shown
from wabucketref.server.bodies import read_body
from wabucketref.server.graphql.document import Documents, Refused, operation_of, refused
from wabucketref.server.graphql.execute import execute, formatted
from wabucketref.server.graphql.scalars import dump
from wabucketref.server.site import Site

log = logging.getLogger(__name__)


class Endpoint:
    """Answers GraphQL requests over one schema."""

    def __init__(self, schema: GraphQLSchema, site: Site) -> None:
        self._schema = schema
        self._site = site
        self._documents = Documents(schema, site.options.limits)

    def route(self) -> Route:
        return Route("/graphql", self.answer, methods=["POST"])

    async def answer(self, request: Request) -> Response:
        """One request. Refused documents are 400, so that no client tries them again."""
        user = await require(request)
        require_json(request)
        body = await read_body(request, self._site.options.limits.body)
        return await run_in_threadpool(self._answer, body, user, base_url(request))

    def _answer(self, body: bytes, user: Any, address: str) -> Response:
        try:
            source, name, variables = _parsed(body)
            document = self._documents.get(source)
            operation = operation_of(document, name)
        except Refused as refusal:
            told = [formatted(error) for error in refusal.errors]
            log.warning("refused a query: %s", shown(told[0]["message"]))
            return Response(dump({"errors": told}), 400, media_type="application/json")
        result = execute(self._site, self._schema, document, operation, variables, user, address)
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [formatted(error) for error in result.errors]
            what = operation.name.value if operation.name else "a query"
            log.info("%s failed: %s", shown(what), shown(answer["errors"][0]["message"]))
        return Response(dump(answer), 200, media_type="application/json")


def _parsed(body: bytes) -> tuple[str, str | None, dict[str, Any]]:
    """Query, name of the operation and variables.

    Raises:
        UsageError, Refused: the request has another form.
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageError("the request is not JSON") from error
    if not isinstance(given, dict):
        raise UsageError("the request is not one JSON object", hint="batches are not taken")
    source, name, variables = given.get("query"), given.get("operationName"), given.get("variables")
    if not isinstance(source, str) or not isinstance(name, str | None) or not isinstance(variables, dict | None):
        raise refused("query and operationName are text, variables an object")
    return source, name or None, variables or {}
