"""Receives a multipart form whose file may be larger than memory: parsed as it arrives, kept as 1 MiB chunks.

Each chunk is a statement of its own, so that a slow upload holds neither a transaction nor a connection.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from catalog.imports.problems import UploadBroken
from catalog.imports.repository import KEEP_CHUNK
from common.database import UnitOfWork
from common.http import pieces_of
from common.problems import FieldError, InvalidInput, TooLarge, UnsupportedMediaType

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

CHUNK_BYTES = 1 << 20
MAX_BYTES = 2 << 30
MAX_FIELD_BYTES = 1024
FIELDS = frozenset({"source", "currency", "location", "dry_run", "delimiter", "encoding"})


@dataclass(slots=True)
class Form:
    """What came along: the small fields as text, and the file's name and size; None where no file came."""

    fields: dict[str, str] = field(default_factory=dict)
    file_name: str | None = None
    size: int = 0


async def receive_upload(request: Request, import_id: UUID, uow: UnitOfWork) -> Form:
    """Read the request's form and keep its file.

    Raises UnsupportedMediaType, UploadBroken, TooLarge, and InvalidInput for fields that are not known.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise UnsupportedMediaType("Send a multipart/form-data form with the parts file, source and currency.")
    receiver = _Receiver()
    parser = MultipartParser(options[b"boundary"], receiver.callbacks())
    number = 0
    try:
        async for piece in pieces_of(request, cut_off=UploadBroken):
            parser.write(piece)
            while len(receiver.data) >= CHUNK_BYTES:
                await uow.single(KEEP_CHUNK, import_id, number, bytes(receiver.data[:CHUNK_BYTES]))
                del receiver.data[:CHUNK_BYTES]
                number += 1
        parser.finalize()
    except MultipartParseError as error:
        raise UploadBroken(f"The form cannot be read: {error}.") from error
    if not receiver.ended:
        raise UploadBroken("The form ends before its last boundary; was the upload cut off?")
    if receiver.data:
        await uow.single(KEEP_CHUNK, import_id, number, bytes(receiver.data))
    return receiver.form


class _Receiver:
    """The parser's callbacks: fields into the form, the file's bytes into ``data`` until somebody takes them."""

    def __init__(self) -> None:
        self.form = Form()
        self.data = bytearray()
        self.ended = False
        self._header = b""
        self._value = b""
        self._disposition = b""
        self._name = ""
        self._text = bytearray()

    def callbacks(self) -> "MultipartCallbacks":
        """Return what the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers,
            "on_part_data": self._on_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def _begin(self) -> None:
        self._disposition = b""
        self._text.clear()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode(errors="replace")
        if self._name == "file":
            if self.form.file_name is not None:
                raise _invalid("file", "comes twice; an import reads one file")
            name = options.get(b"filename", b"").decode(errors="replace")
            self.form.file_name = "".join(each for each in name if each.isprintable())[:255] or "products.csv"
        elif self._name not in FIELDS:
            known = ", ".join(sorted(FIELDS | {"file"}))
            raise _invalid(self._name[:60] or "?", f"is no part of this form; it has {known}")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == "file":
            self.form.size += end - start
            if self.form.size > MAX_BYTES:
                raise TooLarge(f"A file may have {MAX_BYTES} bytes; split it.")
            self.data += data[start:end]
            return
        self._text += data[start:end]
        if len(self._text) > MAX_FIELD_BYTES:
            raise _invalid(self._name, f"may have {MAX_FIELD_BYTES} bytes")

    def _on_part_end(self) -> None:
        if self._name != "file":
            try:
                self.form.fields[self._name] = self._text.decode().strip()
            except UnicodeDecodeError:
                raise _invalid(self._name, "is not UTF-8") from None

    def _on_end(self) -> None:
        self.ended = True


def _invalid(name: str, detail: str) -> InvalidInput:
    return InvalidInput(f"{name} {detail}.", errors=[FieldError(f"/{name}", detail)])
