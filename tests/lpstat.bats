#!/usr/bin/env bats
# lpstat: its figures against the commands and against arithmetic; its output formats;
# streams and blobs; options and errors.

load helpers

setup_file() {
    cat "$BATS_TEST_DIRNAME"/data/prompts/*.txt > "$BATS_FILE_TMPDIR/prompt"
    for file in "$BATS_TEST_DIRNAME"/data/prompts/*.txt; do
        cat "$file"
        printf '\0'
    done > "$BATS_FILE_TMPDIR/prompts"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    P=$BATS_FILE_TMPDIR/prompt # one text
    R=$BATS_FILE_TMPDIR/prompts # the same as records that end with NUL
}

# valid FILE...: they match the JSON schema.
valid() {
    python3 - "$DATA/lpstat.schema.json" "$@" << 'END'
import json, sys
try:
    import jsonschema
except ImportError:
    sys.exit(77)
schema, *instances = (json.load(open(path)) for path in sys.argv[1:])
jsonschema.Draft7Validator.check_schema(schema)
for instance in instances:
    jsonschema.validate(instance, schema, cls=jsonschema.Draft7Validator)
END
}

needs_jsonschema() {
    python3 -c 'import jsonschema' 2> /dev/null || skip 'no Python package jsonschema'
}

# method NAME FILTER: a method in the JSON in the file out.
method() {
    jq -r ".methods[] | select(.method == \"$1\") | $2" out
}

wide() {
    awk '{ if (length > n) n = length } END { print n + 0 }' "$1"
}

@test "a prompt: the table fits 80 columns, says which method to use and how" {
    cp "$P" p
    expect 0 lpstat p
    err_is ''
    [[ $(wide out) -le 80 ]]
    grep -q '^Lossless: every method restored every byte' out
    grep -q "SHA-256 $(sha256sum < "$P" | cut -d' ' -f1)" out
    best=$(sed -n 's/^Smallest as a blob: \([a-z-]*\), .* saved\.$/\1/p' out)
    [[ -n $best ]]
    grep -q "^$best " out
    grep -A 1 '^Smallest as a blob' out | tail -n 1 > pipe
    bash -o pipefail pipe
    lpunpack prompt.blob | same - "$P"
}

# makes SIZE COMMAND: the command writes so many bytes.
makes() {
    rm -f prompt.blob prompts.lp
    bash -o pipefail -c "$2"
    local made
    made=$(size prompt*.*)
    [[ $made == "$1" ]] || fail "$2: $made bytes, not $1"
}

# each_makes SIZE COMMAND: run with each file in records/, the one before in the file before, it
# writes so many bytes in all. The first one has no parent.
each_makes() {
    local file made=0 command=${2/ lpwin --blob --parent before |/}
    for file in records/*; do
        bash -o pipefail -c "$command" < "$file"
        made=$((made + $(size prompt.blob)))
        cp "$file" before
        command=$2
    done
    [[ $made == "$1" ]] || fail "$2: $made bytes, not $1"
}

@test "each command makes the size beside it, of streams and of blobs" {
    cp "$P" p
    head -c 9000 "$P" > "it's q"
    cp p ./-r
    printf 'one line of text, one line' > line
    lptok p > packed
    zstd -q --train "$DATA"/prompts/*.txt -B200 --maxdict=2048 -o d 2> /dev/null
    while read -r options; do
        eval "expect 0 lpstat --json $options"
        while read -r stored command; do
            makes "$stored" "$command"
        done < <(jq -r '.records as $n | [.methods[] | .stream, (.blobs | select(. and $n == 1))] +
            [.advice[] | select(.form == "stream" or $n == 1)] |
            .[] | "\(.stored_bytes) \(.command)"' out | sort -u | tee commands)
        [[ $(wc -l < commands) -ge $(jq '.methods | length' out) ]]
    done << 'END'
--method zstd,mix,window p "it's q"
-D d -- -r
--method token,mix -0 p
--method mix-fast,window -L p
-L line
--text --method zstd,token packed
--method zstd-dict,hybrid-dict -D d -L p "it's q"
--method token,hybrid,window-hybrid -e o200k_base p
--parent "it's q" --level 19 p
END
}

@test "blobs of several records: the command makes each, with the record before as its parent" {
    mkdir records
    for i in 1 2 3; do
        head -n $((9 * i)) "$P" > records/$i
        cat records/$i
        printf '\0'
    done > r
    expect 0 lpstat --json -0 r
    [[ $(jq -r '.advice[].for' out | paste -sd,) == 'smallest blob,parent,smallest stream,'* ]]
    while read -r stored command; do
        each_makes "$stored" "$command"
    done < <(jq -r '.methods[].blobs | "\(.stored_bytes) \(.command)"' out)
    # what the parent saves is most of the text
    jq -e '(.methods[] | select(.method == "window").blobs.stored_bytes) * 1.5 <
        (.methods[] | select(.method == "mix").blobs.stored_bytes)' out
    jq -e '.advice[] | select(.for == "parent") | .method == "window"' out
    jq -e '.best == "mix"' out # stands by itself
    expect 0 lpstat -0 r
    [[ $(wide out) -le 80 ]]
    grep -q '^With the record before as parent: window, ' out
    grep -q -- '--parent before' out
}

@test "with --parent blobs copy from it, and one of these can be the smallest" {
    cp "$P" p
    { head -c 9000 p; echo 'And that is all.'; } > parent
    expect 0 lpstat --json --parent parent p
    [[ $(jq -r '.best, .parent' out | paste -sd' ') == 'window parent' ]]
    [[ $(jq -r '.advice[0].command' out) == \
        'lptok --blob p | lpwin --blob --parent parent | lpmix --blob > prompt.blob' ]]
    method window .blobs.exact | grep -qx true
    expect 0 lpstat --html --parent parent -o page p
    grep -q 'lpwin --blob --parent parent' page
    refused 1 'nowhere: cannot open' lpstat --parent nowhere p
    lptok p > p.lp
    refused 3 '--parent takes a text' lpstat --parent p.lp p
    # a blob that needs it is described
    lptok --blob p | lpwin --blob --parent parent > b
    fails 3 'needs the text' lpstat b
    expect 0 lpstat --parent parent b
    grep -q '^b: a blob$' out
}

@test "windows: the share that is copied, single records, and advice on them" {
    for i in $(seq 40); do head -n "$i" "$P" | tr '\n' ' '; echo; done > log
    expect 0 lpstat --json -L --method zstd,hybrid,window,window-hybrid log
    copied=$(method window .stream.copied)
    [[ $(method window-hybrid .stream.copied) == "$copied" ]]
    [[ $(method hybrid .stream.copied) == null ]]
    # by the commands: what lpwin leaves of the tokens
    lptok -L log > tokens
    jq -ne "$copied == 1 - $(lpwin tokens | wc -c) / $(size tokens)"
    jq -e "$copied > 0.5" out
    jq -e '[.methods[].stream.record_ms > 0] | all' out
    jq -e '.methods[0].blobs.record_ms == null' out
    jq -e '[.advice[].for] | index("single records")' out
    expect 0 lpstat -L --method zstd,window log
    grep -q '^Best for lpunpack -r: ' out
    grep -Eq '^window +[0-9.]+ +[0-9.]+%$' out
    expect 0 lpstat -L --method window --csv log
    [[ $(head -n 1 out) == *,exact,copied,record_ms ]]
    [[ $(sed -n 's/^total,,,window,stream,//p' out) == *,true,"$copied",* ]]
    expect 0 lpstat --method window -L --html log
    grep -q 'a record<br>(lpunpack -r)' out
    # one record: no parent, so no blob, but a stream
    expect 0 lpstat --json --method window,window-hybrid "$P"
    jq -e '[.methods[].blobs == null] | all' out
    jq -e '.each[0].methods == {}' out
    expect 0 lpstat --method window "$P"
    expect 0 lpstat --method window --html "$P"
    expect 0 lpstat --method window --csv "$P"
}

@test "all in 80 columns: large figures, many methods, many records" {
    mkdir d
    cp "$DATA"/prompts/*.txt d
    cd d || return
    expect 0 lpstat -- *.txt
    [[ $(wide out) -le 80 ]]
    printf 1 > a
    expect 0 lpstat --method zstd,token a
    [[ $(wide out) -le 80 ]]
    head -c 30000000 /dev/zero | lpstat --method zstd > out
    [[ $(wide out) -le 80 ]]
}

@test "stored bytes are those that the commands write" {
    cp "$P" p
    expect 0 lpstat --json p
    [[ $(method zstd .stream.stored_bytes) == "$(lpzstd p | wc -c)" ]]
    [[ $(method token .stream.stored_bytes) == "$(lptok p | wc -c)" ]]
    [[ $(method hybrid .stream.stored_bytes) == "$(lptok p | lpzstd | wc -c)" ]]
    [[ $(method zstd .blobs.stored_bytes) == "$(lpzstd --blob p | wc -c)" ]]
    [[ $(method token .blobs.stored_bytes) == "$(lptok --blob p | wc -c)" ]]
    [[ $(method hybrid .blobs.stored_bytes) == "$(lptok --blob p | lpzstd --blob | wc -c)" ]]
    [[ $(jq .tokens out) == "$(lptok -c p | awk '{ print $1 }')" ]]
    expect 0 lpstat --json -0 --level 19 -e gpt-4o --method hybrid,zstd "$R"
    [[ $(jq -c '[.methods[].method]' out) == '["zstd","hybrid"]' ]]
    [[ $(jq -r .encoding out) == o200k_base && $(jq .level out) == 19 ]]
    [[ $(method hybrid .stream.stored_bytes) == "$(lptok -0 -e gpt-4o "$R" | lpzstd -19 | wc -c)" ]]
    [[ $(method zstd .stream.stored_bytes) == "$(lpzstd -0 -19 "$R" | wc -c)" ]]
}

@test "ratio, saving, bits per character, limit and totals are what the page says" {
    printf 'h\xc3\xa9llo, h\xc3\xa9llo, h\xc3\xa9llo \xff' > p
    expect 0 lpstat --json p
    jq -e '.original_bytes == 24 and .characters == 21 and .invalid_bytes == 1' out
    jq -e '[.methods[] | (.blobs | values), .stream |
        (.ratio == .original_bytes / .stored_bytes) and (.saved == 1 - .stored_bytes / .original_bytes)
        and (.bits_per_character == .stored_bytes * 8 / 21)
        and (.saved_bytes == .original_bytes - .stored_bytes)] | all' out
    limit=$(lpentropy --json -u character -n 0 p | jq '.units[0].orders[0].min_bytes')
    jq -e ".limit.min_bytes == $limit and .each[0].limit_bytes == $limit" out
    jq -e ".methods[0].blobs.of_limit == .methods[0].blobs.stored_bytes / $limit" out
    jq -e '[.methods[] | (.blobs | values), .stream | .pack_mb_s > 0 and .unpack_mb_s > 0
        and .pack_memory_bytes > 0 and .unpack_memory_bytes > 0] | all' out
}

@test "statistics over records are those of Python" {
    expect 0 lpstat --json -0 "$R"
    python3 - << 'END'
import json, math, statistics
report = json.load(open("out"))
assert report["records"] == len(report["each"]) > 10
assert report["original_bytes"] == sum(r["original_bytes"] for r in report["each"])
for m in report["methods"]:
    each = [r["methods"][m["method"]] for r in report["each"]]
    assert m["blobs"]["stored_bytes"] == sum(r["stored_bytes"] for r in each)
    for name in "ratio", "saved", "pack_mb_s", "unpack_mb_s":
        values, got = [r[name] for r in each], m["blobs"]["statistics"][name]
        q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive")
        want = dict(n=len(values), mean=statistics.fmean(values), sd=statistics.stdev(values),
                    min=min(values), q1=q1, median=median, q3=q3, max=max(values))
        for key in want:
            assert math.isclose(want[key], got[key], rel_tol=1e-9), (name, key, want, got)
END
}

@test "the SHA-256 sums are sha256sum's, of original and restored" {
    expect 0 lpstat --json "$P"
    sum=$(sha256sum < "$P" | cut -d' ' -f1)
    jq -e "[.methods[] | (.blobs | values), .stream | .original_sha256 == \"$sum\" and
        .restored_sha256 == \"$sum\" and .exact and .reconstruction_error == 0] | all" out
    expect 0 lpstat --json -0 "$R"
    sum=$(sha256sum < "$R" | cut -d' ' -f1)
    jq -e "[.methods[].stream.original_sha256 == \"$sum\"] | all" out
    sum=$(tr -d '\0' < "$R" | sha256sum | cut -d' ' -f1)
    jq -e "[.methods[].blobs.restored_sha256 == \"$sum\"] | all" out
}

@test "bytes that do not come back are an error, exit 3" {
    [[ $(uname) == Linux ]] || skip 'preloads a library'
    sanitized && skip 'a sanitizer comes first'
    "${CC:-cc}" -shared -fPIC -o flip.so "$DATA/flip_unpacked.c" -ldl
    cp "$P" p
    expect 3 env LD_PRELOAD="$PWD/flip.so" lpstat --method zstd,token p
    err_line lpstat 'zstd: 1 byte not restored correctly: do not use it'
    grep -q '^zstd ' out
    refute grep -q Lossless out
    expect 3 env LD_PRELOAD="$PWD/flip.so" lpstat --json p
    jq -e '.methods[0].exact == false and .methods[0].blobs.exact == false' out
    jq -e ".methods[0].blobs.reconstruction_error == 1 / $(size p)" out
    jq -e '.methods[0].blobs.original_sha256 != .methods[0].blobs.restored_sha256' out
    jq -e '.methods[0].stream.exact' out
}

@test "the JSON of every kind of input is of the schema" {
    needs_jsonschema
    printf 'x' > $'a"b\n\xff'
    head -c 3000 "$R" > r
    lpstat --json $'a"b\n\xff' > json1
    lpstat --json r > json2
    lpstat --json -0 r > json3
    lpstat --json -L --method token r > json4
    lpstat --json --method zstd /dev/null > json5
    lpstat --json --method zstd,window -L /dev/null > json6
    { printf a && head -c 1000 /dev/urandom; } | lpstat --json --method token,window > json7
    lpstat --json --parent "$P" --method zstd,window r > json8
    lptok -0 r | tee one.lp | lpzstd > two.lp
    lptok --blob "$P" > three.blob
    lpzstd --blob --no-check "$P" > four.blob
    lpstat --json one.lp two.lp three.blob four.blob > json9
    valid json[1-9]
    echo '{"kind": "text"}' > out
    refute valid out
}

@test "CSV has a line for each record, method, form and statistic" {
    cp "$R" 'r,"1"'
    expect 0 lpstat --csv -0 --method zstd,token 'r,"1"'
    python3 - << 'END'
import csv
rows = list(csv.DictReader(open("out", newline="")))
records = [r for r in rows if r["scope"] == "record"]
assert len(records) % 2 == 0 and len(records) > 20
assert {r["file"] for r in records} == {'r,"1"'}
assert {r["record"] for r in records} == {str(i + 1) for i in range(len(records) // 2)}
for method in "zstd", "token":
    mine = [r for r in rows if r["method"] == method]
    total, stream = [r for r in mine if r["scope"] == "total"]
    assert (total["form"], stream["form"]) == ("blobs", "stream") and total["exact"] == "true"
    stored = [int(r["stored_bytes"]) for r in mine if r["scope"] == "record"]
    assert int(total["stored_bytes"]) == sum(stored)
    scopes = [r["scope"] for r in mine if r["scope"] not in ("record", "total")]
    assert scopes == ["mean", "median", "sd", "min", "q1", "q3", "max"]
    assert all(None not in r.values() and None not in r for r in mine)
END
}

@test "a row for each file, a row for their total" {
    printf 'The first file, of words.' > a
    printf 'The second file, of more words than that.' > b
    expect 0 lpstat a b
    grep -Eq '^a +25 +[0-9.]+ ' out
    grep -Eq '^b +41 +[0-9.]+ ' out
    grep -Eq '^total +66 +[0-9.]+ ' out
}

@test "with -D methods are measured without and with the dictionary" {
    mkdir t
    # shellcheck disable=SC2034 # counts
    for i in 1 2 3 4 5 6 7 8; do cp "$DATA"/prompts/*.txt t; done
    zstd -q --train t/*.txt -B300 --maxdict=4096 -o d 2> /dev/null
    cp "$P" p
    expect 0 lpstat --json -D d p
    [[ $(jq -c '[.methods[] | select(.method | test("mix|^window$") | not) | .method]' out) == \
        '["zstd","zstd-dict","token","hybrid","hybrid-dict","window-hybrid"]' ]]
    [[ $(method zstd-dict .stream.stored_bytes) == "$(lpzstd -D d p | wc -c)" ]]
    [[ $(method zstd-dict .dictionary) == true && $(method zstd .dictionary) == false ]]
    expect 0 lpstat --json -D d --method zstd p
    [[ $(jq -c '[.methods[].method]' out) == '["zstd","zstd-dict"]' ]]
    expect 0 lpstat -D d --method zstd-dict p
    grep -q 'lpzstd --blob -D d p > prompt.blob' out
    refused 2 'zstd-dict needs a zstd dictionary: name it with -D' lpstat --method zstd-dict p
    [[ $(lpstat -D d p d | awk '{ if (length > n) n = length } END { print n }') -le 80 ]]
}

@test "mix is a method where there is a model" {
    ls "$B"/vocab/cl100k_base.lpm > /dev/null 2>&1 || skip 'no model was built'
    cp "$P" p
    expect 0 lpstat --json p
    [[ $(method mix .chain) == tokens+mix ]]
    [[ $(method mix .stream.stored_bytes) == "$(lptok p | lpmix | wc -c)" ]]
    expect 0 lpstat --json -D "$B/vocab/cl100k_base.lpm" --method mix p
    [[ $(method mix .stream.stored_bytes) == "$(lptok p | lpmix | wc -c)" ]]
    refused 2 'is a model of cl100k_base, not of gpt2: use -e cl100k_base' \
        lpstat -e gpt2 -D "$B/vocab/cl100k_base.lpm" p
}

@test "mix without a model says where one was looked for" {
    refused 3 'no model of gpt2' lpstat -e gpt2 --method mix "$P"
}

@test "what a stream is: chain, vocabulary, records, blocks, sizes, check" {
    lptok -0 -B 4K "$R" | lpzstd > p.lp
    expect 0 lpstat p.lp
    [[ $(wide out) -le 80 ]]
    head -n 1 out | grep -qx 'p.lp: a stream'
    grep -Eq '^  chain +tokens\+zstd$' out
    grep -Eq '^  vocabulary +cl100k_base, fingerprint d35ea627e528410a$' out
    grep -Eq "^  records +$(tr -cd '\0' < "$R" | wc -c), NUL-terminated$" out
    expect 0 lpstat --json p.lp
    [[ $(jq '.items[0].text_bytes' out) == "$(size "$R")" ]]
    [[ $(jq '.items[0].stored_bytes' out) == "$(size p.lp)" ]]
    [[ $(jq '.items[0].blocks' out) == "$(listed blocks p.lp)" ]]
    [[ $(jq -r '.items[0].check' out) =~ ^[0-9a-f]{8}$ ]]
    expect 0 bash -c 'cat p.lp | lpstat'
    grep -q '^standard input: a stream' out
}

@test "of a stream no block is read" {
    echo 'Some text that is long enough to be stored as tokens, I hope.' | lptok > p.lp
    # The last 15 bytes are the end frame; the block's payload is before it.
    printf '\xff\xff' | dd of=p.lp bs=1 seek=$(($(size p.lp) - 18)) conv=notrunc 2> /dev/null
    expect 3 lpunpack -t p.lp
    expect 0 lpstat p.lp
}

@test "segments are listed and added up" {
    lptok -0 "$R" > a.lp
    lpzstd -L "$P" > b.lp
    cat a.lp b.lp > c.lp
    expect 0 lpstat c.lp
    grep -qx 'c.lp: a stream, segment 1 of 2' out
    grep -qx 'c.lp: a stream, segment 2 of 2' out
    grep -q '^total$' out
    expect 0 lpstat --csv c.lp
    [[ $(cut -d, -f2-4 out | paste -sd' ') == \
        'kind,chain,vocabulary segment,tokens,cl100k_base segment,text+zstd,' ]]
    expect 0 lpstat a.lp a.lp # two operands: two streams
    [ "$(grep -cx 'a.lp: a stream' out)" -eq 2 ]
}

@test "what a blob is; it is unpacked and its check compared" {
    cp "$P" p
    lptok --blob p | lpzstd --blob > p.blob
    expect 0 lpstat p.blob
    head -n 1 out | grep -qx 'p.blob: a blob'
    grep -Eq '^  checksum +[0-9a-f]{8} OK$' out
    grep -Eq "^  text +$(size p | sed ':a; s/\([0-9]\)\([0-9]\{3\}\)\($\|,\)/\1,\2\3/; ta') bytes$" out
    lpzstd --blob --no-check p > q.blob
    expect 0 lpstat q.blob
    grep -Eq '^  checksum +none$' out
    printf '\1\1\1' | dd of=p.blob bs=1 seek=1 conv=notrunc 2> /dev/null
    fails 3 p.blob lpstat p.blob
}

@test "stored files and text are not mixed; --text takes a stream as text" {
    echo text > p
    lptok p > p.lp
    refused 3 'p: is text' lpstat p.lp p
    refused 3 'p.lp: is a stream or blob' lpstat p p.lp
    refused 2 '--html: p.lp is not text' lpstat --html -o page p.lp
    [[ ! -e page ]]
    expect 0 lpstat --text --json p.lp
    [[ $(jq -r .kind out) == text && $(jq .original_bytes out) == "$(size p.lp)" ]]
    head -c 20 p.lp > cut.lp
    fails 3 'cut.lp: ' lpstat cut.lp
}

@test "--html is one page without scripts or addresses, in two lights" {
    cp "$R" '<r> & "1"'
    expect 0 lpstat -0 --html -o page '<r> & "1"'
    out_is ''
    grep -q 'prefers-color-scheme:dark' page
    [[ $(grep -c '<svg' page) -ge 9 ]]
    for title in 'Compression ratio by size' 'Space saved' 'Size before and after' Speed Memory \
        'Method by metric' 'Scaling with size'; do
        grep -q "<h3>$title</h3>" page
    done
    refute grep -Eiq '<script|https?:|src=|<r>|nan|inf[^o]' page
    grep -q '&#60;r&#62; &#38; &#34;1&#34;' page
    python3 - << 'END'
import html.parser
class Check(html.parser.HTMLParser):
    open, void = [], {"meta", "br"}
    def handle_starttag(self, tag, attributes):
        if tag not in self.void:
            self.open.append(tag)
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
check = Check()
check.feed(open("page", encoding="utf-8").read())
check.close()
assert check.open == [], check.open
END
    printf 'A single short prompt, of which the page shows the beginnings.' > p
    expect 0 lpstat --html p
    head -n 1 out | grep -q '<!DOCTYPE html>'
    grep -q 'prefixes of the longest record' out
}

@test "a page is whole or not at all" {
    echo x > p
    mkdir d
    refused 1 'd/none/page: cannot create' lpstat --html -o d/none/page p
    refused 1 'nowhere: cannot open' lpstat --html -o d/page p nowhere
    [[ -z $(ls -A d) ]]
    expect 0 lpstat --html -o d/page p
    [[ $(ls d) == page ]]
}

@test "nothing to store, nothing that shrinks, texts too short for a stream" {
    expect 0 lpstat /dev/null
    tail -n 1 out | grep -qx 'There is no text to store.'
    expect 0 lpstat -L /dev/null
    { printf a && head -c 500 /dev/urandom; } > p
    expect 0 lpstat p
    tail -n 1 out | grep -qx 'No method saves space here: store the text as it is.'
    printf 'Summarise the text in three sentences.' > "it's p"
    expect 0 lpstat "it's p"
    tail -n 1 out > pipe
    grep -qF "lptok --blob 'it'\\''s p'" pipe
    bash -o pipefail pipe
    lpunpack prompt.blob | same - "it's p"
}

@test "a record above 64 MiB is measured in a stream alone" {
    head -c 67108865 /dev/zero > p
    expect 0 lpstat --method zstd --level 1 --html -o page p
    expect 0 lpstat --method zstd --level 1 p
    grep -q '^Smallest as a stream: zstd, ' out
    refute grep -q 'As a blob' out
    grep -q 'Space saved' page
    refute grep -q 'Scaling with size' page
}

@test "colour on a terminal only, and not with NO_COLOR" {
    cp "$P" p
    expect 0 lpstat --method zstd p
    refute grep -q $'\e' out
    script -qec 'env -u NO_COLOR TERM=xterm lpstat --method zstd p' typescript < /dev/null > out
    grep -q $'\e\[1;32m' out
    script -qec 'env NO_COLOR=1 TERM=xterm lpstat --method zstd p' typescript < /dev/null > out
    refute grep -q $'\e' out
    script -qec 'env -u NO_COLOR TERM=dumb lpstat --method zstd p' typescript < /dev/null > out
    refute grep -q $'\e' out
}

@test "long work shows progress on a terminal, and not with -q" {
    python3 -c 'import random
random.seed(1)
print(*(random.randrange(10 ** 6) for i in range(900000)))' > p
    script -qec 'lpstat --level 19 --method zstd p > table' typescript < /dev/null > /dev/null
    grep -q 'lpstat: measuring' typescript
    script -qec 'lpstat -q --level 19 --method zstd p > table' typescript < /dev/null > /dev/null
    refute grep -q measuring typescript
    expect 0 lpstat --level 19 --method zstd p
    err_is ''
}

@test "wrong options are exit 2 and one line" {
    refused 2 "--method: 'best' is not zstd" lpstat --method best p
    refused 2 "--method: '' is not zstd" lpstat --method zstd, p
    refused 2 "--level: '23' is not a number from 1 to 22" lpstat --level 23
    refused 2 "unknown encoding or model 'x'" lpstat -e x "$P"
    refused 2 'unknown option' lpstat --nonsense
    refused 1 'nowhere: cannot open' lpstat nowhere
}

@test "-h and -V; failure to write is exit 1" {
    expect 0 lpstat -h
    grep -q '^usage: lpstat' out
    expect 0 lpstat --version
    grep -q '^lpstat (lopace) ' out
    [[ -e /dev/full ]] || skip 'no /dev/full'
    expect 1 bash -c 'echo x | lpstat > /dev/full'
    err_line lpstat 'cannot write'
    echo x > p
    expect 1 lpstat --html -o /dev/full p
}

@test "--html fits a screen of 360 pixels, and one of 1200" {
    command -v chromium > /dev/null || skip 'no chromium'
    local about='"width " + d.documentElement.scrollWidth'
    about="$about"' + " " + [...d.querySelectorAll("main *")].filter(e => !e.closest(".scroll,pre,svg") &&
        e.getBoundingClientRect().right > d.documentElement.clientWidth + 1).map(e => e.className || e.tagName)'
    lpstat -L --html -o page.html "$DATA/prompts/agent-rules.txt" "$DATA/prompts/french.txt"
    for width in 360 1200; do
        printf '<iframe id=f src=page.html style="width:%dpx;height:800px;border:0"></iframe><script>
            onload = () => { const d = document.getElementById("f").contentDocument;
                document.title = %s; };</script>' $width "$about" > frame.html
        HOME=$PWD timeout 60 chromium --headless --no-sandbox --disable-gpu --allow-file-access-from-files \
            --dump-dom "file://$PWD/frame.html" > dom 2> log || skip 'chromium does not run'
        grep -o '<title>[^<]*' dom > title || skip 'no title'
        grep -qE "^<title>width ($width|$((width - 15))) ?$" title || fail "$width: $(cat title)"
    done
}
