"""The area ``artifacts``: made, named, linked, used, read, deleted."""

from typing import Final

from wabucketref.server.area import Area, Resolver
from wabucketref.server.artifacts import changing, creating, files, reading
from wabucketref.server.artifacts.routes import ROUTES
from wabucketref.server.artifacts.views import committed

_COLLECTION: Final[dict[str, Resolver]] = {
    "aliases": reading.aliases_of_collection,
    "artifacts": reading.artifacts_of_collection,
    "artifactMembership": reading.membership_of_collection,
}

AREA: Final = Area(
    "artifacts",
    {
        "Query": {
            "artifact": reading.artifact,
            "artifactCollection": reading.collection,
            "clientIDMapping": reading.client_id_mapping,
        },
        "Mutation": {
            "createArtifact": creating.create,
            "createArtifactManifest": creating.create_manifest,
            "updateArtifactManifest": creating.update_manifest,
            "createArtifactFiles": creating.create_files,
            "commitArtifact": creating.commit,
            "useArtifact": creating.use,
            "updateArtifact": changing.update,
            "deleteArtifact": changing.delete,
            "addAliases": changing.add_aliases,
            "deleteAliases": changing.delete_aliases,
            "linkArtifact": changing.link,
            "unlinkArtifact": changing.unlink,
            "updateArtifactSequence": changing.update_sequence,
            "updateArtifactPortfolio": changing.update_portfolio,
            "moveArtifactSequence": changing.move_sequence,
            "deleteArtifactSequence": changing.delete_sequence,
            "deleteArtifactPortfolio": changing.delete_portfolio,
            "createArtifactCollectionTagAssignments": changing.tag_collection,
            "deleteArtifactCollectionTagAssignments": changing.untag_collection,
        },
        "Project": {
            "artifact": reading.artifact_of_project,
            "artifactType": reading.type_of_project,
            "artifactTypes": reading.types_of_project,
            "artifactCollection": reading.collection_of_project,
            "artifactCollections": reading.collections_of_project,
            "artifactCollectionMembership": reading.membership_of_project,
        },
        "ArtifactType": {
            "artifact": reading.artifact_of_type,
            "artifactCollection": reading.collection_of_type,
            "artifactCollections": reading.collections_of_type,
        },
        "ArtifactSequence": _COLLECTION,
        "ArtifactPortfolio": _COLLECTION,
        "ArtifactCollectionMembership": {"files": files.files_of_membership},
        "Artifact": {
            "artifactMemberships": committed(reading.memberships_of_artifact),
            "createdBy": committed(reading.creator_of_artifact),
            "usedBy": committed(reading.users_of_artifact),
            "currentManifest": committed(files.manifest_of_artifact),
            "files": committed(files.files_of_artifact),
            "filesByManifestEntries": committed(files.files_by_entries),
        },
        "Run": {"inputArtifacts": reading.inputs_of_run, "outputArtifacts": reading.outputs_of_run},
    },
    routes=ROUTES,
    uploaded={creating.BLOB: creating.blob_stored, creating.MANIFEST: creating.manifest_stored},
    run_deleted=creating.run_deleted,
)
