#!/usr/bin/env bats
# Whole pipelines: every encoding, way of splitting and chain; bounded memory; damage between
# stages.

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
    # 32 MiB of address space for each command; 100 MB of text.
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

# --- Counts ---------------------------------------------------------------------

# No count in the files has the wrong number: "1 records", "2 record".
spelled() {
    local noun='record|byte|character|token|block|line|file'
    if grep -hE "(^|[^0-9,.])1 ($noun)s\\b|(^|[^0-9])([02-9]|[0-9,]*[0-9][0-9]) ($noun)( |,|:|;|<|\$)" \
        "$@"; then fail "$*: spelled wrong"; fi
}

# says TEXT COMMAND...: its output or messages contain TEXT, and all counts agree in number.
says() {
    local text=$1
    shift
    "$@" > out 2> err || [ $? -ge 2 ]
    spelled out err
    cat out err | grep -qF -e "$text" || fail "$*: not '$text': $(head -n 5 out err)"
}

@test "0, 1 and 2 of what is counted are spelled right" {
    : > text0
    printf 'x\n' > text1
    printf 'x\ny\n' > text2
    printf 'h\377' > invalid1
    printf 'h\377\376' > invalid2
    for n in 0 1 2; do
        s=s
        [ $n -ne 1 ] || s=
        head -c $n text2 > bytes$n
        lptok bytes$n > bytes$n.lp
        lptok -L text$n > records$n.lp
        head -c $n text2 | lptok --blob > bytes$n.blob
        says "bytes$n: $n byte$s, $n character$s, $n token$s" lpstat bytes$n
        says "<p>1 record, $n byte$s, $n character$s, $n token$s of" lpstat --html bytes$n
        says "text        $n byte$s" lpstat bytes$n.lp
        says "text        $n byte$s" lpstat bytes$n.blob
        says "1 record, $n byte$s, tokens of" lpentropy bytes$n
        says "$n record$s, $n byte$s" lpentropy -L text$n
        says "-r: no record 3: records$n.lp has $n record$s (" lpunpack -r 3 records$n.lp
        says '' lpunpack -l records$n.lp
        says '' lptok -c text$n
        [ $n -gt 0 ] || continue
        { cat bytes1.lp && head -c $n text2 && cat bytes1.lp; } > junk.lp
        says "lpunpack: junk.lp: $n byte$s at byte 67: " lpunpack --recover junk.lp
        says "$n byte$s of invalid UTF-8, each counted as a character" lpstat invalid$n
        says "; $n byte$s of invalid UTF-8" lpstat --html - invalid$n
        says "$n record$s, $n byte$s; 0 held out" lptrain -L -o x.lpm text$n
        says "only $n record$s: too few" lptrain -L -o x.lpm text$n
        says "too little for a dictionary: $n record$s, " lptrain --zstd -L -o x.dict text$n
        says "$n byte$s of text: too little" lptrain --new -o x.lpm bytes$n
    done
    says '2 records, 2 bytes, 2 characters, 2 tokens' lpstat -L text2
    says '<p>2 records, 2 bytes, 2 characters, 2 tokens of' lpstat -L --html - text2
    says '<h1>2 files</h1>' lpstat --html text1 text2
}
