#!/usr/bin/env bats
# The pages: well formed, complete, and their examples work.

load helpers

# The literal blocks of a page's EXAMPLES, as they read.
examples() {
    awk '/^\.Sh/ { in_examples = $2 == "EXAMPLES" }
        /^\.Ed/ { in_block = 0 }
        in_examples && in_block { gsub(/\\e/, "\\"); gsub(/\\&/, ""); print }
        /^\.Bd -literal/ { in_block = 1 }' "$1"
}

# Runs a page's examples in a directory with the files that they speak of.
run_examples() {
    for n in 1 2 3 4; do
        printf 'You are a helpful assistant; this is prompt %s. Say so.\n' $n
    done > prompt.txt
    cp prompt.txt prompts.txt
    lptok -L prompts.txt | lpzstd > prompts.lp
    examples "$1" > commands
    [ -s commands ]
    bash -euo pipefail -x commands > out 2> trace || fail "$1" "$(tail -n 3 trace)"
    for made in prompt*.lp prompt.blob rescued.txt; do
        case $made in
        *'*'*) ;;
        rescued.txt) [ ! -e "$made" ] || same "$made" prompt.txt ;;
        *) [ ! -e "$made" ] || lpunpack "$made" | same - prompt.txt ;;
        esac
    done
}

pages() {
    basename -a "$ROOT"/man/*.1
}

@test "every page is in order" {
    expect 0 mandoc -Tlint -Wwarning "$ROOT"/man/*.[1-9]
    out_is ''
}

@test "every page is referred to by lopace(7), those of the library's functions by liblp(3)" {
    for page in "$ROOT"/man/*.[1-9]; do
        name=$(basename "$page")
        from=lopace.7
        [[ $name != lp_*.3 ]] || from=liblp.3
        [ "$name" = lopace.7 ] || grep -q "^\.\(It \)\?Xr ${name%.*} ${name##*.}" "$ROOT/man/$from" ||
            fail "$name"
    done
}

@test "a command's help and its page have the same long options" {
    for name in $(pages); do
        command=${name%.1}
        "$command" --help | grep -o -e '--[a-z][a-z0-9-]*' | sort -u > help
        sed -n '/^\.It/p' "$ROOT/man/$name" | grep -o 'Fl -[a-z][a-z0-9-]*' | sed 's/Fl -/--/' | sort -u > own
        diff help own || fail "$command"
    done
}

@test "a command's help and its page have the same letters" {
    for name in $(pages); do
        command=${name%.1}
        "$command" --help | sed 's/^usage.*//' | grep -oE '(^|[ ,])-[A-Za-z0-9]\b' | tr -d ' ,' |
            sort -u > help
        sed -n '/^\.It/p' "$ROOT/man/$name" | grep -oE 'Fl [A-Za-z0-9]\b' | sed 's/Fl /-/' | sort -u > own
        diff help own || fail "$command"
    done
}

@test "the examples of the commands' pages work" {
    for name in $(pages); do
        mkdir "$name"
        (cd "$name" && run_examples "$ROOT/man/$name")
    done
}

@test "the examples of lopace(7) work" {
    run_examples "$ROOT/man/lopace.7"
    [ "$(< out)" = "$(sed -n 2p prompts.txt)" ]
}

@test "what the examples print" {
    run_examples "$ROOT/man/lptok.1"
    same out <(lptok -c -e o200k_base prompt.txt; lptok -L --ids prompt.txt)
    run_examples "$ROOT/man/lpunpack.1"
    sed -n 1,2p out | same - <(sed -n 2,3p prompt.txt)
    grep -q '^tokens+zstd  *cl100k_base  *4 ' out
}
