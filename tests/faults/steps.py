"""Which steps of the protocol the failpoints stand for; a test sees to it that every point stands for one.

A step lies between the point before it and its own: a kill at the former comes before it, one at the latter after it.
"""

from collections.abc import Mapping

UPLOAD_STEPS: Mapping[str, tuple[str, ...]] = {
    "P01 run record appended": ("journal.created", "journal.appended"),
    "P02 journal synced": ("journal.synced",),
    "P03 tracker upsert": ("sender.before_process", "tracker.asked"),
    "P04 claim put": ("claim.taken", "claim.waiting", "upload.claimed"),
    "P05 scan": ("scan.done",),
    "P06 cache read": ("upload.recalled",),
    "P07 part k of file i put": ("upload.parts_begun", "upload.part"),
    "P08 multipart completed": ("upload.completed",),
    "P09 file checksum known": ("upload.file_sent", "upload.file_stored"),
    "P10 server-side copy": ("upload.copying", "upload.copied"),
    "P11 last file done": ("upload.files_stored", "upload.leftovers_removed"),
    "P12 entries put": ("upload.entries_put",),
    "P13 header put sent": ("upload.header_sent",),
    "P14 header put answered": ("upload.header_answered",),
    "P15 journal marks committed": ("journal.appended",),
    "P16 tracker log_artifact sent": ("tracker.asked",),
    "P17 answered": ("tracker.answered",),
    "P18 version and latest moved": ("catalog.written", "catalog.committed"),
    "P19 ArtifactDone": ("sender.processed",),
    "P20 claim removed": ("upload.claim_removed",),
    "P21 history flushed": ("filestream.sent",),
    "P22 console flushed": ("filestream.sent",),
    "P23 run finished": ("finish.stage", "tracker.answered"),
    "P24 exit record": ("journal.appended",),
    "P25 journal marks acknowledged": ("journal.removed",),
    "P26 exit": ("workspace.closed",),
}
DOWNLOAD_STEPS: Mapping[str, tuple[str, ...]] = {
    "Q01 resolve": ("artifact.resolved",),
    "Q02 header": ("download.header_read",),
    "Q03 entries": ("download.entries_read",),
    "Q04 sibling made": ("download.staging_made", "download.staging_found"),
    "Q05 range k": ("download.range",),
    "Q06 file verified": ("download.file_verified",),
    "Q07 fsync": ("download.synced",),
    "Q08 rename": ("download.file_placed",),
    "Q09 use record": ("download.done", "journal.appended"),
    "Q10 done": ("workspace.closed",),
}
OTHER_STEPS: Mapping[str, tuple[str, ...]] = {
    "overwrite": ("upload.withdrawn",),
    "link": ("link.marked", "link.file_hashed"),
    "adopt": ("adopt.file_hashed",),
    "no-reff": ("copies.taken",),
    "rm": ("remove.header_gone", "remove.file_gone", "remove.files_gone", "remove.done"),
    "gc": ("gc.planned", "gc.item", "gc.claimed", "gc.object_gone", "gc.item_removed"),
    "rebuild": ("catalog.moved", "rebuild.header_read", "rebuild.adding", "rebuild.recorded"),
    "relocate": ("relocate.looked", "relocate.done"),
    "sync": ("journal.recovered",),
    "migration": ("catalog.backed_up", "catalog.altered"),
    "verify": ("verify.file",),
    "contents kept for later downloads": ("cache.content_written", "cache.pruning"),
    "the first look at a store": ("probe.tried",),
}
WITHOUT_POINT: Mapping[str, str] = {}


def all_steps() -> Mapping[str, tuple[str, ...]]:
    """Step to its points."""
    return {**UPLOAD_STEPS, **DOWNLOAD_STEPS, **OTHER_STEPS}
