#!/usr/bin/env bats
# lopace: many files, one command; and that it never loses one.

load helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    cat "$DATA"/prompts/*.txt > text
    jq -Rc '{role: "user", content: .}' "$DATA"/prompts/*.txt > log.jsonl
    # A request log: each holds the conversation so far.
    jq -sc '. as $all | range(1; 150) | {messages: $all[:.]}' log.jsonl > requests.jsonl
    [ "$(wc -c < requests.jsonl)" -gt 1100000 ]
    export TEXT=$PWD/text LOG=$PWD/log.jsonl REQUESTS=$PWD/requests.jsonl
}

as_nobody() {
    [ "$(id -u)" -eq 0 ] || skip 'not root'
    command -v setpriv > /dev/null || skip 'no setpriv'
    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

needs_linux() {
    [ "$(uname -s)" = Linux ] || skip 'needs Linux'
}

needs_strace() {
    needs_linux
    sanitized && skip 'a leak checker cannot be traced'
    strace -qq -o /dev/null -e trace=none true 2> /dev/null || skip 'strace is not there or may not trace'
}

# names [DIRECTORY]: the files there, on one line.
names() {
    (cd "${1-.}" && find . ! -type d ! -name out ! -name err | sort | sed 's|^\./||' | tr '\n' ' ')
}

# tree: some files in directories, one packed.
tree() {
    mkdir -p d/e
    cp "$TEXT" d/a
    head -c 1000 "$TEXT" > d/b.txt
    cp "$LOG" d/e/c.jsonl
    : > d/e/empty
    lptok "$LOG" | lpmix > d/e/p.lp
}

@test "FILE becomes FILE.lp, and FILE again" {
    cp "$TEXT" a
    expect 0 lopace a
    out_is '' && err_is ''
    [ "$(names)" = 'a a.lp ' ]
    mv a b
    expect 0 lopace -d a.lp
    out_is '' && err_is ''
    same a b
}

@test "every method writes what its pipeline writes, from a file and as a filter, with any threads" {
    while read -r options pipeline; do
        bash -o pipefail -c "${pipeline/FILE/$TEXT}" > expected
        options=${options//,/ }
        # shellcheck disable=SC2086 # words
        lopace -c $options "$TEXT" | same expected -
        # shellcheck disable=SC2086
        lopace $options < "$TEXT" | same expected -
        cp "$TEXT" a
        # shellcheck disable=SC2086
        lopace -f -T3 $options a
        same expected a.lp
        lopace -d < a.lp | same "$TEXT" -
        lpunpack a.lp | same "$TEXT" -
    done << 'END'
--whole lptok FILE | lpmix
--fast lptok FILE | lpmix --fast
-19 lptok FILE | lpzstd -19
--level=3 lptok FILE | lpzstd -3
--method=zstd lpzstd FILE
--method=zstd,-5 lpzstd -5 FILE
--method=token lptok FILE
--method=window lptok FILE | lpwin | lpmix
--method=window,--fast lptok FILE | lpwin | lpmix --fast
--method=window-hybrid,-L lptok -L FILE | lpwin | lpzstd
-e,gpt-4o lptok -e gpt-4o FILE | lpmix
-L lptok -L FILE | lpmix
-0 lptok -0 FILE | lpmix
END
}

@test "several inputs to one output are records of one stream" {
    lptok "$TEXT" "$LOG" | lpmix > expected
    lopace -c --whole "$TEXT" "$LOG" | same expected -
    expect 0 lopace --whole -o one.lp "$TEXT" "$LOG"
    same expected one.lp
    expect 0 lopace -d -c one.lp one.lp
    cat "$TEXT" "$LOG" "$TEXT" "$LOG" | same out -
}

@test "the method is chosen by what repeats, records by JSONL, from a file or a pipe; -v says it" {
    cp "$REQUESTS" log
    cp "$TEXT" text
    expect 0 lopace -v log text
    grep -q '^lopace: log: .*: lptok -L | lpwin | lpmix$' err
    grep -q '^lopace: text: .*: lptok | lpmix$' err
    grep -q '^lopace: 2 of 2 files$' err
    lptok -L log | lpwin | lpmix | same log.lp -
    tail -n +1 log | lopace | same log.lp -
    [ "$(listed split log.lp) $(listed split text.lp)" = 'lines whole' ]
    [ "$(listed window log.lp)" -gt 0 ]
    expect 0 lopace -19 -f log
    lptok -L log | lpwin | lpzstd -19 | same log.lp -
    # what repeats, but in one block
    head -c 900000 log > small
    expect 0 lopace -v --method=mix -L small
    mv small.lp mixed
    expect 0 lopace small
    same mixed small.lp
    # no JSONL: one line, a line that is none
    head -n 1 "$LOG" > one
    (cat "$LOG" && echo '{"half":') > half
    expect 0 lopace one half
    [ "$(listed split one.lp) $(listed split half.lp)" = 'whole whole' ]
}

@test "mode, owner, time and attributes are kept, each way" {
    cp "$TEXT" a
    chmod 640 a
    touch -d '2020-02-03 04:05:06.789 UTC' a
    if [ "$(id -u)" -eq 0 ]; then chown 12:34 a; fi
    if command -v setfattr > /dev/null; then setfattr -n user.kind -v prompt a || rm a; fi
    if command -v setfacl > /dev/null; then setfacl -m u:65534:r a || rm a; fi
    [ -e a ] || skip 'the file system has no attributes'
    stat -c '%a %u %g %y' a > before
    expect 0 lopace a
    stat -c '%a %u %g %y' a.lp | same before -
    mv a original
    expect 0 lopace -d a.lp
    stat -c '%a %u %g %y' a | same before -
    if command -v getfattr > /dev/null; then
        [ "$(getfattr --only-values -n user.kind a.lp a 2> /dev/null)" = promptprompt ]
    fi
    if command -v getfacl > /dev/null; then
        [ "$(getfacl -p a | tail -n +2)" = "$(getfacl -p original | tail -n +2)" ]
    fi
}

@test "an output that is there is not overwritten without -f" {
    cp "$TEXT" a
    echo mine > a.lp
    fails 1 'a.lp: is there already: use -f to overwrite it' lopace a < /dev/null
    [ "$(< a.lp)" = mine ]
    expect 0 lopace -f a
    lpunpack a.lp | same a -
    fails 1 'a: is there already' lopace -d a.lp
    fails 1 'a.lp: is there already' lopace -c -o a.lp a || fails 1 'a.lp: is there already' lopace -o a.lp a
    expect 0 lopace -d -f a.lp
    [ "$(names)" = 'a a.lp ' ]
}

@test "on a terminal it asks before it overwrites" {
    cp "$TEXT" a
    echo mine > a.lp
    echo n | script -qec 'lopace a; echo exit $?' /dev/null > out 2>&1
    grep -q 'lopace: a.lp: is there already: overwrite it (y/N)?' out
    grep -q 'exit 1' out
    [ "$(< a.lp)" = mine ]
    script -qec 'lopace -q a; echo exit $?' /dev/null < /dev/null > out 2>&1
    refute grep -q 'y/N' out
    echo y | script -qec 'lopace a; echo exit $?' /dev/null > out 2>&1
    grep -q 'exit 0' out
    lpunpack a.lp | same a -
}

@test "-r takes the files in directories, and passes over links, pipes and what is packed" {
    tree
    ln -s a d/link
    ln -s . d/e/loop
    mkfifo d/pipe
    cp d/e/p.lp d/e/packed
    cp d/e/p.lp before
    expect 0 lopace -v -r d
    [ "$(names d)" = 'a a.lp b.txt b.txt.lp e/c.jsonl e/c.jsonl.lp e/empty e/empty.lp e/loop e/p.lp e/packed link pipe ' ]
    grep -q '^lopace: d/e/packed: is packed already$' err
    same before d/e/p.lp
    cp -R d copy
    find copy -name '*.lp' ! -name p.lp -exec sh -c 'rm "${1%.lp}"' - {} \;
    expect 0 lopace -d -r copy
    for file in a b.txt e/c.jsonl e/empty; do same d/$file copy/$file; done
    expect 0 lopace -t -r d
    fails 1 'd: is a directory: use -r to take the files in it' lopace d
    fails 1 'd/link: is a symbolic link: use -f to pack what it leads to' lopace d/link
    fails 3 'd/e/packed: is packed already: use -f to pack it again' lopace d/e/packed
    fails 1 'd/pipe: is not a regular file: use -c' lopace d/pipe
    fails 1 'none: cannot read: No such file or directory' lopace none
    expect 0 lopace -f d/link
    lpunpack d/link.lp | same d/a -
}

@test "one file that fails does not stop the others" {
    tree
    printf X | dd of=d/e/p.lp bs=1 seek=2000 conv=notrunc 2> /dev/null
    lopace d/a d/b.txt
    expect 3 lopace -t -r d
    err_line lopace 'd/e/p.lp: at byte ' 'damaged data'
    rm d/a
    expect 3 lopace -d d/a.lp d/e/p.lp
    [ "$(names d)" = 'a a.lp b.txt b.txt.lp e/c.jsonl e/empty e/p.lp ' ]
    fails 1 'd/e/c.jsonl: does not end in .lp: use -o or -c' lopace -d d/e/c.jsonl
    : > zero.lp
    fails 3 'zero.lp: ' lopace -d zero.lp
    [ "$(names)" = "$(names)" ] && [ ! -e zero ]
}

@test "where all go to one output, the first file that fails ends it" {
    lopace -q -o a.lp "$TEXT"
    head -c 300 a.lp > bad.lp
    cp "$TEXT" unpacked
    for bad in bad.lp unpacked; do
        expect 3 lopace -d -c a.lp "$bad" a.lp
        same "$TEXT" out
        err_line lopace "$bad: "
        expect 3 lopace -d -o back a.lp "$bad" a.lp
        [ ! -e back ]
        expect 3 lopace -t - < "$bad"
    done
    for bad in none . a.lp; do
        code=1
        [ "$bad" != a.lp ] || code=3
        expect "$code" lopace -c "$TEXT" "$bad" "$LOG"
        cp out made
        expect 3 lpunpack made
        expect "$code" lopace -o made.lp "$TEXT" "$bad" "$LOG"
        [ ! -e made.lp ]
    done
}

@test "a directory that is not ours to read is said, and the rest is packed" {
    tree
    chmod 700 d/e
    chmod 777 d
    chown 65534 d/a d/b.txt 2> /dev/null || true
    mkdir d/own
    expect 1 as_nobody lopace -r d
    err_line lopace 'd/e: cannot read: Permission denied'
    [ "$(names d)" = 'a a.lp b.txt b.txt.lp e/c.jsonl e/empty e/p.lp ' ]
}

@test "--older-than leaves the younger ones" {
    tree
    touch -d '8 days ago' d/a
    touch -d '6 days ago' d/b.txt
    expect 0 lopace -r --older-than 7d d
    [ -e d/a.lp ] && [ ! -e d/b.txt.lp ]
    expect 0 lopace --older-than=8000m d/b.txt
    [ -e d/b.txt.lp ]
    for age in 7 d 7y -1d 99999999999999999999d 7dd; do
        fails 2 "--older-than: '$age' is not an age" lopace "--older-than=$age" d/a
    done
}

@test "--output-dir-flat and --output-dir-mirror" {
    tree
    chmod 750 d/e
    expect 0 lopace -r --output-dir-flat flat d
    [ "$(names flat)" = 'a.lp b.txt.lp c.jsonl.lp empty.lp ' ]
    expect 0 lopace -r --output-dir-mirror mirror ./d "$PWD/d/a"
    [ "$(names mirror)" = "$(printf '%s ' "${PWD#/}/d/a.lp" d/a.lp d/b.txt.lp d/e/c.jsonl.lp d/e/empty.lp | tr ' ' '\n' | sort | tr '\n' ' ' | sed 's/^ *//')" ]
    [ "$(stat -c %a mirror/d/e)" = 750 ]
    lpunpack mirror/d/e/c.jsonl.lp | same d/e/c.jsonl -
    expect 0 lopace -d -r --output-dir-mirror back mirror
    same back/mirror/d/a d/a
    cp d/a d/e/a
    fails 2 'd/a and d/e/a would both become flat2/a.lp' lopace -r --rm -f --output-dir-flat flat2 d
    [ -e d/a ] && [ -e d/e/a ]
    cd d
    fails 1 '../d/a: leads out of the directory' lopace --output-dir-mirror m ../d/a
}

@test "-f overwrites no output of the same run, nor an input that a link leads to" {
    local threads rm
    for threads in 1 4; do
        for rm in '' --rm; do
            rm -f a b ./*.lp
            seq 500 > a
            seq 600 > b
            ln -s both.lp a.lp
            ln -s both.lp b.lp
            expect 1 lopace -f -T $threads $rm a b
            err_line lopace 'left alone: its output would replace that of another file'
            # The one that was packed is restored, and the other one is there.
            lopace -d < both.lp > restored
            cmp -s restored <(seq 500) && seq 600 | cmp - b || { seq 600 | cmp - restored && seq 500 | cmp - a; }
            rm a.lp b.lp both.lp
            seq 500 > a
            seq 600 > b
            ln -s b a.lp
            fails 2 'a would overwrite b, which is to be read too' lopace -f -T $threads $rm a b
            ln -sf a a.lp
            fails 2 'a would overwrite a, which is to be read too' lopace -f -T $threads $rm a
            seq 500 | cmp - a
            seq 600 | cmp - b
        done
    done
    # One output by two names.
    mkdir -p d "./$PWD/d"
    seq 500 > d/same
    seq 600 > "./$PWD/d/same"
    expect 1 lopace -f -T 1 --rm --output-dir-mirror m "$PWD//d/same" "./${PWD#/}/d/same"
    err_line lopace 'left alone: its output would replace that of another file'
    seq 600 | cmp - "./$PWD/d/same"
    lopace -d < "m/$PWD/d/same.lp" | cmp - <(seq 500)
}

@test "-f overwrites no file that is to be read too" {
    echo 'text of a' > a
    echo 'text of a.lp' > a.lp
    for rm in -k --rm; do
        fails 2 'a would overwrite ./a.lp, which is to be read too' lopace -f -T 1 $rm a ./a.lp
        [ "$(names)" = 'a a.lp ' ]
        grep -q 'text of a.lp' a.lp
    done
    expect 0 lopace -f a.lp
    expect 0 lopace -f a
    lopace -dc a.lp.lp | grep -q 'text of a.lp'
    lopace -dc a.lp | grep -q 'text of a$'
    fails 2 'a.lp.lp would overwrite a.lp' lopace -d -f a.lp.lp a.lp
}

# What needed it could never be restored, itself included.
@test "--rm leaves what packed files need to be restored" {
    tree
    head -c 2000 "$LOG" > d/words
    cp "$B/vocab/gpt2.lpv" d/e/other
    cp d/words d/0123456789abcdef.dict
    printf '\067\244\060\354and more' > d/trained
    cp -R d before
    expect 0 lopace -r --rm -v -D d/words d
    [ "$(grep -c 'left alone: packed files need it to be restored' err)" = 4 ]
    [ "$(names d)" = '0123456789abcdef.dict a.lp b.txt.lp e/c.jsonl.lp e/empty.lp e/other e/p.lp trained words ' ]
    expect 0 lopace -d -r --rm -D d/words d
    rm before/e/p.lp d/e/p
    diff -r before d
    fails 1 'd/words: left alone: packed files need it to be restored: pack it without --rm' lopace --rm -D d/words d/words
    expect 0 lopace -D d/words d/words
}

@test "--rm removes what is packed, and what is restored" {
    tree
    cp -R d before
    expect 0 lopace -r --rm d
    err_is ''
    [ "$(names d)" = 'a.lp b.txt.lp e/c.jsonl.lp e/empty.lp e/p.lp ' ]
    rm d/e/p.lp before/e/p.lp
    expect 0 lopace -d -r --rm d
    diff -r before d
    expect 0 lopace --rm -k d/a
    [ -e d/a ]
    fails 2 '--rm needs an output file' lopace --rm -c d/a
    fails 2 '--rm needs an output file' lopace --rm < d/a
    fails 2 '--rm needs an output file' lopace --rm -t d/a.lp
    expect 0 lopace --rm -f --output-dir-flat . d/a
    [ ! -e d/a ] && [ -e a.lp ]
}

@test "--rm leaves a file that is open for writing, and names it" {
    needs_linux
    cp "$TEXT" a
    cp "$TEXT" b
    exec 7>> a
    expect 1 lopace --rm a b
    exec 7>&-
    err_line lopace 'a: left alone: a program has it open for writing'
    [ "$(names)" = 'a b.lp ' ]
    exec 7< a # to read it is no harm
    expect 0 lopace --rm a
    exec 7<&-
    [ "$(names)" = 'a.lp b.lp ' ]
}

# late CALLS CONDITION COMMAND: lopace --rm a, stopped for a moment after the first of these calls,
# which makes the condition true, and COMMAND in that moment.
late() {
    strace -f -qq -o trace -e trace="$1" -e inject="$1:delay_exit=1000000:when=1" \
        lopace --method=token -T1 "${OPTIONS[@]}" --rm a > out 2> err &
    local pid=$!
    until eval "$2"; do sleep 0.01; done
    bash -c "$3"
    STATUS=0
    wait $pid || STATUS=$?
}

@test "--rm leaves a file that changes at any moment" {
    needs_strace
    OPTIONS=()
    for when in fsync utimensat '?link,?linkat'; do
        cp "$TEXT" a
        made='compgen -G "a.lp*" > /dev/null'
        [ "$when" != '?link,?linkat' ] || made='[ -e a.lp ]'
        late "$when" "$made" 'echo more >> a'
        [ "$STATUS" -eq 1 ] || fail "$when"
        err_line lopace 'a: left alone: it '
        (cat "$TEXT" && echo more) | same a -
        [ "$(names)" = 'a trace ' ] || fail "$when: $(names)"
    done
    # another file of that name
    cp "$TEXT" a
    late '?link,?linkat' '[ -e a.lp ]' 'echo new > new; mv new a'
    err_line lopace 'a: left alone: another file has its name now'
    [ "$(< a)" = new ]
    lopace -dc a.lp | same - "$TEXT"
    # none of that name: what was made is all that is left
    rm a.lp
    cp "$TEXT" a
    late '?link,?linkat' '[ -e a.lp ]' 'rm a'
    [ "$STATUS" -eq 1 ]
    lopace -dc a.lp | same - "$TEXT"
}

@test "--rm of one file twice at the same time loses nothing" {
    for _ in 1 2 3; do
        rm -rf d
        mkdir d
        cp "$TEXT" d/a
        printf old | lopace > d/a.lp
        expect 1 lopace --rm -f --method=token -T2 d/a d/./a
        lopace -dc d/a.lp | same - "$TEXT" || return
    done
}

@test "--rm leaves a file that is locked" {
    command -v flock > /dev/null || skip "no flock(1)"
    cp "$TEXT" a
    exec 7< a
    flock 7
    fails 1 'a: left alone: another program has locked it' lopace --rm a
    exec 7<&-
    expect 0 lopace --rm a
}

@test "--rm gives a file back to a program that is just opening it" {
    needs_strace
    cp "$TEXT" a
    ln a b # by this name it is opened once the other is gone
    OPTIONS=(-f)
    late '?rename,?renameat,?renameat2' '[ ! -e a ]' 'echo more >> b'
    [ "$STATUS" -eq 1 ]
    err_line lopace 'a: left alone: '
    (cat "$TEXT" && echo more) | same a -
    [ a -ef b ]
    [ "$(names)" = 'a b trace ' ]
}

@test "--rm keeps the input where the output cannot be read back, or synced" {
    needs_strace
    for fault in 'fsync:error=EIO:when=1' 'fsync:error=EIO:when=2' 'fsync:error=EINVAL:when=2' \
        '?rename,?renameat,?renameat2:error=EIO' '?unlink,?unlinkat:error=EPERM:when=2'; do
        cp "$TEXT" a
        expect 1 strace -f -qq -o trace -e "inject=$fault" lopace --method=token -T1 --rm a
        err_line lopace 'a' || fail "$fault"
        same a "$TEXT" || fail "$fault"
        rm -f a.lp
        [ "$(names)" = 'a trace ' ] || fail "$fault: $(names)"
    done
    # Each read, that of what was written too, which is one of the last.
    for n in $(seq 12); do
        cp "$TEXT" a
        strace -f -qq -o trace -e "inject=pread64:retval=0:when=$n" \
            lopace --method=token -T1 --rm a 2> err > out || true
        cat err >> all
        if [ -e a ]; then same a "$TEXT"; else lpunpack a.lp | same - "$TEXT"; fi
        rm -f a.lp
    done
    grep -q 'a.lp: at byte 0: truncated data' all
    grep -q 'a: left alone: what was written and read back differs' all
}

@test "--rm and files with other names, and holes" {
    cp "$TEXT" a
    ln a b
    fails 1 'a: left alone: it has other names (hard links): use -f' lopace --rm a
    [ "$(names)" = 'a b ' ]
    expect 0 lopace --rm -f a
    [ "$(names)" = 'a.lp b ' ]
    ln -s b c
    expect 1 lopace --rm -f c
    err_line lopace 'c: left alone: it is a symbolic link'
    [ -e b ] && [ -L c ]
    truncate -s 3M sparse
    printf end >> sparse
    cp sparse copy
    expect 0 lopace --rm sparse
    [ ! -e sparse ] && [ "$(size sparse.lp)" -lt 5000 ]
    expect 0 lopace -d sparse.lp
    same sparse copy
}

@test "--rm finishes what an earlier run began" {
    cp "$TEXT" a
    lopace a
    expect 0 lopace -v --rm a < /dev/null
    err_line lopace 'a: removed: a.lp holds it'
    [ "$(names)" = 'a.lp ' ]
    cp "$LOG" a # another text
    fails 1 'a.lp: is there already' lopace --rm a < /dev/null
    [ "$(names)" = 'a a.lp ' ]
    mkdir d
    : > d/x.lp.abcdef # what a killed run has left
    mv a d
    expect 0 lopace -r --rm d
    [ "$(names d)" = 'a.lp x.lp.abcdef ' ]
}

@test "killed at any system call, lopace --rm loses nothing" {
    needs_strace
    if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi # nothing to wait for at a sync
    "$ROOT/tests/inject/archive" "$B" 20
}

@test "-l lists sizes, and their sum" {
    tree
    lopace -r d
    lptok --blob d/b.txt | lpmix --blob > d/blob.lp
    expect 0 lopace -l d/a.lp d/blob.lp d/e/c.jsonl.lp
    [ "$(wc -l < out)" -eq 5 ]
    grep -qE '^ +1 +1 +5\.[0-9]+ kB +21\.4 kB +3\.[0-9]+  tokens\+mix   d/a\.lp$' out
    grep -qE '^ +1 +1 +[0-9]+ B +1\.00 kB +[0-9.]+  tokens\+mix   d/blob\.lp$' out
    tail -n 1 out | grep -qE '^ +[0-9]+ +3 .* total$'
    expect 3 lopace -l d/a d/a.lp
    err_line lopace 'd/a: not a lopace stream or blob'
    [ "$(wc -l < out)" -eq 2 ]
    fails 2 '-l needs a FILE' lopace -l
}

@test "-t tests files and standard input" {
    lopace -c "$TEXT" > a.lp
    expect 0 lopace -t a.lp
    out_is '' && err_is ''
    expect 0 lopace -t < a.lp
    head -c 3000 a.lp > cut.lp
    fails 3 'cut.lp: at byte ' lopace -t cut.lp
    refused 3 'standard input: at byte ' lopace -t < cut.lp
}

@test "-D takes a model or a dictionary" {
    head -n 20 "$LOG" > few
    lptrain -q -f -L -o my.lpm few
    lptok -L "$LOG" | lpmix -D my.lpm > expected
    cp "$LOG" a
    expect 0 lopace -D my.lpm a
    same expected a.lp
    expect 0 lopace -d -c -D my.lpm a.lp
    same out a
    fails 3 'a.lp: needs the model' lopace -t a.lp
    lptrain -q -f --zstd -s 4K -L -o my.dict "$TEXT"
    lptok "$TEXT" | lpzstd -D my.dict > expected
    lopace -c -D my.dict "$TEXT" | same expected -
    fails 2 'my.dict is a zstd dictionary' lopace -D my.dict --method=mix a
    fails 2 'my.lpm is a model' lopace -D my.lpm -19 a
}

@test "tar -I lopace packs and reads archives" {
    tree
    tar -I lopace -cf d.tar.lp d
    tar -I lopace -tf d.tar.lp | grep -qx d/e/c.jsonl
    mkdir x
    tar -I lopace -xf d.tar.lp -C x
    diff -r d x/d
}

@test "many files on several threads are what they are on one" {
    mkdir one many
    for i in $(seq 60); do head -c $((i * 97)) "$TEXT" > "one/$i"; done
    cp one/* many
    expect 0 lopace -r -T1 one
    expect 0 lopace -r -T7 --rm many
    expect 0 lopace -d -T5 -r many
    diff -r one many
}

@test "memory does not grow with the input" {
    needs_linux
    sanitized && skip 'a sanitizer needs more'
    yes 'The quick brown fox jumps over the lazy dog.' | head -c 40M > big
    (ulimit -v 250000 && lopace -T1 -1 --method=hybrid big)
    (ulimit -v 250000 && lopace -T1 -d -c big.lp) | same big -
}

@test "options that contradict each other" {
    for options in '-d -t' '-c -o x' '-o x --output-dir-flat d' '-19 --fast' '--method=mix -3' \
        '--method=hybrid --fast' '-r -c' '--older-than 1d -c' '--method=best' '-T257' '-l -o x' '-t -c' '-e none'; do
        # shellcheck disable=SC2086 # words
        expect 2 lopace $options "$TEXT" < /dev/null
        err_line lopace ''
    done
}

@test "it neither reads from nor writes to a terminal" {
    script -qec 'lopace; echo exit $?' /dev/null < /dev/null > out 2>&1
    grep -q 'standard input is a terminal' out && grep -q 'exit 2' out
    script -qec "lopace -c $TEXT; echo exit \$?" /dev/null < /dev/null > out 2>&1
    grep -q 'the output is binary and would go to a terminal' out && grep -q 'exit 2' out
}

@test "lopace NAME runs lpNAME, here or in libexec, by other names too; help lists all" {
    [ "$(printf 'Hello world' | lopace tok --ids)" = '9906 1917' ]
    fails 2 '--nope' lopace zstd --nope || err_line lpzstd '--nope'
    expect 0 lopace help
    cp out help
    for command in "$B"/bin/lp*; do
        name=${command##*/lp}
        grep -qE "^  $name +lp$name +[a-z]" help || fail "$name"
        expect 0 lopace help "$name"
        [ "$name" = cat ] || grep -q "^usage: lp$name " out # lpcat is lpunpack
    done
    fails 2 "no command 'nope'" lopace help nope
    mkdir -p bin libexec/lopace
    cp "$B/bin/lopace" bin/x-lopace
    cp "$B/bin/lptok" bin/x-lptok
    cp "$B/bin/lpentropy" libexec/lopace/x-lpentropy
    export LD_LIBRARY_PATH=$B/lib LP_VOCAB_PATH=$B/vocab
    [ "$(printf 'Hello world' | bin/x-lopace tok --ids)" = '9906 1917' ]
    printf '#!/bin/sh\necho of another package\n' > bin/x-lpentropy # as CUPS has an lpstat
    chmod +x bin/x-lpentropy
    PATH=$PWD/bin:$PATH expect 0 x-lopace entropy --help
    head -n 1 out | grep -q '^usage: lpentropy'
    ln -s bin/x-lopace lopace
    expect 1 bin/x-lopace mix --help
    err_line lopace 'lpmix: cannot run: No such file or directory'
    expect 0 ./lopace tok --help # the link is followed
}

@test "-v of every filter says what was read and written" {
    expect 0 lptok -v -o a.tok "$TEXT"
    [[ $(< err) =~ ^lptok:\ "$(size "$TEXT")"\ bytes\ in,\ "$(size a.tok)"\ bytes\ out,\ ratio\ 2\.[0-9]+,\ [0-9.]+\ s,\ [0-9.]+\ MB/s$ ]]
    expect 0 lpwin -v -o a.win a.tok
    err_line lpwin "$(size a.tok) bytes in, $(size a.win) bytes out"
    expect 0 lpzstd -v -o a.lp a.win
    err_line lpzstd "$(size a.win) bytes in, $(size a.lp) bytes out"
    expect 0 lpmix -v -o a.lp a.win
    err_line lpmix "$(size a.win) bytes in, $(size a.lp) bytes out"
    expect 0 lpunpack -v -o a a.lp
    err_line lpunpack "$(size a.lp) bytes in, $(size "$TEXT") bytes out, ratio 3."
    expect 0 lpunpack -v -t a.lp
    err_line lpunpack "$(size "$TEXT") bytes out"
    expect 0 lptok -v -c "$TEXT"
    refute grep -q ratio err
}

@test "on a terminal, what takes over a second shows a line, in a pipe the last command" {
    lptok -L "$LOG" > log.tok
    slow="head -c 2000 $LOG; sleep 1.2; tail -c +2001 $LOG; sleep 0.2"
    script -qec "{ $slow; } | lptok -L | lpmix > x.lp" /dev/null < /dev/null > out 2>&1
    grep -aqE 'lpmix: [0-9.]+ MB  [0-9.]+ MB/s' out
    refute grep -aq lptok: out
    lpunpack x.lp | same "$LOG" -
    script -qec "{ $slow; } | lptok -q -L > x" /dev/null < /dev/null > out 2>&1
    refute grep -aq lptok: out
    script -qec "{ $slow; } | lopace > x" /dev/null < /dev/null > out 2>&1
    grep -aqE 'lopace: [0-9.]+ MB  [0-9.]+ MB/s' out
    { $slow; } 2> /dev/null | lptok > x 2> err # no terminal
    err_is ''
}
