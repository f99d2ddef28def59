"""The figures as a picture: horizontal bars of the time relative to the product's, as plain SVG."""

from collections.abc import Mapping, Sequence
from html import escape

_ROW, _GAP, _LEFT, _WIDTH, _RIGHT = 18, 22, 210, 560, 90
_COLOURS = {"wabucket": "#0b6e4f", "raw floor": "#b0b0b0"}
_OTHER = "#5b8fb9"


def bars(groups: Mapping[str, Mapping[str, float]]) -> str:
    """One group of bars a key, each bar the time of a contender as a multiple of the group's ``wabucket``."""
    most = max((value for group in groups.values() for value in group.values()), default=1.0)
    parts: list[str] = []
    top = _GAP
    for title, group in groups.items():
        parts.append(f'<text x="4" y="{top}" font-weight="bold">{escape(title)}</text>')
        top += 8
        for name, value in group.items():
            width = max(1.0, _WIDTH * value / most)
            colour = _COLOURS.get(name, _OTHER)
            parts += [
                f'<text x="{_LEFT - 6}" y="{top + 13}" text-anchor="end">{escape(name)}</text>',
                f'<rect x="{_LEFT}" y="{top + 2}" width="{width:.1f}" height="{_ROW - 4}" fill="{colour}"/>',
                f'<text x="{_LEFT + width + 5:.1f}" y="{top + 13}">{value:.2f}</text>',
            ]
            top += _ROW
        top += _GAP
    return _document(parts, _LEFT + _WIDTH + _RIGHT, top)


def _document(parts: Sequence[str], width: int, height: int) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif"'
    back = f'<rect width="{width}" height="{height}" fill="white"/>'
    return "\n".join([f'{head} font-size="12">', back, *parts, "</svg>", ""])
