#!/usr/bin/env bats
# lpmix: every option, its output and errors; where it finds models and dictionaries.

load helpers

# A text of lines; its tokens, also in small blocks and in an encoding without a model;
# another model.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    cat "$DATA"/prompts/*.txt | head -c 60000 > text
    lptok -L -B 16K text > text.tok
    lptok -e r50k_base -L text > without.tok
    "$ROOT/tests/other-model" "$B/vocab/cl100k_base.lpm" other.lpm
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    ln -s "$BATS_FILE_TMPDIR"/* .
    export HOME=$PWD/home
    unset XDG_DATA_HOME LP_MODEL_PATH
}

# A field of the first row of lpunpack -l.
field() {
    lpunpack -l --json "$2" | jq -r ".[0].$1"
}

@test "a token stream: the same records in the same blocks, smaller than by zstd" {
    expect 0 lpmix text.tok
    err_is ''
    mv out z.lp
    [ "$(size z.lp)" -lt "$(lpzstd text.tok | wc -c)" ]
    [ "$(field chain z.lp)" = tokens+mix ]
    [ "$(field vocabulary z.lp)" = cl100k_base ]
    for field in split records blocks text_bytes; do
        [ "$(field $field z.lp)" = "$(field $field text.tok)" ]
    done
    lpunpack z.lp | same - text
    lpunpack -r 7 z.lp | same - <(sed -n 7p text)
    lpmix < text.tok | same - z.lp
    lpmix - < text.tok | same - z.lp
}

@test "single prompts" {
    for prompt in "$DATA"/prompts/*.txt; do
        lptok "$prompt" | lpmix > z.lp
        lpunpack z.lp | same - "$prompt"
        lptok -e gpt-4o "$prompt" | lpmix > z.lp
        lpunpack z.lp | same - "$prompt"
        lptok --blob "$prompt" | lpmix --blob > z.blob
        lpunpack z.blob | same - "$prompt"
        [ "$(size z.blob)" -le $(($(lptok --blob "$prompt" | lpzstd --blob | wc -c) + 1)) ]
    done
}

@test "any bytes at all: none, NUL, 0xFF, noise, the same a thousand times" {
    random_bytes 3000 > noise
    printf '\0' > nul
    printf '\377' > ff
    : > none
    yes | head -c 100000 > repeated
    head -c 100000 /dev/zero > zero
    for file in noise nul ff none repeated zero; do
        for fast in '' --fast; do
            # shellcheck disable=SC2086 # words
            lptok $file | lpmix $fast > z.lp
            lpunpack z.lp | same - $file
            [ "$(size z.lp)" -le $(($(lptok $file | lpzstd | wc -c) + 1)) ]
            lptok --blob $file | lpmix --blob $fast > z.blob
            lpunpack z.blob | same - $file
            [ "$(size z.blob)" -le $(($(lptok --blob $file | lpzstd --blob | wc -c) + 1)) ]
        done
    done
}

@test "records of files, of lines, with NUL" {
    printf 'one' > a
    printf 'two\nthree\n' > b
    lptok a b text a | lpmix > z.lp
    [ "$(field records z.lp)" = 4 ]
    lpunpack z.lp | same - <(cat a b text a)
    lpunpack -r 3 z.lp | same - text
    lptok -0 <(tr '\n' '\0' < text) | lpmix | lpunpack | same - <(tr '\n' '\0' < text)
}

@test "--fast" {
    lpmix text.tok > best.lp
    expect 0 lpmix --fast text.tok
    mv out fast.lp
    expect 1 cmp -s best.lp fast.lp
    lpunpack fast.lp | same - text
    [ "$(size fast.lp)" -lt "$(lpzstd text.tok | wc -c)" ]
    lpmix --fast best.lp | same - fast.lp
    lpmix fast.lp | same - best.lp
}

@test "-T and --threads change no byte" {
    lpmix text.tok > z.lp
    for threads in 0 1 2 3 8 256; do
        lpmix -T $threads text.tok | same - z.lp
        lpmix --threads=$threads text.tok | same - z.lp
        lpunpack -T $threads z.lp | same - text
    done
    for threads in -1 257 x; do
        refused 2 "-T: '$threads' is not a number from 0 to 256" lpmix --threads=$threads text.tok
    done
}

@test "a compressed token stream is mixed, a mixed one compressed" {
    lpmix text.tok > z.lp
    lpzstd -1 text.tok | lpmix | same - z.lp
    lpzstd z.lp | same - <(lpzstd text.tok)
    printf 'You are a helpful assistant.' > dict
    lpzstd -D dict text.tok > d.lp
    refused 3 'd.lp: needs the dictionary' lpmix d.lp
    mkdir -p home/.local/share/lopace/models
    cp dict "home/.local/share/lopace/models/$(field dictionary d.lp).dict"
    lpmix d.lp | same - z.lp
}

@test "lptok --flush reaches through" {
    coproc PIPE { lptok -L --flush | lpmix | lpunpack; } 3>&-
    pid=$PIPE_PID
    for word in one two three; do
        echo $word >&"${PIPE[1]}"
        read -r -t 60 line <&"${PIPE[0]}"
        [ "$line" = $word ]
    done
    eval "exec ${PIPE[1]}>&-"
    wait "$pid"
}

@test "several streams are one after the other, each with its model" {
    lptok -e gpt-4o text > other.tok
    cat text.tok other.tok | lpmix > z.lp
    [ "$(lpunpack -l --json z.lp | jq -c 'map(.vocabulary)')" = '["cl100k_base","o200k_base"]' ]
    lpunpack z.lp | same - <(cat text text)
    lpmix text.tok other.tok | same - z.lp
    lpmix -T 3 text.tok other.tok | same - z.lp
}

# --- Blobs --------------------------------------------------------------------

# shellcheck disable=SC2120 # options are optional
head_of() {
    head -c "$1" | od -An -tx1 | tr -d ' \n'
}

@test "--blob: one byte names the shipped models" {
    head -c 2000 text > p
    lptok --blob p | lpmix --blob > z.blob
    [ "$(head_of 1 < z.blob)" = fe ]
    [ "$(field chain z.blob)" = tokens+mix ]
    [ "$(field model z.blob)" = "$(lpmix text.tok | field model -)" ]
    grep -q "cl100k_base Ta .* Ta $(field model z.blob)$" "$ROOT/man/lpstream.5"
    lpunpack z.blob | same - p
    lptok --blob -e gpt-4o p | lpmix --blob > z.blob
    [ "$(head_of 1 < z.blob)" = ff ]
    grep -q "o200k_base Ta .* Ta $(field model z.blob)$" "$ROOT/man/lpstream.5"
    lpunpack z.blob | same - p
    lpmix --blob z.blob | same - z.blob
    lptok --blob p | lpmix --blob --fast > z.blob
    [ "$(head_of 1 < z.blob)" = f5 ]
    lpunpack z.blob | same - p
    lptok --blob -e gpt-4o p | lpmix --blob --fast > z.blob
    [ "$(head_of 1 < z.blob)" = f6 ]
    lpunpack z.blob | same - p
    { # as it was before these had bytes of their own
        printf '\xfb\x2e'
        tail -c +2 z.blob
    } > described.blob
    lpunpack described.blob | same - p
}

@test "--no-check saves 4 bytes of a blob, 3 if a description is needed" {
    head -c 2000 text > p
    lptok --blob p | lpmix --blob --fast > checked.blob
    lptok --blob p | lpmix --blob --fast --no-check > z.blob
    [ "$(size z.blob)" = $(($(size checked.blob) - 3)) ]
    [ "$(head_of 2 < z.blob)" = f826 ]
    lpunpack z.blob | same - p
    lptok --blob --no-check p | lpmix --blob --fast | same - z.blob
    refused 2 '--no-check needs --blob' lpmix --no-check text.tok
}

@test "--blob takes one record, of tokens" {
    lptok --blob text > text.blob
    refused 2 '--blob takes one record: give one FILE' lpmix --blob text.blob text.blob
    refused 3 'text: not a token blob or stream (make one with lptok --blob)' lpmix --blob text
    refused 3 'text.tok: a blob holds one record, this stream has ' lpmix --blob text.tok
    refused 3 'standard input: not a token blob or stream' lpmix --blob < /dev/null
    refused 3 'text.blob: is a blob: use --blob' lpmix text.blob
    head -c 1000 text.blob > cut.blob
    refused 3 'cut.blob: at byte 0: damaged data' lpmix --blob cut.blob
}

# --- Models -------------------------------------------------------------------

@test "-D and --dictionary: the stream names the model, lpunpack needs it" {
    print=$(lpmix -D other.lpm text.tok | field model -)
    [[ $print =~ ^[0-9a-f]{16}$ ]]
    for option in '-D other.lpm' --dictionary=other.lpm; do
        # shellcheck disable=SC2086 # words
        lpmix $option text.tok > z.lp
        # shellcheck disable=SC2086 # words
        lpunpack $option z.lp | same - text
    done
    lpunpack -l z.lp | grep -q "needs model $print"
    needs="z.lp: needs the model of cl100k_base with fingerprint $print, not found in $HOME/.local"
    refused 3 "$needs" lpunpack z.lp
    refused 3 'name it with -D, or put it there as' lpunpack z.lp
    refused 3 "$needs" lpunpack -t z.lp
    refused 3 "$needs" lpunpack -r 1 z.lp
    refused 3 "$needs" lpunpack -D text z.lp
    refused 3 "$needs" lpzstd z.lp
    lpunpack -l z.lp # needs no model
    lptok --blob text | lpmix --blob -D other.lpm > z.blob
    lpunpack -D other.lpm z.blob | same - text
    needs=${needs/z.lp/z.blob}
    refused 3 "$needs" lpunpack z.blob
    refused 3 "$needs" lpunpack -l z.blob
}

@test "a small blob does not pay for a model's name" {
    printf 'hi there' > p
    lptok --blob p > p.blob
    lpmix --blob -D other.lpm p.blob > z.blob
    [ "$(size z.blob)" -le "$(lpzstd --blob p.blob | wc -c)" ]
    lpunpack z.blob | same - p
}

@test "an encoding without a model is told how to get one" {
    refused 3 'without.tok: no model of r50k_base found in' lpmix without.tok
    err_line lpmix "$HOME/.local/share/lopace/models" 'train one with lptrain' 'name it with -D' \
        'make the tokens with lptok -e o200k_base or cl100k_base'
    lptok -e r50k_base --blob text > p.blob
    refused 3 'p.blob: no model of r50k_base found in' lpmix --blob p.blob
    refused 3 'without.tok: has tokens of r50k_base, but -D names a model of cl100k_base' \
        lpmix -D other.lpm without.tok
    refused 3 'p.blob: has tokens of r50k_base, but -D names a model of cl100k_base' \
        lpmix --blob -D other.lpm p.blob
}

@test "what is no model is said to be none" {
    refused 3 'text: not a model (make one with lptrain)' lpmix -D text text.tok
    refused 1 'nowhere: no such file, nor a model or dictionary' lpmix -D nowhere text.tok
    refused 3 'other.lpm: is a model: use lpmix' lpzstd -D other.lpm text.tok
    head -c 1000 other.lpm > cut.lpm
    refused 3 'cut.lpm: cannot use as a dictionary or model' lpmix -D cut.lpm text.tok
    mkdir models
    cp cut.lpm models/cl100k_base.lpm
    LP_MODEL_PATH=models expect 0 lpmix text.tok
    grep -qx 'lpmix: models/cl100k_base.lpm: cannot use: damaged data' err
}

@test "what is damaged of a model is seen when it is needed" {
    lpmix -D other.lpm text.tok > sound
    cp other.lpm bad.lpm
    size=$(wc -c < bad.lpm) bad=0 good=0
    for ((at = 24; at < size; at += 40961)); do
        printf '\xa5\x5a' | dd of=bad.lpm bs=1 seek="$at" conv=notrunc 2> /dev/null
        if lpmix -D bad.lpm text.tok > out 2> err; then
            same out sound
            good=$((good + 1))
        else
            err_is 'lpmix: text.tok: the model of cl100k_base is damaged: install it again'
            if lpunpack -D bad.lpm sound > out 2> err; then
                same out text
            elif ((at > 4096)); then # beyond the header: its fingerprint is what sound needs
                err_is "lpunpack: sound: the model of cl100k_base with fingerprint $(field model sound) is damaged: install it again"
            fi
            bad=$((bad + 1))
        fi
        dd if=other.lpm of=bad.lpm bs=1 skip="$at" seek="$at" count=2 conv=notrunc 2> /dev/null
    done
    [ "$bad" -gt 0 ] && [ "$good" -gt 0 ]
    same bad.lpm other.lpm
}

@test "LP_MODEL_PATH: files and directories" {
    lpmix -D other.lpm text.tok > z.lp
    print=$(field model z.lp)
    mkdir named installed
    cp other.lpm named/cl100k_base.lpm
    cp other.lpm "installed/$print.lpm"
    for path in other.lpm named nowhere:named: text:other.lpm installed:named; do
        export LP_MODEL_PATH=$path
        lpmix text.tok | same - z.lp
        lpunpack z.lp | same - text
    done
    export LP_MODEL_PATH=installed
    lpunpack z.lp | same - text
    expect 0 lpmix text.tok # it is not for all
    [ "$(field model out)" != "$print" ]
}

@test "the user's models: XDG_DATA_HOME, or HOME" {
    lpmix -D other.lpm text.tok > z.lp
    print=$(field model z.lp)
    mkdir -p home/.local/share/lopace/models data/lopace/models
    cp other.lpm "home/.local/share/lopace/models/$print.lpm"
    lpunpack z.lp | same - text
    XDG_DATA_HOME=$PWD/data refused 3 "not found in $PWD/data/lopace/models" lpunpack z.lp
    XDG_DATA_HOME=data lpunpack z.lp | same - text # not absolute: ignored
    mv home/.local/share/lopace/models/* data/lopace/models
    XDG_DATA_HOME=$PWD/data lpunpack z.lp | same - text
    refused 3 "not found in $HOME/.local" lpunpack z.lp
}

@test "another model's stream under a model's name is not taken for it" {
    lpmix text.tok > z.lp
    mkdir models
    cp other.lpm "models/$(field model z.lp).lpm"
    LP_MODEL_PATH=models lpunpack z.lp | same - text # the shipped one is taken
    LP_MODEL_PATH=other.lpm lpunpack z.lp | same - text
}

# --- Output -------------------------------------------------------------------

@test "-o and --output" {
    lpmix text.tok > expected
    expect 0 lpmix -o z.lp text.tok
    out_is ''
    same z.lp expected
    lpmix --output=z.lp text.tok
    head -c 5000 text.tok > cut.tok
    refused 3 'cut.tok: at byte' lpmix -o z.lp cut.tok
    same z.lp expected # the old one
    [ "$(compgen -G 'z.lp.*')" = '' ]
}

@test "a full disk is one line and exit 1" {
    for options in text.tok --help; do
        status=0
        lpmix $options > /dev/full 2> err || status=$?
        [ $status -eq 1 ]
        err_line lpmix 'standard output: cannot write: No space left on device'
    done
}

@test "binary output to a terminal is refused" {
    status=0
    script -qec 'lpmix text.tok' typescript < /dev/null > out || status=$?
    [ "$status" -eq 2 ]
    [[ $(< out) == 'lpmix: the output is binary and would go to a terminal: '* ]]
    script -qec 'lpmix -f text.tok' typescript < /dev/null > out
    [ "$(size out)" -gt 1000 ]
}

# --- Errors -------------------------------------------------------------------

@test "text is refused, and says what to do" {
    refused 3 'text: not a token stream (make one with lptok)' lpmix text
    refused 3 'standard input: not a token stream (make one with lptok)' lpmix < /dev/null
    lpzstd text > z.lp
    refused 3 'z.lp: has text without tokens' lpmix z.lp
}

@test "damage and truncation are found here and not passed on" {
    for at in 10 60 5000 $(($(size text.tok) - 10)); do
        cp text.tok bad.tok
        printf '\xa5\x5a' | dd of=bad.tok bs=1 seek="$at" conv=notrunc 2> dd.err
        expect 3 lpmix bad.tok
        err_line lpmix bad.tok
        mv out z.lp
        expect 3 lpunpack z.lp
        cmp -n "$(size out)" out text
    done
    for n in 4 30 100 5000 $(($(size text.tok) - 1)); do
        head -c "$n" text.tok > cut.tok
        expect 3 lpmix cut.tok
        err_line lpmix 'cut.tok: at byte' 'truncated data'
        mv out z.lp
        expect 3 lpunpack z.lp
    done
}

@test "a mixed stream without its header is recovered" {
    lpmix text.tok > z.lp
    tail -c +20 z.lp > headless.lp
    expect 3 lpunpack --recover headless.lp
    same out text
    lpmix -D other.lpm text.tok | tail -c +20 > headless.lp
    expect 3 lpunpack --recover -D other.lpm headless.lp
    same out text
}

@test "what cannot be read is one line and exit 1" {
    refused 1 'nowhere: cannot open: No such file or directory' lpmix nowhere
    refused 1 '.: is a directory' lpmix .
}

@test "wrong options are exit 2 and one line" {
    refused 2 "unknown option '-x'" lpmix -x
    refused 2 "unknown option '-L'" lpmix -L text
    refused 2 "unknown option '--nothing'" lpmix --nothing
    refused 2 "option '--dictionary' needs an argument" lpmix -D
    refused 2 "takes no argument" lpmix --fast=3
}

@test "-h and --help, -V and --version, -q and --quiet" {
    for option in -h --help; do
        expect 0 lpmix $option
        err_is ''
        [[ $(head -n 1 out) == 'usage: lpmix [OPTION...] [FILE...]' ]]
    done
    for option in -V --version; do
        expect 0 lpmix $option
        grep -qx 'lpmix (lopace) [0-9.]*' out
    done
    for option in -q --quiet; do
        lpmix $option text.tok | same - <(lpmix text.tok)
    done
}
