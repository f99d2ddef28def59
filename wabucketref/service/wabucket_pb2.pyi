from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Greeting(_message.Message):
    __slots__ = ("client", "version", "protocol", "pid", "started", "settings_json", "environ", "trace", "looking")
    class EnvironEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_JSON_FIELD_NUMBER: _ClassVar[int]
    ENVIRON_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    LOOKING_FIELD_NUMBER: _ClassVar[int]
    client: str
    version: str
    protocol: int
    pid: int
    started: float
    settings_json: str
    environ: _containers.ScalarMap[str, str]
    trace: str
    looking: bool
    def __init__(self, client: _Optional[str] = ..., version: _Optional[str] = ..., protocol: _Optional[int] = ..., pid: _Optional[int] = ..., started: _Optional[float] = ..., settings_json: _Optional[str] = ..., environ: _Optional[_Mapping[str, str]] = ..., trace: _Optional[str] = ..., looking: bool = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("version", "protocol", "instance", "pid", "started", "error")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    version: str
    protocol: int
    instance: str
    pid: int
    started: float
    error: Error
    def __init__(self, version: _Optional[str] = ..., protocol: _Optional[int] = ..., instance: _Optional[str] = ..., pid: _Optional[int] = ..., started: _Optional[float] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class Envelope(_message.Message):
    __slots__ = ("uuid", "stream", "record", "result", "request", "response")
    UUID_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    uuid: str
    stream: str
    record: Record
    result: Result
    request: Request
    response: Response
    def __init__(self, uuid: _Optional[str] = ..., stream: _Optional[str] = ..., record: _Optional[_Union[Record, _Mapping]] = ..., result: _Optional[_Union[Result, _Mapping]] = ..., request: _Optional[_Union[Request, _Mapping]] = ..., response: _Optional[_Union[Response, _Mapping]] = ...) -> None: ...

class Record(_message.Message):
    __slots__ = ("run", "config", "summary", "history", "output", "artifact", "link", "use_artifact", "exit", "adopt", "committed", "fetched", "failed", "acknowledged")
    RUN_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    USE_ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    EXIT_FIELD_NUMBER: _ClassVar[int]
    ADOPT_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    FETCHED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    run: RunRecord
    config: ConfigRecord
    summary: SummaryRecord
    history: HistoryRecord
    output: OutputRecord
    artifact: ArtifactRecord
    link: LinkRecord
    use_artifact: UseArtifactRecord
    exit: ExitRecord
    adopt: AdoptRecord
    committed: CommittedRecord
    fetched: FetchedRecord
    failed: FailedRecord
    acknowledged: AcknowledgedRecord
    def __init__(self, run: _Optional[_Union[RunRecord, _Mapping]] = ..., config: _Optional[_Union[ConfigRecord, _Mapping]] = ..., summary: _Optional[_Union[SummaryRecord, _Mapping]] = ..., history: _Optional[_Union[HistoryRecord, _Mapping]] = ..., output: _Optional[_Union[OutputRecord, _Mapping]] = ..., artifact: _Optional[_Union[ArtifactRecord, _Mapping]] = ..., link: _Optional[_Union[LinkRecord, _Mapping]] = ..., use_artifact: _Optional[_Union[UseArtifactRecord, _Mapping]] = ..., exit: _Optional[_Union[ExitRecord, _Mapping]] = ..., adopt: _Optional[_Union[AdoptRecord, _Mapping]] = ..., committed: _Optional[_Union[CommittedRecord, _Mapping]] = ..., fetched: _Optional[_Union[FetchedRecord, _Mapping]] = ..., failed: _Optional[_Union[FailedRecord, _Mapping]] = ..., acknowledged: _Optional[_Union[AcknowledgedRecord, _Mapping]] = ...) -> None: ...

class RunKey(_message.Message):
    __slots__ = ("entity", "project", "run_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    project: str
    run_id: str
    def __init__(self, entity: _Optional[str] = ..., project: _Optional[str] = ..., run_id: _Optional[str] = ...) -> None: ...

class RunRecord(_message.Message):
    __slots__ = ("key", "name", "job_type", "group", "notes", "tags", "config_json", "job_json", "created", "single_operation", "shared_id", "offline", "tracker")
    KEY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    JOB_TYPE_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    JOB_JSON_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    SINGLE_OPERATION_FIELD_NUMBER: _ClassVar[int]
    SHARED_ID_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_FIELD_NUMBER: _ClassVar[int]
    TRACKER_FIELD_NUMBER: _ClassVar[int]
    key: RunKey
    name: str
    job_type: str
    group: str
    notes: str
    tags: Tags
    config_json: str
    job_json: str
    created: float
    single_operation: bool
    shared_id: bool
    offline: bool
    tracker: str
    def __init__(self, key: _Optional[_Union[RunKey, _Mapping]] = ..., name: _Optional[str] = ..., job_type: _Optional[str] = ..., group: _Optional[str] = ..., notes: _Optional[str] = ..., tags: _Optional[_Union[Tags, _Mapping]] = ..., config_json: _Optional[str] = ..., job_json: _Optional[str] = ..., created: _Optional[float] = ..., single_operation: bool = ..., shared_id: bool = ..., offline: bool = ..., tracker: _Optional[str] = ...) -> None: ...

class Tags(_message.Message):
    __slots__ = ("tag",)
    TAG_FIELD_NUMBER: _ClassVar[int]
    tag: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tag: _Optional[_Iterable[str]] = ...) -> None: ...

class ConfigRecord(_message.Message):
    __slots__ = ("update_json", "removed")
    UPDATE_JSON_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    update_json: str
    removed: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, update_json: _Optional[str] = ..., removed: _Optional[_Iterable[str]] = ...) -> None: ...

class SummaryRecord(_message.Message):
    __slots__ = ("update_json", "removed")
    UPDATE_JSON_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    update_json: str
    removed: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, update_json: _Optional[str] = ..., removed: _Optional[_Iterable[str]] = ...) -> None: ...

class HistoryRecord(_message.Message):
    __slots__ = ("index", "step", "time", "values_json", "commit")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    VALUES_JSON_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    index: int
    step: int
    time: float
    values_json: str
    commit: bool
    def __init__(self, index: _Optional[int] = ..., step: _Optional[int] = ..., time: _Optional[float] = ..., values_json: _Optional[str] = ..., commit: bool = ...) -> None: ...

class OutputRecord(_message.Message):
    __slots__ = ("index", "stream", "time", "text")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    index: int
    stream: str
    time: float
    text: str
    def __init__(self, index: _Optional[int] = ..., stream: _Optional[str] = ..., time: _Optional[float] = ..., text: _Optional[str] = ...) -> None: ...

class ArtifactRecord(_message.Message):
    __slots__ = ("xid", "source", "bucket", "type", "name", "alias", "created", "metadata_json", "include", "exclude", "overwrite", "replaces", "earlier", "find_earlier")
    XID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    BUCKET_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_FIELD_NUMBER: _ClassVar[int]
    OVERWRITE_FIELD_NUMBER: _ClassVar[int]
    REPLACES_FIELD_NUMBER: _ClassVar[int]
    EARLIER_FIELD_NUMBER: _ClassVar[int]
    FIND_EARLIER_FIELD_NUMBER: _ClassVar[int]
    xid: str
    source: str
    bucket: str
    type: str
    name: str
    alias: str
    created: float
    metadata_json: str
    include: _containers.RepeatedScalarFieldContainer[str]
    exclude: _containers.RepeatedScalarFieldContainer[str]
    overwrite: bool
    replaces: str
    earlier: _containers.RepeatedScalarFieldContainer[str]
    find_earlier: bool
    def __init__(self, xid: _Optional[str] = ..., source: _Optional[str] = ..., bucket: _Optional[str] = ..., type: _Optional[str] = ..., name: _Optional[str] = ..., alias: _Optional[str] = ..., created: _Optional[float] = ..., metadata_json: _Optional[str] = ..., include: _Optional[_Iterable[str]] = ..., exclude: _Optional[_Iterable[str]] = ..., overwrite: bool = ..., replaces: _Optional[str] = ..., earlier: _Optional[_Iterable[str]] = ..., find_earlier: bool = ...) -> None: ...

class LinkRecord(_message.Message):
    __slots__ = ("xid", "base", "bucket", "type", "name", "alias", "created", "metadata_json")
    XID_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    BUCKET_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    xid: str
    base: str
    bucket: str
    type: str
    name: str
    alias: str
    created: float
    metadata_json: str
    def __init__(self, xid: _Optional[str] = ..., base: _Optional[str] = ..., bucket: _Optional[str] = ..., type: _Optional[str] = ..., name: _Optional[str] = ..., alias: _Optional[str] = ..., created: _Optional[float] = ..., metadata_json: _Optional[str] = ...) -> None: ...

class AdoptRecord(_message.Message):
    __slots__ = ("xid", "bucket", "type", "name", "alias", "created", "metadata_json")
    XID_FIELD_NUMBER: _ClassVar[int]
    BUCKET_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    xid: str
    bucket: str
    type: str
    name: str
    alias: str
    created: float
    metadata_json: str
    def __init__(self, xid: _Optional[str] = ..., bucket: _Optional[str] = ..., type: _Optional[str] = ..., name: _Optional[str] = ..., alias: _Optional[str] = ..., created: _Optional[float] = ..., metadata_json: _Optional[str] = ...) -> None: ...

class UseArtifactRecord(_message.Message):
    __slots__ = ("xid", "destination", "bucket", "type", "name", "alias", "digest", "include", "exclude", "kept", "deep")
    XID_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    BUCKET_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    DEEP_FIELD_NUMBER: _ClassVar[int]
    xid: str
    destination: str
    bucket: str
    type: str
    name: str
    alias: str
    digest: str
    include: _containers.RepeatedScalarFieldContainer[str]
    exclude: _containers.RepeatedScalarFieldContainer[str]
    kept: KeptIn
    deep: bool
    def __init__(self, xid: _Optional[str] = ..., destination: _Optional[str] = ..., bucket: _Optional[str] = ..., type: _Optional[str] = ..., name: _Optional[str] = ..., alias: _Optional[str] = ..., digest: _Optional[str] = ..., include: _Optional[_Iterable[str]] = ..., exclude: _Optional[_Iterable[str]] = ..., kept: _Optional[_Union[KeptIn, _Mapping]] = ..., deep: bool = ...) -> None: ...

class KeptIn(_message.Message):
    __slots__ = ("entity", "project", "inside", "follow")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    INSIDE_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    entity: str
    project: str
    inside: str
    follow: bool
    def __init__(self, entity: _Optional[str] = ..., project: _Optional[str] = ..., inside: _Optional[str] = ..., follow: bool = ...) -> None: ...

class ExitRecord(_message.Message):
    __slots__ = ("exit_code", "state")
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    exit_code: int
    state: str
    def __init__(self, exit_code: _Optional[int] = ..., state: _Optional[str] = ...) -> None: ...

class Artifact(_message.Message):
    __slots__ = ("xid", "type", "name", "alias", "digest", "uri", "bucket", "files", "bytes", "created", "metadata_json", "linked", "adopted", "overwrites")
    XID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    BUCKET_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    LINKED_FIELD_NUMBER: _ClassVar[int]
    ADOPTED_FIELD_NUMBER: _ClassVar[int]
    OVERWRITES_FIELD_NUMBER: _ClassVar[int]
    xid: str
    type: str
    name: str
    alias: str
    digest: str
    uri: str
    bucket: str
    files: int
    bytes: int
    created: float
    metadata_json: str
    linked: bool
    adopted: bool
    overwrites: bool
    def __init__(self, xid: _Optional[str] = ..., type: _Optional[str] = ..., name: _Optional[str] = ..., alias: _Optional[str] = ..., digest: _Optional[str] = ..., uri: _Optional[str] = ..., bucket: _Optional[str] = ..., files: _Optional[int] = ..., bytes: _Optional[int] = ..., created: _Optional[float] = ..., metadata_json: _Optional[str] = ..., linked: bool = ..., adopted: bool = ..., overwrites: bool = ...) -> None: ...

class Figures(_message.Message):
    __slots__ = ("bytes_moved", "bytes_reused", "files_moved", "files_reused", "seconds")
    BYTES_MOVED_FIELD_NUMBER: _ClassVar[int]
    BYTES_REUSED_FIELD_NUMBER: _ClassVar[int]
    FILES_MOVED_FIELD_NUMBER: _ClassVar[int]
    FILES_REUSED_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    bytes_moved: int
    bytes_reused: int
    files_moved: int
    files_reused: int
    seconds: float
    def __init__(self, bytes_moved: _Optional[int] = ..., bytes_reused: _Optional[int] = ..., files_moved: _Optional[int] = ..., files_reused: _Optional[int] = ..., seconds: _Optional[float] = ...) -> None: ...

class CommittedRecord(_message.Message):
    __slots__ = ("xid", "artifact", "figures", "already_there")
    XID_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    ALREADY_THERE_FIELD_NUMBER: _ClassVar[int]
    xid: str
    artifact: Artifact
    figures: Figures
    already_there: bool
    def __init__(self, xid: _Optional[str] = ..., artifact: _Optional[_Union[Artifact, _Mapping]] = ..., figures: _Optional[_Union[Figures, _Mapping]] = ..., already_there: bool = ...) -> None: ...

class FetchedRecord(_message.Message):
    __slots__ = ("xid", "artifact", "figures", "path", "verified")
    XID_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_FIELD_NUMBER: _ClassVar[int]
    xid: str
    artifact: Artifact
    figures: Figures
    path: str
    verified: bool
    def __init__(self, xid: _Optional[str] = ..., artifact: _Optional[_Union[Artifact, _Mapping]] = ..., figures: _Optional[_Union[Figures, _Mapping]] = ..., path: _Optional[str] = ..., verified: bool = ...) -> None: ...

class FailedRecord(_message.Message):
    __slots__ = ("xid", "error")
    XID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    xid: str
    error: Error
    def __init__(self, xid: _Optional[str] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class AcknowledgedRecord(_message.Message):
    __slots__ = ("position",)
    POSITION_FIELD_NUMBER: _ClassVar[int]
    position: int
    def __init__(self, position: _Optional[int] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("xid", "position", "error")
    XID_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    xid: str
    position: int
    error: Error
    def __init__(self, xid: _Optional[str] = ..., position: _Optional[int] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class Request(_message.Message):
    __slots__ = ("run_start", "artifact_send", "artifact_poll", "artifact_done", "defer", "status", "shutdown", "cancel", "overview")
    RUN_START_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_SEND_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_POLL_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_DONE_FIELD_NUMBER: _ClassVar[int]
    DEFER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SHUTDOWN_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    OVERVIEW_FIELD_NUMBER: _ClassVar[int]
    run_start: RunStart
    artifact_send: ArtifactSend
    artifact_poll: ArtifactPoll
    artifact_done: ArtifactDone
    defer: Defer
    status: Status
    shutdown: Shutdown
    cancel: Cancel
    overview: Overview
    def __init__(self, run_start: _Optional[_Union[RunStart, _Mapping]] = ..., artifact_send: _Optional[_Union[ArtifactSend, _Mapping]] = ..., artifact_poll: _Optional[_Union[ArtifactPoll, _Mapping]] = ..., artifact_done: _Optional[_Union[ArtifactDone, _Mapping]] = ..., defer: _Optional[_Union[Defer, _Mapping]] = ..., status: _Optional[_Union[Status, _Mapping]] = ..., shutdown: _Optional[_Union[Shutdown, _Mapping]] = ..., cancel: _Optional[_Union[Cancel, _Mapping]] = ..., overview: _Optional[_Union[Overview, _Mapping]] = ...) -> None: ...

class RunStart(_message.Message):
    __slots__ = ("timeout",)
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    timeout: float
    def __init__(self, timeout: _Optional[float] = ...) -> None: ...

class ArtifactSend(_message.Message):
    __slots__ = ("xid", "record")
    XID_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    xid: str
    record: Record
    def __init__(self, xid: _Optional[str] = ..., record: _Optional[_Union[Record, _Mapping]] = ...) -> None: ...

class ArtifactPoll(_message.Message):
    __slots__ = ("xid", "timeout", "acknowledge")
    XID_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_FIELD_NUMBER: _ClassVar[int]
    xid: str
    timeout: float
    acknowledge: bool
    def __init__(self, xid: _Optional[str] = ..., timeout: _Optional[float] = ..., acknowledge: bool = ...) -> None: ...

class ArtifactDone(_message.Message):
    __slots__ = ("xid", "error", "committed", "fetched", "version", "tracking", "aliases")
    XID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    FETCHED_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TRACKING_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    xid: str
    error: Error
    committed: CommittedRecord
    fetched: FetchedRecord
    version: str
    tracking: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, xid: _Optional[str] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., committed: _Optional[_Union[CommittedRecord, _Mapping]] = ..., fetched: _Optional[_Union[FetchedRecord, _Mapping]] = ..., version: _Optional[str] = ..., tracking: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ...) -> None: ...

class Defer(_message.Message):
    __slots__ = ("stage", "exit_code", "state", "timeout", "background")
    class Stage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        BEGIN: _ClassVar[Defer.Stage]
        FLUSH_STATS: _ClassVar[Defer.Stage]
        FLUSH_PARTIAL_HISTORY: _ClassVar[Defer.Stage]
        FLUSH_SUMMARY: _ClassVar[Defer.Stage]
        FLUSH_TRANSFERS: _ClassVar[Defer.Stage]
        FLUSH_ARTIFACTS: _ClassVar[Defer.Stage]
        FLUSH_STREAM: _ClassVar[Defer.Stage]
        FLUSH_FINAL: _ClassVar[Defer.Stage]
        END: _ClassVar[Defer.Stage]
    BEGIN: Defer.Stage
    FLUSH_STATS: Defer.Stage
    FLUSH_PARTIAL_HISTORY: Defer.Stage
    FLUSH_SUMMARY: Defer.Stage
    FLUSH_TRANSFERS: Defer.Stage
    FLUSH_ARTIFACTS: Defer.Stage
    FLUSH_STREAM: Defer.Stage
    FLUSH_FINAL: Defer.Stage
    END: Defer.Stage
    STAGE_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    stage: Defer.Stage
    exit_code: int
    state: str
    timeout: float
    background: bool
    def __init__(self, stage: _Optional[_Union[Defer.Stage, str]] = ..., exit_code: _Optional[int] = ..., state: _Optional[str] = ..., timeout: _Optional[float] = ..., background: bool = ...) -> None: ...

class Status(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Shutdown(_message.Message):
    __slots__ = ("now",)
    NOW_FIELD_NUMBER: _ClassVar[int]
    now: bool
    def __init__(self, now: bool = ...) -> None: ...

class Overview(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Cancel(_message.Message):
    __slots__ = ("reason", "exit_code")
    REASON_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    exit_code: int
    def __init__(self, reason: _Optional[str] = ..., exit_code: _Optional[int] = ...) -> None: ...

class Response(_message.Message):
    __slots__ = ("run_started", "artifact_accepted", "artifact_polled", "deferred", "status", "done", "overview", "error")
    RUN_STARTED_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_POLLED_FIELD_NUMBER: _ClassVar[int]
    DEFERRED_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    OVERVIEW_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    run_started: RunStarted
    artifact_accepted: ArtifactAccepted
    artifact_polled: ArtifactPolled
    deferred: Deferred
    status: StatusReport
    done: Done
    overview: OverviewReport
    error: Error
    def __init__(self, run_started: _Optional[_Union[RunStarted, _Mapping]] = ..., artifact_accepted: _Optional[_Union[ArtifactAccepted, _Mapping]] = ..., artifact_polled: _Optional[_Union[ArtifactPolled, _Mapping]] = ..., deferred: _Optional[_Union[Deferred, _Mapping]] = ..., status: _Optional[_Union[StatusReport, _Mapping]] = ..., done: _Optional[_Union[Done, _Mapping]] = ..., overview: _Optional[_Union[OverviewReport, _Mapping]] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class RunStarted(_message.Message):
    __slots__ = ("name", "url", "tracking")
    NAME_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    TRACKING_FIELD_NUMBER: _ClassVar[int]
    name: str
    url: str
    tracking: str
    def __init__(self, name: _Optional[str] = ..., url: _Optional[str] = ..., tracking: _Optional[str] = ...) -> None: ...

class ArtifactAccepted(_message.Message):
    __slots__ = ("xid", "position")
    XID_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    xid: str
    position: int
    def __init__(self, xid: _Optional[str] = ..., position: _Optional[int] = ...) -> None: ...

class ArtifactPolled(_message.Message):
    __slots__ = ("finished", "done", "files", "bytes", "total_bytes", "total_files", "label")
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FILES_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    finished: bool
    done: ArtifactDone
    files: int
    bytes: int
    total_bytes: int
    total_files: int
    label: str
    def __init__(self, finished: bool = ..., done: _Optional[_Union[ArtifactDone, _Mapping]] = ..., files: _Optional[int] = ..., bytes: _Optional[int] = ..., total_bytes: _Optional[int] = ..., total_files: _Optional[int] = ..., label: _Optional[str] = ...) -> None: ...

class Deferred(_message.Message):
    __slots__ = ("stage", "tracking")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    TRACKING_FIELD_NUMBER: _ClassVar[int]
    stage: Defer.Stage
    tracking: str
    def __init__(self, stage: _Optional[_Union[Defer.Stage, str]] = ..., tracking: _Optional[str] = ...) -> None: ...

class StatusReport(_message.Message):
    __slots__ = ("journaled", "acknowledged", "transfers", "tracking", "cause", "key", "state", "done")
    JOURNALED_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    TRANSFERS_FIELD_NUMBER: _ClassVar[int]
    TRACKING_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    journaled: int
    acknowledged: int
    transfers: _containers.RepeatedCompositeFieldContainer[TransferReport]
    tracking: str
    cause: Error
    key: RunKey
    state: str
    done: _containers.RepeatedCompositeFieldContainer[ArtifactDone]
    def __init__(self, journaled: _Optional[int] = ..., acknowledged: _Optional[int] = ..., transfers: _Optional[_Iterable[_Union[TransferReport, _Mapping]]] = ..., tracking: _Optional[str] = ..., cause: _Optional[_Union[Error, _Mapping]] = ..., key: _Optional[_Union[RunKey, _Mapping]] = ..., state: _Optional[str] = ..., done: _Optional[_Iterable[_Union[ArtifactDone, _Mapping]]] = ...) -> None: ...

class TransferReport(_message.Message):
    __slots__ = ("xid", "what", "label", "files", "bytes", "total_files", "total_bytes")
    XID_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FILES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    xid: str
    what: str
    label: str
    files: int
    bytes: int
    total_files: int
    total_bytes: int
    def __init__(self, xid: _Optional[str] = ..., what: _Optional[str] = ..., label: _Optional[str] = ..., files: _Optional[int] = ..., bytes: _Optional[int] = ..., total_files: _Optional[int] = ..., total_bytes: _Optional[int] = ...) -> None: ...

class OverviewReport(_message.Message):
    __slots__ = ("runs", "clients", "draining")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    CLIENTS_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[StatusReport]
    clients: int
    draining: bool
    def __init__(self, runs: _Optional[_Iterable[_Union[StatusReport, _Mapping]]] = ..., clients: _Optional[int] = ..., draining: bool = ...) -> None: ...

class Done(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Error(_message.Message):
    __slots__ = ("exit_code", "kind", "message", "hint", "retryable")
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    exit_code: int
    kind: str
    message: str
    hint: str
    retryable: bool
    def __init__(self, exit_code: _Optional[int] = ..., kind: _Optional[str] = ..., message: _Optional[str] = ..., hint: _Optional[str] = ..., retryable: bool = ...) -> None: ...
