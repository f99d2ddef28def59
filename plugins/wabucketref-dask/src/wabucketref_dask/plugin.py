"""What the entry point gives: options, and the opening of a cluster. Dask is loaded when it is first used."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, model_validator

from wabucketref.plugin import API_VERSION, Executor, ExecutorCapabilities, Settings

CAPABILITIES = ExecutorCapabilities(remote=True, survives_lost_workers=True)


class DaskOptions(BaseModel):
    """Which workers, and how often they may be lost."""

    scheduler: str | None = Field(
        default=None, description="Address of the scheduler, such as tcp://host:8786.  [default: Dask's own settings]"
    )
    workers: int | None = Field(
        default=None, ge=1, le=256, description="Start so many worker processes on this machine, for this transfer."
    )
    retries: int = Field(default=3, ge=0, le=100, description="How many workers may be lost by one file.")
    timeout: float = Field(default=30.0, gt=0, le=3600, description="Seconds to wait for the scheduler.")

    @model_validator(mode="after")
    def _one_cluster(self) -> "DaskOptions":
        if self.scheduler and self.workers:
            raise ValueError("name a scheduler, or a number of workers, not both")
        return self


class DaskPlugin:
    """Implements ExecutorFactory and Configurable."""

    api_version = API_VERSION
    capabilities = CAPABILITIES
    Options = DaskOptions

    def __init__(self, options: DaskOptions | None = None) -> None:
        self._options = options or DaskOptions()

    def configured(self, options: DaskOptions) -> "DaskPlugin":
        return DaskPlugin(options)

    def open(self, settings: Settings) -> Executor:
        from wabucketref_dask.executor import DaskExecutor

        return DaskExecutor(self._options)


PLUGIN = DaskPlugin()

if TYPE_CHECKING:
    from wabucketref.plugin import ExecutorFactory

    _: ExecutorFactory = PLUGIN
