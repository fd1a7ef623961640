#!/usr/bin/env bats
# Golden files (data/README) decode for ever: with lpunpack, and with a second decoder
# that was written from lpstream(5) alone.

load helpers
load golden

PATH=$ROOT/tests:$PATH

# The bytes of the N-th example of lpstream(5): hexadecimal digits up to two blanks.
example() {
    unhex < <(awk -v n="$1" '/^\.Bd/ { on = ++i == n; next } /^\.Ed/ { on = 0 }
        on { sub("   *.*", ""); print }' "$ROOT/man/lpstream.5")
}

@test "every golden file is listed, every listed one is there" {
    (cd "$GOLDEN" && printf '%s\n' *.lp *.blob *.damaged) | sort > there
    cat "$GOLDEN/list" "$GOLDEN/mixed" "$GOLDEN/damaged" | grep -v '^#' | cut -d ' ' -f 1 | sort > listed
    diff there listed
}

restores() {
    in_texts "$3" > text
    expect 0 golden_unpack "$GOLDEN/$1" "$2" && same out text && err_is '' &&
        expect 0 golden_unpack "$GOLDEN/$1" "$2" -t && out_is '' && err_is ''
}

@test "lpunpack restores every golden file" {
    golden_rows list restores
    golden_rows mixed restores
}

restores_from_pipe() {
    in_texts "$3" > text
    golden_unpack - "$2" < <(cat "$GOLDEN/$1") | cmp - text
}

@test "lpunpack restores every golden file from a pipe" {
    golden_rows list restores_from_pipe
    golden_rows mixed restores_from_pipe
}

# From the last record to the first, so that no record is read on from the one before it.
by_record() {
    local n
    [[ $1 == *window* ]] || return 0
    in_texts "$3" > text
    n=$(lpunpack -l --json "$GOLDEN/$1" | jq 'map(.records) | add')
    [[ $n -gt 0 ]] || return
    : > restored
    for ((; n > 0; n--)); do
        expect 0 golden_unpack "$GOLDEN/$1" "$2" "-r$n" || return
        cat out restored > longer
        mv longer restored
    done
    same restored text
}

@test "lpunpack restores every record of golden windows by itself" {
    golden_rows list by_record
    golden_rows mixed by_record
}

is_listed() {
    in_texts "$3" > text
    expect 0 golden_unpack "$GOLDEN/$1" "$2" --list --json
    [ "$(jq 'map(.text_bytes) | add' out)" = "$(size text)" ]
}

@test "lpunpack lists every golden stream's text" {
    golden_rows list is_listed
    golden_rows mixed is_listed
}

# Groups files by their dictionary or parent, as the decoder takes one a run.
by_dictionary() {
    local group=${2:-none}
    [[ $group == parent:* ]] && group=parent:${group##*/}
    echo "$1" >> "files.${group##*/}"
    in_texts "$3" > "texts/$1"
}

decode_all() {
    local list needs
    mkdir decoded
    for list in $(compgen -G 'files.*'); do
        case ${list#files.} in
            none) needs='' ;;
            parent:*) lptok "$TEXTS/${list#*:}" > parent && needs='-P parent' ;;
            *) needs="-D $TEXTS/${list#files.}" ;;
        esac
        # shellcheck disable=SC2046,SC2086 # names without blanks
        lpstream-decoder $needs -M "$B/vocab" -d decoded $(sed "s|^|$1/|" "$list") || return
    done
    diff -r decoded texts
}

@test "the second decoder restores every golden file" {
    mkdir texts
    golden_rows list by_dictionary
    golden_rows mixed by_dictionary
    decode_all "$GOLDEN"
}

# What is the golden file itself, the second decoder has decoded in the test before this one.
makes_today() {
    in_texts "$3" > text
    in_texts "$4" < text > "made/$1"
    golden_unpack "made/$1" "$2" | cmp - text || return
    cmp -s "made/$1" "$GOLDEN/$1" || by_dictionary "$1" "$2" "$3"
}

@test "what the commands make of the same texts today, both decoders restore" {
    mkdir texts made
    golden_rows list makes_today
    golden_rows mixed makes_today
    decode_all made
}

recovers() {
    in_texts "$3" > text
    expect 3 golden_unpack "$GOLDEN/$1" "$2" && err_line lpunpack &&
        expect 3 golden_unpack "$GOLDEN/$1" "$2" -t && err_line lpunpack &&
        expect 3 golden_unpack "$GOLDEN/$1" "$2" --recover && same out text &&
        sed "s|$GOLDEN/||" err | same - "$GOLDEN/$1.report"
}

@test "lpunpack refuses every golden damage, and recovers what it did" {
    golden_rows damaged recovers
}

@test "the second decoder refuses every golden damage" {
    local list dictionary files
    mkdir texts
    golden_rows damaged by_dictionary
    for list in files.*; do
        dictionary=$TEXTS/${list#files.}
        [[ $list == files.none ]] && dictionary=''
        mapfile -t files < "$list"
        refused_by_decoder "$dictionary" "${files[@]/#/$GOLDEN/}"
    done
}

@test "the page's examples are what it says" {
    example 1 > stream
    example 2 > blob
    [[ $(size stream) -eq 69 ]]
    expect 0 lpunpack stream && out_is hi
    expect 0 lpunpack blob && printf 'Hello world' | cmp - out
    expect 0 lpstream-decoder stream && out_is hi
    printf 'hi\n' | lptok -L | cmp - stream
    printf 'Hello world' | lptok --blob | cmp - blob
}

@test "the page's fingerprints are those of the vocabularies" {
    awk '$1 == ".It" && $2 ~ /^[0-6]$/ && length($6) == 16 { print $4, $6 }' \
        "$ROOT/man/lpstream.5" | LC_ALL=C sort > page
    lptok --list | awk '{ print $1, $4 }' | LC_ALL=C sort > listed
    [[ $(wc -l < page) -eq 7 ]]
    diff page listed
}
