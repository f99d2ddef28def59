"""Where a bucket of S3 is and how it is asked: by the environment, and by the AWS tools' files where they say more.

The AWS library reads those files, and is imported only when they matter: no keys are in the environment, or a file has
a setting that the environment does not settle.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from wabucketref.store.drivers.s3_client import endpoint_from, is_anonymous
from wabucketref.store.drivers.s3_session import AwsFiles
from wabucketref.store.drivers.urls import BucketUrl
from wabucketref.store.native.http import Unfit

AWS = "https://s3.{region}.amazonaws.com"
_WORDS: Final = (b"endpoint_url", b"addressing_style", b"ca_bundle", b"accelerate", b"dualstack", b"fips", b"signature")
_HOST_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_REGION: Final = re.compile(r"[a-z0-9-]{1,40}")
_APART: Final = ("us-iso", "eu-iso")
"""Regions whose servers have names of their own."""
_STYLES: Final = ("auto", "path", "virtual")


@dataclass(frozen=True, slots=True)
class S3Place:
    """A bucket."""

    bucket: str
    region: str
    endpoint: str | None = None
    """URL of a server that is not AWS."""
    path_style: bool = False
    """The bucket's name is in the path, not in the host's name."""
    bundle: str | None = None
    """File with the authorities to trust."""

    @property
    def server(self) -> str:
        """URL of the server to ask."""
        url = self.endpoint or AWS.format(region=self.region) + ".cn" * self.region.startswith("cn-")
        if self.path_style:
            return url
        scheme, _, rest = url.partition("://")
        return f"{scheme}://{self.bucket}.{rest}"

    @property
    def root(self) -> str:
        """What the paths of objects begin with."""
        return f"/{self.bucket}" if self.path_style else ""

    def elsewhere(self, region: str) -> "S3Place | None":
        """The same bucket in the region that AWS names, when that is another one."""
        if self.endpoint is not None or region == self.region or not _REGION.fullmatch(region):
            return None
        return replace(self, region=region)


def place_of(address: BucketUrl, environ: Mapping[str, str], session: Any | None) -> S3Place:
    """`session`: of botocore, with the files; None when only the environment counts.

    Raises:
        Unfit: it asks for something that only the AWS library does.
    """
    endpoint, region = endpoint_from(environ), environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    bundle = _variable(environ, "AWS_CA_BUNDLE")
    style = "path" if endpoint else "auto"
    for name in ("AWS_USE_DUALSTACK_ENDPOINT", "AWS_USE_FIPS_ENDPOINT"):
        _refuse(_variable(environ, name), name)
    if session is not None:
        own = session.get_scoped_config().get("s3")
        own = own if isinstance(own, Mapping) else {}
        for name in ("use_dualstack_endpoint", "use_fips_endpoint"):
            _refuse(session.get_config_variable(name), name)
        for name in ("use_accelerate_endpoint", "use_dualstack_endpoint", "signature_version"):
            _refuse(own.get(name), name)
        endpoint = endpoint or _configured_endpoint(session)
        region = region or session.get_config_variable("region")
        bundle = bundle or session.get_config_variable("ca_bundle")
        style = style if style == "path" else str(own.get("addressing_style") or style)
    if style not in _STYLES:
        raise Unfit(f"addressing_style {style}")
    region = region or "us-east-1"
    if address.bucket.endswith("--x-s3"):
        raise Unfit("a directory bucket, which takes sessions")
    if endpoint is None and (region.startswith(_APART) or not _REGION.fullmatch(region)):
        raise Unfit(f"the region {region}")
    by_path = style == "path" or (endpoint is not None and style == "auto") or not _HOST_NAME.fullmatch(address.bucket)
    return S3Place(address.bucket, region, endpoint.rstrip("/") if endpoint else None, by_path, bundle)


def files_matter(environ: Mapping[str, str], files: AwsFiles) -> bool:
    """Whether the AWS tools' files may say something that is not in the environment."""
    keys = environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY")
    if not keys and not is_anonymous(environ):
        return True
    regions = (environ.get("AWS_REGION"), environ.get("AWS_DEFAULT_REGION"), endpoint_from(environ))
    words = _WORDS if any(regions) else (*_WORDS, b"region")
    for path in (files.config, files.credentials):
        with suppress(OSError):
            with open(os.path.expanduser(os.path.expandvars(path)), "rb") as file:
                data = file.read(1 << 20)
            if any(word in data for word in words):
                return True
    return False


def _configured_endpoint(session: Any) -> str | None:
    from botocore.configprovider import ConfiguredEndpointProvider

    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return None
    found = ConfiguredEndpointProvider(session.full_config, session.get_scoped_config(), "s3").provide()
    return str(found) if found else None


def _variable(environ: Mapping[str, str], name: str) -> str | None:
    """What the AWS library would read from the process itself counts too."""
    return environ.get(name) or os.environ.get(name) or None


def _refuse(value: object, name: str) -> None:
    if value and str(value).lower() != "false":
        raise Unfit(name)
