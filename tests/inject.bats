#!/usr/bin/env bats
# When memory, descriptors, disks or threads fail: the library and the commands say so, and whatever
# is there is right (inject/). `make inject` tries every call, these tests the first and some others.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    [ -e "$B/inject/api" ] || skip 'needs glibc'
}

# sweep CALL...: commands with these calls failing.
sweep() {
    sanitized && skip 'a sanitizer has functions of its own in their place'
    "$ROOT/tests/inject/sweep" "$B" preload "$@"
}

@test "every call of the library gives back all memory, whatever fails, and then works" {
    "$B/inject/api" "$B/vocab/cl100k_base.lpv" "$B/vocab/cl100k_base.lpm"
}

@test "no memory, no threads" {
    sweep malloc mmap pthread_create
}

@test "files that cannot be opened" {
    sweep open fstat
}

@test "files that cannot be read, or in pieces only" {
    sweep read pread
}

@test "files that cannot be written, or in pieces only" {
    sweep write close
}

@test "files that cannot be put in place" {
    sweep fsync fchmod rename
}
