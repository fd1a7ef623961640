#!/usr/bin/env bats
# The structure of the project: which folder may include which, what the library may do.

load helpers

# shellcheck disable=SC2153 # ROOT is the helpers'
setup() {
    cd "$ROOT" || return
}

# Which folders a folder may include, besides its own files and lp.h. A folder without a row may
# not be included. "lib" and "cmd" stand for the files directly in them.
allowed() {
    cat << 'END'
lib/base       -
lib/format     lib/base
lib/tokens     lib/base
lib/mix        lib/base
lib/block      lib/base lib/format lib/tokens lib/mix
lib            lib/base lib/format lib/tokens lib/block
lib/train      lib/base lib/mix lib/tokens lib/block
lib/ext        -
lib/ext/python lib/ext/shared
lib/ext/shared -
lib/ext/sqlite lib/ext/shared
lib/ext/postgres lib/ext/shared
cmd            cmd/shared
cmd/shared     -
cmd/measure    cmd/shared
cmd/lopace     cmd/shared
cmd/lpgrep     cmd/shared
cmd/lprow      cmd/shared
cmd/lpstat     cmd/shared cmd/measure
cmd/lpweb      cmd/shared cmd/measure
cmd/lptok      cmd/shared
cmd/lptrain    cmd/shared lib/train
vocab          lib/base lib/tokens lib/mix
END
}

# "FILE FOLDER TARGET": each file, the folder of a file that it includes, and that file.
includes() {
    grep -rHE '^#include ("|<lp\.h>)' --include='*.[ch]' lib cmd vocab | sed -E 's/:#include ["<]/ /; s/[">].*//' |
        while read -r file name; do
            for root in lib cmd; do
                if [ -e "$root/$name" ]; then echo "$file $(dirname "$root/$name") $root/$name"; fi
            done
            [ -e "lib/$name" ] || [ -e "cmd/$name" ] || echo "$file nowhere $name"
        done
}

@test "each folder includes only what it may" {
    includes > "$BATS_TEST_TMPDIR/includes"
    [ "$(wc -l < "$BATS_TEST_TMPDIR/includes")" -gt 200 ]
    while read -r file folder target; do
        from=$(dirname "$file")
        [[ $folder == "$from" || $target == lib/lp.h ]] && continue
        [[ " $(allowed | sed -n "s|^$from  *||p") " == *" $folder "* ]] || fail "$file includes $target"
    done < "$BATS_TEST_TMPDIR/includes"
}

@test "each folder of lib and cmd is in that table" {
    for folder in lib/*/ lib/ext/*/ cmd/*/; do
        [ "$folder" = lib/ext/ ] || allowed | grep -q "^${folder%/} " || fail "$folder"
    done
}

@test "in the library and in the commands arrows go one way" {
    includes | awk '{ sub(/\.[ch]$/, "", $1); sub(/\.h$/, "", $3); if ($1 != $3) print $1, $3 }' |
        sed 's|lib/mix/state|lib/mix/mix|g' | awk '$1 != $2' | # mix.c and its state, shared with the trainer
        tsort > "$BATS_TEST_TMPDIR/order"
}

@test "stages do not know each other" {
    if grep -l 'include "block/stage_' lib/block/stage_*.c | while read -r file; do
        grep -h 'include "block/stage_' "$file" | grep -v "\"${file#lib/}" | grep -v "\"${file#lib/}" |
            grep -v "$(basename "$file" .c).h"
    done | grep .; then fail 'a stage includes another'; fi
}

@test "only what compresses includes zstd" {
    [ "$(grep -rl '<zstd.h>' cmd lib | sort | tr '\n' ' ')" = 'lib/block/dict.c lib/block/stage_zstd.c lib/train/dict.c ' ]
}

@test "commands and extensions include the library as <lp.h>, a command no other" {
    # lptrain is linked with the trainer, which includes the library's internal headers.
    [ "$(grep -rh '^#include <lp' cmd lib/ext | sort -u)" = '#include <lp.h>' ]
    if grep -rhE '^#include "(lopace|lp(tok|win|zstd|mix|unpack|grep|row|entropy|stat|train|web))' cmd |
        grep -vE '"(lopace|lp(grep|row|stat|tok|train|web))/'; then fail 'includes a command'; fi
}

@test "the encodings of the library are those of vocab/encodings" {
    sed -n 's/^encoding \([^ ]*\).*/\1/p' vocab/encodings > "$BATS_TEST_TMPDIR/names"
    sed -n '/lp_encodings\[/,/^};/ s/^ *{"\([^"]*\)".*/\1/p' lib/format/encodings.c |
        diff - "$BATS_TEST_TMPDIR/names"
}

@test "only lp_ symbols are exported, and all of lp.h" {
    nm -D --defined-only "$B/lib/liblp.so" | awk '$2 != "A" { print $3 }' | sed 's/@.*//' |
        grep -v '^_\|^__' | sort > "$BATS_TEST_TMPDIR/exported"
    if grep -v '^lp_' "$BATS_TEST_TMPDIR/exported"; then fail 'exported'; fi
    awk '/LP_API/, /;/' lib/lp.h | grep -oE '\blp_[a-z_0-9]+\(' | tr -d '(' | sort -u |
        diff - "$BATS_TEST_TMPDIR/exported"
}

@test "every global name of the library begins with lp_" {
    nm "$B/lib/liblp.a" | awk '$2 ~ /^[TDBRVWC]$/ { print $3 }' | grep -v '^_' > \
        "$BATS_TEST_TMPDIR/globals"
    if grep -v '^lp_' "$BATS_TEST_TMPDIR/globals"; then fail 'global'; fi
}

@test "the library does not print or exit" {
    sanitized && skip 'a sanitizer does'
    nm -u "$B/lib/liblp.a" | awk '{ print $2 }' | sort -u > "$BATS_TEST_TMPDIR/used"
    if grep -xE '(f|v|vf|d|w)?printf(_chk)?|__.*printf_chk|f?put[cs]|putchar|perror|fwrite|write|exit|_exit|_Exit|quick_exit|abort|__assert_fail|setenv|signal|sigaction|setlocale|rand|srand|time|clock_gettime|stdin|stdout|stderr' \
        "$BATS_TEST_TMPDIR/used"; then fail 'used'; fi
    grep -qx malloc "$BATS_TEST_TMPDIR/used"
}

@test "the library reads the environment in paths.c alone, which the rest of it does not call" {
    [ "$(nm -A -u "$B/lib/liblp.a" | sed -n 's/.*:\([a-z_]*\.o\):.* \(\(secure_\)\?getenv\)$/\1 \2/p')" = \
        'paths.o secure_getenv' ]
    nm --defined-only "$B/obj/lib/paths.o" | awk '$2 == "T" { print $3 }' > "$BATS_TEST_TMPDIR/paths"
    if nm -A -u "$B/lib/liblp.a" | grep -v ':paths\.o:' | grep -wf "$BATS_TEST_TMPDIR/paths"; then
        fail 'called'
    fi
}

@test "the library keeps no state of its own" {
    sanitized && skip 'a sanitizer does'
    objdump -t "$B/lib/liblp.a" | awk '$4 ~ /^\.(data|bss)/ || $3 ~ /^\.(data|bss)/' |
        grep -v '\.data\.rel\.ro' | awk '$NF !~ /^\.(data|bss)/' > "$BATS_TEST_TMPDIR/state"
    [ ! -s "$BATS_TEST_TMPDIR/state" ] || fail "$(< "$BATS_TEST_TMPDIR/state")"
}

@test "the shared library has at most 320 KiB of code" {
    sanitized && skip 'a sanitizer adds to it'
    read -r code _ < <(command size "$B/lib/liblp.so" 2> /dev/null | tail -n 1)
    [ "$code" -le 327680 ] || fail "$code bytes"
}

@test "the core commands need libzstd and nothing else" {
    sanitized && skip 'a sanitizer has its own'
    for file in "$B"/bin/{lptok,lpzstd,lpunpack} "$B/lib/liblp.so"; do
        readelf -d "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
            grep -vE '^(liblp\.so\.0|libzstd\.so\.1|libc\.so\.6|ld-linux.*|lib(pthread|dl)\..*)$' \
                > "$BATS_TEST_TMPDIR/others" || true
        [ ! -s "$BATS_TEST_TMPDIR/others" ] || fail "$file: $(< "$BATS_TEST_TMPDIR/others")"
    done
}

@test "the project stands alone" {
    # Tracked files; outside a repository, all files that are not built.
    { git ls-files 2> /dev/null || find . -path ./build -prune -o -type f -print; } |
        grep -v '^tests/structure.bats$' > "$BATS_TEST_TMPDIR/files"
    [ -s "$BATS_TEST_TMPDIR/files" ]
    if xargs grep -Il -e '\.\./shared' -e '/work/' < "$BATS_TEST_TMPDIR/files"; then
        fail 'speaks of another place'
    fi
}

@test "every C file says first what it is for" {
    for file in lib/*.[ch] lib/*/*.[ch] lib/ext/*/*.[ch] cmd/*.[ch] cmd/*/*.[ch]; do
        case $file in
        *.h) [[ $(head -n 1 "$file") == "/* $(basename "$file") - "* ]] || fail "$file" ;;
        *.c) [[ $(head -n 1 "$file") == '/* '* || -e ${file%c}h ]] || fail "$file" ;;
        esac
    done
}

# The lines of each function's body, and its file. The style puts its braces in the first column.
function_lengths() {
    awk '/^\{$/ { start = FNR } /^\}$/ && start { print FNR - start - 1, FILENAME ":" start; start = 0 }' \
        lib/*.[ch] lib/*/*.[ch] lib/ext/*/*.[ch] cmd/*.[ch] cmd/*/*.[ch] vocab/*.c
}

@test "functions are short: half have less than 12 lines, none has more than 70" {
    function_lengths | sort -n > "$BATS_TEST_TMPDIR/lengths"
    n=$(wc -l < "$BATS_TEST_TMPDIR/lengths")
    [ "$n" -gt 1000 ]
    [ "$(sed -n "$((n / 2))p" "$BATS_TEST_TMPDIR/lengths" | cut -d' ' -f1)" -lt 12 ]
    read -r most where < <(tail -n 1 "$BATS_TEST_TMPDIR/lengths")
    [ "$most" -le 70 ] || fail "$where has $most lines"
}

@test "commands write through cmd/shared alone, and say actively what they cannot do" {
    refute grep -rnE '\b(f?printf|f?put[sc]|putchar|perror|fwrite)\(' cmd
    refute grep -rnE '"%s: (cannot|could not) be ' cmd
}
