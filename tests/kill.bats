#!/usr/bin/env bats
# The file of -o is the old one or the new one, never half, whenever the command is killed and
# whichever system call fails.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    [ "$(uname -s)" = Linux ] || skip 'needs Linux'
    sanitized && skip 'a leak checker cannot be traced'
    strace -qq -o strace -e trace=none true 2> /dev/null || skip 'strace is not there or may not trace'
}

@test "SIGKILL at each system call leaves the old or the new file" {
    "$ROOT/tests/inject/sweep" "$B" kill openat write fsync close rename exit | tee outcomes
    grep -q 'old file' outcomes
    grep -q 'new file' outcomes
}

@test "each system call that fails leaves the old or the new file, and nothing else" {
    "$ROOT/tests/inject/sweep" "$B" strace open fstat mmap pread write fchmod fsync close rename
}
