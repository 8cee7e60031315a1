"""What becomes of an image's bytes: sniffed, checked, stripped, turned upright."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ingest.images import to_blob
from ingest.images.containers import sniff, strip
from schema.errors import InputError

LIMIT = 1_000_000
SECRET = b"Sesame-Street-123"


def picture(mode: str = "RGB", size: tuple[int, int] = (24, 16)) -> Image.Image:
    """Something with a different colour in each corner."""
    image = Image.new("RGB", size, (200, 30, 30))
    image.paste((30, 200, 30), (0, 0, size[0] // 2, size[1] // 2))
    image.paste((30, 30, 200), (size[0] // 2, size[1] // 2, *size))
    return image.convert(mode)


def saved(image: Image.Image, kind: str, **settings: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format=kind, **settings)
    return out.getvalue()


def exif_with_gps(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = SECRET.decode()  # maker
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2] = "N", (52.0, 22.0, 11.0)
    gps[3], gps[4] = "E", (4.0, 53.0, 42.0)
    return exif


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def header_only_png(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that unpacks to width times height pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    lines = zlib.compress(b"\0" * 1_000_000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")
    )


PLAIN = {
    "jpeg": saved(picture(), "JPEG"),
    "jpeg-progressive": saved(picture(), "JPEG", progressive=True),
    "jpeg-grey": saved(picture("L"), "JPEG"),
    "jpeg-cmyk": saved(picture("CMYK"), "JPEG"),
    "png": saved(picture(), "PNG"),
    "png-alpha": saved(picture("RGBA"), "PNG"),
    "png-palette": saved(picture("P"), "PNG"),
    "gif": saved(picture("P"), "GIF"),
    "webp": saved(picture(), "WEBP"),
    "webp-lossless": saved(picture("RGBA"), "WEBP", lossless=True),
}


@pytest.mark.parametrize("name", PLAIN)
def test_an_image_without_metadata_keeps_its_bytes(name):
    data = PLAIN[name]
    blob = to_blob(data, max_pixels=LIMIT)
    assert blob.data == data
    assert blob.id == hashlib.sha256(data).hexdigest()
    assert (blob.width, blob.height) == (24, 16)
    assert blob.media_type == f"image/{name.partition('-')[0]}"


def test_exif_gps_comment_xmp_and_thumbnail_leave_a_jpeg_and_its_pixels_stay():
    data = saved(picture(), "JPEG", exif=exif_with_gps(), comment=SECRET, xmp=b"<x>" + SECRET)
    with_maker_note = data[:2] + b"\xff\xe5\x00\x13" + SECRET + data[2:]
    behind_the_end = with_maker_note + SECRET
    assert Image.open(io.BytesIO(data)).getexif().get_ifd(0x8825)  # the GPS is really in there
    blob = to_blob(behind_the_end, max_pixels=LIMIT)
    assert SECRET not in blob.data
    assert b"Exif" not in blob.data
    again = Image.open(io.BytesIO(blob.data))
    assert not again.getexif()
    assert "comment" not in again.info
    before = Image.open(io.BytesIO(data))
    assert again.convert("RGB").tobytes() == before.convert("RGB").tobytes()


def test_text_and_exif_leave_a_png_and_its_pixels_stay():
    text = PngInfo()
    text.add_text("Author", SECRET.decode())
    text.add_itxt("XML:com.adobe.xmp", SECRET.decode(), zip=False)
    data = saved(picture("RGBA"), "PNG", pnginfo=text, exif=exif_with_gps())
    assert SECRET in data
    blob = to_blob(data + SECRET, max_pixels=LIMIT)
    assert SECRET not in blob.data
    assert blob.data == PLAIN["png-alpha"]


def test_exif_and_xmp_leave_a_webp_and_its_pixels_stay():
    data = saved(picture(), "WEBP", exif=exif_with_gps(), xmp=SECRET)
    assert SECRET in data
    blob = to_blob(data, max_pixels=LIMIT)
    assert SECRET not in blob.data
    again = Image.open(io.BytesIO(blob.data))
    assert "exif" not in again.info
    assert again.tobytes() == Image.open(io.BytesIO(PLAIN["webp"])).tobytes()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_keeps_its_frames_and_loses_its_comment(kind):
    frames = [picture("RGB", (24, 16)), Image.new("RGB", (24, 16), "white"), picture()]
    extra = {"comment": SECRET} if kind == "GIF" else {"exif": exif_with_gps()}
    data = saved(
        frames[0], kind, save_all=True, append_images=frames[1:], duration=90, loop=2, **extra
    )
    assert SECRET in data
    blob = to_blob(data, max_pixels=LIMIT)
    assert SECRET not in blob.data
    again = Image.open(io.BytesIO(blob.data))
    assert again.n_frames == 3
    assert again.info["loop"] == Image.open(io.BytesIO(data)).info["loop"]
    again.seek(2)
    again.load()


def test_a_gif_loses_xmp_and_plain_text_blocks():
    plain = PLAIN["gif"]
    xmp = b"\x21\xff\x0bXMP DataXMP" + bytes([len(SECRET)]) + SECRET + b"\x00"
    shown = b"\x21\xf9\x04\0\0\0\0\0" + b"\x21\x01\x0c" + b"\0" * 12
    shown += bytes([len(SECRET)]) + SECRET + b"\x00"
    at = plain.index(b"\x2c", 13 + 3 * 2 ** ((plain[10] & 7) + 1))
    start = at - 8 if plain[at - 8 : at - 5] == b"\x21\xf9\x04" else at
    data = plain[:start] + xmp + shown + plain[start:]
    assert to_blob(data, max_pixels=LIMIT).data == plain


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_an_image_on_its_side_is_stored_upright(kind, orientation):
    settings = {"lossless": True} if kind == "WEBP" else {"quality": 95, "subsampling": 0}
    data = saved(picture(), kind, exif=exif_with_gps(orientation), **settings)
    blob = to_blob(data, max_pixels=LIMIT)
    assert (blob.width, blob.height) == ((16, 24) if orientation >= 5 else (24, 16))
    assert SECRET not in blob.data
    stored = Image.open(io.BytesIO(blob.data))
    assert not stored.getexif()
    assert stored.size == (blob.width, blob.height)
    from PIL import ImageOps

    wanted = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    for x in (2, wanted.width - 3):
        for y in (2, wanted.height - 3):
            got = stored.convert("RGB").getpixel((x, y))
            assert all(abs(a - b) < 12 for a, b in zip(got, wanted.getpixel((x, y)), strict=True))
    assert to_blob(data, max_pixels=LIMIT) == blob


def test_a_colour_profile_stays():
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind in ("JPEG", "PNG", "WEBP"):
        data = saved(picture(), kind, icc_profile=profile, exif=exif_with_gps())
        stored = Image.open(io.BytesIO(to_blob(data, max_pixels=LIMIT).data))
        assert stored.info["icc_profile"] == profile


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<html>404 not found</html>", "not a JPEG, PNG, GIF or WebP"),
        (b"\xff\xd8\xff", "ends early"),
        (PLAIN["jpeg"][:-40], "ends early"),
        (PLAIN["png"][:-13], "ends early"),
        (PLAIN["gif"][:-1], "ends early"),
        (PLAIN["webp"][:-4], "ends early"),
        (PLAIN["png"][:40] + b"\0\0\0\0" + PLAIN["png"][44:], "broken PNG"),
        (header_only_png(40_000, 40_000), "too many pixels"),
        (header_only_png(9_000, 9_000), "9000 x 9000 pixels, above the limit"),
        (header_only_png(2_000_000, 1), "above the limit"),
        (header_only_png(999, 999), "broken PNG"),
    ],
)
def test_what_is_no_image_is_refused_with_a_reason(data, reason):
    with pytest.raises(InputError, match=reason):
        to_blob(data, max_pixels=LIMIT)


def test_the_size_of_a_decompression_bomb_is_seen_before_it_is_decoded():
    import tracemalloc

    bomb = header_only_png(40_000, 40_000)  # 4.8 GB of pixels
    tracemalloc.start()
    with pytest.raises(InputError):
        to_blob(bomb, max_pixels=50_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


@given(st.sampled_from(sorted(PLAIN)), st.data())
def test_damaged_bytes_are_an_image_or_a_reason_never_another_exception(name, data):
    original = bytearray(PLAIN[name])
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(original) - 1))
        original[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(original)))
    try:
        blob = to_blob(bytes(original[:cut]), max_pixels=LIMIT)
    except InputError as error:
        assert error.reason
    else:
        assert blob.id == hashlib.sha256(blob.data).hexdigest()


@given(st.sampled_from(sorted(PLAIN)))
def test_stripping_twice_is_stripping_once(name):
    kind = sniff(PLAIN[name])
    assert kind is not None
    once = strip(PLAIN[name], kind)
    assert strip(once, kind) == once
