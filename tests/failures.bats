#!/usr/bin/env bats
# What is left, said and returned when something fails: signals, closed standard streams, files that
# cannot be read or written; whose an output is; what of a file's name reaches a terminal.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    echo 'some text, some more text' > p
}

# An input whose block is damaged, which lpunpack reports.
damaged() {
    lptok -L -B 1K < "$ROOT/README.md" > bad.lp
    printf X | dd of=bad.lp bs=1 seek=3000 conv=notrunc 2> /dev/null
}

# as_nobody COMMAND...: runs it as a user without rights, in a directory of his.
as_nobody() {
    [ "$(id -u)" -eq 0 ] || skip 'not root'
    command -v setpriv > /dev/null || skip 'no setpriv'
    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

# mode, owner FILE
mode() {
    stat -c %a "$1"
}
owner() {
    stat -c %u:%g "$1"
}

# --- Signals ----------------------------------------------------------------------

# Each signal that kills by default, by its number.
deadly() {
    local number name
    for number in $(seq 1 64); do
        name=$(kill -l "$number" 2> /dev/null) || continue
        case $name in
            '' | KILL | STOP | TSTP | TTIN | TTOU | CHLD | CONT | URG | WINCH | XFSZ) continue ;;
            ILL | TRAP | ABRT | BUS | FPE | SEGV | SYS) sanitized && continue ;;
        esac
        echo "$number"
    done
}

@test "no signal that kills leaves a temporary file" {
    ulimit -c 0
    [ "$(deadly | wc -l)" -gt 10 ]
    mkfifo pipe
    for number in $(deadly); do
        exec {hold}<> pipe
        env --default-signal lptok -o file pipe 3>&- &
        until compgen -G 'file.*' > /dev/null; do sleep 0.02; done
        kill -"$number" $!
        status=0
        wait $! || status=$?
        exec {hold}>&-
        [ "$status" -eq $((128 + number)) ] || fail "signal $number: exit $status"
        [ "$(echo *)" = 'p pipe' ] || fail "signal $number: $(echo *)"
    done
}

@test "a signal that is ignored stays ignored" {
    mkfifo pipe
    exec {hold}<> pipe
    env --ignore-signal=HUP lptok -o file pipe 3>&- {hold}>&- &
    until compgen -G 'file.*' > /dev/null; do sleep 0.02; done
    kill -HUP $!
    cat p > pipe
    exec {hold}>&-
    wait $!
    lpunpack file | same - p
}

@test "a file that grows too large is an error, not a signal" {
    random_bytes 100000 > big
    status=0
    (ulimit -f 8 && exec env --default-signal=XFSZ lptok -o file big) 2> err || status=$?
    [ "$status" -eq 1 ]
    err_line lptok 'file: cannot write: File too large'
    [ "$(echo *)" = 'big err p' ]
}

# --- Standard streams ---------------------------------------------------------------

# unread COMMAND...: runs it with standard error a pipe that no one reads.
unread() {
    [ -p pipe ] || mkfifo pipe
    exec {hold}<> pipe
    exec {write}> pipe
    exec {hold}>&-
    local status=0
    env --default-signal=PIPE "$@" 2>&$write {write}>&- || status=$?
    exec {write}>&-
    return $status
}
closed() {
    "$@" 2>&-
}
full() {
    "$@" 2> /dev/full
}

@test "no one need read the messages" {
    damaged
    lptok -L "$ROOT/README.md" > readme
    while read -r command; do
        status=0
        # shellcheck disable=SC2086 # words
        $command > expected 2> err || status=$?
        [ -s err ]
        for way in unread closed full; do
            code=0
            # shellcheck disable=SC2086
            $way $command > out || code=$?
            [ $code -eq $status ] || fail "$way $command: exit $code, not $status"
            same out expected
        done
    done << 'END'
lpunpack --recover bad.lp
lpunpack bad.lp
lpunpack nowhere
lpunpack --nothing
lptok -c p nowhere p
lptok nowhere
lptrain -L --zstd -f -o /dev/stdout readme
END
    for way in unread closed full; do
        $way lpunpack --recover -o file bad.lp && fail 'nothing is lost'
        lpunpack -q --recover bad.lp 2> /dev/null | same - file
        rm file
    done
}

@test "no file gets the number of a closed standard stream" {
    damaged
    lpunpack --recover bad.lp > expected 2> err || [ $? -eq 3 ]
    for closed in '<&-' '>&-' '2>&-' '<&- >&-' '>&- 2>&-' '<&- 2>&-' '<&- >&- 2>&-'; do
        rm -f file
        status=0
        eval "lpunpack --recover -o file bad.lp $closed" 2> err || status=$?
        [ "$status" -eq 3 ]
        same file expected
    done
}

# --- Whose an output is ---------------------------------------------------------------

@test "-o keeps the owner, group and permissions of the file that it replaces" {
    for mode in 600 640 604 755 444; do
        : > file
        chmod $mode file
        lptok -o file p
        [ "$(mode file)" = $mode ]
        lptok p | lpzstd -f -o file
        [ "$(mode file)" = $mode ]
    done
    [ "$(id -u)" -eq 0 ] || skip 'not root'
    chown 1234:2345 file
    lptok -o file p
    [ "$(owner file) $(mode file)" = '1234:2345 444' ]
}

@test "where the group cannot be kept, no one gains a permission" {
    mkdir dir
    chmod 777 dir
    cp p dir
    while read -r old new; do
        rm -f dir/file
        : > dir/file
        chmod "$old" dir/file
        as_nobody lptok -o dir/file dir/p
        [ "$(owner dir/file) $(mode dir/file)" = "65534:65534 $new" ] || fail "$old" "$(ls -l dir)"
    done << 'END'
664 644
660 600
604 600
755 755
777 777
END
}

@test "a file of one input has its permissions and group; one of several, or of a pipe, the usual ones" {
    umask 022
    for command in lptok lpzstd lpstat lpentropy 'lptok -c' 'lptok --blob'; do
        for mode in 600 640 666; do
            chmod $mode p
            rm -f file
            $command -o file p
            [ "$(mode file)" = $mode ] || fail "$command: $(mode file), not $mode"
        done
    done
    chmod 600 p
    lptok p > p.lp
    chmod 400 p.lp
    lpmix -o mixed p.lp
    lpunpack -o text p.lp
    lptok -o two p p
    lptok -o piped < p
    lptok -o dash - < p
    [ "$(mode mixed) $(mode text) $(mode two) $(mode piped) $(mode dash)" = '400 400 644 644 644' ]
    [ "$(id -u)" -eq 0 ] || skip 'not root'
    chown 1234:2345 p
    lptok -o owned p
    [ "$(owner owned) $(mode owned)" = '1234:2345 600' ]
}

@test "-o keeps user extended attributes and the access list, of the input or of the file before" {
    for command in setfattr getfattr setfacl getfacl; do
        command -v $command > /dev/null || skip "no $command"
    done
    echo text > p
    chmod 600 p
    setfattr -n user.tag -v hello p 2> log && setfacl -m u:1234:rw p 2> log || skip 'not on this file system'
    attributes() {
        getfattr --only-values -n user.tag "$1" && getfacl -c "$1"
    }
    attributes p > expected
    lptok -o new p
    attributes new | same - expected
    echo other > q
    lptok q | lpzstd -o new # keeps those of the file
    attributes new | same - expected
    lptok -o two p q
    refute getfattr -n user.tag two 2> log
    if [ "$(id -u)" = 0 ]; then # whose group cannot be given gains nothing by the list
        mkdir d
        cp --preserve=all p d
        chown nobody d d/p
        chgrp 2345 d/p
        setfacl -m g::rwx d/p
        (cd d && setpriv --reuid=nobody --regid=nogroup --clear-groups env PATH="$PATH" HOME=/ lptok -o out p) ||
            skip 'nobody cannot run lptok'
        getfacl -c d/out | grep -q '^group::---'
    fi
}

@test "a model of a private file is private, also once it is installed" {
    umask 022
    cp "$ROOT/README.md" readme
    chmod 600 readme
    lptrain -q -f --zstd -L -o dict readme
    HOME=$PWD lptrain --install dict > where
    [ "$(mode dict) $(mode "$(< where)")" = '600 600' ]
}

@test "what is packed or restored is as old as its only input; a report, or a file of more, is new" {
    touch -d '2001-02-03 04:05:06' p
    old=$(stat -c %Y p)
    for command in lptok 'lptok --blob' lpzstd; do
        $command -o file p
        [ "$(stat -c %Y file)" = "$old" ]
        mv file packed
        lpunpack -o file packed
        [ "$(stat -c %Y file)" = "$old" ]
        lpunpack -l -o file packed
        [ "$(stat -c %Y file)" != "$old" ]
    done
    for command in 'lptok -c' lpstat lpentropy 'lptok --ids'; do
        $command -o file p
        [ "$(stat -c %Y file)" != "$old" ]
    done
    lptok -o file p p
    [ "$(stat -c %Y file)" != "$old" ]
    lptok -o file < p
    [ "$(stat -c %Y file)" != "$old" ]
}

# --- Where an output goes -------------------------------------------------------------

@test "-o follows symbolic links, also to what is not there yet" {
    mkdir dir
    echo old > dir/file
    ln -s dir/file link
    ln -s ../link dir/again
    ln -s "$PWD/dir/new" absolute
    lptok -o dir/again p
    [ "$(find . -type l | wc -l)" -eq 3 ]
    lpunpack dir/file | same - p
    lptok -o absolute p
    [ "$(find . -type l | wc -l)" -eq 3 ]
    lpunpack dir/new | same - p
    ln -s loop loop
    refused 1 'loop: cannot open: Too many levels of symbolic links' lptok -o loop p
    ln -s nowhere/file lost
    refused 1 'lost: cannot create: No such file or directory' lptok -o lost p
}

@test "-o leaves the other names of a file its old content" {
    echo old > file
    ln file other
    lptok -o file p
    [ "$(< other)" = old ]
}

@test "-o '' is a usage error" {
    for command in lptok lpzstd lpmix lpunpack lpstat lpentropy lptrain; do
        refused 2 '-o: the name of the file is empty' $command -o '' p
    done
}

@test "-o to what is no file writes to it and never replaces it" {
    mkfifo pipe
    lptok -o pipe p &
    lpunpack < pipe | same - p
    wait $!
    [ -p pipe ]
    echo before > file
    lptok --ids -o /dev/stdout p >> file
    [ "$(head -n 1 file) $(sed 1d file)" = "before $(lptok --ids p)" ]
    lptok --ids -o /dev/fd/5 p 5> file
    [ "$(< file)" = "$(lptok --ids p)" ]
    ln -s /dev/stdout link
    lptok -o link p | lpunpack | same - p
    [ -L link ]
    lptok -o >(cat > copy) p
    [ "$(echo file*)" = file ]
    refused 1 '/dev/fd/77: cannot open: Bad file descriptor' lptok -o /dev/fd/77 p
}

@test "a long name is a name" {
    name=$(printf %0255d 0)
    lptok -o "$name" p
    lpunpack "$name" | same - p
    [ "$(echo 0*)" = "$name" ]
}

# traced STRACE_ARGUMENT... -- COMMAND...: runs it with system calls that fail.
traced() {
    command -v strace > /dev/null || skip 'no strace'
    strace -o trace true || skip 'strace may not trace'
    export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 # leaks are not found under strace
    strace -f -o trace "$@"
}

@test "the directory is synced; a failure of that is told, but where it cannot be" {
    traced -e trace=fsync true
    expect 1 strace -o trace -e inject=fsync:error=EIO:when=2 lptok -o file p
    err_line lptok 'file: cannot sync the directory: Input/output error'
    lpunpack file | same - p
    expect 0 strace -o trace -e inject=fsync:error=EINVAL lptok -o file p
    rm file
    expect 1 strace -o trace -e inject=fsync:error=EIO:when=1 lptok -o file p
    err_line lptok 'file: cannot write: Input/output error'
    [ ! -e file ]
}

# --- What fails is said -----------------------------------------------------------------

@test "a call that a signal interrupts is made again" {
    damaged
    traced -e trace=openat lptok -o file p
    made=$(grep openat trace | grep -n O_EXCL | cut -d: -f1)
    folder=$(grep openat trace | grep -n '"\.", .*O_DIRECTORY' | cut -d: -f1)
    for inject in "openat:error=EINTR:when=$made" "openat:error=EINTR:when=$folder" \
        fsync:error=EINTR:when=1+2 fchmod:error=EINTR:when=1 fchown:error=EINTR:when=1+2 \
        write:error=EINTR:when=1; do
        rm -f file
        expect 0 strace -o trace -e inject="$inject" lptok -o file p
        grep -q INJECTED trace || fail "$inject: not met"
        err_is ''
        lpunpack file | same - p
        [ "$(echo file*)" = file ]
    done
    for inject in openat:error=EINTR:when=1 read:error=EINTR:when=1+2; do
        expect 0 strace -o trace -P p -e inject="$inject" lptok -c p
        grep -q INJECTED trace
        out_is '      7 p'
    done
}

@test "a read that fails is that" {
    lptok p > p.lp
    traced -e trace=read true
    for command in 'lptok p' 'lpstat p' 'lpunpack p.lp'; do
        # shellcheck disable=SC2086 # words
        expect 1 strace -o trace -P "${command#* }" -e inject=read:error=EIO $command
        sed -i '/^strace:/d' err
        err_line "${command% *}" "${command#* }: cannot read: Input/output error"
    done
    for command in 'lpunpack -l' 'lpunpack -r 1' lpstat; do
        # shellcheck disable=SC2086
        expect 1 strace -o trace -P p.lp -e inject=pread64:error=EIO $command p.lp
        sed -i '/^strace:/d' err
        err_line "${command%% *}" "p.lp: cannot read: Input/output error"
    done
}

@test "a model in a directory that may not be searched is not missing" {
    mkdir closed
    chmod 700 closed
    lptok -e gpt2 p > gpt2.tok
    : > err
    LP_MODEL_PATH=$PWD/closed expect 1 as_nobody lpmix gpt2.tok
    err_line lpmix "closed/gpt2.lpm: cannot use: Permission denied"
    lptok p | LP_MODEL_PATH=$PWD/closed as_nobody lpmix > out 2> err # there is another
    err_line lpmix "closed/cl100k_base.lpm: cannot use: Permission denied"
    lpunpack out | same - p
    LP_MODEL_PATH=$PWD/closed as_nobody lpstat -e gpt2 p > out 2> err # it can do without
    err_line lpstat "closed/gpt2.lpm: cannot use: Permission denied"
}

@test "lptok -c goes on after a file that cannot be opened" {
    mkdir dir
    expect 1 lptok -c p nowhere dir p
    out_is '      7 p
      7 p
     14 total'
    [ "$(< err)" = 'lptok: nowhere: cannot open: No such file or directory
lptok: dir: is a directory' ]
    expect 1 lptok -c nowhere
    out_is ''
    expect 1 lptok -c -o file p nowhere # all or nothing
    [ ! -e file ]
}

# --- Names on a terminal ----------------------------------------------------------------

# A name of controls, C1 as bytes and as UTF-8, a bidirectional control, a byte that is not UTF-8;
# and what is to be seen of it.
NAME=$'a\e[31m\x9b\xc2\x9b\xe2\x80\xaeb\xffü\x7f\t'
SEEN='a\x1b[31m\x9b\xc2\x9b\xe2\x80\xaeb\xffü\x7f\x09'

@test "control characters of a name do not reach a terminal" {
    cp p "$NAME"
    lptok p > "lp$NAME"
    export NAME
    while IFS= read -r command; do
        script -qec "$command" /dev/null < /dev/null > out 2>&1 || true
        grep -qF -- "$SEEN" out || fail "$command" "$(cat -v out)"
        refute grep -qF -- "$NAME" out
    done << 'END'
lptok -c "$NAME"
lpstat "$NAME"
lpstat "$NAME" p
lpstat "lp$NAME"
lpstat --csv "lp$NAME"
lpstat --csv "$NAME"
lpunpack -l "lp$NAME"
END
    lptok -c "$NAME" | grep -qF "$NAME" # in a file or pipe names are as they are
    lpunpack -l "lp$NAME" | grep -qF "lp$NAME"
}

@test "nor does a message write them, whatever it is about" {
    cp p "$NAME"
    : > "empty$NAME"
    while IFS= read -r command; do
        eval "expect 2 $command" 2> /dev/null || eval "expect 1 $command" 2> /dev/null ||
            eval "expect 3 $command"
        grep -qF -- "$SEEN" err || fail "$command" "$(cat -v err)"
        [ "$(wc -l < err)" -eq 1 ]
    done << 'END'
lptok "no$NAME"
lptok -o "no$NAME/file" p
lptok "--$NAME"
lptok -e "$NAME" p
lptok -B "$NAME" p
lptok "--format=$NAME" p
lptok -o "$NAME" "$NAME"
lpunpack "$NAME"
lpunpack "empty$NAME"
lpunpack -r "$NAME" <(lptok p)
lpunpack --from "$NAME" p
lpzstd -D "no$NAME" p
lpstat --method "$NAME" p
lpentropy "no$NAME"
lptrain --new -o file "no$NAME"
lptrain --install "$NAME"
END
}
