"""lopace_compat beside the Python package LoPace, where that is installed: the same results, and
each reads the other's blobs.

usage: as test_liblopace.py
"""
import os
import pathlib
import unittest

import liblopace
from lopace_compat import CompressionMethod, PromptCompressor

DATA = pathlib.Path(os.environ["LP_DATA"])
TEXTS = [path.read_text() for path in sorted((DATA / "prompts").glob("*.txt"))] + ["", "a", "日本語 👩‍👩‍👧‍👦"]
LOPACES = [CompressionMethod.ZSTD, CompressionMethod.TOKEN, CompressionMethod.HYBRID]

try:
    import lopace
    lopace.PromptCompressor()
    WHY = None
except Exception as error:  # not installed, or its vocabularies are not there
    WHY = f"no LoPace: {error}"


class Alone(unittest.TestCase):
    def test_there_and_back(self):
        for model in ("cl100k_base", "o200k_base"):
            ours = PromptCompressor(model)
            for text in TEXTS:
                for method in CompressionMethod:
                    self.assertEqual(ours.decompress(ours.compress(text, method), method), text)
                both = ours.compress_and_return_both(text)
                self.assertEqual(both, (text, ours.compress_hybrid(text)))

    def test_blobs_of_lopace_are_told_from_ours(self):
        ours = PromptCompressor()
        for text in TEXTS:
            for method in CompressionMethod:
                for blob in (liblopace.pack(text), liblopace.pack(text, "zstd")):
                    self.assertEqual(ours.decompress(blob, method), text)
            self.assertEqual(ours.decompress(liblopace.pack(text, encoding="o200k_base")), text)

    def test_many(self):
        ours = PromptCompressor()
        for method in CompressionMethod:
            self.assertEqual(ours.compress_many(TEXTS, method, 2),
                             [ours.compress(text, method) for text in TEXTS])

    def test_text_of_special_tokens(self):
        ours = PromptCompressor()
        for method in CompressionMethod:
            self.assertEqual(ours.decompress(ours.compress("<|endoftext|>", method), method),
                             "<|endoftext|>")

    def test_errors(self):
        for level in (0, 23):
            with self.assertRaises(ValueError):
                PromptCompressor(zstd_level=level)
        with self.assertRaises(ValueError):
            PromptCompressor("gpt-99")
        ours = PromptCompressor()
        for method in CompressionMethod:
            for bad in (b"", b"\x02ab", b"\1abc", b"nothing"):
                with self.assertRaises(ValueError):
                    ours.decompress(bad, method)
            with self.assertRaises(ValueError):
                ours.decompress(ours.compress(TEXTS[0], method)[:-1], method)
        with self.assertRaises(ValueError):
            ours.calculate_shannon_entropy("a", "word")


@unittest.skipIf(WHY, WHY)
class Beside(unittest.TestCase):
    def setUp(self):
        self.ours, self.theirs = PromptCompressor(), lopace.PromptCompressor()

    def test_the_interface_is_whole(self):
        for name in dir(lopace.PromptCompressor):
            if not name.startswith("_"):
                self.assertTrue(hasattr(PromptCompressor, name), name)
        for method in lopace.CompressionMethod:
            self.assertEqual(CompressionMethod[method.name].value, method.value)

    def test_each_reads_the_others_blobs(self):
        for text in TEXTS:
            for method in LOPACES:
                their_method = lopace.CompressionMethod(method.value)
                blob = self.theirs.compress(text, their_method)
                self.assertEqual(self.ours.decompress(blob, method), text)
                self.assertEqual(self.ours.decompress(blob, their_method), text)
                blob = self.ours.compress(text, method)
                self.assertEqual(self.theirs.decompress(blob, their_method), text)
            self.assertEqual(self.ours.compress_token(text), self.theirs.compress_token(text))

    def test_figures(self):
        for text in TEXTS:
            ours, theirs = (c.get_compression_stats(text) for c in (self.ours, self.theirs))
            self.assertEqual(ours["methods"].keys(), theirs["methods"].keys())
            self.assertEqual(ours["methods"]["token"], theirs["methods"]["token"])
            for key in ("original_size_bytes", "original_size_tokens"):
                self.assertEqual(ours[key], theirs[key])
            for unit in ("character", "byte"):
                self.assertEqual(self.ours.calculate_shannon_entropy(text, unit),
                                 self.theirs.calculate_shannon_entropy(text, unit))
                self.assertEqual(self.ours.get_theoretical_compression_limit(text, unit),
                                 self.theirs.get_theoretical_compression_limit(text, unit))


if __name__ == "__main__":
    unittest.main()
