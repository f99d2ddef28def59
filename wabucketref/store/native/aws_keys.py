"""Credentials for S3: from the environment, else by the AWS library's chain (profiles, SSO, web identity, roles …)."""

from collections.abc import Mapping
from typing import Any

from wabucketref.store.drivers import s3_session
from wabucketref.store.drivers.loop import PerProcess
from wabucketref.store.drivers.s3_client import is_anonymous
from wabucketref.store.drivers.s3_session import AwsFiles, check_helper, helper_failed_to_start, helper_hangs
from wabucketref.store.native.sigv4 import ANONYMOUS, Keys


class AwsKeys:
    """Finds credentials and keeps them fresh. Thread-safe, and anew in a forked child."""

    def __init__(self, environ: Mapping[str, str], files: AwsFiles) -> None:
        access, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
        self._fixed = Keys(access, secret, environ.get("AWS_SESSION_TOKEN") or None) if access and secret else None
        if is_anonymous(environ):
            self._fixed = ANONYMOUS
        self._partial = bool(access)
        self._profile = environ.get("AWS_PROFILE") or None
        self._files = files
        self._session = PerProcess(self._open)
        self._found = PerProcess(self._find)

    @property
    def session(self) -> Any:
        """The session of botocore. Raises what botocore raises, and SettingsError."""
        return self._session.get()

    def get(self) -> Keys:
        """For one request. Raises what botocore raises, and WaBucketError."""
        if self._fixed is not None:
            return self._fixed
        frozen = self._found.get().get_frozen_credentials()  # refreshes them when it is time
        return Keys(frozen.access_key, frozen.secret_key, frozen.token or None)

    def renew(self, used: Keys) -> None:
        """The store says that those that were `used` have expired: have all providers asked again."""
        if self._fixed is None and self.get() == used:
            self._session.drop()
            self._found.drop()

    def _open(self) -> Any:
        from botocore.credentials import ProcessProvider
        from botocore.session import Session

        if not self._partial:
            self._files.check()
        session = Session(profile=self._profile)
        session.set_config_variable("config_file", self._files.config)
        session.set_config_variable("credentials_file", self._files.credentials)
        for provider in session.get_component("credential_provider").providers:
            if isinstance(provider, ProcessProvider):
                provider._popen = Helper
        return session

    def _find(self) -> Any:
        from botocore.exceptions import NoCredentialsError

        found = self.session.get_credentials()
        if found is None:
            raise NoCredentialsError
        return found


class Helper:
    """A credential process under way; as much of a process as the AWS library uses."""

    returncode = 0

    def __init__(self, command: list[str], **streams: Any) -> None:
        """Raises SettingsError when it cannot be run."""
        import subprocess

        try:
            self._process = subprocess.Popen(command, **streams)  # noqa: S603  # the user's own setting
        except OSError as error:
            raise helper_failed_to_start(command[0], error) from error

    def communicate(self) -> tuple[bytes, bytes]:
        """What it printed, once it has ended well.

        Raises:
            TimedOut: it did not end in time; it is killed.
            TransientError: it failed.
            SettingsError: it printed something else than credentials.
        """
        from subprocess import TimeoutExpired

        try:
            out, err = self._process.communicate(timeout=s3_session.CREDENTIAL_SECONDS)
        except TimeoutExpired as error:
            raise helper_hangs() from error
        finally:
            if self._process.returncode is None:
                self._process.kill()
                self._process.wait()
            for pipe in (self._process.stdout, self._process.stderr):
                if pipe is not None:
                    pipe.close()
        check_helper(self._process.returncode, out, err)
        return out, err
