"""Things for the trail and the garden."""

from __future__ import annotations

from intentkg.sample.drawing.pen import (
    BLUE,
    CLAY,
    CREAM,
    DARK_GREEN,
    DARK_STEEL,
    DARK_WOOD,
    GREEN,
    INK,
    NIGHT,
    ORANGE,
    RED,
    STEEL,
    TEAL,
    WHITE,
    WOOD,
    YELLOW,
    Album,
    Pen,
)

OUTDOORS = Album()
_TRAIL = "#dcebd6"
_GARDEN = "#e9efcf"


@OUTDOORS.icon(_TRAIL)
def _tent(p: Pen) -> None:
    p.box(0, 102, 128, 128, GREEN)
    p.shape((64, 24), (116, 106), (12, 106), colour=ORANGE)
    p.shape((64, 24), (116, 106), (84, 106), colour="#d27f26")
    p.shape((62, 50), (84, 106), (40, 106), colour=NIGHT)
    p.shape((62, 50), (40, 106), (50, 106), (60, 80), colour=CREAM)
    p.line((64, 24), (64, 16), colour=INK, width=3)


@OUTDOORS.icon(_TRAIL)
def _sleeping_bag(p: Pen) -> None:
    p.shape((30, 40), (98, 40), (84, 116), (44, 116), colour=BLUE)
    p.pie(64, 42, 34, 32, 180, 360, BLUE)
    p.disc(64, 44, 22, NIGHT)
    p.box(46, 40, 82, 58, WHITE, r=8)
    p.line((64, 66), (64, 110), colour=YELLOW, width=3)
    for y in (74, 88, 102):
        p.line((36 + (y - 60) * 0.16, y), (58, y), colour="#36648f", width=2.5)
        p.line((70, y), (92 - (y - 60) * 0.16, y), colour="#36648f", width=2.5)


@OUTDOORS.icon(_TRAIL)
def _sleeping_mat(p: Pen) -> None:
    p.shape((36, 62), (112, 62), (120, 100), (24, 100), colour=TEAL)
    for y in (71, 80, 90):
        p.line((40 - (y - 62) * 0.3, y), (112 + (y - 62) * 0.2, y), colour="#1f6f67", width=3)
    p.box(20, 92, 122, 104, "#1f6f67", r=6)
    p.box(14, 36, 50, 104, TEAL, r=16)
    p.disc(32, 54, 18, "#3fae9f")
    p.arc(32, 54, 12, 12, 0, 300, "#1f6f67", 3)
    p.arc(32, 54, 6, 6, 0, 300, "#1f6f67", 3)


@OUTDOORS.icon(_TRAIL)
def _head_torch(p: Pen) -> None:
    p.ring(58, 62, 46, 34, RED, 12)
    p.arc(58, 62, 46, 34, 100, 260, "#b3442f", 12)
    p.shape((94, 50), (128, 30), (128, 100), (94, 78), colour=YELLOW)
    p.box(68, 44, 98, 84, INK, r=8)
    p.disc(88, 64, 14, STEEL)
    p.disc(88, 64, 9, WHITE)


@OUTDOORS.icon(_TRAIL)
def _stove(p: Pen) -> None:
    p.box(36, 82, 92, 120, RED, r=12)
    p.box(36, 96, 92, 106, WHITE)
    p.box(56, 62, 72, 84, DARK_STEEL, r=2)
    p.line((72, 72), (96, 72), colour=INK, width=5)
    p.line((64, 64), (28, 54), (28, 42), colour=INK, width=5)
    p.line((64, 64), (100, 54), (100, 42), colour=INK, width=5)
    p.shape((64, 14), (80, 44), (72, 58), (56, 58), (48, 44), colour=BLUE)
    p.shape((64, 30), (72, 48), (68, 58), (60, 58), (56, 48), colour=YELLOW)


@OUTDOORS.icon(_TRAIL)
def _camp_pots(p: Pen) -> None:
    p.line((96, 78), (120, 70), colour=INK, width=6)
    p.box(18, 62, 98, 112, STEEL, r=8)
    p.box(14, 58, 102, 67, DARK_STEEL, r=4)
    p.line((82, 42), (110, 32), colour=INK, width=5)
    p.box(34, 28, 84, 58, "#d5dde5", r=6)
    p.box(30, 24, 88, 32, DARK_STEEL, r=4)
    p.disc(59, 20, 5, RED)
    p.box(26, 74, 33, 104, "#d5dde5", r=3)


@OUTDOORS.icon(_TRAIL)
def _bottle(p: Pen) -> None:
    p.arc(64, 20, 13, 11, 180, 360, INK, 4)
    p.box(50, 18, 78, 36, INK, r=4)
    p.box(54, 34, 74, 46, STEEL)
    p.box(42, 42, 86, 118, BLUE, r=14)
    p.box(48, 54, 54, 106, "#7fa9d3", r=3)
    p.box(42, 98, 86, 104, "#36648f")
    p.shape((70, 66), (77, 80), (63, 80), colour=WHITE)
    p.disc(70, 81, 7, WHITE)


@OUTDOORS.icon(_TRAIL)
def _backpack(p: Pen) -> None:
    p.arc(64, 22, 14, 14, 180, 360, INK, 5)
    p.box(14, 64, 34, 106, DARK_GREEN, r=9)
    p.box(94, 64, 114, 106, DARK_GREEN, r=9)
    p.box(28, 20, 100, 116, GREEN, r=20)
    p.box(28, 20, 100, 52, DARK_GREEN, r=16)
    p.box(38, 68, 90, 106, DARK_GREEN, r=8)
    p.line((44, 78), (84, 78), colour=YELLOW, width=3)
    for x in (46, 78):
        p.box(x, 44, x + 5, 62, CREAM, r=2)


@OUTDOORS.icon(_GARDEN)
def _pot(p: Pen) -> None:
    p.shape((32, 44), (96, 44), (86, 104), (42, 104), colour=CLAY)
    p.box(26, 28, 102, 48, "#b35f3a", r=4)
    p.oval(64, 30, 34, 5, "#6b3d24")
    p.box(26, 102, 102, 113, "#b35f3a", r=5)
    p.shape((40, 54), (47, 54), (53, 96), (48, 96), colour="#dc8b66")


@OUTDOORS.icon(_GARDEN)
def _compost(p: Pen) -> None:
    p.shape((28, 22), (100, 22), (108, 114), (20, 114), colour=DARK_GREEN)
    p.box(26, 14, 102, 30, "#2d5837", r=3)
    p.box(34, 44, 94, 92, CREAM, r=6)
    p.pie(64, 86, 26, 16, 180, 360, "#6b3d24")
    p.line((64, 72), (64, 58), colour=GREEN, width=4)
    p.oval(56, 57, 9, 5, GREEN)
    p.oval(73, 53, 9, 5, GREEN)
    for x, y in ((34, 106), (52, 102), (70, 107), (90, 103)):
        p.disc(x, y, 2, "#7db26f")


@OUTDOORS.icon(_GARDEN)
def _trowel(p: Pen) -> None:
    p.line((100, 22), (76, 48), colour=WOOD, width=15)
    p.disc(103, 19, 4, DARK_WOOD)
    p.line((78, 46), (62, 64), colour=DARK_STEEL, width=7)
    p.shape((48, 56), (74, 80), (50, 104), (18, 112), (24, 80), colour=STEEL)
    p.line((62, 68), (30, 101), colour=DARK_STEEL, width=4)


@OUTDOORS.icon(_GARDEN)
def _watering_can(p: Pen) -> None:
    p.ring(52, 56, 34, 34, TEAL, 7)
    p.line((80, 96), (112, 50), colour=TEAL, width=9)
    p.shape((98, 36), (122, 54), (114, 62), (94, 48), colour="#1f6f67")
    p.box(24, 60, 84, 112, TEAL, r=8)
    p.box(24, 60, 84, 69, "#1f6f67", r=4)
    for x, y in ((118, 70), (124, 80), (112, 80), (119, 92)):
        p.oval(x, y, 2, 4, BLUE)


@OUTDOORS.icon(_GARDEN)
def _seeds(p: Pen) -> None:
    p.shape((16, 30), (62, 20), (78, 92), (32, 102), colour=YELLOW)
    p.box(46, 30, 100, 112, WHITE, r=3)
    p.box(46, 30, 100, 44, GREEN, r=3)
    p.line((73, 94), (73, 62), colour=DARK_GREEN, width=4)
    for x, y in ((63, 62), (83, 62), (61, 77), (85, 77)):
        p.oval(x, y, 9, 6, GREEN)
    p.oval(73, 54, 6, 8, GREEN)
    for x, y in ((108, 104), (116, 112), (106, 116)):
        p.oval(x, y, 4, 2.6, DARK_WOOD)


@OUTDOORS.icon(_GARDEN)
def _gloves(p: Pen) -> None:
    for x, tone, dark in ((14, ORANGE, "#c97a22"), (66, GREEN, DARK_GREEN)):
        for index, top in enumerate((42, 32, 30, 36)):
            p.box(x + index * 10, top, x + 9 + index * 10, 80, tone, r=4.5)
        p.box(x, 58, x + 39, 98, tone, r=8)
        p.line((x + 40, 82), (x + 46, 62), colour=tone, width=9)
        p.box(x + 3, 94, x + 36, 114, dark, r=4)
