"""A worker of scripts/bench-peers for peers that Python loads: README.md beside it
has the protocol.

usage: worker.py METHOD ENCODING RECORDS GROUPS OUT [TRAINING_RECORDS]
       worker.py --version PACKAGE
"""
import array
import functools
import importlib.metadata
import resource
import sys
import time

MIN_SECONDS = 0.1  # a run repeats until the clock has something to measure


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


def peer(method, encoding, training):
    """(pack, unpack, takes str, gives ids)"""
    if method.startswith("lopace-"):
        return *lopace(method[len("lopace-"):], encoding), True, False
    if method.startswith("zstd-19-dict"):  # the dictionary's size may follow
        size = method[len("zstd-19-dict-"):]
        return *zstd(19, training, *([int(size)] if size else [])), False, False
    if method.startswith("zstd-"):
        return *zstd(int(method[len("zstd-"):])), False, False
    if method in ("tiktoken", "quicktok"):
        return *globals()[method](encoding), True, True
    return *globals()[method](), False, False


def timed(function, groups):
    """Seconds that each group takes, on average over as many rounds as it needs."""
    seconds, rounds, start = [0] * len(groups), 0, time.process_time()
    while rounds == 0 or time.process_time() - start < MIN_SECONDS:
        for i, group in enumerate(groups):
            before = time.process_time()
            for item in group:
                function(item)
            seconds[i] += time.process_time() - before
        rounds += 1
    return [s / rounds for s in seconds]


def split(items, counts):
    items = iter(items)
    return [[next(items) for _ in range(count)] for count in counts]


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
    groups = split(given, map(int, counts.split(","))), split(packed, map(int, counts.split(",")))
    print("ready", memory, flush=True)
    while sys.stdin.read(1):
        print(*timed(pack, groups[0]), *timed(unpack, groups[1]), flush=True)


main()
