"""Gather settings from every source, by precedence, and remember where each came from."""

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic_core import ValidationError

from wabucketref.errors import NotAuthorised, NotFound, SettingsError, UsageError, WaBucketError
from wabucketref.installed import Installed
from wabucketref.model.nearest import nearest
from wabucketref.settings import credentials, fields
from wabucketref.settings.bucket import is_mistyped, is_path
from wabucketref.settings.files import read_layer
from wabucketref.settings.model import Settings
from wabucketref.settings.origin import Given, Layer, Origin, Overridden, shown
from wabucketref.settings.project import project_layer

_PREFIX: Final = "WABUCKET_"
_OURS: Final = fields.OTHER_VARIABLES.union(fields.ENVIRONMENT.values())


def installed_names() -> Collection[str]:
    """The names of the installed plugins."""
    return Installed().names()


def load_settings(
    arguments: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
    installed: Callable[[], Collection[str]] = installed_names,
) -> Settings:
    """The settings for this process.

    Precedence, highest first: the file named by ``WABUCKET_ENFORCED``, `arguments`, `environ`, the nearest project
    file from `directory` upward, the user's file, the file named by ``WABUCKET_DEFAULTS``, built-in values.

    Args:
        arguments: option names with underscores; None means not given.
        environ: default ``os.environ``. Empty values count as unset.
        directory: default the working directory.
        installed: the names of the plugins, asked for only when something may be an option of theirs.

    Raises:
        SettingsError: a bad value or file, naming its source.
        NotAuthorised: the enforced file cannot be read: nothing runs without its policy.
        NotFound: the working directory is gone.
    """
    environ = os.environ if environ is None else environ
    directory = _working_directory() if directory is None else directory.absolute()
    notices: list[str] = []
    project, place, found = project_layer(directory)
    enforced = _named_file(fields.ENFORCED, environ, directory, NotAuthorised)
    project = _anchored(project, place or directory)
    layers = [
        enforced,
        _anchored(_arguments(arguments or {}), directory),
        _anchored({**_environment(environ, notices), **_of_plugins(environ, installed)}, directory),
        project,
        _user_file(environ),
        _named_file(fields.DEFAULTS, environ, directory, SettingsError),
    ]
    names = dict.fromkeys([*fields.ENVIRONMENT, *(n for layer in layers for n in layer if fields.is_plugin_setting(n))])
    stacks = {name: [layer[name] for layer in layers if name in layer] for name in names}
    notices += found + _unknown_variables(environ, stacks) + _unknown_plugins(stacks, installed)
    notices += _enforced_notices(enforced, stacks) + _project_notices(project, stacks)
    return _built({name: stack for name, stack in stacks.items() if stack}, notices, environ)


def _built(stacks: Mapping[str, list[Given]], notices: list[str], environ: Mapping[str, str]) -> Settings:
    try:
        settings = Settings(**_values(stacks))
    except ValidationError as error:
        raise _failure(error, stacks) from error
    origins = {
        name: Origin(
            name,
            shown(name, stack[0].raw if fields.is_plugin_setting(name) else getattr(settings, name)),
            stack[0].source,
            tuple(Overridden(one.source, shown(name, one.raw)) for one in stack[1:]),
        )
        for name, stack in stacks.items()
    }
    kept = (*credentials.VARIABLES, "LOGNAME", "USER", "USERNAME")
    return settings.told(origins, tuple(notices), {name: environ[name] for name in kept if name in environ})


def _values(stacks: Mapping[str, list[Given]]) -> dict[str, Any]:
    """What counts of each setting; options of plugins in tables of their plugins, as in a file."""
    values: dict[str, Any] = {}
    for name, stack in stacks.items():
        if fields.is_plugin_setting(name):
            _, plugin, option = name.split(".", 2)
            values.setdefault(fields.PLUGINS, {}).setdefault(plugin, {})[option] = stack[0].raw
        else:
            values[name] = stack[0].raw
    return values


def _failure(error: ValidationError, stacks: Mapping[str, list[Given]]) -> SettingsError:
    """The first bad value in our own words."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    given = stacks[name][0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, UsageError):
        return SettingsError(f"{given.source}: {cause.message}", hint=cause.hint)
    problem = str(cause) if cause is not None else first["msg"].removeprefix("Input ")
    return SettingsError(
        f"{given.source}: {name} {problem} (it is {shown(name, given.raw)[:80]!r})",
        hint=f"correct it, or remove it to get the default; 'wabucket config list' explains {name}",
    )


def _arguments(arguments: Mapping[str, Any]) -> Layer:
    arguments = _flat(arguments)
    for name in arguments:
        if name not in fields.ENVIRONMENT and not fields.is_plugin_setting(name):
            meant = nearest(name, fields.ENVIRONMENT)
            raise SettingsError(f"unknown setting {name!r}", hint=f"did you mean {meant!r}?" if meant else None)
    return {
        name: Given(os.fspath(value) if isinstance(value, os.PathLike) else value, f"argument {fields.option(name)}")
        for name, value in arguments.items()
        if value is not None
    }


def _flat(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Options of plugins, given as ``{"plugins": {NAME: {OPTION: value}}}``, among the others."""
    found = {name: value for name, value in arguments.items() if name != fields.PLUGINS}
    for plugin, options in (arguments.get(fields.PLUGINS) or {}).items():
        found |= {fields.plugin_setting(plugin, option): value for option, value in options.items()}
    return found


def _of_plugins(environ: Mapping[str, str], installed: Callable[[], Collection[str]]) -> Layer:
    """Variables in the namespace of an installed plugin; of two that fit, the longer name counts."""
    unknown = [name for name in sorted(environ) if name.startswith(_PREFIX) and name not in _OURS and environ[name]]
    layer: dict[str, Given] = {}
    plugins = sorted(installed(), key=len, reverse=True) if unknown else ()
    for variable in unknown:
        plugin = next((one for one in plugins if variable.startswith(fields.plugin_variable(one))), None)
        if plugin is not None:
            option = variable.removeprefix(fields.plugin_variable(plugin)).lower()
            layer[fields.plugin_setting(plugin, option)] = Given(environ[variable], f"environment {variable}")
    return layer


def _environment(environ: Mapping[str, str], notices: list[str]) -> Layer:
    found: dict[str, Given] = {}
    for name, variable in fields.ENVIRONMENT.items():
        value = environ.get(variable, "")
        if name == "api_key" and value != value.strip():
            value = value.strip()
            notices.append(f"environment {variable}: spaces or line ends around the key were removed")
        if value:
            found[name] = Given(value, f"environment {variable}")
    return found


def _unknown_variables(environ: Mapping[str, str], stacks: Mapping[str, list[Given]]) -> list[str]:
    known = {name.removeprefix(_PREFIX) for name in _OURS if name.startswith(_PREFIX)}
    of_plugins = {given.source for stack in stacks.values() for given in stack}
    given = (name.removeprefix(_PREFIX) for name in sorted(environ) if name.startswith(_PREFIX))
    found = []
    for name in given:
        if name not in known and f"environment {_PREFIX}{name}" not in of_plugins:
            meant = nearest(name, known)
            hint = f"; did you mean {_PREFIX}{meant}?" if meant else ""
            found.append(f"environment {_PREFIX}{name} is unknown and has no effect{hint}")
    return found


def _unknown_plugins(stacks: Mapping[str, list[Given]], installed: Callable[[], Collection[str]]) -> list[str]:
    """One notice for each plugin that has options, but is not there."""
    given = {name.split(".", 2)[1]: stack[0] for name, stack in stacks.items() if fields.is_plugin_setting(name)}
    missing = sorted(set(given).difference(installed())) if given else ()
    return [f"{given[name].source}: there is no plugin {name!r}; its options have no effect" for name in missing]


def _named_file(variable: str, environ: Mapping[str, str], directory: Path, unreadable: type[WaBucketError]) -> Layer:
    if not environ.get(variable):
        return {}
    path = directory / Path(environ[variable]).expanduser()
    return _anchored(read_layer(path, unreadable=unreadable), path.parent)


def _user_file(environ: Mapping[str, str]) -> Layer:
    base, home = environ.get("XDG_CONFIG_HOME", ""), environ.get("HOME", "")
    if not os.path.isabs(base):
        if not home:
            return {}
        base = os.path.join(home, ".config")
    path = Path(base, "wabucket", "config.toml")
    # lexists is False as well where the directory may not be searched: then it is not this user's.
    return _anchored(read_layer(path), path.parent) if os.path.lexists(path) else {}


def _anchored(layer: Layer, base: Path) -> Layer:
    """Relative paths made absolute: they count from the file that holds them, or from the working directory."""
    return {name: Given(_absolute(name, one.raw, base), one.source) for name, one in layer.items()}


def _absolute(name: str, raw: Any, base: Path) -> Any:
    if name not in fields.PATHS or not isinstance(raw, str) or not raw or "\0" in raw:
        return raw
    if (name == "bucket" and not is_path(raw)) or "://" in raw or (name in fields.PLACES and is_mistyped(raw)):
        return raw
    return os.path.join(base, os.path.expanduser(raw))


def _enforced_notices(enforced: Layer, stacks: Mapping[str, list[Given]]) -> list[str]:
    """One notice for each value of the user's that policy overrides with another one."""
    found = []
    for name, winner in enforced.items():
        loser = next((one for one in stacks[name][1:] if str(one.raw) != str(winner.raw)), None)
        if loser is not None:
            found.append(
                f"{name} is enforced by {winner.source} ({shown(name, winner.raw)!r}); "
                f"{loser.source} ({shown(name, loser.raw)!r}) has no effect"
            )
    return found


def _project_notices(project: Layer, stacks: Mapping[str, list[Given]]) -> list[str]:
    """A project file comes with a checkout: it should hold no key, and its author may not deserve ours."""
    found = []
    if "api_key" in project:
        found.append(f"{project['api_key'].source}: a key in a project file is easily shared; use WANDB_API_KEY")
    server, key = stacks["base_url"][:1], stacks["api_key"][:1]
    if server and key and server[0] is project.get("base_url") and key[0] is not project.get("api_key"):
        found.append(f"the key of {key[0].source} goes to {shown('base_url', server[0].raw)}, by {server[0].source}")
    return found


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise NotFound("the working directory does not exist any more", hint="change to another directory") from error
