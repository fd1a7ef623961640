#!/usr/bin/env bats
# lptok: every option, its output and errors.

load helpers

mixed() {
    printf "Don't count 12345 naïve  tabs\t\n\n  🙂 <|endoftext|>"
}

# --- Records ------------------------------------------------------------------

@test "the whole input is one record" {
    printf 'a b\nc\n\0last' > p
    expect 0 lptok p
    mv out p.lp
    [ "$(listed records p.lp)" = 1 ]
    [ "$(listed split p.lp)" = whole ]
    lpunpack p.lp | same - p
}

@test "each FILE is a record, - is standard input" {
    printf 'one' > a
    printf 'two\n' > b
    expect 0 lptok a - b < <(cat b)
    mv out p.lp
    [ "$(listed records p.lp)" = 3 ]
    expect 0 lpunpack p.lp
    printf 'onetwo\ntwo\n' | same - out
    expect 0 lpunpack -r 2 p.lp
    same b out
}

@test "-0 and --null split at NUL, with and without a last one" {
    printf 'one\0two\n\0\0three' > p
    for option in -0 --null; do
        lptok $option p > p.lp
        [ "$(listed records p.lp)" = 4 ]
        [ "$(listed split p.lp)" = null ]
        lpunpack p.lp | same - p
    done
    printf 'one\0two\0' > p
    lptok -0 p > p.lp
    [ "$(listed records p.lp)" = 2 ]
    lpunpack p.lp | same - p
}

@test "-L and --lines split at line feeds, with and without a last one" {
    printf 'one\r\n\0two\n\nthree' > p
    for option in -L --lines; do
        lptok $option p > p.lp
        [ "$(listed records p.lp)" = 4 ]
        [ "$(listed split p.lp)" = lines ]
        lpunpack p.lp | same - p
    done
    printf '\n\n' > p
    lptok -L p > p.lp
    [ "$(listed records p.lp)" = 2 ]
    lpunpack p.lp | same - p
}

@test "with -L a FILE's last line is a record of its own" {
    printf 'one\ntwo' > a
    printf 'three\n' > b
    for options in -L '-L --flush'; do
        # shellcheck disable=SC2086 # words
        lptok $options a b a - a < /dev/null > p.lp
        lpunpack p.lp | same - <(cat a b a a)
        [ "$(lpunpack -l --json p.lp | jq -c 'map(.records)')" = '[2,3,2]' ]
        lpunpack -r 2,4 p.lp | same - <(printf 'twoone\n')
    done
    [ "$(lptok -L --ids a b a a | wc -l)" = 7 ]
}

@test "any bytes at all come back: none, NUL, 0xFF, half a character" {
    for text in '' '\0' '\377' '\0\377\0' '\342\202' 'a\360\237\231' '\300\200' '\355\240\200 x' \
        '\377\376h\0i\0'; do
        printf '%b' "$text" > p
        for options in '' -L -0 '-e gpt2' '-e o200k_base --special'; do
            # shellcheck disable=SC2086 # words
            lptok $options p > p.lp
            lpunpack p.lp | same - p
        done
        lptok --blob p > p.blob
        lpunpack p.blob | same - p
    done
}

# --- Ids ----------------------------------------------------------------------

@test "--ids prints a line for each record" {
    printf 'a b\nc\n\nlast' > p
    expect 0 lptok --ids p
    out_is '64 293 198 66 271 4354'
    expect 0 lptok -L --ids p
    out_is $'64 293\n66\n\n4354'
    printf 'one\0two\0\0three' > z
    expect 0 lptok -0 --ids z
    out_is $'606\n20375\n\n28956'
    expect 0 lptok --ids z p
    out_is $'606 188 20375 188 188 28956\n64 293 198 66 271 4354'
    err_is ''
}

@test "--ids of nothing: one empty record, or none" {
    expect 0 lptok --ids < /dev/null
    echo | same - out
    expect 0 lptok -L --ids /dev/null
    out_is ''
}

@test "--u16 and --u32 are little-endian" {
    printf 'Hello world' > p
    expect 0 lptok --u16 p
    printf '\xb2\x26\x7d\x07' | same - out
    expect 0 lptok --u32 p
    printf '\xb2\x26\0\0\x7d\x07\0\0' | same - out
    expect 0 lptok --u32 p p
    printf '\xb2\x26\0\0\x7d\x07\0\0\xb2\x26\0\0\x7d\x07\0\0' | same - out
}

@test "--u16 refuses an id that does not fit" {
    printf '<|endoftext|>' > p
    refused 3 'token 100257 needs more than 16 bits: use --u32' lptok --special --u16 p
    expect 0 lptok --special --u32 p
    printf '\xa1\x87\x01\0' | same - out
}

@test "each encoding's ids are tiktoken's" {
    # shellcheck disable=SC2034 # used by name
    r50k='3987 470 954 17031 2231 41492 220 22524 197 628 220 32485 1279 91 437 1659 5239 91 29'
    # shellcheck disable=SC2034
    cl100k='8161 956 1797 220 4513 1774 95980 588 220 23204 16176 220 28584 83739 8862 728 428 91 29'
    # shellcheck disable=SC2034
    o200k='31559 3605 220 7633 2548 153475 737 220 38191 31711 220 26192 464 91 419 1440 919 91 29'
    mixed > p
    while read -r encoding ids special; do
        expect 0 lptok -e "$encoding" --ids p
        out_is "${!ids}"
        lptok "--encoding=$encoding" --ids --special p > out
        [[ $(< out) == *" 220 $special" ]]
    done << 'END'
gpt2          r50k   50256
r50k_base     r50k   50256
p50k_base     r50k   50256
p50k_edit     r50k   50256
cl100k_base   cl100k 100257
o200k_base    o200k  199999
o200k_harmony o200k  199999
END
}

@test "--special knows each encoding's special tokens; by default they are text" {
    while read -r encoding text id; do
        printf '%s' "$text" > p
        expect 0 lptok -e "$encoding" --special --ids p
        out_is "$id"
        [[ $(lptok -e "$encoding" --ids p) == *' '* ]]
        lptok -e "$encoding" --special p | lpunpack | same - p
    done << 'END'
p50k_edit     <|fim_prefix|>   50281
p50k_edit     <|fim_middle|>   50282
p50k_edit     <|fim_suffix|>   50283
cl100k_base   <|fim_prefix|>   100258
cl100k_base   <|endofprompt|>  100276
o200k_base    <|endofprompt|>  200018
o200k_harmony <|startoftext|>  199998
o200k_harmony <|start|>        200006
o200k_harmony <|end|>          200007
o200k_harmony <|message|>      200008
o200k_harmony <|reserved_201087|> 201087
END
}

@test "a model's name stands for its encoding, as tiktoken has it" {
    # From model.py of tiktoken 0.14; names that end in x stand for its prefixes.
    while read -r encoding models; do
        for model in $models; do
            echo text | lptok -e "$model" > p.lp
            [ "$(listed vocabulary p.lp)" = "$encoding" ] || fail "$model"
        done
    done << 'END'
o200k_base o1 o3 o4-mini gpt-5 gpt-4.1 gpt-4o o1-x o3-x o4-mini-x gpt-5x gpt-4.5-x gpt-4.1-x
o200k_base chatgpt-4o-x gpt-4o-x ft:gpt-4ox
cl100k_base gpt-4 gpt-3.5-turbo gpt-3.5 gpt-35-turbo davinci-002 babbage-002 gpt-4-x
cl100k_base text-embedding-ada-002 text-embedding-3-small text-embedding-3-large gpt-3.5-turbo-x
cl100k_base gpt-35-turbo-x ft:gpt-4x ft:gpt-3.5-turbox ft:davinci-002x ft:babbage-002x
p50k_base text-davinci-003 text-davinci-002 code-davinci-002 code-davinci-001 code-cushman-002
p50k_base code-cushman-001 davinci-codex cushman-codex
r50k_base text-davinci-001 text-curie-001 text-babbage-001 text-ada-001 davinci curie babbage ada
r50k_base text-similarity-davinci-001 text-similarity-curie-001 text-similarity-babbage-001
r50k_base text-similarity-ada-001 text-search-davinci-doc-001 text-search-curie-doc-001
r50k_base text-search-babbage-doc-001 text-search-ada-doc-001 code-search-babbage-code-001
r50k_base code-search-ada-code-001
p50k_edit text-davinci-edit-001 code-davinci-edit-001
gpt2 gpt2 gpt-2
o200k_harmony gpt-oss-x
END
}

@test "an unknown encoding or model is a usage error" {
    for name in gpt-4x o3x davinci-x GPT-4 cl100k '' ../cl100k_base; do
        refused 2 "unknown encoding or model '$name'" lptok -e "$name" /dev/null
    done
}

@test "a name that is much like a known one is asked for" {
    while read -r name meant; do
        refused 2 "'$name': did you mean $meant?" lptok -e "$name" /dev/null
    done << 'END'
gpt4o gpt-4o
GPT-4 gpt-4
cl100k cl100k_base
o200k-base o200k_base
gpt-3-5-turbo gpt-3.5-turbo
text-davinci-03 text-davinci-003
END
    for name in x llama-3 claude claude-3-opus; do
        refused 2 "'$name': lptok --list shows them" lptok -e "$name" /dev/null
    done
}

@test "--list names the encodings, their sizes and fingerprints, and the models that use them" {
    expect 0 lptok --list
    err_is ''
    while read -r name _ _ _ models; do
        for model in $models; do
            [ "$(lptok -e "${model/%\*/x}" --u32 < /dev/null | wc -c)" = 0 ] || fail "$model"
        done
        echo "$name $(wc -w <<< "$models")"
    done < out > counts
    grep -qx 'gpt2 2' counts
    grep -qx 'o200k_harmony 1' counts
    [ "$(awk '{ n += $2 } END { print n }' counts)" -gt 50 ]
    sed -i -E 's/^(.{43}).*/\1/' out
    out_is "gpt2            50257 ids  24c48060d3a8d0ca
r50k_base       50257 ids  24c48060d3a8d0ca
p50k_base       50281 ids  bdf387761b2fe379
p50k_edit       50284 ids  63fbe4692dce9076
cl100k_base    100277 ids  d35ea627e528410a
o200k_base     200019 ids  e5335425da3a881d
o200k_harmony  201088 ids  bce641c05e09c7e3"
}

# --- Counts -------------------------------------------------------------------

@test "-c and --count count as wc does: each input and the total" {
    printf 'Hello world' > a
    printf 'a b\nc\n\nlast' > b
    for option in -c --count; do
        expect 0 lptok $option a b
        out_is $'      2 a\n      6 b\n      8 total'
        expect 0 lptok $option a
        out_is '      2 a'
        expect 0 lptok $option < a
        out_is '      2'
    done
    expect 0 lptok -c -L b
    out_is '      4 b'
    expect 0 lptok -c -e gpt-4o < /dev/null
    out_is '      0'
    err_is ''
}

@test "-c agrees with --ids on a larger text" {
    cat "$ROOT"/lib/*/*.c > p
    [ "$(lptok -c < p)" -eq "$(lptok --ids p | wc -w)" ]
    [ "$(lptok -c -L < p)" -eq "$(lptok -L --ids p | wc -w)" ]
}

# --- Blobs --------------------------------------------------------------------

@test "--blob packs one record; --no-check saves 4 bytes" {
    printf 'Hello world' > p
    expect 0 lptok --blob p
    printf '\xfb\x22\xd8\x76\xb3\x12sHo>' | same - out
    lpunpack out | same - p
    expect 0 lptok --blob --no-check p
    printf '\xf8\x22sHo>' | same - out
    lpunpack out | same - p
    expect 0 lptok --blob -e o200k_base < p
    lpunpack out | same - p
}

@test "--blob takes one record" {
    echo text > p
    text='--blob takes one record: give one FILE, without -0 or -L'
    refused 2 "$text" lptok --blob p p
    refused 2 "$text" lptok --blob -0 p
    refused 2 "$text" lptok --blob -L p
    refused 2 '--format=lopace takes one record' lptok --format=lopace p p
    refused 2 '--no-check needs --blob' lptok --no-check p
}

@test "--blob refuses a record of more than 64 MiB" {
    head -c 67108865 /dev/zero > p
    refused 3 'p: is larger than 67108864 bytes' lptok --blob p
}

@test "--format=lopace writes LoPace's token payload" {
    printf 'Hello world' > p
    expect 0 lptok --format=lopace p
    printf '\0\xb2\x26\x7d\x07' | same - out
    printf ' 🙂<|endoftext|>' > p
    expect 0 lptok --format=lopace --special p
    [ "$(head -c 1 out | od -An -tu1)" -eq 1 ]
    [ $(($(size out) % 4)) -eq 1 ]
    refused 2 "--format: unknown format 'x': use lopace" lptok --format=x p
}

# --- Blocks -------------------------------------------------------------------

@test "-B and --block-size set how much text a block holds" {
    cat "$ROOT"/lib/*/*.c | head -c 100000 > p
    lptok -L p > one.lp
    [ "$(listed blocks one.lp)" = 1 ]
    lptok -L -B 4K p > many.lp
    blocks=$(listed blocks many.lp)
    [ "$blocks" -ge 25 ]
    lpunpack many.lp | same - p
    lptok -L --block-size=4096 p | same - many.lp
    lptok -B 1K p > p.lp # a record in parts
    [ "$(listed blocks p.lp)" -ge 98 ]
    [ "$(listed records p.lp)" = 1 ]
    lpunpack p.lp | same - p
    lptok -B 64M p | lpunpack | same - p
}

@test "-B takes sizes from 1K to 64M" {
    for size in 0 1 1023 65M 1G 67108865 x 4k 4KB '' -4K 99999999999999999999; do
        refused 2 "-B: '$size' is not a size from 1K to 64M bytes" \
            lptok -B "$size" /dev/null
    done
}

@test "--flush ends a block at each record and passes it on at once" {
    printf 'one\ntwo\nthree\n' > p
    lptok -L --flush p > p.lp
    [ "$(listed blocks p.lp)" = 3 ]
    lpunpack p.lp | same - p
    coproc PIPE { lptok -L --flush | lpzstd | lpunpack; } 3>&-
    for word in one two three; do
        echo $word >&"${PIPE[1]}"
        read -r -t 60 line <&"${PIPE[0]}"
        [ "$line" = $word ]
    done
    pid=$PIPE_PID
    eval "exec ${PIPE[1]}>&-"
    wait "$pid"
}

@test "output begins while input goes on" {
    expect_pipe 141 'yes "All work and no play" | timeout 60 lptok | lpunpack | head -n 2'
    out_is $'All work and no play\nAll work and no play'
    err_is ''
}

@test "the same bytes out in whatever pieces the input comes" {
    mixed > once
    for _ in {1..20}; do cat once; done > p
    lptok -L -B 1K p > p.lp
    while IFS= read -r -n 1 -d '' c; do printf '%s' "${c:-}"; done < p |
        lptok -L -B 1K | same - p.lp
    dd if=p obs=7 2> dd.err | lptok -L -B 1K | same - p.lp
}

# border_texts: makes files border-N. The offset at which the command or the tokeniser cuts its
# input (32 and 64 KiB) is within text that tests the patterns' borders. After it are short words,
# about as many as the tokeniser takes at once.
border_texts() {
    python3 - << 'END'
import random
random.seed(1)
bits = ["1", "22", "333", " ", "  ", "\n", "\r\n", "'s", "'", "don't", "\u00e9", "\u65e5\u672c",
        "A\u65e5", "e\u0301", "\u0301", "\U0001f600", "...", "/\n", "<|endoftext|>", "word", "HTTPServer"]
tails = [" a", "1 ", ".a", "\n", " \u00e9"]
for i in range(20):
    border = random.choice((32, 64)) * 1024
    near = "".join(random.choice(bits) for _ in range(30)).encode()
    text = b"word " * (border // 5) + b"word"[:border % 5]
    if i % 2 == 0: # a word that may go on ends at the border
        near = ["1", "a", " 22", " ", "1", "\n", "'", "12", "/", "\u65e5"][i // 2].encode()
        text = text[:border - len(near)] + near
    else:
        text = text[:border - random.randrange(1, len(near) + 1)] + near
    if i % 4 == 1:
        text += bytes([0xc3, 0xff, 0xf0, 0x9f])
    text += ((" a" if i % 2 == 0 else random.choice(tails)) * random.randrange(448, 467)).encode()
    open(f"border-{i}", "wb").write(text)
END
}

# in_pieces SIZE FILE: writes FILE to a pipe, SIZE bytes at a time.
in_pieces() {
    dd if="$2" bs="$1" status=none
}

@test "what is found in a text never depends on where its input is cut" {
    border_texts
    for f in border-*; do
        lptok --ids "$f" > ids
        lptok -L --ids "$f" > lines
        lptok --special --ids "$f" > special
        [ "$(lptok -c "$f" | awk '{ print $1 }')" = "$(wc -w < ids)" ]
        [ "$(lptok -L -c "$f" | awk '{ print $1 }')" = "$(wc -w < lines)" ]
        lptok --u32 "$f" | od -An -v -w4 -tu4 | awk '{ $1 = $1; print }' | tr '\n' ' ' |
            sed 's/ $/\n/' | same - ids
        for size in 1000 32768 65536; do
            in_pieces $size "$f" | lptok --ids | same - ids
            in_pieces $size "$f" | lptok -L --ids | same - lines
            in_pieces $size "$f" | lptok --special --ids | same - special
        done
        for options in -0 -L '' --blob --special '--special -L' '--blob --special' '-L -B 32K'; do
            # shellcheck disable=SC2086 # options are words
            lptok $options "$f" > made
            lpunpack made | same - "$f"
            # shellcheck disable=SC2086 # options are words
            in_pieces 32768 "$f" | lptok $options | same - made
        done
    done
}

# --- Output -------------------------------------------------------------------

@test "-o and --output write a file, with each kind of output" {
    echo 'some text' > p
    for options in '' -L --blob --ids -c --u16 --u32 --format=lopace; do
        # shellcheck disable=SC2086 # words
        expect 0 lptok $options p
        mv out expected
        # shellcheck disable=SC2086
        expect 0 lptok $options -o file p
        out_is ''
        same file expected
        # shellcheck disable=SC2086
        lptok $options --output=file p
        same file expected
    done
    expect 0 lptok -o - p
    lptok p | same - out
}

@test "-o writes a temporary file, syncs it, renames it" {
    command -v strace || skip 'no strace'
    echo text > p
    export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 # leaks are not found under strace
    strace -o trace true || skip 'strace may not trace'
    strace -f -o trace lptok -o file p
    sed -n 's/^[0-9]* *\(openat.*O_EXCL\|fsync\|close\|rename\|openat.*O_DIRECTORY\).*/\1/p' trace |
        tr '\n' ' ' > calls
    [[ $(< calls) == *'O_EXCL '*'fsync close rename '*'O_DIRECTORY fsync close '* ]]
    [[ $(grep rename trace) == *'"file.'*'"file"'* ]]
}

@test "-o leaves the old file, and no other, when it fails" {
    echo text > p
    echo old > file
    refused 1 'nowhere: cannot open' lptok -o file p nowhere
    refused 3 'is already a lopace stream' lptok -o file p <(lptok p)
    [ "$(< file)" = old ]
    (
        trap '' PIPE
        ulimit -f 1
        trap '' XFSZ
        head -c 100000 /dev/urandom > big || true
        lptok -o file - < "$ROOT/lib/tokens/unicode_class.c" 2> err && exit 1
        err_line lptok 'file: cannot write: File too large'
    )
    [ "$(< file)" = old ]
    rm big
    ls > names
    [ "$(tr '\n' ' ' < names)" = 'err file names out p ' ]
}

@test "-o in a directory that is not there or not writable fails" {
    refused 1 'no/file: cannot create: No such file or directory' lptok -o no/file /dev/null
    mkdir dir
    refused 1 'dir: cannot open: Is a directory' lptok -o dir /dev/null
}

@test "-o writes to a device as it is" {
    echo text > p
    expect 0 lptok -o /dev/null p
    [ -c /dev/null ]
    refused 1 '/dev/full: cannot write: No space left on device' lptok -o /dev/full p
    [ -c /dev/full ]
}

@test "a full disk is one line and exit 1" {
    echo text > p
    for options in '' -L --blob --ids -c --u32 --format=lopace --list --help --version; do
        status=0
        # shellcheck disable=SC2086 # words
        lptok $options p > /dev/full 2> err || status=$?
        [ $status -eq 1 ]
        err_line lptok 'standard output: cannot write: No space left on device'
    done
}

@test "a closed pipe ends it silently" {
    for options in '' -L --ids --u32; do
        expect_pipe 141 "yes text | lptok $options | head -c 1"
        err_is ''
    done
    # With SIGPIPE ignored: exit 1, no message.
    expect 0 bash -c 'trap "" PIPE; (yes text 2> yes.err; true) | (lptok; echo $? > status) | head -c 1'
    err_is ''
    [ "$(< status)" = 1 ]
}

@test "closed standard streams are errors, never other files" {
    echo text > p
    status=0
    lptok p >&- 2> err || status=$?
    [ $status -eq 1 ]
    err_line lptok 'standard output: cannot write'
    status=0
    lptok <&- > out 2> err || status=$?
    [ $status -eq 1 ]
    err_line lptok 'standard input: cannot read'
    lptok -o file p <&- >&- 2>&-
    lpunpack file | same - p
}

# --- Refusals -----------------------------------------------------------------

@test "a stream is refused, unless it is to be text" {
    echo text > p
    lptok p > p.lp
    lpzstd p > z.lp
    text='is already a lopace stream: restore it with lpunpack, or use --text if it is text'
    fails 3 "p.lp: $text" lptok p.lp
    fails 3 "standard input: $text" lptok < p.lp
    fails 3 "z.lp: $text" lptok --blob z.lp
    fails 3 "z.lp: $text" lptok -c z.lp
    expect_pipe 3 'lptok p | lptok | lpzstd > twice.lp'
    [[ $(head -n 1 err) == "lptok: standard input: $text" ]]
    lptok --text p.lp > text.lp
    lpunpack text.lp | same - p.lp
}

@test "after an error the output has no end" {
    echo text > p
    expect 1 lptok p nowhere
    mv out cut.lp
    expect 3 lpunpack cut.lp
    err_line lpunpack
    expect 1 lptok -L p . # a directory
    mv out cut.lp
    expect 3 lpunpack cut.lp
}

@test "what cannot be read is one line and exit 1" {
    fails 1 'nowhere: cannot open: No such file or directory' lptok nowhere
    fails 1 '.: is a directory' lptok .
    fails 1 'standard input: is a directory' lptok < .
    [ "$(id -u)" -eq 0 ] || {
        echo text > p
        chmod 0 p
        fails 1 'p: cannot open: Permission denied' lptok p
    }
}

@test "binary output to a terminal is refused, text is not" {
    printf 'Hello world' > p
    for options in '' -L --blob --u16 --u32 --format=lopace; do
        script -qec "lptok $options p" typescript < /dev/null > out || status=$?
        [ "$status" -eq 2 ]
        [[ $(< out) == 'lptok: the output is binary and would go to a terminal: '* ]]
    done
    script -qec 'lptok --ids p' typescript < /dev/null > out
    [ "$(tr -d '\r' < out)" = '9906 1917' ]
    script -qec 'lptok -c p' typescript < /dev/null > out
    [ "$(tr -d '\r' < out)" = '      2 p' ]
    script -qec 'lptok --list' typescript < /dev/null > out
    grep -q cl100k_base out
    script -qec 'lptok --blob -f p' typescript < /dev/null > out
    grep -q 'sHo>' out
    script -qec 'lptok -o file p' typescript < /dev/null > out
    [ ! -s out ]
}

@test "input from a terminal is refused, unless forced" {
    status=0
    script -qec 'lptok --ids' typescript < /dev/null > out || status=$?
    [ $status -eq 2 ]
    grep -q 'lptok: standard input is a terminal: name a file, or use -f' out
    printf 'Hello world\n\004' | script -qec 'stty -echo; lptok --ids -f' typescript > out
    grep -q '9906 1917 198' out
}

@test "wrong options are exit 2 and one line" {
    while IFS='|' read -r text arguments; do
        eval "set -- $arguments"
        refused 2 "$text" lptok "$@"
    done << 'END'
unknown option '-x'|-x
unknown option '--nothing'|--nothing
option '--encoding' needs an argument|-e
option '--block-size' needs an argument|-B
option '--output' needs an argument|-o
takes no argument|--ids=3
ambiguous option '--li'|--li
--ids and -c cannot be given together|--ids -c /dev/null
--blob and --u16 cannot be given together|--blob --u16 /dev/null
--u16 and --format cannot be given together|--u16 --format=lopace /dev/null
END
}

@test "messages bear the command's own name" {
    ln -s "$(command -v lptok)" other
    expect 2 ./other -x
    err_line lptok 'unknown option'
}

@test "a message is one line, whatever a file's name holds" {
    refused 1 'two\x0alines\x1b[31m: cannot open: No such file or directory' \
        lptok --ids $'two\nlines\e[31m'
    refused 1 'ü: cannot open' lptok --ids ü
}

@test "-h and --help, -V and --version" {
    for option in -h --help; do
        expect 0 lptok $option
        err_is ''
        [[ $(head -n 1 out) == 'usage: lptok [OPTION...] [FILE...]' ]]
    done
    for option in -V --version; do
        expect 0 lptok $option
        err_is ''
        grep -qx 'lptok (lopace) [0-9.]*' out
    done
}

@test "-q and --quiet are taken" {
    printf 'Hello world' > p
    expect 0 lptok -q --ids p
    out_is '9906 1917'
    expect 0 lptok --quiet --ids p
    out_is '9906 1917'
}

# --- Vocabularies -------------------------------------------------------------

@test "LP_VOCAB_PATH overrides where vocabularies are" {
    printf 'Hello world' > p
    mkdir one two
    cp "$B/vocab/gpt2.lpv" one
    cp "$B/vocab/cl100k_base.lpv" two
    # shellcheck disable=SC2030,SC2031 # each test has its own
    export LP_VOCAB_PATH=$PWD/one:$PWD/two
    expect 0 lptok --ids p
    out_is '9906 1917'
    expect 0 lptok -e gpt2 --ids p
    out_is '15496 995'
    refused 3 "vocabulary o200k_base.lpv not found in $PWD/one, $PWD/two: set LP_VOCAB_PATH" \
        lptok -e gpt-4o p
    LP_VOCAB_PATH='' lptok -e gpt-4o --ids p > out # empty is unset
    out_is '13225 2375'
}

@test "what is no vocabulary is said to be none" {
    mkdir dir
    # shellcheck disable=SC2030,SC2031
    export LP_VOCAB_PATH=$PWD/dir
    echo text > p
    : > dir/cl100k_base.lpv
    refused 3 'vocabulary cl100k_base.lpv: ' lptok p
    head -c 5000 /dev/urandom > dir/cl100k_base.lpv
    refused 3 'vocabulary cl100k_base.lpv: ' lptok p
    head -c 50000 "$B/vocab/cl100k_base.lpv" > dir/cl100k_base.lpv
    refused 3 'vocabulary cl100k_base.lpv: ' lptok p
    rm dir/cl100k_base.lpv
    mkdir dir/cl100k_base.lpv
    refused 1 'vocabulary cl100k_base.lpv: ' lptok p
}

# damage PATTERN SHIFT: makes a copy of the vocabulary with a bit flipped SHIFT bytes after the
# first match of PATTERN, for the commands to use.
damage() {
    local at byte file=dir/cl100k_base.lpv
    mkdir dir
    cp "$B/vocab/cl100k_base.lpv" $file
    at=$(LC_ALL=C grep -aboP "$1" $file | head -n 1 | cut -d : -f 1)
    at=$((at + $2))
    byte=$(od -An -tu1 -j "$at" -N 1 $file)
    # shellcheck disable=SC2059 # a byte
    printf "\\x$(printf %x $((byte ^ 1)))" |
        dd of=$file bs=1 seek=$at conv=notrunc 2> /dev/null
    # shellcheck disable=SC2030,SC2031
    export LP_VOCAB_PATH=$PWD/dir
}

@test "what a damaged vocabulary would make is not handed out" {
    printf 'over the lazy dog' > p
    damage ' the\x00{3}\x04' 8 # the id of " the"
    for option in '' -c --ids --u32 --blob --format=lopace; do
        # shellcheck disable=SC2086 # none is a word of its own
        fails 3 'p: cl100k_base.lpv: the vocabulary is damaged: install it again' lptok $option p
    done
    printf 'lazy dog' | expect 0 lptok --ids # what is damaged is not needed
    fails 3 'cl100k_base.lpv: the vocabulary is damaged: install it again' \
        lptrain -o x.lpm -L p
    fails 3 'cl100k_base.lpv: the vocabulary is damaged: install it again' lpentropy p
}

@test "what a damaged vocabulary would restore is not handed out" {
    printf 'over the lazy dog' > p
    lptok p > p.lp
    lptok p | lpmix > mix.lp
    lptok --blob p > p.blob
    lptok --blob --no-check p > unchecked.blob
    damage ' the\x00{11}\x04' 3 # the last letter of " the"
    cp "$B/vocab/cl100k_base.lpm" dir
    for file in p.lp mix.lp p.blob unchecked.blob; do
        refused 3 "$file: cl100k_base.lpv: the vocabulary is damaged: install it again" \
            lpunpack $file
    done
    refused 3 'the vocabulary is damaged: install it again' lpunpack --recover p.lp
    printf 'x' | dd of=dir/cl100k_base.lpv bs=1 seek=40 conv=notrunc 2> /dev/null # its name
    refused 3 'p.lp: cl100k_base.lpv: the vocabulary is damaged: install it again' lpunpack p.lp
    refused 3 'vocabulary cl100k_base.lpv: the vocabulary is damaged' lptok p
}
