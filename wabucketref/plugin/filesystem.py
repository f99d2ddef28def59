"""A storage plugin on a file system of fsspec, made by filling in one method."""

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.storage import Capabilities, Storage
from wabucketref.store.drivers.generic import GenericStorage
from wabucketref.store.drivers.urls import BucketUrl, check_path, split_scheme


class FsspecPlugin:
    """Opens ``SCHEME://BUCKET[/PREFIX]`` as a directory of a file system. Subclass it and give :meth:`filesystem`.

    What it has: objects, ranges, listings. What file systems lack (conditional writes, uploads in parts, copies) is
    refused, and writers of one alias are kept apart by claims.
    """

    api_version = API_VERSION
    capabilities = Capabilities()
    Options: ClassVar[Any] = None
    """A pydantic model of the plugin's options, or None."""
    options: Any = None
    """The options that were given, an instance of ``Options``."""
    shown_while_written: ClassVar[bool] = True
    """Whether others see a file before it is whole: then each is written under another name and moved."""

    def filesystem(self, address: BucketUrl, environ: Mapping[str, str]) -> tuple[Any, str]:
        """The file system, without listing cache, and the path of the bucket in it.

        Raises:
            SettingsError: credentials or options are malformed.
        """
        raise NotImplementedError("give a method filesystem that returns the file system and the bucket's path in it")

    def secrets(self) -> tuple[str, ...]:
        """What is cut from the file system's messages: the options that are ``SecretStr``."""
        values = vars(self.options).values() if self.options is not None else ()
        return tuple(value.get_secret_value() for value in values if hasattr(value, "get_secret_value"))

    def configured(self, options: Any) -> Self:
        """Implements contracts.factories.Configurable."""
        other = copy.copy(self)
        other.options = options
        return other

    def open(self, url: str, environ: Mapping[str, str]) -> Storage:
        """Implements contracts.factories.StorageFactory."""
        scheme, rest = split_scheme(url)
        bucket, _, path = rest.partition("/")
        address = BucketUrl(scheme, bucket, check_path(url, path))
        return GenericStorage(
            str(address),
            lambda: self.filesystem(address, environ),
            shown_while_written=self.shown_while_written,
            secrets=self.secrets(),
        )
