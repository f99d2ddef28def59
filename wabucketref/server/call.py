"""The context of one GraphQL request."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from graphql import GraphQLResolveInfo
from sqlalchemy import Connection

from wabucketref.server.accounts import User
from wabucketref.server.links import CallLinks
from wabucketref.server.site import Site

Info: TypeAlias = GraphQLResolveInfo


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks, for what, in which transaction."""

    site: Site
    user: User
    base_url: str
    connection: Connection
    discarded: list[str] = field(default_factory=list)
    """Keys of objects that a mutation leaves without a name: deleted once it is committed."""
    memo: dict[Any, Any] = field(default_factory=dict)
    """What resolvers of one request found and share, by keys that start with a word of theirs."""

    @property
    def links(self) -> CallLinks:
        """Makes links that this caller can follow."""
        return CallLinks(self.site.links, self.base_url)


def call_of(info: Info) -> Call:
    """The call that a resolver runs in."""
    found: Any = info.context
    assert isinstance(found, Call)
    return found
