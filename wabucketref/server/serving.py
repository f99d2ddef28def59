"""What the composition root takes of this floor, in one place."""

from wabucketref.server.accounts import Accounts, has_keys, make_key, revoke_keys
from wabucketref.server.app import make_app
from wabucketref.server.links import Links
from wabucketref.server.listen import address_of, bind, is_loopback, serve
from wabucketref.server.site import Options, Site, loopback_hosts
from wabucketref.server.uploads import Uploads

__all__ = [
    "Accounts",
    "Links",
    "Options",
    "Site",
    "Uploads",
    "address_of",
    "bind",
    "has_keys",
    "is_loopback",
    "loopback_hosts",
    "make_app",
    "make_key",
    "revoke_keys",
    "serve",
]
