"""Finding the files of a source: every rule on names, links and special files is checked before a byte is sent."""

import logging
import os
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from wabucketref.errors import NotFound, UsageError
from wabucketref.failpoints import hit
from wabucketref.model.names import MAX_COMPONENT_BYTES, MAX_PATH_BYTES, path_problem
from wabucketref.store.disk.beneath import open_directory
from wabucketref.store.disk.localio import local
from wabucketref.store.selection import Selection
from wabucketref.store.source.links import Target, resolve
from wabucketref.store.source.problems import Problems, refuse_special
from wabucketref.store.source.tree import Found, Tree

_log = logging.getLogger(__name__)
_KINDS: Final = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a destination and this machine ask of a source."""

    max_path_bytes: int = MAX_PATH_BYTES
    """Longest path that the store takes below the artifact's directory."""
    keep_out: Sequence[str] = ()
    """Local directories that a source must not contain: the bucket, the home."""


def scan(source: str, selection: Selection, rules: Rules) -> Tree:
    """Find everything to upload of `source`, an absolute path of a file or directory (or of a link to one).

    Raises:
        NotFound: there is no such file or directory.
        UsageError: it, or something in it, cannot be an artifact.
        NotAuthorised: something in it cannot be read.
    """
    real = os.path.realpath(source)
    with local(f"read {source!r}"):
        try:
            facts = os.stat(real)
        except FileNotFoundError as error:
            raise NotFound(f"{source!r} does not exist", hint="check the path") from error
    if stat.S_ISDIR(facts.st_mode):
        tree = _scan_directory(source, real, selection, rules)
    elif stat.S_ISREG(facts.st_mode):
        tree = _scan_file(source, real, facts, rules)
    else:
        raise refuse_special(source, kind_of(facts))
    hit("scan.done")
    return tree


def kind_of(facts: os.stat_result) -> str:
    return _KINDS.get(stat.S_IFMT(facts.st_mode), "a special file")


def _scan_file(source: str, real: str, facts: os.stat_result, rules: Rules) -> Tree:
    problems, tree = Problems(), Tree(os.path.dirname(real))
    path = unicodedata.normalize("NFC", os.path.basename(source))
    problem = _problem(path, rules)
    if problem:
        problems.names.append((path, problem))
    if not os.access(real, os.R_OK, effective_ids=True):
        problems.unreadable.append(path)
    problems.check(source)
    tree.add(_found(path, os.path.basename(real), facts))
    return tree


def _scan_directory(source: str, real: str, selection: Selection, rules: Rules) -> Tree:
    if real == "/":
        raise UsageError("the source is '/'", hint="give the directory that holds the artifact")
    for kept in map(os.path.realpath, rules.keep_out):
        if kept == real or kept.startswith(real + "/"):
            raise UsageError(f"{source!r} contains {kept!r}, which is our own", hint="it would upload itself")
    with local(f"read {source!r}"):
        root = os.open(real, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        scanner = _Scanner(root, real, selection, rules)
        scanner.run()
    finally:
        os.close(root)
    scanner.problems.check(source)
    return scanner.tree


@dataclass(frozen=True, slots=True)
class _Directory:
    path: str
    place: str
    trail: "_Trail"


@dataclass(frozen=True, slots=True)
class _Trail:
    """The directories above, to find links that lead back up."""

    device: int
    inode: int
    above: "_Trail | None"

    def has(self, device: int, inode: int) -> bool:
        trail: _Trail | None = self
        while trail is not None:
            if (trail.device, trail.inode) == (device, inode):
                return True
            trail = trail.above
        return False


class _Scanner:
    def __init__(self, root: int, real: str, selection: Selection, rules: Rules) -> None:
        self._root = root
        self._real = real
        self._selection = selection
        self._rules = rules
        facts = os.fstat(root)
        self._stack = [_Directory("", "", _Trail(facts.st_dev, facts.st_ino, None))]
        self.problems = Problems()
        self.tree = Tree(real)

    def run(self) -> None:
        while self._stack:
            self._directory(self._stack.pop())

    def _directory(self, directory: _Directory) -> None:
        names: dict[str, str] = {}
        with self._readable(directory.path or "."):
            descriptor = open_directory(self._root, directory.place)
            try:
                with os.scandir(descriptor) as entries:
                    for entry in entries:
                        self._entry(directory, entry, descriptor, names)
            finally:
                os.close(descriptor)
            self._warn_of_cases(directory, names)
            if not names and directory.path and self._selection.directory(directory.path):
                self.tree.add(Found(directory.path, directory.place, directory=True))

    @contextmanager
    def _readable(self, path: str) -> Iterator[None]:
        try:
            with local(f"read {path!r} in {self._real!r}"):
                yield
        except PermissionError:
            self.problems.unreadable.append(path)

    def _entry(self, above: _Directory, entry: "os.DirEntry[str]", descriptor: int, names: dict[str, str]) -> None:
        name = entry.name if entry.name.isascii() else unicodedata.normalize("NFC", entry.name)
        twin = names.setdefault(name, entry.name)
        path, place = _join(above.path, name), _join(above.place, entry.name)
        facts = entry.stat(follow_symlinks=False)
        if stat.S_ISLNK(facts.st_mode):
            target = resolve(self._real, place)
            if isinstance(target, Target):
                self._child(above, path, target, twin != entry.name, None)
            elif self._wants_link(path):
                self.problems.links.append((path, target))
        else:
            self._child(above, path, Target(place, facts), twin != entry.name, descriptor)

    def _wants_link(self, path: str) -> bool:
        """Whether a link that leads nowhere is meant, as a file or as a directory."""
        return self._selection.file(path) or self._selection.directory(path)

    def _child(self, above: _Directory, path: str, target: Target, clash: bool, descriptor: int | None) -> None:
        facts = target.facts
        is_directory = stat.S_ISDIR(facts.st_mode)
        if self._selection.prunes(path) if is_directory else not self._selection.file(path):
            return
        problem = "differs from another only in its Unicode form" if clash else _problem(path, self._rules)
        if problem is not None:
            self.problems.names.append((path, problem))
        elif is_directory:
            if descriptor is None and above.trail.has(facts.st_dev, facts.st_ino):
                self.problems.links.append((path, f"leads back to {target.place or '.'!r}, a directory above: a loop"))
                return
            self._stack.append(_Directory(path, target.place, _Trail(facts.st_dev, facts.st_ino, above.trail)))
        elif not stat.S_ISREG(facts.st_mode):
            self.problems.special.append((path, f"is {kind_of(facts)}"))
        elif not self._can_read(target.place, descriptor):
            self.problems.unreadable.append(path)
        else:
            self.tree.add(_found(path, target.place, facts))

    def _can_read(self, place: str, descriptor: int | None) -> bool:
        if descriptor is None:
            return os.access(os.path.join(self._real, place), os.R_OK, effective_ids=True)
        return os.access(os.path.basename(place), os.R_OK, dir_fd=descriptor, effective_ids=True)

    def _warn_of_cases(self, directory: _Directory, names: dict[str, str]) -> None:
        if len({name.casefold() for name in names}) != len(names):
            _log.warning(
                "%r has names that differ only in case; a disk that folds case cannot hold them", directory.path or "."
            )


def _found(path: str, place: str, facts: os.stat_result) -> Found:
    return Found(path, place, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, facts.st_dev)


def _join(above: str, name: str) -> str:
    return f"{above}/{name}" if above else name


def _problem(path: str, rules: Rules) -> str | None:
    plain = path.isascii() and path.isprintable() and not path.startswith(".") and "/.wabucket" not in path
    if plain and len(path) <= min(MAX_COMPONENT_BYTES, rules.max_path_bytes):
        return None
    problem = path_problem(path)
    if problem is not None:
        return problem
    length = len(path.encode())
    if length > rules.max_path_bytes:
        return f"has {length} bytes, this bucket takes at most {rules.max_path_bytes} there"
    return None
