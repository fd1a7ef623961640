#!/usr/bin/env bats
# lpless and lpcat: packed files and text in less(1).

load helpers

setup_file() {
    command -v less > /dev/null || skip 'no less'
    cd "$BATS_FILE_TMPDIR" || return
    seq 1 3000 > lines
    lptok -L -B 4K lines | lpzstd > lines.lp
    printf 'Hello world\n' > hello
    lptok --blob hello | lpmix --blob > hello.blob
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    ln -s "$BATS_FILE_TMPDIR"/* .
}

@test "streams, blobs and text, several, and names that are odd" {
    lpless lines.lp | same - lines
    lpless hello.blob | same - hello
    lpless lines | same - lines
    lpless lines.lp hello hello.blob | same - <(cat lines hello hello)
    cp lines.lp $'a "b" $c.lp'
    lpless $'a "b" $c.lp' | same - lines
    lpless < lines.lp | same - lines
    lpless +2 hello.blob | same - hello # less has its options
}

@test "why a stream ends early is shown" {
    head -c 3000 lines.lp > cut.lp
    lpless cut.lp > out
    head -n 1 out | grep -qx 1
    tail -n 1 out | grep -q '^lpunpack: .*: truncated data$'
}

@test "LESSOPEN of less, on a terminal too" {
    export LESSOPEN='|lpless --open %s' TERM=vt100
    less lines.lp | same - lines
    less lines | same - lines
    expect 0 timeout 20 script -qec 'lpless -F -X hello.blob' typescript < /dev/null
    grep -q 'Hello world' typescript
}

@test "by other names and from other places" {
    mkdir bin
    cp -P "$B"/bin/lp{unpack,less} bin
    mv bin/lpless bin/x-lpless
    mv bin/lpunpack bin/x-lpunpack
    export LD_LIBRARY_PATH=$B/lib LP_VOCAB_PATH=$B/vocab
    bin/x-lpless lines.lp | same - lines
    (cd bin && ./x-lpless ../lines.lp) | same - lines
    lopace less lines.lp | same - lines
}

@test "lpcat is lpunpack" {
    lpcat lines.lp hello.blob | same - <(cat lines hello)
    lopace cat -r 7 lines.lp | same - <(echo 7)
    refused 3 'hello: not a lopace stream' lpcat hello 2> log || err_line lpunpack 'hello: not a lopace'
}

@test "--help and --version" {
    expect 0 lpless --help
    head -n 1 out | grep -q '^usage: lpless '
    expect 0 lpless --version
    head -n 1 out | grep -q '^lpless (lopace) [0-9.]*$'
}
