"""For storages that speak HTTP: the native plane's connections, as a plugin uses them. The names in this module stay.

A store makes a :class:`Call` of each request; a :class:`Client`, in which it fills in how requests are signed and what
refusals mean, sends them: one by one, as a range that comes in pieces, or many at a time. :class:`Together` makes a
``contracts.many.Many`` of that. :func:`by_plane` opens a bucket this way, or another way where it cannot be
(:class:`Unfit`) or is not wanted (``WABUCKET_DATA_PLANE``).
"""

from wabucketref.contracts.many import Content, Copied, Copy, Put, Read, Stored
from wabucketref.store.drivers.http_errors import http_date
from wabucketref.store.native.calls import Answer, Call
from wabucketref.store.native.client import Client
from wabucketref.store.native.factory import by_plane
from wabucketref.store.native.failures import Asked
from wabucketref.store.native.http import Unfit
from wabucketref.store.native.together import Together

__all__ = [
    "Answer",
    "Asked",
    "Call",
    "Client",
    "Content",
    "Copied",
    "Copy",
    "Put",
    "Read",
    "Stored",
    "Together",
    "Unfit",
    "by_plane",
    "http_date",
]
