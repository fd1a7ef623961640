#!/usr/bin/env bats
# lpentropy: its figures against arithmetic, an independent count and the Python package
# LoPace; records, streams, options, errors.

load helpers

# order UNIT ORDER MEMBER: a member of the JSON in the file out.
order() {
    jq ".units[] | select(.unit == \"$1\") | .orders[$2] | .$3" out
}

# An independent count in Python, of a file of records that end with NUL.
oracle() {
    python3 - "$@" << 'END'
import sys, math, collections
unit, k, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
grams, contexts, total = collections.Counter(), collections.Counter(), 0
for record in open(path, "rb").read().split(b"\0")[:-1]:
    s = record if unit == "byte" else record.decode("utf-8", "surrogateescape")
    for i in range(k, len(s)):
        grams[s[i - k:i + 1]] += 1
        contexts[s[i - k:i]] += 1
        total += 1
h = -sum(n / total * math.log2(n / contexts[g[:-1]]) for g, n in grams.items())
mm = h + (len(grams) - len(contexts)) / (2 * total * math.log(2))
print(total, len(grams), len(contexts), f"{h:.10f}", f"{mm:.10f}")
END
}

@test "figures that one can work out by hand" {
    printf 'abab' > p
    expect 0 lpentropy --json -u byte p
    [[ $(order byte 0 bits) == 1 && $(order byte 0 min_bytes) == 0.5 ]]
    [[ $(order byte 0 ratio) == 8 && $(order byte 1 bits) == 0 ]]
    [[ $(order byte 1 symbols) == 3 && $(order byte 1 distinct) == 2 ]]
    [[ $(order byte 1 contexts) == 2 && $(order byte 1 ratio) == null ]]
    printf 'aaaaaaaabbbbccdd' > p # 1/2, 1/4, 1/8, 1/8
    expect 0 lpentropy --json -u byte -n 0 p
    [[ $(order byte 0 bits) == 1.75 && $(order byte 0 min_bits) == 28 ]]
    # Miller and Madow: 1.75 + 3 / (2 * 16 * ln 2)
    [[ $(order byte 0 corrected_bits) == 1.885252[0-9]* ]]
}

@test "orders 0 to 3 of bytes and characters are those of an independent count" {
    { printf 'One two, one two three.\0\0a\0ab\0na\xc3\xafve \xe2\x82\xac5\xff\xc3\0'
        yes 'the cat sat on the mat' | head -c 5000 && printf '\0'; } > p
    expect 0 lpentropy -0 --json -u byte,character p
    for unit in byte character; do
        for k in 0 1 2 3; do
            [[ $(oracle $unit $k p) == "$(order $unit $k symbols) $(order $unit $k distinct) \
$(order $unit $k contexts) $(printf '%.10f %.10f' "$(order $unit $k bits)" \
                "$(order $unit $k corrected_bits)")" ]]
        done
    done
}

@test "characters are scalar values; invalid bytes count one by one and are told" {
    printf 'h\xc3\xa9\xf0\x9f\x98\x80\xff\xe2\x82' > p
    expect 0 lpentropy --json p
    [[ $(jq -c '[.bytes, .invalid_bytes, .records]' out) == '[10,3,1]' ]]
    [[ $(jq -c '[.units[].count]' out) == "[10,6,$(lptok -c p | awk '{print $1}')]" ]]
    lpentropy p > out
    grep -q '10 bytes, 3 of invalid UTF-8, each counted as a character' out
}

@test "characters cut by a read are whole" {
    # 262143 one-byte characters, then euros across the end of the first read
    { head -c 262143 /dev/zero | tr '\0' x && yes '€€€€' | head -c 600000 | tr -d '\n'; } > p
    head -c $(($(size p) / 3 * 3)) p > q
    expect 0 lpentropy --json -u character -n 0 q
    [[ $(jq .invalid_bytes out) == "$(python3 -c 'import sys
print(sum(c >= "\udc80" and c <= "\udcff" for c in open("q", "rb").read().decode("utf-8", "surrogateescape")))')" ]]
    [[ $(order character 0 distinct) -le 5 ]]
}

@test "the figures are LoPace's, to the last digit" {
    lopace_python
    printf 'Hello, world' > a
    printf '' > b
    printf 'x' > c
    printf 'Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. 你好，世界 🙂\n' > d
    expect 0 "$LOPACE_PYTHON" "$ROOT/tests/lopace-figures" a b c d "$ROOT"/tests/data/prompts/*.txt
    grep -q ' differ$' out
}

@test "a token stream has the tokens of its text, without its text" {
    printf 'First prompt.\0Second one, with more\nlines.\0\0Last' > p
    for split in '' -0 -L; do
        for pipe in 'cat' 'lpzstd' 'lpzstd -22'; do
            # shellcheck disable=SC2086 # options
            lpentropy $split -u token --json p | jq 'del(.files)' > expected
            bash -o pipefail -c "lptok $split p | $pipe > p.lp"
            expect 0 lpentropy --json p.lp
            jq 'del(.files)' out | same - expected
        done
    done
}

@test "a record larger than a block is one record; text blocks have tokens too" {
    yes 'A line of ordinary text, again and again.' | head -c 5000 > p
    python3 -c 'import random, sys
random.seed(1)
sys.stdout.buffer.write(bytes(random.randrange(256) for i in range(30000)))' > q
    cat p q p > r
    for file in p q r; do
        for split in '' -L -0; do
            # shellcheck disable=SC2086 # options
            { lpentropy $split -u token --json $file | jq 'del(.files)' > expected
                lptok -B 1K $split $file | lpentropy --json | jq 'del(.files)' > out; }
            same out expected
        done
    done
}

@test "several encodings, streams and text are not mixed" {
    echo text > p
    lptok p > a.lp
    lptok -e gpt2 p > b.lp
    lpzstd p > c.lp
    lptok --blob p > d.blob
    refused 3 'count them separately' lpentropy a.lp b.lp
    refused 3 'p: is text' lpentropy a.lp p
    refused 3 'c.lp: is a stream without tokens: pipe it through lpunpack first' lpentropy c.lp
    refused 3 'd.blob: is a lopace blob' lpentropy d.blob
    refused 2 'a token stream has only tokens to count' lpentropy -u byte a.lp
    expect 0 lpentropy -u token a.lp a.lp
    head -c 40 a.lp > cut.lp
    refused 3 'cut.lp: at byte ' lpentropy cut.lp
    od -An -v -tx1 a.lp | tr -d '\n ' | sed 's/^\(f94c5048..\).\{4\}/\1ffff/' | unhex > e.lp
    refused 3 'e.lp: not a lopace stream or blob' lpentropy e.lp
}

@test "records: files, NUL, lines" {
    printf 'ab' > a
    printf 'cd' > b
    expect 0 lpentropy --json -u byte a b
    [[ $(jq .records out) == 2 && $(order byte 1 symbols) == 2 ]]
    printf 'ab\ncd\nef' | lpentropy -L --json -u byte > out
    [[ $(jq .records out) == 3 && $(jq .bytes out) == 6 && $(order byte 1 symbols) == 3 ]]
    printf 'ab\0cd\0' | lpentropy -0 --json -u byte - > out
    [[ $(jq .records out) == 2 && $(jq .bytes out) == 4 ]]
}

@test "the table fits 80 columns and warns of small samples" {
    expect 0 lpentropy "$ROOT"/tests/data/prompts/*.txt
    [[ $(awk '{ if (length > n) n = length } END { print n }' out) -le 80 ]]
    grep -q '^character ' out
    grep -q '^token ' out
    grep -q 'fewer than 10 symbols per distinct sequence' out
    grep -q 'corrected has the Miller-Madow correction' out
    head -c 1000 /dev/zero | lpentropy -u byte -n 0 > out
    refute grep -q fewer out
}

@test "JSON of every input parses, names of any bytes too" {
    printf x > $'a"b\\c\n\xff\xc3\xa9'
    expect 0 lpentropy --json $'a"b\\c\n\xff\xc3\xa9'
    jq -e '.files[0] == "a\"b\\c\n\ufffdé"' out
    for input in '' 'a'; do
        printf %s "$input" | lpentropy --json | jq -e .records
        printf %s "$input" | lpentropy -L --json | jq -e '.records >= 0'
    done
}

@test "-n and -u choose; -o writes a file" {
    echo some text > p
    expect 0 lpentropy -n 1 -u token,byte --json -o q p
    out_is ''
    [[ $(jq -c '[.units[] | [.unit, (.orders | length)]]' q) == '[["byte",2],["token",2]]' ]]
}

@test "a model's or an encoding's tokens" {
    echo 'Some text of words' > p
    expect 0 lpentropy -e gpt-4o --json p
    [[ $(jq -r .encoding out) == o200k_base ]]
    refused 2 "unknown encoding or model 'nonsense'" lpentropy -e nonsense p
}

@test "wrong options are exit 2 and one line" {
    refused 2 "-u: 'word' is not a list of byte, character, token" lpentropy -u word
    refused 2 "-u: 'byte,' is not a list" lpentropy -u byte,
    refused 2 "-n: '4' is not a number from 0 to 3" lpentropy -n 4
    refused 2 'unknown option' lpentropy --nonsense
    refused 1 'nowhere: cannot open' lpentropy nowhere
}

@test "-h and -V; failure to write is exit 1" {
    expect 0 lpentropy --help
    grep -q '^usage: lpentropy' out
    expect 0 lpentropy -V
    grep -q '^lpentropy (lopace) ' out
    [[ -e /dev/full ]] || skip 'no /dev/full'
    expect 1 bash -c 'echo x | lpentropy > /dev/full'
    err_line lpentropy 'cannot write'
}

@test "long work shows progress on a terminal, and not with -q" {
    # Slow input, so that it takes more than a second.
    slow='for i in 1 2 3 4 5 6 7; do head -c 100000 /dev/zero; sleep 0.25; done'
    script -qec "{ $slow; } | lpentropy -u byte > table" typescript < /dev/null > /dev/null
    grep -q 'lpentropy: counting' typescript
    script -qec "{ $slow; } | lpentropy -q -u byte > table" typescript < /dev/null > /dev/null
    refute grep -q counting typescript
    bash -c "{ $slow; } | lpentropy -u byte" > out 2> err
    err_is ''
}
