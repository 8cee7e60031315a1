"""Things for sport, crafts and pets."""

from __future__ import annotations

from itertools import pairwise

from intentkg.sample.drawing.pen import (
    BLUE,
    CREAM,
    DARK_GREEN,
    DARK_STEEL,
    DARK_WOOD,
    GREEN,
    GREY,
    INK,
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

LEISURE = Album()
_SPORT = "#d9edf0"
_CRAFT = "#f4e2ee"
_PETS = "#efe6da"
_CORK = "#cf9f68"


@LEISURE.icon(_SPORT)
def _yoga_mat(p: Pen) -> None:
    p.shape((34, 78), (112, 78), (124, 112), (30, 112), colour=_CORK)
    p.line((98, 88), (106, 104), colour="#e0b986", width=3)
    p.box(14, 54, 50, 112, "#b98449", r=18)
    p.box(14, 40, 96, 78, "#b98449", r=19)
    p.line((32, 59), (96, 59), colour="#b98449", width=38)
    p.disc(32, 59, 19, "#e0b986")
    for r in (13, 7):
        p.arc(32, 59, r, r, 0, 320, DARK_WOOD, 3)


@LEISURE.icon(_SPORT)
def _yoga_blocks(p: Pen) -> None:
    for x, y in ((16, 66), (34, 26)):
        p.shape((x, y), (x + 16, y - 12), (x + 78, y - 12), (x + 62, y), colour="#e0b986")
        p.shape((x + 62, y), (x + 78, y - 12), (x + 78, y + 26), (x + 62, y + 38), colour=WOOD)
        p.box(x, y, x + 62, y + 38, _CORK)
        for dx, dy in ((10, 8), (26, 20), (44, 10), (54, 28), (14, 30), (36, 32)):
            p.disc(x + dx, y + dy, 2, DARK_WOOD)


@LEISURE.icon(_SPORT)
def _skipping_rope(p: Pen) -> None:
    p.arc(64, 50, 40, 62, 0, 180, RED, 5)
    p.ring(64, 84, 22, 22, RED, 5)
    for x in (26, 102):
        p.box(x - 7, 14, x + 7, 52, INK, r=6)
        p.box(x - 7, 24, x + 7, 30, YELLOW)


@LEISURE.icon(_SPORT)
def _helmet(p: Pen) -> None:
    p.line((34, 80), (58, 112), (84, 80), colour=INK, width=4)
    p.pie(64, 80, 50, 56, 180, 360, RED)
    p.box(14, 74, 114, 86, "#b3442f", r=6)
    p.shape((104, 74), (124, 80), (122, 88), (100, 86), colour=INK)
    for x in (40, 64, 88):
        lean = (x - 64) * 0.35
        p.line((x, 66), (x - lean, 42), colour=INK, width=8)
    p.disc(58, 110, 5, INK)


@LEISURE.icon(_SPORT)
def _bike_lights(p: Pen) -> None:
    for x, body, light in ((14, WHITE, "#fbeebb"), (68, RED, "#f4a092")):
        p.box(x + 14, 14, x + 32, 114, INK, r=6)
        p.box(x, 36, x + 46, 92, DARK_STEEL, r=14)
        p.disc(x + 23, 64, 19, body)
        p.disc(x + 23, 64, 11, light)
        p.disc(x + 19, 60, 4, WHITE)


@LEISURE.icon(_SPORT)
def _bike_lock(p: Pen) -> None:
    joints = ((36, 76), (22, 46), (48, 18), (84, 18), (106, 46), (92, 76))
    for start, end in pairwise(joints):
        p.line(start, end, colour=INK, width=13)
    for x, y in joints:
        p.disc(x, y, 4, STEEL)
    p.box(28, 72, 100, 112, ORANGE, r=8)
    p.disc(64, 88, 6, INK)
    p.shape((61, 88), (67, 88), (69, 103), (59, 103), colour=INK)


@LEISURE.icon(_CRAFT)
def _yarn(p: Pen) -> None:
    p.arc(92, 94, 30, 18, 40, 150, BLUE, 5)
    p.line((113, 107), (122, 102), colour=BLUE, width=5)
    p.disc(58, 62, 42, BLUE)
    for rx in (34, 23, 12):
        p.arc(58, 62, rx, 41, 100, 260, "#7fa9d3", 3.5)
    for ry in (32, 20, 8):
        p.arc(58, 62, 41, ry, 275, 355, "#36648f", 3.5)
    for ry in (32, 20, 8):
        p.arc(58, 62, 41, ry, 5, 85, "#7fa9d3", 3.5)


@LEISURE.icon(_CRAFT)
def _needles(p: Pen) -> None:
    p.box(30, 76, 98, 118, PINK, r=4)
    for y in (82, 92, 102, 112):
        for x in range(36, 98, 9):
            p.line((x - 3, y - 3), (x, y + 2), (x + 3, y - 3), colour="#c9716f", width=2)
    p.line((26, 16), (104, 84), colour=WOOD, width=6)
    p.line((102, 16), (24, 84), colour=WOOD, width=6)
    p.disc(26, 16, 8, RED)
    p.disc(102, 16, 8, RED)


@LEISURE.icon(_CRAFT)
def _watercolours(p: Pen) -> None:
    p.box(12, 22, 100, 58, STEEL, r=5)
    for x in (20, 47, 74):
        p.box(x, 28, x + 20, 52, WHITE, r=6)
    p.disc(30, 40, 7, PINK)
    p.disc(57, 40, 7, "#9cc4e4")
    p.box(12, 58, 100, 112, INK, r=5)
    tones = (YELLOW, ORANGE, RED, PINK, "#8a5aa8", BLUE, TEAL, GREEN, DARK_GREEN, WOOD)
    for index, tone in enumerate(tones):
        x, y = 18 + (index % 5) * 16, 66 + (index // 5) * 22
        p.box(x, y, x + 13, y + 18, tone, r=2)
    p.line((112, 18), (112, 84), colour=WOOD, width=6)
    p.box(108, 82, 116, 94, STEEL)
    p.shape((108, 94), (116, 94), (112, 112), colour=DARK_WOOD)


@LEISURE.icon(_CRAFT)
def _sketchbook(p: Pen) -> None:
    p.box(18, 24, 110, 108, DARK_WOOD, r=4)
    p.box(22, 20, 108, 102, WHITE, r=3)
    for x in range(30, 106, 9):
        p.box(x, 12, x + 4, 28, DARK_STEEL, r=2)
    p.box(30, 38, 100, 92, "#bfe0ee")
    p.disc(84, 52, 8, YELLOW)
    p.shape((30, 92), (52, 58), (70, 82), (82, 68), (100, 92), colour=GREEN)
    p.box(30, 84, 100, 92, TEAL)


@LEISURE.icon(_CRAFT)
def _gift_wrap(p: Pen) -> None:
    p.box(16, 48, 112, 112, WOOD, r=4)
    p.box(12, 40, 116, 60, "#d3a06a", r=4)
    p.box(58, 40, 70, 112, RED)
    p.shape((64, 40), (34, 14), (24, 36), colour=RED)
    p.shape((64, 40), (94, 14), (104, 36), colour=RED)
    p.disc(64, 39, 8, "#b3442f")


@LEISURE.icon(_PETS)
def _harness(p: Pen) -> None:
    for x in (34, 46, 78, 90):
        p.line((x, 84), (x, 112), colour=WOOD, width=9)
    p.line((28, 62), (12, 44), colour=WOOD, width=8)
    p.box(24, 54, 98, 92, WOOD, r=18)
    p.line((88, 64), (100, 40), colour=WOOD, width=24)
    p.disc(102, 36, 17, WOOD)
    p.oval(116, 42, 10, 8, "#d3a06a")
    p.oval(92, 38, 7, 14, DARK_WOOD)
    p.disc(106, 32, 2.6, INK)
    p.disc(123, 39, 3.2, INK)
    p.box(52, 54, 64, 92, RED)
    p.line((60, 60), (96, 66), colour=RED, width=10)
    p.line((79, 52), (97, 84), colour=RED, width=10)
    p.arc(58, 54, 9, 9, 180, 360, INK, 4)
    p.line((56, 74), (60, 74), colour=YELLOW, width=5)


@LEISURE.icon(_PETS)
def _lead(p: Pen) -> None:
    for r in (44, 34, 24):
        p.ring(58, 72, r, r * 0.9, TEAL, 7)
        p.arc(58, 72, r - 2, r * 0.9 - 2, 200, 250, YELLOW, 2)
    p.box(50, 28, 66, 114, "#1f6f67", r=6)
    p.line((86, 50), (100, 32), colour=TEAL, width=7)
    p.line((100, 32), (104, 26), colour=DARK_STEEL, width=8)
    p.ring(110, 16, 11, 12, DARK_STEEL, 5)
    p.line((30, 104), (22, 114), (10, 116), colour=TEAL, width=7)


@LEISURE.icon(_PETS)
def _scratching_post(p: Pen) -> None:
    p.box(20, 104, 108, 118, TEAL, r=5)
    p.box(48, 24, 80, 106, _CORK)
    for y in range(30, 106, 7):
        p.line((49, y + 3), (79, y), colour=DARK_WOOD, width=2)
    p.box(38, 12, 90, 26, TEAL, r=6)
    p.line((88, 26), (98, 56), colour=GREY, width=2)
    p.oval(99, 62, 8, 6, GREY)
    p.disc(104, 57, 3, GREY)
    p.arc(99, 72, 6, 6, 300, 110, GREY, 2)


@LEISURE.icon(_PETS)
def _cat_wand(p: Pen) -> None:
    p.line((18, 112), (40, 90), colour=_CORK, width=12)
    p.line((42, 88), (92, 30), colour=INK, width=4)
    p.arc(92, 50, 20, 20, 270, 60, GREY, 2.5)
    p.line((96, 70), (72, 108), colour=RED, width=3)
    p.shape((98, 66), (108, 84), (92, 108), (74, 112), (78, 90), colour=PINK)
    p.shape((98, 66), (74, 112), (78, 90), colour=RED)
    p.disc(99, 65, 5, YELLOW)


@LEISURE.icon(_PETS)
def _pet_bed(p: Pen) -> None:
    p.oval(64, 76, 56, 34, "#36648f")
    p.oval(64, 66, 56, 32, BLUE)
    p.oval(64, 66, 40, 19, CREAM)
    p.box(50, 58, 74, 72, WHITE, r=6)
    for x, y in ((50, 60), (50, 70), (74, 60), (74, 70)):
        p.disc(x, y, 6, WHITE)
