#!/usr/bin/env bats
# The Python package LoPace (from PyPI) reads our blobs, and we read its blobs.

load helpers

TEXTS=$DATA/golden/texts

# A Python with LoPace, and the rank files where tiktoken looks for them: under the SHA-1
# of their URL. Only packages are downloaded.
setup_file() {
    local name url
    PYTHON=$("$ROOT/scripts/pypi" "$B/lopace" lopace tiktoken 2> "$BATS_FILE_TMPDIR/why") ||
        PYTHON=
    export PYTHON TIKTOKEN_CACHE_DIR=$BATS_FILE_TMPDIR/ranks
    mkdir "$TIKTOKEN_CACHE_DIR"
    for name in r50k_base p50k_base cl100k_base o200k_base; do
        url=https://openaipublic.blob.core.windows.net/encodings/$name.tiktoken
        cp "$ROOT/vocab/$name.tiktoken" "$TIKTOKEN_CACHE_DIR/$(python3 -c '
import hashlib, sys
print(hashlib.sha1(sys.argv[1].encode()).hexdigest())' $url)"
    done
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    [[ -n $PYTHON ]] || skip "cannot install LoPace from PyPI: $(tail -n 1 "$BATS_FILE_TMPDIR/why")"
    # LoPace refuses the text of a special token, and bytes that are not UTF-8.
    sed 's/<|[a-z]*|>//' "$TEXTS/prompt" > prompt
    cp "$TEXTS/lines" "$TEXTS/sentences" .
    printf 'Hello, world' > short
    : > empty
    printf '日本語 and 👩‍👩‍👧‍👦\n' > wide
}

# lopace ENCODING METHOD FILE...: packs each FILE with a method of LoPace's PromptCompressor
# to FILE.METHOD.
lopace() {
    "$PYTHON" -c '
import sys
from lopace import PromptCompressor
encoding, method, *files = sys.argv[1:]
run = getattr(PromptCompressor(model=encoding, zstd_level=15), method)
for file in files:
    data = open(file, "rb").read()
    result = run(data.decode() if method.startswith("compress") else data)
    with open(file + "." + method, "wb") as out:
        out.write(result.encode() if isinstance(result, str) else result)' "$@"
}

FILES='prompt lines sentences short wide empty'

# restored SUFFIX: each file with the suffix restores to the file without it.
restored() {
    local file
    for file in $FILES; do
        cmp "$file.$1" "$file"
    done
}

@test "LoPace reads what lptok --format=lopace writes" {
    local file encoding
    for encoding in cl100k_base o200k_base r50k_base; do
        for file in $FILES; do
            lptok --format=lopace -e $encoding "$file" > "$file.ids"
        done
        lopace $encoding decompress_token ./*.ids
        restored ids.decompress_token
    done
}

@test "LoPace reads that compressed by zstd -15" {
    local file encoding
    for encoding in cl100k_base o200k_base; do
        for file in $FILES; do
            lptok --format=lopace -e $encoding -o "$file.ids" "$file"
            zstd -q -f -15 "$file.ids"
            # LoPace needs the size in the frame; from a pipe, zstd must be told it.
            lptok --format=lopace -e $encoding "$file" |
                zstd -q -15 --stream-size="$(size "$file.ids")" > "$file.piped"
            lptok --format=lopace -e $encoding "$file" | lpzstd --format=lopace > "$file.ours"
        done
        lopace $encoding decompress_hybrid ./*.ids.zst ./*.piped ./*.ours
        restored ids.zst.decompress_hybrid
        restored piped.decompress_hybrid
        restored ours.decompress_hybrid
    done
}

@test "LoPace reads the text that lpzstd --format=lopace compresses" {
    local file
    for file in $FILES; do
        lpzstd --format=lopace -19 "$file" > "$file.ours"
    done
    lopace cl100k_base decompress_zstd ./*.ours
    restored ours.decompress_zstd
}

@test "lptok --format=lopace writes what LoPace writes" {
    local file encoding
    for encoding in cl100k_base o200k_base; do
        # shellcheck disable=SC2086 # words
        lopace $encoding compress_token $FILES
        for file in $FILES; do
            lptok --format=lopace -e $encoding "$file" | cmp - "$file.compress_token"
        done
    done
}

@test "lpunpack reads LoPace's blobs of all three methods" {
    local file encoding method
    for encoding in cl100k_base o200k_base; do
        for method in zstd token hybrid; do
            # shellcheck disable=SC2086 # words
            lopace $encoding compress_$method $FILES
            for file in $FILES; do
                expect 0 lpunpack --from=lopace-$method -e $encoding "$file.compress_$method"
                same out "$file"
            done
        done
    done
}
