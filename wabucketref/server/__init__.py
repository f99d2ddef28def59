"""The W&B-compatible server: the part of W&B's API that its SDK needs, over the embedded catalog.

How it hangs together. ``app.make_app(site)`` is an ASGI application. A *site* (``site.Site``) is what all requests
share: the catalog, the bucket for files, accounts, signed links, limits. What the server can do is divided into
*areas* (``area.Area``); the table ``areas.AREAS`` is the whole list. An area is

* an SDL file ``schema/NAME.graphql`` that we write: it declares types, or adds fields with ``extend type``;
* ``resolvers``: type name -> field name -> function ``(source, info, **arguments)``; ``info.context`` is the
  ``call.Call`` of the request. Arguments and fields of input objects arrive in snake_case; those not given do not
  arrive at all, those given as null are None. What a resolver returns may be a mapping or an object: a field without
  a resolver is read from it under its name in snake_case (a callable is called with nothing);
* ``routes``: further HTTP routes, plain Starlette endpoints; ``request.app.state.site`` is the site, and
  ``access.require(request, write=…)`` the user;
* ``uploaded``: kind -> function called when the bytes of a signed upload link of that kind are in the bucket;
* ``run_deleted``: function called when a run is deleted, which removes what the area keeps of it.

A query runs in one reading transaction (``call.connection``), a mutation in one writing transaction that is rolled
back whole when any field fails: resolvers need not care. What a resolver raises of our error kinds becomes a GraphQL
error; ``TransientError`` becomes 503, which clients repeat. Anything unknown to the schema is refused by validation.

Names of the user are never paths: files lie in the bucket under random keys (``blobs.new_key``), and links to them
(``call.links.put``, ``call.links.get``) are signed, absolute and point at this server. Objects that a mutation leaves
without a name go to ``call.discarded``: they are deleted once it is committed. Ids in answers are opaque
(``ids.encode("Run", pk)``). Lists are connections (``paging.page``). The server opens no URL.
"""
