"""The git checkout around the working directory, read from its files: no process, no hooks, no configured commands."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from wabucketref.contracts.context import Facts
from wabucketref.contracts.factories import API_VERSION
from wabucketref.model.redact import public_url

_MAX_BYTES: Final = 4 << 20
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SCP_STYLE = re.compile(r"(?:[^@/\s]*@)?([^@:/\s]+:[^\s]+)")


class Git:
    """Commit, branch and the URL of the remote ``origin`` (user-info cut); no tags. Off outside a checkout."""

    name = "git"
    api_version = API_VERSION

    def detect(self, environ: Mapping[str, str], directory: Path) -> Facts | None:
        try:
            found = _git_directory(directory)
            values = _read(found) if found else {}
        except (OSError, UnicodeDecodeError):
            # A checkout that cannot be read (another user's, say) is as good as none: facts are not worth an upload.
            return None
        return Facts(self.name, values) if values else None


def _git_directory(directory: Path) -> Path | None:
    for place in (directory, *directory.parents):
        found = place / ".git"
        if found.is_dir():
            return found
        if found.is_file():  # a worktree or submodule: one line that says where
            target = _text(found).removeprefix("gitdir:").strip()
            return (place / target) if target else None
    return None


def _read(git: Path) -> dict[str, str]:
    common = git
    if (git / "commondir").is_file():
        common = git / _text(git / "commondir").strip()
    values: dict[str, str] = {}
    head = _text(git / "HEAD").strip()
    commit: str | None = head
    if head.startswith("ref:"):
        ref = head.removeprefix("ref:").strip()
        values["vcs.ref.head.name"] = ref.removeprefix("refs/heads/")
        values["vcs.ref.head.type"] = "branch"
        commit = _resolve(git, common, ref)
    if commit and _COMMIT.fullmatch(commit):
        values["vcs.ref.head.revision"] = commit
    if url := _origin(common / "config"):
        values["vcs.repository.url.full"] = url
    return values


def _resolve(git: Path, common: Path, ref: str) -> str | None:
    if not ref.startswith("refs/") or ".." in ref.split("/"):
        return None
    for base in (git, common):
        if (base / ref).is_file():
            return _text(base / ref).strip()
    packed = common / "packed-refs"
    lines = _text(packed).splitlines() if packed.is_file() else []
    return next((line.split(" ", 1)[0] for line in lines if line.endswith(f" {ref}")), None)


def _origin(config: Path) -> str | None:
    section = ""
    for line in _text(config).splitlines() if config.is_file() else []:
        line = line.strip()
        if line.startswith("["):
            section = line.replace(" ", "")
        elif section == '[remote"origin"]' and (match := re.fullmatch(r'url\s*=\s*"?([^"]+)"?', line)):
            return _public(match[1])
    return None


def _public(url: str) -> str:
    if "://" in url:
        return public_url(url)
    match = _SCP_STYLE.fullmatch(url)
    return match[1] if match else url


def _text(path: Path) -> str:
    if not path.is_file():  # a pipe would block
        raise FileNotFoundError(path)
    with path.open("rb") as file:
        return file.read(_MAX_BYTES).decode()


CONTEXT = Git()
