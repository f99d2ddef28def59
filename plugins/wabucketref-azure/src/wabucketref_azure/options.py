"""What can be set of the plugin."""

from pydantic import BaseModel, Field, SecretStr


class AzureOptions(BaseModel):
    """Where the account is and who asks; what is not given is taken from the variables of Azure's own tools."""

    account_name: str | None = Field(default=None, description="Storage account.  [default: AZURE_STORAGE_ACCOUNT]")
    account_key: SecretStr | None = Field(default=None, description="Its key.  [default: AZURE_STORAGE_KEY]")
    sas_token: SecretStr | None = Field(
        default=None, description="Shared access signature.  [default: AZURE_STORAGE_SAS_TOKEN]"
    )
    connection_string: SecretStr | None = Field(
        default=None, description="Account, key and address in one.  [default: AZURE_STORAGE_CONNECTION_STRING]"
    )
    endpoint: str | None = Field(
        default=None, description="Address of the blob service.  [default: https://ACCOUNT.blob.core.windows.net]"
    )
