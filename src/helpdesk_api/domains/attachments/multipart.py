"""The one file of a multipart/form-data body (RFC 7578), handed on as it comes."""

from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from helpdesk_api.domains.attachments.errors import InvalidMultipart, OneFileExpected, UploadIncomplete
from helpdesk_api.web.errors import UnsupportedMediaType

_FIELD = b"file"
_IDENTITY = frozenset({b"binary", b"8bit", b"7bit"})
_MAX_HEADER_BYTES = 8_192
_MAX_BOUNDARY = 200


class FilePart:
    """`feed` returns the pieces of the file that the chunk held; `name` is known as soon as the first one comes."""

    def __init__(self, content_type: str) -> None:
        """Raises `unsupported_media_type` and `invalid_multipart`."""
        media, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if media != b"multipart/form-data":
            message = "This takes multipart/form-data."
            raise UnsupportedMediaType(message, parameter="Content-Type", headers={"Accept": "multipart/form-data"})
        if not 1 <= len(boundary) <= _MAX_BOUNDARY:
            raise InvalidMultipart(parameter="Content-Type")
        self.name: str | None = None
        self._parts = 0
        self._is_over = False
        self._field, self._value = b"", b""
        self._headers: dict[bytes, bytes] = {}
        self._header_bytes = 0
        self._pieces: list[bytes] = []
        self._parser = MultipartParser(boundary, self._callbacks())

    def feed(self, chunk: bytes) -> list[bytes]:
        """Raises `invalid_multipart` and `one_file_expected`."""
        self._pieces = []
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise InvalidMultipart(str(error)[:200]) from error
        return self._pieces

    def finish(self) -> None:
        """Raises `upload_incomplete` and `one_file_expected`."""
        if not self._is_over:
            raise UploadIncomplete
        if self._parts != 1:
            raise OneFileExpected

    def _callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_part_data": self._data,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > 1:
            raise OneFileExpected

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += self._bounded(data, start, end)

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += self._bounded(data, start, end)

    def _bounded(self, data: bytes, start: int, end: int) -> bytes:
        self._header_bytes += end - start
        if self._header_bytes > _MAX_HEADER_BYTES:
            message = "The part's headers are too long."
            raise InvalidMultipart(message)
        return data[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field, self._value = b"", b""

    def _headers_finished(self) -> None:
        disposition, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if disposition != b"form-data" or options.get(b"name") != _FIELD or b"filename" not in options:
            raise OneFileExpected
        if self._headers.get(b"content-transfer-encoding", b"binary").lower() not in _IDENTITY:
            message = "An encoded part is not taken (RFC 7578, 4.7)."
            raise InvalidMultipart(message)
        self.name = options[b"filename"].decode("utf-8", "replace")

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(data[start:end])

    def _end(self) -> None:
        self._is_over = True
