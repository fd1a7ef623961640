#!/usr/bin/env bats
# No pipeline gives more than a simpler one, whatever the text: zstd's text, tokens, zstd's tokens,
# mixed tokens, a window. And what is stored as text loses neither its tokens nor special ones.

load helpers

PATH=$ROOT/tests:$PATH

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    make_inputs
}

# What vocabularies are not made for, and what they are.
make_inputs() {
    random_bytes 60000 > random
    base64 -w 0 random > base64.txt
    base64 random > base64-lines
    od -An -tx1 -v random | head -c 100000 > hex
    head -c 300000 /dev/zero | tr '\0' a > letter
    head -c 100000 /dev/zero > zeros
    seq 20000 > numbers
    awk 'BEGIN { srand(1); for (i = 0; i < 1200; i++)
        printf "{\"ts\":%d,\"id\":\"%08x%08x\",\"event\":\"%s\",\"ms\":%.6f,\"ok\":%s}\n",
            1700000000 + i * 137, rand() * 4294967295, rand() * 4294967295,
            rand() < .5 ? "tool.call" : "tool.result", rand() * 100, rand() < .9 ? "true" : "false"
        }' > machine.jsonl
    awk 'BEGIN { srand(3); for (i = 0; i < 3000; i++)
        printf "%d.%d.%d.%d - - [30/Nov/2026:%02d:%02d:%02d +0000] \"GET /v1/%s HTTP/1.1\" 200 %d \"-\" \"Mozilla/5.0\"\n",
            rand() * 256, rand() * 256, rand() * 256, rand() * 256, i / 360, i / 6 % 60, rand() * 60,
            rand() < .5 ? "models" : "chat/completions", rand() * 9000 }' > access.log
    awk 'BEGIN { srand(2); for (i = 0; i < 40; i++) phrase[i] = "phrase " i " of many words, no. " i * i
        for (i = 0; i < 3000; i++) print phrase[int(rand() * 40)] int(rand() * 100) }' > phrases
    mkdir files
    split -l 20 -d -a 3 "$ROOT/man/lpstream.5" files/
    tar --format=ustar -cf files.tar files
    find "$DATA/prompts" -type f -exec cat {} + > prompts
    head -c 600 base64.txt > small
    printf 'hi\n' > hi
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return
}

inputs=(random base64.txt base64-lines hex letter zeros numbers machine.jsonl access.log phrases
    files.tar prompts small hi)

# no_larger NAME BYTES OF_BYTES [PERMILLE]: allows so many per mille (2), and 84 bytes, as for a
# header with a vocabulary.
no_larger() {
    [[ $2 -le $(($3 + $3 * ${4:-2} / 1000 + 84)) ]] || fail "$1: $2 bytes, a simpler chain $3"
}

@test "a stream is no larger than that of a simpler chain" {
    local f options text tokens zstd both mix
    for f in "${inputs[@]}"; do
        for options in '' -L '-B 16K'; do
            # shellcheck disable=SC2086 # words
            lptok $options "$f" > tok
            text=$(size "$f")
            # shellcheck disable=SC2086
            zstd=$(lpzstd --text -19 $options "$f" | wc -c)
            tokens=$(size tok)
            both=$(lpzstd -19 tok | wc -c)
            lpmix tok > mix.lp
            lpunpack mix.lp | same - "$f"
            mix=$(size mix.lp)
            no_larger "$f: lptok $options" "$tokens" $((text + text / 1000))
            no_larger "$f: lptok $options | lpzstd, of text" "$both" "$zstd" 15
            no_larger "$f: lptok $options | lpzstd" "$both" "$tokens"
            no_larger "$f: lptok $options | lpmix" "$mix" "$both"
        done
    done
}

@test "a blob is no larger than that of a simpler chain" {
    local f fast text tokens zstd both mix
    for f in "${inputs[@]}"; do
        lptok --blob "$f" > tok
        text=$(size "$f")
        zstd=$(lpzstd --text --blob -19 "$f" | wc -c)
        tokens=$(size tok)
        both=$(lpzstd --blob -19 tok | wc -c)
        for fast in '' --fast; do
            # shellcheck disable=SC2086 # a word or none
            lpmix --blob $fast tok > mix.blob
            lpunpack mix.blob | same - "$f"
            mix=$(size mix.blob)
            no_larger "$f: lptok --blob" "$tokens" "$text"
            no_larger "$f: lptok --blob | lpzstd --blob" "$both" "$((zstd < tokens ? zstd : tokens))"
            no_larger "$f: lptok --blob | lpmix --blob $fast" "$mix" "$both"
        done
    done
}

@test "with a window a stream is no larger than without" {
    local f packer plain
    for f in "${inputs[@]}"; do
        lptok -L -B 4M "$f" > tok
        lpwin tok > win
        for packer in lpmix lpzstd; do
            # Text with zstd is smaller there than tokens with it, which a window rules out.
            [[ $f-$packer != phrases-lpzstd ]] || continue
            plain=$($packer tok | wc -c)
            $packer win > win.lp
            lpunpack win.lp | same - "$f"
            no_larger "$f: lpwin | $packer" "$(size win.lp)" "$plain" 10
        done
    done
}

@test "what lptok stored as text is mixed as tokens" {
    local most=$(($(lpzstd -19 --text files.tar | wc -c) * 3 / 4))
    lptok files.tar > tok
    [[ $(size tok) -ge $(size files.tar) ]]
    lpmix tok > mix.lp
    [[ $(size mix.lp) -lt $most ]]
    lptok --blob files.tar | tee tok.blob | lpmix --blob > mix.blob
    [[ $(head -c 2 tok.blob | od -An -tx1) == ' fb 20' ]] # text, of cl100k_base
    [[ $(size mix.blob) -lt $most ]]
    lpunpack mix.blob | same - files.tar
}

# How many tokens a packed file has.
tokens_of() {
    lpentropy -n 0 -u token --json "$1" | jq '.units[0].count'
}

@test "a blob of text keeps its vocabulary" {
    lptok --blob -e o200k_base base64.txt > tok
    lpzstd --blob tok > zstd
    for f in tok zstd; do
        [[ $(lpunpack -l --json $f | jq -r '.[0].chain') == text* ]]
        [[ $(lpunpack -l --json $f | jq -r '.[0].vocabulary') == o200k_base ]]
        lpstream-decoder $f | same - base64.txt
        LP_VOCAB_PATH=none lpunpack $f | same - base64.txt
    done
}

@test "the ids of a record that blocks cut are those of the whole record" {
    local f chain count
    for f in files.tar base64.txt prompts; do
        count=$(lptok -c "$f" | awk '{ print $1 }')
        for chain in cat lpzstd lpmix lpwin 'lpwin | lpmix' 'lpzstd | lpmix'; do
            eval "lptok -B 4K $f | $chain" > s
            [[ $(tokens_of s) == "$count" ]] || fail "$f, $chain: $(tokens_of s), not $count"
        done
    done
}

@test "special tokens are never lost to text" {
    local chain count
    (cat small && printf '<|endoftext|>') > special
    cat base64.txt special > parts
    for f in special parts; do
        count=$(lptok -c --special $f | awk '{ print $1 }')
        [[ $count -lt $(lptok -c $f | awk '{ print $1 }') ]]
        for chain in cat lpzstd lpmix lpwin 'lpwin | lpmix' 'lpzstd | lpmix | lpzstd'; do
            eval "lptok -B 16K --special $f | $chain" > s
            lpunpack s | same - $f
            [[ $(tokens_of s) == "$count" ]] || fail "$f, $chain: $(tokens_of s), not $count"
        done
        lptok --special --blob $f | lpmix --blob > s
        lpunpack s | same - $f
    done
}
