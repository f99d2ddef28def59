"""The git checkout around the working directory, read from its files: no process, no hooks, no configured commands."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from wabucketref.ci.contexts.git_index import changed
from wabucketref.ci.facts import public_remote
from wabucketref.contracts.context import Facts
from wabucketref.contracts.factories import API_VERSION

_MAX_BYTES: Final = 4 << 20
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class Git:
    """Commit, branch, the URL of the remote ``origin`` (user-info cut), and whether files differ from the commit.

    No tags. Off outside a checkout.
    """

    name = "git"
    doc = "https://git-scm.com/docs/gitrepository-layout"
    api_version = API_VERSION

    def detect(self, environ: Mapping[str, str], directory: Path) -> Facts | None:
        try:
            found = _git_directory(directory)
            values = _read(*found) if found else {}
        except (OSError, UnicodeDecodeError):
            # A checkout that cannot be read (another user's, say) is as good as none: facts are not worth an upload.
            return None
        return Facts(self.name, values) if values else None


def _git_directory(directory: Path) -> tuple[Path, Path] | None:
    """The repository and its work tree."""
    for place in (directory, *directory.parents):
        found = place / ".git"
        if found.is_dir():
            return found, place
        if found.is_file():  # a worktree or submodule: one line that says where
            target = _text(found).removeprefix("gitdir:").strip()
            return (place / target, place) if target else None
    return None


def _read(git: Path, tree: Path) -> dict[str, str]:
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
        if (dirty := changed(git / "index", tree, len(commit))) is not None:
            values["vcs.ref.head.dirty"] = str(dirty).lower()
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
            return public_remote(match[1])
    return None


def _text(path: Path) -> str:
    if not path.is_file():  # a pipe would block
        raise FileNotFoundError(path)
    with path.open("rb") as file:
        return file.read(_MAX_BYTES).decode()


CONTEXT = Git()
