"""Scenes that go with posts."""

from __future__ import annotations

from intentkg.sample.drawing.pen import (
    BLUE,
    CLAY,
    CREAM,
    DARK_GREEN,
    DARK_STEEL,
    DARK_WOOD,
    GREEN,
    GREY,
    INK,
    NIGHT,
    ORANGE,
    PINK,
    RED,
    STEEL,
    TEAL,
    WHITE,
    WOOD,
    YELLOW,
    Album,
    Pen,
)

MOMENTS = Album()
_ROOM = "#f3ecdf"
_DAY = "#cfe6f2"
_RAIN = "#b9c6d2"


def _drops(p: Pen, *places: tuple[float, float]) -> None:
    for x, y in places:
        p.line((x, y), (x - 4, y + 10), colour=BLUE, width=3)


@MOMENTS.icon(_ROOM)
def _loaf(p: Pen) -> None:
    p.box(8, 100, 120, 110, DARK_WOOD, r=5)
    p.oval(64, 76, 50, 32, DARK_WOOD)
    p.oval(64, 72, 50, 32, WOOD)
    p.oval(60, 66, 38, 20, "#d3a06a")
    for x in (40, 62, 84):
        p.line((x - 8, 78), (x + 6, 52), colour=CREAM, width=6)


@MOMENTS.icon(_RAIN)
def _flat_tyre(p: Pen) -> None:
    _drops(p, (22, 8), (50, 16), (80, 6), (108, 14), (64, 36), (10, 36))
    p.box(0, 108, 128, 128, DARK_STEEL)
    for x in (30, 96):
        p.ring(x, 88, 23, 23, INK, 5)
    p.oval(96, 109, 20, 5, INK)
    p.line((30, 88), (50, 58), (84, 58), (62, 88), (30, 88), colour=RED, width=5)
    p.line((62, 88), (46, 50), colour=RED, width=5)
    p.line((38, 48), (54, 48), colour=INK, width=5)
    p.line((96, 88), (80, 46), (92, 42), colour=INK, width=5)


@MOMENTS.icon(_RAIN)
def _tent_rain(p: Pen) -> None:
    _drops(p, (14, 10), (36, 22), (62, 6), (92, 18), (116, 8), (112, 44), (18, 48), (88, 40))
    p.box(0, 100, 128, 128, GREEN)
    p.shape((64, 38), (112, 104), (16, 104), colour=ORANGE)
    p.shape((64, 38), (112, 104), (82, 104), colour="#d27f26")
    p.shape((63, 60), (80, 104), (46, 104), colour=NIGHT)
    p.oval(64, 110, 54, 9, "#7fa9d3")
    p.oval(64, 110, 34, 4, WHITE)


@MOMENTS.icon(NIGHT)
def _laptop_night(p: Pen) -> None:
    p.disc(102, 24, 13, YELLOW)
    p.disc(108, 20, 11, NIGHT)
    p.box(24, 36, 104, 92, "#10192b", r=5)
    p.box(30, 42, 98, 86, WHITE)
    p.box(30, 42, 98, 50, GREEN)
    for y in (58, 67, 76):
        p.line((31, y), (97, y), colour=STEEL, width=1.5)
    for x in (47, 64, 81):
        p.line((x, 51), (x, 85), colour=STEEL, width=1.5)
    p.box(48, 59, 63, 66, ORANGE)
    p.shape((16, 92), (112, 92), (122, 108), (6, 108), colour=DARK_STEEL)
    p.disc(20, 24, 1.6, WHITE)
    p.disc(54, 14, 1.6, WHITE)


@MOMENTS.icon(_ROOM)
def _scarf(p: Pen) -> None:
    p.ring(62, 38, 38, 24, "#36648f", 17)
    p.arc(62, 38, 38, 24, 0, 180, BLUE, 17)
    p.shape((70, 50), (90, 48), (98, 108), (72, 112), colour=BLUE)
    p.shape((36, 52), (52, 54), (48, 96), (36, 94), colour="#36648f")
    for y in (68, 84):
        p.line((74, y + 2), (91, y), colour=WHITE, width=4)
    for x in (74, 81, 88, 95):
        p.line((x, 108), (x + 1, 118), colour=BLUE, width=3)
    for x in (38, 44):
        p.line((x, 94), (x, 102), colour="#36648f", width=3)


@MOMENTS.icon(_DAY)
def _tomato(p: Pen) -> None:
    p.line((60, 8), (60, 120), colour=WOOD, width=5)
    p.arc(46, 60, 22, 56, 270, 90, DARK_GREEN, 5)
    for x, y in ((34, 34), (94, 28), (32, 88), (98, 104)):
        p.oval(x, y, 17, 8, GREEN)
        p.line((60, y + 4), (x, y), colour=DARK_GREEN, width=3)
    p.disc(82, 68, 24, RED)
    p.disc(74, 60, 5, PINK)
    for dx, dy in ((-12, -4), (0, -9), (12, -4), (6, 6), (-6, 6)):
        p.line((82, 47), (82 + dx, 49 + dy), colour=DARK_GREEN, width=4)


@MOMENTS.icon(_ROOM)
def _mug_window(p: Pen) -> None:
    p.box(14, 8, 114, 96, WHITE, r=3)
    p.box(20, 14, 61, 90, _RAIN)
    p.box(67, 14, 108, 90, _RAIN)
    _drops(p, (32, 20), (52, 32), (30, 52), (80, 18), (102, 30), (84, 40), (104, 58), (50, 70))
    p.box(4, 96, 124, 106, WOOD, r=3)
    p.ring(88, 80, 12, 12, RED, 5)
    p.box(48, 62, 88, 98, RED, r=7)
    p.oval(68, 64, 18, 4, DARK_WOOD)
    p.line((60, 54), (64, 47), (60, 40), colour=WHITE, width=3)
    p.line((74, 54), (78, 47), (74, 40), colour=WHITE, width=3)


@MOMENTS.icon(_DAY)
def _rubbish_bag(p: Pen) -> None:
    p.box(0, 98, 128, 128, GREEN)
    p.shape((0, 114), (40, 108), (90, 116), (128, 110), (128, 128), (0, 128), colour=BLUE)
    for x, tone in ((38, DARK_STEEL), (86, INK)):
        p.shape((x - 9, 46), (x + 9, 46), (x + 28, 92), (x - 28, 92), colour=tone)
        p.oval(x, 80, 31, 28, tone)
        p.oval(x, 38, 12, 8, tone)
        p.box(x - 10, 44, x + 10, 50, ORANGE, r=3)
        p.line((x - 4, 58), (x - 14, 72), colour=STEEL, width=2.5)
        p.line((x + 5, 58), (x + 10, 68), colour=STEEL, width=2.5)


@MOMENTS.icon(_DAY)
def _dog_lake(p: Pen) -> None:
    p.box(0, 74, 128, 128, BLUE)
    p.oval(62, 80, 46, 12, "#7fa9d3")
    p.oval(44, 76, 26, 12, WOOD)
    p.line((20, 72), (10, 52), colour=WOOD, width=7)
    p.disc(76, 52, 24, WOOD)
    p.oval(56, 52, 9, 19, DARK_WOOD)
    p.oval(94, 60, 17, 12, "#d3a06a")
    p.disc(109, 55, 5, INK)
    p.disc(82, 45, 4, INK)
    p.disc(102, 74, 10, RED)
    p.box(0, 84, 128, 128, BLUE)
    for x, y in ((12, 98), (56, 108), (90, 98), (28, 118), (104, 118)):
        p.line((x, y), (x + 14, y), colour="#7fa9d3", width=3)


@MOMENTS.icon("#f7c9a0")
def _mountain(p: Pen) -> None:
    p.disc(88, 46, 20, YELLOW)
    p.shape((40, 26), (92, 112), (0, 112), (0, 86), colour="#6d7f9c")
    p.shape((40, 26), (56, 52), (44, 48), (36, 56), (24, 50), colour=WHITE)
    p.shape((92, 58), (128, 96), (128, 112), (52, 112), colour=NIGHT)
    p.shape((92, 58), (102, 70), (92, 70), (84, 72), (82, 70), colour=WHITE)
    p.box(0, 104, 128, 128, DARK_GREEN)


@MOMENTS.icon(_ROOM)
def _dumplings(p: Pen) -> None:
    p.oval(64, 90, 56, 26, BLUE)
    p.oval(64, 86, 56, 26, WHITE)
    p.oval(64, 86, 44, 18, "#e4edf3")
    for x, y in ((40, 82), (88, 82), (64, 98), (64, 68)):
        p.pie(x, y, 21, 20, 180, 360, CREAM)
        p.oval(x, y, 21, 4, "#dcc196")
        for shift in (-10, 0, 10):
            p.line((x + shift, y - 6), (x + shift * 0.7, y - 13), colour="#cbae7e", width=2)
    for x in (52, 70):
        p.line((x, 40), (x + 4, 32), (x, 24), (x + 4, 16), colour=GREY, width=3)


@MOMENTS.icon(_ROOM)
def _cat_box(p: Pen) -> None:
    p.shape((44, 46), (46, 18), (64, 34), colour=ORANGE)
    p.shape((84, 46), (82, 18), (64, 34), colour=ORANGE)
    p.oval(64, 50, 24, 22, ORANGE)
    p.disc(55, 46, 3.5, INK)
    p.disc(73, 46, 3.5, INK)
    p.shape((60, 54), (68, 54), (64, 59), colour=PINK)
    for y in (55, 61):
        p.line((40, y), (52, 57), colour=WHITE, width=1.5)
        p.line((88, y), (76, 57), colour=WHITE, width=1.5)
    p.shape((20, 66), (6, 54), (0, 66), (14, 82), colour="#b07a45")
    p.shape((108, 66), (122, 54), (128, 66), (114, 82), colour="#b07a45")
    p.box(14, 66, 114, 118, WOOD, r=2)
    p.box(56, 66, 72, 118, "#d3a06a")


@MOMENTS.icon(_DAY)
def _medal(p: Pen) -> None:
    p.shape((30, 6), (54, 6), (78, 64), (58, 72), colour=BLUE)
    p.shape((98, 6), (74, 6), (50, 64), (70, 72), colour=RED)
    p.disc(64, 86, 32, "#d9a32f")
    p.disc(64, 86, 26, YELLOW)
    p.line((52, 86), (61, 96), (78, 76), colour=DARK_WOOD, width=5)


@MOMENTS.icon(_ROOM)
def _guitar(p: Pen) -> None:
    p.line((72, 56), (108, 20), colour=DARK_WOOD, width=9)
    p.line((105, 23), (116, 12), colour=INK, width=13)
    p.disc(40, 86, 30, ORANGE)
    p.disc(64, 64, 21, ORANGE)
    p.disc(52, 75, 11, INK)
    p.line((26, 90), (38, 102), colour=INK, width=5)
    for shift in (-2.4, 2.4):
        p.line((32 + shift, 96 + shift), (108 + shift, 20 + shift), colour=WHITE, width=1.2)


@MOMENTS.icon(_ROOM)
def _painting(p: Pen) -> None:
    p.line((64, 8), (30, 122), colour=WOOD, width=6)
    p.line((64, 8), (98, 122), colour=WOOD, width=6)
    p.box(18, 22, 110, 92, WHITE)
    p.box(24, 28, 104, 86, "#cfe6f2")
    p.box(24, 72, 104, 86, GREEN)
    for x, y in ((44, 52), (66, 46), (88, 54)):
        p.line((x, y), (x, 78), colour=DARK_WOOD, width=5)
        p.disc(x, y, 11, DARK_GREEN)
    p.box(14, 92, 114, 99, DARK_WOOD, r=2)


@MOMENTS.icon(_ROOM)
def _books(p: Pen) -> None:
    p.box(8, 106, 120, 114, DARK_WOOD, r=2)
    stack = ((14, 20, RED), (22, 16, TEAL), (10, 18, YELLOW), (20, 16, BLUE), (26, 14, ORANGE))
    y = 106.0
    for inset, height, tone in stack:
        p.box(inset, y - height, 122 - inset, y, tone, r=3)
        p.box(118 - inset, y - height + 3, 122 - inset, y - 3, WHITE)
        p.line((inset + 14, y - height / 2), (inset + 40, y - height / 2), colour=WHITE, width=3)
        y -= height


@MOMENTS.icon(_ROOM)
def _cake(p: Pen) -> None:
    p.oval(64, 108, 56, 9, STEEL)
    p.box(20, 66, 108, 108, PINK, r=6)
    p.box(20, 62, 108, 78, WHITE, r=7)
    for x in (30, 50, 70, 90):
        p.box(x, 70, x + 12, 88, WHITE, r=6)
    for x, tone in ((40, BLUE), (64, GREEN), (88, ORANGE)):
        p.box(x - 3, 36, x + 3, 64, tone, r=2)
        p.oval(x, 28, 4, 7, YELLOW)
        p.oval(x, 30, 2, 4, RED)


@MOMENTS.icon(NIGHT)
def _candle(p: Pen) -> None:
    p.disc(64, 38, 34, "#4a4a5e")
    p.disc(64, 38, 24, "#7d6a56")
    p.oval(64, 108, 40, 10, WOOD)
    p.box(48, 60, 80, 108, CREAM, r=5)
    p.box(48, 60, 58, 82, WHITE, r=5)
    p.line((64, 60), (64, 52), colour=INK, width=3)
    p.shape((64, 14), (75, 38), (64, 54), (53, 38), colour=ORANGE)
    p.disc(64, 42, 11, ORANGE)
    p.oval(64, 43, 6, 9, YELLOW)


@MOMENTS.icon("#1b2a47")
def _saturn(p: Pen) -> None:
    for x, y, r in ((16, 20, 1.6), (104, 16, 2), (112, 92, 1.6), (24, 104, 2), (60, 12, 1.4)):
        p.disc(x, y, r, WHITE)
    p.arc(64, 64, 58, 20, 180, 360, CREAM, 7)
    p.disc(64, 62, 31, "#e0b25f")
    p.line((38, 48), (90, 48), colour="#c9964a", width=5)
    p.line((34, 62), (94, 62), colour="#efcf8c", width=5)
    p.arc(64, 64, 58, 20, 0, 180, CREAM, 7)


@MOMENTS.icon(_ROOM)
def _dead_plant(p: Pen) -> None:
    p.shape((40, 74), (88, 74), (82, 116), (46, 116), colour=CLAY)
    p.box(36, 66, 92, 80, "#b35f3a", r=3)
    p.line((64, 68), (62, 34), (74, 20), (90, 30), (96, 50), colour=DARK_WOOD, width=4)
    p.line((63, 46), (44, 34), (32, 52), colour=DARK_WOOD, width=4)
    for x, y in ((96, 56), (31, 58), (86, 32), (44, 40)):
        p.oval(x, y, 6, 11, "#a98a52")
    p.oval(106, 114, 11, 4, "#a98a52")
    p.oval(22, 116, 11, 4, "#a98a52")


@MOMENTS.icon(_DAY)
def _snowman(p: Pen) -> None:
    p.box(0, 104, 128, 128, WHITE)
    p.line((42, 66), (18, 50), colour=DARK_WOOD, width=4)
    p.line((86, 66), (110, 50), colour=DARK_WOOD, width=4)
    p.disc(64, 90, 32, WHITE)
    p.disc(64, 46, 22, WHITE)
    p.box(46, 60, 82, 69, RED, r=4)
    p.box(72, 64, 82, 90, RED, r=4)
    p.box(40, 24, 88, 30, INK, r=2)
    p.box(48, 4, 80, 28, INK, r=2)
    p.disc(56, 42, 3, INK)
    p.disc(71, 42, 3, INK)
    p.shape((63, 47), (88, 52), (63, 54), colour=ORANGE)
    for y in (82, 96):
        p.disc(62, y, 3.5, INK)
    for x, y in ((14, 18), (106, 20), (24, 84), (116, 84), (112, 8)):
        p.disc(x, y, 3, WHITE)


@MOMENTS.icon("#5b3a55")
def _microphone(p: Pen) -> None:
    p.shape((34, 0), (94, 0), (118, 128), (10, 128), colour="#7a5572")
    p.line((64, 66), (64, 112), colour=INK, width=6)
    p.box(42, 108, 86, 118, INK, r=5)
    p.arc(64, 46, 26, 28, 20, 160, DARK_STEEL, 5)
    p.box(46, 12, 82, 66, STEEL, r=18)
    for y in (24, 32, 40):
        p.line((50, y), (78, y), colour=DARK_STEEL, width=2.5)
    p.box(46, 46, 82, 53, TEAL)
