#!/usr/bin/env bats
# lpwin: every option, its output and errors; what reads, lists and recovers its streams.

load helpers

# A log of conversations, each record all that was said so far, one per line; its tokens.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    cat "$DATA"/prompts/*.txt > prompts
    awk '{ said = said $0 "\\n"; print NR ": " said; if (NR % 10 == 0) said = "" }' prompts > log
    lptok -L -B 16K log > log.tok
    lpwin -B 16K log.tok > log.win
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    ln -s "$BATS_FILE_TMPDIR"/* .
}

# The offset of each frame of a kind in a file: 48 is a header, 8x and 9x are key blocks, ax and bx
# linked blocks, 69 is an index.
frames() {
    "$ROOT/tests/lpstream-decoder" -l "$1" | awk -v kind="$2" '$2 ~ "^" kind "$" { print $1 }'
}

damage() {
    printf '\xa5\x5a' | dd of="$1" bs=1 seek="$2" conv=notrunc 2> /dev/null
}

@test "a token stream: the same records, and a copy for what repeats" {
    expect 0 lpwin -B 16K log.tok
    err_is ''
    same out log.win
    [ $((3 * $(size log.win))) -lt "$(size log.tok)" ]
    [ "$(listed chain log.win)" = tokens ]
    for field in vocabulary split records text_bytes; do
        [ "$(listed $field log.win)" = "$(listed $field log.tok)" ]
    done
    lpunpack log.win | same - log
    lpwin -B 16K < log.tok | same - log.win
    lpwin -B 16K - < log.tok | same - log.win
}

@test "lpzstd and lpmix compress the rest" {
    for packer in 'lpzstd -19' lpmix 'lpmix --fast'; do
        $packer log.tok > without
        $packer log.win > with
        [ $((5 * $(size with))) -lt $((4 * $(size without))) ]
        [ "$(listed window with)" = "$(listed window log.win)" ]
        lpunpack with | same - log
        $packer -T 3 log.win | same - with
    done
}

@test "splits and encodings, any bytes" {
    random_bytes 20000 > noise
    { cat log noise && printf '<|endoftext|>naïve 日本語\0\0\n\377 end' && head -c 9999 log; } > any
    : > none
    for options in '' -0 -L '-L -B 1K' '-0 --flush' '-e o200k_base --special -B 4K' '-e gpt2'; do
        for file in any none log noise; do
            # shellcheck disable=SC2086 # words
            lptok $options $file | lpwin -B 8K > out
            lpunpack out | same - $file || fail "$options $file"
            lpwin -B 2K -w 4K --key 8K out | lpzstd | lpunpack | same - $file || fail "$options $file"
        done
    done
}

@test "records of files" {
    printf 'one' > a
    : > b
    lptok a log b log a | lpwin -B 4K > out
    [ "$(listed records out)" = 5 ]
    lpunpack out | same - <(cat a log b log a)
    lpunpack -r 4 out | same - log
    lpunpack -r 5,3,1 out | same - <(cat a a)
}

@test "tokens stay as they are, special ones too" {
    printf 'The end.<|endoftext|>The end.<|fim_prefix|>' > special
    for i in 1 2 3 4 5 6 7 8 9; do cat special; done > many
    lptok --special many | lpwin > out
    lpunpack out | same - many
    lpentropy --json many > as-text
    lpentropy --json out > as-tokens
    refute same as-text as-tokens
    lpentropy --json <(lptok --special many) | jq 'del(.. | .file?, .files?)' |
        same - <(jq 'del(.. | .file?, .files?)' as-tokens)
    lpmix --blob out | same - <(lptok --special --blob many | lpmix --blob)
}

@test "a compressed token stream, and one that has a window" {
    lpzstd log.tok | lpwin -B 16K | same - log.win
    lpmix log.tok | lpwin -B 16K | same - log.win
    lpwin -B 16K log.win | same - log.win
    lpwin -B 4K -w 8K log.tok | lpmix | lpwin -B 16K | same - log.win
    printf 'You are a helpful assistant.' > dict
    lpzstd -D dict log.tok > d.lp
    refused 3 'd.lp: needs the dictionary' lpwin d.lp
}

@test "the blocks of the input do not matter" {
    for size in 1K 3K 64K; do
        lptok -L -B $size log | lpwin -B 16K | same - log.win
    done
    lptok -L --flush log | lpwin -B 16K | same - log.win
}

@test "several streams are one after the other, each with its window" {
    lptok -e gpt-4o log > other.tok
    cat log.tok other.tok log.tok | lpwin -B 16K > out
    [ "$(lpunpack -l --json out | jq -c 'map(.vocabulary)')" = \
        '["cl100k_base","o200k_base","cl100k_base"]' ]
    lpunpack out | same - <(cat log log log)
    lpwin -B 16K log.tok other.tok log.tok | same - out
    head -c "$(size log.win)" out | same - log.win
    tail -c "$(size log.win)" out | same - log.win
    cat log.win log.win | lpmix | lpunpack | same - <(cat log log)
}

# --- Options ------------------------------------------------------------------

@test "-w and --window: how far copies reach" {
    { cat prompts && seq 20000 && cat prompts; } > far
    lptok -L far > far.tok
    lpwin -B 4K -w 8K far.tok > near.win
    lpwin -B 4K far.tok > far.win
    [ $(($(size near.win) - $(size far.win))) -gt 8000 ]
    [ "$(listed window near.win)" = 4096 ]
    [ "$(listed window far.win)" = 33554432 ]
    lpunpack near.win | same - far
    lpwin -B 4K --window=64M far.tok | same - far.win
    for size in 2K 2049 3K 512M; do
        lpwin -B 4K -w $size far.tok | lpunpack | same - far
    done
    for size in 0 2047 513M x -2K; do
        refused 2 "-w: '$size' is not a size from 2K to 512M bytes" \
            lpwin -w "$size" log.tok
    done
}

@test "--key: after how much text a block stands by itself" {
    [ "$(listed key_blocks log.win)" = 1 ]
    lpwin -B 4K --key 16K log.tok > keys.win
    blocks=$(listed blocks keys.win) keys=$(listed key_blocks keys.win)
    [ $((4 * keys)) -ge "$blocks" ] && [ $((3 * keys)) -le "$blocks" ]
    [ "$(size keys.win)" -gt "$(size log.win)" ]
    lpunpack keys.win | same - log
    lpwin -B 4K --key 1 log.tok > all.win # each block
    [ "$(listed key_blocks all.win)" = "$(listed blocks all.win)" ]
    lpunpack all.win | same - log
    lpwin -B 16K --key 0 log.tok | same - log.win # the log is shorter than the default
    for size in x -1 2000000G; do
        refused 2 "--key: '$size' is not a size from 0 to 1048576G bytes" \
            lpwin --key "$size" log.tok
    done
}

@test "-B and --block-size" {
    lpwin -B 1K log.tok > small.win
    [ "$(listed blocks small.win)" -ge 100 ]
    lpunpack small.win | same - log
    lpwin --block-size=1024 log.tok | same - small.win
    lpwin log.tok > one.win
    [ "$(listed blocks one.win)" = 1 ]
    lpwin -B 64M log.tok | lpunpack | same - log
    for size in 1023 65M x; do
        refused 2 "-B: '$size' is not a size from 1K to 64M bytes" \
            lpwin -B "$size" log.tok
    done
}

@test "--flush ends a block at each record and passes it on at once" {
    lpwin --flush log.tok > flush.win
    [ "$(listed blocks flush.win)" = "$(listed records log.tok)" ]
    lpunpack flush.win | same - log
    coproc PIPE { lptok -L --flush | lpwin --flush | lpmix | lpunpack; } 3>&-
    pid=$PIPE_PID
    for word in one two three; do
        echo $word >&"${PIPE[1]}"
        read -r -t 60 line <&"${PIPE[0]}"
        [ "$line" = $word ]
    done
    eval "exec ${PIPE[1]}>&-"
    wait "$pid"
}

@test "-T, and the pieces that the input comes in, change no byte" {
    lpwin -B 4K log.tok > expected
    for threads in 1 2 3 8 256; do
        lpwin -B 4K -T $threads log.tok | same - expected
        lpunpack -T $threads expected | same - log
    done
    lpwin -B 4K --threads=2 log.tok | same - expected
    for piece in 1 7 1000; do
        dd if=log.tok bs=$piece 2> /dev/null | lpwin -B 4K | same - expected
    done
    lpwin -B 4K -T 0 log.tok | same - expected
    refused 2 "-T: '257' is not a number from 0 to 256" lpwin -T 257 log.tok
}

@test "--no-verify changes no byte" {
    lpwin -B 16K --no-verify log.tok | same - log.win
}

@test "-M and --memory: a block of the input that needs more is refused" {
    for option in '-M 64K' --memory=64K; do
        # shellcheck disable=SC2086 # words
        fails 3 'log.tok: at byte 38: larger than the limit allows: raise it with -M' \
            lpwin $option <(lptok log) || fails 3 'larger than the limit allows' lpwin $option log.tok
    done
    lpwin -w 64M log.tok > z.win # a window of 32 MiB of codes, and a quarter
    fails 3 'larger than the limit allows: raise it with -M' lpunpack -M 40M z.win
    lpunpack -M 42M z.win | same - log
    lpwin -w 1M log.tok | lpunpack -M 2M | same - log
}

# --- Size, time, memory -------------------------------------------------------

@test "a block ends once 1 MiB of its tokens are no copies" {
    tr -s ' \n' '\n' < prompts | awk '{ word[NR] = $0 } END { srand(4)
        for (i = 0; i < 1400000; i++) printf "%s%s", word[int(rand() * NR) + 1], i % 15 ? " " : "\n" }' > words
    lptok words | lpwin > win # each time the words of 2 MiB are added
    [[ $(listed blocks win) == $(($(size words) / (4 << 20) + 1)) ]] # 1 MiB of tokens is about 2 of text
    lpunpack win | same - words
    for i in {1..9}; do head -c 1000000 words; done > again
    lptok again | lpwin > win
    [[ $(listed blocks win) == 1 ]]
    lpunpack win | same - again
}

@test "a request of 184 kB after the one before takes 2 kB at most, as a blob too" {
    local n
    cat "$ROOT"/man/* > pages
    for n in 1 2; do
        jq -cn --argjson n $n --rawfile system pages --rawfile said prompts --rawfile new "$ROOT/README.md" \
            '{model: "m", system: $system, messages: ([{role: "user", content: $said[:40000]}]
                + if $n == 2 then [{role: "assistant", content: $new[:1500]}] else [] end)}' > request.$n
    done
    [[ $(size request.2) -gt 184000 ]]
    lptok --blob request.2 | lpwin --blob --parent request.1 | lpmix --blob > blob
    [[ $(size blob) -le 2000 ]] || fail "$(size request.2) bytes take $(size blob)"
    lpunpack --parent request.1 blob | same - request.2
    lptok -L request.1 | lpwin | lpmix > one.lp
    lptok -L request.1 request.2 | lpwin | lpmix > two.lp
    [[ $(size two.lp) -le $(($(size one.lp) + 2000)) ]]
}

@test "a parent is a text, whatever it begins with" {
    iconv -f LATIN1 -t UTF-16 prompts > wide
    { printf '\xff\xfd' && cat wide; } > parent
    lptok --blob wide > b
    for text in wide parent; do
        lpwin --blob --parent $text b > child
        [[ $(size child) -lt 100 ]]
        lpunpack --parent $text child | same - wide
    done
    lptok wide > stream
    for packed in b stream child; do
        lpwin --blob --parent $packed b > out 2> err && fail "$packed"
        err_line lpwin "$packed: "
    done
}

@test "ordinary prompts become at most 0.2% larger" {
    for size in 4K 64K 4M; do
        lptok -B $size "$DATA"/prompts/*.txt > p.tok
        with=$(lpwin -B $size p.tok | lpmix | wc -c) without=$(lpmix p.tok | wc -c)
        [ $((1000 * with)) -le $((1002 * without)) ] || fail "$size: $with, not $without"
    done
}

@test "monotony and noise cost neither time nor memory" {
    head -c 4000000 /dev/zero | tr '\0' a > letter
    head -c 3000000 /dev/urandom | base64 > sixty-four
    random_bytes 4000000 > noise
    (yes abcdefghijklmnopqrstuvwxy || true) | head -c 4000000 > period
    for file in letter sixty-four noise period; do
        lptok $file > tok
        for options in '' '-B 16K -w 64K' '-B 64M'; do
            (
                sanitized || ulimit -v 200000
                ulimit -t 20
                # shellcheck disable=SC2086 # words
                lpwin $options tok > win
            )
            lpunpack win | same - $file
            [ "$(size win)" -le $(($(size tok) + $(size tok) / 500 + 100)) ]
        done
    done
}

@test "memory does not grow with the input" {
    sanitized && skip 'a sanitizer needs more'
    seq 3000000 | lptok -L > numbers.tok
    (ulimit -v 40000 && lpwin -w 2M -B 64K numbers.tok > numbers.win)
    (ulimit -v 40000 && lpunpack numbers.win | same - <(seq 3000000))
}

# --- Reading ------------------------------------------------------------------

@test "lpunpack -t, -l, -r and lpstat" {
    lpwin -B 4K --key 32K log.tok > keys.win
    expect 0 lpunpack -t keys.win
    expect 0 lpunpack -l keys.win
    grep -q "keys.win  window 32M, $(listed key_blocks keys.win) key blocks$" out
    lpunpack -l log.win | grep -q ' 1 key block$'
    lpstat log.win | grep -qx '  window      33,554,432 bytes of codes, 1 key block'
    lpstat --csv log.win | head -n 1 | grep -q ',window,key_blocks,'
    lpunpack -l log.tok > plain
    refute grep window plain
    [ "$(listed window log.tok)" = 0 ]
    [ "$(listed key_blocks log.tok)" = "$(listed blocks log.tok)" ]
    for i in 1 2 17 100 101 $(($(wc -l < log))); do
        lpunpack -r "$i" keys.win | same - <(sed -n "${i}p" log)
        lpunpack -r "$i" log.win | same - <(sed -n "${i}p" log)
    done
    lpunpack -r 200,3,90-110 keys.win | same - <(sed -n '200p' log; sed -n 3p log; sed -n 90,110p log)
}

@test "-r reads no chain but the record's own" {
    lpwin -B 4K --key 16K log.tok > bad.win
    first=$(frames bad.win '[89].' | head -n 1)
    damage bad.win $((first + 200))
    last=$(wc -l < log)
    lpunpack -r "$last" bad.win | same - <(tail -n 1 log)
    refused 3 "bad.win: at byte $first: damaged data" lpunpack -r 1 bad.win
}

@test "damage costs at most the rest of a chain" {
    lpwin -B 4K --key 16K log.tok > good.win
    frames good.win '[89ab].' > blocks
    [ "$(wc -l < blocks)" -gt 20 ]
    while read -r at; do
        cp good.win bad.win
        damage bad.win $((at + 16))
        next=$(frames good.win '[89].' | awk -v at="$at" '$1 > at { print; exit }')
        expect 3 lpunpack bad.win
        err_line lpunpack "bad.win: at byte $at: damaged data"
        before=$(size out)
        cmp -n "$before" out log
        expect 3 lpunpack --recover bad.win
        after=$(($(size out) - before))
        tail -c $after log | same - <(tail -c $after out)
        [ -z "$next" ] || [ "$after" -gt 0 ]
        lost=$((${next:-$(frames good.win 69)} - at))
        err_line lpunpack " bytes at byte $at: damaged data: lost record"
        [ "$(grep -o '[0-9]* bytes at' err | cut -d ' ' -f 1)" -le $lost ]
    done < blocks
}

@test "truncation is found at every length" {
    for n in $(seq 100 331 $(($(size log.win) - 1))); do
        head -c "$n" log.win > cut.win
        for command in lpunpack lpwin lpmix lpzstd; do
            expect 3 $command cut.win
        done
    done
}

# --- Output -------------------------------------------------------------------

@test "-o and --output" {
    expect 0 lpwin -B 16K -o z.win log.tok
    out_is ''
    same z.win log.win
    head -c 5000 log.tok > cut.tok
    refused 3 'cut.tok: at byte' lpwin --output=z.win cut.tok
    same z.win log.win # the old one
    [ "$(compgen -G 'z.win.*')" = '' ]
    refused 2 'z.win' lpwin -o z.win z.win || refused 1 'z.win' lpwin -o z.win z.win
}

@test "a full disk is one line and exit 1, a closed pipe silent" {
    for options in log.tok --help; do
        status=0
        lpwin $options > /dev/full 2> err || status=$?
        [ $status -eq 1 ]
        err_line lpwin 'standard output: cannot write: No space left on device'
    done
    expect_pipe 141 'yes text | lptok -L | lpwin -B 4K | lpunpack | head -n 1'
    err_is ''
}

@test "binary output to a terminal is refused" {
    status=0
    script -qec 'lpwin log.tok' typescript < /dev/null > out || status=$?
    [ "$status" -eq 2 ]
    [[ $(< out) == 'lpwin: the output is binary and would go to a terminal: '* ]]
    script -qec 'lpwin -f log.tok' typescript < /dev/null > out
    [ "$(size out)" -gt 1000 ]
}

# --- Errors -------------------------------------------------------------------

@test "what is no token stream is refused, and says what to do" {
    refused 3 'log: not a token stream (make one with lptok)' lpwin log
    refused 3 'standard input: not a token stream (make one with lptok)' lpwin < /dev/null
    lpzstd log > z.lp
    refused 3 'z.lp: has text without tokens: restore it with lpunpack, then use lptok' lpwin z.lp
    head -n 1 log | lptok --blob > z.blob
    refused 3 'z.blob: is a blob: use --blob' lpwin z.blob
    refused 1 'nowhere: cannot open: No such file or directory' lpwin nowhere
    refused 1 '.: is a directory' lpwin .
}

@test "damage is found here and not passed on" {
    for at in 10 60 5000 $(($(size log.tok) - 10)); do
        cp log.tok bad.tok
        damage bad.tok "$at"
        expect 3 lpwin -B 4K bad.tok
        err_line lpwin bad.tok
        mv out z.win
        expect 3 lpunpack z.win
        cmp -n "$(size out)" out log
    done
}

@test "wrong options are exit 2 and one line" {
    refused 2 "unknown option '-x'" lpwin -x
    refused 2 "unknown option '-L'" lpwin -L log.tok
    refused 2 "unknown option '--nothing'" lpwin --nothing
    refused 2 "option '--window' needs an argument" lpwin -w
    refused 2 'takes no argument' lpwin --flush=3
}

@test "-h and --help, -V and --version, -q and --quiet" {
    for option in -h --help; do
        expect 0 lpwin $option
        err_is ''
        [[ $(head -n 1 out) == 'usage: lpwin [OPTION...] [FILE...]' ]]
    done
    for option in -V --version; do
        expect 0 lpwin $option
        grep -qx 'lpwin (lopace) [0-9.]*' out
    done
    for option in -q --quiet; do
        lpwin $option -B 16K log.tok | same - log.win
    done
}
