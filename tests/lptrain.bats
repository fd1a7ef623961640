#!/usr/bin/env bats
# lptrain: every option, what it makes and reports, and its errors.

load helpers

# 200 records of a kind, the first 20 of these, and 40 others of that kind; a model and a dictionary
# from the 200. A small model, which is adapted in a tenth of the time, is for what does not depend
# on what is adapted.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    requests 1 200 > lines
    head -n 20 lines > few
    requests 201 240 > others
    lptrain -q -L -o my.lpm lines
    lptrain -q -L --zstd -o my.dict lines
    lptrain -qf --new -s 1K -L -o small.lpm few
    lptrain -qf -D small.lpm -L -o few.lpm few
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    ln -s "$BATS_FILE_TMPDIR"/* .
    export HOME=$PWD/home
    unset XDG_DATA_HOME LP_MODEL_PATH
}

# requests FROM TO: lines that look like requests to a service.
requests() {
    awk -v from="$1" -v to="$2" 'BEGIN {
        n = split("parcel invoice refund password contract delivery meter roof bicycle visa", what)
        m = split("Lyon Porto Graz Turku Split Bruges Basel Malmo", town)
        for (i = from; i <= to; i++)
            printf "Ticket %d: you are the night desk of Halvorsen & Daughters in %s. A customer " \
                "writes about a %s. Reply within %d words, mention neither price nor date, " \
                "and close with the house greeting.\n", i * 7919 % 10007, town[i * 31 % m + 1],
                what[i * 17 % n + 1], i * 13 % 90 + 30
    }'
}

# blob_sizes OPTION...: the sizes of the other records packed by lpmix.
blob_sizes() {
    local line sum=0
    while read -r line; do
        printf %s "$line" | lptok --blob | lpmix --blob "$@" > a.blob
        lpunpack "$@" a.blob | same - <(printf %s "$line")
        sum=$((sum + $(size a.blob)))
    done < <(head -n 12 others)
    echo $sum
}

# --- What it makes ------------------------------------------------------------

@test "a model: other records of the kind become much smaller, and come back" {
    [ $((2 * $(blob_sizes -D my.lpm))) -lt "$(blob_sizes)" ]
    lptok -L others | lpmix -D my.lpm > z.lp
    [ "$(size z.lp)" -lt "$(lptok -L others | lpmix | wc -c)" ]
    lpunpack -D my.lpm z.lp | same - others
    lptok -L others | lpmix --fast -D my.lpm | lpunpack -D my.lpm | same - others
    [ "$(size my.lpm)" -eq "$(size "$B/vocab/cl100k_base.lpm")" ]
}

@test "text of any kind still comes back by an adapted model" {
    for prompt in "$DATA"/prompts/{arabic,c-question,json-chat,short-1}.txt; do
        lptok "$prompt" | lpmix -D my.lpm | lpunpack -D my.lpm | same - "$prompt"
    done
    random_bytes 3000 > noise
    lptok noise | lpmix -D my.lpm | lpunpack -D my.lpm | same - noise
}

@test "a dictionary: records become smaller, and come back" {
    lptok -L others > tok
    lpzstd -D my.dict tok > z.lp
    [ "$(size z.lp)" -lt "$(lpzstd tok | wc -c)" ]
    lpunpack -D my.dict z.lp | same - others
    [ "$(od -An -tx1 -N4 my.dict | tr -d ' ')" = 37a430ec ] # zstd's own form
}

@test "the same records give the same file, however they come" {
    tr '\n' '\0' < few > null
    lptok -L few > tok.lp
    lpzstd tok.lp > zstd.lp
    lpmix tok.lp > mix.lp
    lptok -0 null > null.lp
    mkdir files
    split -l 1 -a 3 few files/
    for file in files/*; do # without the line feed, which is not the record's
        printf %s "$(< "$file")" > "$file.txt"
        rm "$file"
    done
    lptok files/*.txt > whole.lp
    head -n 9 few > a
    tail -n +10 few | lptok -L > b.lp
    for words in '-L -' '-0 null' tok.lp zstd.lp mix.lp null.lp whole.lp -; do
        # shellcheck disable=SC2086 # words
        lptrain -qf -D small.lpm -o again.lpm $words < few 2> err || fail "$words: $(< err)"
        [ "$words" = - ] || same again.lpm few.lpm
    done
    refute cmp -s again.lpm few.lpm # all lines as one record
    lptrain -qf -D small.lpm -o again.lpm files/*.txt
    same again.lpm few.lpm
    lptrain -qf -D small.lpm -L -o again.lpm a b.lp
    same again.lpm few.lpm
    lptrain -qf -D small.lpm -o again.lpm - < zstd.lp
    same again.lpm few.lpm
    mkfifo pipe
    cat zstd.lp > pipe &
    lptrain -qf -D small.lpm -o again.lpm pipe
    same again.lpm few.lpm
    lptok -L lines | lptrain -q -o again.lpm # the model that ships, too
    same again.lpm my.lpm
    tr '\n' '\0' < lines | lptrain -q --zstd -0 -o again.dict
    same again.dict my.dict
}

@test "blobs are records" {
    i=1000
    while read -r line; do
        i=$((i + 1))
        printf %s "$line" | lptok --blob | lpzstd --blob > $i.blob
    done < few
    lptrain -qf -D small.lpm -o a.lpm 1*.blob
    same a.lpm few.lpm
    head -c 20 1001.blob > cut.blob
    refused 3 'cut.blob: ' lptrain -q -o c.lpm cut.blob
}

@test "an o200k_base model, by a model's name; streams of another encoding" {
    lptok -L lines > cl100k.lp
    lptrain -q -e gpt-4o -o o.lpm cl100k.lp
    lptok -e gpt-4o -L others > tok
    [ "$(lpmix -D o.lpm tok | wc -c)" -lt "$(lpmix tok | wc -c)" ]
    lpmix -D o.lpm tok | lpunpack -D o.lpm | same - others
    fails 3 'tok: has tokens of o200k_base' lpmix -D my.lpm tok
}

# Forced: there is little left to gain on these records.
@test "an adapted model is adapted further: -D" {
    lptrain -qf -L --dictionary=my.lpm -o again.lpm others
    refute cmp -s again.lpm my.lpm
    lptok others | lpmix -D again.lpm | lpunpack -D again.lpm | same - others
    lptrain -qf -L -D again.lpm -o again.lpm lines # onto itself
    lptok others | lpmix -D again.lpm | lpunpack -D again.lpm | same - others
}

@test "--new: a model from nothing, of an encoding that has none" {
    refused 3 'no model of r50k_base found: name one with -D, or make one with --new' \
        lptrain -q -e r50k_base -L -o r.lpm lines
    requests 301 500 > further
    lptrain -f --new -e r50k_base -s 64K -L -o r.lpm lines further 2> err
    err_is ''
    lptok -e r50k_base -L others > tok
    lpmix -D r.lpm tok > z.lp
    [ $((2 * $(size z.lp))) -lt "$(lpzstd -19 tok | wc -c)" ]
    lpunpack -D r.lpm z.lp | same - others
    lptrain -qf --new -e r50k_base -s 1K -L -o w.lpm 0.5:others 1:others
    lpmix -D w.lpm tok | lpunpack -D w.lpm | same - others
    # The model has no room for more.
    for i in {1..50}; do
        head -c 6000 "$DATA/prompts/game-master.txt"
        printf 'Question %d\0' $((i * 7919 % 1000))
    done > records
    expect 0 lptrain -e r50k_base -D w.lpm -0 -o x.lpm records
    grep -qx 'a dictionary is best for these records: use --zstd to make one' err
    refused 2 'a weight must be above 0' lptrain --new -o w.lpm 0:lines
    refused 2 'a weight must be above 0' lptrain --new -o w.lpm 1e-300:lines
    refused 1 'x:lines: cannot open' lptrain --new -o w.lpm x:lines
}

@test "-s: the size of a dictionary" {
    for option in -s4K --size=4096; do
        lptrain -q -L --zstd "$option" -o small.dict lines
        [ "$(size small.dict)" -le 4096 ]
        lptok -L others | lpzstd -D small.dict | lpunpack -D small.dict | same - others
    done
    refused 2 '-s: cannot change the size of an adapted model' lptrain -s 1M -o x.lpm lines
    refused 2 "-s: '1' is not a size from 1K to 64M bytes" lptrain --zstd -s 1 -o x.dict lines
}

# --- What it says --------------------------------------------------------------

# The ratio for blobs in the report's line with this text.
ratio() {
    awk -v text="$1" 'index($0, text) { print $1 }' err
}

@test "the report: ratios of records held out, before and after; what suits" {
    expect 0 lptrain -L -o x.lpm lines
    out_is ''
    same x.lpm my.lpm # made of all
    grep -qx "200 records, $(($(size lines) - 200)) bytes; 40 held out" err
    awk -v a="$(ratio 'base model')" -v b="$(ratio 'adapted')" -v c="$(ratio 'dictionary of')" \
        'BEGIN { exit !(a > 1.5 && b > 1.5 * a && c > 1 && b > c) }'
    grep -qx 'a model is best for these records' err
    expect 0 lptrain -L --zstd -o x.dict lines
    grep -qx 'a model is best for these records: omit --zstd to make one' err
}

@test "the ratio after is what the model of the others gives the records held out" {
    expect 0 lptrain -L -o x.lpm lines
    before=$(ratio 'base model')
    i=0
    sum=0
    # Any record will do for the base model: they are all alike.
    while read -r line; do
        n=$(printf %s "$line" | lptok --blob | lpmix --blob | wc -c)
        sum=$(awk -v s="$sum" -v t=${#line} -v n="$n" 'BEGIN { printf "%.4f", s + t / n }')
        i=$((i + 1))
    done < <(head -n 10 lines)
    awk -v a="$sum" -v n=$i -v b="$before" 'BEGIN { x = a / n / b; exit !(x > 0.95 && x < 1.05) }'
}

@test "without a model only the dictionary is measured" {
    expect 0 lptrain -e r50k_base -L --zstd -o x.dict lines
    grep -q 'a dictionary of the other records' err
    refute grep -q 'lpmix\|suits' err
}

@test "too few records: a warning, and no ratio of none" {
    head -n 3 lines > three
    expect 0 lptrain -L -o x.lpm three
    [ "$(head -n 1 err)" = 'lptrain: only 3 records: too few to estimate the gain' ]
    grep -qx "3 records, $(($(size three) - 3)) bytes; 0 held out" err
    [ "$(wc -l < err)" -eq 2 ]
    lptok -L others | lpmix -D x.lpm | lpunpack -D x.lpm | same - others
    expect 0 lptrain -D small.lpm -o x.lpm three
    [ "$(head -n 1 err)" = 'lptrain: only 1 record: too few to estimate the gain' ]
    head -n 5 lines | expect 0 lptrain -f -D small.lpm -L -o x.lpm
    grep -q '5 records, .* bytes; 1 held out' err
}

@test "few and tiny records: refused, or no comparison; zstd's trainer is not called" {
    for n in 1 2 3 7 8 9 10 12 13 15 16 17 20 24 50; do
        for text in 'seq N' 'seq -f %032.0f N' 'yes | head -N' 'seq 1e7 1e7 N0000000' \
            'yes "" | head -N; seq 9'; do
            bash -c "${text//N/$n}" > tiny
            status=0
            lptrain -qf -L --zstd -o x.dict tiny 2> err || status=$?
            [ $status -eq 0 ] || err_line lptrain 'for a dictionary: ' \
                ': at least 16 records and 256 bytes are needed'
            [ $status -eq 0 ] || [ $status -eq 3 ]
            [ -e x.dict ] || [ $status -eq 3 ]
            rm -f x.dict
        done
    done
    for n in 8 9 10 12 13; do # four fifths of 12 are 10 samples, which it crashed on
        seq $n > tiny
        refused 3 "too little for a dictionary: $n records, " lptrain -L --zstd -o x.dict tiny
        [ ! -e x.dict ]
        expect 0 lptrain -f -D small.lpm -L -o x.lpm tiny
        grep -qx 'no zstd dictionary to compare with: the other records are too few or too short' err
    done
    seq 1 > tiny
    refused 3 'too little for a dictionary: 1 record, 1 byte as tokens: at least 16 records' \
        lptrain -q -L --zstd -o x.dict tiny
    head -n 15 lines > fifteen
    refused 3 'too little for a dictionary: 15 records, ' lptrain -q -L --zstd -o x.dict fifteen
    head -n 16 lines | lptrain -q -L --zstd -o x.dict
    lptok -L others | lpzstd -D x.dict | lpunpack -D x.dict | same - others
}

# Lines of which the 40 that lptrain holds out are of a different kind than the rest.
odd_ones() {
    awk 'BEGIN {
        n = split("parcel refund meter roof visa customer letter answer question house", word)
        r = 12345
        for (i = 0; i < 200; i++) {
            if (i % 5 == 0) { # the generator of try.c, in two steps: a double has 53 bits
                r = ((r * 1664 % 4294967296) * 1000 + r * 525 + 1013904223) % 4294967296
                pick = i + int(r / 256) % 5
            }
            line = i == pick ? "Please write a short note on this" : ""
            for (k = 1; k <= 12; k++) {
                seed = (seed * 16807 + 11) % 2147483647
                if (i == pick) line = line " " word[seed % n + 1]
                else line = line sprintf("%c%c%c%c%c", 33 + seed % 90, 33 + int(seed / 90) % 90,
                    33 + int(seed / 8100) % 90, 33 + int(seed / 729000) % 90, 33 + seed % 83)
            }
            print line
        }
    }'
}

@test "what is worse than without it is refused, unless forced" {
    odd_ones > odd
    expect 3 lptrain -L -o x.lpm odd
    [[ $(tail -n 1 err) == 'lptrain: the adapted model is worse than the base model: mean '* ]]
    [[ $(tail -n 1 err) == *': mean ratio '?.??' with it, '?.??' without: use -f to make it anyway' ]]
    grep -q 'lpmix, the base model' err
    expect 3 lptrain -L --zstd -o x.dict odd
    [[ $(tail -n 1 err) == 'lptrain: the dictionary is worse than none: mean ratio '* ]]
    grep -q 'lpzstd -19, no dictionary' err
    [ ! -e x.lpm ] && [ ! -e x.dict ]
    refused 3 'the dictionary is worse' lptrain -q -L --zstd -o x.dict odd
    refused 3 'the adapted model is worse' lptrain -q -L -o - odd
    [ ! -e x.lpm ] && [ ! -e x.dict ]
    expect 0 lptrain -f -L -o x.lpm odd
    [[ $(tail -n 1 err) == 'lptrain: the adapted model is worse '*' without' ]]
    expect 0 lptrain --force -L --zstd -o x.dict odd
    [[ $(tail -n 1 err) == 'lptrain: the dictionary is worse '*' without' ]]
    expect 0 lptrain -qf -L -o y.lpm odd
    err_is ''
    same x.lpm y.lpm
    lptok -L odd | lpmix -D x.lpm | lpunpack -D x.lpm | same - odd
}

@test "--new of less text than it asks for is refused, unless forced" {
    refused 3 "$(($(size lines) - 200)) bytes of text: too little for --new, which needs 1 MiB: use -f" \
        lptrain --new -L -o x.lpm lines
    printf x > one
    refused 3 '1 byte of text: too little for --new' lptrain -q --new -o x.lpm one
    [ ! -e x.lpm ]
    lptrain -f --new -s 64K -L -o x.lpm lines
    lptok -L others | lpmix -D x.lpm | lpunpack -D x.lpm | same - others
    for i in {1..18}; do requests $((i * 1000)) $((i * 1000 + 320)); done > megabyte
    [ "$(size megabyte)" -gt 1060000 ]
    lptrain -q --new -e r50k_base -s 64K -L -o x.lpm megabyte # there is none to compare it with
}

@test "--new: a model that is worse than the one that ships is made only by force" {
    # A megabyte of digits teaches it nothing about the lines.
    python3 -c 'import random; random.seed(1); print("".join(random.choices("0123456789", k=1100000)))' > digits
    cat "$DATA"/prompts/*.txt | grep . >> digits
    refused 3 'the new model is worse than the existing one: mean ratio' \
        lptrain -q --new -s 1K -L -o x.lpm digits
    [ ! -e x.lpm ]
    lptrain --new -f -s 1K -L -o x.lpm digits 2> err
    grep -q 'lptrain: the new model is worse' err
    [ -s x.lpm ]
}

@test "-q: nothing is said" {
    for option in -q --quiet; do
        expect 0 lptrain -f $option -D small.lpm -L -o x.lpm few
        out_is ''
        err_is ''
        same x.lpm few.lpm
    done
}

@test "progress: on a terminal, and not with -q" {
    for _ in {1..5}; do cat lines others; done > long
    script -qec 'lptrain -L -o x.lpm long' typescript < /dev/null > out
    grep -q 'lptrain: [a-z]' out
    script -qec 'lptrain -q -L -o x.lpm long' typescript < /dev/null > out
    out_is ''
}

# --- Where it is found -----------------------------------------------------------

@test "--install: by its fingerprint, a model or dictionary is found" {
    lptok -L others > tok
    lpmix -D my.lpm tok > m.lp
    lpzstd -D my.dict tok > d.lp
    print=$(listed model m.lp)
    [[ $print =~ ^[0-9a-f]{16}$ ]]
    lpunpack -l m.lp | grep -q "needs model $print"
    lpunpack -l d.lp | grep -q "needs dictionary $(listed dictionary d.lp)"
    fails 3 "m.lp: needs the model of cl100k_base with fingerprint $print" lpunpack m.lp
    fails 3 'd.lp: needs the dictionary with fingerprint' lpunpack d.lp
    expect 0 lptrain --install my.lpm my.dict
    out_is "$HOME/.local/share/lopace/models/$print.lpm
$HOME/.local/share/lopace/models/$(listed dictionary d.lp).dict"
    lpunpack m.lp | same - others
    lpunpack d.lp | same - others
    expect 0 lptrain -q --install my.lpm # again
    out_is ''
    lpunpack m.lp | same - others
    rm -r home
    fails 3 'm.lp: needs the model' lpunpack m.lp
    XDG_DATA_HOME=$PWD/data lptrain -q --install my.lpm
    XDG_DATA_HOME=$PWD/data lpunpack m.lp | same - others
    LP_MODEL_PATH=my.lpm lpunpack m.lp | same - others
    LP_MODEL_PATH=$PWD/data/lopace/models lpunpack m.lp | same - others
}

@test "a model in the system's data directory is found too" {
    [ -x "$B/bin/lpunpack" ] || skip 'the commands are not in a build tree'
    lptok -L others | lpmix -D my.lpm > m.lp
    mkdir -p sys/bin sys/share/lopace
    cp "$B/bin/lpunpack" sys/bin
    cp -R "$B/lib" sys # data is looked for beside the library
    ln -s "$B"/vocab/*.lpv sys/share/lopace
    fails 3 "m.lp: needs the model" lpunpack m.lp
    cp my.lpm "sys/share/lopace/$(listed model m.lp).lpm"
    sys/bin/lpunpack m.lp | same - others
}

@test "--install: what is neither a model nor a zstd dictionary" {
    lptok -L lines > tok
    printf text | lptok --blob > a.blob
    cp "$B/vocab/cl100k_base.lpv" v.lpv
    : > empty
    head -c 5 my.lpm > begin # too short to tell
    head -c 3 my.dict > begin.dict
    head -c 100 my.dict > head.dict
    cp my.dict bad.dict
    printf '\377\377\377\377\377\377' | dd of=bad.dict bs=1 seek=8 conv=notrunc 2> /dev/null
    head -c 17M /dev/zero > large
    { cat my.dict large; } > large.dict
    mkfifo pipe
    mkdir dir
    neither='neither a model nor a zstd dictionary: use -f to install it as a raw-content dictionary'
    refused 3 "lines: is $neither" lptrain --install lines
    refused 3 "lines: is $neither" lptrain -q --install lines
    refused 3 "begin: is $neither" lptrain --install begin
    refused 3 "begin.dict: is $neither" lptrain --install begin.dict
    refused 3 "large: is $neither" lptrain --install large
    refused 3 "v.lpv: is a vocabulary, $neither" lptrain --install v.lpv
    refused 3 "tok: is a stream, $neither" lptrain --install tok
    refused 3 "a.blob: is a blob, $neither" lptrain --install a.blob
    for option in --install '-f --install'; do
        # shellcheck disable=SC2086 # words
        {
            refused 3 'empty: is empty, neither' lptrain $option empty
            refused 3 'head.dict: cannot use as a dictionary: damaged data' \
                lptrain $option head.dict
            refused 3 'bad.dict: cannot use as a dictionary: damaged data' \
                lptrain $option bad.dict
            refused 3 'large.dict: is larger than 16 MiB: too large for a dictionary' \
                lptrain $option large.dict
            expect 3 timeout 10 lptrain $option pipe
            err_line lptrain 'pipe: is not a regular file'
            refused 3 '/dev/null: is not a regular file' lptrain $option /dev/null
            refused 1 'dir: is a directory' lptrain $option dir
            refused 2 '--install needs files: it does not read standard input' \
                lptrain $option - < my.lpm
        }
    done
    refused 3 'large: is larger than 16 MiB' lptrain -f --install large
    [ ! -e home ]
    # Raw content, as any zstd compressor accepts.
    lpzstd -D lines tok > z.lp
    lptrain -q --install -f lines
    lpunpack z.lp | same - lines
    # A dictionary from zstd(1) works like ours.
    if command -v zstd > /dev/null; then
        split -l 1 lines
        zstd -q --train x* --maxdict=4096 -o other.dict
        lpzstd -D other.dict tok > z.lp
        lptrain -q --install other.dict
        lpunpack z.lp | same - lines
    fi
}

@test "--install: what is wrong" {
    refused 2 '--install needs at least one FILE' lptrain --install
    refused 2 '--install takes only files' lptrain --install -o x my.lpm
    refused 1 'nowhere: cannot open: No such file' lptrain --install nowhere
    head -c 5000 my.lpm > cut.lpm
    refused 3 'cut.lpm: cannot use as a model: damaged data' lptrain --install cut.lpm
    cp my.lpm bad.lpm
    printf '\xa5\x5a' | dd of=bad.lpm bs=1 seek=100000 conv=notrunc 2> /dev/null
    refused 3 'bad.lpm: cannot use as a model: damaged data' lptrain --install bad.lpm
    [ ! -e home ]
    HOME='' refused 1 'no place to install to: set HOME or XDG_DATA_HOME' lptrain --install my.lpm
    : > home
    refused 1 "home/.local: cannot create: Not a directory" lptrain --install my.lpm
    XDG_DATA_HOME=$PWD/data
    export XDG_DATA_HOME
    status=0
    lptrain --install my.lpm > /dev/full 2> err || status=$?
    [ $status -eq 1 ]
    err_line lptrain 'standard output: cannot write'
}

@test "--install: all of the files or none" {
    head -c 5000 my.lpm > cut.lpm
    refused 3 'cut.lpm: cannot use as a model: damaged data' lptrain --install my.lpm my.dict cut.lpm
    refused 3 'lines: is neither' lptrain --install my.lpm my.dict lines
    refused 1 'nowhere: cannot open' lptrain --install my.lpm my.dict nowhere
    [ ! -e home ]
    models=home/.local/share/lopace/models
    lptrain -q --install my.dict
    dict=$(cd $models && echo *.dict)
    rm $models/"$dict"
    mkdir $models/"$dict"
    expect 1 lptrain --install my.lpm my.dict # cannot be written
    [ "$(ls -A $models)" = "$dict" ]
    rmdir $models/"$dict"
    expect 0 lptrain --install my.lpm my.dict my.lpm
    [ "$(wc -l < out)" -eq 3 ]
    [ "$(find $models -type f | wc -l)" -eq 2 ]
}

# --- Output ---------------------------------------------------------------------

@test "-o - is standard output, and the report is not there" {
    lptrain -L -o - lines 2> err | same - my.lpm
    grep -q '40 held out' err
    lptrain -qf -D small.lpm -L --output=x.lpm few
    same x.lpm few.lpm
    status=0
    script -qec 'lptrain -q -L -o - lines' typescript < /dev/null > out || status=$?
    [ "$status" -eq 2 ]
    [[ $(< out) == 'lptrain: the output is binary and would go to a terminal: '* ]]
}

@test "a full disk, a closed pipe, no directory: exit 1, and an old file stays" {
    refused 1 '/dev/full: cannot write: No space left on device' \
        lptrain -qf -D small.lpm -L -o /dev/full few
    refused 1 'nowhere/x.lpm: cannot create: No such file or directory' \
        lptrain -q -L -o nowhere/x.lpm lines
    status=0
    (
        trap '' PIPE
        lptrain -qf -D small.lpm -L -o - few 2> err || echo $? > code
    ) | :
    [ "$(< code)" -eq 1 ]
    err_is ''
    echo old > x.lpm
    head -c 3000 my.lpm > base
    refused 3 'base: ' lptrain -q -L -D base -o x.lpm lines
    lptok -L lines | head -c 4000 > cut.lp
    refused 3 'cut.lp: at byte' lptrain -q -o x.lpm cut.lp
    [ "$(< x.lpm)" = old ]
    [ "$(compgen -G 'x.lpm.*')" = '' ]
}

# --- Errors ----------------------------------------------------------------------

@test "nothing to learn from" {
    : > empty
    refused 3 'no records: nothing to learn from' lptrain -q -o x.lpm empty
    refused 3 'no records' lptrain -q -o x.lpm < /dev/null
    printf '\0\0\0' > nuls
    refused 3 'no records' lptrain -q -0 -o x.lpm nuls
    lptok empty > empty.lp
    refused 3 'no records' lptrain -q -o x.lpm empty.lp
    [ ! -e x.lpm ]
}

@test "memory is bounded: a record of any size is not read to its end" {
    head -c 70M /dev/zero | expect 3 lptrain -o x.lpm
    [ "$(head -n 1 err)" = 'lptrain: using only the first 64 MiB of text' ]
    (
        sanitized || ulimit -v 1000000
        timeout 60 cat /dev/zero | expect 3 lptrain -q -o x.lpm
    )
    head -c 400M /dev/zero | lpzstd -1 --no-verify > zeros.lp
    (
        sanitized || ulimit -v 400000
        expect 3 lptrain -o x.lpm zeros.lp
    )
    [ "$(head -n 1 err)" = 'lptrain: using only the first 64 MiB of text' ]
}

@test "damaged streams, and those that need what is not there" {
    lptok -L lines > tok
    cp tok bad.lp
    printf '\xa5\x5a' | dd of=bad.lp bs=1 seek=3000 conv=notrunc 2> /dev/null
    refused 3 'bad.lp: at byte' lptrain -q -o x.lpm bad.lp
    lpmix -D my.lpm tok > m.lp
    refused 3 'm.lp: needs the model of cl100k_base with fingerprint' lptrain -q -o x.lpm m.lp
    lptrain -q --install my.lpm
    lptrain -q -o x.lpm m.lp
    same x.lpm my.lpm
}

@test "a base that is no model, or another encoding's" {
    refused 3 'lines: not a model' lptrain -D lines -o x.lpm -L lines
    refused 3 'my.dict: not a model' lptrain -D my.dict -o x.lpm -L lines
    refused 1 'nowhere: no such file, nor a model or dictionary' lptrain -D nowhere -o x.lpm lines
    refused 3 'my.lpm: is a model of cl100k_base, not of o200k_base: use -e cl100k_base' \
        lptrain -D my.lpm -e o200k_base -o x.lpm lines
    cp my.lpm bad.lpm
    printf '\xa5\x5a' | dd of=bad.lpm bs=1 seek=100000 conv=notrunc 2> /dev/null
    refused 3 'is damaged: install it again' lptrain -D bad.lpm -o x.lpm -L lines
}

@test "what cannot be read is one line and exit 1" {
    refused 1 'nowhere: cannot open: No such file or directory' lptrain -o x.lpm nowhere
    refused 1 '.: is a directory' lptrain -o x.lpm .
    refused 1 'nowhere: cannot open' lptrain -L -o x.lpm lines nowhere
    [ ! -e x.lpm ]
}

@test "wrong options are exit 2 and one line" {
    refused 2 '-o FILE is required' lptrain
    refused 2 "option '--output' needs an argument" lptrain -o
    refused 2 "unknown option '-x'" lptrain -x
    refused 2 "unknown option '--nothing'" lptrain --nothing
    refused 2 "unknown encoding or model 'x'" lptrain -e x -o x.lpm lines
    refused 2 '--zstd cannot be combined with --new or -D' lptrain --zstd --new -o x lines
    refused 2 '--zstd cannot be combined with --new or -D' lptrain --zstd -D my.lpm -o x lines
    refused 2 '--new cannot be combined with -D: it adapts no model' lptrain --new -D my.lpm -o x lines
}

@test "-h and --help, -V and --version" {
    for option in -h --help; do
        expect 0 lptrain $option
        err_is ''
        [[ $(head -n 1 out) == 'usage: lptrain [OPTION...] -o FILE [FILE...]' ]]
    done
    for option in -V --version; do
        expect 0 lptrain $option
        grep -qx 'lptrain (lopace) [0-9.]*' out
    done
    status=0
    lptrain --help > /dev/full 2> err || status=$?
    [ $status -eq 1 ]
    err_line lptrain 'standard output: cannot write: No space left on device'
}
