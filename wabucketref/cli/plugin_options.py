"""Options of plugins on the command line, such as ``--dask-scheduler``: looked for only where ours do not fit.

So none can take the place of an option of ours, and a start without one looks for no plugin.
"""

import click

from wabucketref.cli.invocation import Invocation

_KEY = "wabucketref.plugin_options"


def options_like(name: str, context: click.Context) -> list[click.Option]:
    """The options of the plugin whose namespace `name` is in; none when there is no such plugin, or it is unusable.

    Raises:
        UsageError: the plugin that `name` belongs to cannot be used.
    """
    from wabucketref.cli.every_option import every_option
    from wabucketref.registry import option_infos
    from wabucketref.settings.fields import plugin_option
    from wabucketref.wiring import registries

    found: list[click.Option] = []
    for registry in registries(reserved=every_option(context)).values():
        for source in registry.sources():
            if source.package is not None and name.startswith(plugin_option(source.name, "")):
                infos = option_infos(source.name, registry.get(source.name))
                found += [_option(source.name, one.name, one.option, one.description) for one in infos]
    return found


def _option(plugin: str, name: str, spelling: str, description: str) -> click.Option:
    def note(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            ctx.ensure_object(Invocation).plugin_arguments.setdefault(plugin, {})[name] = value

    parameter = f"{plugin}_{name}".replace("-", "_")
    return click.Option([spelling, parameter], expose_value=False, callback=note, help=description)


class WithPlugins(click.Command):
    """Mixed into the group whose options plugins may add to."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*super().get_params(ctx), *_added(ctx)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        while True:
            try:
                return super().parse_args(ctx, list(args))
            except click.NoSuchOption as error:
                known = {option for one in _added(ctx) for option in one.opts}
                options = options_like(error.option_name, ctx) if ctx.parent is None else []
                if error.option_name in known or not any(error.option_name in one.opts for one in options):
                    raise
                ctx.meta[_KEY] = [*_added(ctx), *(one for one in options if known.isdisjoint(one.opts))]


def _added(ctx: click.Context) -> list[click.Option]:
    found: list[click.Option] = ctx.meta.get(_KEY, [])
    return found if ctx.parent is None else []
