#!/usr/bin/env bats
# lpunpack: every option, its output and errors.

load helpers

# 3000 short lines in blocks of 4 KiB: as tokens, and with zstd; a text of one record.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    seq 1 3000 > lines
    lptok -L -B 4K lines > lines.tok
    lpzstd lines.tok > lines.lp
    printf 'Hello world' > hello
    lptok hello > hello.lp
    lptok --blob hello > hello.blob
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    ln -s "$BATS_FILE_TMPDIR"/* .
}

# damage FILE OFFSET: changes two bytes.
damage() {
    printf '\xa5\x5a' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "every kind of stream and blob" {
    for command in lptok 'lptok -L' 'lptok -0' 'lptok -B 1K' 'lptok -L --flush' lpzstd 'lpzstd -L' \
        'lpzstd -0 -22' 'lptok -e gpt2' 'lptok --blob' 'lptok --blob --no-check' 'lpzstd --blob'; do
        $command lines > packed
        expect 0 lpunpack packed
        err_is ''
        same lines out
        lpunpack < packed | same - lines
        lpunpack - < <(cat packed) | same - lines
    done
}

@test "several FILEs, streams one after the other, blobs among them" {
    expect 0 lpunpack hello.lp hello.blob - hello.lp < lines.lp
    same out <(cat hello hello lines hello)
    cat hello.lp lines.tok lines.lp | lpunpack | same - <(cat hello lines lines)
}

@test "-t and --test check and write nothing" {
    for option in -t --test; do
        expect 0 lpunpack $option hello.lp lines.lp hello.blob
        out_is ''
        err_is ''
    done
    cp lines.lp bad.lp
    damage bad.lp 1000
    refused 3 'bad.lp: at byte 38: damaged data' lpunpack -t bad.lp
    cp hello.blob bad.blob
    damage bad.blob 4
    refused 3 'bad.blob: ' lpunpack -t bad.blob
}

# --- Lists --------------------------------------------------------------------

@test "-l and --list: a line for each segment or blob" {
    head='chain        vocabulary      records  blocks      text    stored   ratio  file'
    for option in -l --list; do
        expect 0 lpunpack $option lines.tok hello.blob hello.lp
        err_is ''
        [ "$(sed -n 1p out)" = "$head" ]
        [ "$(wc -l < out)" -eq 5 ]
        fields=$(awk 'NR > 1 && NR < 5 { $7 = $7 > 0; $9 = $9 > 0; print }' out)
        [ "$fields" = 'tokens cl100k_base 3000 5 13.9 kB 1 kB 1 lines.tok
tokens cl100k_base 1 1 11 B 1 B 1 hello.blob
tokens cl100k_base 1 1 11 B 1 B 1 hello.lp' ]
        tail -n 1 out | grep -qxE 'total +3002 +7 +13\.9 kB +[0-9.]+ kB +[0-9.]+'
    done
    expect 0 lpunpack -l hello.blob
    out_is "$head
tokens       cl100k_base           1       1      11 B      10 B    1.10  hello.blob"
    cat hello.lp hello.lp lines.lp | lpunpack -l > out
    [ "$(awk 'NR > 1 && NR < 5 { print $3, $10, $11 }' out)" = '1 standard input
1 standard input
3000 standard input' ]
    lpunpack -l lines.lp > out
    read -r stored ratio < <(awk 'NR > 1 { print $7 $8, $9 }' out)
    [ "$stored" = "$(awk -v n="$(size lines.lp)" 'BEGIN { printf "%.2fkB", n / 1000 }')" ]
    [ "$ratio" = "$(printf %.2f "$(listed ratio lines.lp)")" ]
}

@test "a model that ships is told apart, also where it is missing" {
    lptok hello | lpmix > shipped.lp
    lpunpack -l shipped.lp | grep -q 'needs model df3d950673c83a1d (shipped)$'
    lpstat shipped.lp | grep -q 'model       fingerprint df3d950673c83a1d (shipped)$'
    "$ROOT/tests/other-model" "$B/vocab/cl100k_base.lpm" own.lpm
    lptok hello | lpmix -D own.lpm > own.lp
    lpunpack -l own.lp | grep -q 'needs model [0-9a-f]\{16\}$'
    mkdir copy copy/vocab
    cp -R "$B/bin" "$B/lib" copy
    cp "$B"/vocab/*.lpv copy/vocab
    PATH=$PWD/copy/bin:$PATH refused 3 'which ships with lopace, not found in' lpunpack shipped.lp
    err_line lpunpack 'install lopace again'
}

@test "-l --json is an array of the same" {
    expect 0 lpunpack -l --json hello.blob
    [ "$(jq -c '.[]' out)" = '{"file":"hello.blob","kind":"blob","chain":"tokens","vocabulary":"cl100k_base","vocabulary_fingerprint":null,"dictionary":null,"model":null,"split":"whole","records":1,"blocks":1,"block_limit":67108864,"window":0,"key_blocks":1,"text_bytes":11,"stored_bytes":10,"ratio":1.1,"saved":'"$(jq '.[0].saved' out)"',"check":"12b376d8"}' ]
    lpzstd hello > text.lp
    cat lines.lp text.lp > two.lp
    cp two.lp $'odd "name"\\\t.lp'
    expect 0 lpunpack -l --json lines.tok two.lp odd*
    [ "$(jq -c 'map([.kind, .chain, .vocabulary, .split, .records, .blocks, .text_bytes])[]' out)" = \
        '["segment","tokens","cl100k_base","lines",3000,5,13893]
["segment","tokens+zstd","cl100k_base","lines",3000,5,13893]
["segment","text+zstd",null,"whole",1,1,11]
["segment","tokens+zstd","cl100k_base","lines",3000,5,13893]
["segment","text+zstd",null,"whole",1,1,11]' ]
    [ "$(jq -r '.[4].file' out)" = $'odd "name"\\\t.lp' ]
    [ "$(jq 'map(.stored_bytes) | .[1] + .[2]' out)" = "$(size two.lp)" ]
    jq -e 'all(.[]; (.ratio - .text_bytes / .stored_bytes | fabs) < 0.0001)' out
}

@test "-l reads no block" {
    cp lines.lp bad.lp
    damage bad.lp 1000
    lpunpack -l bad.lp | sed 's/bad/lines/' | same - <(lpunpack -l lines.lp)
}

@test "-l of what is damaged or no stream" {
    head -c -3 lines.lp > cut.lp
    expect 3 lpunpack -l cut.lp
    err_line lpunpack 'cut.lp: at byte' 'truncated data'
    refused 3 'hello: not a lopace stream or blob' lpunpack -l hello
    refused 2 '--json needs -l' lpunpack --json lines.lp
}

# --- Records ------------------------------------------------------------------

@test "-r and --records: lists of records" {
    while read -r list expected; do
        expect 0 lpunpack -r "$list" lines.lp
        [ "$(tr '\n' ' ' < out)" = "$expected " ] || fail "$list"
        lpunpack "--records=$list" lines.lp | same - out
        lpunpack -r "$list" < lines.lp | same - out
        lpunpack -r "$list" < <(cat lines.lp) | same - out
    done << 'END'
1 1
3000 3000
1234 1234
2-5 2 3 4 5
2999- 2999 3000
7,3,3,5-6 7 3 3 5 6
840-843 840 841 842 843
3000,1 3000 1
END
}

@test "-r: each record as it stands, over several segments and files" {
    printf 'a\n\nb' > p
    printf 'one\0two\0' > q
    lptok -L p > p.lp
    lptok -0 q > q.lp
    cat p.lp lines.lp q.lp hello.lp > all.lp
    lpunpack -r 3 all.lp | same - <(printf b)
    lpunpack -r 2 all.lp | same - <(printf '\n')
    lpunpack -r 3004 all.lp | same - <(printf 'one\0')
    lpunpack -r 3003-3006 all.lp | same - <(printf '3000\none\0two\0Hello world')
    lpunpack -r 1- all.lp | same - <(lpunpack all.lp)
    lpunpack -r 2 p.lp lines.lp | same - <(printf '\n2\n')
    lpunpack -r 1 hello.lp p.lp | same - <(printf 'Hello worlda\n')
}

@test "-r: a record in parts, records of several files" {
    cat "$ROOT"/lib/writer.c > large
    lptok -B 1K hello large hello > p.lp
    lpunpack -r 2 p.lp | same - large
    lpunpack -r 3,1 p.lp | same - <(cat hello hello)
    lpzstd -B 1K hello large hello > p.lp
    lpunpack -r 2-3 p.lp | same - <(cat large hello)
}

@test "-r reads only the index and the blocks that hold the records" {
    cp lines.lp bad.lp
    damage bad.lp 1000 # in the first block
    lpunpack -r 2000-2002 bad.lp | same - <(seq 2000 2002)
    expect 3 lpunpack -r 2000,1 bad.lp
    err_line lpunpack 'bad.lp: at byte 38: damaged data'
    out_is 2000
}

@test "-r: a negative number counts from the end" {
    lpunpack -r -1 lines.lp | same - <(echo 3000)
    lpunpack -r -10- lines.lp | same - <(seq 2991 3000)
    lpunpack -r -10--9,-3000,5--2996 lines.lp | same - <(seq 2991 2992; echo 1; echo 5)
    lpunpack -r -1 hello.lp | same - hello
}

@test "-r: what is no list, what is not there" {
    for list in '' ',' '1,' ',1' '1,,2' - -- 2-1 -1--2 1x x 1-2-3 '1 2' ' 1'; do
        refused 2 "-r: '$list' is not a list like 3,5-9,20- or -10-" lpunpack -r "$list" lines.lp
    done
    for list in 0 1,0 -0 99999999999999999999; do
        refused 2 'records are numbered from 1' lpunpack -r "$list" lines.lp
    done
    refused 2 '-r: no record 3001: lines.lp has 3000 records' lpunpack -r 3001 lines.lp
    refused 2 '-r: no record 3001: lines.lp has 3000 records' lpunpack -r 2-3001 lines.lp
    refused 2 '-r: no record -3001: lines.lp has 3000 records' lpunpack -r -3001 lines.lp
    refused 2 '-r: no record 2: hello.lp has 1 record ' lpunpack -r 2 hello.lp
    refused 2 '-r: hello.blob is a blob: it has only one record' lpunpack -r 1 hello.blob
    lptok -L /dev/null > none.lp
    refused 2 '-r: no record 1: none.lp has 0 records' lpunpack -r 1- none.lp
}

# --- Damage -------------------------------------------------------------------

@test "what was written before damage is right" {
    cp lines.lp bad.lp
    damage bad.lp $(($(size lines.lp) - 1500))
    expect 3 lpunpack bad.lp
    err_line lpunpack 'bad.lp: at byte' 'damaged data'
    [ "$(size out)" -gt 4000 ]
    cmp -n "$(size out)" out lines
}

@test "truncation is found at every length" {
    for n in $(seq 1 97 "$(size lines.lp)"); do
        head -c "$n" lines.lp > cut.lp
        expect 3 lpunpack cut.lp
        err_line lpunpack cut.lp
        cmp -n "$(size out)" out lines
    done
}

@test "--recover: the rest, and exactly what was lost" {
    cp lines.lp bad.lp
    damage bad.lp 1000
    expect 3 lpunpack --recover bad.lp
    seq 842 3000 | same - out
    err_is 'lpunpack: bad.lp: 1388 bytes at byte 38: damaged data: lost records 1-841, text bytes 1-3256'
    expect 3 lpunpack --recover -o rescued bad.lp # the file is made
    out_is ''
    seq 842 3000 | same - rescued
    expect 3 lpunpack --recover < <(cat bad.lp)
    same out rescued
    grep -q 'lost records 1-841' err
}

@test "--recover: blocks lost one after the other are one loss" {
    lptok -L -B 4K lines > three.lp
    for at in 2000 4000 6000; do # in each of its first three blocks
        damage three.lp $at
    done
    expect 3 lpunpack --recover three.lp
    seq 2233 3000 | same - out
    err_is 'lpunpack: three.lp: 7967 bytes at byte 38: damaged data: lost records 1-2232, text bytes 1-10053'
}

@test "--recover: several files and segments, and what stands between them" {
    cp lines.lp bad.lp
    damage bad.lp 1000
    cat lines.lp <(echo noise) bad.lp > all.lp
    expect 3 lpunpack --recover all.lp
    same out <(seq 3000; seq 842 3000)
    at=$(size lines.lp)
    err_is "lpunpack: all.lp: 6 bytes at byte $at: damaged data: lost no record, no text
lpunpack: all.lp: 1388 bytes at byte $((at + 6 + 38)): damaged data: lost records 3001-3841, text bytes 13894-17149"
    expect 3 lpunpack --recover bad.lp lines.lp
    same out <(seq 842 3000; seq 3000)
    err_line lpunpack 'bad.lp: 1388 bytes'
}

@test "--recover: a missing end" {
    head -c -3 lines.lp > cut.lp
    expect 3 lpunpack --recover cut.lp
    same out lines
    err_line lpunpack 'truncated data: lost records from 3001 on, text bytes from 13894 on'
}

@test "--recover of what is whole loses nothing, of what is none finds nothing" {
    expect 0 lpunpack --recover lines.lp hello.lp
    same out <(cat lines hello)
    err_is ''
    expect 3 lpunpack --recover hello
    out_is ''
    [[ $(tail -n 1 err) == 'lpunpack: hello: not a lopace stream or blob' ]]
    refused 3 'standard input: is empty' lpunpack --recover < /dev/null
}

# --- Limits -------------------------------------------------------------------

@test "-M and --memory: a block that needs more is refused" {
    head -c 16777216 /dev/zero | lptok -B 16M > zero.lp
    for option in '-M 63M' --memory=63M; do
        # shellcheck disable=SC2086 # words
        refused 3 'zero.lp: at byte 38: larger than the limit allows: raise it with -M' \
            lpunpack $option zero.lp
    done
    refused 3 'larger than the limit allows' lpunpack -M 16M -r 1 zero.lp
    lpunpack -M 64K lines.lp | same - lines
    lpunpack -M 1024G lines.lp | same - lines
    head -c 16777216 /dev/zero | same - <(lpunpack -M 65M zero.lp)
    for size in 0 1K 65535 2T x ''; do
        refused 2 "-M: '$size' is not a size from 64K to 1024G bytes" \
            lpunpack -M "$size" lines.lp
    done
}

@test "-T and --threads change nothing" {
    for threads in 1 2 7 256; do
        lpunpack -T $threads lines.lp | same - lines
        lpunpack --threads=$threads lines.lp | same - lines
    done
    cp lines.lp bad.lp
    damage bad.lp 4000
    expect 3 lpunpack bad.lp
    mv out one
    mv err one.err
    expect 3 lpunpack -T 4 bad.lp
    same out one
    same err one.err
    lpunpack -T 0 lines.lp | same - lines
    refused 2 "-T: '257' is not a number from 0 to 256" lpunpack -T 257 lines.lp
}

# --- LoPace -------------------------------------------------------------------

@test "--from restores LoPace's blobs" {
    lptok --format=lopace lines > token
    zstd -q < token > hybrid
    zstd -q < lines > packed
    mv packed zstd
    for kind in token hybrid zstd; do
        expect 0 lpunpack --from=lopace-$kind $kind
        same lines out
        lpunpack --from lopace-$kind -e gpt-4 < $kind | same - lines
    done
    lptok -e gpt-4o --format=lopace lines > token
    for option in '-e gpt-4o' --encoding=o200k_base; do
        # shellcheck disable=SC2086 # words
        lpunpack --from=lopace-token $option token | same - lines
    done
}

@test "--from of what is none" {
    refused 2 "--from: 'x' is not lopace-zstd, lopace-token or lopace-hybrid" lpunpack --from=x hello
    refused 3 'hello: not a lopace-zstd blob' lpunpack --from=lopace-zstd hello
    refused 3 'hello: not a lopace-hybrid blob of cl100k_base' lpunpack --from=lopace-hybrid hello
    refused 3 'hello: not a lopace-token blob of gpt2' lpunpack --from=lopace-token -e gpt2 hello
    refused 2 "unknown encoding or model 'x'" lpunpack --from=lopace-token -e x hello
    zstd -q < lines > whole
    head -c -5 whole > 'cut'
    refused 3 'cut: not a lopace-zstd blob' lpunpack --from=lopace-zstd cut
}

# --- Output -------------------------------------------------------------------

@test "-o and --output: the whole or nothing" {
    expect 0 lpunpack -o file lines.lp
    out_is ''
    same file lines
    lpunpack --output=file hello.lp
    same file hello
    cp lines.lp bad.lp
    damage bad.lp 4000
    refused 3 'bad.lp: at byte' lpunpack -o file bad.lp
    same file hello
    refused 3 'bad.lp: at byte' lpunpack -o new hello.lp bad.lp
    [ ! -e new ]
    lpunpack -l -o list hello.blob
    [ "$(wc -l < list)" -eq 2 ]
    lpunpack -r 5 -o file lines.lp
    [ "$(< file)" = 5 ]
    lpunpack -t -o never lines.lp
    [ ! -e never ]
    [ "$(compgen -G 'file.* new.*')" = '' ]
}

@test "a full disk is one line and exit 1" {
    for options in lines.lp hello.blob '-l lines.lp' '-l --json lines.lp' '-r 1 lines.lp' --help; do
        status=0
        # shellcheck disable=SC2086 # words
        lpunpack $options > /dev/full 2> err || status=$?
        [ $status -eq 1 ]
        err_line lpunpack 'standard output: cannot write: No space left on device'
    done
}

@test "of standard input only what others have left is read, at any offset too" {
    seq 3 | lptok -L > a
    printf 'x\ny\n' | lptok -L > b
    cat a b > f
    rest() { { dd bs="$(size a)" count=1 status=none > /dev/null && "$@"; } < f; }
    rest lpunpack -r 1 > out
    out_is x
    rest lpunpack -r 1- - > out
    lpunpack b | same - out
    rest lpunpack -l > out
    [[ $(wc -l < out) -eq 2 ]]
    seq 3 | lptok > a
    lptok <<< x > b
    cat a b > f
    rest lpzstd --blob > out
    lpunpack out | same - <(echo x)
    rest lpstat --json > out
    grep -q '"records": *1' out
}

@test "a closed pipe ends it silently" {
    seq 1 300000 | lptok -L > p.lp
    expect_pipe 141 'lpunpack p.lp | head -n 1'
    out_is 1
    err_is ''
    expect 0 bash -c 'trap "" PIPE; (lpunpack p.lp; echo $? > status) | head -n 1'
    err_is ''
    [ "$(< status)" = 1 ]
}

@test "text may go to a terminal; input from one is refused" {
    script -qec 'lpunpack hello.lp' typescript < /dev/null > out
    [ "$(tr -d '\r' < out)" = 'Hello world' ]
    script -qec 'lpunpack -l hello.lp' typescript < /dev/null > out
    grep -q '^tokens  *cl100k_base' out
    for option in '' -t -l '-r 1' --recover; do
        status=0
        script -qec "lpunpack $option" typescript < /dev/null > out || status=$?
        [ $status -eq 2 ]
        grep -q 'lpunpack: standard input is a terminal' out
    done
    status=0
    printf 'plain\n\004' | script -qec 'lpunpack -f' typescript > out || status=$?
    [ $status -eq 3 ]
    grep -q 'lpunpack: standard input: not a lopace stream or blob' out
}

# --- Errors -------------------------------------------------------------------

@test "nothing is an error that says so" {
    for option in '' -t -l '-r 1'; do
        # shellcheck disable=SC2086 # words
        refused 3 'standard input: is empty: nothing to unpack' lpunpack $option < /dev/null
    done
    : > none
    refused 3 'none: is empty: nothing to unpack' lpunpack none
}

@test "raw text is an error that says so, and nothing of it is copied" {
    for option in '' -t -l '-r 1'; do
        # shellcheck disable=SC2086 # words
        refused 3 'hello: not a lopace stream or blob' lpunpack $option hello
    done
    printf '\xf9L' > begun
    refused 3 'begun: ' lpunpack begun
    printf '\xfe\xffutf-16' > bom
    refused 3 'bom: ' lpunpack bom
    head -c 1000 /dev/zero > zero
    refused 3 'zero: not a lopace stream or blob' lpunpack zero
}

@test "a missing vocabulary is named, and where it was looked for" {
    mkdir none
    # shellcheck disable=SC2030,SC2031 # each test has its own
    export LP_VOCAB_PATH=$PWD/none
    for option in '' -t '-r 1'; do
        # shellcheck disable=SC2086 # words
        refused 3 "lines.lp: vocabulary cl100k_base with fingerprint d35ea627e528410a" \
            lpunpack $option lines.lp
        err_line lpunpack "not found in $PWD/none" 'LP_VOCAB_PATH'
    done
    refused 3 'hello.blob: vocabulary cl100k_base with fingerprint' lpunpack hello.blob
    lpzstd hello | lpunpack | same - hello # text needs none
    lpunpack -l lines.lp > out             # nor does listing
}

@test "another vocabulary of the same name is not taken for it" {
    mkdir other
    # shellcheck disable=SC2030,SC2031
    export LP_VOCAB_PATH=$PWD/other
    cp "$B/vocab/gpt2.lpv" other/cl100k_base.lpv
    refused 3 'lines.lp: vocabulary cl100k_base with fingerprint d35ea627e528410a' lpunpack lines.lp
}

@test "what cannot be read is one line and exit 1" {
    refused 1 'nowhere: cannot open: No such file or directory' lpunpack nowhere
    refused 1 '.: is a directory' lpunpack .
    status=0
    lpunpack hello.lp nowhere > out 2> err || status=$?
    [ $status -eq 1 ]
    same out hello
}

@test "wrong options are exit 2 and one line" {
    refused 2 "unknown option '-x'" lpunpack -x
    refused 2 "unknown option '-L'" lpunpack -L lines.lp
    refused 2 "unknown option '--nothing'" lpunpack --nothing
    refused 2 "option '--records' needs an argument" lpunpack -r
    refused 2 "takes no argument" lpunpack --test=3
    for options in '-t -l' '-t -r 1' '-l --recover' '--from=lopace-zstd -t' '-r 1 --recover'; do
        # shellcheck disable=SC2086 # words
        refused 2 'only one of -t, -l, -r, --recover and --from can be given' lpunpack $options lines.lp
    done
}

@test "-h and --help, -V and --version, -q and --quiet" {
    for option in -h --help; do
        expect 0 lpunpack $option
        err_is ''
        [[ $(head -n 1 out) == 'usage: lpunpack [OPTION...] [FILE...]' ]]
    done
    for option in -V --version; do
        expect 0 lpunpack $option
        grep -qx 'lpunpack (lopace) [0-9.]*' out
    done
    for option in -q --quiet; do
        lpunpack $option hello.lp | same - hello
    done
}
