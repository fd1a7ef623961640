#!/usr/bin/env bats
# The sandbox of commands (cmd/shared/sandbox.h): what they can still do once they read their
# input, and that everything works within it.

load helpers

# A library that, preloaded into a command, tries at its end what an attacker would: a line of
# standard error for each.
setup_file() {
    cat > "$BATS_FILE_TMPDIR/probe.c" << 'END'
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void say(const char *what, int done)
{
    fprintf(stderr, "%s: %s\n", what, done ? "done" : strerror(errno));
}

__attribute__((destructor)) static void try(void)
{
    char *none[] = {NULL};
    const char *victim = getenv("VICTIM");
    say("read", open("/etc/passwd", O_RDONLY) >= 0);
    say("list", opendir("/etc") != NULL);
    say("make", open("made", O_WRONLY | O_CREAT, 0666) >= 0);
    say("write", open("there", O_WRONLY) >= 0);
    say("change mode", chmod("there", 0600) == 0);
    say("remove", unlink("there") == 0);
    say("connect", socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
    say("type", ioctl(STDIN_FILENO, TIOCSTI, "x") == 0);
    say("signal", victim != NULL && kill(atoi(victim), 0) == 0);
    if (getenv("LP_SANDBOX") != NULL)
        return; /* the rest would end the command otherwise */
    say("debug", ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
    execve("/bin/true", none, none);
    say("run", 0);
}
END
    # As on a kernel without Landlock, or without either.
    cat > "$BATS_FILE_TMPDIR/old.c" << 'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>

long syscall(long number, long a, long b, long c, long d, long e, long f)
{
    long (*real)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    if (number >= 444 && number <= 446 && getenv("FAIL") == NULL)
        return errno = ENOSYS, -1;
    if (number == 445 && getenv("FAIL") != NULL)
        return errno = ENOMEM, -1;
    if (number == SYS_seccomp && getenv("OLDER") != NULL)
        return errno = EINVAL, -1;
    return real(number, a, b, c, d, e, f);
}
END
    for name in probe old; do
        "${CC:-cc}" -w -shared -fPIC -o "$BATS_FILE_TMPDIR/$name.so" "$BATS_FILE_TMPDIR/$name.c" -ldl
    done
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    [[ $(lpunpack --version) != *'sandbox: none' ]] || skip 'not on this system, or in this build'
    printf 'one two three\n' > text
    lptok -o tokens text
    echo victim > there
}

needs() {
    [[ $(lpunpack --version) == *"$1"* ]] || skip "no $1 here"
}

# Landlock's version: signals are restricted from 6 on.
abi() {
    lpunpack --version | sed -n 's/.*Landlock \([0-9]*\).*/\1/p'
}

probed() {
    LD_PRELOAD=$BATS_FILE_TMPDIR/probe.so VICTIM=$$ "$@"
}

old() {
    LD_PRELOAD=$BATS_FILE_TMPDIR/old.so "$@"
}

# forbidden COMMAND...: it succeeds, and cannot do any of what the probe tries.
forbidden() {
    expect 0 probed "$@"
    (($(abi) >= 6)) || sed -i 's/^signal: done/signal: Operation not permitted/' err
    [[ $(cat err) == *'read: Permission denied
list: Permission denied
make: Permission denied
write: Permission denied
change mode: Operation not permitted
remove: Permission denied
connect: Operation not permitted
type: Operation not permitted
signal: Operation not permitted
debug: Operation not permitted
run: Operation not permitted' ]] || fail "$*" "$(cat err)"
}

@test "--version says what is in force" {
    for command in lopace lptok lpwin lpzstd lpmix lpunpack lpgrep lprow lpstat lpentropy lptrain; do
        [[ $("$command" --version | sed -n 2p) =~ ^'sandbox: '(none|seccomp|Landlock\ [0-9]+(, seccomp)?)$ ]]
        [ "$(LP_SANDBOX=none "$command" --version | sed -n 2p)" = 'sandbox: none' ]
    done
}

@test "no command can open, run, change or reach anything else" {
    needs 'Landlock'
    needs 'seccomp'
    mkdir d
    cp text d
    forbidden lopace -c text
    forbidden lopace --rm d/text
    forbidden lopace -T 4 -t -r d
    forbidden lopace -l d/text.lp
    forbidden lopace -d --rm d/text.lp
    forbidden lpunpack tokens
    forbidden lpunpack -T 4 -t tokens
    forbidden lpunpack -r 1 tokens
    forbidden lpunpack -l tokens
    forbidden lpunpack --recover tokens
    forbidden lptok text
    forbidden lptok --ids text
    forbidden lprow pack -T 2 text
    forbidden lpwin tokens
    forbidden lpzstd tokens
    forbidden lpzstd text
    forbidden lpmix tokens
    forbidden lpstat tokens
    forbidden lpstat text
    forbidden lpentropy tokens
    yes "$(cat text)" | head -n 400 > many
    mkdir new
    forbidden lptrain -q -f -L -o new/model many
    forbidden lpgrep two tokens
    mkdir texts
    cp tokens texts
    forbidden lpgrep -r '' texts
    forbidden lpunpack < tokens
}

@test "LP_SANDBOX=none leaves it out" {
    export LP_SANDBOX=none
    expect 0 probed lpunpack tokens
    for what in read list make write 'change mode' remove connect signal; do
        grep -q "^$what: done" err || fail "$what: $(cat err)"
    done
}

@test "a file of -o is made, replaced or removed, and no other" {
    needs 'Landlock'
    mkdir new
    expect 0 probed lpunpack -o new/text tokens
    same new/text text
    grep -q '^make: Permission denied' err
    grep -q '^remove: Permission denied' err
    expect 0 lpunpack -o new/text tokens # over the old one
    expect 0 lpunpack -o ./new/../text2 tokens
    same text2 text
    ln -s new link
    expect 0 lpunpack -o link/text3 tokens
    same new/text3 text
    head -c 40 tokens > broken
    expect 3 lpunpack -o new/broken broken
    [ "$(ls new)" = $'text\ntext3' ]
    expect 0 lpunpack -o /dev/null tokens
}

@test "each kind of operand can be read" {
    expect_pipe 0 "cat tokens | lpunpack tokens ./tokens '$PWD/tokens' - "
    mkfifo fifo
    cat tokens > fifo &
    expect 0 lpunpack fifo
    same out text
    expect_pipe 0 'cat tokens | lpunpack /dev/stdin'
    same out text
    expect 0 bash -c 'lpunpack <(cat tokens)'
    same out text
    expect 0 bash -c 'lpunpack -r 1 <(cat tokens) <(cat tokens)' # each needs a temporary file
    cat text text | cmp - out
    expect 0 bash -c 'cat tokens | lpstat'
    expect_pipe 0 'cat tokens | lpmix --blob | lpunpack'
    same out text
    expect_pipe 0 'cat tokens | lpzstd --blob | lpunpack'
    same out text
    expect 0 bash -c 'lpunpack /dev/fd/7 7< tokens'
    same out text
    ln -s tokens link
    expect 0 lpunpack link
    same out text
    mkdir directory
    fails 1 'directory: is a directory' lpunpack directory
    fails 1 'nothing: cannot open: No such file or directory' lpunpack nothing
    fails 1 'text/x: cannot open: Not a directory' lpunpack text/x
}

@test "vocabularies and models are found where links lead, and by a file's own name" {
    mkdir store paths
    cp "$B/vocab/cl100k_base.lpv" "$B/vocab/cl100k_base.lpm" store
    ln -s ../store/cl100k_base.lpv paths
    ln -s ../store/cl100k_base.lpm paths
    ln -s paths linked
    export LP_VOCAB_PATH=linked
    expect 0 lpunpack tokens
    same out text
    LP_MODEL_PATH=paths lpmix -o mixed tokens
    for LP_MODEL_PATH in paths store/cl100k_base.lpm linked/cl100k_base.lpm; do
        export LP_MODEL_PATH
        expect 0 lpunpack mixed
        same out text
    done
}

@test "a model of -D that is nowhere else is used" {
    "$ROOT/tests/other-model" "$B/vocab/cl100k_base.lpm" model
    lpmix -D model -o mixed tokens
    for command in 'lpunpack -t' lpstat lpentropy; do
        # shellcheck disable=SC2086 # words
        expect 0 $command -D model mixed
    done
}

@test "on a kernel without it, all works as ever" {
    [ "$(old lpunpack --version | sed -n 2p | grep -c Landlock)" -eq 0 ]
    [ "$(OLDER=1 old lpunpack --version | sed -n 2p)" = 'sandbox: none' ]
    expect 0 old lpunpack tokens
    same out text
    err_is ''
    OLDER=1 expect 0 old lpunpack tokens
    same out text
    err_is ''
}

@test "where what is needed cannot be permitted, files are not restricted" {
    needs 'Landlock'
    FAIL=1 expect 0 old lpunpack tokens
    same out text
    err_is ''
    expect 0 bash -c 'exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; ulimit -n 4; lpunpack < tokens'
    same out text
}
