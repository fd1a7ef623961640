#!/usr/bin/env bats
# Where commands look for vocabularies, dictionaries and models, and what they say of those that
# are there and cannot be used. (lptok, lpmix, lptrain have the ordinary cases.)

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    export HOME=$PWD/home
    printf 'Hello world, hello prompt.\n' > text
    lptok text > text.tok
    lptok text | lpmix > text.lp
}

# few_files N COMMAND...: runs it with at most N open files.
few_files() {
    local n=$1 command
    command=$(command -v "$2")
    shift 2
    (exec 3>&- 4>&- && ulimit -n "$n" && exec "$command" "$@") # bats has these two open
}

@test "too many open files is that, not a vocabulary that is missing" {
    sanitized && skip "a leak checker needs files of its own"
    for file in text.tok text.lp; do
        status=0
        few_files 4 lpunpack $file > out 2> err || status=$?
        [ $status -eq 1 ] || fail "$status" "$(< err)"
        out_is ''
        err_line lpunpack 'cl100k_base.lpv: cannot use: Too many open files'
    done
    status=0
    few_files 5 lpmix -o made text.tok > out 2> err || status=$?
    [ $status -eq 1 ] || fail "$status" "$(< err)"
    err_line lpmix 'Too many open files'
    [ ! -e made ]
}

@test "a FIFO or an empty directory among models is passed over" {
    mkdir empty
    mkfifo fifo
    for path in fifo empty fifo:empty empty:fifo; do
        LP_MODEL_PATH=$path timeout 20 lpunpack text.lp > out 2> err
        same out text
        err_is ''
        LP_MODEL_PATH=$path timeout 20 lpmix text.tok | same - text.lp
    done
}

@test "a FIFO of a model's name is passed over and told of" {
    mkdir models
    mkfifo models/cl100k_base.lpm
    LP_MODEL_PATH=models timeout 20 lpmix text.tok > out 2> err
    same out text.lp
    err_is 'lpmix: models/cl100k_base.lpm: cannot use: No such device'
    LP_MODEL_PATH=models timeout 20 lpmix -q text.tok > out 2> err
    err_is ''
}

@test "a FIFO is no vocabulary" {
    mkdir vocabs
    mkfifo vocabs/cl100k_base.lpv
    LP_VOCAB_PATH=vocabs refused 1 'vocabs/cl100k_base.lpv: cannot use: ' lpunpack text.tok
    LP_VOCAB_PATH=vocabs refused 1 'vocabulary cl100k_base.lpv: ' lptok text
}

@test "what may not be read is that" {
    [ "$(id -u)" -ne 0 ] || skip 'root may read all'
    mkdir vocabs models closed
    cp "$B/vocab/cl100k_base.lpv" vocabs
    chmod 000 vocabs/cl100k_base.lpv closed
    LP_VOCAB_PATH=vocabs refused 1 'vocabs/cl100k_base.lpv: cannot use: Permission denied' \
        lpunpack text.tok
    LP_VOCAB_PATH=vocabs:$B/vocab lpunpack text.tok | same - text # as PATH has it
    LP_MODEL_PATH=closed lpunpack -q text.lp | same - text
}

@test "a damaged model of the fingerprint that is needed, and no other" {
    print=$(listed model text.lp)
    mkdir -p models
    head -c 5000 "$B/vocab/cl100k_base.lpm" > "models/$print.lpm"
    LP_MODEL_PATH=models lpunpack -q text.lp | same - text # there is another
    LP_MODEL_PATH=models lpunpack text.lp > out 2> err
    err_is "lpunpack: models/$print.lpm: cannot use: damaged data"
}

@test "a dictionary through a pipe" {
    printf 'Hello world, hello prompt. Hello world, hello prompt.' > words
    lpzstd -D words text > dict.lp
    lpunpack -D <(cat words) dict.lp | same - text
}

@test "recovery goes on without a vocabulary that cannot be read, unless that is the one" {
    mkdir vocabs vocabs/gpt2.lpv
    lptok text | tail -c +39 > headless
    head -c 3 headless | cmp - <(printf '\xf9LP')
    cp "$B/vocab/cl100k_base.lpv" vocabs
    LP_VOCAB_PATH=vocabs expect 3 lpunpack --recover headless
    same out text
    refute grep gpt2 err
    rm vocabs/cl100k_base.lpv
    LP_VOCAB_PATH=vocabs refused 1 'vocabs/gpt2.lpv: cannot use: Is a directory' \
        lpunpack --recover headless
}
