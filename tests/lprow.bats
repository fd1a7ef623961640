#!/usr/bin/env bats
# lprow: every operation, form and option; one row out for each row in, or a failure; what is due
# goes out before a wait.

load helpers

# Texts of all kinds as rows: rows.FORM, in the same order.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    python3 - "$DATA"/prompts/*.txt << 'END'
import base64, json, random, sys

random.seed(24)
texts = [open(path, "rb").read() for path in sys.argv[1:]]
texts += [b"", b" ", b"\\", b"\\n", b"\\N", b"null", b"a\tb\nc\rd\0e\x7f\x08\x0b\x0c", b"\r", b"'\"`/=",
          "日本語 and 👩‍👩‍👧‍👦\u2028\ufeff".encode(), b"x" * 70000, b"<|endoftext|>"]
utf8 = list(texts)
texts += [b"\xff", bytes(range(256)), b"\xed\xa0\x80", *(random.randbytes(n) for n in range(1, 40))]
escapes = {10: b"\\n", 9: b"\\t", 13: b"\\r", 92: b"\\\\", 0: b"\\0"}


def tsv(text):
    return b"".join(escapes.get(c, bytes([c])) for c in text)


def write(name, rows):
    with open(name, "wb") as out:
        out.writelines(row + b"\n" for row in rows)


write("rows.tsv", map(tsv, texts))
write("rows.base64", map(base64.b64encode, texts))
write("rows.hex", (t.hex().encode() for t in texts))
write("rows.bytea", (b"\\\\x" + t.hex().encode() for t in texts))
write("utf8.tsv", map(tsv, utf8))
write("utf8.json", (json.dumps(t.decode(), ensure_ascii=False).encode() for t in utf8))
write("ascii.json", (json.dumps(t.decode()).encode() for t in utf8))
write("raw", (t for t in texts if b"\n" not in t))
write("raw.base64", (base64.b64encode(t) for t in texts if b"\n" not in t))
END
    lprow pack rows.tsv > packed
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    ln -s "$BATS_FILE_TMPDIR"/* .
}

rows() {
    wc -l < "$1"
}

@test "any text in any form: packed by any method and restored" {
    for method in mix fast hybrid token zstd; do
        expect 0 lprow pack -m $method rows.tsv
        err_is ''
        mv out $method
        [ "$(rows $method)" -eq "$(rows rows.tsv)" ]
        for form in tsv base64 hex bytea; do
            lprow pack -m $method --in=$form rows.$form | same - $method
            lprow unpack --out=$form $method | same - rows.$form
            lprow pack -m $method --out=$form rows.tsv > other
            lprow unpack --in=$form other | same - rows.tsv
        done
        lprow pack -m $method --in=raw raw > form
        lprow unpack --out=raw form | same - raw
        lprow unpack --out=base64 form | same - raw.base64
        lprow pack -m $method utf8.tsv > form
        lprow pack -m $method --in=json utf8.json | same - form
        lprow pack -m $method --in=json ascii.json | same - form
        lprow unpack --out=json form > back.json
        jq -c . utf8.json > theirs
        jq -c . back.json | same - theirs
    done
    [ "$(size mix)" -lt "$(size hybrid)" ]
}

@test "the blobs are those of the other commands" {
    for prompt in "$DATA"/prompts/agent-rules.txt "$DATA"/prompts/french.txt; do
        base64 -w 0 "$prompt" > row
        lptok --blob "$prompt" | lpmix --blob | base64 -w 0 > mix
        lptok --blob "$prompt" | base64 -w 0 > token
        lptok --blob "$prompt" | lpzstd --blob | base64 -w 0 > hybrid
        lpzstd --text --blob "$prompt" | base64 -w 0 > zstd
        for method in mix token hybrid zstd; do
            [ "$(lprow pack --in=base64 -m $method row)" = "$(cat $method)" ]
        done
        lprow unpack --out=base64 mix | same - <(cat row; echo)
        [ "$(lprow count --in=base64 row)" -eq "$(lptok -c "$prompt" | awk '{ print $1 }')" ]
        [ "$(lprow ids --in=base64 row)" = "[$(lptok --ids "$prompt" | tr ' ' ,)]" ]
    done
}

@test "counts, ids and slices of blobs are those of their texts, in any encoding" {
    for op in count ids 'slice --range=2:9' 'slice --range=-5:'; do
        for encoding in cl100k_base gpt-4o; do
            # shellcheck disable=SC2086 # words
            lprow $op -e $encoding rows.tsv > expected
            [ "$(rows expected)" -eq "$(rows rows.tsv)" ]
            for packing in '' '-m token' '-m zstd' '-e o200k_base -m hybrid'; do
                # shellcheck disable=SC2086 # words
                lprow pack $packing rows.tsv > p
                # shellcheck disable=SC2086 # words
                lprow $op --packed -e $encoding p | same - expected
            done
        done
    done
    lprow ids rows.tsv | jq length | same - <(lprow count rows.tsv)
}

@test "the text of special tokens" {
    printf '%s\n' '<|endoftext|>' > row
    [ "$(lprow count row)" -eq 7 ]
    [ "$(lprow ids --special row)" = '[100257]' ]
    lprow pack --special row > p
    [ "$(lprow count --packed p)" -eq 1 ]
    lprow unpack p | same - row
}

@test "slices are as Python's, and never cut a character" {
    printf 'one two three four\n' > row
    while IFS='|' read -r range text; do
        [ "$(lprow slice --range="$range" row)" = "$text" ] || fail "$range"
    done << 'END'
0:2|one two
:2|one two
1:2| two
2:| three four
-1:| four
:-1|one two three
-3:-1| two three
3:2|
9:|
-9:1|one
:|one two three four
END
    printf '日本語 and 👩‍👩‍👧‍👦 x\n' > row
    n=$(lprow count row)
    for ((i = 0; i <= n; i++)); do
        lprow slice --range=:$i --out=json row > a
        lprow slice --range=$i: --out=json row > b
        [ "$(jq -r . a)$(jq -r . b)" = "$(cat row)" ]
    done
    for range in 1:5 :4 4:7 5: -5: -7:-2 -20:; do # as those of lptok
        tr -d '\n' < row | lptok --slice "$range" 2> /dev/null > a
        lprow slice --range="$range" row | tr -d '\n' | same - a
    done
    # Not UTF-8: cut where tokens end.
    printf '\376\277\277\277\277\277\n' > row
    lprow slice --range=:3 row > a
    lprow slice --range=3: row > b
    cat <(tr -d '\n' < a) b | same - row
}

@test "info is what a blob says, without unpacking it" {
    lprow info packed | jq -c '[.chain, .vocabulary, .dictionary, .parent]' | sort -u |
        grep -qx '\["tokens+mix","cl100k_base",null,null\]'
    lprow pack -m zstd packed | lprow info | jq -e '.chain | startswith("text")' > /dev/null
    head -n 1 packed | base64 -d > blob
    [ "$(lprow info packed | head -n 1 | jq .stored_bytes)" -eq "$(size blob)" ]
    for field in check chain; do
        [ "$(lprow info packed | head -n 1 | jq -r .$field)" = "$(listed $field blob)" ]
    done
}

@test "models and dictionaries by -D" {
    "$ROOT/tests/other-model" "$B/vocab/cl100k_base.lpm" other.lpm
    lprow pack -D other.lpm utf8.tsv > p
    fails 3 'row 1: needs the model of cl100k_base' lprow unpack p
    lprow unpack -D other.lpm p | same - utf8.tsv
    lprow info p | head -n 1 | jq -e '.model | length == 16' > /dev/null
    refused 2 'other.lpm is a model: use it with -m mix or fast' lprow pack -D other.lpm -m zstd utf8.tsv
    refused 2 'is a model of cl100k_base, not of o200k_base' lprow pack -e gpt-4o -D other.lpm utf8.tsv
    refused 1 'none: no such file, nor a model or dictionary' lprow pack -D none utf8.tsv
}

@test "NULL in is NULL out; an empty row is an empty text, and no blob" {
    printf '\\N\nx\n\n\\N' > row
    for op in count ids 'slice --range=:1'; do
        # shellcheck disable=SC2086 # words
        lprow $op row | sed -n '1p;4p' | same - <(printf '\\N\n\\N\n')
    done
    lprow pack row > p
    [ "$(rows p)" -eq 4 ]
    lprow unpack p | same - <(cat row; echo)
    lprow unpack --out=json p | same - <(printf 'null\n"x"\n""\nnull\n')
    lprow count --packed --out=json p | same - <(printf 'null\n1\n0\nnull\n')
    printf 'null\n' | lprow pack --in=json | same - <(echo '\N')
    printf 'x\n\\N\n' | lprow pack | fails 3 'row 2: NULL, which --out=raw cannot carry' lprow unpack --out=raw
    out_is x
    printf '\n' | fails 3 'row 1: not a lopace stream or blob' lprow unpack
    expect 0 lprow pack /dev/null
    out_is ''
}

@test "rows that are malformed say how" {
    while IFS='|' read -r form row why; do
        printf '%b\n' "$row" > row
        refused 3 "row 1: $why" lprow pack --in="$form" row || fail "$form $row"
    done << 'END'
tsv|a\tb|a TAB: use --key
tsv|C:\\dir|a backslash that no escape begins with
tsv|a\\|a backslash that no escape
base64|AAA!|not base64
base64|A|not base64: its length is wrong
base64|AA=|not base64: its length is wrong
base64|AA===|not base64
base64|AB==|not base64: bits after the last byte
base64|AA==AA==|not base64
hex|abc|an odd number
hex|xy|not hexadecimal digits
bytea|\\\\xg0|not hexadecimal digits
json||not a JSON string or null
json|x|not a JSON string or null
json|7|not a JSON string or null
json|"|not a JSON string or null
json|"a"b"|a quote in a JSON string
json|"a\tb"|a control character in a string
json|"\\q"|an unknown escape
json|"\\u12"|\u without four hexadecimal digits
json|"\\ud800"|half of a surrogate pair
json|"\\udc00"|half of a surrogate pair
json|"\\ud800\\u0041"|half of a surrogate pair
json|"\377"|not valid UTF-8
END
    lprow pack --in=base64 <(printf 'QQ\nQQ==\n') | lprow unpack | same - <(printf 'A\nA\n')
    lprow pack --in=json <(printf ' "a"\t\r\n') | lprow unpack | same - <(printf 'a\n')
    lprow pack rows.tsv > p
    fails 3 'not valid UTF-8, which JSON is' lprow unpack --out=json p
    fails 3 'the text has a line feed' lprow unpack --out=raw p
}

@test "--key copies the fields before" {
    paste <(seq "$(rows rows.tsv)") <(cut -c 1-3 rows.base64) rows.tsv > keyed
    lprow pack --key=2 keyed > p
    cut -f 3 p | same - packed
    cut -f 1,2 p | same - <(cut -f 1,2 keyed)
    lprow unpack --key=2 p | same - keyed
    lprow unpack --key=2 -T 3 p | same - keyed
    printf 'k\ta b\n' | lprow count --key | same - <(printf 'k\t2\n')
    printf '1\tx\nlonely\n' | fails 3 'row 2: fewer fields than --key says' lprow count --key
    out_is $'1\t1'
    printf 'k\t!\n' | expect 3 lprow unpack --key --on-error=null
    out_is $'k\t\\N'
    printf 'k\t!\n' | expect 3 lprow unpack --key --on-error=pass
    out_is $'k\t!'
    printf 'lonely\n' | refused 3 'fewer fields' lprow count --key --on-error=null
}

@test "chunks with a header" {
    printf '2\na b\nc\n0\n1\nd e f\n' > chunks
    expect 0 lprow count --chunk-header chunks
    out_is $'2\n1\n3'
    printf '2\na b\nc' | lprow count --chunk-header | same - <(printf '2\n1\n')
    printf '3\na b\nc\n' | fails 3 'ends within a chunk: 1 row missing' lprow count --chunk-header
    out_is $'2\n1'
    printf '1\na\n2\nb\n\\\n' | fails 3 'row 2: ' lprow count --chunk-header # of its chunk
    out_is $'1\n1'
    for header in '' -1 x 1x ' 1' 9999999999999999999; do
        printf '1\na\n%s\nb\n' "$header" | fails 3 'the line before a chunk' lprow count --chunk-header
        out_is 1
    done
}

@test "a row that fails: the rows before it, one line, exit 3" {
    (cat packed && echo AAAA && cat packed) > bad
    for threads in 1 3; do
        fails 3 "bad: row $(($(rows packed) + 1)): not a lopace stream or blob" lprow unpack -T $threads bad
        same out rows.tsv
    done
    refused 3 'row' lprow unpack -o made bad
    [ ! -e made ]
}

@test "--on-error=null and pass: a row for each row, ten lines, exit 3" {
    for i in $(seq 25); do
        sed -n "${i}p" packed
        echo "AAA$((i % 10))"
    done > bad
    for threads in 1 3; do
        for what in null pass; do
            expect 3 lprow unpack -T $threads --on-error=$what bad
            [ "$(rows out)" -eq 50 ]
            [ "$(rows err)" -eq 11 ]
            [ "$(tail -n 1 err)" = 'lprow: bad: 15 more rows failed' ]
            sed -n 'p;n' out | same - <(head -n 25 rows.tsv)
        done
        sed -n 'n;p' out | same - <(sed -n 'n;p' bad)
        lprow unpack -T $threads --on-error=null bad 2> err | sed -n 'n;p' | sort -u > nulls
        same nulls <(echo '\N')
    done
    expect 3 lprow unpack --on-error=null -o made bad
    [ "$(rows made)" -eq 50 ]
}

@test "no flipped bit of a blob gives another text" {
    head -n 1 packed > one
    lprow unpack one > expected
    python3 -c '
import base64, sys
blob = base64.b64decode(open("one").read())
for bit in range(8 * len(blob)):
    damaged = bytearray(blob)
    damaged[bit // 8] ^= 1 << bit % 8
    print(base64.b64encode(damaged).decode())' > damaged
    expect 3 lprow unpack --on-error=null damaged
    [ "$(rows out)" -eq "$(rows damaged)" ]
    refute grep -vxF -f <(cat expected; echo '\N') out
    [ "$(grep -cxF -f expected out)" -lt 10 ] # bits that change nothing
}

@test "the order and the bytes do not depend on threads" {
    for _ in $(seq 20); do cat rows.tsv; done > many
    lprow pack -m hybrid many > one
    for threads in 0 2 7 64; do
        lprow pack -m hybrid -T $threads many | same - one
        lprow unpack -T $threads one | same - many
        lprow unpack -T $threads < one | same - many
        lprow pack -m hybrid many | lprow unpack -T $threads | same - many
    done
}

# Sends rows one by one, or in chunks, and waits for each answer.
@test "what is due goes out before a wait for more" {
    for threads in 1 2; do
        timeout 60 python3 - $threads << 'END'
import subprocess, sys

threads = sys.argv[1]
p = subprocess.Popen(["lprow", "count", "-T", threads], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
for i in range(200):
    p.stdin.write(b"x " * i + b"\n" + b"half")  # half a row more does not hold it back
    p.stdin.flush()
    assert p.stdout.readline().strip().isdigit()
    p.stdin.write(b"\n")
    p.stdin.flush()
    assert p.stdout.readline() == b"1\n"
p.stdin.close()
assert p.stdout.read() == b"" and p.wait() == 0

p = subprocess.Popen(["lprow", "count", "--chunk-header", "-T", threads], stdin=subprocess.PIPE,
                     stdout=subprocess.PIPE)
for n in (1, 5, 300, 0, 2):
    p.stdin.write(b"%d\n" % n + b"a b c\n" * n)
    p.stdin.flush()
    assert [p.stdout.readline() for _ in range(n)] == [b"3\n"] * n
p.stdin.close()
assert p.stdout.read() == b"" and p.wait() == 0
END
    done
}

@test "a row longer than 64 MiB is a row that fails, and memory stays bounded" {
    yes 0123456789abcdef | tr -d '\n' | head -c 70000000 > long
    (echo short; cat long; echo; echo next) > rows
    fails 3 'row 2: longer than' lprow pack --in=raw -m zstd rows
    expect 3 lprow pack --in=raw -m zstd --on-error=null rows
    lprow unpack < out | same - <(printf 'short\n\\N\nnext\n')
    refused 3 'row 1: longer than' lprow count --in=raw --on-error=pass long
    refused 3 'row 1: fewer fields' lprow count --in=raw --key --on-error=pass long
}

@test "several inputs, each with rows of its own; numbers begin anew" {
    printf 'a' > a
    printf 'b c\n' > b
    echo d e > c
    lprow count a b - < c | same - <(printf '1\n2\n2\n')
    printf '\\\n' > bad
    fails 3 'bad: row 1: ' lprow count a b bad
}

@test "usage" {
    refused 2 'name an operation' lprow
    refused 2 "unknown operation 'squeeze'" lprow squeeze
    refused 2 "unknown method 'lzma'" lprow pack -m lzma
    refused 2 "-m is for pack" lprow unpack -m mix
    refused 2 "--packed is for count, ids and slice" lprow unpack --packed
    refused 2 'slice needs --range' lprow slice
    refused 2 '--range is for slice' lprow count --range=1:2
    for range in 1 '' a:b 1:2:3 +1:2 ' 1:2' 1-2 99999999999999999999:; do
        refused 2 'is not a range' lprow slice --range="$range"
    done
    refused 2 "is not tsv, base64" lprow pack --in=csv
    refused 2 '--out=json cannot carry blobs' lprow pack --out=json
    refused 2 '--in=raw cannot carry blobs' lprow unpack --in=raw
    refused 2 '--in=json cannot carry blobs' lprow count --packed --in=json
    refused 2 '--out=hex is for texts and blobs' lprow count --out=hex
    refused 2 '--out=raw has no NULL' lprow unpack --out=raw --on-error=null
    refused 2 "unknown --on-error 'skip'" lprow pack --on-error=skip
    refused 2 "'0' is not a number" lprow pack --key=0
    refused 2 'unknown encoding' lprow count -e gpt-99
}

@test "a closed pipe and a full disk" {
    yes 'a b' | head -n 100000 > many
    expect_pipe 141 'lprow count many | head -n 1'
    out_is 2
    if [ -e /dev/full ]; then
        refute lprow count many > /dev/full 2> err
        err_line lprow 'cannot write: No space left on device'
    fi
}
