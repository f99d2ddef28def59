"""Who asks, as requests say it: by the key of the account, a shared access signature, or a token."""

import base64
import hmac
import time
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from wabucketref.errors import SettingsError
from wabucketref.plugin import PerProcess
from wabucketref.plugin.http import Answer, Call
from wabucketref_azure.access import Access
from wabucketref_azure.failures import AzureRequest, Failures

_SCOPE: Final = "https://storage.azure.com/.default"
_EARLY: Final = 300.0
"""Seconds before its end at which a token is renewed; of one that lives shorter, half of its life."""
_SIGNED: Final = (
    "content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
    "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range",
)  # fmt: skip
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Signer(Protocol):
    """Thread-safe."""

    renews: bool
    """Whether there may be other credentials when these are refused."""

    def sign(self, call: Call, headers: dict[str, str]) -> str:
        """The query to send. What is said in `headers`, which are complete but for the length, is added there.

        Raises:
            WaBucketError: nobody says who asks.
        """

    def renew(self, answer: Answer) -> None:
        """`answer` refused them as too old, or as somebody else's."""


def signer_of(access: Access, failures: Failures) -> Signer:
    if access.key:
        return SharedKey(access.key_name, access.key)
    return SharedAccess(access.sas) if access.sas else Token(access, failures)


class SharedKey:
    """Signs each request with the key of the account."""

    renews = False

    def __init__(self, account: str, key: str) -> None:
        self._account = account
        self._key = base64.b64decode(key)
        self._now: tuple[int, str] = (0, "")
        """The second that was last asked for, and how it is written."""

    def sign(self, call: Call, headers: dict[str, str], now: float | None = None) -> str:
        headers["x-ms-date"] = self._date(int(time.time() if now is None else now))
        values = {**headers, "content-length": str(len(call.body) or "")}
        own = "".join([f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-ms-")])
        lines = "\n".join([values.get(name, "") for name in _SIGNED])
        text = f"{call.method}\n{lines}\n{own}/{self._account}{call.path}{_canonical(call.query)}"
        signature = base64.b64encode(hmac.digest(self._key, text.encode(), "sha256")).decode()
        headers["authorization"] = f"SharedKey {self._account}:{signature}"
        return call.query

    def renew(self, answer: Answer) -> None:
        """There is no other key."""

    def _date(self, second: int) -> str:
        known = self._now
        if known[0] != second:
            self._now = known = (second, date_of(second))
        return known[1]


class SharedAccess:
    """Adds what somebody with the key has signed."""

    renews = False

    def __init__(self, sas: str) -> None:
        self._sas = sas

    def sign(self, call: Call, headers: dict[str, str]) -> str:
        return f"{call.query}&{self._sas}" if call.query else self._sas

    def renew(self, answer: Answer) -> None:
        """There is no other signature."""


class Token:
    """Whoever this machine is, as Azure's identity library finds out, which is loaded when it is first asked."""

    renews = True

    def __init__(self, access: Access, failures: Failures) -> None:
        self._endpoint = access.endpoint
        self._failures = failures
        self._tenant: str | None = None
        self._credential: PerProcess[Any] = PerProcess(access.credential)
        self._held: PerProcess[_Held] = PerProcess(self._ask)

    def sign(self, call: Call, headers: dict[str, str]) -> str:
        headers["authorization"] = f"Bearer {self._token(call)}"
        return call.query

    def renew(self, answer: Answer) -> None:
        """The service may say of which tenant it wants a token."""
        self._tenant = tenant_of(answer.headers.get("www-authenticate", "")) or self._tenant
        self._held.drop()

    def _token(self, call: Call) -> str:
        request = call.asked
        assert isinstance(request, AzureRequest)
        if not self._endpoint.startswith("https://"):
            raise SettingsError(
                f"{request.what}: no token is sent to {self._endpoint}, which is not asked by TLS",
                hint="write https://, or set AZURE_STORAGE_KEY",
            )
        try:
            held = self._held.get()
            if time.time() >= held.renew_at:
                self._held.renew(held)
                held = self._held.get()
        except Exception as error:
            from wabucketref_azure.foreign import translated  # slow to import, as is what it translates

            raise translated(error, request, self._failures) from error
        return held.token

    def _ask(self) -> "_Held":
        options = {"tenant_id": self._tenant} if self._tenant else {}
        found = self._credential.get().get_token(_SCOPE, **options)
        now = time.time()
        life = found.expires_on - now
        return _Held(found.token, now + max(life - _EARLY, life / 2))


class _Held(NamedTuple):
    token: str
    renew_at: float


def tenant_of(challenge: str) -> str | None:
    """The tenant in an answer's ``WWW-Authenticate: Bearer authorization_uri=https://login…/TENANT/…``."""
    for item in challenge.replace(",", " ").split():
        name, _, value = item.partition("=")
        if name == "authorization_uri":
            return urlsplit(value.strip('"')).path.strip("/").partition("/")[0] or None
    return None


def date_of(second: int) -> str:
    """As headers have it, in no language but English."""
    moment = time.gmtime(second)
    return (
        f"{_DAYS[moment.tm_wday]}, {moment.tm_mday:02} {_MONTHS[moment.tm_mon - 1]} {moment.tm_year} "
        + time.strftime("%H:%M:%S GMT", moment)
    )


def _canonical(query: str) -> str:
    """A query as it is signed."""
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&")) if query else []
    return "".join([f"\n{name.lower()}:{unquote(value)}" for name, value in pairs])
