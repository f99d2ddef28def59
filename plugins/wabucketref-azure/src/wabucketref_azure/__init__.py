"""Azure Blob Storage for WaBucketRef: ``az://CONTAINER[/PREFIX]``."""

from typing import TYPE_CHECKING, Any

from wabucketref_azure.plugin import PLUGIN, AzurePlugin

if TYPE_CHECKING:
    from wabucketref_azure.options import AzureOptions

__all__ = ["PLUGIN", "AzureOptions", "AzurePlugin"]


def __getattr__(name: str) -> Any:
    if name != "AzureOptions":
        raise AttributeError(f"module 'wabucketref_azure' has no attribute {name!r}")
    from wabucketref_azure.options import AzureOptions  # it brings pydantic

    return AzureOptions
