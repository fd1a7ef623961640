#!/usr/bin/env bats
# lptok: every option, what it prints and how it fails.

load helpers

@test "ids of a text" {
    printf 'Hello world' > p
    expect 0 lptok --ids p
    out_is '9906 1917'
    err_is ''
}

@test "a missing file is one line and exit 1" {
    refused 1 'nowhere: cannot be opened: No such file or directory' lptok nowhere
}
