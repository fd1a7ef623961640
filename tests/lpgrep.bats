#!/usr/bin/env bats
# lpgrep: every option beside grep's, streams and blobs beside text, borders, errors.

load helpers

# A text with lines that are long, empty, not ASCII and not UTF-8; the same packed in small blocks,
# so that lines and records cross them.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    {
        cat "$DATA"/prompts/*.txt
        printf '\n\nNa\303\257ve caf\303\251 \342\200\224 \330\247\n\377\376 bytes\n'
        head -c 30000 /dev/zero | tr '\0' x
        printf ' end\n'
        printf 'a line with CR\r\n'
    } > text
    lptok -B 1K text > text.tok
    lpzstd text.tok > text.lp
    lptok -L -B 1K text > lines.lp
    lptok --blob text | lpzstd --blob > text.blob
    tr '\n' '\0' < text | sed 's/\x00\x00/\x00/g' > records
    lptok -0 -B 1K records > records.lp
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    ln -s "$BATS_FILE_TMPDIR"/* .
}

patterns=('the' '^#' '\.$' '^$' 'x*' '[A-Z]{3,}' '\w+\s+\w+ing\b' '[^a-z]$' '\s$' '(?i)you' '(a|e)\1'
    '(?<=a)b' 'a(?!\s)' '\D\d' '"[^"]*"' '[[:space:]]-' '[^]a]x' '[]a]x' 'caf\x{e9}' 'a.*b.*c'
    '(?x) a b # c' '\Qa.b\E|the' '(?s)x.e' 'end' '(?>a+)b' '\Athe' 'n\z' '[\s,]+and')

@test "lines are those of grep -P, in text, streams and blobs" {
    # shellcheck disable=SC2030,SC2031 # each test has a shell of its own
    export LC_ALL=C.UTF-8
    echo x | grep -qP x || skip 'no grep -P'
    for pattern in "${patterns[@]}"; do
        grep -aP -e "$pattern" text > expected || true
        for file in text text.tok text.lp lines.lp text.blob; do
            lpgrep -aP -e "$pattern" "$file" | cmp - expected || fail "$pattern: $file"
        done
        lpgrep -aP -T 3 -e "$pattern" text.lp | cmp - expected || fail "$pattern: -T"
        lpgrep -aP -T 0 -e "$pattern" text.lp | cmp - expected || fail "$pattern: -T 0"
        lpgrep -aP -e "$pattern" < text.lp | cmp - expected || fail "$pattern: standard input"
        # an expression that is matched line by line
        lpgrep -aP -e "(?#)$pattern" text | cmp - expected || fail "$pattern: by lines"
    done
}

# Expressions of which a part is a fixed string, or seems to be.
literals=('colou?r' '\Qthe' 'You(r|rs)?\b' 'x{0}the' '(?:the|an?) [a-z]+ing' '[[:alpha:]]+ing the' 'the\b(?! )'
    '(\Q)\E)?the' '(\Qx\E|the)b?' 'zzz|the' 'Never \w+ the' 'the (?#x)and' 'caf\x{e9}' 'th\x65' 'Ne\W*' 'café*'
    'café?.' '[]x)]the' '(?i)YOU' '(?i:YOU)r' '((?i)YOU)r' 'the(*ACCEPT)zzz' 'e{2}' 'e{,3}d' 'e{d' 'a\.b' 'the\K x'
    '(Never|Always|the) \w+' 'You|the' '(You|the|a)' '(?:the|You)$' '(the|You)?x' '(the|You)*x' '(the|You){0}b'
    '(the|You)+?' '(?=the|You)\w' '(?!the|You)[a-z]+ing' '(?<n>the|You)r?' '(|the) x' '(?|the|You|x)' '(?>the|then)n'
    '(a|b|c|d|e|f|g|h|ij)k' 'a|b' '((the|a)n|You(r)?)\b' '(the|(You|a) .*)ing' '(\(|the)' '[(|]the|zzz' 'é|—'
    'end|the|and|you|for|with' '(an|the|of|in|to|is) \w' '(There|Never|Always|Return|prompt|model)s?\b' 'café|the|and|a—|You|x{3}'
    '(th)(e)' 'x(the|You)' '(the|You)x' '((((((((((((((((((the))))))))))))))))))' '(?<!a|b)the' '(?<=the|You) ' 'Ne(v)er|x'
    '(a(b[)]|c)d)?the' '\cAthe|x' 'the .*zzz' 'e.*qq' "$(printf 'x%.0s' {1..100})" '(the)+' '(?<=e)the' '^the' 'the$'
    '^(?!the)[A-Z]' '(?!Never)[A-Z][a-z]+\.$' '(?!(the)|You)[A-Z][a-z]+ ' "$(printf 'x%.0s' {1..31})é?" "$(printf 'x%.0s' {1..29})—*x"
    '[a-z]+ing the [A-Z]' '\wthe' '\w?the' '\w*the' '\w{0,2}the' '\w{2}the' '\w+?the' '\w++the' '\s+the\s' 'the\s*[a-z]' 'the\d?'
    'the[]n-]' 'the[^]n-]' '[^ ]the' '[^\s]the' '[^\w-]the' '[\w-]the' '[a\-z]the' '[+--]the|x' '[]-a]the' '[[:space:]]the'
    '[^[:alpha:]]the' '[\x20]the' '[\t -~]the' '[é-ü]?the' '[a-é]the' '[^é]the' '[é]' 'caf[é-ü]' 'caf[^é]' '[\dA]the|[x]You' '[a-z](?=t)the'
    '[a-z]\bthe' '[ ]\Kthe' '([a-z])the' '[a-z](the)' '[a-z]|the' '[a-z]the|You[a-z]' '([a-z]|)the' '[a-z](?#x)the' '(?x)[a-z] the'
    '(?i)[a-z]THE' '[a-z](?i)THE' '[a-z]\Qthe' '[\Qa-z\E]the' '^[T]he' '[a-z]the$' '[.]$' '[a-z]t?he' 'e[ ]' '[^a]\ne' '(\w)\1e'
    '[a-z](?<!o)the' '[a-z]{the' '[a-z]+{0}the' "[a-z]$(printf 'x%.0s' {1..40})[x]"
    '[a-z]{2}the' '[a-z]{0,2}the' '[a-z]{0}the' '[a-z]{01}the' '[a-z]{1,2}?the' '[a-z]{2}+the' '[a-z]{2the'
    'the[ ]{1}[a-z]' 'the[ ]{0,1}[a-z]' 'th{1}e' 'th{0}e' 'th{2}e' '(the){1}' '(the ){0}[a-z]' '(the ){1,}[a-z]'
    '\d{1}-\d{1,2}' '\w{2}-\w{0,2}' '[^ ]{1}ing')

@test "fixed strings in an expression are found first, and change nothing" {
    # shellcheck disable=SC2030,SC2031 # each test has a shell of its own
    export LC_ALL=C.UTF-8
    echo x | grep -qP x || skip 'no grep -P'
    for pattern in "${literals[@]}"; do
        for options in '' -w -x -v -o; do
            local expected=0 status=0
            # shellcheck disable=SC2086 # words
            grep -aP $options -e "$pattern" text > expected 2> /dev/null || expected=$?
            [ $expected -lt 2 ] || continue # PCRE2 of another version
            # shellcheck disable=SC2086
            lpgrep -aP $options -e "$pattern" text.lp > out || status=$?
            cmp out expected || fail "$options $pattern"
            [ $status -eq $expected ] || fail "$options $pattern: $status"
        done
        [ "$(lpgrep -aP --records -c -e "$pattern" records.lp)" = \
            "$(lpgrep -aP --records -c -e "(?#)$pattern" records.lp)" ] || fail "records: $pattern"
    done
}

@test "a comment at the end of a pattern hides neither another pattern nor an option" {
    for options in '-e the' -w -x -o '-v -e the'; do
        # shellcheck disable=SC2086 # words
        lpgrep -P $options -e 'Never' -e 'You are.*' text.lp > expected
        for commented in '(?x) You\ are.* # (the' '(?x)You[ ]are.*#' '(?x:You\ are.*)(?#the)(?x) # \Qthe'; do
            # shellcheck disable=SC2086
            lpgrep -P $options -e "$commented" -e 'Never' text.lp | cmp - expected || fail "$options $commented"
        done
    done
    [ "$(lpgrep -Pc -e '(?x)the#' text)" -eq "$(lpgrep -c the text)" ]
    [ "$(lpgrep -Pc -e 'the#' -e 'Never' text)" -eq "$(lpgrep -c Never text)" ]
}

@test "several patterns, fixed or not, are those of grep" {
    for patterns in 'the You' 'then the he' 'Never|Always x' 'a|b c' 'the x*' 'a b c d e f g h i j' 'an the of in to is' 'There Never Always Return prompt model' '(the|a)n You' 'the é —'; do
        local options=()
        for pattern in $patterns; do options+=(-e "$pattern"); done
        for how in -E -F '-E -w' '-F -w' '-E -x' '-F -x' '-E -o' '-F -o' '-E -v' '-F -i'; do
            local expected=0 status=0
            # shellcheck disable=SC2086 # words
            LC_ALL=C.UTF-8 grep -a $how "${options[@]}" text > expected || expected=$?
            # shellcheck disable=SC2086
            lpgrep -a $how "${options[@]}" text.lp > out || status=$?
            cmp out expected || fail "$how $patterns"
            [ $status -eq $expected ] || fail "$how $patterns: $status"
        done
    done
}

@test "options are those of grep" {
    for options in -c -v -n -o -b -w -x -i -m3 -A2 '-B2 -n' '-C1 -n' -l -L '-v -c' '-o -b' '-m2 -A3' \
        '-v -C1' '-H -n' '-h' '-F' '-F -i' '-F -w' '-F -x' '-v -m1' '-e it -e You' '-F -e the -e then' \
        '-F -o -e the -e then -e he' '-F -w -c -e a -e the'; do
        for pattern in the You 'x' '- Never' 'nowhere'; do
            local expected=0 status=0
            # shellcheck disable=SC2086 # words
            grep -a $options -e "$pattern" text > expected || expected=$?
            # shellcheck disable=SC2086
            lpgrep -a $options -e "$pattern" text > out || status=$?
            cmp out expected || fail "$options $pattern"
            [ $status -eq $expected ] || fail "$options $pattern: $status"
        done
    done
}

@test "a match at every border of blocks, pieces and buffers" {
    for at in 1 1000 1023 1024 1025 4096 65530 65535 65536 65537 262140 262143 262144 262145 524287; do
        { head -c $at /dev/zero | tr '\0' a | fold -w 77 && printf 'needle needle\nb\n'; } > border
        n=$(wc -l < border)
        for pack in 'cat' 'lptok -B 1K' 'lptok' 'lptok -L -B 2K'; do
            $pack border > packed
            [ "$(lpgrep -c 'needle\sneedle' packed)" = 1 ] || fail "$at $pack"
            [ "$(lpgrep -F -c -e 'needle n' -e zzz packed)" = 1 ] || fail "$at $pack -F"
            [ "$(lpgrep -c 'zz|needle n|y{3}|qq|ww|vv' packed)" = 1 ] || fail "$at $pack: two bytes"
            [ "$(lpgrep -c 'zzzzz|needle n|yyyyy|qqqqq|wwwww' packed)" = 1 ] || fail "$at $pack: five bytes"
            [ "$(lpgrep -vc needle packed)" = $((n - 1)) ] || fail "$at $pack -v"
        done
        [ "$(lpgrep -n needle border | cut -d: -f1)" = "$(grep -n needle border | cut -d: -f1)" ]
        [ "$(lpgrep -b -B1 needle border)" = "$(grep -b -B1 needle border)" ]
    done
}

# Records with and without a line feed at their end, with none, or many lines: whole lines
# are searched where they stand, and the rest is copied together.
@test "records are the same one by one and many at a time" {
    mkdir r
    for i in {1..120}; do
        case $((i % 6)) in
        0) : ;;
        1) printf 'needle %d without end' "$i" ;;
        2) printf 'a\nneedle %d\n' "$i" ;;
        3) printf '\n' ;;
        4) seq $((i * 20)) | sed 's/.*/& bottles/' && printf 'needle %d\nb\n' "$i" ;;
        5) printf 'x\n\nneedle needle %d\nand' "$i" ;;
        esac > "r/$i"
        grep -n -e needle -e '7 b' "r/$i" | sed "s/^/$i:/" || true
    done > expected
    for pack in lptok 'lptok -B 1K' 'lptok -B 20K'; do
        # shellcheck disable=SC2046 # words
        $pack $(printf 'r/%d ' {1..120}) > r.lp
        lpgrep -n -e needle -e '7 b' r.lp | cmp - expected || fail "$pack"
        lpgrep -T 3 -n -e needle -e '7 b' r.lp | cmp - expected || fail "$pack -T"
        for options in -c -b '-A1 -n' '-B1 -n' '-C2 -b' '-v -n' '-v -c' '-m3 -n' '-o -n' --json; do
            # shellcheck disable=SC2086
            lpgrep $options -e needle -e '7 b' r.lp | grep -v elapsed > out || true
            [ "$pack" != lptok ] || cp out "out$options"
            cmp out "out$options" || fail "$pack $options"
        done
    done
    seq 200000 | sed 's/$/ a line/' > lines
    for pack in 'lptok -L' 'lptok -L -B 3K'; do
        $pack lines > lines.lp
        lpgrep -n '99 a' lines.lp | cmp - <(grep -n '99 a' lines | sed 's/:/:1:/') || fail "$pack"
        lpgrep -b '99 a' lines.lp | cmp - <(grep -b '99 a' lines) || fail "$pack -b"
        lpgrep -A1 '999 a' lines.lp | cmp - <(grep -A1 '999 a' lines) || fail "$pack -A"
        lpgrep --records -c '99 a' lines.lp | cmp - <(grep -c '99 a' lines) || fail "$pack --records"
    done
}

@test "records: numbers, whole records, counts" {
    printf 'one\ntwo\0three\0\0four\nfour' > r
    lptok -0 r > r.lp
    for file in '-0 r' r.lp; do
        # shellcheck disable=SC2086
        expect 0 lpgrep -n o $file
        out_is $'1:1:one\n1:2:two\n4:1:four\n4:2:four'
        # shellcheck disable=SC2086
        expect 0 lpgrep --records -c four $file
        out_is 1
        # shellcheck disable=SC2086
        expect 0 lpgrep --records -c -v four $file
        out_is 3
        # shellcheck disable=SC2086
        [ "$(lpgrep --records -n '^two$' $file | od -An -c | tr -d ' \n')" = '1:one\ntwo\0' ]
        # shellcheck disable=SC2086
        expect 1 lpgrep --records -x two $file
    done
    [ "$(lpgrep --records -0 four r.lp | od -An -c | tr -d ' \n')" = 'four\nfour\0' ]
    # a line feed that ends a record is printed, so that it can be told from one without
    printf 'four\nfour' > a
    printf 'four\nfour\n' > b
    printf 'four\0' > c
    lptok a b c a > r.lp
    for options in '' -a '-A1 -a' '--color=never'; do
        # shellcheck disable=SC2086
        lpgrep --records -0 $options four r.lp | cmp - <(printf 'four\nfour\0four\nfour\n\0four\0four\nfour\0')
        # shellcheck disable=SC2086
        lpgrep --records -0 $options -x '(?s)four.four|four' r.lp |
            cmp - <(printf 'four\nfour\0four\nfour\n\0four\0four\nfour\0')
    done
    lpgrep --records -0 -o 'four$' b r.lp -h | cmp - <(printf 'four\0%.0s' {1..9})
    lpgrep --records -0 four r.lp | lptok -0 | lpgrep --records -0 four | cmp - <(lpgrep --records -0 four r.lp)
    lpgrep --records -0 four b | cmp - <(printf 'four\nfour\n\0') # one record
    [ "$(lpgrep --records -c . records.lp)" = "$(grep -azc . records)" ]
    [ "$(lpgrep --records -c the records.lp)" = "$(grep -azc the records)" ]
    lptok text "$DATA/prompts/"* > whole.lp
    [ "$(lpgrep --records -n -m1 bytes whole.lp | head -n 1 | cut -d: -f1)" = 1 ]
}

@test "-f: many words, none, those of a file" {
    printf '%s\n' 'then' the he > words
    cmp <(lpgrep -a -F -o -f words text) <(grep -a -F -o -f words text)
    cmp <(lpgrep -a -f words text) <(grep -a -f words text)
    : > none
    expect 1 lpgrep -f none text
    expect 0 lpgrep -c -v -f none text
    out_is "$(grep -vc -f none text)"
    seq 1 5000 | sed 's/$/ apples/' > many
    seq 4990 5010 | sed 's/.*/I ate & apples/' > eaten
    expect 0 lpgrep -F -c -f many eaten
    out_is 21
    expect 0 lpgrep -F -w -c -f many eaten
    out_is 11
}

@test "\\< and \\> are the edges of words, but with -P" {
    printf 'cat\nconcat\ncats\n<\n' > t
    expect 0 lpgrep '\<cat\>' t
    out_is cat
    expect 0 lpgrep -E '[\<]$' t
    out_is '<'
    expect 0 lpgrep -P '\<' t
    out_is '<'
}

@test "binary data" {
    printf 'a\0b\nab\n' > binary
    expect 0 lpgrep a binary
    out_is 'binary: binary file matches'
    expect 0 lpgrep -c a binary
    out_is 2
    expect 0 lpgrep -a b binary
    cmp out binary
    expect 0 lpgrep b$ binary
}

@test "what is damaged, cut or not packed is said, and the status is 2" {
    head -c 3000 text.tok > cut.lp
    fails 2 'truncated data' lpgrep -c the cut.lp
    out_is ''
    cp -L text.tok bad
    printf '\xa5\x5a\x5a' | dd of=bad bs=1 seek=9000 conv=notrunc 2> /dev/null
    fails 2 'damaged data' lpgrep the bad
    [ -s out ] # what comes before
    fails 2 'damaged data' lpgrep nowhere bad
    expect 2 lpgrep -c the bad text
    out_is "text:$(grep -c the text)"
    expect 2 lpgrep -L nowhere bad
    out_is ''
    expect 0 lpgrep -q the bad
    cp -L text.blob bad.blob
    printf '\xa5' | dd of=bad.blob bs=1 seek=3000 conv=notrunc 2> /dev/null
    fails 2 'damaged' lpgrep the bad.blob
    cp -L text no.lp
    fails 2 'not a lopace stream' lpgrep the no.lp
    expect 0 lpgrep --text the no.lp
    fails 2 'cannot open' lpgrep the nothing
    fails 2 'is a directory' lpgrep the .
    LP_VOCAB_PATH=$PWD fails 2 'vocabulary' lpgrep the text.lp
    "$ROOT/tests/other-model" "$B/vocab/cl100k_base.lpm" model
    lpmix -D model text.tok > own.lp
    fails 2 'needs the model' lpgrep the own.lp
    expect 0 lpgrep -q -D model the own.lp
    fails 2 'which PATTERN' lpgrep
    fails 2 'missing closing parenthesis' lpgrep '(' text
    expect 2 lpgrep x --what
    expect 2 bash -c 'lpgrep the text > /dev/full'
}

@test "every flipped byte of a small stream is noticed, or changes nothing" {
    printf 'The quick brown fox\njumps over the lazy dog\n' | lptok > small
    for ((at = 0; at < $(size small); at++)); do
        cp small flipped
        printf '\xff' | dd of=flipped bs=1 seek="$at" conv=notrunc 2> /dev/null
        cmp -s small flipped || expect 2 lpgrep --records -c fox flipped ||
            [ "$at" -lt 4 ] || fail "byte $at"
    done
}

@test "-q, -l and -m stop reading" {
    head -c 3000 text.tok > short
    expect 0 lpgrep -q the short
    expect 0 lpgrep -l the short
    out_is short
    expect 0 lpgrep -m1 -c the short
    out_is 1
    expect 0 timeout 10 bash -c 'yes needle | lpgrep -m2 needle'
    out_is $'needle\nneedle'
    # what a pipe has delivered is searched before the next read
    expect 0 timeout 10 bash -c 'lpgrep -m1 needle < <(echo needle; sleep 20)'
    expect 1 lpgrep -m0 the text
}

@test "memory is bounded, and a longer line is an error" {
    head -c 4000000 /dev/zero | tr '\0' a > long
    fails 2 'a line takes more memory than allowed' lpgrep -M 1M a long
    fails 2 'a record takes more memory than allowed' lpgrep -M 1M --records a long
    expect 0 lpgrep -c a long
    lptok -L < /dev/null > empty.lp
    expect 1 lpgrep a empty.lp
    # shellcheck disable=SC2016 # an expression
    fails 2 'more steps' lpgrep -c '(a+a+)+$b|(?:a|aa|a)+c' <(printf bc; head -c 5000 long; echo)
}

@test "-r: files below a directory, in order" {
    mkdir -p d/b d/a
    cp -L text.lp d/b/x.lp
    echo 'the end' > d/a/y
    ln -s ../.. d/loop
    expect 0 lpgrep -rc the d
    out_is "d/a/y:1"$'\n'"d/b/x.lp:$(grep -c the text)"
    cd d
    expect 0 lpgrep -rl 'the end$'
    out_is ./a/y
    expect 0 lpgrep -rlZ 'the end$' a b
    [ "$(od -An -c out | tr -d ' \n')" = 'a/y\0' ]
}

@test "--json is ripgrep's, with the record's number" {
    printf 'one\ntwo\0three\377\0' > r
    lptok -0 r > r.lp
    expect 0 lpgrep --json -e two -e three r.lp
    [ "$(jq -r .type out | tr '\n' ' ')" = 'begin match match end summary ' ]
    [ "$(jq -c 'select(.type == "match").data | [.record_number, .line_number, .absolute_offset]' out)" = \
        $'[1,2,4]\n[2,1,8]' ]
    [ "$(jq -r 'select(.type == "match").data.lines.bytes // empty' out | base64 -d | head -c 6 | od -An -tx1)" = \
        ' 74 68 72 65 65 ff' ]
    [ "$(jq -c 'select(.type == "summary").data.stats | [.matches, .matched_lines]' out)" = '[2,2]' ]
    expect 1 lpgrep --json nowhere r.lp
    [ "$(jq -r .type out)" = summary ]
    if command -v rg > /dev/null; then
        keep='select(.type == "match" or .type == "begin") | del(.data.record_number)'
        cmp <(lpgrep --json 'the[a-z]*' text | jq -cS "$keep") <(rg -a --json 'the[a-z]*' text | jq -cS "$keep")
    fi
}

@test "--color" {
    printf 'a cat\n' > t
    expect 0 lpgrep --color=always -H -n cat t
    cmp out <(grep --color=always -H -n cat t)
    expect 0 script -qec 'lpgrep cat t' /dev/null
    grep -q $'\33\\[01;31m' out
    expect 0 script -qec 'NO_COLOR=1 lpgrep cat t' /dev/null
    refute grep -q $'\33' out
}

@test "a file that it writes is not searched" {
    cp -L text t
    expect 2 bash -c 'lpgrep the t >> t'
    err_is 'lpgrep: t: is also the output'
    mkdir d
    echo the > d/x
    expect 0 timeout 10 bash -c 'lpgrep -r the d > d/out || [ $? -eq 2 ]'
}
