"""LoPace's interface on liblopace: to move, import PromptCompressor from here.

    from lopace_compat import CompressionMethod, PromptCompressor

LoPace's three methods write blobs that LoPace reads. MIX and FAST, which LoPace does not have,
write smaller ones, and ``compress_many()`` packs many at once. ``decompress()`` takes all of them,
whatever method it is told. Text that LoPace refuses, such as that of ``<|endoftext|>``, is
ordinary text here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from enum import Enum
from typing import Any

import liblopace

__all__ = ["CompressionMethod", "PromptCompressor"]


class CompressionMethod(Enum):
    """How a prompt is compressed."""

    ZSTD = "zstd"
    TOKEN = "token"
    HYBRID = "hybrid"
    MIX = "mix"
    FAST = "fast"


# LoPace's methods, by their values: members of an Enum are ten times as slow to look up.
_KINDS = {"zstd": 0, "token": 1, "hybrid": 2}


def _value(method: Any) -> str:
    """The value of one of our methods, or of LoPace's own, whose names are the same."""
    value: str = getattr(method, "_value_", method)
    return value if value in _KINDS else CompressionMethod(value).value


class PromptCompressor:
    """Compresses and decompresses prompts.

    :param model: an encoding, or a language model.
    :param zstd_level: of zstd, from 1 to 22.
    """

    def __init__(self, model: str = "cl100k_base", zstd_level: int = 15) -> None:
        if not 1 <= zstd_level <= 22:
            raise ValueError("zstd_level must be between 1 and 22")
        self.model = model
        self.zstd_level = zstd_level
        self._codec = liblopace.Codec("hybrid", model, level=zstd_level)
        self._mixers: dict[str, liblopace.Codec] = {}

    def _mixer(self, value: str) -> liblopace.Codec:
        if value not in self._mixers:
            name: liblopace.Method = "fast" if value == "fast" else "mix"
            self._mixers[value] = liblopace.Codec(name, self.model)
        return self._mixers[value]

    def compress(self, text: str, method: CompressionMethod = CompressionMethod.HYBRID) -> bytes:
        """Compresses a prompt."""
        value = _value(method)
        if value in _KINDS:
            return self._codec._lopace_pack(_KINDS[value], text)
        return self._mixer(value).pack(text)

    def decompress(self, compressed_data: bytes,
                   method: CompressionMethod = CompressionMethod.HYBRID) -> str:
        """Restores a prompt from LoPace's blob of a method, or from any blob of lopace."""
        if liblopace.is_blob(compressed_data):
            return self._codec.unpack(compressed_data)
        value = _value(method)
        if value not in _KINDS:
            raise liblopace.DataError("not a lopace blob")
        return self._codec._lopace_unpack(_KINDS[value], compressed_data)

    def compress_many(self, texts: Iterable[str],
                      method: CompressionMethod = CompressionMethod.MIX,
                      threads: int = 1) -> list[bytes]:
        """Compresses many prompts, in parallel where the method is MIX or FAST."""
        value = _value(method)
        if value in _KINDS:
            return [self.compress(text, method) for text in texts]
        return self._mixer(value).pack_all(texts, threads)

    def compress_zstd(self, text: str) -> bytes:
        """Compresses a prompt with zstd."""
        return self.compress(text, CompressionMethod.ZSTD)

    def decompress_zstd(self, compressed_blob: bytes) -> str:
        """Restores a prompt from what compress_zstd() made."""
        return self.decompress(compressed_blob, CompressionMethod.ZSTD)

    def compress_token(self, text: str) -> bytes:
        """Turns a prompt into tokens."""
        return self.compress(text, CompressionMethod.TOKEN)

    def decompress_token(self, binary_payload: bytes) -> str:
        """Restores a prompt from what compress_token() made."""
        return self.decompress(binary_payload, CompressionMethod.TOKEN)

    def compress_hybrid(self, text: str) -> bytes:
        """Turns a prompt into tokens, and compresses these with zstd."""
        return self.compress(text, CompressionMethod.HYBRID)

    def decompress_hybrid(self, blob: bytes) -> str:
        """Restores a prompt from what compress_hybrid() made."""
        return self.decompress(blob, CompressionMethod.HYBRID)

    def compress_and_return_both(
            self, text: str,
            method: CompressionMethod = CompressionMethod.HYBRID) -> tuple[str, bytes]:
        """The prompt and what it is compressed to."""
        return text, self.compress(text, method)

    def get_compression_stats(self, text: str, method: CompressionMethod | None = None) -> dict[str, Any]:
        """Sizes of a prompt, and of what a method, or each of LoPace's, makes of it."""
        size = len(text.encode())
        return {
            "original_size_bytes": size,
            "original_size_tokens": self._codec.count(text),
            "methods": {name: _saving(size, len(self.compress(text, CompressionMethod(name))))
                        for name in ([_value(method)] if method else _KINDS)},
        }

    def calculate_shannon_entropy(self, text: str, unit: str = "character") -> float:
        """The entropy of a text's characters or bytes, in bits for each, by their frequencies."""
        symbols = _symbols(text, unit)
        n = len(symbols)
        if n == 0:
            return 0.0
        shares = [k / n for k in Counter(symbols).values()]
        return -sum(p * math.log2(p) for p in shares)

    def get_theoretical_compression_limit(self, text: str,
                                          unit: str = "character") -> dict[str, float]:
        """What the entropy of single characters or bytes allows. Methods that see more than one
        at a time, as all here do, go below it."""
        size = len(text.encode())
        bits = self.calculate_shannon_entropy(text, unit)
        total = bits * len(_symbols(text, unit))
        limit = {
            "entropy_bits_per_unit": bits,
            "theoretical_min_bits": total,
            "theoretical_min_bytes": total / 8,
            "original_size_bytes": size,
            "theoretical_compression_ratio": total / 8 / size if size else 0.0,
        }
        if size:
            saved = 1 - limit["theoretical_compression_ratio"]
            limit["theoretical_space_savings_percent"] = saved * 100
        return limit


def _symbols(text: str, unit: str) -> str | bytes:
    if unit not in ("character", "byte"):
        raise ValueError(f"unknown unit {unit!r}: use character or byte")
    return text if unit == "character" else text.encode()


def _saving(size: int, packed: int) -> dict[str, float]:
    ratio = packed / size if size else 0
    return {
        "compressed_size_bytes": packed,
        "compression_ratio": ratio,
        "space_saved_percent": (1 - ratio) * 100,
        "bytes_saved": size - packed,
    }
