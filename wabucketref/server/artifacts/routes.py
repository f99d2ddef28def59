"""HTTP beside GraphQL: bytes by link or by key, and manifests."""

import base64
import binascii

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wabucketref.errors import NotFound
from wabucketref.server.access import require, site_of
from wabucketref.server.artifacts.files import MANIFEST_NAME, manifest_document, uploaded
from wabucketref.server.blobs import send_object
from wabucketref.server.links import Grant
from wabucketref.server.site import Site
from wabucketref.trackers.embedded.rows import find_project
from wabucketref.trackers.embedded.schema import SERVED
from wabucketref.trackers.embedded.sdk import blobs, drafts, entries, ids, versions


async def by_link(request: Request) -> Response:
    """Bytes of a file, by a signed link."""
    site = site_of(request)
    grant = site.links.check(request.path_params["token"], "get")
    return await send_object(site, grant, request.headers.get("range"))


async def manifest(request: Request) -> Response:
    """The manifest of a version, by a signed link."""
    site = site_of(request)
    grant = site.links.check(request.path_params["token"], "list")
    return Response(await run_in_threadpool(_document, site, int(grant.subject)), media_type="application/json")


async def by_key(request: Request) -> Response:
    """Bytes of a file of an artifact, by an API key: what the SDK asks for where it has no link."""
    await require(request)
    site = site_of(request)
    grant = await run_in_threadpool(_grant, site, request.path_params)
    return await send_object(site, grant, request.headers.get("range"))


ROUTES = (
    Route("/storage/wandb_artifacts/{token}", by_link, methods=["GET"]),
    Route(f"/storage/{{token}}/{MANIFEST_NAME}", manifest, methods=["GET"]),
    Route("/artifactsV2/{region}/{entity}/{project}/{collection}/{birth}/{md5}/{name}", by_key, methods=["GET"]),
    Route(
        "/artifactsV2/{region}/{entity}/{project}/{collection}/{artifact}/{birth}/{md5}/{name}",
        by_key,
        methods=["GET"],
    ),
)


def _document(site: Site, version_pk: int) -> bytes:
    with site.read() as connection:
        version = versions.require(connection, version_pk)
        if version.bucket == SERVED:
            return manifest_document(version, entries.read(connection, version_pk))
    return manifest_document(version, uploaded(site, version))


def _grant(site: Site, given: dict[str, str]) -> Grant:
    with site.read() as connection:
        for project_pk in _projects(connection, given):
            found = blobs.of_digests(connection, project_pk, [_md5(given["md5"])])
            for blob in found.values():
                if blob.size is not None:
                    return Grant("get", blob.key, given["name"], 0)
    raise NotFound("there is no such file of an artifact")


def _projects(connection: Connection, given: dict[str, str]) -> list[int]:
    """Where the bytes may be: the project of the artifact that first had them, and the one that is named."""
    found = []
    for name in ("birth", "artifact"):
        version_pk, draft_pk = ids.artifact_keys(given.get(name, ""))
        draft = drafts.get(connection, draft_pk)
        if draft is not None:
            found.append(draft.collection.project.pk)
        found += [version.collection.project.pk for version in versions.read(connection, [version_pk or 0])]
    named = find_project(connection, (given["entity"], given["project"]))
    return list(dict.fromkeys([*found, *([] if named is None else [named])]))


def _md5(text: str) -> str:
    try:
        return base64.b64encode(binascii.unhexlify(text)).decode()
    except ValueError:
        raise NotFound("there is no such file of an artifact") from None
