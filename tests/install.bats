#!/usr/bin/env bats
# make install, use, make uninstall: under a prefix, relocated, with other names.

load helpers

# A separate build, for the prefix to which the tests install or stage: of the objects under test,
# but what the prefix is in is built anew.
setup_file() {
    export PREFIX=$BATS_FILE_TMPDIR/prefix OWN=$BATS_FILE_TMPDIR/build
    unset DESTDIR BINDIR LIBDIR INCDIR DATADIR MANDIR TOOLPREFIX
    mkdir "$OWN"
    cp -Rp "$B"/{obj,lib,bin,vocab} "$OWN"
    rm -rf "$OWN"/lib/{lopace,postgres}*
    make_ all > "$BATS_FILE_TMPDIR/log" 2>&1 || {
        cat "$BATS_FILE_TMPDIR/log" >&2
        return 1
    }
}

# Runs make with a user's variables; compiler flags, such as a sanitizer's, are kept.
make_() {
    make -s -C "$ROOT" "$@" B="$OWN" PREFIX="$PREFIX" TOOLPREFIX="$TOOLPREFIX"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    PATH=${PATH//"${LP_BIN:-$B/bin}:"/} # without the commands under test
    TOOLPREFIX=
}

teardown() {
    rm -rf "$PREFIX"
}

commands() {
    basename -a "$OWN"/bin/*
}

# The files and links in a directory tree.
files() {
    (cd "$1" && find . ! -type d | sed 's|^\./||' | sort)
}

# The commands NAME... of a tree pack and restore a text, with an empty environment.
works() {
    local bin=$1 prefix=${2-}
    printf 'Hello world, hello prompt.\n' > text
    env -i "$bin/${prefix}lptok" text > text.tok
    env -i "$bin/${prefix}lpzstd" text.tok > text.lp
    env -i "$bin/${prefix}lpunpack" text.lp | same - text
    env -i "$bin/${prefix}lptok" -e gpt-4o text | env -i "$bin/${prefix}lpunpack" | same - text
    [ "$(env -i "$bin/${prefix}lptok" --list | wc -l)" -eq 7 ]
    cp text again
    env -i "$bin/${prefix}lopace" -f --rm again
    env -i "$bin/${prefix}lopace" -d -c again.lp | same - text
    [ "$(env -i "$bin/${prefix}lopace" tok -c text)" = "$(env -i "$bin/${prefix}lptok" -c text)" ]
}

# completed SHELL_FUNCTION_FILE WORD...: what bash offers for the last of the words.
completed() {
    local file=$1
    shift
    # shellcheck disable=SC2016 # for the other shell
    env -i PATH="$PREFIX/bin:$PATH" bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lopace "$1"
        printf "%s\n" "${COMPREPLY[@]}"' "$file" "$@" | sort -u
}

# each_option: "COMMAND OPTION" for all options in the help of all commands.
each_option() {
    local command
    for command in $(commands); do
        "$PREFIX/bin/$command" --help | sed '/^usage/d' | grep -oE -- '(^ +-[A-Za-z0-9]\b|--[a-z][a-z0-9-]*)' |
            sed "s/^ */$command /" | sort -u
    done
}

@test "what is installed, and that it works" {
    make_ install > log
    {
        for command in $(commands); do
            echo "bin/$command"
        done
        printf '%s\n' include/lp.h lib/liblp.a lib/pkgconfig/liblp.pc
        (cd "$OWN" && find lib -name 'liblp.*' ! -name '*.a')
        for vocabulary in "$OWN"/vocab/*.lp[vm]; do
            [ ! -e "$vocabulary" ] || echo "share/lopace/$(basename "$vocabulary")"
        done
        for page in "$ROOT"/man/*.[1-9]; do
            echo "share/man/man${page##*.}/$(basename "$page")"
        done
        for command in $(commands); do
            echo "share/bash-completion/completions/$command"
            echo "share/fish/vendor_completions.d/$command.fish"
        done
        echo share/zsh/site-functions/_lopace
        (cd "$DATA" && printf 'share/doc/lopace/%s\n' prompts/*.txt)
        printf '%s\n' share/doc/lopace/LICENSE share/lopace/magic share/mime/packages/lopace.xml
    } | sort > expected
    files "$PREFIX" | diff expected -
    works "$PREFIX/bin"
}

@test "after make, make install compiles nothing" {
    make -C "$ROOT" B="$OWN" PREFIX="$PREFIX" all install > log
    refute grep -E -- ' -(c|o) ' log
}

@test "where the linker does not look for the library, it is said how programs find it; elsewhere ldconfig runs" {
    mkdir bin lib share
    touch lib/liblp.so
    printf '#!/bin/sh\n[ "$*" = "-N -v" ] && echo "%s: (from /etc)" || echo ran "$@" >> ran\n' "$PWD/lib" > bin/ldconfig
    chmod +x bin/ldconfig
    PATH=$PWD/bin:$PATH expect 0 "$ROOT/scripts/after-install" "$PWD/lib" "$PWD/share"
    out_is ''
    [ "$(cat ran)" = ran ]
    PATH=$PWD/bin:$PATH expect 0 "$ROOT/scripts/after-install" "$PWD/other" "$PWD/share"
    out_is ''
    mv lib other
    PATH=$PWD/bin:$PATH expect 0 "$ROOT/scripts/after-install" "$PWD/other" "$PWD/share"
    out_is "note: programs find liblp in $PWD/other by -Wl,-rpath,$PWD/other or LD_LIBRARY_PATH"
}

@test "file(1) knows streams, models and vocabularies" {
    command -v file > /dev/null || skip 'no file(1)'
    make_ install > log
    printf 'Hello world\n' > text
    local bin=$PREFIX/bin
    "$bin/lptok" -L text | "$bin/lpwin" | "$bin/lpmix" > mixed
    "$bin/lpzstd" -0 text > zstd
    "$bin/lptok" -e gpt2 text > tokens
    cp "$OWN/vocab/gpt2.lpv" vocabulary
    cp "$OWN/vocab/o200k_base.lpm" model
    "$bin/lptok" --blob text > blob # has no signature
    file -b -m "$PREFIX/share/lopace/magic" mixed zstd tokens model blob > out
    out_is 'lopace stream version 2, tokens+mix of cl100k_base, records are lines, with a window
lopace stream version 2, text+zstd, records end with NUL
lopace stream version 2, tokens of gpt2
lopace model version 13 of o200k_base
data'
    file -b -m "$PREFIX/share/lopace/magic" vocabulary | grep -qx 'lopace vocabulary version [0-9]*, gpt2, .*-endian'
    file -b -i -m "$PREFIX/share/lopace/magic" mixed model vocabulary | cut -d';' -f1 > out
    out_is $'application/x-lopace\napplication/x-lopace-model\napplication/x-lopace-vocabulary'
}

@test "the MIME database knows streams, models and vocabularies, by name and content" {
    command -v update-mime-database gio > /dev/null || skip 'no shared-mime-info or gio'
    make_ install > log
    update-mime-database "$PREFIX/share/mime" 2> log
    cp "$OWN/vocab/gpt2.lpv" vocabulary
    "$OWN/bin/lptok" log > stream
    echo x | tee x.lp > x.lpm
    for pair in vocabulary:-vocabulary stream: x.lp: x.lpm:-model; do
        XDG_DATA_HOME=$PWD XDG_DATA_DIRS=$PREFIX/share gio info -a standard::content-type "${pair%:*}" |
            grep -q "content-type: application/x-lopace${pair#*:}$" || fail "$pair"
    done
    make_ install > log # there is a database now
    refute grep mime log
    make_ uninstall > log
    refute grep -r lopace "$PREFIX/share/mime"
}

@test "LDFLAGS=-static: commands without shared libraries, which find what is around them" {
    sanitized && skip 'a sanitizer has shared libraries'
    echo 'int main(void) { return 0; }' > main.c
    "${CC:-cc}" -static main.c -lzstd -o main 2> log || skip 'no libzstd.a'
    mkdir static
    cp -R "$OWN/vocab" static
    make -s -C "$ROOT" B="$PWD/static" CFLAGS=-O0 LDFLAGS=-static "$PWD"/static/bin/{lptok,lpmix,lpunpack} 2> log
    readelf -d static/bin/lptok > dynamic
    refute grep NEEDED dynamic
    [ ! -e static/lib/liblp.so ]
    cp -R static moved
    printf 'Hello world\n' > text
    env -i moved/bin/lptok text | env -i moved/bin/lpmix | env -i moved/bin/lpunpack | same - text
}

@test "the extension of SQLite, once it is built: installed, it finds what is installed" {
    command -v sqlite3 > /dev/null || skip 'no sqlite3'
    make_ "$OWN/lib/lopace.so" 2> /dev/null || skip 'no headers of SQLite'
    make_ install > log
    rm "$OWN/lib/lopace.so"
    with_lopace env -u LD_LIBRARY_PATH sqlite3 :memory: ".load $PREFIX/lib/lopace" \
        "SELECT lp_unpack(lp_pack('Hello world'))" > out
    out_is 'Hello world'
    make_ uninstall
    [ "$(files "$PREFIX")" = '' ]
}

@test "the extension of PostgreSQL, once it is built: installed where the server looks" {
    make_ postgres-units 2> /dev/null > log || skip 'no headers of PostgreSQL'
    [ -e "$OWN/postgres/lopace.so" ] || skip 'no headers of PostgreSQL for this machine'
    make_ install-postgres DESTDIR="$PWD/stage" > log
    [ "$(files "stage$(pg_config --pkglibdir)")" = lopace.so ]
    [ "$(files "stage$(pg_config --sharedir)/extension")" = $'lopace--0.1.sql\nlopace.control' ]
    make_ uninstall-postgres DESTDIR="$PWD/stage" > log
    [ "$(files stage)" = '' ]
}

@test "a tree that is moved or copied still works" {
    make_ install > log
    mv "$PREFIX" moved
    works "$PWD/moved/bin"
    cp -R moved copied
    rm -r moved
    works "$PWD/copied/bin"
    ln -s copied/bin/lptok lptok
    [ "$(printf 'Hello world' | env -i ./lptok --ids)" = '9906 1917' ]
}

@test "a command copied out of the tree finds what is under the prefix" {
    make_ install > log
    mkdir bin
    cp "$PREFIX"/bin/lptok bin
    [ "$(printf 'Hello world' | env -i bin/lptok --ids)" = '9906 1917' ]
}

@test "the tree that was built works where it is" {
    works "$OWN/bin"
    cp -R "$OWN" copied
    works "$PWD/copied/bin"
}

@test "DESTDIR stages; PREFIX is left alone" {
    make_ install DESTDIR="$PWD/stage" > log
    [ ! -e "$PREFIX" ]
    works "$PWD/stage$PREFIX/bin"
    if grep -q "$PWD" "stage$PREFIX/lib/pkgconfig/liblp.pc"; then fail 'DESTDIR in liblp.pc'; fi
}

@test "TOOLPREFIX goes before each command's name and page" {
    TOOLPREFIX=x-
    make_ install > log
    files "$PREFIX/bin" | diff <(commands | sed 's/^/x-/') -
    [ -e "$PREFIX/share/man/man1/x-lptok.1" ]
    [ ! -e "$PREFIX/share/man/man1/lptok.1" ]
    [ -e "$PREFIX/share/man/man5/lpstream.5" ]
    [ -e "$PREFIX/share/man/man1/x-lopace.1" ]
    [ -e "$PREFIX/share/man/man7/lopace.7" ]
    works "$PREFIX/bin" x-
    [ "$(printf 'Hello world' | env -i "$PREFIX/bin/x-lopace" tok --ids)" = '9906 1917' ]
    make_ uninstall
    [ "$(files "$PREFIX")" = '' ]
}

@test "uninstall leaves nothing of it, and all else" {
    make_ install > log
    echo mine > "$PREFIX/bin/other"
    make_ uninstall
    [ "$(files "$PREFIX")" = bin/other ]
    [ ! -e "$PREFIX/share/lopace" ]
    make_ uninstall # again: nothing to do
    make_ install DESTDIR="$PWD/stage" > log
    make_ uninstall DESTDIR="$PWD/stage"
    [ "$(files stage)" = '' ]
}

@test "bash completes every option of every command, names of commands and of encodings" {
    make_ install > log
    local completions=$PREFIX/share/bash-completion/completions
    each_option > options
    [ "$(wc -l < options)" -gt 100 ]
    for command in $(commands); do
        completed "$completions/$command" "$command" - > offered
        diff <(sed -n "s/^$command //p" options) offered
        [[ $command == lopace ]] || completed "$completions/lopace" lopace "${command#lp}" - | diff offered -
    done
    completed "$completions/lopace" lopace '' | grep -qx tok
    [ "$(completed "$completions/lptok" lptok -e o200k_h)" = o200k_harmony ]
    [ "$(completed "$completions/lopace" lopace --method = win | head -n 1)" = window ]
    for method in $(completed "$completions/lopace" lopace --method ''); do
        "$PREFIX/bin/lopace" -c "--method=$method" log > packed || fail "$method"
    done
}

@test "zsh and fish complete every option" {
    make_ install > log
    command -v fish > /dev/null || skip 'no fish'
    command -v zsh > /dev/null || skip 'no zsh'
    zsh -n "$PREFIX/share/zsh/site-functions/_lopace"
    for command in $(commands); do
        HOME=$PWD env PATH="$PREFIX/bin:$PATH" fish --no-config -c "
            source $PREFIX/share/fish/vendor_completions.d/$command.fish
            complete -C '$command -'" | cut -f1 | sort > offered
        each_option | sed -n "s/^$command //p" | grep -v '^-[1-9]' | diff - offered # -1 to -22
    done
    # It waits for what it expects.
    cat > complete.zsh << 'END'
zmodload zsh/zpty
zpty z env TERM=dumb zsh -f -i
zpty -w z "LISTMAX=1000; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; print READ''Y"
zpty -r z shown '*READY*'
zpty -w -n z "$2 --o"$'\t'
zpty -r z shown '*--output-dir-mirror*'
END
    timeout 120 env PATH="$PREFIX/bin:$PATH" zsh complete.zsh "$PREFIX/share/zsh/site-functions" lopace
}

@test "other commands of the same name on PATH are told of" {
    mkdir theirs
    printf '#!/bin/sh\n' > theirs/lptok
    chmod +x theirs/lptok
    cp theirs/lptok theirs/x-lpunpack
    PATH=$PWD/theirs:$PATH make_ install > log
    [ "$(grep -c '^note: another ' log)" -eq 1 ]
    grep -q "^note: another lptok is on PATH: $PWD/theirs/lptok; TOOLPREFIX=x- installs" log
    PATH=$PREFIX/bin:$PATH make_ install > log # its own are none
    [ "$(grep -c '^note: another lptok' log)" -eq 0 ]
    cp theirs/lptok theirs/lpstat # as CUPS has it
    [ ! -e "$OWN/bin/lpstat" ] || {
        PATH=$PWD/theirs:$PATH make_ install > log
        grep -q "^note: another lpstat is on PATH: $PWD/theirs/lpstat" log
    }
}

# block N PAGE: the N-th literal block of an installed page's EXAMPLES, as it reads.
block() {
    awk -v n="$1" '/^\.Sh/ { here = $2 == "EXAMPLES" }
        /^\.Ed/ { on = 0 }
        here && on && blocks == n { gsub(/\\e/, "\\"); sub(/^\\&/, ""); print }
        /^\.Bd -literal/ { on = 1; blocks += here }' "$PREFIX/share/man/man3/$2"
}

# Text whose numbers, which models and versions of zstd change, are all the same.
without_numbers() {
    sed -E 's/ *[0-9]+(\.[0-9]+)?/ N/g'
}

@test "the examples of the library's pages compile as liblp(3) says, run, and print what they say" {
    make_ install > log
    sed -n '/^\.Ss Linking/,/^\.Ed/p' "$PREFIX/share/man/man3/liblp.3" |
        sed -n '/^\.Bd/,/^\.Ed/p' | sed '1d; $d; s/\\e$/\\/' | sed "s|PREFIX|$PREFIX|
            s|^cc|${CC:-cc} -Wall -Wextra -Werror ${CFLAGS-}|" > compile
    [ "$(wc -l < compile)" -eq 3 ]
    for page in "$PREFIX"/share/man/man3/l{ib,p_}*; do
        page=$(basename "$page")
        block 1 "$page" > example.c
        block 2 "$page" | without_numbers > expected
        [ -s expected ]
        sh -e compile || fail "$page"
        env -i ./example > out || fail "$page: $?"
        without_numbers < out | diff expected - || fail "$page"
        # shellcheck disable=SC2046,SC2086 # words
        ${CC:-cc} ${CFLAGS-} -I"$PREFIX/include" -o static example.c "$PREFIX/lib/liblp.a" \
            $(pkg-config --libs libzstd) -pthread
        mkdir -p "$PREFIX/bin"
        mv static "$PREFIX/bin" # it finds what is around itself
        env -i "$PREFIX/bin/static" | same - out
        rm "$PREFIX/bin/static"
    done
    export PKG_CONFIG_PATH=$PREFIX/lib/pkgconfig
    [ "$(pkg-config --modversion liblp)" = "$("$PREFIX/bin/lptok" -V | awk 'NR == 1 { print $3 }')" ]
}

@test "each function of lp.h has a page" {
    grep -oE '\blp_[a-z_0-9]+\(' "$ROOT/lib/lp.h" | tr -d '(' | grep -v '_sized$' | sort -u |
        while read -r name; do
            grep -qE "^\.(Fn|Nm) $name\b" "$ROOT"/man/*.3 || fail "$name"
        done
}

@test "lp.h is C++ too" {
    command -v c++ > /dev/null || skip 'no C++ compiler'
    echo '#include <lp.h>' > header.cc
    c++ -Wall -Wextra -Werror -pedantic -I"$ROOT/lib" -fsyntax-only header.cc
}

@test "directories of one's choice" {
    cp -Rp "$OWN" build
    OWN=$PWD/build make_ install LIBDIR="$PWD/libraries" BINDIR="$PWD/programs" \
        DATADIR="$PWD/data" INCDIR="$PWD/headers" > log
    [ ! -e "$PREFIX" ]
    [ -e headers/lp.h ]
    [ -e data/man/man1/lptok.1 ]
    rm -r build
    works "$PWD/programs"
}

@test "what is missing to build is named for five systems, and not installed" {
    CC=no-such-compiler expect 1 "$ROOT/scripts/deps" build
    for line in 'Debian, Ubuntu: apt-get install' 'Fedora: .*dnf install' 'Alpine: .*apk add' \
        'Arch: .*pacman -S' 'macOS: .*brew install'; do
        grep -q "$line" err
    done
    expect 0 "$ROOT/scripts/deps" build
    out_is ''
    err_is ''
}

@test "the demonstration" {
    expect 0 "$ROOT/scripts/demo" "$OWN"
    grep -q 'restored all of them to the original bytes' out
}
