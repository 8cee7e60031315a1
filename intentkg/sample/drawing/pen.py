"""A pen for flat icons on a square of 128 units, smoothed by drawing four times too large."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

SIZE = 128  # pixels of the finished image, and units of the pen
_SCALE = 4
_COLOURS = 48  # palette of the finished file: keeps it below 4 KB

# A small common palette makes a hundred pictures look like one set.
INK = "#2f3a4a"
WHITE = "#fffdf8"
CREAM = "#f3e3c7"
STEEL = "#b4bfca"
DARK_STEEL = "#7f8c9a"
WOOD = "#c08a52"
DARK_WOOD = "#8a5a33"
RED = "#d9583f"
ORANGE = "#ec9a3c"
YELLOW = "#f6cf57"
GREEN = "#5f9e5a"
DARK_GREEN = "#3c7148"
TEAL = "#2a8c82"
BLUE = "#4a7fb5"
NIGHT = "#27395c"
PINK = "#e79a98"
CLAY = "#c9704a"
GREY = "#8d8f98"

Point = tuple[float, float]


class Pen:
    """Draws in units of the finished image: (0, 0) is top left, (128, 128) bottom right."""

    def __init__(self, ground: str) -> None:
        self._image = Image.new("RGB", (SIZE * _SCALE, SIZE * _SCALE), ground)
        self._draw = ImageDraw.Draw(self._image)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: str, *, r: float = 0) -> None:
        """Fill a rectangle, its corners rounded by `r`."""
        self._draw.rounded_rectangle(_scaled((x0, y0), (x1, y1)), r * _SCALE, fill=colour)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: str) -> None:
        """Fill an ellipse about its centre."""
        self._draw.ellipse(_scaled((x - rx, y - ry), (x + rx, y + ry)), fill=colour)

    def disc(self, x: float, y: float, r: float, colour: str) -> None:
        """Fill a circle."""
        self.oval(x, y, r, r, colour)

    def ring(self, x: float, y: float, rx: float, ry: float, colour: str, width: float) -> None:
        """Outline an ellipse; the line lies inside it."""
        corners = _scaled((x - rx, y - ry), (x + rx, y + ry))
        self._draw.ellipse(corners, outline=colour, width=round(width * _SCALE))

    def pie(
        self, x: float, y: float, rx: float, ry: float, start: float, end: float, colour: str
    ) -> None:
        """Fill a slice of an ellipse, in degrees clockwise from three o'clock."""
        self._draw.pieslice(_scaled((x - rx, y - ry), (x + rx, y + ry)), start, end, fill=colour)

    def arc(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        start: float,
        end: float,
        colour: str,
        width: float,
    ) -> None:
        """Draw a piece of an ellipse's outline, in degrees clockwise from three o'clock."""
        corners = _scaled((x - rx, y - ry), (x + rx, y + ry))
        self._draw.arc(corners, start, end, fill=colour, width=round(width * _SCALE))

    def shape(self, *points: Point, colour: str) -> None:
        """Fill a polygon."""
        self._draw.polygon(_scaled(*points), fill=colour)

    def line(self, *points: Point, colour: str, width: float = 4) -> None:
        """Draw a line through points, with round joints and ends."""
        self._draw.line(_scaled(*points), fill=colour, width=round(width * _SCALE), joint="curve")
        for x, y in (points[0], points[-1]):
            self.disc(x, y, width / 2, colour)

    def finish(self) -> Image.Image:
        """Return the smoothed picture with its palette."""
        return self._image.reduce(_SCALE).quantize(_COLOURS, dither=Image.Dither.NONE)


def _scaled(*points: Point) -> Sequence[Point]:
    return [(x * _SCALE, y * _SCALE) for x, y in points]


@dataclass(frozen=True, slots=True)
class Icon:
    """One picture: the colour behind it and the function that draws it."""

    ground: str
    draw: Callable[[Pen], None]

    def render(self) -> Image.Image:
        """Draw the picture."""
        pen = Pen(self.ground)
        self.draw(pen)
        return pen.finish()


class Album(dict[str, Icon]):
    """Pictures by name."""

    def icon(self, ground: str) -> Callable[[Callable[[Pen], None]], Callable[[Pen], None]]:
        """Enter a drawing function under its own name: ``_desk_lamp`` becomes ``desk-lamp``."""

        def enter(draw: Callable[[Pen], None]) -> Callable[[Pen], None]:
            self[draw.__name__.strip("_").replace("_", "-")] = Icon(ground, draw)
            return draw

        return enter
