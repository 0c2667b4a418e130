"""The files of an export, read where they lie in its ZIP; nothing is unpacked.

Only what the exporter writes is read: entries that are stored and not compressed, each name once.
A ZIP that holds anything else is refused, so that it can cost no more than its own size.
"""

from __future__ import annotations

import io
import struct
import zipfile
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from vonggac.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_FILES: Final = 20_000
"""Files of one export: a page for each hour and camera, a clip for each format."""

_LOCAL: Final = struct.Struct("<4s22xHH")
"""Of a local header: signature, lengths of name and extra (APPNOTE 4.3.7)."""


class Files(Protocol):
    """What is verified."""

    def names(self) -> list[str]:
        """Every file, in the order of the ZIP."""
        ...

    def size(self, name: str) -> int:
        """Its bytes."""
        ...

    def open(self, name: str) -> BinaryIO:
        """To be read from its start."""
        ...


class InMemory:
    """Files that are bytes already."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def names(self) -> list[str]:
        """Every file."""
        return list(self._files)

    def size(self, name: str) -> int:
        """Its bytes."""
        return len(self._files[name])

    def open(self, name: str) -> BinaryIO:
        """To be read from its start."""
        return io.BytesIO(self._files[name])


class EvidenceZip:
    """The files of a ZIP on a disk. Use it as a context manager.

    Raises:
        MalformedError: it is no ZIP as the exporter writes it.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        try:
            self._places = _places(self._file)
        except (zipfile.BadZipFile, struct.error, NotImplementedError) as error:
            self._file.close()
            raise MalformedError(f"{path.name} is no ZIP that can be read: {error}") from error
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> EvidenceZip:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; twice is harmless."""
        self._file.close()

    def names(self) -> list[str]:
        """Every file, in the order of the ZIP."""
        return list(self._places)

    def size(self, name: str) -> int:
        """Its bytes."""
        return self._places[name][1]

    def open(self, name: str) -> BinaryIO:
        """To be read from its start; one at a time."""
        start, size = self._places[name]
        return io.BufferedReader(_Slice(self._file, start, size), 1 << 20)


class _Slice(io.RawIOBase):
    """A stretch of a file."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file = file
        self._at = start
        self._end = start + size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """As `io.RawIOBase` wants it."""
        self._file.seek(self._at)
        found = self._file.read(min(len(buffer), self._end - self._at))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)


def _places(file: BinaryIO) -> dict[str, tuple[int, int]]:
    """Where each file's bytes begin in the ZIP, and how many they are."""
    places: dict[str, tuple[int, int]] = {}
    end = file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
    if len(entries) > MAX_FILES:
        raise MalformedError(f"a ZIP with {len(entries)} files; an export has {MAX_FILES} at most")
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise MalformedError(f"{entry.filename!a} is compressed or encrypted; an export is not")
        if entry.filename in places:
            raise MalformedError(f"{entry.filename!a} is in the ZIP twice")
        file.seek(entry.header_offset)
        signature, name, extra = _LOCAL.unpack(file.read(_LOCAL.size))
        start = entry.header_offset + _LOCAL.size + name + extra
        if signature != b"PK\x03\x04" or start + entry.file_size > end:
            raise MalformedError(f"{entry.filename!a} is cut off: the ZIP is not whole")
        places[entry.filename] = (start, entry.file_size)
    return places
