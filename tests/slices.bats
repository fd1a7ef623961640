#!/usr/bin/env bats
# lptok by tokens: slices, chunks, ids to text, counts of records and of messages.

load helpers

text() {
    printf "na\xc3\xafve caf\xc3\xa9 \xf0\x9f\x99\x82\xf0\x9f\xa7\xbf \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"
    printf ' \xff\xfe\xe6\x97 the quick brown fox, 1234567 \xf0\x9f\x99\n'
}

# The tokens of the files, in one line each, as numbers.
tokens() {
    lptok -c "$@" | awk '{ print $1 }'
}

# --- Slices -------------------------------------------------------------------

@test "--slice writes the text of tokens, from the start or the end" {
    printf 'one two three four five' > p
    [ "$(lptok --slice 0:2 p)" = 'one two' ]
    [ "$(lptok --slice 1:3 p)" = ' two three' ]
    [ "$(lptok --slice :1 p)" = one ]
    [ "$(lptok --slice 3: p)" = ' four five' ]
    [ "$(lptok --slice -2: p)" = ' four five' ]
    [ "$(lptok --slice=-3:-1 p)" = ' three four' ]
    [ "$(lptok --slice 1:-1 p)" = ' two three four' ]
    [ "$(lptok --slice -2:4 p)" = ' four' ]
    seq 9 > p
    [ "$(lptok --slice=-8:12 p)" = 6 ]
    printf 'one two three four five' > p
    for nothing in 3:3 4:2 9:12 -1:-3 -2:1 0:0 0:-9; do
        expect 0 lptok --slice "$nothing" p
        out_is ''
    done
    lptok --slice : p | same - p
    lptok --slice -99:99 p | same - p
}

@test "slices that meet share no byte and leave none out, whatever they would cut" {
    text > p
    n=$(tokens p)
    for step in 1 2 3 7; do
        for ((i = 0; i < n; i += step)); do lptok -q --slice "$i:$((i + step))" p; done > tiles
        same p tiles
        for ((i = n; i > 0; i -= step)); do
            lptok -q --slice "-$i:$((i > step ? step - i : 99))" p
        done > tiles
        same p tiles
    done
}

@test "a slice cuts no character, says so, and has no more tokens than asked for; --exact cuts" {
    printf 'a\xf0\x9f\xa7\xbf' > p # the second character has several tokens
    n=$(tokens p)
    [ "$n" -gt 2 ]
    expect 0 lptok --slice 0:2 p
    printf a | same - out
    err_line lptok '1 end moved to where a character begins: --exact leaves it'
    expect 0 lptok --slice -1: p
    [ ! -s out ]
    expect 0 lptok --exact --slice 0:2 p
    err_is ''
    [ "$(size out)" -gt 1 ]
    lptok --exact --slice 2: p | cat out - | same - p
    expect 0 lptok -q --slice 0:2 p
    err_is ''
}

@test "a slice does not depend on where its input is cut" {
    for _ in {1..60}; do text; done | cat "$DATA"/prompts/*.txt - > p
    for range in 5:17 300:-20 -7000:-20 -50: 40000: 0:5000 -5000:2000; do
        lptok -q --slice "$range" p > whole
        (while IFS= read -r -d '' -n 999 part || [ -n "$part" ]; do printf %s "$part"; done) < p |
            lptok -q --slice "$range" | same - whole
    done
    lptok -q --slice 300:-20 p > slice
    (lptok -q --slice :300 p; cat slice; lptok -q --slice -20: p) | same - p
}

@test "a slice of the first tokens reads no further" {
    expect 0 lptok --slice 0:4 <(yes)
    printf 'y\ny\n' | same - out
}

@test "each record is sliced, and ends as it did" {
    printf 'one two three\n\nfour\nfive six' > p
    expect 0 lptok -L --slice 1: p
    printf ' two three\n\n\n six\n' | same - out
    tr '\n' '\0' < p | lptok -0 --slice 0:1 | tr '\0' '\n' > out
    printf 'one\n\nfour\nfive\n' | same - out
    seq -f 'line %g of many words' 20000 | lptok -L --slice 1:3 > out
    [ "$(sort -u out | wc -l)" -gt 1 ]
    [ "$(wc -l < out)" = 20000 ]
}

# --- Chunks -------------------------------------------------------------------

@test "chunks are the text, each of at most so many tokens" {
    for _ in {1..30}; do text; done > p
    for n in 4 7 100 99999; do
        lptok -q --chunk $n p > chunks
        tr -d '\0' < chunks | same - p
        lptok -q --chunk $n --json p > rows
        [ "$(tr -dc '\0' < chunks | wc -c)" = "$(wc -l < rows)" ]
        [ "$(jq -s 'map(.tokens) | max' rows)" -le $n ]
        [ "$(jq -s 'map(.tokens) | add' rows)" = "$(tokens p)" ]
        [ "$(jq -s 'map(.chunk) == [range(1; length + 1)]' rows)" = true ]
    done
}

@test "a chunk begins with the last tokens of the one before" {
    printf 'one two three four five six seven' > p
    lptok --chunk 3 --overlap 1 --json p | jq -r .text > out
    printf '%s\n' 'one two three' ' three four five' ' five six seven' | same - out
    lptok --chunk 4 --overlap 3 --json p | jq -r .from > out
    seq 0 3 | same - out
    cat "$DATA"/prompts/*.txt > p
    lptok -q --chunk 512 --overlap 64 --json p > rows
    # Each begins at most 64 tokens, and the few of a character, before the end of the last one.
    jq -se '[.[:-1], .[1:]] | transpose |
        all(.[0].from + .[0].tokens - .[1].from | . >= 64 and . <= 67)' rows
    jq -se --argjson n "$(tokens p)" '.[-1] | .from + .tokens == $n' rows
}

@test "a character of more tokens than a chunk may have is one by itself" {
    printf '\xf0\x9f\xa7\xbf\xf0\x9f\xa7\xbf' > p
    lptok -q --chunk 1 p | tr '\0' '\n' > out
    printf '\xf0\x9f\xa7\xbf\n\xf0\x9f\xa7\xbf\n' | same - out
    lptok --exact --chunk 1 p | tr -d '\0' | same - p
    [ "$(lptok --exact --chunk 1 --json p | wc -l)" = "$(tokens p)" ]
}

@test "chunks of records end as records do, and name them" {
    printf 'one two three\n\nfour\n' > p
    lptok -L --chunk 2 p > out
    printf 'one two\n three\nfour\n' | same - out
    lptok -L --chunk 2 --json p | jq -c '[.file, .record, .chunk, .from, .tokens]' > out
    printf '%s\n' '["p",1,1,0,2]' '["p",1,2,2,1]' '["p",3,1,0,1]' | same - out
}

# --- Ids to text ----------------------------------------------------------------

@test "--decode restores what --ids, --u16 and --u32 wrote" {
    cat "$DATA"/prompts/*.txt > p
    for encoding in gpt2 cl100k_base o200k_base; do
        lptok -e $encoding --ids p | lptok -e $encoding --decode | same - p
        lptok -e $encoding --u32 p | lptok -e $encoding --decode --u32 | same - p
    done
    lptok -e gpt2 --u16 p | lptok -e gpt2 --decode --u16 | same - p
    echo >> p
    lptok -L --ids p | lptok --decode -L | same - p
    tr '\n' '\0' < p > z
    lptok -0 --ids z | lptok --decode --ids -0 | same - z
    head -c 0 p | lptok --ids | lptok --decode > out
    [ ! -s out ]
    printf '<|endoftext|>x' > p
    lptok --special --ids p | lptok --decode | same - p
}

@test "--decode takes lists as Python prints them" {
    printf '[9906, 1917]\n[0]' | lptok --decode -L > out
    printf 'Hello world\n!\n' | same - out
}

@test "--decode refuses what is no id" {
    printf '1 2\n3 x\n' | refused_decode 'standard input: line 2: not ids in decimal'
    printf '%s' 99999999999999999999999 | refused_decode 'a number is too large'
    printf '100256' | refused_decode 'cl100k_base has no token 100256'
    printf '4294967295' | refused_decode 'has no token'
    printf '\0\0\0' | fails 3 'ends within an id' lptok --decode --u32
    refused 2 '--decode and -c' lptok --decode -c
}

refused_decode() {
    fails 3 "$1" lptok --decode
}

# --- Counts ---------------------------------------------------------------------

@test "--per-record counts each record" {
    printf 'one two\n\nthree\n' > p
    lptok -c -L --per-record p > out
    printf '%7d p:%d\n' 2 1 0 2 1 3 | same - out
    lptok -c -L --per-record < p > out
    printf '%7d %d\n' 2 1 0 2 1 3 | same - out
}

@test "--json and --csv write the same counts" {
    printf 'one two\nthree\n' > 'a,b'
    cp 'a,b' c
    lptok -c --json 'a,b' c | jq -c '[.file, .tokens]' > out
    printf '%s\n' '["a,b",5]' '["c",5]' | same - out
    lptok -c --csv 'a,b' c > out
    printf '%s\n' file,tokens '"a,b",5' c,5 | same - out
    lptok -c -L --per-record --csv c > out
    printf '%s\n' file,record,tokens c,1,2 c,2,1 | same - out
    lptok -c -L --per-record --json c | jq -c '[.file, .record, .tokens]' > out
    printf '%s\n' '["c",1,2]' '["c",2,1]' | same - out
}

@test "--max is known by exit status 4" {
    printf 'one two three' > p
    printf 'one' > q
    expect 0 lptok -c --max 3 p q
    expect 4 lptok -c --max 2 p q
    err_line lptok 'p: has more than 2 tokens'
    [ "$(awk '{ print $1 }' out | tr '\n' ' ')" = '3 1 4 ' ]
    expect 4 lptok -c --max 2 q p
    printf 'one\none two three\n' > p
    expect 4 lptok -c -L --per-record --max 2 p
    err_line lptok 'p: record 2: has more than 2 tokens'
    expect 0 lptok -q -c -L --per-record --max 3 p
    expect 4 lptok -q -c -L --per-record --max 2 p
    err_is ''
    expect 1 lptok -q -c --max 0 p missing
}

@test "--chat counts messages as the API does" {
    cat > m.json << 'END'
[{"role": "system", "content": "Answer in one line."},
 {"role": "user", "name": "ann", "content": "What is caf\u00e9 au lait \ud83d\ude42?"}]
END
    words=$(printf '%s\0' system 'Answer in one line.' user ann $'What is caf\xc3\xa9 au lait \xf0\x9f\x99\x82?' |
        lptok -c -0 | awk '{ print $1 }')
    [ "$(lptok --chat m.json | awk '{ print $1 }')" = $((words + 2 * 3 + 1 + 3)) ]
    jq -c '{model: "gpt-4", messages: ., temperature: 0}' m.json > request.json
    jq -c . m.json | cat request.json - > log.jsonl
    lptok --chat -L -c --per-record --json log.jsonl | jq -s 'map(.tokens)' -c > out
    echo "[$((words + 10)),$((words + 10))]" | same - out
    jq -c '.[1].content |= [{type: "text", text: .}]' m.json > parts.json
    [ "$(tokens --chat parts.json)" = $((words + 10)) ]
}

@test "--chat says what it does not count, and refuses what is no messages" {
    echo '[{"role": "assistant", "content": null, "tool_calls": [{"id": [1, {}]}]}]' > p
    expect 0 lptok --chat p
    err_line lptok '"tool_calls" is not counted'
    for text in '' '{}' '{"messages": 1}' '[1]' '[{"role": 1}]' '[{"role": "a"}' '[] x' '[{"a" 1}]' \
        '[{"a": tru}]' '["a"]' '[{"role": "\x"}]' '[{"role": "\u12"}]' '[{"role": "a'; do
        printf '%s' "$text" > p
        fails 3 'p: record 1: not messages in JSON: byte' lptok --chat p
    done
    (head -c 100000 /dev/zero | tr '\0' '['; echo) > p
    fails 3 'not messages' lptok --chat p
    printf '%s\n' '{"messages":[{"role":"user","content":"a"}]}' '{"messages":[]}' > p
    fails 3 'something follows the value: for a record per line, use -L' lptok --chat p
    (printf '[{"x": '; head -c 100000 /dev/zero | tr '\0' '[') > p
    fails 3 'within each other' lptok --chat p
    refused 2 'no rule is known' lptok --chat -e gpt2 p
}

@test "options without what they belong to are refused" {
    for options in '--overlap 1' '--exact' '--per-record' '--max 3' '--csv' '--json' '--json --ids' \
        '--chunk 4 --overlap 4' '--chunk 0' '--slice 3' '--slice a:b' '--slice 1:2x' '--slice' \
        '--slice 0:1 --chunk 2' '--ids --chat' '-c --json --csv' '--slice 99999999999999999999:'; do
        # shellcheck disable=SC2086 # several words
        refused 2 '' lptok $options < /dev/null
    done
}
