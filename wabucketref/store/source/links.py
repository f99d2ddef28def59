"""Symbolic links in a source: those that stay inside are followed, all others refused."""

import errno
import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """What lies at a path once links are followed."""

    place: str
    """Below the root, free of links."""
    facts: os.stat_result


def resolve(root: str, place: str) -> Target | str:
    """Where the link `place` below the real directory `root` leads, or what is wrong with it.

    The file is opened later below the root without following links, so a link that is swapped meanwhile changes
    nothing.
    """
    link = os.path.join(root, place)
    said = os.readlink(link)
    try:
        real = os.path.realpath(link, strict=True)
        facts = os.lstat(real)
    except OSError as error:
        return f"leads to {said!r}, {_REASONS.get(error.errno or 0, 'which cannot be followed')}"
    if real == root:
        return Target("", facts)
    if not real.startswith(root + "/"):
        return f"leads out of the source, to {said!r}"
    return Target(real[len(root) + 1 :], facts)


_REASONS = {
    errno.ENOENT: "which does not exist",
    errno.ENOTDIR: "which does not exist",
    errno.ELOOP: "a loop",
    errno.EACCES: "which may not be read",
}
