"""A small picture of growth: a line for each workload on logarithmic axes, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from typing import Final

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 400, 60, 20, 210, 50
COLORS: Final = ("#1f6fb2", "#c2571a", "#2f8f4e", "#8a4fb0", "#b0344f", "#6b6b6b")
XMLNS: Final = "http://www.w3.org/2000/svg"
FONT: Final = 'font-family="sans-serif" font-size="12"'

Curve = tuple[Sequence[float], Sequence[float], float]
"""(sizes, seconds, exponent): each size is drawn as a multiple of the first, and so is its cost."""


def drawn(curves: Mapping[str, Curve]) -> str:
    """The picture of some curves, by what they are called."""
    across = max(sizes[-1] / sizes[0] for sizes, _, _ in curves.values())

    def place(size: float, cost: float) -> str:
        x = LEFT + (WIDTH - LEFT - RIGHT) * log10(size) / log10(across)
        y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * log10(max(cost, 0.7)) / log10(across)
        return f"{x:.1f},{y:.1f}"

    def line(points: str, color: str, more: str = "") -> str:
        return f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"{more}/>'

    low, corner = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [
        f'<svg xmlns="{XMLNS}" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<path d="M{LEFT},{TOP} V{low} H{corner}" fill="none" stroke="#444"/>',
        line(f"{place(1, 1)} {place(across, across)}", "#999", ' stroke-dasharray="5 4"'),
        f'<text x="{corner + 8}" y="{TOP + 4}" fill="#777">proportional (1)</text>',
        f'<text x="{LEFT}" y="{HEIGHT - 10}">size, as a multiple of the smallest</text>',
        f'<text transform="translate(16,{low}) rotate(-90)">cost, likewise</text>',
    ]
    for at in (1, 2, 4, 8, 16):
        if at <= across:
            x, y = place(at, 1).split(",")[0], place(1, at).split(",")[1]
            parts.append(f'<text x="{x}" y="{low + 16}" text-anchor="middle">{at}</text>')
            parts.append(f'<text x="{LEFT - 8}" y="{y}" text-anchor="end">{at}</text>')
    for at, (name, (sizes, costs, exponent)) in enumerate(curves.items()):
        color, pairs = COLORS[at % len(COLORS)], zip(sizes, costs, strict=True)
        parts.append(
            line(" ".join(place(one / sizes[0], cost / costs[0]) for one, cost in pairs), color)
        )
        words = f"{name}: {sizes[0]:,} to {sizes[-1]:,} ({exponent:.2f})"
        parts.append(
            f'<text x="{corner + 8}" y="{TOP + 30 + 20 * at}" fill="{color}">{words}</text>'
        )
    return "\n".join([*parts, "</svg>\n"])
