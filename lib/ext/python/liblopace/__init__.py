"""LLM prompts, stored losslessly in a fraction of their size.

    >>> import liblopace
    >>> blob = liblopace.pack("You are a helpful assistant.")
    >>> len(blob)
    9
    >>> liblopace.unpack(blob)
    'You are a helpful assistant.'
    >>> liblopace.count("You are a helpful assistant.", encoding="gpt-4o")
    6

A blob is one record on its own, for a database cell: :func:`pack`, :func:`unpack` and
:class:`Codec`. A stream holds many records in one file: :func:`open` and :class:`File`. The
commands of lopace read and write the same blobs and streams.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, Literal, Self, TypedDict, Union, overload

from . import _lp
from ._lp import DataError, Error, LimitError, MissingError, is_blob

__all__ = [
    "Codec", "DataError", "Error", "File", "Info", "LimitError", "MissingError", "Reader",
    "Segment", "Writer", "count", "decode", "encode", "encoding_name", "encodings", "info",
    "is_blob", "load", "open", "pack", "slice", "unpack", "unpack_bytes",
]

__version__: str = _lp.version

#: How a text is packed. ``mix`` is the smallest, ``token`` the fastest; where a simpler form of a
#: text is smaller, that is stored.
Method = Literal["mix", "fast", "hybrid", "token", "zstd"]
Text = Union[str, bytes, bytearray, memoryview]
Data = Union[bytes, bytearray, memoryview]
Path = Union[str, "os.PathLike[str]"]

_TEXT, _TEXT_ZSTD, _TOKENS, _TOKENS_ZSTD, _TOKENS_MIX = range(5)
_CHAINS = {"mix": _TOKENS_MIX, "fast": _TOKENS_MIX, "hybrid": _TOKENS_ZSTD, "token": _TOKENS,
           "zstd": _TEXT_ZSTD}
_CHAIN_NAMES = ("text", "text+zstd", "tokens", "tokens+zstd", "tokens+mix")
_SPLITS = {"whole": 0, "null": 1, "lines": 2}
_SPLIT_NAMES = tuple(_SPLITS)
_PACK, _UNPACK, _UNPACK_BYTES, _COUNT, _COUNT_PACKED, _ENCODE, _IDS = range(7)

_lp.add_data(os.path.join(os.path.dirname(__file__), "data"))


def _options(method: str, encoding: str, model: Path | None, level: int,
             **others: Any) -> dict[str, Any]:
    if method not in _CHAINS:
        raise ValueError(f"unknown method {method!r}: use one of {', '.join(_CHAINS)}")
    if not -22 <= level <= 22:
        raise ValueError("level must be from -22 to 22")
    return dict(chain=_CHAINS[method], fast=method == "fast", encoding=encoding,
                model=None if model is None else os.fspath(model), level=level, **others)


class Codec(_lp.Codec):
    """Packs, unpacks and counts one text at a time.

    Make one and keep it: it holds the tokeniser's memo and the compressors. It may be used by any
    number of threads, and others run while it works on more than 2 kB, or packs, or mixes.

    :param method: how :meth:`pack` packs.
    :param encoding: an encoding such as ``cl100k_base``, or a language model such as ``gpt-4o``.
    :param model: the path of a model, or of a zstd dictionary for ``hybrid`` and ``zstd``, instead
        of the model that comes with the package.
    :param parent: a text that those to be packed repeat: what they share with it takes nearly no
        room, and unpacking them needs it again.
    :param level: of zstd, from -22 to 22; 0 means 15.
    :param special: the text of a special token, such as ``<|endoftext|>``, becomes that token.
    :param check: a blob has a checksum of 4 bytes, which notices damage.
    :param verify: each blob is restored and compared with the text before it is returned.
    :param memory: the most that unpacking a blob may need, in bytes; 0 means 1 GiB.
    """

    def __new__(cls, method: Method = "mix", encoding: str = "cl100k_base", *,
                model: Path | None = None, parent: Text | None = None, level: int = 0,
                special: bool = False, check: bool = True, verify: bool = True,
                memory: int = 0) -> Self:
        options = _options(method, encoding, model, level, special=special, unchecked=not check,
                           unverified=not verify, memory=memory)
        if parent is None:
            return super().__new__(cls, **options)
        return super().__new__(cls, _bytes(parent), **options)

    def encode_array(self, text: Text) -> array[int]:
        """The token ids of a text as an array, which numpy takes as it is."""
        return array("I", self.encode(text))

    def decode(self, ids: Sequence[int], errors: str = "strict") -> str:
        """The text of tokens. A part of a text may end within a character: ``errors`` says what
        becomes of it, as for :meth:`bytes.decode`."""
        return self.decode_bytes(ids).decode("utf-8", errors)

    def pack_all(self, texts: Iterable[Text], threads: int = 1) -> list[bytes]:
        """Packs many texts, in parallel. The blobs do not depend on the number of threads."""
        return self._many(_PACK, texts, threads)

    def unpack_all(self, blobs: Iterable[Data], threads: int = 1) -> list[str]:
        """Restores many texts, in parallel. An error names the place of the blob."""
        return self._many(_UNPACK, blobs, threads)

    def unpack_bytes_all(self, blobs: Iterable[Data], threads: int = 1) -> list[bytes]:
        """Restores many texts that may not be UTF-8, in parallel."""
        return self._many(_UNPACK_BYTES, blobs, threads)

    def count_all(self, texts: Iterable[Text], threads: int = 1) -> list[int]:
        """Counts the tokens of many texts, in parallel."""
        return self._many(_COUNT, texts, threads)

    def count_packed_all(self, blobs: Iterable[Data], threads: int = 1) -> list[int]:
        """Counts the tokens of many blobs, as :meth:`count_packed` does."""
        return self._many(_COUNT_PACKED, blobs, threads)

    def encode_all(self, texts: Iterable[Text], threads: int = 1) -> list[list[int]]:
        """The token ids of many texts, found in parallel."""
        return self._many(_ENCODE, texts, threads)


def _bytes(text: Text) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)


# --- One text at a time ---------------------------------------------------------------------

_codecs: dict[tuple[str, str], Codec] = {}


def _codec(method: str, encoding: str) -> Codec:
    codec = _codecs.get((method, encoding))
    if codec is None:
        codec = Codec(method, encoding)  # type: ignore[arg-type]
        _codecs[method, encoding] = codec
    return codec


def pack(text: Text, method: Method = "mix", encoding: str = "cl100k_base") -> bytes:
    """Packs a text, or bytes, as a blob for a database cell. :class:`Codec` has more options."""
    return _codec(method, encoding).pack(text)


def unpack(blob: Data) -> str:
    """Restores the text of a blob, whatever it was packed by. Nothing is returned that is not
    right by its checksum."""
    return _codec("token", "cl100k_base").unpack(blob)


def unpack_bytes(blob: Data) -> bytes:
    """Restores a text that may not be UTF-8."""
    return _codec("token", "cl100k_base").unpack_bytes(blob)


def count(text: Text, encoding: str = "cl100k_base") -> int:
    """Counts the tokens of a text. It equals ``len(encode(text))``."""
    return _codec("token", encoding).count(text)


def encode(text: Text, encoding: str = "cl100k_base") -> list[int]:
    """The token ids of a text, as tiktoken's ``encode_ordinary()`` gives them."""
    return _codec("token", encoding).encode(text)


def decode(ids: Sequence[int], encoding: str = "cl100k_base", errors: str = "strict") -> str:
    """The text of tokens. ``errors`` is as for :meth:`bytes.decode`."""
    return _codec("token", encoding).decode(ids, errors)


def slice(text: Text, start: int | None = None, stop: int | None = None,
          encoding: str = "cl100k_base") -> str:
    """The tokens of a text from ``start`` to before ``stop``, as a slice of a list has them:
    ``slice(text, None, 100)`` is at most 100 tokens. No character is cut: an end that is within
    one moves to where it begins, or, if it is negative, to where the next one begins."""
    return _codec("token", encoding).slice(text, start, stop)


class Info(TypedDict):
    """What a blob says of itself."""

    chain: str
    vocabulary: str | None
    dictionary: str | None
    model: str | None
    parent: str | None
    check: str | None
    payload_bytes: int
    stored_bytes: int


def info(blob: Data) -> Info:
    """What a blob says of itself; nothing is unpacked."""
    said = _lp.info(blob)
    said["chain"] = _CHAIN_NAMES[said["chain"]]
    return said  # type: ignore[return-value]


def load(path: Path) -> str:
    """Opens a model or zstd dictionary for whatever needs it from now on, and returns its
    fingerprint. Those that ``lptrain --install`` installed are found without."""
    return _lp.load(os.fspath(path))


def encodings() -> list[str]:
    """The names of all encodings."""
    return _lp.encodings()


def encoding_name(name: str) -> str:
    """The encoding of a language model, such as ``gpt-4o``, or an encoding's own name."""
    return _lp.encoding_name(name)


# --- Streams --------------------------------------------------------------------------------

_PIECE = 1 << 16


class Writer(io.RawIOBase):
    """A file object that packs what is written to it as a stream.

    The stream is whole once :meth:`close` has returned. After an exception, or where the body of
    a ``with`` statement raises one, it has no end, and whatever reads it notices.

    :param file: an open binary file, which is not closed, or a path.
    :param split: where records end: ``whole`` (where :meth:`end_record` says so), ``null`` or
        ``lines``.
    :param block_size: bytes of text that are packed together, 0 means 1 MiB.
    :param flush: each record ends its block, and is written at once.
    :param threads: blocks that are packed in parallel.
    :param window: blocks copy what repeats of so many bytes before them.
    """

    def __init__(self, file: Path | BinaryIO, method: Method = "mix",
                 encoding: str = "cl100k_base", *, model: Path | None = None, level: int = 0,
                 split: Literal["whole", "null", "lines"] = "whole", block_size: int = 0,
                 flush: bool = False, threads: int = 1, window: int = 0,
                 verify: bool = True) -> None:
        super().__init__()
        if split not in _SPLITS:
            raise ValueError(f"unknown split {split!r}: use one of {', '.join(_SPLITS)}")
        if not 1 <= threads <= 256:
            raise ValueError("threads must be from 1 to 256")
        self._stream = _lp.Writer(**_options(
            method, encoding, model, level, split=_SPLITS[split], block_size=block_size,
            flush=flush, threads=threads, window=window, unverified=not verify))
        self._file, self._owned = _open_binary(file, "wb")
        self._failed = False

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while len(view) > 0:
            n = self._file.write(view)
            if n is None and isinstance(self._file, io.RawIOBase):
                raise BlockingIOError(errno.EAGAIN, "the file takes no more without waiting")
            view = view[len(view) if n is None else n:]

    def _do(self, step: Any, *args: Any) -> None:
        if self.closed:
            raise ValueError("write to closed file")
        try:
            self._put(step(*args))
        except BaseException:
            self._failed = True
            raise

    def writable(self) -> bool:
        return True

    def write(self, text: Text) -> int:  # type: ignore[override]
        """Takes text, as ``str`` or bytes; returns the number of bytes."""
        data = text.encode() if isinstance(text, str) else text
        self._do(self._stream.push, data)
        return memoryview(data).nbytes

    def end_record(self) -> None:
        """Ends a record, where ``split`` is ``whole``."""
        self._do(self._stream.end_record)

    def write_record(self, text: Text) -> None:
        """Writes a text that is a record of its own."""
        self.write(text)
        self.end_record()

    def __exit__(self, kind: Any, *rest: Any) -> None:
        self._failed = self._failed or kind is not None
        self.close()

    def close(self) -> None:
        """Writes the end of the stream."""
        if self.closed or not hasattr(self, "_owned"):
            return
        try:
            if not self._failed:
                self._do(self._stream.finish)
                self._file.flush()
        finally:
            super().close()
            if self._owned:
                self._file.close()


class _TextWriter(io.TextIOWrapper):
    """Takes ``str`` alone, as a text file does."""

    def __init__(self, writer: Writer) -> None:
        super().__init__(writer, encoding="utf-8", newline="")  # type: ignore[type-var]
        self._writer = writer

    def __exit__(self, kind: Any, *rest: Any) -> None:
        self._writer._failed = self._writer._failed or kind is not None
        self.close()


class Reader(io.RawIOBase):
    """A file object of the text of a stream. Nothing is read from it that is not right by its
    checksum; at the end of a stream that was cut short it raises :class:`DataError`.

    :param file: an open binary file, which is not closed, or a path.
    :param memory: the most that blocks may need, in bytes; 0 means 1 GiB.
    :param max_text: the most text that is restored; 0 means any.
    :param threads: blocks that are restored in parallel.
    """

    def __init__(self, file: Path | BinaryIO, *, memory: int = 0, max_text: int = 0,
                 threads: int = 1) -> None:
        super().__init__()
        if not 1 <= threads <= 256:
            raise ValueError("threads must be from 1 to 256")
        self._stream = _lp.Reader(memory=memory, max_text=max_text, threads=threads)
        self._file, self._owned = _open_binary(file, "rb")
        self._text = memoryview(b"")
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.closed:
            raise ValueError("read of closed file")
        while len(self._text) == 0 and not self._ended:
            data = self._file.read(_PIECE)
            if data is None:  # the file has no more without waiting
                return None
            self._text = memoryview(self._stream.push(data) if data else self._stream.finish())
            self._ended = not data  # unless that has raised, which is to be seen again
        room = memoryview(buffer).cast("B")
        n = min(len(room), len(self._text))
        room[:n] = self._text[:n]
        self._text = self._text[n:]
        return n

    def close(self) -> None:
        if not self.closed and getattr(self, "_owned", False):
            self._file.close()
        super().close()


def _open_binary(file: Path | BinaryIO, mode: str) -> tuple[BinaryIO, bool]:
    if isinstance(file, (str, os.PathLike)):
        return builtins.open(file, mode), True  # type: ignore[return-value]
    return file, False


@overload
def open(file: Path | BinaryIO, mode: Literal["r", "rb"] = ..., **options: Any) -> io.BufferedReader: ...
@overload
def open(file: Path | BinaryIO, mode: Literal["w", "wb"], **options: Any) -> Writer: ...
@overload
def open(file: Path | BinaryIO, mode: Literal["rt", "wt"], **options: Any) -> io.TextIOWrapper: ...
def open(file: Path | BinaryIO, mode: str = "rb", **options: Any) -> Any:
    """Opens a stream as :func:`gzip.open` does: ``rb`` or ``wb`` for bytes, ``rt`` or ``wt`` for
    text. ``options`` are those of :class:`Reader` and :class:`Writer`."""
    kind = mode.replace("b", "")
    if kind in ("r", "rt"):
        reader = io.BufferedReader(Reader(file, **options), _PIECE)
        return io.TextIOWrapper(reader, encoding="utf-8", newline="") if kind == "rt" else reader
    if kind in ("w", "wt"):
        writer = Writer(file, **options)
        return _TextWriter(writer) if kind == "wt" else writer
    raise ValueError(f"invalid mode {mode!r}: use rb, wb, rt or wt")


class Segment(TypedDict):
    """What a segment of a file says of itself."""

    chain: str
    vocabulary: str | None
    split: str
    records: int
    text_bytes: int
    stored_bytes: int


class File(Sequence[bytes]):
    """The records of a stream in a file, by number from 0. Only the index and the blocks that hold
    a record are read.

        with liblopace.File("log.lp") as log:
            print(len(log), log[-1])

    A record is bytes, with its line feed or NUL if it has one.
    """

    def __init__(self, path: Path, *, memory: int = 0, threads: int = 1) -> None:
        self._raw = builtins.open(path, "rb", buffering=0)
        try:
            self._file = _lp.File(self._raw.fileno(), os.fstat(self._raw.fileno()).st_size, memory,
                                  threads)
            self._n = self._file.records()
        except BaseException:
            self._raw.close()
            raise

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: builtins.slice) -> list[bytes]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, builtins.slice):
            return [self[i] for i in range(*index.indices(self._n))]
        place = index + self._n if index < 0 else index
        if not 0 <= place < self._n:
            raise IndexError(f"no record {index}: the file has {self._n}")
        if self._raw.closed:
            raise ValueError("read of closed file")
        return self._file.record(place + 1)

    def __iter__(self) -> Iterator[bytes]:
        return (self[i] for i in range(self._n))

    def segments(self) -> list[Segment]:
        """What each segment of the file says of itself."""
        if self._raw.closed:
            raise ValueError("read of closed file")
        return [{"chain": _CHAIN_NAMES[chain], "vocabulary": vocabulary,
                 "split": _SPLIT_NAMES[split], "records": records, "text_bytes": text,
                 "stored_bytes": stored}
                for chain, vocabulary, split, records, text, stored in self._file.segments()]

    def close(self) -> None:
        self._raw.close()

    def __enter__(self) -> File:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()
