#!/usr/bin/env bats
# How each command recognises its input: text, a stream, a blob or something else; and that
# no command writes to its own input.

# shellcheck disable=SC2086,SC2094 # commands of several words; files read and written
load helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    printf 'You are a helpful assistant. Answer briefly, <|endoftext|> naïvely.\n' > p
    printf 'one\ntwo\n' > lines
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    ln -s "$BATS_FILE_TMPDIR"/* .
}

with_model() {
    ls "$B"/vocab/"${1:-cl100k_base}".lpm > /dev/null 2>&1
}

# --- Streams and blobs -------------------------------------------------------------

@test "--blob makes of a stream of one record what it makes of the blob" {
    local encoding options via last
    for encoding in gpt2 r50k_base p50k_base p50k_edit cl100k_base o200k_base o200k_harmony; do
        for options in '' --special; do
            for last in 'lpzstd -19' 'lpmix'; do
                [[ $last != lpmix ]] || with_model $encoding || continue
                lptok -e $encoding $options --blob p | $last --blob > expected
                for via in cat 'lpzstd -3' 'lpmix'; do
                    [[ $via != lpmix ]] || with_model $encoding || continue
                    lptok -e $encoding $options p | $via > s
                    $last --blob < s > b
                    same b expected || fail "$encoding $options | $via | $last"
                    $last --blob -o b < <(cat s)
                    same b expected || fail "$encoding $options | $via | $last, from a pipe"
                done
                lpunpack b | same - p
            done
        done
    done
}

@test "--blob of a stream of one record: none, NUL, noise, with separators, without a check" {
    : > none
    printf '\0' > nul
    { printf x && head -c 3000 /dev/urandom; } > noise
    head -n 1 lines > line
    for file in none nul noise p; do
        for last in lpzstd lpmix; do
            [[ $last != lpmix ]] || with_model || continue
            lptok $file | $last --blob > b
            lptok --blob $file | $last --blob | same - b
            lptok $file | $last --blob --no-check > b
            lptok --blob $file | $last --blob --no-check | same - b
            lpunpack b | same - $file
        done
        lpzstd $file | lpzstd --blob > b
        lpzstd --blob $file | same - b
    done
    lptok -L line | lpzstd --blob | lpunpack | same - line
    cat <(lptok p) <(lptok -L none) | lpzstd --blob | lpunpack | same - p
}

@test "--blob refuses a stream of several records, or none, and says what to do" {
    for last in lpzstd lpmix; do
        for make in 'lptok -L' 'lpzstd -L'; do
            $make lines > s
            refused 3 's: a blob holds one record, this stream has 2: omit --blob' $last --blob s
        done
        refused 3 'a blob holds one record, this stream has 2' $last --blob <(lptok p p)
        refused 3 'a blob holds one record, this stream has 0' $last --blob <(lptok -L /dev/null)
        lptok p | head -c 40 > s
        refused 3 's: at byte ' $last --blob s
        lptok p | tr t T > s
        refused 3 's: at byte ' $last --blob s
    done
    lpzstd p > s
    refused 3 's: has text without tokens: restore it with lpunpack, then use lptok' lpmix --blob s
    head -c 67108865 /dev/zero | lpzstd -1 > s
    refused 3 's: a blob holds at most 67108864 bytes, this stream 67108865: omit --blob' \
        lpzstd --blob s
}

@test "a blob is never packed as text: --blob is named" {
    local make last
    for make in 'lptok --blob' 'lpzstd --blob' 'lptok -e o200k_base --blob' 'lptok --blob p | lpmix --blob'; do
        [[ $make != *lpmix* ]] || with_model || continue
        bash -c "$make" < p > b
        for last in lpzstd lpmix; do
            refused 3 'b: is a blob: use --blob' $last b
            refused 3 'standard input: is a blob: use --blob' $last < <(cat b)
            refused 3 'b: is a blob: use --blob' $last -o new b
            [[ ! -e new ]]
        done
        fails 3 'b: is already a lopace blob: restore it with lpunpack, or use --text if it is text' lptok b
        refused 3 'b: is already a lopace blob' lptok --blob b
        refused 3 'b: is already a lopace blob' lptok -c b
        refused 3 'b: is a lopace blob: pipe' lpentropy b
        refused 3 'b: not text' lpzstd --format=lopace b
        lpzstd --text b | lpunpack | same - b
        lpzstd --text --blob b | lpunpack | same - b
        lptok --text b | lpunpack | same - b
        lptok --text --blob b | lpunpack | same - b
        expect 0 lpentropy --text b
        expect 0 lpstat --text --json --method zstd b
        [[ $(jq -r .kind out) == text ]]
    done
}

@test "a blob whose dictionary or model is missing is not packed as text" {
    mkdir t
    # shellcheck disable=SC2034 # counts
    for i in 1 2 3 4 5 6 7 8; do cp "$DATA"/prompts/*.txt t; done
    zstd -q --train t/*.txt -B300 --maxdict=4096 -o dict 2> /dev/null
    cat t/*.txt | head -c 3000 > q
    lptok --blob q | lpzstd --blob -D dict > b
    [[ $(lpunpack -l -D dict b) == *'needs dictionary'* ]]
    for command in lpzstd 'lpzstd --blob' 'lptok --blob' lpstat; do
        refused 3 'b: needs the dictionary with fingerprint' $command b
        err_line "${command% *}" '; if it is text, use --text'
    done
    refused 3 'b: is a blob: use --blob' lpzstd -D dict b
}

# --- Any bytes ---------------------------------------------------------------------

# What may look like a blob: every first byte, valid blobs, streams and parts of them.
hard_texts() {
    local i
    mkdir hard
    for i in 0 10 65 127 128 195 {239..255}; do
        printf '%b' "\\x$(printf %02x "$i")" > "hard/$i"
        { cat "hard/$i" && printf '\0hello'; } > "hard/$i-0"
        { cat "hard/$i" && printf 'e text, in Latin-1 perhaps'; } > "hard/$i-e"
    done
    lptok p > hard/stream
    lptok --blob p > hard/blob
    lptok --blob --no-check p > hard/unchecked
    lpzstd --blob p > hard/text-blob
    lpzstd --blob --no-check p > hard/text-unchecked
    head -c 9 hard/blob > hard/cut
    head -c 3 hard/stream > hard/sync
    printf '\371LPH' > hard/head
    printf 'hi' | iconv -t UTF-16 > hard/utf-16
    xz < p > hard/xz
}

@test "with --text any bytes at all come back" {
    hard_texts
    for file in hard/*; do
        lptok --text "$file" | lpunpack | same - "$file"
        lpzstd --text --blob "$file" | lpunpack | same - "$file"
    done
    for file in hard/[a-z]*; do
        lpzstd --text "$file" | lpunpack | same - "$file"
        lptok --text --blob "$file" | lpunpack | same - "$file"
        lpzstd --text --blob < <(cat "$file") | lpunpack | same - "$file"
    done
}

@test "without --text they come back, or are refused and --text is named" {
    hard_texts
    rm hard/*blob hard/head hard/stream # which certainly are packed
    for file in hard/*; do
        for command in lptok lpzstd 'lpzstd --blob'; do
            if $command "$file" > out 2> err; then
                lpunpack out | same - "$file" || fail "$command $file"
            else
                [[ $? -eq 3 ]] || fail "$command $file"
                err_line "${command% *}" --text
            fi
        done
    done
    for file in hard/{[0-9],[0-9][0-9],[0-9][0-9][0-9]} hard/{0,10,65,127,128,195,24[0-4]}-[0e] hard/xz hard/utf-16; do
        lpzstd --blob "$file" | lpunpack | same - "$file" || fail "$file"
    done
    for file in hard/*-e; do
        lptok "$file" | lpunpack | same - "$file" || fail "$file"
        lpzstd "$file" | lpunpack | same - "$file" || fail "$file"
    done
}

@test "a blob without a check may be text: an option decides" {
    printf '\370\0hello' > b
    for command in lpzstd 'lpzstd --blob'; do
        refused 3 'b: is text, or a blob without a checksum: use --text or --packed' $command b
    done
    for command in 'lptok --blob' 'lptok -c' lpentropy; do
        refused 3 'b: is text, or a blob without a checksum: use --text if it is text' $command b
    done
    lpzstd --blob --text b | lpunpack | same - b
    lpzstd --blob --packed b | lpunpack | same - <(printf hello)
    refused 3 'b: is a blob: use --blob' lpzstd --packed b
    refused 3 'p: not a lopace stream or blob' lpzstd --packed p
    refused 2 '--text and --packed cannot be combined' lpzstd --packed --text p
    lptok p | lpzstd --packed | lpunpack | same - p
    lptok --blob --no-check p | lpzstd --blob --packed | lpunpack | same - p
    lpunpack b | same - <(printf hello)
    expect 0 lpstat b
    [[ $(head -n 1 out) == 'b: a blob' ]]
}

@test "a damaged blob is refused where one may be, and --text is named" {
    for make in 'lptok --blob' 'lpzstd --blob'; do
        $make p > whole
        head -c 30 whole > short
        head -c -1 whole > shorter
        { head -c 20 whole && printf '\1\1' && tail -c +23 whole; } > other
        for file in short shorter other; do
            refused 3 "$file: at byte 0: " lpzstd --blob $file
            err_line lpzstd '; if it is text, use --text'
            refused 3 "$file: at byte 0: " lpstat $file
            err_line lpstat '; if it is text, use --text'
            lpzstd --blob --text $file | lpunpack | same - $file
        done
    done
}

# --- Other kinds -------------------------------------------------------------------

# wide NAME TEXT: the text in the encoding NAME, with a byte order mark.
wide() {
    printf '\357\273\277%s' "$2" | iconv -f UTF-8 -t "$1"
}

@test "UTF-16 and UTF-32 with a byte order mark are text" {
    local encoding text command
    for encoding in UTF-16LE UTF-16BE UTF-32LE UTF-32BE; do
        for text in '' hi 'naïve café 日本語 🙂' $'two\r\nlines\tand\v\f\b\e'; do
            wide $encoding "$text" > w
            for command in lptok 'lptok --blob' lpzstd 'lpzstd --blob'; do
                $command w | lpunpack | same - w || fail "$command of $encoding"
                $command < <(cat w) | lpunpack | same - w || fail "$command of $encoding"
            done
            expect 0 lpentropy w
            expect 0 lpstat --method zstd --json w
            [[ $(jq -r .kind out) == text ]]
            [[ $text == '' ]] && continue
            for option in '' -l -t; do
                refused 3 "w: not a lopace stream or blob: it seems to be ${encoding%??} text" \
                    lpunpack $option w
            done
        done
    done
}

@test "a blob that begins like UTF-16 is a blob" {
    local i n=0
    with_model o200k_base || skip 'no model was built'
    for ((i = 0; i < 2000 && n < 1; i++)); do
        printf 'You are a helpful assistant. Answer question %d.' $i > q
        lptok -e o200k_base --blob q | lpmix --blob > b
        [[ $(od -An -tx1 -N2 b) == ' ff fe' ]] || continue
        n=$((n + 1))
        lpzstd --blob b | lpunpack | same - q
        lpmix --blob b | same - b
        refused 3 'is a blob' lpzstd b
        [[ $(lpstat b | head -n 1) == 'b: a blob' ]]
    done
    [[ $n -eq 1 ]]
}

@test "lpunpack says what else an input seems to be" {
    local name
    xz < p > p.xz
    gzip < p > p.gzip
    zstd -q < p > p.zstd
    printf 'BZh91AY&SY' > p.bzip2
    printf 'PK\3\4\24\0\0\0' > zip
    for name in 'xz data' 'gzip data' 'zstd data' 'bzip2 data'; do
        for option in '' -l -t; do
            refused 3 "p.${name% *}: not a lopace stream or blob: it seems to be $name" \
                lpunpack $option "p.${name% *}"
        done
        refused 3 "standard input: not a lopace stream or blob: it seems to be $name" \
            lpunpack < <(cat "p.${name% *}")
        lpzstd --blob "p.${name% *}" | lpunpack | same - "p.${name% *}"
    done
    refused 3 'zip: not a lopace stream or blob: it seems to be a zip archive' lpunpack zip
    refused 3 'p: not a lopace stream or blob' lpunpack p
    refute grep -q seems err
}

@test "lptrain takes what is certainly a blob for one" {
    with_model || skip 'no model was built'
    for i in {1..60}; do
        printf 'Reply to customer %d within a day, politely.' $((i * 7919 % 1000))
        printf '\n'
    done > lines
    lptok --blob lines > b
    lptrain -q -o of-text.lpm lines
    for option in '' -L; do
        lptrain -q $option -o of-blob.lpm b
        same of-text.lpm of-blob.lpm
    done
    head -c 100 b > short
    refused 3 'short: at byte 0: ' lptrain -q -o new short
    err_line lptrain '; if it is text, use --text'
    expect 0 lptrain -q --text -o new short
}

# --- Output that is also input -----------------------------------------------------

# unharmed STATUS COMMAND...: it fails and leaves the file f unchanged. If STATUS is 1, its
# standard output is appended to f.
unharmed() {
    local status=$1 code=0
    shift
    if [[ $status -eq 1 ]]; then
        "$@" >> f 2> err || code=$?
    else
        "$@" > out 2> err || code=$?
    fi
    [[ $code -eq $status ]] || fail "$*: exit $code" "$(< err)" || return
    err_line "$1" 'is also the output' || return
    same f original || fail "$*: f has changed" || return
    [[ -z $(find . -name 'f.*') ]] || fail "$*: a temporary file is left"
}

@test "what is read is never written to, as an operand or as standard input" {
    local command
    lptok p > stream
    lptok --blob p > blob
    for command in 'lptok:p' 'lptok -L:p' 'lptok --blob:p' 'lptok --ids:p' 'lptok -c:p' \
        'lptok --format=lopace:p' 'lpzstd:p' 'lpzstd:stream' 'lpzstd --blob:blob' \
        'lpzstd --format=lopace:p' 'lpwin:stream' 'lpmix:stream' 'lpmix --blob:blob' 'lpunpack:stream' \
        'lpunpack:blob' 'lpunpack -l:stream' 'lpunpack -r 1:stream' 'lpunpack --recover:stream' \
        'lpstat --method zstd:p' 'lpstat:stream' 'lpstat --method zstd --html:p' \
        'lpstat --method zstd --json:p' 'lpentropy:p'; do
        cp "${command#*:}" original
        cat original > f
        # shellcheck disable=SC2206 # words
        command=(${command%:*})
        unharmed 1 "${command[@]}" f
        unharmed 1 "${command[@]}" ./f
        unharmed 1 "${command[@]}" - < f
        unharmed 1 "${command[@]}" < f
        unharmed 2 "${command[@]}" -o f f
        unharmed 2 "${command[@]}" -o ./f "$PWD/f"
        unharmed 2 "${command[@]}" -o f < f
        ln -sf f link
        ln -f f hard-link
        unharmed 1 "${command[@]}" link
        unharmed 1 "${command[@]}" hard-link
        unharmed 2 "${command[@]}" -o f link
        unharmed 2 "${command[@]}" -o link f
    done
    cp p original
    cat p > f
    unharmed 1 lptok p f
    unharmed 1 lpstat p f
    unharmed 2 lpzstd -o f p - f < p
    unharmed 2 lptrain -L -o f lines f
    unharmed 2 lptrain --new -o f lines 2:f
    unharmed 1 lptrain --install f
}

@test "nor is a dictionary or a model" {
    mkdir t
    # shellcheck disable=SC2034 # counts
    for i in 1 2 3 4 5 6 7 8; do cp "$DATA"/prompts/*.txt t; done
    zstd -q --train t/*.txt -B300 --maxdict=4096 -o original 2> /dev/null
    cat original > f
    lptok p > stream
    for command in lpzstd:stream lpunpack:stream lpstat:p lpentropy:stream; do
        unharmed 1 "${command%:*}" -D f "${command#*:}"
        unharmed 2 "${command%:*}" -D f -o f "${command#*:}"
    done
}

@test "an input read to its end may be written to; devices, pipes and other files too" {
    : > f
    expect 0 bash -c 'lptok f >> f'
    lpunpack f | same - /dev/null
    cat p > f
    expect 0 bash -c '{ cat && lpzstd; } < f >> f.lp'
    { cat > /dev/null && lptok >> f; } < f
    same <(head -c "$(size p)" f) p
    tail -c +$(($(size p) + 1)) f | lpunpack | same - /dev/null
    expect 0 lptok -o /dev/null /dev/null
    expect 0 bash -c 'lptok < /dev/null > /dev/null'
    expect 0 bash -c 'lptok p | lpzstd | lpunpack | cmp - p'
    lptok -o new p
    lptok -o new p # which is there already
    lpunpack new | same - p
    cat p > f
    lptok --list < f >> f
}

@test "an output that was empty at first is not read once it has been written to" {
    seq 300000 > a
    lptok -L a > stream
    for command in 'lptok --text -L a' 'lptok --ids -L a' 'lpzstd stream' 'lpwin stream' \
        'lpunpack stream'; do
        : > f
        # shellcheck disable=SC2086 # words
        ! (ulimit -f 20000 && timeout 60 $command f > f 2> err) || fail "$command: exit 0" || return
        err_line "${command%% *}" 'f: is also the output' || return
    done
}

@test "lpstat --html takes no file to overwrite" {
    cat p > f
    refused 1 'page: cannot open' lpstat --html page f
    expect 0 lpstat --html f < /dev/null
    same f p
    grep -q '<!DOCTYPE html>' out
    expect 0 lpstat --html -o page f
    out_is ''
    grep -q '<!DOCTYPE html>' page
    refused 2 'only one of --json, --csv and --html can be given' lpstat --html --json f
}
