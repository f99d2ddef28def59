"""What fsspec file systems raise → our kinds. They share no hierarchy, so built-ins and names decide."""

from collections.abc import Sequence

from wabucketref.errors import (
    AlreadyExists,
    NotAuthorised,
    NotFound,
    OutcomeUnknown,
    SettingsError,
    TransientError,
    Unsupported,
    WaBucketError,
)
from wabucketref.model.redact import redact
from wabucketref.store.drivers.http_errors import unreachable

_AGAIN = "run the same command again; what is stored already is not sent twice"
_BY_TYPE: tuple[tuple[type[Exception], type[WaBucketError], str], ...] = (
    (FileNotFoundError, NotFound, "check the name; buckets are not created"),
    (NotADirectoryError, NotFound, "check the name"),
    (IsADirectoryError, NotFound, "check the name: there is a directory"),
    (FileExistsError, AlreadyExists, "choose another name or remove it"),
    (PermissionError, NotAuthorised, "ask for the permission to do this, or check the credentials"),
    (NotImplementedError, Unsupported, "this storage cannot do it"),
    (ImportError, SettingsError, "install the missing package"),
)
_BY_NAME: dict[str, tuple[type[WaBucketError], str]] = {
    # azure-core
    "ClientAuthenticationError": (NotAuthorised, "check the credentials of the storage account"),
    "ResourceNotFoundError": (NotFound, "check the name; buckets are not created"),
    "ResourceExistsError": (AlreadyExists, "choose another name or remove it"),
    # paramiko
    "AuthenticationException": (NotAuthorised, "check the user name, the password and the keys"),
    "BadHostKeyException": (NotAuthorised, "the server's host key is not the known one"),
}


def translate(error: Exception, what: str, *, writing: bool, secrets: Sequence[str] = ()) -> WaBucketError:
    """Our kind for whatever a file system raised; `secrets` are cut from what it says."""
    if isinstance(error, WaBucketError):
        return error
    message = redact(f"{what}: {(str(error).splitlines() or [''])[0] or type(error).__name__}", secrets)
    for kind, ours, hint in _BY_TYPE:
        if isinstance(error, kind):
            return ours(message, hint=hint)
    for base in type(error).__mro__:
        if base.__name__ in _BY_NAME:
            ours, hint = _BY_NAME[base.__name__]
            return ours(message, hint=hint)
    if isinstance(error, ConnectionRefusedError):
        return unreachable(message, "check the address and the network")
    if isinstance(error, ValueError | TypeError | KeyError):
        return SettingsError(message, hint="check the URL and the settings of this storage")
    return (OutcomeUnknown if writing else TransientError)(message, hint=_AGAIN)
