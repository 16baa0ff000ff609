"""multipart/form-data as it comes: each file part is an image."""

from __future__ import annotations

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from convwise.serve.refusals import BadRequest, TooLarge
from convwise.serve.upload import Upload

MOST_HEADERS = 8
MOST_HEADER_BYTES = 1_024
LONGEST_NAME = 255
# A part of such a name is a file even where the client tells no name of a file.
FILE_FIELDS = (b"image", b"images", b"file", b"files")


class Parts:
    """Takes a body apart while it comes.

    Args:
        boundary: between the parts, from the Content-Type.
        most: file parts; more are refused as soon as they begin.

    Raises:
        BadRequest: the boundary is none.
    """

    def __init__(self, boundary: bytes, most: int) -> None:
        self._most = most
        self._names: list[str | None] = []
        self._contents: list[bytearray] = []
        self._field, self._value = bytearray(), bytearray()
        self._disposition = b""
        self._complete = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part_begins,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_ends,
                    "on_headers_finished": self._headers_end,
                    "on_part_data": self._part_data,
                    "on_end": self._ends,
                },
                max_header_count=MOST_HEADERS,
                max_header_size=MOST_HEADER_BYTES,
            )
        except FormParserError as error:
            raise BadRequest(f"no multipart/form-data: {error}") from None

    def write(self, data: bytes) -> None:
        """Take the next piece.

        Raises:
            BadRequest: it is no multipart/form-data.
            TooLarge: there are more files than may be in one request.
        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise BadRequest(f"no multipart/form-data: {error}") from None

    def uploads(self) -> list[Upload]:
        """Return the files.

        Raises:
            BadRequest: the end is missing, or there is no file.
        """
        if not self._complete:
            raise BadRequest("the multipart body has no end: its last boundary is missing")
        if not self._contents:
            raise BadRequest("the multipart body has no file; send each image as a part with one")
        pairs = zip(self._names, self._contents, strict=True)
        return [Upload(name, bytes(content)) for name, content in pairs]

    def _part_begins(self) -> None:
        self._disposition = b""
        self._field.clear()
        self._value.clear()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_ends(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"filename", b"")
        if b"filename" not in options and options.get(b"name") not in FILE_FIELDS:
            raise BadRequest(
                "a part of the multipart body is no file; top, explain and model go into the query"
            )
        if len(self._contents) == self._most:
            raise TooLarge(f"there are more than {self._most} images; send several requests")
        self._names.append(name.decode("utf-8", "replace")[:LONGEST_NAME] or None)
        self._contents.append(bytearray())

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._contents[-1] += data[start:end]

    def _ends(self) -> None:
        self._complete = True
