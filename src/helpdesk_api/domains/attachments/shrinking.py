"""The program that makes one small picture: reads the file that it is given, writes a PNG to its output.

It stands alone, and takes its limits before it loads what reads pictures.
"""

import resource
import sys
import warnings
from io import BytesIO

_MEMORY, _CPU_SECONDS, _FILE_BYTES = 1024 * 1024 * 1024, 15, 0
_MAX_PIXELS = 50_000_000
_SIDE = 320
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from PIL import Image, ImageOps  # noqa: PLC0415 - under the limits

    warnings.simplefilter("error", Image.DecompressionBombWarning)
    Image.MAX_IMAGE_PIXELS = _MAX_PIXELS
    with Image.open(sys.argv[1], formats=_FORMATS) as picture:
        picture.draft("RGB", (2 * _SIDE, 2 * _SIDE))
        picture.thumbnail((_SIDE, _SIDE))
        small = ImageOps.exif_transpose(picture).convert("RGBA")
    # A fresh one: nothing of the file's metadata goes along.
    clean = Image.new("RGBA", small.size)
    clean.paste(small)
    made = BytesIO()
    clean.save(made, "PNG", optimize=True)
    sys.stdout.buffer.write(made.getvalue())


if __name__ == "__main__":
    main()
