"""Who asks, and where: from our options and the variables of Azure's own tools, most precise first."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from wabucketref.errors import SettingsError

if TYPE_CHECKING:
    from pydantic import SecretStr

    from wabucketref_azure.options import AzureOptions

_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")


class _Given(NamedTuple):
    """The plugin's options."""

    account: str | None
    key: str | None
    sas: str | None
    connection_string: str | None
    endpoint: str | None


@dataclass(frozen=True)
class Access:
    """The blob service and a credential for it."""

    endpoint: str
    """Without secrets."""
    key: str | None = field(default=None, repr=False)
    sas: str | None = field(default=None, repr=False)
    account: str | None = None

    @classmethod
    def of(cls, options: "AzureOptions | None", environ: Mapping[str, str]) -> Self:
        """From `options`, else the environment. A connection string counts before its parts.

        Raises:
            SettingsError: something is malformed, or no account is named.
        """
        given = _Given(None, None, None, None, None)
        if options is not None:
            given = _Given(
                options.account_name,
                _secret(options.account_key),
                _secret(options.sas_token),
                _secret(options.connection_string),
                options.endpoint,
            )
        text = given.connection_string or environ.get("AZURE_STORAGE_CONNECTION_STRING")
        if text and not (given.account or given.key or given.sas):
            return cls._of_string(text)
        account = given.account or _first(environ, "AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME")
        key = given.key or _first(environ, "AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY")
        sas = given.sas or environ.get("AZURE_STORAGE_SAS_TOKEN")
        return cls._made(account, key, sas, given.endpoint)

    @classmethod
    def _of_string(cls, text: str) -> Self:
        pairs = dict(part.partition("=")[::2] for part in text.strip().split(";") if part)
        given = {name.lower(): value for name, value in pairs.items()}
        account, endpoint = given.get("accountname"), given.get("blobendpoint")
        if not account and not endpoint:
            raise SettingsError("the connection string of Azure Storage names no account", hint="copy it as a whole")
        if account and not endpoint:
            protocol = given.get("defaultendpointsprotocol", "https")
            endpoint = f"{protocol}://{account}.blob.{given.get('endpointsuffix', 'core.windows.net')}"
        return cls._made(account, given.get("accountkey"), given.get("sharedaccesssignature"), endpoint)

    @classmethod
    def _made(cls, account: str | None, key: str | None, sas: str | None, endpoint: str | None) -> Self:
        if not account and not endpoint:
            raise SettingsError(
                "no storage account of Azure is named",
                hint="set AZURE_STORAGE_ACCOUNT, or AZURE_STORAGE_CONNECTION_STRING",
            )
        if account and not _ACCOUNT.fullmatch(account):
            raise SettingsError(f"{account[:80]!r} is no name of a storage account", hint="3 to 24 of a-z and 0-9")
        if key:
            _check_key(key)
        address = (endpoint or f"https://{account}.blob.core.windows.net").rstrip("/")
        if not address.startswith(("https://", "http://")) or "?" in address or "@" in address:
            raise SettingsError("the address of the blob service is malformed", hint="write https://HOST[:PORT][/PATH]")
        return cls(address, key, None if key else (sas or "").removeprefix("?") or None, account)

    @property
    def key_name(self) -> str:
        """The account whose key it is."""
        return self.account or self.endpoint.rpartition("/")[2].partition(".")[0]

    def signed(self, url: str) -> str:
        """`url` of an object for somebody else who is to read it: with the signature, where that is who asks."""
        return f"{url}?{self.sas}" if self.sas else url

    def credential(self) -> Any:
        """For the SDK: a key, a signature, or whoever this machine is (environment, managed identity, az login)."""
        if self.key:
            from azure.core.credentials import AzureNamedKeyCredential

            return AzureNamedKeyCredential(self.key_name, self.key)
        if self.sas:
            from azure.core.credentials import AzureSasCredential

            return AzureSasCredential(self.sas)
        from azure.identity import DefaultAzureCredential

        return DefaultAzureCredential()

    def secrets(self) -> tuple[str, ...]:
        """What no message may hold."""
        found = [self.key, self.sas]
        if self.sas:
            found += re.findall(r"(?:^|&)sig=([^&]+)", self.sas)
        return tuple(one for one in found if one)


def _check_key(key: str) -> None:
    try:
        base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SettingsError("the key of the storage account is not base64", hint="copy it as a whole") from error


def _secret(value: "SecretStr | None") -> str | None:
    return value.get_secret_value() if value is not None else None


def _first(environ: Mapping[str, str], *names: str) -> str | None:
    return next((environ[name] for name in names if environ.get(name)), None)
