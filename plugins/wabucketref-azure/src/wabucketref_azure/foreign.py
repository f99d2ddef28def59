"""What Azure's own libraries raise → our kinds. What the service answers is judged elsewhere, not by them."""

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core import exceptions

from wabucketref.errors import NotAuthorised, WaBucketError
from wabucketref.plugin import redact, unanswered, unreachable
from wabucketref_azure.failures import AGAIN, AzureRequest, Failures


@contextmanager
def mapped(request: AzureRequest, failures: Failures) -> Iterator[None]:
    """Translates what the block raises."""
    try:
        yield
    except exceptions.AzureError as error:
        raise translated(error, request, failures) from error


def translated(error: Exception, request: AzureRequest, failures: Failures) -> WaBucketError:
    """Our kind for an error of theirs, or of a search for credentials."""
    if isinstance(error, WaBucketError):
        return error
    first = (str(error).splitlines() or [""])[0] or type(error).__name__
    message = redact(f"{request.what}: {first}", failures.secrets)
    if isinstance(error, exceptions.ClientAuthenticationError):
        hint = "set AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or log in by `az login`"
        return NotAuthorised(message, hint=hint)
    if isinstance(error, exceptions.ServiceRequestError):
        return unreachable(message, f"check the endpoint ({failures.endpoint}) and the network")
    if isinstance(error, exceptions.ServiceResponseError | exceptions.IncompleteReadError):
        return unanswered(message, AGAIN, failures.endpoint, writing=request.writing)
    return request.failed(message)
