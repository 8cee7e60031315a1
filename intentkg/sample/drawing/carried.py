"""Electronics, and things for the nursery."""

from __future__ import annotations

from intentkg.sample.drawing.pen import (
    BLUE,
    DARK_STEEL,
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

CARRIED = Album()
_DEVICES = "#e4e1f0"
_NURSERY = "#fde4e1"


@CARRIED.icon(_DEVICES)
def _headphones(p: Pen) -> None:
    p.arc(64, 68, 44, 46, 180, 360, INK, 9)
    for x in (14, 92):
        p.box(x, 62, x + 22, 104, RED, r=9)
    p.box(30, 66, 40, 100, INK, r=5)
    p.box(88, 66, 98, 100, INK, r=5)


@CARRIED.icon(_DEVICES)
def _charger(p: Pen) -> None:
    p.box(46, 14, 54, 40, DARK_STEEL, r=2)
    p.box(74, 14, 82, 40, DARK_STEEL, r=2)
    p.box(28, 36, 100, 112, WHITE, r=12)
    for y in (76, 92):
        p.box(46, y, 82, y + 9, INK, r=4.5)
    p.shape((68, 44), (54, 60), (63, 60), (58, 72), (74, 54), (65, 54), colour=ORANGE)


@CARRIED.icon(_DEVICES)
def _cable(p: Pen) -> None:
    for rx in (40, 31, 22):
        p.ring(64, 70, rx, rx, RED, 6)
    p.line((32, 52), (26, 34), (26, 28), colour=RED, width=6)
    p.line((96, 52), (102, 34), (102, 28), colour=RED, width=6)
    for x in (26, 102):
        p.box(x - 7, 16, x + 7, 34, INK, r=3)
        p.box(x - 5, 7, x + 5, 17, DARK_STEEL, r=3)
    p.box(56, 92, 72, 116, INK, r=4)


@CARRIED.icon(_DEVICES)
def _power_bank(p: Pen) -> None:
    p.box(34, 18, 94, 114, TEAL, r=12)
    p.box(55, 14, 73, 20, INK, r=2)
    for index, x in enumerate((44, 55, 66, 77)):
        p.disc(x + 3.5, 98, 3.5, YELLOW if index < 3 else "#1f6f67")
    p.shape((70, 34), (48, 66), (62, 66), (56, 88), (80, 56), (66, 56), colour=YELLOW)


@CARRIED.icon(_DEVICES)
def _tripod(p: Pen) -> None:
    p.line((64, 72), (34, 116), colour=INK, width=6)
    p.line((64, 72), (94, 116), colour=INK, width=6)
    p.line((64, 72), (64, 118), colour=DARK_STEEL, width=6)
    p.box(56, 60, 72, 78, INK, r=4)
    p.box(22, 14, 106, 60, INK, r=7)
    p.box(28, 19, 100, 55, "#9cc4e4", r=3)
    p.disc(80, 30, 6, YELLOW)
    p.shape((30, 55), (52, 32), (66, 46), (78, 38), (98, 55), colour=GREEN)


@CARRIED.icon(_DEVICES)
def _screen_glass(p: Pen) -> None:
    p.box(20, 22, 72, 116, INK, r=8)
    p.box(25, 30, 67, 106, BLUE, r=3)
    p.box(54, 12, 108, 104, "#cfe6f2", r=8)
    p.line((66, 52), (90, 26), colour=WHITE, width=5)
    p.line((66, 72), (98, 38), colour=WHITE, width=5)
    p.line((20, 92), (20, 92), colour=INK, width=1)


@CARRIED.icon(_DEVICES)
def _phone_case(p: Pen) -> None:
    p.box(32, 10, 96, 118, ORANGE, r=14)
    p.box(38, 16, 90, 112, "#d9822b", r=9)
    p.box(44, 22, 66, 50, INK, r=7)
    p.disc(55, 30, 6, STEEL)
    p.disc(55, 43, 4, STEEL)
    for x, y in ((32, 10), (84, 10), (32, 106), (84, 106)):
        p.box(x - 3, y - 3, x + 15, y + 15, "#b9671c", r=7)
    p.disc(64, 82, 13, ORANGE)


@CARRIED.icon(_NURSERY)
def _monitor(p: Pen) -> None:
    p.line((46, 40), (46, 14), colour=INK, width=6)
    p.box(36, 36, 92, 112, WHITE, r=14)
    p.disc(64, 62, 17, YELLOW)
    p.disc(70, 57, 14, WHITE)
    for y in (90, 97, 104):
        p.line((52, y), (76, y), colour=GREY, width=3)
    for r in (12, 21):
        p.arc(48, 18, r, r, 300, 60, TEAL, 4)


@CARRIED.icon(_NURSERY)
def _muslins(p: Pen) -> None:
    for y, tone in ((84, BLUE), (62, WHITE), (40, PINK)):
        p.box(22, y, 106, y + 22, tone, r=10)
        p.arc(100, y + 11, 9, 8, 90, 270, GREY, 2)
    for x in range(34, 92, 12):
        p.disc(x, 51, 2.6, WHITE)
        p.line((x - 3, 73), (x + 3, 73), colour=TEAL, width=2.4)
        p.disc(x, 95, 2.6, YELLOW)


@CARRIED.icon(_NURSERY)
def _rings(p: Pen) -> None:
    p.box(60, 18, 68, 100, WOOD, r=4)
    rings = ((24, RED), (30, ORANGE), (36, YELLOW), (42, GREEN), (48, BLUE))
    for index, (half, tone) in enumerate(rings):
        y = 30 + index * 15
        p.box(64 - half, y, 64 + half, y + 13, tone, r=6.5)
    p.disc(64, 20, 8, RED)
    p.box(18, 105, 110, 113, WOOD, r=4)


@CARRIED.icon(_NURSERY)
def _bib(p: Pen) -> None:
    p.ring(64, 34, 26, 26, TEAL, 9)
    p.box(28, 42, 100, 108, TEAL, r=20)
    p.disc(64, 36, 17, _NURSERY)
    p.box(24, 82, 104, 114, "#1f6f67", r=14)
    p.oval(64, 84, 36, 7, "#185a54")
    for x, y in ((50, 84), (64, 82), (77, 85)):
        p.disc(x, y, 3, ORANGE)
    p.line((57, 62), (64, 68), (71, 62), colour=WHITE, width=3)


@CARRIED.icon(_NURSERY)
def _bowl(p: Pen) -> None:
    p.oval(64, 106, 34, 8, DARK_STEEL)
    p.shape((52, 92), (76, 92), (92, 106), (36, 106), colour=STEEL)
    p.pie(64, 52, 48, 46, 0, 180, ORANGE)
    p.oval(64, 52, 48, 12, "#d9822b")
    p.oval(64, 52, 41, 8, "#b9d77d")
    p.line((78, 50), (108, 20), colour=TEAL, width=7)
    p.disc(50, 72, 4, WHITE)
    p.disc(76, 72, 4, WHITE)
    p.arc(63, 76, 9, 9, 20, 160, WHITE, 3)


@CARRIED.icon(_NURSERY)
def _latches(p: Pen) -> None:
    p.box(12, 14, 116, 114, WOOD, r=4)
    p.box(18, 20, 61, 108, "#d6a873", r=3)
    p.box(67, 20, 110, 108, "#d6a873", r=3)
    p.disc(53, 88, 4, INK)
    p.disc(75, 88, 4, INK)
    p.box(34, 48, 54, 68, WHITE, r=6)
    p.box(74, 48, 94, 68, WHITE, r=6)
    p.line((44, 58), (84, 58), colour=WHITE, width=7)
    p.disc(84, 58, 4.5, RED)
