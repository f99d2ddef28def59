"""``az://`` on the native plane: connections of our own, and nothing of Azure's libraries but who a token is for."""

from collections.abc import Mapping

from wabucketref.errors import NotAuthorised, WaBucketError
from wabucketref.plugin.http import Answer, Call, Client
from wabucketref_azure.access import Access
from wabucketref_azure.failures import AzureRequest, Failures
from wabucketref_azure.signing import signer_of


class NativeClient(Client):
    """Implements AzureClient."""

    def __init__(self, access: Access, stall: float) -> None:
        super().__init__(access.endpoint, setting="AZURE_STORAGE_CONNECTION_STRING", stall=stall)
        self._says = Failures(access.endpoint, access.secrets())
        self._signer = signer_of(access, self._says)

    def signed(self, call: Call) -> tuple[str, Mapping[str, str]]:
        headers = dict(call.headers)
        return self._signer.sign(call, headers), headers

    def refusal(self, call: Call, answer: Answer) -> WaBucketError:
        assert isinstance(call.asked, AzureRequest)
        error = self._says.answered(call.asked, answer.status, answer.reason, answer.headers)
        if isinstance(error, NotAuthorised):
            error.expired = answer.status == 401 and self._signer.renews
        return error

    def renew(self, answer: Answer) -> None:
        self._signer.renew(answer)
