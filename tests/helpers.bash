# Helpers of all suites. A test runs in its own empty directory. It calls a command by its plain
# name, such as lptok, whatever TOOLPREFIX and build directory are.
# shellcheck shell=bash

ROOT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
B=${B:-build}
[[ $B == /* ]] || B=$ROOT/$B
PATH=${LP_BIN:-$B/bin}:$PATH
DATA=$ROOT/tests/data
export ROOT B PATH DATA LC_ALL=C HOME=$BATS_TMPDIR
unset LP_VOCAB_PATH LP_MODEL_PATH XDG_DATA_HOME
# A sanitizer's report must not look like one of the command's own exit codes.
export ASAN_OPTIONS=exitcode=99:$ASAN_OPTIONS UBSAN_OPTIONS=exitcode=99:$UBSAN_OPTIONS

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

fail() {
    printf '%s\n' "$@" >&2
    return 1
}

# expect STATUS COMMAND...: runs it; it exits with STATUS. Its output is in the files out and err.
expect() {
    local expected=$1 status=0
    shift
    "$@" > out 2> err || status=$?
    [[ $status == "$expected" ]] && return
    fail "$*: exit $status, not $expected" "$(head -c 2000 err | cat -v)"
}

# expect_pipe STATUS 'a | b': like expect, for a pipeline, with pipefail.
expect_pipe() {
    expect "$1" bash -o pipefail -c "$2"
}

# out_is TEXT, err_is TEXT: the last command's output is exactly TEXT and, unless TEXT is empty, a
# line feed.
out_is() {
    printf '%s' "${1:+$1$'\n'}" | cmp - out || fail "$(head -c 2000 out | cat -v)"
}
err_is() {
    printf '%s' "${1:+$1$'\n'}" | cmp - err || fail "$(head -c 2000 err | cat -v)"
}

# err_line NAME TEXT...: err is one line that begins with "NAME: " and contains each TEXT.
err_line() {
    local line text name=$1
    shift
    line=$(cat err)
    [[ $(wc -l < err) -eq 1 && $line == "$name: "* ]] || fail "not one line of $name: $line" || return
    for text; do
        [[ $line == *"$text"* ]] || fail "not '$text': $line" || return
    done
}

# fails STATUS TEXT COMMAND...: it exits with STATUS and one line of error that contains TEXT.
fails() {
    local status=$1 text=$2
    shift 2
    expect "$status" "$@" && err_line "$1" "$text"
}

# refused STATUS TEXT COMMAND...: like fails, and it writes nothing.
refused() {
    fails "$@" && out_is ''
}

# refused_by_decoder DICTIONARY FILE...: the second decoder refuses each, with a line for it.
refused_by_decoder() {
    local dictionary=$1
    shift
    expect 3 "$ROOT/tests/lpstream-decoder" ${dictionary:+-D "$dictionary"} "$@" &&
        [[ $(wc -l < err) -eq $# ]] || fail "$(cat err)"
}

same() {
    cmp "$1" "$2"
}

size() {
    wc -c < "$1" | tr -d ' '
}

# listed FIELD FILE: a field of the first segment in lpunpack -l --json.
listed() {
    lpunpack -l --json "$2" | jq -r ".[0].$1"
}

# Converts hexadecimal digits to bytes; ignores blanks, and comments after #.
unhex() {
    printf '%b' "$(sed 's/#.*//' | tr -cd '0-9a-fA-F' | sed 's/../\\x&/g')"
}

sanitized() {
    [[ ${CFLAGS-} == *sanitize* ]]
}

# lopace_python: sets LOPACE_PYTHON to a Python that has the package LoPace from PyPI, and puts the
# rank files where tiktoken looks for them. Skips the test if the package is not available.
lopace_python() {
    local venv=$B/lopace-venv name
    LOPACE_PYTHON=$venv/bin/python
    export TIKTOKEN_CACHE_DIR=$venv/ranks LOPACE_PYTHON
    if ! "$LOPACE_PYTHON" -c 'import lopace' 2> /dev/null; then
        { python3 -m venv "$venv" && timeout 120 "$venv/bin/pip" -q install --retries 1 \
            --timeout 10 lopace==0.1.5 tiktoken zstandard; } > "$BATS_TEST_TMPDIR/pip" 2>&1 ||
            skip "cannot install LoPace from PyPI: $(tail -n 1 "$BATS_TEST_TMPDIR/pip")"
    fi
    mkdir -p "$TIKTOKEN_CACHE_DIR"
    for name in gpt2 r50k_base p50k_base cl100k_base o200k_base; do
        [[ -f $ROOT/vocab/$name.tiktoken ]] || continue
        cp "$ROOT/vocab/$name.tiktoken" "$TIKTOKEN_CACHE_DIR/$(printf %s \
            "https://openaipublic.blob.core.windows.net/encodings/$name.tiktoken" |
            python3 -c 'import hashlib, sys
print(hashlib.sha1(sys.stdin.buffer.read()).hexdigest())')"
    done
}

# refute COMMAND...: it fails. (bats ignores the status of a plain "! COMMAND".)
refute() {
    if "$@"; then
        fail "$*: succeeded"
    fi
}

# sqlite_ready: makes sqlite3 find lopace.so under its plain name, and sets SQLITE_EXTENSION to its
# file. Skips the test if it has not been built.
sqlite_ready() {
    SQLITE_EXTENSION=$(ls "$B"/lib/lopace.{so,dylib} 2> /dev/null || true)
    [ -n "$SQLITE_EXTENSION" ] || skip 'lopace.so is not built: make sqlite'
    export SQLITE_EXTENSION
    REAL_SQLITE3=$(command -v sqlite3) || skip 'no sqlite3'
    export REAL_SQLITE3
    if with_lopace sqlite3 :memory: '.load lopace' 2>&1 | grep -q 'wrong ELF class'; then
        skip 'sqlite3 is for another machine'
    fi
    sqlite3() {
        with_lopace "$REAL_SQLITE3" "$@"
    }
    export -f sqlite3 with_lopace sanitized
}

# with_lopace COMMAND...: runs it where a plain name finds lopace.so. With a sanitizer, which must be
# the first library of a program, that is loaded before.
with_lopace() {
    local preload=''
    if sanitized; then
        preload=$(${CC:-cc} -print-file-name=libasan.so)
        [[ $preload == /* ]] || preload=$(${CC:-cc} -print-file-name="libclang_rt.asan-$(uname -m).so")
    fi
    LD_LIBRARY_PATH=$B/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} LD_PRELOAD=$preload "$@"
}

# random_bytes N: N bytes at random, of which the first cannot be that of a blob.
random_bytes() {
    printf n
    head -c $(($1 - 1)) /dev/urandom
}

# python_loads PYTHON: skips the test if its sqlite3 cannot load extensions.
python_loads() {
    "$1" -c 'import sqlite3; sqlite3.connect(":memory:").enable_load_extension(True)' 2> /dev/null ||
        skip "the sqlite3 of $1 loads no extensions"
}

# postgres_start: a PostgreSQL server with lopace in PG_DIR, which psql finds; with the prompts of the
# tests in it for pg_read_file(). PG_AS before a command runs it as the server's user. Skips the test
# if it cannot be. postgres_stop stops and removes it.
postgres_start() {
    local status=0
    PG_DIR=$(mktemp -d /tmp/lopace-pg.XXXXXX)
    PG_AS=$("$ROOT/scripts/postgres-server" user "$PG_DIR")
    export PG_DIR PG_AS PGHOST=$PG_DIR PGUSER=postgres PGDATABASE=test PGOPTIONS=
    "$ROOT/scripts/postgres-server" start "$PG_DIR" 2> "$BATS_FILE_TMPDIR/postgres" || status=$?
    [ $status -ne 77 ] || skip "$(< "$BATS_FILE_TMPDIR/postgres")"
    [ $status -eq 0 ] || fail "$(< "$BATS_FILE_TMPDIR/postgres")" || return
    cp -r "$DATA/prompts" "$PG_DIR"
}

postgres_stop() {
    [ -n "${PG_DIR-}" ] || return 0
    "$ROOT/scripts/postgres-server" stop "$PG_DIR" || true
    rm -rf "$PG_DIR"
}
