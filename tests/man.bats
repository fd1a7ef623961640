#!/usr/bin/env bats
# The manual pages are well-formed and complete, and their examples and those of the README work.

load helpers

# The literal blocks of a page's EXAMPLES, or of all sections named, as they read.
examples() {
    awk -v sections="${2-EXAMPLES}" '/^\.Sh/ { in_examples = substr($0, 5) ~ "^(" sections ")$" }
        /^\.Ed/ { in_block = 0 }
        in_examples && in_block { gsub(/\\e/, "\\"); gsub(/\\&/, ""); print }
        /^\.Bd -literal/ { in_block = 1 }' "$1"
}

# The files that the examples name.
make_files() {
    printf '%s\n' 'Translate the text into French.' 'Keep names as they are.' > prompt.txt
    printf '%s\n' 'Translate the text into French.' 'Summarise the text in three sentences.' \
        'List every date in the text, one per line.' 'Explain the text to a child of ten.' > prompts.txt
    lptok -L prompts.txt | lpzstd > prompts.lp
    lptok --format=lopace prompt.txt | lpzstd --format=lopace > prompt.hybrid
    jq -Rc '{role: "user", content: .}' "$DATA"/prompts/*.txt > log.jsonl
    jq -sc '{messages: .[:range(1; 60)]}' log.jsonl > requests.jsonl
    lptok -L -B 1K log.jsonl > damaged.lp
    printf X | dd of=damaged.lp bs=1 seek=5000 conv=notrunc 2> /dev/null
}

# Figures depend on the machine and on the models, so only the words are compared.
words() {
    sed -E "s|$HOME|/home/ann|g; s/[0-9a-f]{16}/F/g; s/[0-9][0-9.,]*/N/g; s/^ +//; s/ +/ /g; /^$/d" "$1"
}

# Runs the examples in the file shown: "$ " begins a command, which lines with "> " go on, and what it
# prints follows.
run_examples() {
    local HOME=$PWD/home
    mkdir "$HOME"
    awk 'function run() { if (command != "") print command; command = "" }
        function show() { print "cat << \047END\047\n" $0 "\nEND" }
        /^\$ / { run(); show(); command = substr($0, 3); next }
        /^> / && command != "" { show(); command = command "\n" substr($0, 3); next }
        { run() }
        END { run() }' shown > commands
    [ -s commands ]
    bash -o pipefail commands > printed 2>&1 || fail "$1" "$(tail -n 3 printed)"
    diff <(words shown) <(words printed) || fail "$1"
}

# The pages of commands; lpweb is not built everywhere.
pages() {
    local page
    for page in "$ROOT"/man/*.1; do
        if [[ $page != */lpweb.1 ]] || command -v lpweb > /dev/null; then basename "$page"; fi
    done
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

@test "the examples of the pages work, and print what they show" {
    for name in $(pages) lopace.7; do
        mkdir "$name"
        (cd "$name" && make_files && examples "$ROOT/man/$name" > shown && run_examples "$name")
    done
}

@test "the tasks of the guide work, and print what they show" {
    for command in sqlite3 jq tar; do
        command -v $command > /dev/null || skip "no $command"
    done
    sqlite_ready
    examples "$ROOT/man/lopace-guide.7" '.*' | sed "s|/usr/local/share/doc/lopace/prompts|$DATA/prompts|" > shown
    [ "$(grep -c '^\$ ' shown)" -gt 40 ]
    run_examples lopace-guide.7
}

teardown() {
    postgres_stop
}

@test "the examples of the README work, and print what they show" {
    for command in git less sqlite3; do
        command -v $command > /dev/null || skip "no $command"
    done
    sqlite_ready
    postgres_start
    psql -X -q -c 'DROP EXTENSION lopace'
    mkdir tests
    ln -s "$DATA" tests/data
    sed -n '/^## How do I/,/^## Stab/ s/^    //p' "$ROOT/README.md" > shown
    run_examples README.md
}
