"""Spares processes that live for one test the start-up of the AWS client, which costs more than all they do."""

import asyncio
from typing import Any


def warm_s3() -> None:
    """Let botocore read each of its data files once in this process and those forked from it."""
    from aiobotocore.session import AioSession
    from botocore import loaders

    known: dict[Any, Any] = {}

    def once(function: Any) -> Any:
        def remembered(self: Any, *arguments: str, **named: str) -> Any:
            key = (function, *arguments, *named.values())
            if key not in known:
                known[key] = function(self, *arguments, **named)
            return known[key]

        return remembered

    loaders.JSONFileLoader.load_file = once(loaders.JSONFileLoader.load_file)
    loaders.Loader.list_available_services = once(loaders.Loader.list_available_services)

    async def make() -> None:
        secrets = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
        async with AioSession().create_client("s3", region_name="us-east-1", **secrets):
            pass

    asyncio.run(make())
