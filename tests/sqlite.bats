#!/usr/bin/env bats
# lopace.so, the extension of SQLite: every function and table, their errors, and the recipes of
# lopace-sqlite(3).

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    sqlite_ready
}

# sql DATABASE STATEMENT...: their output, and errors, with the extension loaded.
sql() {
    local database=$1
    shift
    printf '%s\n' "$@" | sqlite3 -batch -cmd '.load lopace' "$database"
}

# gives TEXT STATEMENT...: the statements print exactly that.
gives() {
    local text=$1
    shift
    expect 0 sql :memory: "$@"
    out_is "$text"
}

# errs TEXT STATEMENT...: the last fails with one line that contains TEXT.
errs() {
    local text=$1
    shift
    expect 1 sql :memory: "$@"
    [[ $(wc -l < err) -eq 1 && $(< err) == *"$text"* ]] || fail "not '$text': $(< err)"
}

# The prompts of the tests, each in a row of p(id, body).
prompts() {
    local n=0 file
    echo 'CREATE TABLE p(id INTEGER PRIMARY KEY, body);'
    for file in "$DATA"/prompts/*.txt; do
        n=$((n + 1))
        echo "INSERT INTO p VALUES ($n, CAST(readfile('$file') AS TEXT));"
    done
}

# The literal block after a heading of the page.
recipe() {
    awk -v heading=".Ss $1" '$0 == heading { here = 1 } here && /^\.Ed/ { exit }
        here && on { gsub(/\\e/, "\\"); print } here && /^\.Bd -literal/ { on = 1 }' \
        "$ROOT/man/lopace-sqlite.3"
}

@test "every method and encoding restores every prompt" {
    {
        prompts
        echo "CREATE TABLE way AS SELECT m.value AS method, e.value AS encoding
            FROM json_each('[\"mix\",\"fast\",\"hybrid\",\"token\",\"zstd\"]') m,
                json_each('[\"cl100k_base\",\"gpt-4o\"]') e
            UNION SELECT 'hybrid', value FROM json_each('[\"gpt2\",\"r50k_base\",\"p50k_base\",
                \"p50k_edit\",\"o200k_harmony\"]');
            CREATE TABLE q AS SELECT id, method, encoding, body, lp_pack(body, method, encoding) AS b
                FROM p, way;
            SELECT count(*), sum(lp_unpack(b) IS body),
                sum(lp_unpack_blob(b) IS CAST(body AS BLOB)), sum(lp_valid(b)),
                sum(lp_tokens(b, encoding) = lp_tokens(body, encoding)),
                sum(lp_slice(b, 0, 9) = lp_slice(body, 0, 9, lp_info(b) ->> 'encoding')),
                sum(lp_pack(b) IS b), sum(length(b) < length(CAST(body AS BLOB))) > 600 FROM q;"
    } > statements
    expect 0 sql :memory: "$(< statements)"
    out_is '630|630|630|630|630|630|630|1'
}

@test "packed values are those of the commands" {
    printf 'You are a helpful assistant. Answer in French.' > prompt
    lptok --blob prompt | lpmix --blob > mixed
    lptok -e gpt-4o --blob prompt > tokens
    gives '1|1' "SELECT lp_pack(readfile('prompt')) = readfile('mixed'),
        lp_pack(readfile('prompt'), 'token', 'gpt-4o') = readfile('tokens');"
    sql :memory: "SELECT writefile('cell', lp_pack(readfile('prompt'), 'fast'));" > out
    lpunpack cell | same - prompt
}

@test "NULL and numbers pass, and so does text that is not packed" {
    gives 'null|integer|real|null|integer|text' "SELECT typeof(lp_pack(NULL)), typeof(lp_pack(5)),
        typeof(lp_pack(0.5)), typeof(lp_unpack(NULL)), typeof(lp_unpack(5)), typeof(lp_unpack('plain'));"
    gives 'plain|plain|blob|5' "SELECT lp_unpack('plain'), CAST(lp_unpack_blob('plain') AS TEXT),
        typeof(lp_unpack_blob('plain')), lp_unpack_blob(5);"
    gives '||||||' "SELECT lp_unpack_blob(NULL), lp_tokens(NULL), lp_slice(NULL, 1, 2), lp_info(NULL),
        lp_info('plain'), lp_valid(NULL), lp_ratio(NULL);"
    gives '1|1|1.0|1' "SELECT lp_tokens(5), lp_valid('plain'), lp_ratio('plain'), lp_valid(7);"
    gives '0' "SELECT count(*) FROM lp_ids(NULL);"
}

@test "any bytes: empty, NUL, not UTF-8; a type for each function" {
    gives 'blob|text||blob|1' "SELECT typeof(lp_pack('')), typeof(lp_unpack(lp_pack(''))),
        lp_unpack(lp_pack('')), typeof(lp_unpack_blob(lp_pack(x''))), lp_pack('') = lp_pack(x'');"
    gives '610062|6100FF62' "SELECT hex(lp_unpack(lp_pack(CAST(x'610062' AS TEXT)))),
        hex(lp_unpack_blob(lp_pack(x'6100ff62')));"
    gives $'UTF-16le\nnaïve 🦊|6|1' "PRAGMA encoding = 'UTF-16';" \
        "CREATE TABLE t AS SELECT lp_pack('naïve 🦊', 'token', 'gpt-4o') AS b; PRAGMA encoding;" \
        "SELECT lp_unpack(b), lp_tokens(b), lp_valid(b) FROM t;"
    gives '0|1.0' "SELECT lp_tokens(lp_pack('')), lp_ratio('');"
}

@test "a database in UTF-16 gives no text that it would change" {
    printf 'ok\na\377b\n' | lptok -L > bad.lp
    local bytes reads
    for bytes in 41ff41 efbfbe efbfbf c3 eda080; do
        for reads in 'lp_unpack(b)' 'lp_slice(b, 0, 9)'; do
            gives "$bytes" "CREATE TABLE t AS SELECT lp_pack(CAST(x'$bytes' AS TEXT), 'token') AS b;
                SELECT lower(hex($reads)) FROM t;"
            errs 'no text that a UTF-16 database holds' "PRAGMA encoding = 'UTF-16';
                CREATE TABLE t AS SELECT lp_pack(x'$bytes', 'token') AS b; SELECT $reads FROM t;"
        done
        gives "$bytes" "PRAGMA encoding = 'UTF-16'; CREATE TABLE t AS SELECT
            lp_pack(x'$bytes', 'token') AS b; SELECT lower(hex(lp_unpack_blob(b))) FROM t;"
    done
    errs 'bad.lp: no text that a UTF-16' "PRAGMA encoding = 'UTF-16'; CREATE TABLE t(x);
        CREATE VIRTUAL TABLE temp.f USING lp_file('bad.lp'); SELECT text FROM f WHERE record = 2;"
    gives ok "PRAGMA encoding = 'UTF-16'; CREATE TABLE t(x);
        CREATE VIRTUAL TABLE temp.f USING lp_file('bad.lp'); SELECT text FROM f WHERE record = 1;"
}

@test "what is packed is packed no further, and what only looks so is refused" {
    gives 1 "SELECT lp_pack(lp_pack('abc', 'token'), 'mix') = lp_pack('abc', 'token');"
    errs 'lp_pack: begins like a packed value: ' "SELECT lp_pack(x'feff0041');"
    errs 'lp_pack: begins like a packed value: ' "SELECT lp_pack(x'fe1500000000');"
    lptok --blob --no-check "$DATA/prompts/french.txt" > unchecked
    errs 'lp_pack: begins like a packed value, which without' "SELECT lp_pack(readfile('unchecked'));"
    sql :memory: "SELECT writefile('text', lp_unpack(readfile('unchecked')));" > out
    same text "$DATA/prompts/french.txt"
}

@test "tokens: counted, sliced, listed" {
    gives '2|2|2|2|5' "SELECT lp_tokens('Hello world'), lp_tokens('Hello world', 'gpt-4o'),
        lp_tokens(lp_pack('Hello world')), lp_tokens(lp_pack('Hello world', 'zstd'), 'gpt-4o'),
        lp_tokens(lp_pack('one two three four five', 'hybrid', 'gpt2'));"
    gives $'0|9906|Hello\n1|1917| world' \
        "SELECT rowid, id, CAST(token AS TEXT) FROM lp_ids('Hello world');"
    gives $'13225\n2375' "SELECT id FROM lp_ids(lp_pack('Hello world'), 'gpt-4o');"
    gives '9906,1917' "SELECT group_concat(id) FROM lp_ids(lp_pack('Hello world', 'zstd'));"
    gives 'one two| two three| four five|five|one two three|||one|' \
        "CREATE TABLE t AS SELECT 'one two three four five' AS x;
        SELECT lp_slice(x, 0, 2), lp_slice(lp_pack(x), 1, 3), lp_slice(x, -2, NULL),
            ltrim(lp_slice(x, 4, 99)), lp_slice(lp_pack(x, 'zstd'), NULL, -2), lp_slice(x, 3, 3),
            lp_slice(x, 4, 3), lp_slice(x, -99, 1), lp_slice(x, 0, -99) FROM t;"
    gives $'3\n1\n4' "CREATE TABLE t(x); INSERT INTO t VALUES ('a b c'), (NULL), ('Hello');
        SELECT lp_tokens(x) FROM t WHERE x = 'a b c'; SELECT count(*) FROM t, lp_ids(t.x) WHERE id = 9906;
        SELECT count(*) FROM lp_ids('a b c') AS a, lp_ids('d e') AS b WHERE a.rowid <> b.rowid;"
    gives $'a b|gpt2|\na b|gpt2|\n1\n0' "SELECT x, encoding, parent FROM lp_ids('a b', 'gpt2');
        SELECT count(*) FROM lp_ids('a') WHERE x = 'a';
        SELECT count(*) FROM lp_ids('a') WHERE x = 'b';"
}

@test "slices are those of lptok, and together they are the text" {
    {
        prompts
        echo "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 39)
            SELECT count(*), sum(lp_slice(body, NULL, i) || lp_slice(body, i, NULL) = body),
                sum(lp_slice(body, NULL, -i - 1) || lp_slice(body, -i - 1, NULL) = body),
                sum(lp_slice(lp_pack(body, 'token'), i, i + 9) = lp_slice(body, i, i + 9)) FROM p, n;
            SELECT writefile('slices', group_concat(lp_slice(body, 2, -7), '')) FROM p;"
    } > statements
    expect 0 sql :memory: "$(< statements)"
    [ "$(head -n 1 out)" = '1680|1680|1680|1680' ]
    for file in "$DATA"/prompts/*.txt; do
        lptok --slice 2:-7 -q "$file"
    done | same - slices
}

@test "about packed values" {
    {
        prompts
        echo "SELECT lp_info(lp_pack(body)), lp_ratio(lp_pack(body)) > 2 FROM p WHERE id = 1;
            SELECT lp_info(lp_pack(body, 'fast', 'o200k_base')) ->> '\$.encoding',
                lp_info(lp_pack(body, 'zstd')) FROM p WHERE id = 1;
            SELECT lp_info(x'00'), lp_valid(x'00'), lp_valid(x''), lp_valid(substr(lp_pack(body), 2))
                FROM p WHERE id = 1;"
    } > statements
    expect 0 sql :memory: "$(< statements)"
    sed -E 's/"[0-9a-f]{16}"/"F"/; s/"[0-9a-f]{8}"/"C"/; s/:[0-9]+/:N/' out > words
    diff - words << 'END'
{"method":"mix","encoding":"cl100k_base","dictionary":null,"model":"F","parent":null,"check":"C","stored_bytes":N}|1
o200k_base|{"method":"zstd","encoding":null,"dictionary":null,"model":null,"parent":null,"check":"C","stored_bytes":N}
|0|0|0
END
    gives "$(lptok -V | awk 'NR == 1 { print $3 }')" "SELECT lp_version();"
}

@test "a value packed with a parent" {
    local one="readfile('$DATA/prompts/agent-rules.txt')"
    {
        echo "CREATE TABLE t AS SELECT CAST($one AS TEXT) AS a, replace(CAST($one AS TEXT), 'main', 'release') AS b;
            CREATE TABLE c AS SELECT a, b, lp_pack(b, 'mix', NULL, a) AS with_a, lp_pack(b) AS alone,
                lp_pack(b, 'hybrid', NULL, lp_pack(a)) AS with_packed FROM t;
            SELECT length(with_a) * 4 < length(alone), lp_info(with_a) ->> 'parent' IS NOT NULL,
                lp_unpack(with_a, a) = b, lp_unpack(with_packed, lp_pack(a, 'token')) = b,
                lp_unpack(alone, a) = b, CAST(lp_unpack_blob(with_a, a) AS TEXT) = b,
                lp_tokens(with_a, NULL, a) = lp_tokens(b),
                lp_tokens(with_packed, 'gpt2', a) = lp_tokens(b, 'gpt2'),
                lp_slice(with_a, 5, 20, NULL, a) = lp_slice(b, 5, 20),
                lp_valid(with_a, a), lp_valid(with_a), lp_valid(with_a, b), lp_ratio(with_a, a) > 10,
                lp_pack(with_a, NULL, NULL, a) = with_a,
                (SELECT count(*) FROM lp_ids(with_a, NULL, a)) = lp_tokens(b) FROM c;"
    } > statements
    expect 0 sql :memory: "$(< statements)"
    out_is '1|1|1|1|1|1|1|1|1|1|0|0|1|1|1'
    for wrong in "lp_unpack(with_a)" "lp_unpack(with_a, b)" "lp_tokens(with_a)" "lp_pack(with_a)"; do
        expect 1 sql :memory: "$(sed '/SELECT length/,$d' statements)" "SELECT $wrong FROM c;"
        grep -q 'lp_[a-z]*: needs the text that it was packed with, whose check is [0-9a-f]\{8\}: give it as the parent' err
    done
    errs 'lp_pack: the method zstd takes no parent' "SELECT lp_pack('a', 'zstd', NULL, 'b');"
    # A parent that is not needed is not looked at; to pack it is.
    gives a "SELECT lp_unpack(lp_pack('a'), x'00');"
    errs 'lp_pack: not a packed value' "SELECT lp_pack('a', 'mix', NULL, x'00');"
}

@test "errors: one line that says what and why" {
    errs 'lp_unpack: not a packed value, which lp_pack() makes' "SELECT lp_unpack(x'41');"
    errs 'lp_unpack: not a packed value' "SELECT lp_unpack(x'');"
    errs 'lp_unpack: damaged data' "SELECT lp_unpack(x'fe1500000000');"
    errs 'lp_tokens: not a packed value' "SELECT lp_tokens(x'41');"
    errs "lp_pack: unknown method 'best': mix, fast, hybrid, token, zstd" "SELECT lp_pack('x', 'best');"
    errs "lp_pack: unknown encoding or model 'gpt-0'" "SELECT lp_pack('x', 'mix', 'gpt-0');"
    errs "lp_tokens: unknown encoding or model 'gpt-0'" "SELECT lp_tokens(lp_pack('x'), 'gpt-0');"
    errs "lp_ids: unknown encoding or model 'gpt-0'" "SELECT * FROM lp_ids('x', 'gpt-0');"
    errs 'lp_ids: needs a text or a packed value' 'SELECT * FROM lp_ids;'
    errs 'lp_pack: no model of gpt2 in ' "SELECT lp_pack('x', 'mix', 'gpt2');"
    errs 'lp_pack: 67108865 bytes in one value: at most 67108864' \
        "SELECT lp_pack(CAST(zeroblob(67108865) AS TEXT));"
    echo text | lptok > stream
    errs 'lp_unpack: a stream, not a packed value: lp_file reads streams' "SELECT lp_unpack(readfile('stream'));"
}

@test "what is missing is named, with where it was sought" {
    mkdir none
    sql :memory: "SELECT writefile('cell', lp_pack('You are a helpful assistant, are you not?'));" > out
    LP_VOCAB_PATH=$PWD/none errs "lp_pack: vocabulary cl100k_base.lpv not found in $PWD/none: set LP_VOCAB_PATH" \
        "SELECT lp_pack('x');"
    LP_VOCAB_PATH=$PWD/none errs "lp_unpack: vocabulary cl100k_base with fingerprint" \
        "SELECT lp_unpack(readfile('cell'));"
    # Of a mixed value the count is in its first bytes.
    LP_VOCAB_PATH=$PWD/none gives 10 "SELECT lp_tokens(readfile('cell'));"
    : > none/cl100k_base.lpv
    LP_VOCAB_PATH=$PWD/none errs "$PWD/none/cl100k_base.lpv: cannot use: " "SELECT lp_pack('x');"
}

@test "a model and a dictionary of one's own" {
    "$ROOT/tests/other-model" "$B/vocab/cl100k_base.lpm" other.lpm
    lptrain -q --zstd -s 4K -f -L -o own.dict "$DATA"/prompts/*.txt
    expect 0 sql p.db "CREATE TABLE t(body); INSERT INTO t SELECT CAST(readfile('$DATA/prompts/rag.txt') AS TEXT);
        CREATE TABLE u AS SELECT lp_pack(body) AS before, lp_load('other.lpm') AS name, lp_pack(body) AS after,
            lp_load('own.dict') AS dict, lp_pack(body, 'hybrid') AS hybrid, body FROM t;
        SELECT name = lp_info(after) ->> 'model', name <> lp_info(before) ->> 'model',
            dict = lp_info(hybrid) ->> 'dictionary', lp_unpack(after) = body, lp_unpack(before) = body,
            lp_unpack(hybrid) = body FROM u;"
    out_is '1|1|1|1|1|1'
    # Another connection has to load them.
    expect 1 sql p.db 'SELECT lp_unpack(after) FROM u;'
    grep -q 'lp_unpack: needs the model of cl100k_base with fingerprint [0-9a-f]\{16\}, not found in .*: lp_load() it, or put it there' err
    expect 1 sql p.db 'SELECT lp_unpack(hybrid) FROM u;'
    grep -q 'lp_unpack: needs the dictionary with fingerprint' err
    expect 0 sql p.db "SELECT lp_load('other.lpm') <> '', lp_load('own.dict') <> '', lp_load('other.lpm') <> '';
        SELECT lp_unpack(after) = body, lp_unpack(hybrid) = body, lp_info(lp_pack(body)) ->> 'model' = name FROM u;"
    out_is $'1|1|1\n1|1|1'
    # What a table is reading with stays open.
    lptok -L "$DATA"/prompts/*.txt | lpmix -D other.lpm > other.lp
    expect 0 sql :memory: "SELECT length(lp_load('other.lpm'));" \
        "CREATE VIRTUAL TABLE f USING lp_file('other.lp');" \
        "SELECT DISTINCT length(lp_load('other.lpm')), typeof(text) FROM f WHERE record < 9;"
    out_is $'16\n16|text'
    errs 'lp_load: none: cannot open: No such file or directory' "SELECT lp_load('none');"
    errs 'unsafe use of lp_load()' "CREATE VIEW v AS SELECT lp_load('other.lpm'); SELECT * FROM v;"
}

@test "lp_file: the records of a stream, by number" {
    cat "$DATA"/prompts/*.txt | grep . > lines
    lptok -L -B 2K lines | lpzstd > lines.lp
    expect 0 sql :memory: "CREATE VIRTUAL TABLE f USING lp_file('lines.lp');" \
        'SELECT text FROM f;'
    same out lines
    local n
    n=$(wc -l < lines)
    gives "$n|1|$n|$n" "CREATE VIRTUAL TABLE f USING lp_file(lines.lp);
        SELECT count(*), min(record), max(record), count(DISTINCT rowid) FROM f;"
    for where in 'record = 17' 'record > 5 AND record <= 9' 'record >= 5 AND record < 9' \
        'record BETWEEN 240 AND 1000' 'record IN (7, 3, 99999, -1)' "record < 'abc'" "record > 'abc'" \
        'record < 2.5' 'record >= 2.5 AND record <= 4.5' 'record = 2.5' "record = '3'" 'record < -1' \
        'record > NULL' 'record = NULL' 'record <= 1e30' "record = x'00'" 'record > 3 AND record > 8' \
        'rowid = 4 AND record < 3' 'record IS 5' 'NOT record > 3'; do
        for order in '' 'ORDER BY record' 'ORDER BY record DESC' 'ORDER BY text, record' \
            'ORDER BY record DESC LIMIT 2 OFFSET 1'; do
            # A plain table of the same, asked the same.
            echo "SELECT record, text FROM f WHERE $where $order;"
        done
    done > questions
    {
        echo "CREATE VIRTUAL TABLE f USING lp_file('lines.lp');"
        cat questions
    } > asked
    {
        echo "CREATE VIRTUAL TABLE g USING lp_file('lines.lp');
            CREATE TABLE f(record INTEGER PRIMARY KEY, text TEXT); INSERT INTO f SELECT * FROM g;"
        cat questions
    } > plain
    sql :memory: "$(< plain)" > expected
    [ "$(wc -l < expected)" -gt 1000 ]
    expect 0 sql :memory: "$(< asked)"
    same expected out
    expect 0 sql :memory: "CREATE VIRTUAL TABLE f USING lp_file('lines.lp');" \
        'EXPLAIN QUERY PLAN SELECT text FROM f WHERE record = 3;' \
        'EXPLAIN QUERY PLAN SELECT text FROM f WHERE record > 3 AND record < 9 ORDER BY record DESC;'
    grep -q 'VIRTUAL TABLE INDEX 1:' out
    grep -q 'VIRTUAL TABLE INDEX 14:' out
    refute grep -q 'USE TEMP B-TREE' out
}

@test "lp_file: separators, segments, and a file that changes" {
    printf 'a\nb\n\nlast' > lines
    printf 'x\ny\0z\n\0' > nuls
    printf 'whole\n' > whole
    { lptok -L lines && lptok -0 nuls && lptok whole; } > "it's.lp"
    gives "a|b||last|x
y|z
|whole
" "CREATE VIRTUAL TABLE f USING lp_file('it''s.lp');
        SELECT group_concat(text, '|') FROM (SELECT text FROM f ORDER BY record);"
    expect 0 sql p.db "CREATE VIRTUAL TABLE f USING lp_file('it''s.lp');"
    lptok whole >> "it's.lp"
    expect 0 sql p.db 'SELECT count(*), (SELECT hex(text) FROM f WHERE record = 8) FROM f;'
    out_is '8|77686F6C650A'
    : > "it's.lp" # as a crash may leave it: no stream of no records
    expect 1 sql p.db 'SELECT count(*) FROM f;'
    grep -q "lp_file: it's.lp: not a stream" err
    rm "it's.lp"
    expect 1 sql p.db 'SELECT count(*) FROM f;'
    grep -q "lp_file: it's.lp: cannot open: No such file" err
    expect 0 sql p.db 'DROP TABLE f;'
}

@test "lp_file: what it refuses" {
    echo text > text
    lptok -L "$DATA"/prompts/*.txt > s.lp
    head -c 500 s.lp > cut.lp
    { head -c 300 s.lp && printf X && tail -c +302 s.lp; } > damaged.lp
    mkfifo fifo
    errs 'lp_file: none.lp: cannot open: No such file' "CREATE VIRTUAL TABLE f USING lp_file('none.lp');"
    errs 'lp_file: text: not a stream: lptok makes one' "CREATE VIRTUAL TABLE f USING lp_file('text');"
    : > empty
    errs 'lp_file: empty: not a stream: lptok makes one' "CREATE VIRTUAL TABLE f USING lp_file('empty');"
    errs 'lp_file: fifo: not a regular file' "CREATE VIRTUAL TABLE f USING lp_file('fifo');"
    errs 'lp_file: cut.lp: truncated data at byte ' "CREATE VIRTUAL TABLE f USING lp_file('cut.lp');"
    errs 'lp_file: damaged.lp: damaged data at byte ' "CREATE VIRTUAL TABLE f USING lp_file('damaged.lp');
        SELECT sum(length(text)) FROM f;"
    errs 'lp_file: takes the name of one file' 'CREATE VIRTUAL TABLE f USING lp_file;'
    errs 'may not be modified' "CREATE VIRTUAL TABLE f USING lp_file('s.lp'); DELETE FROM f;"
    errs 'unsafe use of virtual table "f"' "CREATE VIRTUAL TABLE f USING lp_file('s.lp');
        CREATE VIEW v AS SELECT * FROM f; SELECT * FROM v;"
}

@test "no flipped bit of a packed value gives other text" {
    for method in mix fast hybrid token zstd; do
        echo "SELECT hex(lp_pack(CAST(readfile('$DATA/prompts/short-3.txt') AS TEXT), '$method'));"
    done > statements
    sql :memory: "$(< statements)" > packed
    python3 -c "
for line in open('packed'):
    good = bytes.fromhex(line)
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        print(\"SELECT lp_unpack(x'%s');\" % bad.hex())
        print(\"SELECT 'valid', lp_valid(x'%s');\" % bad.hex())" > flipped
    sqlite3 -cmd '.load lopace' :memory: < flipped > out 2> err || true
    # Some bits do not count; then it is the same text.
    [ "$(grep -v '^valid' out | sort -u)" = "$(< "$DATA/prompts/short-3.txt")" ]
    [ "$(grep -c '^valid|1' out)" -eq "$(grep -vc '^valid' out)" ]
    [ "$(grep -c '^valid|0' out)" -eq "$(wc -l < err)" ]
    [ "$(wc -l < err)" -gt 1000 ]
    refute grep -v 'lp_unpack: ' err
    refute grep 'internal' err
}

@test "in views, triggers, CHECK constraints and indexes, of a schema that is not trusted too" {
    gives '5 tokens' 'PRAGMA trusted_schema = OFF;' \
        "CREATE TABLE t(body BLOB CHECK (lp_valid(body)), n INT);" \
        "CREATE VIEW v AS SELECT lp_unpack(body) AS body, lp_tokens(body) AS n FROM t;" \
        "CREATE TRIGGER i INSTEAD OF INSERT ON v BEGIN INSERT INTO t(body) VALUES (lp_pack(new.body)); END;" \
        "CREATE INDEX x ON t(lp_tokens(body));" \
        "INSERT INTO v(body) VALUES ('one two three four five'), ('one');" \
        "SELECT n || ' tokens' FROM v WHERE n > 2;"
    errs 'CHECK constraint failed' 'CREATE TABLE t(body CHECK (lp_valid(body)));' "INSERT INTO t VALUES (x'00');"
}

@test "SQLite's limit for the length of a value holds" {
    errs 'lp_unpack: more text than allowed' "CREATE TABLE t AS SELECT lp_pack(CAST(zeroblob(20000) AS TEXT)) AS b;" \
        '.limit length 10000' 'SELECT length(lp_unpack(b)) FROM t;'
    gives '9000' "CREATE TABLE t AS SELECT lp_pack(CAST(zeroblob(9000) AS TEXT)) AS b;" \
        "SELECT length(lp_unpack_blob(b)) FROM t;"
}

@test "Transparent table: the recipe of the page" {
    recipe 'A transparent table' > recipe.sql
    [ -s recipe.sql ]
    expect 0 sql p.db '.read recipe.sql' \
        "INSERT INTO prompt(model, body) VALUES ('gpt-4', 'You are a helpful assistant.'), ('gpt-4', 'Summarise the text in three points.');" \
        "UPDATE prompt SET body = 'You are a terse assistant.' WHERE id = 1;" \
        "UPDATE prompt SET model = 'o3' WHERE id = 2;" \
        'SELECT id, model, body, ntokens FROM prompt;' 'SELECT typeof(body), ntokens FROM prompt_packed;'
    out_is $'1|gpt-4|You are a terse assistant.|6\n2|o3|Summarise the text in three points.|9\nblob|6\nblob|9'
    # What the page says does not work through a view.
    expect 0 sql p.db "INSERT INTO prompt(model, body) VALUES ('x', 'y');" 'SELECT changes(), last_insert_rowid();'
    out_is '0|0'
    expect 1 sql p.db "INSERT INTO prompt(id, body) VALUES (1, 'z') ON CONFLICT(id) DO UPDATE SET body = 'z';"
    grep -q 'cannot UPSERT a view' err
    expect 0 sql p.db "DELETE FROM prompt WHERE model = 'x';" 'SELECT count(*) FROM prompt_packed;'
    out_is 2
    # Without the extension all but the text can be read and written, and plain text is read through it.
    expect 0 sqlite3 p.db "PRAGMA integrity_check; SELECT id, ntokens FROM prompt_packed WHERE ntokens > 6;
        INSERT INTO prompt_packed(model, body) VALUES ('m', 'plain'); DELETE FROM prompt_packed WHERE id = 1;"
    out_is $'ok\n2|9'
    expect 0 sql p.db 'SELECT body FROM prompt;'
    out_is $'Summarise the text in three points.\nplain'
    # A column of text becomes a packed one bit by bit.
    expect 0 sql p.db "UPDATE prompt_packed SET body = lp_pack(body), ntokens = lp_tokens(body) WHERE typeof(body) = 'text';" \
        "SELECT typeof(body) FROM prompt_packed GROUP BY 1;" 'SELECT body FROM prompt WHERE ntokens < 3;'
    out_is $'blob\nplain'
}

@test "full-text search of packed rows: the recipe of the page" {
    recipe 'A transparent table' > recipe.sql
    recipe 'Full-text search' > search.sql
    [ -s search.sql ]
    expect 0 sql p.db '.read recipe.sql' '.read search.sql' \
        "INSERT INTO prompt(model, body) VALUES ('a', 'Translate the text into French.'), ('b', 'Summarise the report.');" \
        "SELECT rowid, snippet(prompt_search, 0, '[', ']', '...', 4) FROM prompt_search WHERE prompt_search MATCH 'french';" \
        "UPDATE prompt SET body = 'Translate the text into Greek.' WHERE id = 1;" \
        "SELECT count(*) FROM prompt_search('french'); SELECT rowid FROM prompt_search('greek');" \
        "DELETE FROM prompt WHERE id = 1;" "SELECT count(*) FROM prompt_search('greek');" \
        "INSERT INTO prompt_search(prompt_search, rank) VALUES ('integrity-check', 1);" \
        "INSERT OR IGNORE INTO prompt(id, body) VALUES (2, 'report');" \
        "INSERT INTO prompt_search(prompt_search, rank) VALUES ('integrity-check', 1);" \
        "INSERT INTO prompt_search(prompt_search) VALUES ('rebuild');" \
        "SELECT p.model FROM prompt_search s JOIN prompt p ON p.id = s.rowid WHERE prompt_search MATCH 'report';"
    out_is $'1|...the text into [French].\n0\n1\n0\nb'
}

@test "the examples of the page work, and print what they show" {
    local page=$ROOT/man/lopace-sqlite.3
    awk '/^\.Sh/ { here = $2 == "EXAMPLES" } /^\.Ed/ { on = 0 } here && on { gsub(/\\e/, "\\"); print }
        /^\.Bd -literal/ { on = 1 }' "$page" > shown
    lptok -L "$DATA"/prompts/*.txt > log.lp
    [ "$(grep -c '^sqlite> ' shown)" -gt 5 ]
    sed -n 's/^sqlite> //p; s/^   \.\.\.> //p' shown > typed
    expect 0 sqlite3 p.db < typed
    diff <(grep -v '^sqlite> \|^   \.\.\.> ' shown | sed -E 's/[0-9]+(\.[0-9]+)?/N/g') \
        <(sed -E 's/[0-9]+(\.[0-9]+)?/N/g' out)
}

@test "an interrupt ends the work on a long value" {
    cat > interrupt.py << 'END'
import sqlite3, sys, threading
db = sqlite3.connect(":memory:", check_same_thread=False)
db.enable_load_extension(True)
db.load_extension(sys.argv[1])
text = open(sys.argv[2], encoding="utf-8").read()
text *= 20_000_000 // len(text)
packed = db.execute("SELECT lp_pack(?, 'token')", (text[:10_000_000],)).fetchone()[0]
def interrupt(done):
    while not done.wait(0.01):
        db.interrupt()
for sql, value in (("SELECT lp_pack(?)", text), ("SELECT lp_tokens(?)", text),
                   ("SELECT count(*) FROM lp_ids(?)", text), ("SELECT lp_slice(?, 1, 2)", text)):
    done = threading.Event()
    thread = threading.Thread(target=interrupt, args=(done,))
    thread.start()
    try:
        db.execute(sql, (value,)).fetchone()
    except sqlite3.OperationalError as error:
        # SQLite itself may meet it first, between two rows or values.
        assert str(error).endswith("interrupted"), error
        print(sql.split("lp_")[1].split("(")[0])
    done.set()
    thread.join()
# The connection works on, and closes without a statement left.
assert db.execute("SELECT lp_unpack(lp_pack('on'))").fetchone() == ("on",)
assert db.execute("SELECT length(lp_unpack(?))", (packed,)).fetchone()[0] == 10_000_000
db.close()
END
    local python=/usr/bin/python3
    [ -x $python ] || python=python3
    python_loads "$python"
    in_python "$python" interrupt.py "$SQLITE_EXTENSION" "$DATA/prompts/agent-rules.txt" > out
    diff - out << 'END'
pack
tokens
ids
slice
END
}

# in_python PYTHON FILE ARGUMENT...: runs a program that loads lopace.so. Python itself leaks.
in_python() {
    ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS with_lopace "$@"
}

# check.py: what every SQLite does with the same binary.
make_check() {
    cat > check.py << 'END'
import glob, importlib, sys, threading
sqlite3 = importlib.import_module(sys.argv[1])
extension, folder = sys.argv[2:4]
texts = [open(path, encoding="utf-8", newline="").read() for path in sorted(glob.glob(folder + "/*.txt"))]
def connect(path):
    db = sqlite3.connect(path, check_same_thread=False)
    db.enable_load_extension(True)
    db.load_extension(extension)
    return db
db = connect("p.db")
db.execute("CREATE TABLE p(id INTEGER PRIMARY KEY, body BLOB)")
db.executemany("INSERT INTO p(body) VALUES (lp_pack(?, ?))",
               ((t, ("mix", "fast", "hybrid")[i % 3]) for i, t in enumerate(texts)))
db.commit()
wrong = []
def read():
    own = connect("p.db")
    for _ in range(3):
        if [row[0] for row in own.execute("SELECT lp_unpack(body) FROM p ORDER BY id")] != texts:
            wrong.append(1)
    own.close()
threads = [threading.Thread(target=read) for _ in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
assert not wrong
n = db.execute("SELECT sum(lp_tokens(body)), (SELECT count(*) FROM p, lp_ids(p.body)) FROM p").fetchone()
assert n[0] == n[1] > 1000
try:
    db.execute("SELECT lp_unpack(x'41')")
    raise SystemExit("no error")
except sqlite3.OperationalError as error:
    assert str(error).startswith("lp_unpack: not a packed value")
db.close()
print("right")
END
}

@test "python3's sqlite3, with a connection in each of four threads" {
    local python=/usr/bin/python3
    [ -x $python ] || python=python3
    python_loads "$python"
    make_check
    in_python "$python" check.py sqlite3 "$SQLITE_EXTENSION" "$DATA/prompts" > out
    out_is right
}

@test "a newer SQLite, of PyPI" {
    local python
    python=$("$ROOT/scripts/pypi" "$B/sqlite-venv" pysqlite3-binary 2> pip) ||
        skip "cannot install pysqlite3-binary: $(tail -n 1 pip)"
    make_check
    in_python "$python" check.py pysqlite3 "$SQLITE_EXTENSION" "$DATA/prompts" > out
    out_is right
}

@test "lopace.so shows nothing but its entry point, and needs libzstd alone" {
    sanitized && skip 'a sanitizer adds to it'
    [ "$(nm -D --defined-only "$SQLITE_EXTENSION" | awk '{ print $3 }')" = sqlite3_lopace_init ]
    readelf -d "$SQLITE_EXTENSION" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' > needed
    refute grep -vE '^(libzstd\.so\.1|libc\.so\.6|ld-linux.*|lib(pthread|dl)\..*)$' needed
}

@test "memory and files that fail: every call says so, gives back all memory, and then works" {
    [ -e "$B/inject/sqlite" ] || skip 'needs glibc, and no sanitizer'
    lptok -L -B 1K "$DATA/prompts/agent-rules.txt" > s.lp
    "$B/inject/sqlite" "$SQLITE_EXTENSION" s.lp "$B/vocab/cl100k_base.lpm"
}
