"""The Python package liblopace: every call, its errors, threads, files.

usage: python3 -m unittest tests/python/test_liblopace.py, where the package is installed;
$LP_DATA is tests/data, $LP_BIN has the commands.
"""
import array
import doctest
import io
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import typing
import unittest

import liblopace
from liblopace import Codec, DataError, File, LimitError, MissingError

DATA = pathlib.Path(os.environ["LP_DATA"])
PROMPTS = [path.read_text() for path in sorted((DATA / "prompts").glob("*.txt"))]
METHODS = typing.get_args(liblopace.Method)
TEXTS = PROMPTS + ["", " ", "\0", "日本語 and 👩‍👩‍👧‍👦", "<|endoftext|>", "x" * 70000]
random.seed(24)
BYTES = [b"\xff", bytes(range(256)), *(random.randbytes(n) for n in range(1, 200, 7))]


def run(*words, **options):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, **options).stdout


class Blobs(unittest.TestCase):
    def test_any_text_by_any_method_and_encoding(self):
        for method in METHODS:
            for encoding in ("cl100k_base", "gpt-4o"):
                codec = Codec(method, encoding)
                for text in TEXTS:
                    blob = codec.pack(text)
                    self.assertTrue(liblopace.is_blob(blob))
                    self.assertEqual(codec.unpack(blob), text)
                    self.assertEqual(liblopace.unpack(blob), text)
                    self.assertEqual(codec.count_packed(blob), codec.count(text))
                    self.assertEqual(codec.unpack_ids(blob), codec.encode(text))
                for text in BYTES:
                    blob = codec.pack(text)
                    self.assertEqual(codec.unpack_bytes(blob), text)
                    self.assertEqual(codec.unpack_bytes(bytearray(blob)), text)
                    self.assertEqual(codec.unpack_bytes(memoryview(blob)), text)
                with self.assertRaises(UnicodeDecodeError):
                    codec.unpack(codec.pack(b"\xff"))

    def test_blobs_are_those_of_the_commands(self):
        for text in PROMPTS[:5]:
            blob = run("lptok", "--blob", "--text", input=text.encode())
            self.assertEqual(liblopace.pack(text, "token"), blob)
            self.assertEqual(liblopace.pack(text), run("lpmix", "--blob", input=blob))
            self.assertEqual(liblopace.pack(text, "hybrid"), run("lpzstd", "--blob", input=blob))
            self.assertEqual(run("lpunpack", input=liblopace.pack(text, "fast")), text.encode())

    def test_no_flipped_bit_gives_another_text(self):
        codec = Codec()
        blob = codec.pack(PROMPTS[0])
        for place in range(8 * len(blob)):
            damaged = bytearray(blob)
            damaged[place // 8] ^= 1 << place % 8
            try:
                self.assertEqual(codec.unpack(damaged), PROMPTS[0])
            except liblopace.Error:
                pass
        for n in range(len(blob)):
            with self.assertRaises(liblopace.Error):
                codec.unpack(blob[:n])

    def test_parents(self):
        parent = "\n".join(PROMPTS[:10])
        text = parent + " One more."
        codec = Codec("token", parent=parent)
        blob = codec.pack(text)
        self.assertLess(len(blob), 60)
        self.assertEqual(codec.unpack(blob), text)
        self.assertIsNotNone(liblopace.info(blob)["parent"])
        with self.assertRaisesRegex(MissingError, "needs the text that it was packed with, whose check is"):
            liblopace.unpack(blob)

    def test_options(self):
        plain = Codec("token").pack("Hello world")
        self.assertEqual(len(Codec("token", check=False).pack("Hello world")), len(plain) - 4)
        self.assertEqual(Codec("token", verify=False).pack("Hello world"), plain)
        self.assertEqual(Codec("token", special=True).encode("<|endoftext|>"), [100257])
        text = "".join(PROMPTS)
        self.assertLess(len(Codec("hybrid", level=19).pack(text)),
                        len(Codec("hybrid", level=-22).pack(text)))
        small = Codec("mix", memory=1 << 16)
        with self.assertRaises(LimitError):
            small.unpack(liblopace.pack("x y " * 100000))

    def test_models(self):
        with tempfile.TemporaryDirectory() as folder:
            own = os.path.join(folder, "own.lpm")
            run(DATA.parent / "other-model", os.environ["LP_MODEL"], own)
            blob = Codec(model=own).pack(PROMPTS[0])
            self.assertEqual(Codec(model=pathlib.Path(own)).pack(PROMPTS[0]), blob)
            self.assertEqual(liblopace.info(blob)["model"], liblopace.load(own))
            self.assertEqual(liblopace.unpack(blob), PROMPTS[0])
            self.assertEqual(Codec().pack(PROMPTS[0]), liblopace.pack(PROMPTS[0]))  # not by own
            code = f"import liblopace; liblopace.unpack({blob!r})"
            other = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE)
            self.assertRegex(other.stderr, b"MissingError: needs the model of cl100k_base with fingerprint [0-9a-f]{16}: load")
            with self.assertRaises(FileNotFoundError):
                liblopace.load(os.path.join(folder, "none"))
            with self.assertRaises(FileNotFoundError):
                Codec(model=os.path.join(folder, "none"))

    def test_info(self):
        blob = liblopace.pack(PROMPTS[0])
        info = liblopace.info(blob)
        self.assertEqual((info["chain"], info["vocabulary"]), ("tokens+mix", "cl100k_base"))
        self.assertEqual(info["stored_bytes"], len(blob))
        self.assertEqual(set(info), set(liblopace.Info.__annotations__))

    def test_errors(self):
        for bad, kind in ((b"", DataError), (b"abc", DataError), (liblopace.pack("x")[:-1], DataError)):
            with self.assertRaises(kind):
                liblopace.unpack(bad)
        self.assertTrue(issubclass(DataError, liblopace.Error) and issubclass(DataError, ValueError))
        for wrong in (None, 7, ["a"]):
            with self.assertRaises(TypeError):
                liblopace.pack(wrong)
        with self.assertRaises(UnicodeEncodeError):
            liblopace.pack("\ud800")
        for make in (lambda: Codec("lzma"), lambda: Codec("mix", "gpt-99"), lambda: Codec(level=23),
                     lambda: Codec("mix", "gpt2")):
            with self.assertRaises(ValueError):
                make()
        with self.assertRaises(TypeError):
            Codec(levle=3)
        with self.assertRaises(LimitError):
            Codec("token").pack(bytes((64 << 20) + 1))


class Tokens(unittest.TestCase):
    def test_ids_are_those_of_the_commands(self):
        for encoding in liblopace.encodings():
            for text in TEXTS[:12]:
                ids = liblopace.encode(text, encoding)
                words = run("lptok", "--ids", "--text", "-e", encoding, input=text.encode())
                self.assertEqual(ids, [int(word) for word in words.split()])
                self.assertEqual(liblopace.count(text, encoding), len(ids))
                self.assertEqual(liblopace.decode(ids, encoding), text)

    def test_tiktoken_has_the_same(self):
        try:
            import tiktoken
            encodings = {name: tiktoken.get_encoding(name) for name in ("cl100k_base", "o200k_base")}
        except Exception as error:
            self.skipTest(f"no tiktoken: {error}")
        for name, encoding in encodings.items():
            for text in TEXTS:
                self.assertEqual(liblopace.encode(text, name), encoding.encode_ordinary(text))

    def test_arrays_and_names(self):
        self.assertEqual(Codec("token").encode_array("Hello world"), array.array("I", [9906, 1917]))
        self.assertEqual(liblopace.encoding_name("gpt-4o"), "o200k_base")
        with self.assertRaises(ValueError):
            liblopace.encoding_name("gpt-99")

    def test_decoding_parts_of_characters(self):
        ids = liblopace.encode("👩")
        self.assertGreater(len(ids), 1)
        with self.assertRaises(UnicodeDecodeError):
            liblopace.decode(ids[:1])
        self.assertEqual(liblopace.decode(ids[:1], errors="replace"), "\ufffd")
        codec = Codec("token")
        self.assertEqual(b"".join(codec.decode_bytes([id]) for id in ids), "👩".encode())
        self.assertEqual(codec.decode(()), "")
        for wrong in ([1 << 31], [-1], [1 << 40], ["a"]):
            with self.assertRaises((ValueError, OverflowError, TypeError)):
                codec.decode(wrong)

    def test_slices(self):
        text = "one two three four"
        words = ["one", " two", " three", " four"]
        for start in (None, 0, 1, 3, 4, 9, -1, -4, -9):
            for stop in (None, 0, 2, 4, 9, -1, -9):
                self.assertEqual(liblopace.slice(text, start, stop), "".join(words[start:stop]))
        for text in TEXTS:
            if len(text) > 5000:
                continue
            for place in range(liblopace.count(text) + 1):
                self.assertEqual(liblopace.slice(text, None, place) + liblopace.slice(text, place), text)


class Batches(unittest.TestCase):
    def test_the_same_as_one_by_one(self):
        texts = TEXTS * 20  # more than are held at once
        for method in ("token", "mix"):
            codec = Codec(method)
            blobs = [codec.pack(text) for text in texts[:600]]
            for threads in (1, 2, 5):
                self.assertEqual(codec.pack_all(texts[:600], threads), blobs)
                self.assertEqual(codec.unpack_all(blobs, threads), texts[:600])
                self.assertEqual(codec.unpack_bytes_all(iter(blobs), threads), [t.encode() for t in texts[:600]])
                counts = codec.count_all((t for t in texts), threads)
                self.assertEqual(counts[:600], codec.count_packed_all(blobs, threads))
        self.assertEqual(codec.encode_all(texts[:9]), [codec.encode(text) for text in texts[:9]])
        self.assertEqual(codec.pack_all([]), [])

    def test_an_error_names_the_item(self):
        codec = Codec("token")
        blobs = [codec.pack("x")] * 1000
        blobs[777] = b"no blob"
        with self.assertRaisesRegex(DataError, "item 777: not a lopace stream or blob"):
            codec.unpack_all(blobs, 2)
        with self.assertRaises(TypeError):
            codec.pack_all(["a", None])
        for threads in (0, -1, 257):
            with self.assertRaises(ValueError):
                codec.pack_all(["a"], threads)

        def broken():
            yield "a"
            raise KeyError("mine")

        with self.assertRaises(KeyError):
            codec.pack_all(broken())

    def test_other_threads_run_meanwhile(self):
        codec = Codec()
        text = "".join(PROMPTS) * 10
        done = threading.Event()
        ticks = 0
        worker = threading.Thread(target=lambda: (codec.pack(text), done.set()))
        worker.start()
        while not done.wait(0.001):
            ticks += 1
        worker.join()
        self.assertGreater(ticks, 10)

    def test_one_codec_in_many_threads(self):
        codec = Codec("hybrid")
        blobs = [codec.pack(text) for text in TEXTS]
        wrong = []

        def work():
            for text, blob in zip(TEXTS, blobs):
                if codec.pack(text) != blob or codec.unpack(blob) != text:
                    wrong.append(text)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_a_signal_ends_a_long_call(self):
        def alarm(*_):
            raise TimeoutError

        signal.signal(signal.SIGALRM, alarm)
        codec = Codec(verify=False)
        text = random.randbytes(8 << 20)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        start = time.monotonic()
        with self.assertRaises(TimeoutError):
            codec.pack(text)
        self.assertLess(time.monotonic() - start, 5)
        self.assertEqual(codec.unpack(codec.pack("still works")), "still works")


class Streams(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "x.lp")

    def tearDown(self):
        self.folder.cleanup()

    def test_written_and_read(self):
        text = "".join(PROMPTS)
        for options in ({}, {"method": "token", "block_size": 1024}, {"method": "zstd"},
                        {"threads": 3, "block_size": 4096}, {"window": 1 << 20, "block_size": 2048},
                        {"method": "hybrid", "encoding": "gpt-4o", "level": 3}):
            with liblopace.open(self.path, "wb", **options) as stream:
                for at in range(0, len(text), 777):
                    self.assertEqual(stream.write(text[at:at + 777]),
                                     len(text[at:at + 777].encode()))
            self.assertEqual(run("lpunpack", self.path), text.encode())
            with liblopace.open(self.path) as stream:
                self.assertEqual(stream.read(), text.encode())
            with liblopace.open(self.path, "rt", threads=2) as stream:
                self.assertEqual(stream.read(10), text[:10])
                self.assertEqual(stream.read(), text[10:])

    def test_what_the_commands_write(self):
        stream = run("lptok", "-L", input="one\ntwo\n".encode())
        self.assertEqual(liblopace.open(io.BytesIO(stream), "rt").readlines(), ["one\n", "two\n"])

    def test_records(self):
        with liblopace.Writer(self.path) as writer:
            for prompt in PROMPTS:
                writer.write_record(prompt)
        with File(self.path) as file:
            self.assertEqual(len(file), len(PROMPTS))
            self.assertEqual([record.decode() for record in file], PROMPTS)
            self.assertEqual(file[-1].decode(), PROMPTS[-1])
            self.assertEqual([r.decode() for r in file[3:20:4]], PROMPTS[3:20:4])
            for place in (len(PROMPTS), -len(PROMPTS) - 1):
                with self.assertRaises(IndexError):
                    file[place]
            segment, = file.segments()
            self.assertEqual(segment["records"], len(PROMPTS))
            self.assertEqual(segment["text_bytes"], sum(len(p.encode()) for p in PROMPTS))
        with self.assertRaises(ValueError):
            file[0]
        with liblopace.open(self.path, "wt", split="lines") as stream:
            stream.write("a\nb\nc")
        with File(self.path) as file:
            self.assertEqual(list(file), [b"a\n", b"b\n", b"c"])

    def test_one_call_at_a_time(self):
        refused = []

        def alarm(*_):
            try:
                file.segments()
            except RuntimeError:
                refused.append(True)

        text = random.randbytes(2 << 20)
        with open(self.path, "wb") as there:
            for body in (b"first", text):
                with liblopace.Writer(there, "token", block_size=1024) as writer:
                    writer.write_record(body)
        with File(self.path) as file:
            signal.signal(signal.SIGALRM, alarm)
            signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
            try:
                for _ in range(200):
                    self.assertEqual(file[1], text)
                    if refused:
                        break
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            self.assertTrue(refused)
            self.assertEqual(len(file.segments()), 2)
        with self.assertRaises(ValueError):
            file.segments()

    def test_a_body_that_fails_leaves_no_whole_stream(self):
        with self.assertRaises(KeyError):
            with liblopace.Writer(self.path) as writer:
                writer.write("some text")
                raise KeyError
        with self.assertRaises(DataError):
            liblopace.open(self.path).read()
        with self.assertRaises(ValueError):
            writer.write("more")
        for mode in ("wb", "wt"):
            with self.assertRaises(KeyError):
                with liblopace.open(self.path, mode) as stream:
                    stream.write("some text")
                    raise KeyError
            with self.assertRaises(DataError):
                liblopace.open(self.path).read()

    def test_a_pipe_that_takes_no_more(self):
        read, write = os.pipe()
        os.set_blocking(write, False)
        with open(read, "rb") as there, open(write, "wb", buffering=0) as here:
            writer = liblopace.Writer(here, "token", block_size=1024)
            with self.assertRaises(BlockingIOError):
                writer.write(random.randbytes(1 << 20))
            writer.close()
            here.close()
            with self.assertRaises(DataError):
                liblopace.open(there).read()

    def test_a_pipe_that_has_no_more_yet(self):
        read, write = os.pipe()
        os.set_blocking(read, False)
        with open(read, "rb", buffering=0) as there, open(write, "wb") as here:
            reader = liblopace.Reader(there)
            self.assertIsNone(reader.read(10))
            with liblopace.Writer(here, "token") as writer:
                writer.write("text")
            here.close()
            self.assertEqual(reader.readall(), b"text")

    def test_cut_and_damaged_streams(self):
        with liblopace.Writer(self.path, "token", block_size=1024) as writer:
            writer.write("".join(PROMPTS))
        whole = pathlib.Path(self.path).read_bytes()
        for n in range(0, len(whole), 101):
            with self.assertRaises(DataError):
                liblopace.open(io.BytesIO(whole[:n])).read()
        damaged = bytearray(whole)
        damaged[len(whole) // 2] ^= 4
        reader = liblopace.open(io.BytesIO(damaged))
        with self.assertRaisesRegex(DataError, "at byte [0-9]+: "):
            reader.read()
        for cut in (whole[:-9], b""):
            pathlib.Path(self.path).write_bytes(cut)
            with self.assertRaises(DataError):
                File(self.path)
        with self.assertRaises(LimitError):
            liblopace.Reader(io.BytesIO(whole), max_text=100).readall()
        for cut in (whole[:-9], whole[:len(whole) // 2], damaged):
            reader = liblopace.open(io.BytesIO(cut))
            for again in range(3):  # never an end as if it was whole
                with self.assertRaises(DataError):
                    reader.read()

    def test_a_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        writer = liblopace.Writer("/dev/full", "token")
        with self.assertRaises(OSError):
            writer.write(random.randbytes(3 << 20))
            writer.close()

    def test_arguments(self):
        for options in ({"split": "words"}, {"threads": 0}, {"method": "lzma"}):
            with self.assertRaises(ValueError):
                liblopace.Writer(self.path, **options)
        with self.assertRaises(ValueError):
            liblopace.open(self.path, "a")
        with self.assertRaises(FileNotFoundError):
            File(self.path + ".none")


class Package(unittest.TestCase):
    def test_documented_and_typed(self):
        for name in liblopace.__all__:
            self.assertTrue(getattr(liblopace, name).__doc__, name)
        for name in dir(Codec):
            if not name.startswith("_"):
                self.assertTrue(getattr(Codec, name).__doc__, name)
        self.assertTrue((pathlib.Path(liblopace.__file__).parent / "py.typed").exists())

    def test_examples(self):
        self.assertEqual(doctest.testmod(liblopace).failed, 0)

    @unittest.skipIf("asan" in os.environ.get("LD_PRELOAD", ""), "a sanitizer keeps what is freed")
    def test_nothing_is_kept(self):
        codec = Codec("token")
        for _ in range(2):
            for _ in range(20000):
                codec.unpack(codec.pack(TEXTS[0]))
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(3):
            Codec("token").pack_all(TEXTS * 3, 2)
            for _ in range(20000):
                codec.unpack(codec.pack(TEXTS[0]))
                codec.encode(TEXTS[1])
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.assertLess(after - before, 20000)


if __name__ == "__main__":
    unittest.main()
