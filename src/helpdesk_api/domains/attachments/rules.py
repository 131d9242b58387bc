"""What a file may be called. Pure."""

import re
import unicodedata
from urllib.parse import quote

MAX_NAME_BYTES = 200
_RESERVED = re.compile(r"(con|prn|aux|nul|clock\$|com[0-9¹²³]|lpt[0-9¹²³]|con(in|out)\$) *(\.|$)", re.IGNORECASE)
# What no file system of a reader takes, or what a shell or a reader would be deceived by.
_FORBIDDEN = re.compile(r'[<>:"|?*]')
# Written out in its letters, an ending like this makes the file run when it is opened.
EXECUTABLE_ENDINGS = frozenset(
    {
        "apk", "app", "appimage", "application", "appref-ms", "appx", "appxbundle", "bat", "chm", "cmd", "com",
        "command", "cpl", "csh", "deb", "desktop", "diagcab", "dll", "dmg", "exe", "gadget", "hlp", "hta", "htm",
        "html", "img", "inf", "ins", "iqy", "iso", "jar", "jnlp", "js", "jse", "ksh", "library-ms", "lnk", "mht",
        "mhtml", "mjs", "msc", "msi", "msix", "msixbundle", "msp", "mst", "msu", "pif", "pkg", "ps1", "ps1xml", "ps2",
        "psc1", "psd1", "psm1", "pyw", "pyz", "pyzw", "reg", "rpm", "scf", "scr", "sct", "search-ms",
        "searchconnector-ms", "settingcontent-ms", "sh", "shtml", "svg", "svgz", "swf", "sys", "url", "vb", "vbe",
        "vbs", "vhd", "vhdx", "website", "ws", "wsc", "wsf", "wsh", "xbap", "xht", "xhtml", "xll",
    }
)  # fmt: skip


def safe_name(given: str) -> str:
    """The last part of whatever was sent, without what could deceive or break; never empty, and its ending stays.

    A folder in front is dropped, and control and direction characters with it; what Windows keeps for its devices gets
    an underscore; what is too long loses its middle.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", given))[-1]
    shown = "".join(character for character in last if not unicodedata.category(character).startswith("C"))
    name = _FORBIDDEN.sub("_", " ".join(shown.split())).strip(". ")
    if not name:
        return "file"
    if _RESERVED.match(name):
        name = f"_{name}"
    return _shortened(name)


def _shortened(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending.encode()) > MAX_NAME_BYTES // 10:
        stem, dot, ending = name, "", ""
    room = MAX_NAME_BYTES - len((dot + ending).encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip(". ") + dot + ending


def is_executable_name(name: str) -> bool:
    return name.rpartition(".")[2].lower() in EXECUTABLE_ENDINGS


def content_disposition(name: str) -> str:
    """Always an attachment (RFC 6266): a plain form for old readers, and the true one."""
    plain = re.sub(r"[^\x20-\x7e]|[\"\\%]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
