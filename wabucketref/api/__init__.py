"""The Python face: ``WaBucketRefAPI``."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, overload

from wabucketref.api.session import Session
from wabucketref.errors import UsageError, WaBucketError
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.audit import VerifyAllResult
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.result import DownloadResult, UploadResult, VerifyResult
from wabucketref.model.run import Lineage
from wabucketref.operations import link as links
from wabucketref.operations import look
from wabucketref.operations import verify as verifying
from wabucketref.operations.download import begin_download, download
from wabucketref.operations.download import temporary_destination as temporary
from wabucketref.operations.outcome import finished
from wabucketref.operations.upload import begin_upload, upload
from wabucketref.operations.verify_all import verify_all
from wabucketref.service.client import RunClient
from wabucketref.service.ticket import Ticket

log = logging.getLogger(__name__)


class WaBucketRefAPI(Session):
    """Uploads, downloads and links of one bucket and project, recorded in one run from first use to :meth:`close`.

    Thread-safe; several may be open in one process. While the run is active, ``wandb.run`` is it. Use it as a context
    manager: an exception in the block ends the run as failed.
    """

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
        Where a background service runs (``wabucket service start``) it goes on after this process has ended; others
        wait for it by ``ticket(xid)``.

        Raises:
            WaBucketError: as ``operations.upload.upload``.
        """
        ws = self._session()
        what = {"metadata": metadata, "overwrite": overwrite, "include": include, "exclude": exclude}
        if wait:
            return upload(ws, source, name, type, alias, **what)  # type: ignore[arg-type]
        return self._kept(begin_upload(ws, source, name, type, alias, **what))  # type: ignore[arg-type]

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
        follow_references: bool = False,
        deep: bool = False,
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
        follow_references: bool = False,
        deep: bool = False,
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
        follow_references: bool = False,
        deep: bool = False,
        wait: bool = True,
    ) -> DownloadResult | Ticket[DownloadResult]:
        """Download an artifact as an input of the run. `destination`: default a new temporary directory.
        `follow_references`: of an artifact that another program logged, also those that lead out of its bucket. `deep`:
        files that are there already are read, whatever this machine remembers of them.

        Raises:
            WaBucketError: as ``operations.download.download``.
        """
        ws, ref = self._session(), ArtifactRef(type, name, alias)
        with temporary(destination) as target:
            chosen: dict[str, Any] = {"include": include, "exclude": exclude, "follow_references": follow_references}
            chosen["deep"] = deep
            if wait:
                return download(ws, ref, target, **chosen)
            return self._kept(begin_download(ws, ref, target, **chosen))

    def ticket(self, xid: str) -> Ticket[UploadResult | DownloadResult]:
        """The ticket of an operation that another process of this home left to the background service.

        Waiting for it raises ``NotFound`` when the service does not know it: its result was fetched, or is too old.
        """
        return RunClient(self._workspace().transport(), "").ticket(xid, finished)

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

    def verify_all(self, deep: bool = False) -> VerifyAllResult:
        """Check every version of the project in this bucket, and compare bucket, tracker and journal. Records nothing.

        What is wrong is in the result; it agrees when ``differing`` is empty and ``pending`` is 0.
        """
        return verify_all(self._workspace(), deep)

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
