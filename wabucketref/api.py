"""The Python face: ``WaBucketRefAPI``."""

import atexit
import logging
import os
import threading
import weakref
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, overload

from wabucketref.errors import UsageError, WaBucketError
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.result import DownloadResult, UploadResult, VerifyResult
from wabucketref.model.run import Lineage, RunState
from wabucketref.model.runargs import parse_run_args
from wabucketref.operations import link as links
from wabucketref.operations import look
from wabucketref.operations import verify as verifying
from wabucketref.operations.download import begin_download, download
from wabucketref.operations.download import temporary_destination as temporary
from wabucketref.operations.upload import begin_upload, upload
from wabucketref.operations.workspace import Workspace
from wabucketref.runs import active
from wabucketref.runs.console import ConsoleCapture
from wabucketref.runs.run import Run
from wabucketref.service.ticket import Ticket
from wabucketref.settings import Settings, load_settings
from wabucketref.wiring import open_workspace

log = logging.getLogger(__name__)

RunArgs = Mapping[str, Any] | Namespace | str


class WaBucketRefAPI:
    """Uploads, downloads and links of one bucket and project, recorded in one run from first use to :meth:`close`.

    Thread-safe; several may be open in one process. While the run is active, ``wandb.run`` is it. Use it as a context
    manager: an exception in the block ends the run as failed.
    """

    def __init__(
        self,
        bucket: str | None = None,
        project_name: str | None = None,
        entity: str | None = None,
        *,
        settings: Settings | Mapping[str, Any] | None = None,
    ) -> None:
        """`bucket`: a bare name or URL, default the project's name. `settings`: a ``Settings``, or further options by
        their names (``{"storage": …, "tracker": …}``).

        Raises:
            SettingsError, UsageError: a value is malformed, or no project is set.
            NotAuthorised, UpgradeRequired: the home or catalog cannot be used.
        """
        if isinstance(settings, Settings):
            if not (bucket is project_name is entity is None):
                raise UsageError("give either a Settings object or bucket, project_name and entity")
            self.settings = settings
        else:
            given = {"bucket": bucket, "project_name": project_name, "entity": entity}
            self.settings = load_settings({**(settings or {}), **{k: v for k, v in given.items() if v is not None}})
        self.settings.require_project()
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._closed = False
        self._ws = open_workspace(self.settings)
        self._exit_hook = _finish_at_exit(self)

    # ---- the run ---------------------------------------------------------------------------------------------------

    @property
    def run(self) -> Run | None:
        """The current run, or None before the first use and after :meth:`close`."""
        return self._ws.run

    def wandb_start_run(
        self, w_run_name: str | None = None, w_job_type: str | None = None, run_args: RunArgs | None = None
    ) -> Run:
        """Start the run now, with a name, a job type and a configuration (a dict, a Namespace or text).

        Raises:
            UsageError: a run of this API is active, or `run_args` cannot be read.
        """
        with self._lock:
            self._check_open()
            if self._ws.run is not None:
                raise UsageError(f"the run {self._ws.run.id} is active", hint="close() it before starting another")
            return self._start(parse_run_args(run_args), name=w_run_name, job_type=w_job_type)

    def close(self) -> None:
        """Finish the run and give everything back; idempotent.

        Raises:
            TimedOut: the run could not be recorded in time; the journal has everything.
        """
        self._end(0, RunState.FINISHED)

    def __enter__(self) -> "WaBucketRefAPI":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None:
            self.close()
            return
        interrupted = issubclass(kind, KeyboardInterrupt)
        try:
            self._end(130 if interrupted else 1, RunState.KILLED if interrupted else RunState.FAILED)
        except WaBucketError as late:  # the block's own error is the one to show
            log.warning("%s", late)

    # ---- operations ------------------------------------------------------------------------------------------------

    @overload
    def upload(
        self,
        source: str | Path,
        name: str,
        type: str,
        alias: str | None = None,
        *,
        metadata: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        wait: Literal[True] = True,
    ) -> UploadResult: ...

    @overload
    def upload(
        self,
        source: str | Path,
        name: str,
        type: str,
        alias: str | None = None,
        *,
        metadata: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        wait: Literal[False],
    ) -> Ticket[UploadResult]: ...

    def upload(
        self,
        source: str | Path,
        name: str,
        type: str,
        alias: str | None = None,
        *,
        metadata: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        wait: bool = True,
    ) -> UploadResult | Ticket[UploadResult]:
        """Upload a directory or file as an output of the run. `alias`: default a UUID4.

        With ``wait=False`` a ticket is returned as soon as the journal has the operation; :meth:`close` waits for it.

        Raises:
            WaBucketError: as ``operations.upload.upload``.
        """
        ws = self._session()
        what = {"metadata": metadata, "overwrite": overwrite, "include": include, "exclude": exclude}
        if wait:
            return upload(ws, source, name, type, alias, **what)  # type: ignore[arg-type]
        return begin_upload(ws, source, name, type, alias, **what)  # type: ignore[arg-type]

    @overload
    def download(
        self,
        name: str,
        type: str,
        alias: str = "latest",
        destination: str | Path | None = None,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        wait: Literal[True] = True,
    ) -> DownloadResult: ...

    @overload
    def download(
        self,
        name: str,
        type: str,
        alias: str = "latest",
        destination: str | Path | None = None,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        wait: Literal[False],
    ) -> Ticket[DownloadResult]: ...

    def download(
        self,
        name: str,
        type: str,
        alias: str = "latest",
        destination: str | Path | None = None,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        wait: bool = True,
    ) -> DownloadResult | Ticket[DownloadResult]:
        """Download an artifact as an input of the run. `destination`: default a new temporary directory.

        Raises:
            WaBucketError: as ``operations.download.download``.
        """
        ws, ref = self._session(), ArtifactRef(type, name, alias)
        with temporary(destination) as target:
            if wait:
                return download(ws, ref, target, include=include, exclude=exclude)
            return begin_download(ws, ref, target, include=include, exclude=exclude)

    def link(
        self,
        bucket_path: str,
        art_name: str,
        art_type: str,
        art_alias: str | None = None,
        art_metadata: Mapping[str, Any] | None = None,
        suffix: str | None = None,
    ) -> str:
        """Make an artifact of the directory `bucket_path` in the bucket, nothing copied; the alias.

        Raises:
            LinkSourceNotFound: (a ``ValueError``) it does not exist or is not a directory.
            WaBucketError: as ``operations.link.link``.
        """
        ws = self._session()
        return links.link(ws, bucket_path, art_name, art_type, art_alias, metadata=art_metadata, suffix=suffix).alias

    def list(self, type: str | None = None, name: str | None = None) -> Sequence[ArtifactInfo]:
        """Versions in the project, newest first. Records nothing."""
        return look.list_artifacts(self._workspace(), type, name)

    def show(self, ref: str, files: bool = False) -> look.Shown:
        """One artifact, with `files` also its manifest's entries. Records nothing."""
        return look.show(self._workspace(), ArtifactRef.parse(ref), files)

    def lineage(self, ref: str) -> Lineage:
        """What made an artifact and what used it. Records nothing."""
        return look.lineage(self._workspace(), ArtifactRef.parse(ref))

    def verify(self, ref: str, deep: bool = False) -> VerifyResult:
        """Compare the bucket with the manifest; with `deep` every byte. Records nothing."""
        return verifying.verify(self._workspace(), ArtifactRef.parse(ref), deep)

    # ---- the names of earlier releases -----------------------------------------------------------------------------

    def upload_artifact(
        self,
        src_folder: str | Path,
        art_name: str,
        art_type: str,
        art_alias: str | None = None,
        art_metadata: Mapping[str, Any] | None = None,
        as_refference: bool = True,
        overwrite: bool = False,
        suffix: str | None = None,
    ) -> str:
        """:meth:`upload` of a directory or file; the alias. `as_refference` False: the tracker keeps the bytes."""
        return upload(
            self._session(),
            src_folder,
            art_name,
            art_type,
            art_alias,
            metadata=art_metadata,
            as_reference=as_refference,
            overwrite=overwrite,
            suffix=suffix,
        ).alias

    def download_artifact(
        self,
        art_name: str,
        art_type: str,
        art_alias: str,
        dst_folder: str | Path | None = None,
        retries: int = 5,
    ) -> Path:
        """:meth:`download`; the directory. `retries`: further tries when a try fails for a passing cause."""
        if retries < 0:
            raise UsageError(f"retries is {retries}, not a count")
        ws, ref = self._session(), ArtifactRef(art_type, art_name, art_alias)
        with temporary(dst_folder) as target:
            for _ in range(retries):
                try:
                    return download(ws, ref, target).path
                except WaBucketError as error:
                    if not error.retryable:
                        raise
                    log.warning("the download of %s is tried again: %s", ref, error)
            return download(ws, ref, target).path

    # ---- inside ----------------------------------------------------------------------------------------------------

    def _workspace(self) -> Workspace:
        self._check_open()
        return self._ws

    def _session(self) -> Workspace:
        """The workspace with a run, started on first use."""
        with self._lock:
            self._check_open()
            if self._ws.run is None:
                self._start({})
        return self._ws

    def _start(self, config: Mapping[str, Any], **given: Any) -> Run:
        run = self._ws.start_run(config=config, single_operation=False, on_finish=self._run_finished, **given)
        self._ws.run = run
        if self.settings.console == "on":
            self._ws.service.stream(run.id).add_producer(ConsoleCapture(run.client.publish).stop)
        active.activate(run)
        return run

    def _run_finished(self, run: Run) -> None:
        active.deactivate(run)
        if self._ws.run is run:
            self._ws.run = None

    def _end(self, exit_code: int, state: RunState) -> None:
        with self._lock:
            if self._closed or os.getpid() != self._pid:
                return
            self._closed = True
            atexit.unregister(self._exit_hook)
            try:
                if self._ws.run is not None:
                    self._ws.run.finish(exit_code, state=state)
            finally:
                self._ws.close()

    def _check_open(self) -> None:
        if os.getpid() != self._pid:
            raise UsageError("this WaBucketRefAPI belongs to the parent process", hint="make one in the forked process")
        if self._closed:
            raise UsageError("this WaBucketRefAPI is closed", hint="make another one")


def _finish_at_exit(api: WaBucketRefAPI) -> Any:
    """The interpreter exits without ``close()``: the run ends as failed, and nothing is lost."""
    reference = weakref.ref(api)

    def finish() -> None:
        left = reference()
        if left is not None:
            log.warning("WaBucketRefAPI was not closed; its run ends as failed")
            left._end(1, RunState.FAILED)

    atexit.register(finish)
    return finish
