from azurite_server import azurite, backdoor_of, container

__all__ = ["azurite", "backdoor_of", "container"]
