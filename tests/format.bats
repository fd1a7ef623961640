#!/usr/bin/env bats
# The properties that the format promises, by number, and its size budgets.

load helpers
load golden

PATH=$ROOT/tests:$PATH

# Five kinds of streams of one text: a name and a command for each.
declare -gA MAKE=(
    [text-zstd]='lpzstd -L -B 1K' [tokens]='lptok -B 1K' [tokens-lines]='lptok -L -B 1K'
    [tokens-zstd]='lptok -B 1K | lpzstd' [nuls]='lptok -0 --flush | lpzstd'
)

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    head -c 3000 "$TEXTS/sentences" | cat "$TEXTS/lines" - "$TEXTS/prompt" > text
    for name in "${!MAKE[@]}"; do
        eval "${MAKE[$name]}" < text > "$name.lp"
    done
    # 1,000 numbered records of at least a thousand bytes.
    for ((i = 1; i <= 1000; i++)); do
        tail -c +$((i % 89 * 90 + 1)) "$TEXTS/sentences" | head -c 1000 | tr '\n' ' '
        printf 'record %d\n' "$i"
    done > many
    lptok -L -B 4K many | lpzstd > many.lp
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    cp "$BATS_FILE_TMPDIR"/*.lp "$BATS_FILE_TMPDIR/text" .
}

# The frames of a stream: OFFSET KIND SIZE PAYLOAD TEXT RECORDS. KIND is hexadecimal:
# 48 is a header, 8x and 9x are blocks, 69 is an index, 45 is an end.
frames() {
    lpstream-decoder -l "$1"
}

blocks() {
    frames "$1" | grep ' 8[0-9a-f] '
}

@test "property 1: streams one after the other are a stream" {
    local a b
    for a in *.lp; do
        for b in *.lp; do
            cat "$a" "$b" > both
            { lpunpack "$a" && lpunpack "$b"; } > texts
            expect 0 lpunpack both
            same out texts
        done
    done
    cat ./*.lp > all
    for b in *.lp; do lpunpack "$b"; done > texts
    lpunpack < all | cmp - texts
    [[ $(lpunpack -l --json all | jq length) -eq $((${#MAKE[@]} + 1)) ]]
}

@test "property 2: a stream says what it is" {
    lptok -0 -e p50k_edit text | lpzstd -D "$TEXTS/tokens.dict" > s
    expect 0 lpunpack -l --json -D "$TEXTS/tokens.dict" s
    jq -e '.[0] | .chain == "tokens+zstd" and .vocabulary == "p50k_edit" and .split == "null"' out
    expect 0 lpunpack -l s
    grep -q "needs dictionary [0-9a-f]\{16\}" out
}

@test "property 2: a decoder that lacks something says which, and where it looked" {
    local fingerprint
    lptok -e gpt2 text > s
    fingerprint=$(lptok --list | awk '$1 == "gpt2" { print $4 }')
    mkdir none
    LP_VOCAB_PATH=$PWD/none refused 3 'vocabulary gpt2' lpunpack s
    err_line lpunpack "$fingerprint" "$PWD/none" LP_VOCAB_PATH
    lptok text | lpzstd -D "$TEXTS/tokens.dict" > s
    fingerprint=$(lpunpack -l s | grep -o 'needs dictionary .*' | cut -d ' ' -f 3)
    refused 3 "$fingerprint" lpunpack s
    err_line lpunpack dictionary -D
    refused 3 "$fingerprint" lpunpack -D "$TEXTS/sentences" s # another one
    expect 0 lpunpack -D "$TEXTS/tokens.dict" s
    same out text
}

@test "property 3: the very bytes come back, however they were split" {
    local file split compress
    printf 'a\n' > one-line
    printf '\n' > line-end
    printf '\0' > nul
    printf 'a\0b\0' > two-nuls
    for file in "$TEXTS"/* one-line line-end nul two-nuls text; do
        for split in '' -0 -L '-L --flush' '-0 -B 1K'; do
            # shellcheck disable=SC2086 # words
            lptok $split "$file" > s
            lpzstd s > z
            # shellcheck disable=SC2086 # words
            lpzstd $split "$file" > t
            for compress in s z t; do
                lpunpack $compress | cmp - "$file"
            done
        done
    done
}

@test "property 4: truncation is always detected" {
    local name n total
    for name in tokens-lines nuls; do
        total=$(size $name.lp)
        for ((n = 0; n < total; n += n < 60 || n > total - 40 ? 1 : 29)); do
            head -c $n $name.lp > short
            expect 3 lpunpack short
            err_line lpunpack
            cmp -n "$(size out)" out text
        done
    done
}

@test "property 4: truncation is always detected, at a boundary of blocks too" {
    local name offset rest
    for name in "${!MAKE[@]}"; do
        while read -r offset rest; do
            head -c "$offset" "$name.lp" > short
            expect 3 lpunpack short
            err_line lpunpack
            expect 3 lpunpack -t short
            # A whole segment before it does not hide the truncation.
            cat tokens.lp short > both
            [[ $offset -eq 0 ]] || expect 3 lpunpack both
        done < <(frames "$name.lp")
    done
}

@test "property 4: the end carries records, text and a check" {
    for vector in end-text end-records; do
        lpstream-forge $vector < "$TEXTS/lines" > s
        expect 3 lpunpack s
        err_line lpunpack 'damaged'
    done
}

# The offsets in the text where a stream's blocks end, in one line.
block_ends() {
    blocks "$1" | awk '{ printf " %d", n += $5 } END { print " " }'
}

@test "property 5: nothing unverified is written" {
    local name total at ends
    for name in "${!MAKE[@]}"; do
        total=$(size "$name.lp")
        ends=" 0$(block_ends "$name.lp")"
        for ((at = 0; at < total; at += total / 25)); do
            damage $at 1 '\x55' < "$name.lp" > bad
            cmp -s bad "$name.lp" && continue
            expect 3 lpunpack bad
            err_line lpunpack
            cmp -n "$(size out)" out text
            [[ $ends == *" $(size out) "* ]] || fail "$name: $(size out) bytes are no whole blocks"
        done
    done
}

@test "property 6: damage stays local" {
    local offset n payload text name lost=0 skip
    for name in text-zstd tokens tokens-zstd; do
        skip=0
        while read -r offset _ n payload text _; do
            damage $((offset + n - payload / 2)) 1 '\x55\xaa' < $name.lp > bad
            { head -c $skip text && tail -c +$((skip + text + 1)) text; } > rest
            expect 3 lpunpack --recover bad
            same out rest
            err_line lpunpack "bytes at byte $offset: " "text bytes $((skip + 1))-$((skip + text))"
            skip=$((skip + text))
            lost=$((lost + 1))
        done < <(blocks $name.lp)
        [[ $skip -eq $(size text) ]]
    done
    [[ $lost -ge 9 ]]
}

@test "property 7: a record takes the end, the index and one block" {
    local first last
    # All blocks but the last are lost.
    first=$(blocks many.lp | sed -n '1s/ .*//p')
    last=$(blocks many.lp | sed -n '$s/ .*//p')
    { head -c "$first" many.lp && head -c $((last - first)) /dev/zero &&
        tail -c +$((last + 1)) many.lp; } > holes
    expect 3 lpunpack holes
    expect 0 lpunpack -r 1000 holes
    [[ $(cat out) == *'record 1000' ]]
    expect 0 lpunpack -l holes
    cat many.lp holes many.lp > three
    expect 0 lpunpack -r 1,2000,3000 three
    grep -o 'record .*' out > found
    printf 'record %d\n' 1 1000 1000 | diff - found
}

@test "property 7: a pipe needs no seeking" {
    expect_pipe 0 'cat many.lp | lpunpack -r 500-501 | grep -o "record .*"'
    out_is $'record 500\nrecord 501'
    lpunpack < <(cat many.lp) | cmp - "$BATS_FILE_TMPDIR/many"
}

@test "property 7: an index of many blocks comes in parts" {
    seq 30000 > numbers
    lptok -L --flush numbers > s
    [[ $(frames s | grep -c ' 69 ') -gt 1 ]]
    expect 0 lpunpack -r 1,9999,30000 s
    out_is $'1\n9999\n30000'
    lpunpack -t s
}

@test "property 8: unknown ancillary frames are skipped" {
    for vector in ancillary ancillary-one; do
        lpstream-forge $vector < "$TEXTS/lines" > s
        expect 0 lpunpack s
        same out "$TEXTS/lines"
        expect 0 lpunpack --recover s
        same out "$TEXTS/lines"
        err_is ''
        expect 0 lpunpack -r 4 s
        out_is 'You are a helpful assistant.'
        lpzstd s | lpunpack | cmp - "$TEXTS/lines"
    done
}

@test "property 8: what another version wrote is refused, and named" {
    local vector met
    while read -r vector met; do
        lpstream-forge "$vector" < "$TEXTS/lines" > s
        expect 3 lpunpack s
        err_line lpunpack "another version: $met"
        expect 3 lpzstd s
        err_line lpzstd "another version: $met"
        [[ $met == frame* ]] && continue # -l and -r read what the index lists
        expect 3 lpunpack -l s
        err_line lpunpack "another version: $met"
        expect 3 lpunpack -r 1 s
        err_line lpunpack "another version: $met"
    done << 'END'
newer-version version 3
older-version version 1
shorter-version version 1
newer-window window 29
newest-window window 255
newer-chain chain 99
newer-split split 3
newer-frame frame kind 88
END
    lpstream-forge newer-blob-vocabulary < "$TEXTS/lines" > s
    refused 3 'another version: blob description' lpunpack s
}

@test "property 9: what claims or unfolds to too much costs little" {
    sanitized && skip "a sanitizer needs address space of its own"
    for vector in claim-text claim-limit claim-payload claim-records claim-ancillary claim-index \
        bomb bomb-hidden bomb-tokens claim-blob bomb-blob bomb-blob-hidden; do
        lpstream-forge $vector < "$TEXTS/lines" > s
        expect 3 bash -c 'ulimit -v 400000 -t 5; exec lpunpack s'
        err_line lpunpack
        expect 3 bash -c 'ulimit -v 400000 -t 5; exec lpzstd '"$(
            [[ $vector == *blob* ]] && echo --blob
        )"' s'
        err_line lpzstd
        [[ $vector == *blob* ]] || bash -c 'ulimit -v 400000 -t 5
            lpunpack --recover s > out; test $? -le 3 && lpunpack -l s; test $? -le 3 &&
            lpunpack -r 1 s; test $? -le 3' > all 2>&1
    done
}

@test "property 9: a limit that the user can raise" {
    head -c 3000000 /dev/zero > zeros
    lpzstd -B 4M zeros > s
    refused 3 'raise it with -M' lpunpack -M 4M s
    expect 0 lpunpack -M 16M s
    same out zeros
}

# same_however_fed COMMAND: it writes the same bytes however the pieces of its input arrive.
same_however_fed() {
    bash -c "$1" < many > whole
    dd if=many bs=1 2> none | bash -c "$1" | cmp - whole
    dd if=many bs=77 2> none | bash -c "$1" | cmp - whole
    (head -c 1000 many && sleep 0.2 && tail -c +1001 many) | bash -c "$1" | cmp - whole
}

@test "property 10: the same bytes however the input arrives" {
    head -n 30 "$BATS_FILE_TMPDIR/many" > many
    same_however_fed 'lptok'
    same_however_fed 'lptok -L -B 1K'
    same_however_fed 'lptok -0 -e o200k_base --special'
    same_however_fed 'lpzstd -L -B 8K'
    lptok -L -B 2K many > tokens
    mv tokens many
    same_however_fed lpzstd
    same_however_fed lpunpack
}

@test "property 10: the same bytes on any number of threads" {
    local n
    times 4 "$BATS_FILE_TMPDIR/many" > copies
    lptok -L -B 16K copies > tokens
    lpzstd tokens > one
    for n in 2 3 8; do
        lpzstd -T $n tokens | cmp - one
        lpunpack -T $n one | cmp - copies
    done
}

# Runs a command with a terminal as its standard output, or input.
on_terminal() {
    script -qec "$1" /dev/null < /dev/null > out 2>&1
}

@test "property 11: refused where it would hurt" {
    for command in 'lptok text' 'lpzstd text'; do
        on_terminal "$command" && fail "$command wrote to a terminal"
        grep -q 'terminal' out
        [[ $(wc -l < out) -eq 1 ]]
    done
    for s in *.lp; do
        expect 3 lptok "$s"
        err_line lptok 'is already a lopace stream'
        expect 3 lptok < "$s"
        expect 3 lpunpack out # what a pipe would get
    done
    refused 3 'not a lopace stream or blob' lpunpack text
    refused 3 '' lpunpack /dev/null
}

# --- Budgets -------------------------------------------------------------------

# The bytes of a blob that are not payload.
around() {
    lpstream-decoder -l "$1" | awk '{ print $2 - $3 }'
}

@test "budget: a blob has at most 7, 8, 9 bytes around a record; unchecked 3, 4, 5" {
    local n checked unchecked
    while read -r n checked unchecked; do
        times 60 "$TEXTS/sentences" | head -c "$n" > record
        lptok --blob record > tokens
        lpzstd --blob record > text-zstd
        lpzstd --blob tokens > tokens-zstd
        lptok --blob -e o200k_base record > other
        for blob in tokens text-zstd tokens-zstd other; do
            [[ $(around $blob) -le $checked ]] || fail "$blob of $n: $(around $blob)"
        done
        lptok --blob --no-check record > tokens
        lpzstd --blob --no-check record > text-zstd
        lpzstd --blob --no-check --packed tokens > tokens-zstd
        for blob in tokens text-zstd tokens-zstd; do
            [[ $(around $blob) -le $unchecked ]] || fail "unchecked $blob of $n: $(around $blob)"
        done
    done << 'END'
100 7 3
10000 8 4
300000 9 5
END
}

@test "budget: a record that does not shrink is a blob of 6 bytes more" {
    local n
    for n in 0 1 5 100 727 5000; do
        times 10 "$TEXTS/bytes" | head -c $n > record
        for make in 'lptok --blob' 'lpzstd --blob' 'lptok --blob -e o200k_base'; do
            $make record > b
            [[ $(size b) -le $((n + 6)) ]]
            $make record | lpzstd --blob -22 > b
            [[ $(size b) -le $((n + 6)) ]]
        done
    done
}

@test "budget: a record inside a block takes at most 3 bytes more" {
    local i alone n=0
    for ((i = 0; i < 20; i++)); do
        tail -c +$((i * 400 + 1)) "$TEXTS/sentences" | head -c 300 | tr '\n' ' ' > "r$i"
        lptok --blob --no-check "r$i" > b
        n=$((n + $(size b) - 2))
    done
    for separator in '\n -L' '\0 -0'; do
        for ((i = 0; i < 20; i++)); do
            cat "r$i"
            printf '%b' "${separator% *}"
        done | lptok "${separator#* }" > s
        alone=$(blocks s | awk '{ print $4 }')
        [[ $alone -le $((n + 60)) ]] || fail "$separator: $alone, not $n + 60"
    done
    lptok r? r1? > s
    [[ $(blocks s | awk '{ print $4 }') -le $((n + 60)) ]]
}

@test "budget: a block of its own takes at most 20 bytes" {
    times 80 "$TEXTS/sentences" > large
    lptok large > one
    lpzstd -B 64K large > several
    for s in *.lp one several; do
        blocks "$s" | awk '$3 - $4 > 20 { exit 1 }'
    done
}

@test "budget: a header and an end take at most 64 bytes" {
    local name
    while read -r name _; do
        lptok -L -e "$name" text > s
        frames s | awk '$2 == 48 || $2 == 45 { n += $3 } END { exit n > 64 }'
    done < <(lptok --list)
    times 300 "$TEXTS/sentences" | lptok > s
    frames s | awk '$2 == 48 || $2 == 45 { n += $3 } END { exit n > 64 }'
}

@test "budget: the index takes at most 12 bytes a block, of four and more" {
    times 300 "$TEXTS/sentences" > large
    lptok -L -B 128K large > a
    lptok -L -B 1K large | lpzstd -1 > b
    lpzstd -1 -B 1M large > c
    for s in a b c *.lp; do
        frames "$s" | awk '$2 == 69 { size += $3 } $2 ~ /^8/ { n++ }
            END { exit n > 3 && size > 12 * n }'
    done
}
