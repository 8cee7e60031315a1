"""Things for the kitchen and the desk."""

from __future__ import annotations

from intentkg.sample.drawing.pen import (
    BLUE,
    CREAM,
    DARK_STEEL,
    DARK_WOOD,
    GREEN,
    GREY,
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

INDOORS = Album()
_KITCHEN = "#fbe9d0"
_OFFICE = "#dfe8f1"


@INDOORS.icon(_KITCHEN)
def _dripper(p: Pen) -> None:
    p.ring(92, 50, 16, 15, TEAL, 6)
    p.shape((26, 34), (98, 34), (74, 78), (50, 78), colour=TEAL)
    p.oval(62, 34, 36, 8, "#1f6f67")
    p.oval(62, 35, 29, 5, DARK_WOOD)
    p.box(34, 78, 90, 86, TEAL, r=4)
    p.box(60, 90, 64, 98, DARK_WOOD, r=2)
    p.box(60, 103, 64, 113, DARK_WOOD, r=2)


@INDOORS.icon(_KITCHEN)
def _kettle(p: Pen) -> None:
    p.arc(46, 50, 26, 30, 170, 360, INK, 7)
    p.line((66, 98), (92, 92), (100, 70), (98, 50), (106, 36), (120, 36),
           colour=DARK_STEEL, width=7)  # fmt: skip
    p.shape((26, 52), (68, 52), (80, 108), (14, 108), colour=STEEL)
    p.oval(47, 52, 21, 5, DARK_STEEL)
    p.disc(47, 45, 5, INK)
    p.shape((33, 60), (41, 60), (36, 102), (24, 102), colour="#d5dde5")


@INDOORS.icon(_KITCHEN)
def _filters(p: Pen) -> None:
    for shift, tone in ((12, "#c9ab7d"), (4, "#dcc196"), (-6, "#ead6b2")):
        p.shape(
            (20 + shift, 36 + shift), (104 + shift, 36 + shift), (78 + shift, 98 + shift),
            (46 + shift, 98 + shift), colour=tone,
        )  # fmt: skip
    p.line((95, 33), (70, 90), colour="#c9ab7d", width=2)
    p.line((40, 87), (71, 87), colour="#c9ab7d", width=2)


@INDOORS.icon(_KITCHEN)
def _grinder(p: Pen) -> None:
    p.line((60, 30), (60, 18), (100, 18), colour=INK, width=6)
    p.box(94, 14, 106, 34, WOOD, r=6)
    p.box(42, 32, 78, 60, STEEL, r=4)
    p.box(38, 58, 82, 66, INK, r=3)
    p.box(42, 66, 78, 112, TEAL, r=6)
    p.box(48, 36, 54, 56, "#d5dde5", r=3)
    for x, y in ((20, 100), (26, 110), (98, 106), (106, 98)):
        p.oval(x, y, 6, 4, DARK_WOOD)


@INDOORS.icon(_KITCHEN)
def _mug(p: Pen) -> None:
    p.ring(90, 72, 20, 21, "#d8c9ad", 8)
    p.box(30, 42, 90, 106, CREAM, r=12)
    p.oval(60, 44, 30, 8, "#d8c9ad")
    p.oval(60, 45, 24, 5, DARK_WOOD)
    for x, y in ((42, 66), (56, 84), (72, 64), (80, 90), (46, 96), (66, 74), (38, 80)):
        p.disc(x, y, 2, WOOD)
    for x in (48, 66):
        p.line((x, 34), (x + 5, 27), (x, 20), (x + 5, 13), colour=GREY, width=3)


@INDOORS.icon(_KITCHEN)
def _scale(p: Pen) -> None:
    p.box(16, 76, 112, 104, INK, r=8)
    p.box(66, 83, 102, 97, "#9fd6b4", r=3)
    p.line((74, 86), (74, 94), colour=INK, width=2)
    for x in (82, 92):
        p.ring(x, 90, 4, 5, INK, 2)
    p.box(24, 70, 104, 77, STEEL, r=3)
    p.pie(56, 46, 28, 24, 0, 180, RED)
    p.pie(56, 46, 24, 14, 180, 360, WHITE)
    p.disc(26, 90, 4, DARK_STEEL)
    p.disc(40, 90, 4, DARK_STEEL)


@INDOORS.icon(_KITCHEN)
def _basket(p: Pen) -> None:
    p.pie(64, 62, 50, 50, 0, 180, WOOD)
    for r in (0, 12, 24, 36):
        p.arc(64, 62 - r, 48, 48, 30 + r * 0.6, 150 - r * 0.6, DARK_WOOD, 2.5)
    p.oval(64, 62, 50, 14, DARK_WOOD)
    p.oval(64, 60, 45, 11, WHITE)
    p.pie(64, 60, 36, 24, 180, 360, CREAM)
    p.oval(64, 60, 36, 7, CREAM)
    for x in (48, 64, 80):
        p.line((x - 5, 54), (x + 5, 44), colour=WOOD, width=3)


@INDOORS.icon(_KITCHEN)
def _scraper(p: Pen) -> None:
    p.box(20, 48, 108, 104, STEEL, r=4)
    p.box(20, 92, 108, 104, "#d5dde5", r=4)
    p.box(16, 30, 112, 54, WOOD, r=12)
    p.line((28, 37), (100, 37), colour="#d6a873", width=3)
    for x in range(30, 106, 10):
        p.line((x, 98), (x, 103), colour=DARK_STEEL, width=2)


@INDOORS.icon(_KITCHEN)
def _knife(p: Pen) -> None:
    p.shape((8, 84), (82, 48), (90, 64), (40, 86), colour=STEEL)
    p.shape((8, 84), (40, 86), (90, 64), (88, 60), colour="#d5dde5")
    p.line((86, 55), (114, 42), colour=INK, width=15)
    for x, y in ((92, 52), (102, 47), (112, 43)):
        p.disc(x, y, 2.2, STEEL)


@INDOORS.icon(_KITCHEN)
def _board(p: Pen) -> None:
    p.box(16, 28, 112, 104, DARK_WOOD, r=10)
    tones = (WOOD, "#d3a06a", "#b07a45")
    for row in range(4):
        for column in range(6):
            x, y = 21 + column * 14.5, 33 + row * 16.8
            p.box(x, y, x + 13.5, y + 15.8, tones[(row * 2 + column) % 3])
    p.box(50, 90, 78, 98, _KITCHEN, r=4)


@INDOORS.icon(_OFFICE)
def _laptop_stand(p: Pen) -> None:
    p.line((40, 112), (64, 78), (88, 112), colour=DARK_STEEL, width=7)
    p.line((26, 113), (102, 113), colour=DARK_STEEL, width=7)
    p.shape((20, 70), (108, 70), (116, 80), (12, 80), colour=STEEL)
    p.box(28, 16, 100, 68, INK, r=5)
    p.box(34, 22, 94, 62, "#9cc4e4", r=2)
    p.line((42, 34), (70, 34), colour=WHITE, width=4)
    p.line((42, 46), (82, 46), colour=WHITE, width=4)


@INDOORS.icon(_OFFICE)
def _keyboard(p: Pen) -> None:
    p.box(10, 42, 118, 96, INK, r=8)
    for row in range(3):
        for column in range(8):
            x, y = 17 + column * 12, 48 + row * 11.5
            p.box(x, y, x + 9.5, y + 9, ORANGE if (row, column) == (0, 0) else WHITE, r=2)
    p.box(17, 83, 30, 91, WHITE, r=2)
    p.box(33, 83, 87, 91, WHITE, r=2)
    p.box(90, 83, 110.5, 91, WHITE, r=2)


@INDOORS.icon(_OFFICE)
def _desk_lamp(p: Pen) -> None:
    p.shape((66, 52), (98, 52), (122, 104), (42, 104), colour="#fbeebb")
    p.box(6, 104, 122, 112, WOOD, r=2)
    p.box(14, 92, 34, 120, INK, r=4)
    p.line((24, 94), (24, 48), (62, 22), colour=INK, width=6)
    p.shape((58, 14), (78, 14), (104, 54), (60, 54), colour=RED)
    p.oval(82, 54, 22, 5, YELLOW)


@INDOORS.icon(_OFFICE)
def _notebook(p: Pen) -> None:
    p.box(30, 16, 102, 112, TEAL, r=6)
    p.box(30, 16, 42, 112, "#1f6f67", r=6)
    p.box(52, 30, 92, 54, CREAM, r=3)
    for y in (38, 46):
        for x in range(58, 90, 6):
            p.disc(x, y, 1.2, INK)
    p.box(86, 16, 90, 112, INK)
    p.shape((58, 112), (66, 112), (66, 124), (62, 119), (58, 124), colour=RED)


@INDOORS.icon(_OFFICE)
def _fountain_pen(p: Pen) -> None:
    p.line((104, 24), (62, 66), colour=NIGHT, width=17)
    p.line((80, 48), (74, 54), colour=YELLOW, width=17)
    p.line((66, 62), (54, 74), colour=NIGHT, width=13)
    p.shape((44, 71), (58, 85), (40, 94), (26, 102), (35, 88), colour=YELLOW)
    p.line((27, 101), (43, 85), colour=INK, width=1.8)
    p.disc(44, 84, 2.4, INK)
    p.line((20, 112), (36, 106), (52, 113), (70, 106), (88, 112), colour=NIGHT, width=3.5)


@INDOORS.icon(_OFFICE)
def _ink(p: Pen) -> None:
    p.box(44, 20, 84, 42, INK, r=4)
    p.box(50, 40, 78, 54, "#cfe0e6")
    p.box(24, 50, 104, 112, "#cfe0e6", r=12)
    p.box(30, 66, 98, 106, "#0f6a72", r=8)
    p.box(42, 70, 86, 96, CREAM, r=3)
    p.shape((64, 73), (71, 85), (57, 85), colour="#0f6a72")
    p.disc(64, 86, 7, "#0f6a72")


@INDOORS.icon(_OFFICE)
def _planner(p: Pen) -> None:
    p.box(12, 26, 116, 106, WHITE, r=4)
    p.box(12, 26, 116, 44, RED, r=4)
    for x in (30, 64, 98):
        p.box(x - 3, 18, x + 3, 34, INK, r=3)
    for x in range(27, 116, 15):
        p.line((x, 48), (x, 102), colour=STEEL, width=1.5)
    for x, y, tone in ((15, 54, TEAL), (45, 70, ORANGE), (60, 52, TEAL), (90, 84, BLUE)):
        p.box(x, y, x + 10, y + 10, tone, r=2)
    p.line((31, 84), (35, 89), (42, 78), colour=GREEN, width=3)
