#!/usr/bin/env bats
# The shape of the project: who may know whom, what the library may do.

load helpers

setup() {
    cd "$ROOT" || return
}

# What each file of a directory includes: "X Y" for X.c or X.h that includes Y.h.
includes() {
    awk '/^#include "/ {
        split(FILENAME, path, "/"); from = path[length(path)]; sub(/\.[ch]$/, "", from)
        to = $2; gsub(/"|\.h/, "", to)
        sub(/^mix_state$/, "mix", from); sub(/^mix_state$/, "mix", to) # for the trainer
        if (from != to) print from, to
    }' "$1"/*.[ch] | sort -u
}

# Everything that a module of lib/ sees, by way of others too.
seen_by() {
    includes lib > "$BATS_TEST_TMPDIR/includes"
    awk -v start="$1" '
        { from[NR] = $1; to[NR] = $2 }
        END {
            seen[start] = 1
            do {
                grown = 0
                for (i = 1; i <= NR; i++)
                    if (seen[from[i]] && !seen[to[i]]) { seen[to[i]] = 1; grown = 1 }
            } while (grown)
            for (module in seen) if (seen[module] && module != start) print module
        }' "$BATS_TEST_TMPDIR/includes"
}

never_sees() {
    local module=$1 other
    shift
    [ -e "lib/$module.c" ] || [ -e "lib/$module.h" ] || fail "no $module"
    for other; do
        if seen_by "$module" | grep -qxE "$other"; then fail "$module sees $other"; fi
    done
}

@test "the library includes nothing of the commands" {
    includes lib | awk '{ print $2 }' | sort -u | while read -r name; do
        [ -e "lib/$name.h" ] || fail "$name"
    done
}

@test "in the library arrows go one way" {
    includes lib | tsort > "$BATS_TEST_TMPDIR/order"
}

@test "stages do not know each other" {
    for stage in lib/stage_*.c; do
        never_sees "$(basename "$stage" .c)" 'stage_.*'
    done
}

@test "the grammar knows no tokens and no compression" {
    for module in frame parse emit recover; do
        never_sees $module vocab bpe tok pretok pack model mix body dict 'stage_.*'
    done
}

@test "tokens know no streams" {
    for module in vocab pretok bpe tok pack unicode_class; do
        never_sees $module frame parse emit body blob recover lanes need 'stage_.*'
    done
}

@test "only what compresses includes zstd" {
    [ "$(grep -l '<zstd.h>' cmd/* lib/* | tr '\n' ' ')" = 'cmd/lptrain.c lib/dict.c lib/lopace.c lib/stage_zstd.c ' ]
}

@test "the commands include only lp.h of the library, and not each other" {
    # lptrain is linked with the trainer, which knows the library's inside.
    includes cmd | awk '$1 != "lptrain" { print $2 }' | sort -u | while read -r name; do
        [ -e "cmd/$name.h" ] || fail "$name"
        if grep -q '^int main' "cmd/$name.c" 2> /dev/null; then fail "$name is a command"; fi
    done
    [ "$(grep -h '^#include <lp' cmd/*.[ch] | sort -u)" = '#include <lp.h>' ]
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

@test "the library does not print, exit or read the environment" {
    sanitized && skip 'a sanitizer does'
    nm -u "$B/lib/liblp.a" | awk '{ print $2 }' | sort -u > "$BATS_TEST_TMPDIR/used"
    if grep -xE '(f|v|vf|d|w)?printf(_chk)?|__.*printf_chk|f?put[cs]|putchar|perror|fwrite|write|exit|_exit|_Exit|quick_exit|abort|__assert_fail|(secure_)?getenv|setenv|signal|sigaction|setlocale|rand|srand|time|clock_gettime|stdin|stdout|stderr' \
        "$BATS_TEST_TMPDIR/used"; then fail 'used'; fi
    grep -qx malloc "$BATS_TEST_TMPDIR/used"
}

@test "the library keeps no state of its own" {
    sanitized && skip 'a sanitizer does'
    objdump -t "$B/lib/liblp.a" | awk '$4 ~ /^\.(data|bss)/ || $3 ~ /^\.(data|bss)/' |
        grep -v '\.data\.rel\.ro' | awk '$NF !~ /^\.(data|bss)/' > "$BATS_TEST_TMPDIR/state"
    [ ! -s "$BATS_TEST_TMPDIR/state" ] || fail "$(< "$BATS_TEST_TMPDIR/state")"
}

@test "the shared library has at most 256 KiB of code" {
    sanitized && skip 'a sanitizer adds to it'
    read -r code _ < <(command size "$B/lib/liblp.so" 2> /dev/null | tail -n 1)
    [ "$code" -le 262144 ] || fail "$code bytes"
}

@test "the core commands need libzstd and nothing else" {
    sanitized && skip 'a sanitizer has its own'
    for file in "$B"/bin/{lptok,lpzstd,lpunpack} "$B/lib/liblp.so"; do
        readelf -d "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
            grep -vE '^(liblp\.so\.0|libzstd\.so\.1|libc\.so\.6|ld-linux.*|libpthread.*)$' \
                > "$BATS_TEST_TMPDIR/others" || true
        [ ! -s "$BATS_TEST_TMPDIR/others" ] || fail "$file: $(< "$BATS_TEST_TMPDIR/others")"
    done
}

@test "the project stands alone" {
    # What is tracked, or all but what is built where there is no repository.
    { git ls-files 2> /dev/null || find . -path ./build -prune -o -type f -print; } |
        grep -v '^tests/structure.bats$' > "$BATS_TEST_TMPDIR/files"
    [ -s "$BATS_TEST_TMPDIR/files" ]
    if xargs grep -Il -e '\.\./shared' -e '/work/' < "$BATS_TEST_TMPDIR/files"; then
        fail 'speaks of another place'
    fi
}

@test "every C file says first what it is for" {
    for file in lib/*.[ch] cmd/*.[ch]; do
        case $file in
        *.h) [[ $(head -n 1 "$file") == "/* $(basename "$file") - "* ]] || fail "$file" ;;
        *.c) [[ $(head -n 1 "$file") == '/* '* || -e ${file%c}h ]] || fail "$file" ;;
        esac
    done
}
