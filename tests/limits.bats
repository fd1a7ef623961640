#!/usr/bin/env bats
# Bounds: the peak of memory is at most that of -M and 16 MiB, whatever the input; time is in
# proportion to the input; --max-output bounds the text, and recovery the lines of its report.

load helpers

PATH=$ROOT/tests:$PATH
RUSAGE=$B/bench/rusage

# Makes the inputs: NAME.lp and NAME.blob.
setup_file() {
    make -s -C "$ROOT" B="$B" "$RUSAGE" > /dev/null || return
    cd "$BATS_FILE_TMPDIR" || return
    seq 20000 > lines
    times 12 "$ROOT/man/lpstream.5" "$ROOT/README.md" > text
    random_bytes 4000000 > noise
    make_bombs
    make_streams
    ! valgrind -q --tool=none true 2> /dev/null || : > valgrind-works
}

times() {
    local i
    for ((i = 0; i < $1; i++)); do cat "${@:2}"; done
}

make_bombs() {
    local vector
    for vector in bomb bomb-hidden bomb-mixed claim-text claim-limit claim-payload claim-records \
        claim-end; do
        lpstream-forge $vector < "$ROOT/LICENSE" > $vector.lp
    done
    for vector in bomb-mixed-blob bomb-blob bomb-blob-hidden claim-blob; do
        lpstream-forge $vector < "$ROOT/LICENSE" > $vector.blob
    done
    lpstream-forge bombs-mixed 200 < /dev/null > bombs-mixed.lp
    lpstream-forge nested 20000 < /dev/null > nested.lp
    lpstream-forge index-frames 50000 < /dev/null > index-frames.lp
    lpstream-forge tiny-blocks 50000 < /dev/null > tiny-blocks.lp
    lpstream-forge endless-blocks 500000 < /dev/null > endless-blocks.lp
    lpstream-forge faults 20000 < /dev/null > faults.lp
}

# Sound ones: blocks of all kinds and of several sizes, alone and by turns.
make_streams() {
    lpzstd -1 -B 64M --text noise > stored.lp
    lpzstd -1 -B 200K text > zstd.lp
    lptok -B 4K text | lpmix > mixed.lp
    lptok -B 64M text | tee tokens.lp | lpzstd -1 > tokens-zstd.lp
    lpmix tokens.lp > mixed-large.lp
    lpzstd -1 -B 64K --text noise | cat mixed.lp - zstd.lp mixed.lp > turns.lp
    head -n 1 lines | lptok -L > one.lp
    times 4000 one.lp > segments.lp
    lptok --blob text | tee tokens.blob | lpmix --blob > mixed.blob
    lpzstd -1 --blob --text noise > noise.blob
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return
}

# What a command maps, in kB: the vocabulary and the model of the default encoding, both of its
# models in recovery.
mapped() {
    case "$*" in
        *recover*) du -ck "$B"/vocab/{cl100k,o200k}_base.lp[mv] | tail -n 1 | cut -f 1 ;;
        *mix* | *tokens* | *turns*) du -ck "$B"/vocab/cl100k_base.lp[mv] | tail -n 1 | cut -f 1 ;;
        *) echo 0 ;;
    esac
}

# within MIB COMMAND...: whether it succeeds or not with 3, its peak is at most so much, 16 MiB and
# what it maps.
within() {
    local limit=$1 kb status=0
    shift
    sanitized && skip 'a sanitizer takes memory'
    "$RUSAGE" usage "$@" > out 2> err || status=$?
    [[ $status -eq 0 || $status -eq 3 ]] || fail "$*: exit $status: $(head -n 3 err)"
    kb=$(cut -d ' ' -f 4 usage)
    [[ $kb -le $((limit * 1024 + 16384 + $(mapped "$@"))) ]] || fail "$*: $kb kB"
}

@test "memory: no bomb takes lpunpack beyond -M and 16 MiB" {
    local input how
    for input in *.lp; do
        for how in '' -t -l '-r 1' '-r 1-' --recover '-t -T 4' '-t -T 64'; do
            # shellcheck disable=SC2086 # words
            within 1 lpunpack -M 1M $how "$input"
        done
    done
    for input in *.blob; do
        within 1 lpunpack -M 1M "$input"
        within 1 lpunpack -M 1M -l "$input"
    done
}

@test "memory: with as much as the blocks need, and threads" {
    local input how
    for input in stored zstd mixed mixed-large tokens tokens-zstd turns bomb-mixed bombs-mixed; do
        for how in -t '-r 1-' --recover '-t -T 4' '-t -T 64' '-t -T 256'; do
            # shellcheck disable=SC2086 # words
            within 20 lpunpack -M 20M $how $input.lp
        done
    done
    within 20 lpunpack -M 20M mixed.blob
    within 20 lpunpack -M 20M noise.blob
    within 20 lpunpack -M 20M tokens.blob
    # These are restored, not refused.
    lpunpack -M 20M -T 64 turns.lp | cmp - <(cat text noise text text)
    lpunpack -M 20M -r 1- turns.lp | cmp - <(cat text noise text text)
    lpunpack -M 20M noise.blob | cmp - noise
}

@test "memory: lpzstd and lpmix, packing included" {
    local input command # words
    for input in *.lp; do
        for command in 'lpzstd --packed' 'lpzstd --packed -T 8' lpmix 'lpmix -T 8'; do
            # shellcheck disable=SC2086 # words
            within 3 $command -M 3M "$input"
        done
    done
    for input in *.blob tokens.lp stored.lp mixed-large.lp; do
        within 12 lpzstd --packed --blob -M 12M "$input"
        within 12 lpzstd --blob -M 12M "$input"
        within 12 lpmix --blob -M 12M "$input"
    done
    lpzstd -M 32M tokens.lp | lpunpack | cmp - text
    lpzstd --blob -M 32M tokens.blob | lpunpack | cmp - text
}

@test "memory: LoPace's blobs" {
    local kind input
    head -c 100000000 /dev/zero | zstd -q -1 > zeros.zst
    { printf '\1' && head -c 8000000 /dev/zero; } > token
    zstd -q < token > hybrid
    for kind in zstd token hybrid; do
        for input in zeros.zst token hybrid noise; do
            within 8 lpunpack -M 8M --from=lopace-$kind $input
        done
    done
    expect 0 lpunpack -M 16M --from=lopace-token token # 2,000,000 tokens of a byte
    [[ $(size out) -eq 2000000 ]]
}

@test "memory: a refusal comes before the work" {
    local limit=24
    # 20 MB of text would take longer to restore than to refuse.
    head -c 20000000 /dev/zero | lptok -B 64M | lpmix > late.lp
    lpunpack -l late.lp > /dev/null
    fails 3 'larger than the limit allows: raise it with -M' lpunpack -M ${limit}M late.lp
    within 1 lpunpack -M ${limit}M late.lp
}

# --- Text ---------------------------------------------------------------------

@test "--max-output bounds the text, of all inputs together" {
    local n
    n=$(size lines)
    lptok -L -B 1K lines > l.lp
    lptok --blob lines > l.blob
    for input in l.lp l.blob; do
        expect 0 lpunpack --max-output "$n" $input
        same out lines
        fails 3 'more text than --max-output allows' lpunpack --max-output $((n - 1)) $input
        cmp -n "$(size out)" out lines
        [[ $(size out) -lt $n ]]
        expect 0 lpunpack -t --max-output $((2 * n)) $input $input
        refused 3 'more text than --max-output allows' lpunpack -t --max-output $((2 * n - 1)) \
            $input $input
    done
    for how in -T4 '-r 1-' --recover; do
        # shellcheck disable=SC2086 # words
        expect 0 lpunpack --max-output "$n" $how l.lp
        # shellcheck disable=SC2086
        fails 3 'more text than --max-output allows' lpunpack --max-output 5000 $how l.lp
        [[ $(size out) -le 5000 && $(size out) -gt 3500 ]]
        cmp -n "$(size out)" out lines
    done
    fails 3 'l.lp: at byte' lpunpack --max-output 1 l.lp
    zstd -q < lines > l.zst
    expect 0 lpunpack --from=lopace-zstd --max-output "$n" l.zst
    refused 3 'more text than --max-output allows' \
        lpunpack --from=lopace-zstd --max-output $((n - 1)) l.zst
    fails 3 'l.zst: at byte 0: more text than --max-output allows' \
        lpunpack --from=lopace-zstd --max-output "$n" l.zst l.zst
    same out lines
    refused 2 '--max-output' lpunpack --max-output 0 l.lp
    refute test -e f
    expect 3 lpunpack --max-output 5000 -o f l.lp
    refute test -e f
}

# --- Reports ------------------------------------------------------------------

@test "recovery tells ten losses of an input, then sums up" {
    expect 3 lpunpack --recover faults.lp
    [[ $(wc -l < err) -eq 11 ]]
    tail -n 1 err | grep -qx 'lpunpack: faults.lp: 19991 more losses, of 279860 bytes: lost 0 records, 0 text bytes, and an unknown number'
    lpstream-forge faults-together 20000 < /dev/null > together.lp # one loss
    expect 3 lpunpack --recover together.lp
    err_is 'lpunpack: together.lp: 280000 bytes at byte 18: damaged data: lost records from 1 on, text bytes from 1 on'
    # Where counts are known they are added up: every tenth block of 300 is gone.
    head -n 300 lines | lptok -L --flush > good.lp
    python3 - << 'END'
import re
data = bytearray(open("good.lp", "rb").read())
starts = [m.start() for m in re.finditer(b"\xf9LP", data)][1:301]
for following in starts[10::10]:
    data[following - 1] ^= 1
open("bad.lp", "wb").write(data)
END
    expect 3 lpunpack --recover bad.lp bad.lp
    [[ $(wc -l < err) -eq 22 ]]
    [[ $(grep -c 'more losses' err) -eq 2 ]]
}

# --- Time ---------------------------------------------------------------------

# instructions COMMAND...: how many it takes, from valgrind.
instructions() {
    local status=0
    [ -e valgrind-works ] || skip 'needs valgrind'
    valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null "$@" > out 2> trace ||
        status=$?
    [[ $status -eq 0 || $status -eq 3 ]] || fail "$*: exit $status: $(tail -n 3 trace)"
    sed -n 's/,//g; s/^==[0-9]*== I *refs: *//p' trace
}

# linear COMMAND... -- SMALL LARGE: twice the input takes at most 2.3 times the instructions.
linear() {
    local words=() small large
    while [[ $1 != -- ]]; do
        words+=("$1")
        shift
    done
    small=$(instructions "${words[@]}" "$2") || return
    large=$(instructions "${words[@]}" "$3") || return
    [[ -n $small && $large -le $((small * 23 / 10)) ]] || fail "${words[*]}: $small, then $large"
}

# both COMMAND N: makes small and large by a shell command, of which $n is the size.
both() {
    n=$2 bash -c "$1" > small && n=$(($2 * 2)) bash -c "$1" > large
}

@test "time: forged streams, however nested" {
    sanitized && skip 'counts instructions'
    # shellcheck disable=SC2016 # for the inner shell
    both 'lpstream-forge nested $n < /dev/null' 2000
    linear lpunpack --recover -- small large
    # shellcheck disable=SC2016
    both 'lpstream-forge index-frames $n < /dev/null' 2000
    for how in -t -l '-r 1-' --recover; do
        # shellcheck disable=SC2086 # words
        linear lpunpack $how -- small large
    done
    # shellcheck disable=SC2016
    both 'lpstream-forge faults $n < /dev/null' 4000
    linear lpunpack --recover -- small large
    # shellcheck disable=SC2016
    both 'lpstream-forge endless-blocks $n < /dev/null' 10000
    linear lpunpack --recover -- small large
}

@test "time: many records, blocks and segments" {
    sanitized && skip 'counts instructions'
    # shellcheck disable=SC2016 # for the inner shell
    both 'seq $n | lptok -L --flush' 4000
    for how in -t -l '-r 1-' --recover; do
        # shellcheck disable=SC2086 # words
        linear lpunpack $how -- small large
    done
    linear lpstat -- small large
    linear lpzstd -1 -- small large
    linear lpmix --no-verify -- small large
    # shellcheck disable=SC2016
    both 'head -n $n lines | lptok -L' 10000
    linear lpunpack -r "$(seq -s , 9000 -3 1)" -- small large # of one block
    # shellcheck disable=SC2016
    both 'for ((i = 0; i < n; i++)); do cat one.lp; done' 1000
    for how in -t -l '-l --json' '-r 1-' --recover; do
        # shellcheck disable=SC2086 # words
        linear lpunpack $how -- small large
    done
    linear lpstat -- small large
}

@test "time: text" {
    sanitized && skip 'counts instructions'
    # shellcheck disable=SC2016 # for the inner shell
    both 'head -c $n text' 200000
    for command in lptok 'lptok -L' 'lpzstd -3 --text' 'lpentropy -L'; do
        # shellcheck disable=SC2086 # words
        linear $command -- small large
    done
}

@test "time: lpgrep passes over long lines, and matches few" {
    sanitized && skip 'counts instructions'
    # each line ends with a fixed string of the pattern; what stands beside it matches in the last
    local line pattern size count
    line="$(printf 'some words of a prompt, %.0s' {1..50})reading the user's text"
    for ((i = 0; i < 1000; i++)); do echo "$line"; done > long
    echo 'Reading the User 1user' >> long
    size=$(wc -c < long)
    for pattern in '[a-z]+ing the [A-Z]' '(system|user|assistant)' '\d+user'; do
        count=$(instructions lpgrep -c --text -e "$pattern" long) || return
        [[ $count -gt 0 && $count -le $((5 * size)) ]] || fail "$pattern: $count for $size bytes"
    done
}
