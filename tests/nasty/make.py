"""Makes the small nasty files of this folder and the table in its README: ``python -m tests.nasty.make``.

The files are committed, so that a test fails where a new Pillow *writes* differently as well as where it reads
differently. Every readable colour file shows the same picture, see :func:`picture`.
"""

from __future__ import annotations

import io
import json
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageChops

FOLDER = Path(__file__).resolve().parent
SIZE = (96, 64)
UPRIGHT = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,  # what must be rotated by 270 degrees was rotated by 90
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True, slots=True)
class Nasty:
    """One file of the folder.

    Attributes:
        name: File name.
        what: What is nasty about it.
        pages: Outcome per page: ``"ok"`` or an error code. A single error code may also mean: refused on opening.
        look: ``"colour"``, ``"grey"`` or ``"any"``: which picture must come out.
    """

    name: str
    what: str
    pages: tuple[str, ...] = ("ok",)
    look: str = "colour"


def picture() -> Image.Image:
    """Return white paper, 96 x 64 px, red in the upper left, green upper right, blue lower left."""
    image = Image.new("RGB", SIZE, "white")
    image.paste((220, 30, 30), (0, 0, 32, 24))
    image.paste((30, 160, 30), (64, 0, 96, 24))
    image.paste((30, 30, 220), (0, 40, 32, 64))
    return image


def grey_picture() -> Image.Image:
    """Return white paper, black in the upper left, mid-grey upper right."""
    image = Image.new("L", SIZE, 255)
    image.paste(0, (0, 0, 32, 24))
    image.paste(128, (64, 0, 96, 24))
    return image


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return the image as the bytes of a file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def with_orientation(kind: str, orientation: int, **options: Any) -> bytes:
    """Return the picture stored so that only heeding the orientation shows it upright."""
    turn = UPRIGHT[orientation]
    stored = picture() if turn is None else picture().transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(stored, kind, exif=exif, **options)


def jpegs() -> dict[Nasty, bytes]:
    """JPEG: all ways to store a page, and all ways to lose one."""
    colour, plain = picture(), saved(picture(), "JPEG", quality=90, dpi=(300, 300))
    big = bytearray(plain)
    frame = plain.index(b"\xff\xc0")
    big[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    broken_exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01" * 40
    noisy = saved(Image.effect_noise(SIZE, 90), "JPEG", quality=90)
    files = {
        Nasty("baseline.jpg", "baseline JPEG, 300 dpi in JFIF"): plain,
        Nasty("progressive.jpg", "progressive JPEG"): saved(colour, "JPEG", progressive=True, quality=90),
        Nasty("grey.jpg", "one component", look="grey"): saved(grey_picture(), "JPEG", quality=90),
        Nasty("cmyk.jpg", "CMYK, inverted as Adobe does"): saved(colour.convert("CMYK"), "JPEG", quality=90),
        Nasty("exif_damaged.jpg", "EXIF that points nowhere"): saved(colour, "JPEG", exif=broken_exif, quality=90),
        Nasty("exif_orientation_9.jpg", "an orientation that does not exist"): _orientation_9(),
        Nasty("truncated.jpg", "the second half is missing", ("page_damaged",)): noisy[: len(noisy) // 2],
        Nasty("no_end.jpg", "the last two bytes are missing", ("page_damaged",)): plain[:-2],
        Nasty("zero_tail.jpg", "the second half is zeros, as after a broken copy", ("page_damaged",)): (
            noisy[: len(noisy) // 2].ljust(len(noisy), b"\0")
        ),
        Nasty("only_signature.jpg", "three bytes of signature", ("page_damaged",)): plain[:3],
        Nasty("65535.jpg", "claims 65535 x 65535 pixels", ("page_too_large",)): bytes(big),
        Nasty("jpeg.png", "a JPEG with the wrong suffix"): plain,
        Nasty("trailing.jpg", "a JPEG with a trailer behind its end"): plain + b"\0trailer" * 50,
    }
    for orientation in UPRIGHT:
        entry = Nasty(f"exif_{orientation}.jpg", f"EXIF orientation {orientation}")
        files[entry] = with_orientation("JPEG", orientation, quality=90)
    files |= _ycck()
    return files


def _orientation_9() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 9
    return saved(picture(), "JPEG", exif=exif, quality=90)


def _ycck() -> dict[Nasty, bytes]:
    """Pillow cannot write YCCK; TurboJPEG (simplejpeg) does. Without it the committed file is kept."""
    entry = Nasty("ycck.jpg", "CMYK stored as YCCK, inverted as Adobe does")
    try:
        import simplejpeg  # type: ignore[import-untyped,import-not-found,unused-ignore]  # noqa: PLC0415 - no dependency
    except ImportError:
        return {entry: (FOLDER / entry.name).read_bytes()}
    inverted = ImageChops.invert(picture().convert("CMYK"))
    return {entry: simplejpeg.encode_jpeg(np.ascontiguousarray(inverted), quality=90, colorspace="CMYK")}


def pngs() -> dict[Nasty, bytes]:
    """PNG: every colour type, and damage."""
    colour, grey = picture(), grey_picture()
    sixteen = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    clear = colour.convert("RGBA")
    clear.putalpha(Image.eval(grey, lambda value: 255 if value < 255 else 0))  # the white paper becomes transparent ...
    clear.paste((0, 0, 0, 0), (40, 30, 90, 60))  # ... black underneath
    clear.paste((30, 30, 220, 255), (0, 40, 32, 64))
    indexed = colour.quantize(8, dither=Image.Dither.NONE)
    white = indexed.getpixel((48, 32))
    plain = saved(colour, "PNG", dpi=(200, 200))
    huge = _png_chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0))
    return {
        Nasty("plain.png", "8-bit RGB, 200 dpi"): plain,
        Nasty("grey16.png", "16-bit grey", look="grey"): saved(sixteen, "PNG"),
        Nasty("rgb16.png", "16-bit RGB"): _rgb16_png(),
        Nasty("palette.png", "palette"): saved(indexed, "PNG"),
        Nasty("palette_clear.png", "palette, one entry transparent"): saved(indexed, "PNG", transparency=white),
        Nasty("rgba.png", "transparent where the paper should be, black underneath"): saved(clear, "PNG"),
        Nasty("key.png", "RGB with one transparent colour"): saved(colour, "PNG", transparency=(255, 255, 255)),
        Nasty("la.png", "grey with alpha", look="grey"): saved(grey.convert("LA"), "PNG"),
        Nasty("bilevel.png", "1 bit", look="any"): saved(grey.convert("1", dither=Image.Dither.NONE), "PNG"),
        Nasty("exif_6.png", "EXIF orientation in a PNG"): with_orientation("PNG", 6),
        Nasty("truncated.png", "the last third is missing", ("page_damaged",)): plain[: len(plain) * 2 // 3],
        Nasty("bad_checksum.png", "the header's checksum is wrong", ("page_damaged",)): (
            plain[:29] + b"\0\0\0\0" + plain[33:]
        ),
        Nasty("bomb.png", "claims 100000 x 100000 pixels", ("page_too_large",)): (
            plain[:8] + huge + _png_chunk(b"IDAT", zlib.compress(bytes(1000))) + _png_chunk(b"IEND", b"")
        ),
    }


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _rgb16_png() -> bytes:
    samples = (np.asarray(picture()).astype(">u2") * 257).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", *SIZE, 16, 2, 0, 0, 0)
    body = _png_chunk(b"IHDR", header) + _png_chunk(b"IDAT", zlib.compress(rows)) + _png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiffs() -> dict[Nasty, bytes]:
    """TIFF: compressions, sample layouts, directories."""
    colour, grey = picture(), grey_picture()
    bilevel = grey.convert("1", dither=Image.Dither.NONE)
    sixteen = np.asarray(grey).astype(np.uint16) * 257
    files = {
        Nasty("g4.tif", "bilevel, CCITT G4", look="any"): saved(bilevel, "TIFF", compression="group4", dpi=(300, 300)),
        Nasty("g3.tif", "bilevel, CCITT G3", look="any"): saved(bilevel, "TIFF", compression="group3"),
        Nasty("white_is_zero.tif", "bilevel G4, min-is-white", look="any"): saved(
            bilevel, "TIFF", compression="group4", tiffinfo={262: 0}
        ),
        Nasty("lzw.tif", "LZW, resolution per centimetre"): saved(
            colour, "TIFF", compression="tiff_lzw", resolution=118.11, resolution_unit="cm"
        ),
        Nasty("jpeg.tif", "JPEG inside TIFF"): saved(colour, "TIFF", compression="jpeg", quality=90),
        Nasty("deflate.tif", "deflate"): saved(colour, "TIFF", compression="tiff_adobe_deflate"),
        Nasty("cmyk.tif", "CMYK"): saved(colour.convert("CMYK"), "TIFF", compression="tiff_lzw"),
        Nasty("grey16.tif", "16-bit grey", look="grey"): saved(
            Image.fromarray(sixteen), "TIFF", compression="tiff_lzw"
        ),
        Nasty("grey16_big_endian.tif", "16-bit grey, big-endian, uncompressed", look="grey"): tiff(
            sixteen.astype(">u2").tobytes(), {258: 16}, order=">"
        ),
        Nasty("grey16_white_is_zero.tif", "16-bit grey, min-is-white", look="grey"): tiff(
            (65535 - sixteen).astype("<u2").tobytes(), {258: 16, 262: 0}
        ),
        Nasty("grey12.tif", "12-bit grey, packed", look="grey"): tiff(_packed12(grey), {258: 12}),
        Nasty("tiled.tif", "8-bit grey in tiles of 32 x 32", look="grey"): _tiled(grey),
        Nasty("rgba.tif", "RGB with alpha"): saved(colour.convert("RGBA"), "TIFF", compression="tiff_lzw"),
        Nasty("orientation_6.tif", "orientation tag 6"): saved(
            colour.transpose(Image.Transpose.ROTATE_90), "TIFF", compression="tiff_lzw", tiffinfo={274: 6}
        ),
        Nasty("float.tif", "32-bit float samples", ("page_unsupported",)): saved(
            Image.fromarray(np.asarray(grey).astype(np.float32)), "TIFF", compression="tiff_lzw"
        ),
        Nasty("big.tif", "BigTIFF"): saved(colour, "TIFF", compression="tiff_lzw", big_tiff=True),
    }
    return files | _directories()


def _directories() -> dict[Nasty, bytes]:
    colour = picture()
    three = saved(colour, "TIFF", compression="tiff_lzw", save_all=True, append_images=[colour, colour])
    first, second, third = _offsets(three)
    small = colour.resize((24, 16))
    lost_strip = _with_tag(three, second, 273, 0x7FFF0000)
    lost_size = _with_tag(three, first, 256, 0)
    looping = bytearray(three)
    looping[_next_at(three, third) : _next_at(three, third) + 4] = struct.pack("<I", first)
    dangling = bytearray(three)
    dangling[_next_at(three, second) : _next_at(three, second) + 4] = struct.pack("<I", len(three) + 100)
    thumbnail_first = saved(small, "TIFF", save_all=True, append_images=[colour], tiffinfo={254: 0})
    thumbnail_first = _with_tag(thumbnail_first, _offsets(thumbnail_first)[0], 254, 1)
    return {
        Nasty("three_pages.tif", "three pages", ("ok",) * 3): three,
        Nasty("bad_middle.tif", "the pixels of page 2 lie outside the file", ("ok", "page_damaged", "ok")): lost_strip,
        Nasty("bad_first.tif", "page 1 has no width", ("page_damaged", "ok", "ok")): lost_size,
        Nasty("loop.tif", "page 3 is followed by page 1", ("ok",) * 3): bytes(looping),
        Nasty("cut_chain.tif", "page 3 lies outside the file", ("ok", "ok", "page_damaged")): bytes(dangling),
        Nasty("thumbnail.tif", "a thumbnail before the page; it is no page"): thumbnail_first,
        Nasty("truncated.tif", "half a file: the directories are gone", ("page_damaged",)): three[: first - 20],
        Nasty("no_directory.tif", "eight bytes of header", ("page_damaged",)): three[:8],
    }


def tiff(pixels: bytes, tags: dict[int, int], order: str = "<", *, extra: bytes = b"") -> bytes:
    """Return a minimal one-strip grey TIFF; ``tags`` (all LONG) override or extend the usual ones."""
    usual = {256: SIZE[0], 257: SIZE[1], 258: 8, 259: 1, 262: 1, 277: 1, 278: SIZE[1], 279: len(pixels)}
    merged = usual | tags
    if 324 not in merged:
        merged[273] = 8
    else:
        merged.pop(278), merged.pop(279)
    directory = struct.pack(order + "H", len(merged))
    for tag in sorted(merged):
        value, number = (merged[tag], 1) if tag not in (324, 325) else (merged[tag], len(extra) // 8)
        directory += struct.pack(order + "HHII", tag, 4, number, value)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(pixels) + len(extra))
    return head + pixels + extra + directory + bytes(4)


def _packed12(grey: Image.Image) -> bytes:
    samples = np.asarray(grey).astype(np.uint16) * 16 + 15
    samples[np.asarray(grey) == 0] = 0
    pairs = samples.reshape(-1, 2)
    packed = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], axis=1)
    return packed.astype(np.uint8).tobytes()


def _tiled(grey: Image.Image) -> bytes:
    boxes = [(x, y, x + 32, y + 32) for y in range(0, 64, 32) for x in range(0, 96, 32)]
    pixels = b"".join(grey.crop(box).tobytes() for box in boxes)
    offsets = struct.pack("<6I", *(8 + 1024 * number for number in range(6)))
    counts = struct.pack("<6I", *[1024] * 6)
    at = 8 + len(pixels)
    return tiff(pixels, {322: 32, 323: 32, 324: at, 325: at + len(offsets)}, extra=offsets + counts)


def _offsets(data: bytes) -> list[int]:
    offsets = [struct.unpack_from("<I", data, 4)[0]]
    while following := struct.unpack_from("<I", data, _next_at(data, offsets[-1]))[0]:
        offsets.append(following)
    return offsets


def _next_at(data: bytes, directory: int) -> int:
    return directory + 2 + 12 * int(struct.unpack_from("<H", data, directory)[0])


def _with_tag(data: bytes, directory: int, tag: int, value: int) -> bytes:
    """Return the TIFF with one inline value overwritten, as LONG."""
    changed = bytearray(data)
    for entry in range(directory + 2, _next_at(data, directory), 12):
        if struct.unpack_from("<H", data, entry)[0] == tag:
            struct.pack_into("<HII", changed, entry + 2, 4, 1, value)
    return bytes(changed)


def others() -> dict[Nasty, bytes]:
    """JPEG 2000, WebP, BMP, GIF."""
    colour = picture()
    jp2 = saved(colour, "JPEG2000", quality_layers=[10], irreversible=True)
    webp = saved(colour, "WEBP", quality=90)
    bitmap = saved(colour, "BMP", dpi=(150, 150))
    sixteen = Image.fromarray(np.asarray(grey_picture()).astype(np.uint16) * 257)
    indexed = colour.quantize(16, dither=Image.Dither.NONE)
    gif = saved(
        indexed, "GIF", save_all=True, append_images=[Image.new("RGB", SIZE)], transparency=indexed.getpixel((48, 32))
    )
    huge_webp = b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\x3f\xff\xff\x3f" + bytes(60)
    return {
        Nasty("plain.jp2", "JPEG 2000 in a JP2 box"): jp2,
        Nasty("raw.j2k", "a raw JPEG 2000 codestream"): saved(colour, "JPEG2000", no_jp2=True),
        Nasty("grey16.jp2", "16-bit grey JPEG 2000", look="grey"): saved(sixteen, "JPEG2000"),
        Nasty("one_level.jp2", "JPEG 2000 that cannot be halved"): saved(colour, "JPEG2000", num_resolutions=1),
        Nasty("truncated.jp2", "the second half is missing", ("page_damaged",)): jp2[: len(jp2) // 2],
        Nasty("lossy.webp", "lossy WebP"): webp,
        Nasty("alpha.webp", "lossless WebP with alpha"): saved(colour.convert("RGBA"), "WEBP", lossless=True),
        Nasty("exif_8.webp", "EXIF orientation in a WebP"): with_orientation("WEBP", 8, quality=90),
        Nasty("truncated.webp", "the second half is missing", ("page_damaged",)): webp[: len(webp) // 2],
        Nasty("huge.webp", "claims 4194304 x 4194304 pixels", ("page_too_large",)): huge_webp,
        Nasty("plain.bmp", "24-bit BMP, 150 dpi"): bitmap,
        Nasty("truncated.bmp", "the second half is missing", ("page_damaged",)): bitmap[: len(bitmap) // 2],
        Nasty("animated.gif", "two frames: the first is the page"): gif,
        Nasty("truncated.gif", "the second half is missing", ("page_damaged",)): gif[:100],
        Nasty("huge.gif", "claims 65535 x 65535 pixels", ("page_too_large",)): gif[:6] + b"\xff" * 4 + gif[10:],
    }


def pdf(pages: int = 1, *, extra: str = "", trailer: str = "", box: str = "0 0 69.12 46.08") -> bytes:
    """Return a PDF whose pages show the picture at 100 dpi."""
    image = saved(picture(), "JPEG", quality=90)
    numbers = range(4, 4 + pages)
    draw = b"69.12 0 0 46.08 0 0 cm /P Do"
    objects = [
        b"<< /Type /Catalog /Pages 3 0 R >>",
        b"<< /Type /XObject /Subtype /Image /Width 96 /Height 64 /ColorSpace /DeviceRGB /BitsPerComponent 8 "
        b"/Filter /DCTDecode /Length %d >>\nstream\n" % len(image) + image + b"\nendstream",
        f"<< /Type /Pages /Count {pages} /Kids [{' '.join(f'{number} 0 R' for number in numbers)}] >>".encode(),
        *[
            f"<< /Type /Page /Parent 3 0 R /MediaBox [{box}] /Contents {4 + pages} 0 R {extra} "
            "/Resources << /XObject << /P 2 0 R >> >> >>".encode()
            for _ in numbers
        ],
        b"<< /Length %d >>\nstream\n" % len(draw) + draw + b"\nendstream",
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    end = f"trailer << /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{len(body)}\n%%EOF\n"
    return body + head + table + end.encode()


def pdfs() -> dict[Nasty, bytes]:
    """PDF."""
    lock = f"/ID [<00><00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{'41' * 32}> /U <{'42' * 32}> >>"
    two = pdf(2)
    second = two.index(b"5 0 obj\n<< /Type /Page ")
    bad_page = two[:second] + two[second:].replace(b"/Type /Page ", b"/Type /Pogo ", 1)
    return {
        Nasty("plain.pdf", "one page with a JPEG"): pdf(),
        Nasty("two_pages.pdf", "two pages", ("ok", "ok")): two,
        Nasty("rotated.pdf", "a page with /Rotate 90", look="any"): pdf(extra="/Rotate 90"),
        Nasty("mail.pdf", "lines of a mail before the header"): b"Content-Type: application/pdf\n\n" + pdf(),
        Nasty("enormous.pdf", "a page of 200 x 200 inches", look="any"): pdf(box="0 0 14400 14400"),
        Nasty("no_area.pdf", "a page without area, which is read as US letter", look="any"): pdf(box="0 0 0 0"),
        Nasty("bad_page.pdf", "page 2 is no page", ("ok", "page_damaged")): bad_page,
        Nasty("locked.pdf", "protected by a password", ("page_encrypted",)): pdf(trailer=lock),
        Nasty("truncated.pdf", "the second half is missing", ("page_damaged",)): pdf()[: len(pdf()) // 2],
        Nasty("no_pages.pdf", "a page tree without pages", ("page_damaged",)): pdf(0),
        Nasty(
            "only_header.pdf", "nothing but a header and an end", ("page_damaged",)
        ): b"%PDF-1.7\nstartxref\n0\n%%EOF",
    }


def strangers() -> dict[Nasty, bytes]:
    """What is no page at all."""
    refused = ("page_unsupported",)
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
    return {
        Nasty("empty.jpg", "no bytes", ("page_empty_file",)): b"",
        Nasty("login.jpg", "a login page", refused): b"<!DOCTYPE html>\n<html><body>Please log in</body></html>\n",
        Nasty("answer.png", "JSON", refused): json.dumps({"detail": "not found"}).encode(),
        Nasty("notes.txt", "text", refused): b"This is not a scan.\n",
        Nasty("pointer.tif", "a Git LFS pointer", refused): pointer,
        Nasty("film.mp4", "the head of a video", refused): b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(64),
        Nasty("photo.heic", "the head of a HEIC photo", refused): b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64),
        Nasty("report.docx", "the head of an office document", refused): b"PK\x03\x04\x14\0\x06\0" + bytes(64),
        Nasty("drawing.svg", "a vector drawing", refused): b'<?xml version="1.0"?>\n<svg width="9" height="9"/>\n',
        Nasty("zeros.jpg", "300 zero bytes", refused): bytes(300),
    }


def catalogue() -> dict[Nasty, bytes]:
    """Return every file with its content."""
    return jpegs() | pngs() | tiffs() | others() | pdfs() | strangers()


def main() -> None:
    """Write the files and the README."""
    lines = []
    for nasty, data in catalogue().items():
        (FOLDER / nasty.name).write_bytes(data)
        outcome = ", ".join(nasty.pages)
        lines.append(f"| `{nasty.name}` | {nasty.what} | {outcome} | {nasty.look if 'ok' in nasty.pages else ''} |")
    (FOLDER / "README.md").write_text(_README.format(table="\n".join(lines)), encoding="utf-8")


_README = """\
# Small nasty files

Files that decoders stumble over, and what must come out of each. `python -m tests.nasty.make` makes them and this
table; `tests/test_pages_nasty.py` opens them. All are made from scratch, so no licence but the project's applies.

Pages are `ok` or end with the error code given, one per page. "colour": white paper with red in the upper left,
green in the upper right and blue in the lower left; "grey": black in the upper left, mid-grey in the upper right;
"any": only the page itself is asked for.

A JPEG that was cut off and then closed with an end marker by a repair tool is not here: it cannot be told from a
whole one, and opens with a grey lower part.

| file | what is nasty | pages | picture |
|---|---|---|---|
{table}
"""

if __name__ == "__main__":
    main()
