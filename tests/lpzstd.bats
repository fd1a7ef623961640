#!/usr/bin/env bats
# lpzstd: every option, its output and errors.

load helpers

# A text of lines (150 kB); its tokens; a dictionary for such text.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    cat "$ROOT"/lib/*/*.c | head -c 150000 > text
    lptok -L -B 16K text > text.tok
    mkdir pieces
    head -c 100000 text | split -b 500 - pieces/
    zstd -q --train pieces/* --maxdict=8192 -o dict
    rm -r pieces
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    ln -s "$BATS_FILE_TMPDIR"/* .
}

@test "a token stream: the same records in the same blocks, smaller" {
    expect 0 lpzstd text.tok
    err_is ''
    mv out z.lp
    [ "$(size z.lp)" -lt "$(size text.tok)" ]
    [ "$(listed chain z.lp)" = tokens+zstd ]
    [ "$(listed vocabulary z.lp)" = cl100k_base ]
    for field in split records blocks text_bytes; do
        [ "$(listed $field z.lp)" = "$(listed $field text.tok)" ]
    done
    lpunpack z.lp | same - text
    lpzstd < text.tok | same - z.lp
    lpzstd - < text.tok | same - z.lp
}

@test "each encoding's token stream" {
    for encoding in gpt2 r50k_base p50k_base p50k_edit o200k_base o200k_harmony; do
        lptok -e $encoding text | lpzstd > z.lp
        [ "$(listed vocabulary z.lp)" = $encoding ]
        lpunpack z.lp | same - text
    done
}

@test "text: a zstd text stream" {
    expect 0 lpzstd text
    err_is ''
    mv out z.lp
    [ "$(listed chain z.lp)" = text+zstd ]
    [ "$(listed vocabulary z.lp)" = null ]
    [ "$(listed split z.lp)" = whole ]
    [ "$(listed records z.lp)" = 1 ]
    [ "$(size z.lp)" -lt 75000 ]
    lpunpack z.lp | same - text
}

@test "text of each FILE is a record; -0 and -L split it" {
    printf 'one' > a
    printf 'two\nthree\n' > b
    lpzstd a b - < <(cat a) > z.lp
    [ "$(listed records z.lp)" = 3 ]
    lpunpack -r 2 z.lp | same - b
    for option in -L --lines; do
        lpzstd $option b a > z.lp
        [ "$(listed records z.lp)" = 3 ]
        [ "$(listed split z.lp)" = lines ]
        lpunpack z.lp | same - <(cat b a)
    done
    printf 'one\0two\0\0three' > n
    for option in -0 --null; do
        lpzstd $option n > z.lp
        [ "$(listed records z.lp)" = 4 ]
        [ "$(listed split z.lp)" = null ]
        lpunpack z.lp | same - n
    done
}

@test "any bytes at all: none, NUL, 0xFF, noise" {
    { printf x && head -c 3000 /dev/urandom; } > noise
    printf '\0' > nul
    printf '\377' > ff
    : > none
    for file in noise nul ff none; do
        lpzstd $file > z.lp
        lpunpack z.lp | same - $file
        lptok $file | lpzstd > z.lp
        lpunpack z.lp | same - $file
        lpzstd --blob $file > z.blob
        lpunpack z.blob | same - $file
        [ "$(size z.blob)" -le $(($(size $file) + 6)) ]
    done
    expect 0 lpzstd < /dev/null
    lpunpack out | same - none
}

@test "levels from -1 to -22, 15 by default" {
    previous=0
    for level in {1..22}; do
        lpzstd "-$level" text.tok > z.lp
        lpunpack z.lp | same - text
        lpzstd "--level=$level" text.tok | same - z.lp
        [ "$level" -ne 15 ] || lpzstd text.tok | same - z.lp
        [ "$level" -ne 1 ] || previous=$(size z.lp)
    done
    [ "$(size z.lp)" -lt "$previous" ] # 22 beats 1
    lpzstd -1 -0 text > z.lp # not -10
    [ "$(listed split z.lp)" = null ]
    lpzstd -1 -10 text | same - <(lpzstd -10 text) # the last one counts
    cp text -- -5
    lpzstd -- -5 | same - <(lpzstd text)
}

@test "a level is no argument of an option, nor the other way round" {
    cp text t
    for option in -o '-qo' --output --out; do
        expect 0 lpzstd -1 $option -5 t < /dev/null
        same t text
        lpzstd -1 text | same - ./-5
        rm ./-5
    done
    lpzstd -o./-5 -3 t && lpzstd -3 text | same - ./-5
    lpzstd --output=./-5 -4 t && lpzstd -4 text | same - ./-5
    refused 2 "-B: '-3' is not a size" lpzstd -B -3 t
    cp text ./-3
    lpzstd -2 -- -3 | same - <(lpzstd -2 text)
}

@test "there is no level 0, 23 or x" {
    for level in 0 23 100 -3 x ''; do
        refused 2 "--level: '$level' is not a number from 1 to 22" lpzstd --level=$level text
    done
    refused 2 "level: '23' is not a number from 1 to 22" lpzstd -23 text
    refused 2 "level: '99999999999999999999' is not" lpzstd -99999999999999999999 text
}

@test "a stream that is compressed already is compressed anew" {
    lpzstd -1 text.tok > fast.lp
    lpzstd -22 fast.lp | same - <(lpzstd -22 text.tok)
    lpzstd -1 text | lpzstd -22 | lpunpack | same - text
}

@test "a block that zstd does not make smaller stays as it is" {
    random_bytes 20000 > noise
    lpzstd noise > z.lp
    [ "$(size z.lp)" -le 20100 ]
    lpunpack z.lp | same - noise
    echo hi | lptok > small.tok
    lpzstd small.tok > small.lp
    [ "$(size small.lp)" -le "$(size small.tok)" ]
}

@test "-T and --threads change no byte" {
    lpzstd text.tok > z.lp
    for threads in 1 2 3 8 256; do
        lpzstd -T $threads text.tok | same - z.lp
        lpzstd --threads=$threads text.tok | same - z.lp
    done
    lpzstd -B 4K -L text > text.lp
    [ "$(listed blocks text.lp)" -gt 30 ]
    lpzstd -B 4K -L -T 5 text | same - text.lp
    for threads in -1 257 x; do
        refused 2 "-T: '$threads' is not a number from 0 to 256" lpzstd --threads=$threads text
    done
}

@test "-B and --block-size, of text" {
    lpzstd -B 4K text > z.lp
    [ "$(listed blocks z.lp)" -ge 37 ]
    lpunpack z.lp | same - text
    lpzstd --block-size=4096 text | same - z.lp
    refused 2 "-B: '1' is not a size from 1K to 64M bytes" lpzstd -B 1 text
}

@test "--flush, of text, passes each record on at once" {
    printf 'one\ntwo\n' > p
    lpzstd -L --flush p > z.lp
    [ "$(listed blocks z.lp)" = 2 ]
    coproc PIPE { lpzstd -L --flush | lpunpack; } 3>&-
    pid=$PIPE_PID
    for word in one two three; do
        echo $word >&"${PIPE[1]}"
        read -r -t 60 line <&"${PIPE[0]}"
        [ "$line" = $word ]
    done
    eval "exec ${PIPE[1]}>&-"
    wait "$pid"
}

@test "a token stream has its records and blocks already" {
    for option in -0 -L '-B 4K' --flush; do
        # shellcheck disable=SC2086 # words
        refused 2 'text.tok: is a lopace stream, its records and blocks are set' lpzstd $option text.tok
    done
}

# --- Dictionaries -------------------------------------------------------------

@test "-D and --dictionary: the stream names it, lpunpack needs it" {
    head -c 700 text > p
    lpzstd p > without.lp
    for option in '-D dict' --dictionary=dict; do
        # shellcheck disable=SC2086 # words
        lpzstd $option p > z.lp
        [ "$(size z.lp)" -lt "$(size without.lp)" ]
        expect 0 lpunpack -D dict z.lp
        same p out
        lpunpack --dictionary=dict z.lp | same - p
    done
    print=$(listed dictionary z.lp)
    [[ $print =~ ^[0-9a-f]{16}$ ]]
    refused 3 "z.lp: needs the dictionary with fingerprint $print" lpunpack z.lp
    refused 3 "z.lp: needs the dictionary with fingerprint $print" lpunpack -t z.lp
    refused 3 "z.lp: needs the dictionary with fingerprint $print" lpunpack -r 1 z.lp
    refused 3 "z.lp: needs the dictionary with fingerprint $print" lpunpack -D text z.lp
    lpunpack -r 1 -D dict z.lp | same - p
    lptok p | lpzstd -D dict > z.lp # tokens, with a dictionary of text: exact all the same
    lpunpack -D dict z.lp | same - p
    refused 3 "z.lp: needs the dictionary with fingerprint $print" lpunpack z.lp
}

@test "-D in a blob" {
    head -c 700 text > p
    lpzstd --blob p > without.blob
    lpzstd --blob -D dict p > z.blob
    [ "$(size z.blob)" -lt "$(size without.blob)" ]
    lpunpack -D dict z.blob | same - p
    refused 3 'z.blob: needs the dictionary with fingerprint' lpunpack z.blob
    refused 3 'z.blob: needs the dictionary with fingerprint' lpunpack -D text z.blob
}

@test "any file of up to 16 MiB is a dictionary of raw content, but not one that is plainly another" {
    head -c 1000 text > raw
    lpzstd -D raw text | lpunpack -D raw | same - text
    head -c 100000 "$B/vocab/cl100k_base.lpm" > cut.lpm
    for other in text.tok cut.lpm "$B/vocab/gpt2.lpv"; do
        refused 3 'cannot use as a dictionary or model: it is neither, or damaged' \
            lpzstd -D "$other" text
    done
    truncate -s 16777217 large
    refused 3 'large: cannot use as a dictionary' lpzstd -D large text
    : > empty
    refused 3 'empty: cannot use as a dictionary' lpzstd -D empty text
    refused 1 'nowhere: no such file, nor a model or dictionary' lpzstd -D nowhere text
    refused 1 'nowhere: no such file, nor a model or dictionary' lpunpack -D nowhere text.tok
}

# --- Blobs --------------------------------------------------------------------

@test "-M and --memory: a block of the input that needs more is refused" {
    head -c 1000000 /dev/zero | tr '\0' 'a ' | lptok > zero.lp
    for command in lpzstd lpmix; do
        fails 3 'larger than the limit allows: raise it with -M' $command -M 64K zero.lp
        fails 3 'larger than the limit allows: raise it with -M' $command --memory=64K zero.lp
        $command -M 64M zero.lp > z.lp
        lpunpack z.lp | lptok | same - zero.lp
        refused 2 '-M' $command -M 1 zero.lp
    done
}

@test "--blob of text and of a blob of tokens" {
    head -c 700 text > p
    lptok --blob p > tokens.blob
    expect 0 lpzstd --blob tokens.blob
    mv out z.blob
    [ "$(size z.blob)" -lt "$(size tokens.blob)" ]
    [ "$(lpunpack -l --json z.blob | jq -r '.[0].chain')" = tokens+zstd ]
    lpunpack z.blob | same - p
    lpzstd --blob -22 < tokens.blob | lpunpack | same - p
    expect 0 lpzstd --blob p
    mv out text.blob
    [ "$(lpunpack -l --json text.blob | jq -r '.[0].chain')" = text+zstd ]
    lpunpack text.blob | same - p
    lpzstd --blob text.blob | lpunpack | same - p
}

@test "a blob that zstd does not make smaller stays as it is" {
    printf 'Hello world' > p
    lptok --blob p > tokens.blob
    lpzstd --blob tokens.blob | same - tokens.blob
    printf '\xfb\x00\xd8\x76\xb3\x12Hello world' | same - <(lpzstd --blob p)
}

@test "--no-check saves 4 bytes of a blob" {
    head -c 700 text > p
    lpzstd --blob p > checked.blob
    lpzstd --blob --no-check p > z.blob
    [ "$(size z.blob)" = $(($(size checked.blob) - 4)) ]
    lpunpack z.blob | same - p
    lptok --blob --no-check p | lpzstd --blob --no-check --packed > z.blob
    lpunpack z.blob | same - p
    refused 2 '--no-check needs --blob' lpzstd --no-check p
}

@test "--blob takes one record" {
    text='--blob takes one record: give one FILE, without -0, -L, -B or --flush'
    refused 2 "$text" lpzstd --blob text text
    for option in -0 -L '-B 4K' --flush; do
        # shellcheck disable=SC2086 # words
        refused 2 "$text" lpzstd --blob $option text
    done
}

@test "--blob of a damaged blob" {
    head -c 700 text > p
    lptok --blob p > p.blob
    head -c 100 p.blob > cut.blob
    expect 3 lpzstd --blob cut.blob
    err_line lpzstd cut.blob
    out_is ''
}

# --- Output -------------------------------------------------------------------

@test "-o and --output" {
    lpzstd text.tok > expected
    expect 0 lpzstd -o z.lp text.tok
    out_is ''
    same z.lp expected
    expect 0 lpzstd --output=z.lp text
    lpunpack z.lp | same - text
    head -c 5000 text.tok > cut.tok
    refused 3 'cut.tok: at byte' lpzstd -o z.lp cut.tok
    lpunpack z.lp | same - text # the old one
    refused 1 'nowhere: cannot open' lpzstd -o new nowhere
    [ ! -e new ]
    [ "$(compgen -G 'z.lp.*')" = '' ]
}

@test "a full disk is one line and exit 1" {
    for options in '' --blob --help; do
        status=0
        # shellcheck disable=SC2086 # words
        lpzstd $options text > /dev/full 2> err || status=$?
        [ $status -eq 1 ]
        err_line lpzstd 'standard output: cannot write: No space left on device'
    done
}

@test "a closed pipe ends it silently" {
    expect_pipe 141 'head -c 50000000 /dev/zero | lpzstd -B 1K -1 | head -c 1'
    err_is ''
    expect 0 bash -c 'trap "" PIPE; yes text 2> yes.err |
        (lpzstd -B 1K -1; echo $? > status) | head -c 1'
    err_is ''
    [ "$(< status)" = 1 ]
}

@test "binary output to a terminal is refused" {
    for options in text.tok text '--blob text'; do
        status=0
        script -qec "lpzstd $options" typescript < /dev/null > out || status=$?
        [ "$status" -eq 2 ]
        [[ $(< out) == 'lpzstd: the output is binary and would go to a terminal: '* ]]
    done
    script -qec 'lpzstd --blob -f text' typescript < /dev/null > out
    [ "$(size out)" -gt 10000 ]
    status=0
    script -qec 'lpzstd > z.lp' typescript < /dev/null > out || status=$?
    [ "$status" -eq 2 ]
    grep -q 'lpzstd: standard input is a terminal' out
}

# --- Errors -------------------------------------------------------------------

@test "damage is found here, named, and not passed on" {
    for at in 10 60 5000 $(($(size text.tok) - 10)); do
        cp text.tok bad.tok
        printf '\xa5\x5a' | dd of=bad.tok bs=1 seek="$at" conv=notrunc 2> dd.err
        expect 3 lpzstd bad.tok
        err_line lpzstd bad.tok
        mv out z.lp
        expect 3 lpunpack z.lp
        cmp -n "$(size out)" out text
    done
}

@test "truncation is found here and not passed on" {
    for n in 4 30 100 5000 $(($(size text.tok) - 1)); do
        head -c "$n" text.tok > cut.tok
        expect 3 lpzstd cut.tok
        err_line lpzstd 'cut.tok: at byte' 'truncated data'
        mv out z.lp
        expect 3 lpunpack z.lp
    done
    # The last stage notices that the first one failed.
    for files in nowhere 'text nowhere'; do
        bash -c "lptok $files | lpzstd | lpunpack > restored" 2> err && false
        [ ! -s restored ]
    done
    grep -q '^lptok: nowhere' err
    grep -q '^lpzstd: .*truncated data' err
    grep -q '^lpunpack: .*truncated data' err
}

@test "a missing vocabulary is named" {
    mkdir none
    export LP_VOCAB_PATH=$PWD/none
    print=$(listed vocabulary text.tok)
    expect 3 lpzstd text.tok
    err_line lpzstd "text.tok: vocabulary $print with fingerprint d35ea627e528410a" "$PWD/none" LP_VOCAB_PATH
}

@test "several streams are one after the other" {
    lptok -e o200k_base text > other.tok
    cat text.tok other.tok | lpzstd > z.lp
    [ "$(lpunpack -l --json z.lp | jq -c 'map(.vocabulary)')" = '["cl100k_base","o200k_base"]' ]
    lpunpack z.lp | same - <(cat text text)
    lpzstd text.tok other.tok | same - z.lp
    lpzstd -T 3 text.tok other.tok | same - z.lp
}

@test "after any error the output has no end, not even after whole segments" {
    head -c 30 text.tok > cut.tok
    for bad in cut.tok nowhere . text; do
        status=0
        lpzstd text.tok $bad > z.lp 2> err || status=$?
        [ $status -ne 0 ]
        err_line lpzstd "$bad: "
        expect 3 lpunpack -t z.lp
        err_line lpunpack 'truncated data'
    done
    status=0
    cat text.tok cut.tok | lpzstd > z.lp 2> err || status=$?
    [ $status -eq 3 ]
    expect 3 lpunpack -t z.lp
}

@test "text and streams do not mix" {
    fails 3 'text.tok: is a lopace stream, after text: compress them separately' lpzstd text text.tok
    expect 3 lpzstd text.tok text
    err_line lpzstd 'text: is text, after a lopace stream: compress them separately'
}

@test "what cannot be read is one line and exit 1" {
    refused 1 'nowhere: cannot open: No such file or directory' lpzstd nowhere
    refused 1 '.: is a directory' lpzstd .
}

@test "wrong options are exit 2 and one line" {
    refused 2 "unknown option '-x'" lpzstd -x
    refused 2 "unknown option '-e'" lpzstd -e gpt2 text
    refused 2 "unknown option '--nothing'" lpzstd --nothing
    refused 2 "option '--dictionary' needs an argument" lpzstd -D
    refused 2 "takes no argument" lpzstd --blob=3
    refused 2 "option '--level' needs an argument" lpzstd --level
}

@test "-h and --help, -V and --version, -q and --quiet" {
    for option in -h --help; do
        expect 0 lpzstd $option
        err_is ''
        [[ $(head -n 1 out) == 'usage: lpzstd [OPTION...] [FILE...]' ]]
    done
    for option in -V --version; do
        expect 0 lpzstd $option
        grep -qx 'lpzstd (lopace) [0-9.]*' out
    done
    for option in -q --quiet; do
        lpzstd $option text.tok | same - <(lpzstd text.tok)
    done
}

@test "--format=lopace: one zstd frame that says how large its content is" {
    for level in 1 15 22; do
        lpzstd --format=lopace --level $level text > text.zst
        zstd -qdc text.zst | same - text
        zstd -lv text.zst | grep -q "Decompressed Size:.*(150000 B)"
    done
    lpzstd --format=lopace text | same - <(lpzstd --format=lopace -15 text)
    refused 2 "--format: unknown format 'zip': use lopace" lpzstd --format=zip text
    refused 2 '--format=lopace takes one record: give one FILE' lpzstd --format=lopace text text
    refused 2 '--format=lopace takes no -D' lpzstd --format=lopace -D dict text
    refused 2 '--blob and --format=lopace cannot be combined' lpzstd --format=lopace --blob text
    refused 3 'not text or a payload' lpzstd --format=lopace text.tok
}
