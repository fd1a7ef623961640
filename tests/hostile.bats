#!/usr/bin/env bats
# Damaged, truncated, forged and random input to the commands: they write the exact original,
# or exit with 3 and one line. (unit/hostile.c flips every bit of many more streams, in
# process.)

load helpers
load golden

PATH=$ROOT/tests:$PATH

# The small streams and blobs to damage: a name and a command that reads lines.
declare -gA MAKE=(
    [tokens]='lptok -e o200k_base' [lines]='lptok -L --flush' [zstd]='lptok -L | lpzstd'
    [text]='lpzstd -0' [two]='lptok -L | cat - <(lptok lines)'
    [blob]='lptok --blob' [zstd-blob]='lptok --blob | lpzstd --blob' [text-blob]='lpzstd --blob'
)

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    head -n 6 "$TEXTS/lines" > lines
    for name in "${!MAKE[@]}"; do
        bash -o pipefail -c "${MAKE[$name]}" < lines > "$name.lp"
        lpunpack "$name.lp" > "$name.text"
    done
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    cp "$BATS_FILE_TMPDIR"/* .
}

# Limits memory and processor time, unless a sanitizer needs more.
limited() {
    sanitized || ulimit -v 400000
    ulimit -t 10
    exec "$@"
}
export -f limited sanitized

# judged NAME: the output is the original, or a prefix of it with exit 3 and one line.
judged() {
    local status=0
    lpunpack bad > out 2> err || status=$?
    if [[ $status -eq 0 ]]; then
        same out "$1.text" && err_is ''
    elif [[ $status -eq 3 ]]; then
        err_line lpunpack && cmp -n "$(size out)" out "$1.text"
    else
        fail "$1: exit $status: $(cat err)"
    fi
}

# flipped FILE BIT: FILE with one bit flipped.
flipped() {
    local byte
    byte=$(od -An -tu1 -j $(($2 / 8)) -N 1 "$1")
    damage $(($2 / 8)) 1 "$(printf '\\x%02x' $((byte ^ 1 << $2 % 8)))" < "$1"
}

# 61 is odd, so bits of every significance are flipped.
@test "a flipped bit gives the original or an error" {
    local name bit
    for name in "${!MAKE[@]}"; do
        for ((bit = 3; bit < 8 * $(size "$name.lp"); bit += 61)); do
            flipped "$name.lp" $bit > bad
            judged "$name" || fail "$name: bit $bit"
        done
    done
}

@test "every truncation is an error" {
    local name n
    for name in "${!MAKE[@]}"; do
        [[ $name == two ]] && continue # where the first of two ends, there is no cut
        for ((n = 0; n < $(size "$name.lp"); n += n < 50 ? 1 : 7)); do
            head -c $n "$name.lp" > bad
            judged "$name" || fail "$name: cut at $n"
            [[ -s err ]] || fail "$name: cut at $n"
        done
    done
}

@test "every stage finds the damage, and passes none on" {
    local at
    for ((at = 40; at < $(size lines.lp); at += 9)); do
        damage $at 1 '\x2a' < lines.lp > bad
        cmp -s bad lines.lp && continue
        expect 3 lpzstd bad
        err_line lpzstd
        mv out cut
        expect 3 lpunpack cut
        cmp -n "$(size out)" out lines
        expect_pipe 3 'lpzstd bad 2> /dev/null | lpunpack'
        err_line lpunpack
    done
}

@test "random bytes are refused" {
    local i start
    for start in '' '\xf9LP' '\xf9LPH' '\xf5' '\xf8' '\xfb' '\xfd' '\xfe' '\xff' '\xfb\x23' '\xf8\x05'; do
        for i in 1 2 3; do
            { printf '%b' "$start" && tail -c +$((i * 77)) "$TEXTS/bytes"; } > bad
            # Without a check any bytes may be valid; they must do no harm.
            if [[ $start == '\xf8'* ]]; then
                expect 0 lpunpack bad || expect 3 lpunpack bad
            else
                expect 3 lpunpack bad
                err_line lpunpack
                out_is ''
                expect 3 lpunpack --recover bad
                out_is ''
                expect 3 lpunpack -l bad
            fi
        done
    done
}

@test "junk after a stream, before it, between two" {
    printf 'junk' > junk
    cat lines.lp junk > bad
    expect 3 lpunpack bad
    err_line lpunpack "at byte $(size lines.lp)"
    same out lines
    expect 3 lpunpack --recover bad
    same out lines
    err_line lpunpack "4 bytes at byte $(size lines.lp)"
    cat junk lines.lp > bad
    expect 3 lpunpack bad
    err_line lpunpack "not a lopace stream or blob"
    out_is ''
    expect 3 lpunpack --recover bad
    same out lines
    err_line lpunpack '4 bytes at byte 0'
    cat zstd.lp junk lines.lp > bad
    expect 3 lpunpack --recover bad
    cat lines lines | cmp - out
    err_line lpunpack "4 bytes at byte $(size zstd.lp)"
    cat blob.lp lines.lp > bad # a blob ends with its file
    expect 3 lpunpack bad
    err_line lpunpack
}

@test "malformed streams whose checks are right are refused" {
    local vector
    for vector in block-first header-again header-longer limit-small name-with-slash \
        tokens-in-text mixed-in-tokens no-record other-text less-text cut-code no-token \
        sizes-too-large end-text end-records index-empty; do
        lpstream-forge $vector < lines > bad
        expect 3 lpunpack bad
        err_line lpunpack
        cmp -n "$(size out)" out lines
        cp bad "bad.$vector"
        [[ $vector == block-first ]] && continue # not a stream's beginning: text
        expect 3 lpzstd bad
        err_line lpzstd
    done
    refused_by_decoder '' bad.*
}

# refused_by_commands TEXT: every command that reads streams refuses bad, and says TEXT.
refused_by_commands() {
    local command
    for command in 'lpunpack' 'lpunpack -t' 'lpunpack -T3' lpentropy lpzstd lpmix lpwin; do
        expect 3 bash -c "limited $command bad"
        err_line "${command%% *}" "$1" || fail "$command: $1"
    done
}

# refused_by_all TEXT: the same, and a copy of it is kept for the second decoder, which takes long to
# begin: refused_by_decoder '' bad.* at the end.
refused_by_all() {
    refused_by_commands "$1" && cp bad "$(mktemp bad.XXXXXX)"
}

@test "windows that are malformed are refused, in whole" {
    local vector
    for vector in window-small window-of-text window-of-text-zstd; do
        lpstream-forge $vector < lines > bad
        refused_by_all ''
        for how in -l -r1; do
            expect 3 lpunpack $how bad
            err_line lpunpack 'damaged data'
        done
        expect 3 lpstat bad
        err_line lpstat 'damaged data'
    done
    for vector in newer-window newest-window; do
        lpstream-forge $vector < lines > bad
        refused_by_all 'made by another version: window'
        for how in 'lpunpack -l' 'lpunpack -r1' lpstat; do
            expect 3 bash -c "$how bad"
            err_line "${how%% *}" 'made by another version: window'
        done
    done
    for vector in linked-first linked-without-window; do
        lpstream-forge $vector < lines > bad
        refused_by_all 'damaged data'
        for how in 'lpunpack -l' 'lpunpack -r1' lpstat; do
            expect 3 bash -c "$how bad"
            err_line "${how%% *}" 'damaged data'
        done
        expect 3 lpunpack --recover bad
        err_line lpunpack 'lost record'
    done
    refused_by_decoder '' bad.*
}

# Each of these is a block that cannot be restored, the last but one, of a record each.
@test "copies that are malformed cost their block, and are refused" {
    local vector n
    for vector in copies-without-window copies-in-text copies-in-text-zstd apart-without-window \
        apart-in-text apart-with-copies distance-none \
        distance-negative distance-before distance-linked distance-far distance-largest \
        length-longer length-largest rest-left rest-missing rest-largest copies-missing copies-cut \
        copies-endless copies-past-payload copies-size-cut copies-size-largest copies-cut-code \
        copies-other; do
        lpstream-forge $vector < lines > bad
        refused_by_all 'damaged data'
        n=$(listed records bad)
        refused 3 'damaged data' lpunpack -r $((n - 1)) bad
        expect 0 lpunpack -r "1-$((n - 2)),$n" bad
        mv out rest
        expect 3 lpunpack --recover bad
        err_line lpunpack "damaged data: lost record $((n - 1)), text bytes"
        same out rest
    done
    lpstream-forge blob-copies-in-text < lines > bad
    refused 3 'damaged data' lpunpack bad
    lpstream-forge copies-sizes < lines > bad
    refused_by_all 'damaged data'
    expect 3 lpunpack --recover bad
    err_line lpunpack 'damaged data: lost records 2-3, text bytes 34-55'
    refused_by_decoder '' bad.*
}

@test "blobs with a parent whose copies are malformed are refused, by two decoders" {
    local vector
    printf 'Hi\nHello world' > parent
    lptok parent > parent.lp
    lpstream-forge blob-parent < parent > good
    expect 0 lpunpack --parent parent good && printf 'Hello world' | cmp - out
    lpstream-decoder -P parent.lp good | cmp - out
    for vector in blob-parent-beyond blob-parent-long blob-parent-rest blob-parent-cut; do
        lpstream-forge $vector < parent > bad
        refused 3 'damaged data' lpunpack --parent parent bad
        expect 3 lpstream-decoder -P parent.lp bad
    done
    lpstream-forge blob-parent-other < parent > bad
    refused 3 'check' lpunpack --parent parent bad
    expect 3 lpstream-decoder -P parent.lp bad
}

@test "an index that lies about a window is refused" {
    local vector bad
    while read -r vector bad; do
        lpstream-forge "$vector" < lines > bad
        refused_by_all 'damaged data'
        refused 3 'damaged data' lpunpack -r "$bad" bad
        expect 3 lpunpack --recover bad
        [[ $(size out) -eq 55 ]]
    done << 'END'
index-unlinked 2
index-linked 3
index-linked-first 1
END
    expect 3 lpunpack -l bad
    err_line lpunpack 'damaged data'
    refused_by_decoder '' bad.*
}

@test "an index that lies leads nowhere" {
    lpstream-forge claim-index < lines > bad
    for vector in claim-index index-circle; do
        lpstream-forge $vector < lines > bad
        for how in -t '-r 1' -l; do
            expect 3 bash -c "limited lpunpack $how bad"
            err_line lpunpack
        done
        bash -c 'limited lpunpack --recover bad' > out 2> err || [[ $? -eq 3 ]]
        same out lines
    done
}

@test "a bomb costs neither memory nor time" {
    local vector
    for vector in claim-text claim-limit claim-payload claim-records bomb bomb-hidden bomb-tokens \
        bomb-copies bomb-copies-hidden bomb-copies-tokens claim-blob bomb-blob bomb-blob-hidden; do
        lpstream-forge $vector < lines > bad
        [[ $(size bad) -lt 70000 ]]
        expect 3 bash -c 'limited lpunpack bad'
        err_line lpunpack
        out_is ''
    done
    # lpunpack reads LoPace's blobs, but no other zstd files.
    head -c 500000000 /dev/zero | zstd -q -1 > bad
    expect 3 bash -c 'limited lpunpack --from=lopace-zstd -M 1M bad'
    err_line lpunpack
    expect 3 bash -c 'limited lpunpack --from=lopace-hybrid -M 1M bad'
    err_line lpunpack
}

@test "a bomb of copies costs neither memory nor time, whoever reads it" {
    local vector
    for vector in bomb-copies bomb-copies-hidden bomb-copies-tokens; do
        lpstream-forge $vector < lines > bad
        refused_by_commands 'damaged data'
        for how in --recover '-r 1'; do
            expect 3 bash -c "limited lpunpack $how bad"
            err_line lpunpack
        done
    done
    lpstream-forge bomb-copies < lines > bad
    refused 3 'larger than the limit allows: raise it with -M' lpunpack -M 128M bad
    lpstream-forge claim-window < lines > bad
    expect 0 bash -c 'limited lpunpack bad'
    printf 'Hello world' | cmp - out
    refused 3 'larger than the limit allows: raise it with -M' lpunpack -M 64M bad
}

@test "-M bounds what a block may need" {
    times 300 "$TEXTS/sentences" > large
    lptok -B 64K large | lpzstd > small-blocks
    lptok -B 4M large | lpzstd > large-block
    expect 0 lpunpack -M 1M small-blocks
    same out large
    refused 3 'larger than the limit allows: raise it with -M' lpunpack -M 1M large-block
    expect 0 lpunpack -M 64M large-block
    same out large
    head -c 20000000 /dev/zero > zeros
    lpzstd --blob zeros > blob
    refused 3 'larger than the limit allows: raise it with -M' lpunpack -M 1M blob
    expect 0 lpunpack -M 100M blob
    same out zeros
    cat "$DATA"/prompts/*.txt > prompts
    lptok --blob prompts | lpmix --blob > blob
    lpstat blob | grep -q mix
    refused 3 'larger than the limit allows: raise it with -M' lpunpack -M 64K blob
    expect 0 lpunpack -M 300K blob
    same out prompts
    refused 2 '-M' lpunpack -M 0x10 large-block
    refused 2 '-M' lpunpack -M -1 large-block
}

@test "recovery says which records and bytes are lost" {
    local i=0 offset n text at=1
    while read -r offset _ n _ text _; do
        i=$((i + 1))
        flipped lines.lp $((8 * (offset + n) - 1)) > bad
        expect 3 lpunpack --recover bad
        sed "${i}d" lines | cmp - out
        err_is "lpunpack: bad: $n bytes at byte $offset: damaged data: lost record $i, text bytes $at-$((at + text - 1))" ||
            err_is "lpunpack: bad: $n bytes at byte $offset: damaged data: lost record $i, text byte $at"
        at=$((at + text))
    done < <(lpstream-decoder -l lines.lp | grep ' 8')
    [[ $i -eq 6 ]]
}

@test "recovery of any damage writes whole blocks, and ends" {
    local at
    for ((at = 0; at < $(size lines.lp); at += 13)); do
        damage $at 5 '\x00\xf9LP\xff' < lines.lp > bad
        expect 3 lpunpack --recover bad
        # The lines restored are lines of the text, in order.
        diff lines out > changes || ! grep -q '^>' changes
    done
}

# What follows tells nothing then of how much the gap holds, whether it is filled or closed.
@test "recovery names no size of a gap that may hold an end and a header" {
    local first last from to start count at size n=0
    seq -f "line %04.0f" 1 500 | tee left | lptok -L -B 1K > left.lp
    seq -f "line %04.0f" 501 1200 | tee right | lptok -L -B 2K > right.lp
    cat left.lp right.lp > both.lp
    size=$(size left.lp)
    mapfile -t first < <(lpstream-decoder -l left.lp | grep -v ' 48 ')
    mapfile -t last < <(lpstream-decoder -l right.lp | grep -v ' [46][59] ')
    [[ ${#first[@]} -ge 5 && ${#last[@]} -ge 3 ]]
    for from in "${first[@]:1}"; do
        for to in "${last[@]}"; do
            read -r at _ <<< "$from"
            read -r start _ count _ <<< "$to"
            n=$((size + start + count - at))
            damage "$at" $n "$(printf "x%.0s" $(seq $n))" < both.lp > filled
            damage "$at" $n < both.lp > closed
            for bad in filled closed; do
                expect 3 lpunpack --recover $bad
                grep -Eq 'from [0-9]+ on|unknown' err
                ! grep -E 'lost (record|no)' err | grep -v ' on$'
                diff <(cat left right) out > changes || ! grep -q '^>' changes
            done
        done
    done
}

# Blocks of a golden stream: two key blocks with two that copy from each, then a last key block.
@test "a damaged block costs the rest of its chain, up to the next key block, and no more" {
    local i end key first last row blocks=() n=0
    times 8 "$TEXTS/prompt" "$TEXTS/lines" > text
    mapfile -t blocks < <(lpstream-decoder -l "$GOLDEN/keys.window.lp" | grep ' [89ab]. ')
    for ((i = 0; i < ${#blocks[@]}; i++)); do
        read -r at _ size _ _ records <<< "${blocks[i]}"
        first=$((n + 1)) # the first record lost, the last one
        n=$((n + records))
        last=$n
        end=$((at + size))
        for row in "${blocks[@]:i+1}"; do
            read -r _ key size _ _ records <<< "$row"
            [[ $key == [89]* ]] && break
            last=$((last + records))
            end=$((end + size))
        done
        flipped "$GOLDEN/keys.window.lp" $((8 * (at + 20))) > bad
        expect 3 lpunpack --recover bad
        sed "$first,${last}d" text | cmp - out
        err_line lpunpack "$((end - at)) bytes at byte $at: damaged data: lost records $first-$last, text bytes"
        refused 3 'damaged data' lpunpack -r "$first" bad
        refused 3 'damaged data' lpunpack -r "$last" bad
        [[ $first -eq 1 ]] || lpunpack -r "1-$((first - 1))" bad | cmp - <(head -n $((first - 1)) text)
        [[ $last -eq 225 ]] || lpunpack -r "$((last + 1))-" bad | cmp - <(tail -n +$((last + 1)) text)
    done
    [[ $n -eq 225 ]]
}

@test "blocks of a window outlive their header, and blocks that copy nothing their chain" {
    damage 3 1 x < "$GOLDEN/keys.window.lp" > bad
    expect 3 lpunpack --recover bad
    times 8 "$TEXTS/prompt" "$TEXTS/lines" | cmp - out
    err_is 'lpunpack: bad: 38 bytes at byte 0: damaged data: lost no record, no text'
    damage 38 4 x < "$GOLDEN/flush.window.lp" > bad # the first block's header
    expect 3 lpunpack --recover bad
    head -n 8 out > begin
    sed 1d "$TEXTS/lines" | head -n 8 | cmp - begin
}
