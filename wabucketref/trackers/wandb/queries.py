"""Questions to W&B, by its public API."""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, cast

from wabucketref.errors import NotFound, TransientError, UsageError, WaBucketError
from wabucketref.model.artifact import SERVED, ArtifactInfo
from wabucketref.model.names import version_number
from wabucketref.model.nearest import nearest
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.run import HistoryRow, Lineage, RunFilter, RunInfo, RunKey
from wabucketref.settings import Settings
from wabucketref.threads import Pool
from wabucketref.trackers.wandb import facts
from wabucketref.trackers.wandb.entries import LEGACY_ENTRY
from wabucketref.trackers.wandb.sdk import mapped, public_api

DEFAULT_ENTITY: Final = "~"
"""Stands for the entity that the server gives a user who names none, until the server could be asked."""
_FORGIVE: Final = 20.0
"""Seconds after a question that nobody answered in which none is asked again."""
_AT_ONCE: Final = 8
"""Artifacts whose versions are asked for at once: W&B lists versions by artifact only."""
_ALL_ROWS: Final = 10_000_000
"""Of a history; a run with more of them is sampled."""


class Queries:
    """Thread-safe. Answers nothing from memory but the default entity."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._api: Any = None
        self._entity: str | None = None
        self._silent_since: float | None = None

    @property
    def api(self) -> Any:
        """The SDK's public API.

        Raises:
            WaBucketError: the server cannot be reached, or refuses the key.
        """
        self.check_reachable()
        with self._lock:
            if self._api is None:
                self._api = self._asked("opening the API", lambda: public_api(self._settings))
            return self._api

    def check_reachable(self) -> None:
        """Fail at once when the server did not answer a moment ago: a start must not wait twice.

        Raises:
            TransientError: it did not.
        """
        since = self._silent_since
        if since is not None and time.monotonic() - since < _FORGIVE:
            raise TransientError(
                "W&B did not answer a moment ago",
                hint="check that the server can be reached (WANDB_BASE_URL), then run `wabucket sync`",
                retryable=False,
            )

    def silent(self) -> None:
        """Note that the server did not answer."""
        self._silent_since = time.monotonic()

    def _asked(self, what: str, question: Any) -> Any:
        try:
            with mapped(what):
                return question()
        except TransientError:
            self.silent()
            raise

    def default_entity(self) -> str:
        """The entity of the key's user; :data:`DEFAULT_ENTITY` while the server cannot be asked."""
        if self._entity is None:
            try:
                self._entity = self._asked("asking who the user is", lambda: self.api.default_entity)
            except UsageError:
                raise
            except WaBucketError:
                return DEFAULT_ENTITY
        return self._entity or DEFAULT_ENTITY

    def place(self, entity: str, project: str) -> str:
        """``entity/project`` as W&B has it."""
        return f"{self.default_entity() if entity == DEFAULT_ENTITY else entity}/{project}"

    def type_of(self, key: RunKey, name: str) -> str | None:
        """The type that artifacts of this name have in the project; None when there are none yet."""
        entity, _, project = self.place(key.entity, key.project).partition("/")
        expected = self._asked(
            "asking for the artifact's type",
            lambda: self.api._expected_artifact_type(entity=entity, project=project, name=name),
        )
        return str(expected) if expected else None

    # ---- artifacts -------------------------------------------------------------------------------------------------

    def artifact(self, place: str, name: str, alias: str) -> Any:
        """The SDK's artifact.

        Raises:
            NotFound: there is none.
        """
        return self._asked(f"looking up {name}:{alias}", lambda: self.api.artifact(f"{place}/{name}:{alias}"))

    def info(self, place: str, found: Any) -> ArtifactInfo:
        """Our view of an artifact; one of an earlier release is found where its bytes lie."""
        info = facts.artifact_info(found, f"{SERVED}//{place}")
        if facts.facts_of(found.metadata or {}) is not None or (found.file_count or 0) > 1 or found.size:
            return info  # that of an earlier release is one reference of which nobody looked at the size
        with mapped(f"reading the manifest of {found.name}"):
            entries = dict(found.manifest.entries)
        entry = entries.get(LEGACY_ENTRY)
        url = getattr(entry, "ref", None)
        return (facts.legacy_info(info, str(url)) if url else None) or info

    def find(self, ref: ArtifactRef, project: tuple[str, str], bucket: str | None) -> tuple[Any, ArtifactInfo]:
        """The version that `ref` names: as an alias first, then as a number. Raises NotFound, naming the nearest."""
        place = self.place(*project)
        try:
            found = self.artifact(place, ref.name, ref.alias)
        except NotFound as error:
            raise self._unknown(ref, project) from error
        info = self.info(place, found)
        if found.type == ref.type and (bucket in (None, info.bucket) or info.is_kept):
            return found, info
        for other in self.versions(project, ref.type, ref.name):
            seen = self.info(place, other)
            same = ref.alias in ("latest", seen.alias, seen.version)
            if seen.bucket == bucket and same:
                return other, seen
        raise self._unknown(ref, project)

    def _unknown(self, ref: ArtifactRef, project: tuple[str, str]) -> NotFound:
        versions = list(self.versions(project, ref.type, ref.name))
        if not versions:
            return NotFound(f"{ref} is not in project {project[1]!r}", hint=self._near_name(ref, project))
        number, newest = version_number(ref.alias), version_number(versions[0].version) or 0
        if number is not None and number < newest:
            return NotFound(f"{ref.type}/{ref.name}: v{number} was removed", hint="see `wabucket ls`")
        near = nearest(ref.alias, (alias for one in versions for alias in one.aliases))
        hint = f"did you mean {ref.type}/{ref.name}:{near}?" if near else "see `wabucket ls`"
        return NotFound(f"{ref} is not in project {project[1]!r}", hint=hint)

    def _near_name(self, ref: ArtifactRef, project: tuple[str, str]) -> str:
        near = nearest(f"{ref.type}/{ref.name}", (f"{kind}/{name}" for kind, name in self.collections(project)))
        return f"did you mean {near}?" if near else "see `wabucket ls`"

    def collections(self, project: tuple[str, str], kind: str | None = None) -> Iterator[tuple[str, str]]:
        """(type, name) of all artifacts of a project."""
        place = self.place(*project)
        try:
            kinds = [kind] if kind else [one.name for one in self._listed(lambda: self.api.artifact_types(place))]
        except NotFound:
            return
        for one in kinds:
            try:
                for found in self._listed(lambda one=one: self.api.artifact_collections(place, one)):
                    yield one, found.name
            except NotFound:
                continue

    def versions(self, project: tuple[str, str], kind: str, name: str) -> Iterator[Any]:
        """All versions of one artifact, newest first."""
        place = self.place(*project)
        try:
            yield from self._listed(lambda: self.api.artifacts(kind, f"{place}/{name}"))
        except NotFound:
            return

    def every_version(self, project: tuple[str, str], kind: str | None, name: str | None) -> Sequence[ArtifactInfo]:
        """All versions, newest first."""
        place = self.place(*project)
        wanted = [(kind, name)] if kind and name else self.collections(project, kind)
        with Pool(_AT_ONCE, thread_name_prefix="wabucket-ls") as pool:
            lists = pool.map(lambda one: [self.info(place, found) for found in self.versions(project, *one)], wanted)
            found = [one for some in lists for one in some]
        return found if kind and name else sorted(found, key=lambda one: one.created, reverse=True)

    def _listed(self, question: Any) -> list[Any]:
        """All that a pager gives; ``list()`` would ask for its length too."""
        return cast(list[Any], self._asked("listing", lambda: [one for one in question()]))  # noqa: C416

    # ---- runs ------------------------------------------------------------------------------------------------------

    def run(self, key: RunKey) -> Any:
        """The API's run, asked for anew.

        Raises:
            NotFound: there is none.
        """

        def ask() -> Any:
            self.api.flush()
            return self.api.run(f"{self.place(key.entity, key.project)}/{key.run_id}")

        return self._asked(f"looking up run {key.run_id}", ask)

    def run_info(self, key: RunKey) -> RunInfo:
        """One run, with its inputs and outputs. Raises NotFound, with the nearest id as a hint."""
        try:
            run = self.run(key)
        except NotFound as error:
            near = nearest(key.run_id, (one.id for one in self.runs((key.entity, key.project))))
            raise NotFound(
                f"run {key.run_id} is not in project {key.entity}/{key.project}",
                hint=f"did you mean {near}?" if near else "see `wabucket runs`",
            ) from error
        return self._with_links(key, run)

    def _with_links(self, key: RunKey, run: Any) -> RunInfo:
        place = self.place(key.entity, key.project)
        inputs = [self.info(place, one) for one in self._listed(run.used_artifacts)]
        outputs = [self.info(place, one) for one in self._listed(run.logged_artifacts)]
        return replace(facts.run_info(run, key), inputs=_references(inputs), outputs=_references(outputs))

    def runs(self, project: tuple[str, str], wanted: RunFilter | None = None) -> Sequence[RunInfo]:
        """The runs of a project (all, or those `wanted`), newest first, without inputs and outputs.

        The server looks for tags; commits are compared here: it cannot be asked for the beginning of one.
        """
        place, wanted = self.place(*project), wanted or RunFilter()
        filters = {"$and": [{"tags": tag} for tag in wanted.labels]} if wanted.labels else None
        try:
            found = self._listed(lambda: self.api.runs(place, filters=filters, order="-created_at"))
        except NotFound:
            return []
        infos = [facts.run_info(one, RunKey(*project, one.id)) for one in found]
        return [info for info in infos if wanted.matches_commit(info.job)]

    def history(self, key: RunKey) -> Sequence[HistoryRow]:
        """All rows in order."""
        run = self.run(key)
        # scan_history asks for a thousand steps at a time, however far apart the rows are
        rows = self._listed(lambda: run._full_history(samples=_ALL_ROWS))
        return [
            HistoryRow(
                index,
                int(row.get("_step", index)),
                float(row.get("_timestamp") or 0.0),
                {name: value for name, value in row.items() if not name.startswith("_")},
            )
            for index, row in enumerate(rows)
        ]

    def lineage(self, ref: ArtifactRef, project: tuple[str, str], bucket: str | None) -> Lineage:
        """One step up and down. Raises as :meth:`find`."""
        found, info = self.find(ref, project, bucket)
        with mapped(f"asking for the lineage of {ref}"):
            maker, users = found.logged_by(), list(found.used_by())
        key = RunKey(*project, "")
        produced = self.run_info(replace(key, run_id=maker.id)) if maker is not None else None
        used = [self.run_info(replace(key, run_id=user.id)) for user in users]
        upstream = self._linked(project, [] if maker is None else maker.used_artifacts())
        downstream = self._linked(project, (one for user in users for one in user.logged_artifacts()))
        return Lineage(info, produced, used, upstream, downstream)

    def _linked(self, project: tuple[str, str], found: Iterable[Any]) -> list[ArtifactInfo]:
        place = self.place(*project)
        return [self.info(place, one) for one in self._listed(lambda: found)]


def _references(infos: Sequence[ArtifactInfo]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(info.ref) for info in infos))
