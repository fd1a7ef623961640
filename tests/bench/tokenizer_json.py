"""Write a vocabulary in the format of Hugging Face, for peers that read nothing else.

usage: tokenizer_json.py ENCODING < ENCODING.tiktoken > ENCODING.json

A token of the format is made of characters that stand for bytes, and of two tokens that merge to
it: those that are left of its bytes when all merges of lower rank are made.
"""
import base64
import json
import sys

WORDS = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
SUFFIX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
PATTERNS = {
    "cl100k_base": [SUFFIX, r"[^\r\n\p{L}\p{N}]?\p{L}+", r"\p{N}{1,3}",
                    r" ?[^\s\p{L}\p{N}]+[\r\n]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"],
    "o200k_base": [WORDS + "*" + LOWER + "+" + SUFFIX + "?", WORDS + "+" + LOWER + "*" + SUFFIX + "?",
                   r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)",
                   r"\s+"],
}


def characters():
    """What stands for each byte: itself in Latin-1 if that is visible, else the next from U+0100."""
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in plain else next(others)) for byte in range(256)]


def halves(token, ranks):
    """The two tokens that merge to a token, or more parts if no merges lead to it."""
    parts = [token[i:i + 1] for i in range(len(token))]
    while len(parts) > 2:
        rank, i = min((ranks.get(parts[i] + parts[i + 1], len(ranks)), i)
                      for i in range(len(parts) - 1))
        if rank >= ranks[token]:
            break
        parts[i:i + 2] = [parts[i] + parts[i + 1]]
    return parts


def main():
    ranks = {}
    for line in sys.stdin.buffer:
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    of_byte = characters()

    def text(token):
        return "".join(of_byte[byte] for byte in token)

    merges = [halves(token, ranks) for token in sorted(ranks, key=ranks.get) if len(token) > 1]
    pattern = "|".join(PATTERNS[sys.argv[1]])
    bytes_ = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
              "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated",
             "invert": False}
    json.dump({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
        "normalizer": None, "post_processor": None, "decoder": bytes_,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, bytes_]},
        "model": {"type": "BPE", "dropout": None, "unk_token": None,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {text(token): rank for token, rank in ranks.items()},
                  "merges": [[text(part) for part in parts] for parts in merges
                             if len(parts) == 2]},
    }, sys.stdout)


main()
