#!/usr/bin/env bats
# The whole pipe: every encoding, splitting and chain; bounded memory; damage on the way.

load helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    {
        cat "$ROOT"/man/*.[1-9] "$ROOT/README.md"
        printf 'naïve café 日本語 🙂\r\n\0\n\n   \377\376 end'
    } > text
    tr '\n' '\0' < text > text.nul
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    ln -s "$BATS_FILE_TMPDIR"/* .
}

@test "text, tokens, zstd and back: each encoding, each splitting" {
    for encoding in gpt2 r50k_base p50k_base p50k_edit cl100k_base o200k_base o200k_harmony; do
        for options in '' -L -0 '-L --flush' '-B 1K' '--special -L -B 4K'; do
            expect_pipe 0 "lptok -e $encoding $options < text | lpzstd -3 | lpunpack"
            same out text || fail "$encoding $options"
            err_is ''
            expect_pipe 0 "lptok -e $encoding $options text | lpunpack"
            same out text || fail "$encoding $options"
        done
    done
    expect_pipe 0 'lptok -0 < text.nul | lpzstd | lpunpack'
    same out text.nul
}

@test "each record, by number, is that of the text" {
    lptok -L -B 1K text | lpzstd > lines.lp
    lptok -L text | lpzstd > one-block.lp
    n=$(listed records lines.lp)
    for i in 1 2 17 100 $((n - 1)) "$n"; do
        sed -n "${i}p" text > line
        [ "$i" -ne "$n" ] || tail -c 9 text > line # the last has no line end
        lpunpack -r "$i" lines.lp > out
        lpunpack -r "$i" one-block.lp | same - out
        [ "$i" -eq "$n" ] || same out line
    done
    lpunpack -r 1- lines.lp | same - text
    for ((i = 1; i <= n; i += 40)); do
        lpunpack -r "$i-$((i + 39 < n ? i + 39 : n))" lines.lp
    done | same - text
}

@test "the three methods, and what each saves" {
    lpzstd text > zstd.lp
    lptok text > token.lp
    lptok text | lpzstd > hybrid.lp
    for method in zstd token hybrid; do
        [ "$(size $method.lp)" -lt "$(size text)" ]
        lpunpack $method.lp | same - text
    done
    [ "$(size hybrid.lp)" -lt "$(size token.lp)" ]
    [ "$(size hybrid.lp)" -lt "$(size zstd.lp)" ]
}

@test "the same bytes, however the input comes" {
    lptok -L text > text.tok
    lpzstd text.tok > text.lp
    for size in 1 13 4096 100000; do
        dd if=text ibs=$size obs=$size status=none | lptok -L | same - text.tok
        dd if=text.tok ibs=$size obs=$size status=none | lpzstd | same - text.lp
        dd if=text.lp ibs=$size obs=$size status=none | lpunpack | same - text
    done
}

@test "streams of all chains one after the other" {
    { lptok text; lptok -L text | lpzstd; lpzstd -0 text.nul; lptok -e gpt-4o -L text; } > all.lp
    lpunpack all.lp | same - <(cat text text text.nul text)
    lpzstd all.lp | lpunpack | same - <(cat text text text.nul text)
    [ "$(lpunpack -l --json all.lp | jq 'length')" -eq 4 ]
}

@test "a pipe of any length takes bounded memory" {
    sanitized && skip 'a sanitizer needs more'
    # 32 MiB of addresses for each; 100 MB of text.
    many() {
        (yes 'All work and no play makes Jack a dull boy.' || true) | head -c 100000000
    }
    export -f many
    for command in lptok 'lptok -L' 'lptok -c' 'lptok --u32' 'lpzstd -1' 'lpzstd -L -1'; do
        expect_pipe 0 "many | (ulimit -v 32768; $command > /dev/null)"
        err_is ''
    done
    many | lptok -L > many.tok
    for command in 'lpzstd -1' lpunpack 'lpunpack -t' 'lpunpack --recover'; do
        expect_pipe 0 "(ulimit -v 32768; $command < many.tok > /dev/null)"
        err_is ''
    done
    lpunpack many.tok | same - <(many)
}

@test "each stage begins while the one before goes on" {
    expect_pipe 141 "yes 'a line' | lptok -L | lpzstd -1 | lpunpack | head -n 2"
    out_is $'a line\na line'
    err_is ''
}

@test "a stage that fails is found out by those after it" {
    lptok text > text.tok
    head -c 3000 text.tok > cut.tok
    for first in 'lptok nowhere' 'lptok text nowhere' 'lptok -L nowhere' 'lptok text.tok' \
        'lpzstd text nowhere' 'lpzstd text.tok nowhere' 'cat cut.tok'; do
        for rest in lpunpack 'lpzstd | lpunpack' 'lpzstd | lpzstd | lpunpack -t'; do
            bash -c "$first | $rest" > out 2> err && fail "$first | $rest"
            [[ $(tail -n 1 err) == lpunpack:* ]] || fail "$first | $rest"
            cmp -n "$(size out)" out text
        done
    done
}
