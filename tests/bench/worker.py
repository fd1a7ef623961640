"""A worker of scripts/bench-peers for peers that Python loads: README.md beside it
has the protocol.

usage: worker.py METHOD ENCODING RECORDS GROUPS OUT [TRAINING_RECORDS]
       worker.py --version PACKAGE
"""
import array
import functools
import importlib.metadata
import pathlib
import resource
import sys
import time

VOCAB = pathlib.Path(__file__).resolve().parent.parent.parent / "vocab"
STATES = "-used", "-others", "-new"
MIN_SECONDS = 0.1  # a run repeats until the clock has something to measure,
MAX_SECONDS = 10  # but no longer than this: some take seconds to begin anew


def records_of(path):
    with open(path, "rb") as file:
        return file.read().split(b"\0")[:-1]


def peak_begin():
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass


def peak():
    """The largest resident set since peak_begin(), in kB; elsewhere than on Linux of
    the process's whole life."""
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    except OSError:
        kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return kb // 1024 if sys.platform == "darwin" else kb


# Each packer: a function that returns (pack, unpack), two functions of bytes. Packers reuse their
# contexts for all records where their library allows it.


def lopace(method, encoding):
    from lopace import CompressionMethod, PromptCompressor
    compressor = PromptCompressor(model=encoding, zstd_level=15)
    which = CompressionMethod(method)
    # LoPace takes and gives str, and that is what it is handed.
    return lambda text: compressor.compress(text, which), \
        lambda blob: compressor.decompress(blob, which)


def zstd(level, training=None, size=112640):
    import zstandard
    options = {}
    if training:
        options["dict_data"] = zstandard.train_dictionary(size, training, d=8, steps=4,
                                                          level=level)
    return zstandard.ZstdCompressor(level=level, **options).compress, \
        zstandard.ZstdDecompressor(**options).decompress


def brotli():
    import brotli as library
    return functools.partial(library.compress, quality=11), library.decompress


def xz():
    import lzma

    def pack(data):
        # As xz -9e, but with no larger a dictionary than the record can use.
        size = max(4096, 1 << (len(data) - 1).bit_length())
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME,
                    "dict_size": min(size, 64 << 20)}]
        return lzma.compress(data, format=lzma.FORMAT_XZ, filters=filters)
    return pack, lzma.decompress


def bzip3():
    import bz3
    return lambda data: bz3.compress(data, max(65 << 10, len(data))), bz3.decompress


def ppmd():
    import pyppmd
    order, memory = 6, 16 << 20  # 7z's default

    def pack(data):
        encoder = pyppmd.Ppmd7Encoder(order, memory)
        return len(data).to_bytes(4, "little") + encoder.encode(data) + encoder.flush()

    def unpack(blob):
        size = int.from_bytes(blob[:4], "little")
        decoder = pyppmd.Ppmd7Decoder(order, memory)
        data = decoder.decode(blob[4:], size)
        while len(data) < size:  # a last byte of zero is not stored
            data += decoder.decode(b"\0", size - len(data))
        return data
    return pack, unpack


def tiktoken(encoding):
    import tiktoken as library
    tokeniser = library.get_encoding(encoding)
    return tokeniser.encode_ordinary, tokeniser.decode


def quicktok(encoding):
    import quicktok as library
    tokeniser = library.get_encoding(encoding)
    return tokeniser.encode_ordinary, tokeniser.decode


def gigatoken(encoding):
    """From tiktoken's ranks, without special tokens: it would take their text for them."""
    import gigatoken as library
    pattern = {"cl100k_base": "cl100k", "o200k_base": "o200k"}[encoding]
    ranks = VOCAB / f"{encoding}.tiktoken"
    tokeniser = library.Tokenizer.from_tiktoken(ranks, pattern, {})
    return tokeniser.encode, lambda ids: tokeniser.decode(ids).decode()


def peer(method, encoding, training):
    """(pack, unpack, takes str, gives ids)"""
    if method.startswith("lopace-"):
        return *lopace(method[len("lopace-"):], encoding), True, False
    if method.startswith("zstd-19-dict"):  # the dictionary's size may follow
        size = method[len("zstd-19-dict-"):]
        return *zstd(19, training, *([int(size)] if size else [])), False, False
    if method.startswith("zstd-"):
        return *zstd(int(method[len("zstd-"):])), False, False
    if method in ("tiktoken", "quicktok", "gigatoken"):
        return *globals()[method](encoding), True, True
    return *globals()[method](), False, False


def timed(function, groups, begin=lambda: None):
    """Seconds that each group takes, on average over as many rounds as it needs. begin() runs
    before each round and may return another function."""
    seconds, rounds, started = [0] * len(groups), 0, time.process_time()
    while rounds == 0 or (sum(seconds) < MIN_SECONDS
                          and time.process_time() - started < MAX_SECONDS):
        function = begin() or function
        for i, group in enumerate(groups):
            before = time.process_time()
            for item in group:
                function(item)
            seconds[i] += time.process_time() - before
        rounds += 1
    return [s / rounds for s in seconds]


def split(items, counts, odd=False):
    """The items of each group: all, or those of odd number."""
    items = enumerate(items)
    groups = [[next(items) for _ in range(count)] for count in counts]
    return [[item for i, item in group if not odd or i % 2] for group in groups]


def version(package):
    number = importlib.metadata.version(package)
    if package == "zstandard":
        import zstandard
        number += " (zstd %d.%d.%d)" % zstandard.ZSTD_VERSION
    return number


def main():
    if sys.argv[1] == "--version":
        print(version(sys.argv[2]))
        return
    method, encoding, path, counts, out = sys.argv[1:6]
    method, state = method.rsplit("-", 1) if method.endswith(STATES) else (method, "used")
    training = records_of(sys.argv[6]) if len(sys.argv) > 6 else None
    records = records_of(path)
    texts = [record.decode() for record in records]
    peak_begin()
    before = peak()
    pack, unpack, text, ids = peer(method, encoding, training)
    given = texts if text else records
    for item in given:
        if unpack(pack(item)) != item:
            sys.exit(f"{method}: a record was not restored")
    memory = peak() - before
    packed = [pack(item) for item in given]
    with open(out, "wb") as file:
        for item in packed:
            if ids:
                array.array("I", [len(item), *item]).tofile(file)
            else:
                file.write(b"%d\n" % len(item))
    counts = list(map(int, counts.split(",")))
    print("ready", memory, flush=True)

    def begin():
        if state == "used":
            return None
        encode = peer(method, encoding, training)[0]
        for item in given[::2] if state == "others" else []:
            encode(item)
        return encode

    groups = split(given, counts, state == "others"), split(packed, counts)
    while sys.stdin.read(1):
        print(*timed(pack, groups[0], begin), *timed(unpack, groups[1]), flush=True)


main()
