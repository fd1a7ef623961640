#!/usr/bin/env bats
# The Python package: the wheel, in a clean environment; its tests, also beside LoPace and tiktoken.

load helpers

# A clean virtual environment with the wheel. LOPACE is a Python with LoPace and tiktoken besides,
# if they can be had.
setup_file() {
    local name url
    export PYTHON=${PYTHON:-python3} VENV=$BATS_FILE_TMPDIR/venv TIKTOKEN_CACHE_DIR=$BATS_FILE_TMPDIR/ranks
    "$PYTHON" -c 'import sys, sysconfig, os, ensurepip
os.stat(sysconfig.get_path("include") + "/Python.h")
sys.exit(sys.version_info < (3, 11))' 2> /dev/null || return 0
    make -s -C "$ROOT" B="$B" PYTHON="$PYTHON" "$B/python/wheel" > "$BATS_FILE_TMPDIR/make" 2>&1 || {
        cat "$BATS_FILE_TMPDIR/make" >&2
        return 1
    }
    "$PYTHON" -m venv "$VENV"
    "$VENV/bin/pip" install -q --no-index --disable-pip-version-check "$B"/python/*.whl
    LOPACE=$("$ROOT/scripts/pypi" "$B/lopace" lopace tiktoken 2> "$BATS_FILE_TMPDIR/why") || LOPACE=
    export LOPACE LP_DATA=$DATA LP_MODEL=$B/vocab/cl100k_base.lpm
    mkdir "$TIKTOKEN_CACHE_DIR"
    for name in cl100k_base o200k_base; do
        url=https://openaipublic.blob.core.windows.net/encodings/$name.tiktoken
        cp "$ROOT/vocab/$name.tiktoken" "$TIKTOKEN_CACHE_DIR/$(printf %s $url | sha1sum | cut -d' ' -f1)"
    done
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    [[ -x $VENV/bin/python ]] || skip 'no Python from 3.11 on with its headers and venv'
}

# A sanitizer's library must be there before all others, and is to see Python's objects.
in_venv() {
    if sanitized; then
        export PYTHONMALLOC=malloc
        ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS LD_PRELOAD=$("${CC:-cc}" -print-file-name=libasan.so) "$@"
    else
        "$@"
    fi
}

@test "the wheel holds one module for all Pythons, which needs libc alone" {
    unzip -l "$B"/python/*.whl > list 2> /dev/null || "$PYTHON" -m zipfile -l "$B"/python/*.whl > list
    for file in liblopace/_lp.abi3.so liblopace/py.typed liblopace/_lp.pyi lopace_compat.py \
        liblopace/data/o200k_base.lpv liblopace/data/cl100k_base.lpm dist-info/licenses/LICENSE; do
        grep -q "$file" list || fail "$file"
    done
    sanitized && return
    nm -D --defined-only "$B/python/_lp.abi3.so" | awk '{ print $3 }' | same - <(echo PyInit__lp)
    if [[ $("${CC:-cc}" -print-file-name=libzstd.a) == /* ]]; then
        readelf -d "$B/python/_lp.abi3.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
            grep -vE '^(libc\.so|ld-linux|libpthread|libdl)' > others || true
        [ ! -s others ] || fail "$(cat others)"
    fi
}

@test "the same wheel every time" {
    mkdir data a b
    cp "$B/vocab/gpt2.lpv" data
    for folder in a b; do
        "$PYTHON" "$ROOT/lib/ext/python/make-wheel" 0.1.0 "$B/python/_lp.abi3.so" data $folder
        touch data/*
    done
    same a/*.whl b/*.whl
}

@test "it works without anything else" {
    echo 'import liblopace; print(liblopace.unpack(liblopace.pack("Hello")))' > hello
    [ "$(in_venv env -u PYTHONPATH "$VENV/bin/python" hello)" = Hello ]
}

@test "liblopace" {
    in_venv "$VENV/bin/python" -W error "$ROOT/tests/python/test_liblopace.py" > log 2>&1 ||
        fail "$(cat log)"
    grep -q '^OK' log
}

@test "lopace_compat" {
    in_venv "$VENV/bin/python" -W error "$ROOT/tests/python/test_lopace_compat.py" > log 2>&1 ||
        fail "$(cat log)"
}

@test "every call of malloc that fails raises MemoryError, and others what they say" {
    [ -e "$B/inject/inject.so" ] || skip 'needs glibc, and no sanitizer'
    for malloc in default malloc; do
        PYTHONMALLOC=$malloc LD_PRELOAD=$B/inject/inject.so "$VENV/bin/python" "$ROOT/tests/inject/python"
    done
}

@test "both, beside LoPace and tiktoken" {
    [[ -n $LOPACE ]] || skip "cannot install LoPace from PyPI: $(tail -n 1 "$BATS_FILE_TMPDIR/why")"
    export PYTHONPATH
    PYTHONPATH=$(echo "$VENV"/lib/python*/site-packages)
    in_venv "$LOPACE" "$ROOT/tests/python/test_lopace_compat.py" -v -k Beside > log 2>&1 || fail "$(cat log)"
    in_venv "$LOPACE" "$ROOT/tests/python/test_liblopace.py" -v -k tiktoken >> log 2>&1 ||
        fail "$(cat log)"
    refute grep -i skipped log
}
