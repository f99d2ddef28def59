"""The options of a plugin: a pydantic model of its own, set in a namespace of its own.

The option ``scheduler`` of the plugin ``dask`` is ``WABUCKET_DASK_SCHEDULER`` in the environment, ``scheduler`` in the
table ``[plugins.dask]`` of a settings file, and ``--dask-scheduler`` on the command line.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, get_args

from wabucketref.errors import SettingsError, UsageError, WaBucketError
from wabucketref.model.nearest import nearest
from wabucketref.settings import Settings
from wabucketref.settings.fields import (
    ENVIRONMENT,
    OTHER_VARIABLES,
    global_options,
    plugin_option,
    plugin_setting,
    plugin_variable,
)

_KIND_NAMES: Final = {"str": "text", "SecretStr": "text", "int": "integer", "float": "number", "bool": "true or false"}


@dataclass(frozen=True, slots=True)
class OptionInfo:
    """One option, for looking at."""

    name: str
    option: str
    variable: str
    type: str
    default: str | None
    """As text; None when the option must be given or its default is nothing. Secrets have none."""
    required: bool
    secret: bool
    description: str


def option_infos(name: str, plugin: Any) -> list[OptionInfo]:
    """The options that the plugin `name` declares; none when it declares no model."""
    return [_info(name, field, one) for field, one in _fields(plugin).items()]


def options_problem(name: str, plugin: Any, reserved: Collection[str] = ()) -> str | None:
    """Why the options that a plugin declares cannot be used; `reserved`: options of the commands."""
    try:
        model = _model(plugin)
    except UsageError as error:
        return error.message
    if model is None:
        return None
    if not _is_model(model):
        return "its Options are no pydantic model"
    if not callable(getattr(plugin, "configured", None)):
        return "it declares Options, but has no method configured(options)"
    ours = {*ENVIRONMENT.values(), *OTHER_VARIABLES, *global_options(), *reserved}
    for one in option_infos(name, plugin):
        for spelling in (one.option, one.variable):
            if spelling in ours:
                return f"its option {one.name!r} would take the place of {spelling}"
    return None


def says_where(plugin: Any) -> bool:
    """Whether it does without its model until an option is given."""
    return isinstance(getattr(plugin, "Options", None), str)


def configured(name: str, plugin: Any, settings: Settings) -> Any:
    """The plugin with the options that the settings give it; itself when it declares none, or needs none.

    Raises:
        SettingsError: an option is malformed, missing or unknown, naming where it was given.
    """
    given = settings.plugins.get(name, {})
    if not given and says_where(plugin):
        return plugin
    fields = _fields(plugin)
    for option in given:
        if option not in fields:
            raise _unknown(name, option, fields, settings)
    if not fields:
        return plugin
    from pydantic import ValidationError

    try:
        options = _model(plugin).model_validate(dict(given))
    except ValidationError as error:
        raise _invalid(name, error, settings) from None  # its text holds what was given, secrets too
    try:
        return plugin.configured(options)
    except WaBucketError:
        raise
    except Exception as error:  # a plugin may fail in any way
        raise SettingsError(
            f"the plugin {name} cannot use its options: {type(error).__name__}: {error}",
            hint="report it to its authors",
        ) from error


def _unknown(name: str, option: str, fields: Collection[str], settings: Settings) -> SettingsError:
    source = settings.origin(plugin_setting(name, option)).source
    meant = nearest(option, fields)
    hint = f"did you mean {meant!r}?" if meant else "`wabucket plugins` lists what can be set"
    return SettingsError(f"{source}: the plugin {name} has no option {option[:80]!r}", hint=hint)


def _invalid(name: str, error: Any, settings: Settings) -> SettingsError:
    first = error.errors(include_url=False, include_input=False)[0]
    option = str(first["loc"][0]) if first["loc"] else ""
    hint = "`wabucket plugins` lists what can be set"
    if first["type"] == "missing":
        variable, flag = plugin_variable(name, option), plugin_option(name, option)
        return SettingsError(f"the plugin {name} needs its option {option!r}", hint=f"set {variable}, or give {flag}")
    cause = first.get("ctx", {}).get("error")
    problem = str(cause) if cause is not None else first["msg"].removeprefix("Input ")
    source = settings.origin(plugin_setting(name, option)).source if option else f"the plugin {name}"
    return SettingsError(f"{source}: {option or 'its options'} {problem}".replace("  ", " "), hint=hint)


def _fields(plugin: Any) -> dict[str, Any]:
    model = _model(plugin)
    return dict(model.model_fields) if model is not None and _is_model(model) else {}


def _model(plugin: Any) -> Any:
    """Raises UsageError: it is not where the plugin says."""
    model = getattr(plugin, "Options", None)
    if not isinstance(model, str):
        return model
    module, _, attribute = model.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:  # a plugin may fail in any way
        raise UsageError(f"its Options cannot be loaded: {type(error).__name__}: {error}") from error


def _is_model(model: Any) -> bool:
    from pydantic import BaseModel

    return isinstance(model, type) and issubclass(model, BaseModel)


def _info(name: str, field: str, info: Any) -> OptionInfo:
    secret = any(getattr(kind, "__name__", "").startswith("Secret") for kind in _kinds(info.annotation))
    default = (
        None
        if info.is_required() or secret or info.default is None
        else str(info.get_default(call_default_factory=True))
    )
    return OptionInfo(
        name=field,
        option=plugin_option(name, field),
        variable=plugin_variable(name, field),
        type=" or ".join(dict.fromkeys(_kind_name(kind) for kind in _kinds(info.annotation))),
        default=default,
        required=info.is_required(),
        secret=secret,
        description=" ".join((info.description or "").split()),
    )


def _kinds(annotation: Any) -> Iterator[Any]:
    """The alternatives of a type, without None."""
    parts = [part for part in get_args(annotation) if part is not type(None)]
    if type(None) in get_args(annotation):
        for part in parts:
            yield from _kinds(part)
    else:
        yield annotation


def _kind_name(kind: Any) -> str:
    if isinstance(kind, type) and not get_args(kind):
        return {"str": "text", "SecretStr": "text", "int": "integer", "float": "number"}.get(
            kind.__name__, kind.__name__
        )
    return str(kind).replace("typing.", "")
