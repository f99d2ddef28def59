"""Credentials for Google Cloud Storage: google-auth's default ones, kept fresh."""

import logging
import os
import threading
from typing import Any, Final

_SCOPE: Final = "https://www.googleapis.com/auth/devstorage.full_control"
_log = logging.getLogger(__name__)


class GoogleKeys:
    """Thread-safe; to be made anew in a forked child.

    Without any credentials requests go out anonymously, as public buckets take them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: Any = None
        self._looked = False

    def apply(self, headers: dict[str, str]) -> None:
        """Add what says who asks. It may ask the network.

        Raises:
            google.auth.exceptions.GoogleAuthError: they cannot be had now.
        """
        found = self._credentials()
        if found is None:
            return
        if not found.valid:
            from google.auth.transport.requests import Request

            with self._lock:
                if not found.valid:
                    found.refresh(Request())
        found.apply(headers)

    def _credentials(self) -> Any:
        if not self._looked:
            with self._lock:
                if not self._looked:
                    self._found = self._find()
                    self._looked = True
        return self._found

    def _find(self) -> Any:
        import google.auth
        from google.auth.exceptions import DefaultCredentialsError

        try:
            return google.auth.default(scopes=[_SCOPE])[0]
        except DefaultCredentialsError as error:
            if os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
                raise
            _log.info("no credentials of Google are found, so requests are anonymous: %s", error)
            return None
