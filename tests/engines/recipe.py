"""What the recipes in Python share: texts, how a row is written, and checks.

A recipe exits with 77 where its engine is not installed, after a line that says why.
"""
import os
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TEXTS = [path.read_text() for path in sorted((ROOT / "tests/data/prompts").glob("*.txt"))]
TEXTS += ["", " ", "a\tb\\n\r\n", "\\N", "it's \"quoted\"", "日本語 👩‍👩‍👧‍👦\u2028"]
NOT_A_BLOB = "SGVsbG8="  # base64 of "Hello"
ESCAPES = str.maketrans({"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\"})


def tsv(text):
    """A text as lprow's tsv has it."""
    return text.translate(ESCAPES)


def engine(name):
    """The module of an engine."""
    try:
        return __import__(name)
    except ImportError as error:
        print(f"skipped: {error}")
        sys.exit(77)


def same(what, got, expected):
    if got != expected:
        sys.exit(f"{what}: not what was expected: {repr(got)[:300]}")
    print(f"  {what}")


def fails(what, text, step):
    """A step raises an error that contains a text."""
    try:
        result = step()
    except Exception as error:
        if text not in str(error):
            sys.exit(f"{what}: another error: {error}")
        print(f"  {what}: {text}")
        return
    sys.exit(f"{what}: no error, but {repr(result)[:300]}")


def work_in_scratch():
    """Changes to a folder that goes at exit."""
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    os.chdir(folder.name)
    return folder
