"""Whether W&B would find credentials, by the same places in which its SDK looks; the SDK itself is not imported."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from wabucketref.errors import SettingsError

DEFAULT_SERVER: Final = "https://api.wandb.ai"
VARIABLES: Final = ("HOME", "NETRC", "WANDB_CONFIG_DIR", "WANDB_IDENTITY_TOKEN_FILE")
"""What is read from the environment beside the settings."""

_REPAIR: Final = "repair the file, or choose --tracker embedded"


def credentials_source(base_url: str | None, environ: Mapping[str, str]) -> str | None:
    """The file or variable with credentials for `base_url` (default: W&B's own server), or None.

    Raises:
        SettingsError: a file that should hold them cannot be parsed.
    """
    if environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return "environment WANDB_IDENTITY_TOKEN_FILE"
    path = _settings_file(environ)
    saved = _saved(path)
    saved_server = (saved.get("base_url") or DEFAULT_SERVER).rstrip("/")
    server = (base_url or saved_server).rstrip("/")
    if (netrc_path := _netrc_file(environ)) and _netrc_has(netrc_path, urlsplit(server).netloc):
        return str(netrc_path)
    if saved.get("api_key") and server == saved_server:
        return str(path)
    return None


def _netrc_file(environ: Mapping[str, str]) -> Path | None:
    if chosen := environ.get("NETRC"):
        return Path(chosen).expanduser()
    home = environ.get("HOME")
    if not home:
        return None
    candidates = [Path(home, name) for name in (".netrc", "_netrc")]
    return next((path for path in candidates if _readable(path)), None)


def _netrc_has(path: Path, host: str) -> bool:
    import netrc

    if not _readable(path):
        return False
    try:
        entry = netrc.netrc(str(path)).authenticators(host)
    except netrc.NetrcParseError as error:
        raise SettingsError(f"{path}:{error.lineno}: {error.msg}", hint=_REPAIR) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8", hint=_REPAIR) from error
    return bool(entry and entry[2])


def _settings_file(environ: Mapping[str, str]) -> Path | None:
    if directory := environ.get("WANDB_CONFIG_DIR"):
        return Path(directory, "settings")
    home = environ.get("HOME")
    return Path(home, ".config", "wandb", "settings") if home else None


def _saved(path: Path | None) -> dict[str, str]:
    if path is None or not _readable(path):
        return {}
    import configparser

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text("utf-8"))
    except (configparser.Error, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not a settings file of W&B: {type(error).__name__}", hint=_REPAIR) from error
    return dict(parser["default"]) if parser.has_section("default") else {}


def _readable(path: Path) -> bool:
    # A file that this user may not read (the HOME of another, say) holds none of this user's credentials.
    return os.path.isfile(path) and os.access(path, os.R_OK)
