"""The session that finds credentials as the AWS tools do: with errors that name the file, and helpers that must answer.

``credential_process`` is a program of the user's that may wait for anything: a login, a network, a keyring.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wabucketref.errors import SettingsError, TimedOut, TransientError

if TYPE_CHECKING:
    import asyncio

CREDENTIAL_SECONDS: Final = 30.0
_PROCESS: Final = "the credential_process of the AWS profile"


@dataclass(frozen=True, slots=True)
class AwsFiles:
    """The two files of the AWS tools."""

    config: str
    credentials: str

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "AwsFiles":
        return cls(
            environ.get("AWS_CONFIG_FILE") or "~/.aws/config",
            environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials",
        )

    def check(self) -> None:
        """Refuse a file that is there and cannot be read: the AWS library takes it for an empty one.

        Raises:
            SettingsError: naming it.
        """
        for path in map(_expanded, (self.config, self.credentials)):
            # lexists is False as well where the directory may not be searched: then it is not this user's.
            if os.path.lexists(path) and not (os.path.isfile(path) and os.access(path, os.R_OK, effective_ids=True)):
                raise SettingsError(
                    f"{path} cannot be read, and no credentials are in the environment",
                    hint="make it a readable file, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                )

    def explain(self, error: Exception) -> SettingsError | None:
        """Our kind for what the AWS library says about these files; None for anything else."""
        from botocore import exceptions as boto

        if isinstance(error, boto.ConfigParseError):
            path = str(error.kwargs["path"])
            return SettingsError(
                f"{_place(path)}: not a configuration file of the AWS tools", hint="write [SECTION] and NAME = VALUE"
            )
        if isinstance(error, boto.ProfileNotFound):
            profile = error.kwargs["profile"]
            return SettingsError(
                f"there is no profile {profile!r} in {_expanded(self.config)} or {_expanded(self.credentials)}",
                hint="correct AWS_PROFILE, or make the profile with `aws configure`",
            )
        if isinstance(error, boto.InvalidConfigError | boto.PartialCredentialsError):
            return SettingsError(f"{_expanded(self.config)}: {error}", hint="correct the profile")
        return None


def open_session(files: AwsFiles, profile: str | None) -> Any:
    """A session of aiobotocore for `profile`, None for the default one."""
    from aiobotocore.credentials import AioProcessProvider
    from aiobotocore.session import AioSession

    class Session(AioSession):  # type: ignore[misc]
        def _create_credential_resolver(self) -> Any:
            resolver = super()._create_credential_resolver()
            for provider in resolver.providers:
                if isinstance(provider, AioProcessProvider):
                    provider._popen = Helper.start
            return resolver

    session = Session(profile=profile)
    session.set_config_variable("config_file", files.config)
    session.set_config_variable("credentials_file", files.credentials)
    return session


class Helper:
    """A credential process under way; as much of an asyncio process as the AWS library uses."""

    def __init__(self, process: "asyncio.subprocess.Process") -> None:
        self._process = process
        self.returncode = 0

    @classmethod
    async def start(cls, *command: str, **streams: Any) -> "Helper":
        """Raises SettingsError when it cannot be run."""
        import asyncio

        try:
            return cls(await asyncio.create_subprocess_exec(*command, **streams))
        except OSError as error:
            raise helper_failed_to_start(command[0], error) from error

    async def communicate(self) -> tuple[bytes, bytes]:
        """What it printed, once it has ended well.

        Raises:
            TimedOut: it did not end in time; it is killed.
            TransientError: it failed.
            SettingsError: it printed something else than credentials.
        """
        import asyncio

        try:
            async with asyncio.timeout(CREDENTIAL_SECONDS):
                out, err = await self._process.communicate()
        except TimeoutError as error:
            raise helper_hangs() from error
        finally:
            if self._process.returncode is None:
                self._process.kill()
        check_helper(self._process.returncode or 0, out, err)
        return out, err


def helper_failed_to_start(program: str, error: OSError) -> SettingsError:
    """The credential process cannot be run."""
    return SettingsError(f"{_PROCESS}, {program!r}, cannot be run: {error.strerror}", hint="correct the profile")


def helper_hangs() -> TimedOut:
    """The credential process did not end in time."""
    return TimedOut(
        f"{_PROCESS} gave no credentials within {CREDENTIAL_SECONDS:.0f} s",
        hint="run it by hand to see what it waits for",
        retryable=False,
    )


def check_helper(code: int, out: bytes, err: bytes) -> None:
    """Judge how a credential process ended.

    Raises:
        TransientError: it failed.
        SettingsError: it printed something else than credentials.
    """
    if code:
        said = err.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise TransientError(
            f"{_PROCESS} failed with exit code {code}: {said[0][:200]}",
            hint="run it by hand; you may have to log in again",
            retryable=False,
        )
    try:
        json.loads(out)
    except ValueError as error:
        raise SettingsError(f"{_PROCESS} printed something else than JSON", hint="correct the profile") from error


def _expanded(path: str) -> str:
    return os.path.expanduser(os.path.expandvars(path))


def _place(path: str) -> str:
    """The file with the line at which it breaks the rules, as far as that can be told."""
    import configparser

    try:
        with open(path, "rb") as file:
            data = file.read(1 << 20)
        configparser.RawConfigParser().read_string(data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return f"{path}:{line}"
    except configparser.MissingSectionHeaderError as error:
        return f"{path}:{error.lineno}"
    except configparser.ParsingError as error:
        return f"{path}:{error.errors[0][0]}"
    except configparser.DuplicateSectionError as error:
        return f"{path}:{error.lineno}"
    except configparser.DuplicateOptionError as error:
        return f"{path}:{error.lineno}"
    except OSError:
        pass
    return path
