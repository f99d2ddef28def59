"""Users, their keys, and entities."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from wabucketref.errors import NotFound
from wabucketref.server import ids
from wabucketref.server.accounts import User, fingerprint, make_key
from wabucketref.server.call import Call, Info, call_of
from wabucketref.server.paging import listed
from wabucketref.trackers.embedded.schema import entity as entities
from wabucketref.trackers.embedded.served import account, api_key


def viewer(source: Any, info: Info) -> dict[str, Any]:
    """Who asks."""
    call = call_of(info)
    return user_view(call, call.user.pk, call.user.name)


def user_view(call: Call, pk: int, name: str) -> dict[str, Any]:
    """A user as others see one; only the keys of who asks are listed."""
    return {
        "id": ids.encode("User", pk),
        "name": name,
        "username": name,
        "email": None,
        "admin": False,
        "flags": "{}",
        "entity": name,
        "deleted_at": None,
        "api_keys": lambda: listed(_keys(call) if pk == call.user.pk else []),
        "teams": lambda: listed([entity_view(_entity_pk(call, name), name, is_user=True)]),
    }


def entity(source: Any, info: Info, name: str | None = None) -> dict[str, Any] | None:
    """An entity under which something was recorded, or that of a user."""
    call = call_of(info)
    wanted = name or call.user.name
    pk = _entity_pk(call, wanted)
    user_pk = call.connection.scalar(select(account.c.id).where(account.c.name == wanted))
    if pk is None and user_pk is None:
        return None
    return entity_view(pk, wanted, is_user=user_pk is not None)


def entity_view(pk: int | None, name: str, *, is_user: bool = False) -> dict[str, Any]:
    """An entity."""
    return {
        "id": ids.encode("Entity", pk or 0),
        "name": name,
        "is_team": not is_user,
        "available": False,
        "read_only": False,
        "read_only_admin": False,
        "entity_type": "user" if is_user else "team",
        "private_only": False,
        "storage_bytes": 0,
        "code_saving_enabled": True,
        "default_access": "USER_WRITE",
        "is_paid": False,
        "organization": None,
        "members": [],
    }


def generate_api_key(source: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    """Another key of who asks."""
    call = call_of(info)
    note = input.get("description")
    key = make_key(call.connection, call.user.name, note=note)
    pk = call.connection.scalar(select(api_key.c.id).where(api_key.c.digest == fingerprint(key)))
    assert pk is not None
    return {"api_key": {"id": ids.encode("ApiKey", pk), "name": key, "description": note}}


def delete_api_key(source: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    """Revoke a key of who asks."""
    call = call_of(info)
    pk = ids.decode("ApiKey", input["id"])
    changed = call.connection.execute(
        api_key.update()
        .where(api_key.c.id == pk, api_key.c.account_pk == call.user.pk, api_key.c.revoked.is_(None))
        .values(revoked=datetime.now(UTC))
    )
    if changed.rowcount == 0:
        raise NotFound("you have no such API key")
    call.site.accounts.forget()
    return {"success": True}


def _entity_pk(call: Call, name: str) -> int | None:
    """None until something is recorded there."""
    return call.connection.scalar(select(entities.c.id).where(entities.c.name == name))


def _keys(call: Call) -> list[dict[str, Any]]:
    user: User = call.user
    if call.site.options.dev_users:  # the name is the key
        return [{"id": user.name, "name": "", "description": None}]
    rows = call.connection.execute(
        select(api_key.c.id, api_key.c.note)
        .where(api_key.c.account_pk == user.pk, api_key.c.revoked.is_(None))
        .order_by(api_key.c.id)
    )
    return [{"id": ids.encode("ApiKey", row.id), "name": "", "description": row.note} for row in rows]
