#!/usr/bin/env bats
# lopace, the extension of PostgreSQL, in a server of its own: every function and error, what a
# server asks of an extension, and the recipes of lopace-postgres(3).
# shellcheck disable=SC2016 # what is in single quotes is for psql

load helpers

setup_file() {
    postgres_start
}

teardown_file() {
    postgres_stop
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    [ -e "$PG_DIR/data/postmaster.pid" ] || "$ROOT/scripts/postgres-server" start "$PG_DIR"
}

# sql STATEMENT...: their output, and errors, of one line each.
sql() {
    printf '%s\n' '\set VERBOSITY terse' "$@" | psql -X -q -A -t -v ON_ERROR_STOP=1 -f -
}

# gives TEXT STATEMENT...: the statements print exactly that.
gives() {
    local text=$1
    shift
    expect 0 sql "$@"
    out_is "$text"
}

# errs TEXT STATEMENT...: the last fails with one line that contains TEXT.
errs() {
    local text=$1
    shift
    expect 3 sql "$@"
    [[ $(wc -l < err) -eq 1 && $(< err) == *"ERROR:  $text"* ]] || fail "not '$text': $(< err)"
}

# The prompts of the tests, each in a row of p(id, body); KIND: TEMP, UNLOGGED or nothing.
prompts() {
    echo "CREATE ${1-TEMP} TABLE p AS SELECT row_number() OVER (ORDER BY f COLLATE \"C\")::int AS id,
        pg_read_file('$PG_DIR/prompts/' || f) AS body
        FROM pg_ls_dir('$PG_DIR/prompts') f WHERE f LIKE '%.txt';"
}

@test "every method and encoding restores every prompt" {
    gives '630|630|630|630|630|630|630|630|t' "$(prompts)" \
        "CREATE TEMP TABLE way AS SELECT m AS method, e AS encoding
            FROM unnest('{mix,fast,hybrid,token,zstd}'::text[]) m, unnest('{cl100k_base,gpt-4o}'::text[]) e
            UNION SELECT 'hybrid', unnest('{gpt2,r50k_base,p50k_base,p50k_edit,o200k_harmony}'::text[]);
        CREATE TEMP TABLE q AS SELECT id, method, encoding, body, lp_pack(body, method, encoding) AS b
            FROM p, way;
        SELECT count(*), sum((lp_unpack(b) = body)::int),
            sum((lp_unpack_bytea(b) = convert_to(body, 'UTF8'))::int), sum(lp_valid(b)::int),
            sum((lp_token_count(b, encoding) = lp_token_count(body, encoding))::int),
            sum((lp_encode(b, encoding) = lp_encode(body, encoding))::int),
            sum((lp_slice(b, 0, 9, encoding) = lp_slice(body, 0, 9, encoding))::int),
            sum((lp_pack(b) = b)::int), sum((length(b) < octet_length(body))::int) > 600 FROM q;"
}

@test "make installcheck: pg_regress, in a database of its own" {
    expect 0 make -s -C "$B/postgres" -f "$ROOT/lib/ext/postgres/Makefile" installcheck LIBLP="$B/lib/liblp.a" ||
        fail "$(cat "$B/postgres/regression.diffs")"
    grep -q 'All 1 tests passed' out
}

@test "packed values are those of the commands" {
    printf 'You are a helpful assistant. Answer in French.' > prompt
    lptok --blob prompt | lpmix --blob > mixed
    lptok -e gpt-4o --blob prompt > tokens
    gives "$(od -An -v -tx1 mixed | tr -d ' \n')|$(od -An -v -tx1 tokens | tr -d ' \n')" \
        "SELECT encode(lp_pack(x), 'hex'), encode(lp_pack(x, 'token', 'gpt-4o'), 'hex')
            FROM (VALUES ('$(< prompt)')) v(x);"
    sql "SELECT encode(lp_pack('$(< prompt)', 'fast'), 'hex');" | unhex > cell
    lpunpack cell | same - prompt
}

@test "NULL, the empty text, any bytes; defaults" {
    gives '||||||||||' "SELECT lp_pack(NULL::text), lp_pack(NULL::bytea), lp_unpack(NULL), lp_unpack_bytea(NULL),
        lp_token_count(NULL::text), lp_token_count(NULL::bytea), lp_encode(NULL::text), lp_decode(NULL),
        lp_slice(NULL::text, 1, 2), lp_info(NULL), lp_valid(NULL);"
    gives '0|0' "SELECT count(*), (SELECT count(*) FROM lp_chunk('', 3)) FROM lp_chunk(NULL::text, 3);"
    gives 't|t|t|t|0|{}||' "SELECT lp_pack('a', NULL, NULL) = lp_pack('a'), lp_unpack(lp_pack('a'), NULL) = 'a',
        lp_unpack(lp_pack('')) = '', lp_pack('') = lp_pack(''::bytea), lp_token_count(lp_pack('')),
        lp_encode(''), lp_decode('{}'), lp_slice('', 0, 5);"
    gives '6100ff62' "SELECT encode(lp_unpack_bytea(lp_pack('\\x6100ff62'::bytea)), 'hex');"
    errs 'invalid byte sequence for encoding "UTF8": 0x00' "SELECT lp_unpack(lp_pack('\\x6100'::bytea));"
    errs 'invalid byte sequence for encoding "UTF8": 0xff' "SELECT lp_unpack(lp_pack('\\x61ff62'::bytea));"
    gives 'bytea|text|bytea|integer|integer[]|text|jsonb|boolean' "SELECT pg_typeof(lp_pack('a')),
        pg_typeof(lp_unpack(lp_pack('a'))), pg_typeof(lp_unpack_bytea(lp_pack('a'))), pg_typeof(lp_token_count('a')),
        pg_typeof(lp_encode('a')), pg_typeof(lp_decode('{1}')), pg_typeof(lp_info(lp_pack('a'))),
        pg_typeof(lp_valid(lp_pack('a')));"
}

@test "what is packed is packed no further, and what only looks so is refused" {
    gives t "SELECT lp_pack(lp_pack('abc', 'token'), 'mix') = lp_pack('abc', 'token');"
    errs 'lp_pack: begins like a packed value: ' "SELECT lp_pack('\\xfeff0041'::bytea);"
    errs 'lp_pack: begins like a packed value: ' "SELECT lp_pack('\\xfe1500000000'::bytea);"
    lptok --blob --no-check "$DATA/prompts/french.txt" > unchecked
    local hex
    hex=$(od -An -v -tx1 unchecked | tr -d ' \n')
    errs 'lp_pack: begins like a packed value, which without' "SELECT lp_pack('\\x$hex'::bytea);"
    gives t "SELECT lp_unpack('\\x$hex') = pg_read_file('$PG_DIR/prompts/french.txt');"
}

@test "tokens: counted, listed, decoded" {
    gives '2|2|2|2|5' "SELECT lp_token_count('Hello world'), lp_token_count('Hello world', 'gpt-4o'),
        lp_token_count(lp_pack('Hello world')), lp_token_count(lp_pack('Hello world', 'zstd'), 'gpt-4o'),
        lp_token_count(lp_pack('one two three four five', 'hybrid', 'gpt2'));"
    gives '{9906,1917}|{13225,2375}|{9906,1917}|Hello world| world' "SELECT lp_encode('Hello world'),
        lp_encode(lp_pack('Hello world'), 'gpt-4o'), lp_encode(lp_pack('Hello world', 'zstd')),
        lp_decode('{9906,1917}'), lp_decode(lp_encode(' world', 'gpt-4o'), 'gpt-4o');"
    gives '42|42' "$(prompts)" "SELECT count(*), sum((lp_decode(lp_encode(body)) = body)::int) FROM p;"
    errs 'lp_decode: 4294967295 is no token of cl100k_base' "SELECT lp_decode('{-1}');"
    errs 'lp_decode: 200000 is no token of cl100k_base' "SELECT lp_decode('{1,200000}');"
    errs 'lp_decode: needs ids in one dimension, without NULL' "SELECT lp_decode('{1,NULL}');"
    errs 'lp_decode: needs ids in one dimension, without NULL' "SELECT lp_decode('{{1,2},{3,4}}');"
    errs 'invalid byte sequence for encoding "UTF8"' "SELECT lp_decode((lp_encode('🦊'))[1:1]);"
}

@test "the text of special tokens is text, unless it is to be special" {
    gives '7|1|{100257}|<|endoftext|>|7' "SELECT lp_token_count('<|endoftext|>'), lp_token_count('<|endoftext|>', 'cl100k_base', true),
        lp_encode('<|endoftext|>', special => true), lp_decode('{100257}'), lp_token_count(lp_pack('<|endoftext|>'));"
}

@test "slices and chunks are those of lptok, and together they are the text" {
    gives 'one two| two three| four five|five|one two three|||one|' \
        "WITH t(x) AS (VALUES ('one two three four five'))
        SELECT lp_slice(x, 0, 2), lp_slice(lp_pack(x), 1, 3), lp_slice(x, -2, NULL),
            ltrim(lp_slice(x, 4, 99)), lp_slice(lp_pack(x, 'zstd'), NULL, -2), lp_slice(x, 3, 3),
            lp_slice(x, 4, 3), lp_slice(x, -99, 1), lp_slice(x, 0, -99) FROM t;"
    gives '1680|1680|1680|1680|1680' "$(prompts)" \
        "SELECT count(*), sum((lp_slice(body, NULL, i) || lp_slice(body, i, NULL) = body)::int),
            sum((lp_slice(body, NULL, -i - 1) || lp_slice(body, -i - 1, NULL) = body)::int),
            sum((lp_slice(lp_pack(body, 'token'), i, i + 9) = lp_slice(body, i, i + 9))::int),
            sum(((SELECT string_agg(c, '') FROM lp_chunk(body, i + 1) c) = body)::int)
        FROM p, generate_series(0, 39) i;"
    for file in "$DATA"/prompts/*.txt; do
        lptok --slice 2:-7 -q "$file"
        for way in '1 0' '3 2' '8 2' '100 30'; do
            lptok --chunk "${way% *}" --overlap "${way#* }" -q "$file" | tr '\0' '|'
        done
    done > expected
    sql "$(prompts)" "SELECT encode(convert_to(string_agg(lp_slice(body, 2, -7) || c, '' ORDER BY id), 'UTF8'), 'hex') FROM
        (SELECT id, body, (SELECT string_agg(c || '|', '' ORDER BY way, n) FROM
            (VALUES (1, 1, 0), (2, 3, 2), (3, 8, 2), (4, 100, 30)) w(way, size, overlap),
            lp_chunk(body, size, overlap) WITH ORDINALITY a(c, n)) AS c FROM p) q;" | unhex > chunks
    same expected chunks
    gives $'one two| two three| three four| four five' "SELECT string_agg(c, '|') FROM lp_chunk(lp_pack('one two three four five'), 2, 1) c;"
    errs 'lp_chunk: a chunk has at least one token' "SELECT lp_chunk('a', 0);"
    errs 'lp_chunk: chunks share less than a chunk has: 0 to 4 tokens' "SELECT lp_chunk('a', 5, 5);"
    errs 'lp_chunk: chunks share less than a chunk has' "SELECT lp_chunk('a', 5, -1);"
}

@test "about packed values" {
    expect 0 sql "$(prompts)" "SELECT lp_info(lp_pack(body)), lp_info(lp_pack(body, 'zstd')) FROM p WHERE id = 1;
        SELECT lp_info(lp_pack(body, 'fast', 'o200k_base')) ->> 'encoding', lp_info('\\x00'), lp_valid('\\x00'),
            lp_valid(''), lp_valid(substr(lp_pack(body), 2)) FROM p WHERE id = 1;"
    sed -E 's/"[0-9a-f]{16}"/"F"/; s/"[0-9a-f]{8}"/"C"/g; s/: [0-9]+/: N/g' out > words
    diff - words << 'END'
{"check": "C", "model": "F", "method": "mix", "parent": null, "encoding": "cl100k_base", "dictionary": null, "stored_bytes": N}|{"check": "C", "model": null, "method": "zstd", "parent": null, "encoding": null, "dictionary": null, "stored_bytes": N}
o200k_base||f|f|f
END
    gives "$(lptok -V | awk 'NR == 1 { print $3 }')" 'SELECT lp_version();'
}

@test "a value packed with a parent" {
    local tables="CREATE TEMP TABLE c AS SELECT a, b, lp_pack(b, 'mix', NULL, lp_pack(a)) AS with_a, lp_pack(b) AS alone,
            lp_pack(b, 'hybrid', parent => lp_pack(a, 'token')) AS hybrid, lp_pack(a) AS pa, lp_pack(b) AS pb
        FROM (SELECT a, replace(a, 'main', 'release') AS b
            FROM pg_read_file('$PG_DIR/prompts/agent-rules.txt') a) t;"
    gives 't|t|t|t|t|t|t|t|t|t|f|f|t|t' "$tables" "SELECT length(with_a) * 4 < length(alone), lp_info(with_a) ->> 'parent' IS NOT NULL,
            lp_unpack(with_a, pa) = b, lp_unpack(hybrid, pa) = b, lp_unpack(alone, pa) = b,
            lp_unpack_bytea(with_a, pa) = convert_to(b, 'UTF8'),
            lp_token_count(with_a, NULL, pa) = lp_token_count(b),
            lp_token_count(hybrid, 'gpt2', pa) = lp_token_count(b, 'gpt2'),
            lp_slice(with_a, 5, 20, NULL, pa) = lp_slice(b, 5, 20),
            lp_valid(with_a, pa), lp_valid(with_a), lp_valid(with_a, pb),
            lp_pack(with_a, NULL, NULL, pa) = with_a,
            lp_encode(with_a, NULL, pa) = lp_encode(b) FROM c;"
    for wrong in 'lp_unpack(with_a)' 'lp_unpack(with_a, pb)' 'lp_token_count(with_a)' 'lp_pack(with_a)'; do
        errs 'lp_' "$tables" "SELECT $wrong FROM c;"
        grep -q 'lp_[a-z_]*: needs the text that it was packed with, whose check is [0-9a-f]\{8\}: give it as the parent' err
    done
    errs 'lp_pack: the method zstd takes no parent' "SELECT lp_pack('a', 'zstd', NULL, lp_pack('b'));"
    # A parent that is not needed is not looked at; to pack it is.
    gives a "SELECT lp_unpack(lp_pack('a'), '\\x00');"
    errs 'lp_pack: not a packed value' "SELECT lp_pack('a', 'mix', NULL, '\\x00');"
    gives t "SELECT lp_unpack(lp_pack('a', 'mix', NULL, lp_pack('')), lp_pack('')) = 'a';"
}

@test "errors: one line that says what and why, and a code that is not for a damaged database" {
    errs 'lp_unpack: not a packed value, which lp_pack() makes' "SELECT lp_unpack('\\x41');"
    errs 'lp_unpack: not a packed value' "SELECT lp_unpack('');"
    errs 'lp_unpack: damaged data' "SELECT lp_unpack('\\xfe1500000000');"
    errs 'lp_token_count: not a packed value' "SELECT lp_token_count('\\x41'::bytea);"
    errs "lp_pack: unknown method 'best': mix, fast, hybrid, token, zstd" "SELECT lp_pack('x', 'best');"
    errs "lp_pack: unknown encoding or model 'gpt-0'" "SELECT lp_pack('x', 'mix', 'gpt-0');"
    errs "lp_token_count: unknown encoding or model 'gpt-0'" "SELECT lp_token_count(lp_pack('x'), 'gpt-0');"
    errs 'lp_pack: no model of gpt2 in ' "SELECT lp_pack('x', 'mix', 'gpt2');"
    errs 'lp_pack: 67108865 bytes in one value: at most 67108864' "SELECT lp_pack(repeat('a', 67108865));"
    echo text | lptok > stream
    errs 'lp_unpack: a stream, not a packed value: lpunpack reads streams' "SELECT lp_unpack('\\x$(od -An -v -tx1 stream | tr -d ' \n')');"
    for code in "22023 lp_pack('x', 'best')" "54000 lp_pack(repeat('a', 67108865))" "58P01 lp_pack('x', 'mix', 'gpt2')" \
        "22P03 lp_unpack('\\xfe1500000000')" "22P03 lp_unpack('\\x41')"; do
        errs 'lp_' '\set ON_ERROR_STOP 0' "SELECT ${code#* };" '\echo :LAST_ERROR_SQLSTATE' '\set ON_ERROR_STOP 1' "SELECT ${code#* };" || true
        [ "$(< out)" = "${code%% *}" ] || fail "$code: $(< out)"
    done
}

# with_path PATHS: sets lopace.path for the sessions to come.
with_path() {
    psql -X -q -d postgres -c "ALTER SYSTEM SET lopace.path = '$1'" -c 'SELECT pg_reload_conf()' > log
    local n=0
    until [ "$(psql -X -q -A -t -c "LOAD 'lopace'" -c 'SHOW lopace.path')" = "$1" ] || [ $((n += 1)) -gt 100 ]; do
        sleep 0.1
    done
}

@test "what is missing is named, with where it was sought" {
    local mixed
    mixed=$(sql "SELECT encode(lp_pack('You are a helpful assistant, are you not?'), 'hex');")
    mkdir "$PG_DIR/none"
    with_path "$PG_DIR/none"
    errs "lp_pack: vocabulary cl100k_base.lpv not found in $PG_DIR/none, " "SELECT lp_pack('x');"
    grep -q ': set lopace.path$' err
    errs 'lp_unpack: vocabulary cl100k_base with fingerprint' "SELECT lp_unpack('\\x$mixed');"
    # Of a mixed value the count is in its first bytes.
    gives '10|f' "SELECT lp_token_count('\\x$mixed'::bytea), lp_valid('\\x$mixed');"
    : > "$PG_DIR/none/cl100k_base.lpv"
    errs "lp_pack: $PG_DIR/none/cl100k_base.lpv: cannot use: " "SELECT lp_pack('x');"
    rm -r "$PG_DIR/none"
    with_path "$PG_DIR/files"
    gives 1 "SELECT lp_token_count(lp_pack('x'));"
    # Only the configuration of the server says where files are read.
    errs 'parameter "lopace.path" cannot be changed now' "LOAD 'lopace'; SET lopace.path = '/tmp';"
}

@test "a model and a dictionary of one's own" {
    mkdir "$PG_DIR/own"
    "$ROOT/tests/other-model" "$B/vocab/cl100k_base.lpm" "$PG_DIR/own/cl100k_base.lpm"
    lptrain -q --zstd -s 4K -f -L -o own.dict "$DATA"/prompts/*.txt
    lptok --blob "$DATA/prompts/rag.txt" | lpzstd --blob -D own.dict > cell
    local hex
    hex=$(od -An -v -tx1 cell | tr -d ' \n')
    errs 'lp_unpack: needs the dictionary with fingerprint' "SELECT lp_unpack('\\x$hex');"
    cp own.dict "$PG_DIR/own/$(sql "SELECT lp_info('\\x$hex') ->> 'dictionary';").dict"
    local before after
    local text="pg_read_file('$PG_DIR/prompts/rag.txt')"
    before=$(sql "SELECT encode(lp_pack($text), 'hex');")
    with_path "$PG_DIR/own:$PG_DIR/files"
    gives t "SELECT lp_unpack('\\x$hex') = pg_read_file('$PG_DIR/prompts/rag.txt');"
    after=$(sql "SELECT encode(lp_pack($text), 'hex');")
    [ "$before" != "$after" ]
    gives 't|t|t' "SELECT lp_unpack('\\x$after') = $text, lp_unpack('\\x$before') = $text,
        lp_info('\\x$before') ->> 'model' <> lp_info('\\x$after') ->> 'model';"
    with_path "$PG_DIR/files"
    errs 'lp_unpack: needs the model of cl100k_base with fingerprint' "SELECT lp_unpack('\\x$after');"
    rm -r "$PG_DIR/own"
}

@test "no flipped bit of a packed value gives other text" {
    cat > flip.sql << 'SQL'
CREATE FUNCTION pg_temp.flip(good bytea, body text, OUT same int, OUT refused int, OUT wrong text) LANGUAGE plpgsql AS $$
DECLARE bad bytea; got text;
BEGIN
    same := 0; refused := 0;
    FOR bit IN 0 .. 8 * length(good) - 1 LOOP
        bad := set_bit(good, bit, 1 - get_bit(good, bit));
        BEGIN
            got := lp_unpack(bad);
            IF got = body AND lp_valid(bad) THEN same := same + 1; ELSE wrong := got; END IF;
        EXCEPTION WHEN invalid_binary_representation OR undefined_file OR program_limit_exceeded OR invalid_parameter_value THEN
            IF lp_valid(bad) OR SQLERRM NOT LIKE 'lp_unpack: %' OR SQLERRM LIKE '%internal%' THEN wrong := SQLERRM; END IF;
            refused := refused + 1;
        END;
    END LOOP;
    FOR n IN 0 .. length(good) - 1 LOOP
        IF lp_valid(substr(good, 1, n)) THEN wrong := 'cut'; END IF;
    END LOOP;
END $$;
SQL
    expect 0 sql '\i flip.sql' "SELECT m, f.* FROM pg_read_file('$PG_DIR/prompts/short-3.txt') body,
        unnest('{mix,fast,hybrid,token,zstd}'::text[]) m, pg_temp.flip(lp_pack(body, m), body) f;"
    cat out
    [ "$(grep -c '|$' out)" -eq 5 ]
    [ "$(awk -F'|' '{ n += $3 } END { print n }' out)" -gt 1000 ]
}

@test "in a view, a generated column, an index and a CHECK constraint" {
    gives $'5|one two three four five\nIndex Scan using t_n on t' "CREATE TEMP TABLE t(body bytea CHECK (lp_valid(body)),
            n int GENERATED ALWAYS AS (lp_token_count(body)) STORED);
        CREATE INDEX t_n ON t(lp_token_count(body)); SET enable_seqscan = off; SET enable_bitmapscan = off;
        CREATE TEMP VIEW v AS SELECT lp_unpack(body) AS body, n FROM t;
        INSERT INTO t(body) VALUES (lp_pack('one two three four five')), (lp_pack('one'));
        SELECT n, body FROM v WHERE n > 2;" '\o plan' \
        "EXPLAIN (COSTS OFF) SELECT * FROM t WHERE lp_token_count(body) > 2;" '\o' '\! head -n 1 plan'
    errs 'new row for relation "t" violates check constraint' "CREATE TEMP TABLE t(body bytea CHECK (lp_valid(body)));
        INSERT INTO t VALUES ('\\x00');"
}

# A table of packed rows, read by parallel queries, in which every row is long.
stored() {
    echo "CREATE UNLOGGED TABLE $1(id int, body bytea, plain text);"
    echo "SELECT FROM lp_set_external('$1', 'body');"
    echo "INSERT INTO $1 SELECT 100 * n + id, lp_pack(body || n), body || n FROM p, generate_series(1, 4) n;"
    echo "ANALYZE $1; ALTER TABLE $1 SET (parallel_workers = 2);"
}

@test "parallel queries give the same" {
    sql "$(prompts)" "$(stored parallel)"
    gives $'168|t|t\nt' "SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_leader_participation = off;
        SELECT count(*), bool_and(lp_unpack(body) = plain), sum(lp_token_count(body)) = sum(lp_token_count(plain)) FROM parallel;" \
        '\o plan' "EXPLAIN (ANALYZE, FORMAT json) SELECT sum(length(lp_unpack(body))) FROM parallel;" '\o' \
        '\set plan `cat plan`' "SELECT :'plan' LIKE '%\"Workers Launched\": 2%' AND :'plan' LIKE '%\"Parallel Aware\": true%';"
    sql 'DROP TABLE parallel;'
}

@test "lp_set_external, and a count that reads the first bytes alone" {
    # Words in any order: values in many pieces of 2 kB.
    gives 't|t' "$(prompts)" "CREATE TABLE pieces(body bytea);
        SELECT FROM lp_set_external('pieces', 'body');
        INSERT INTO pieces SELECT lp_pack((SELECT string_agg(word, ' ' ORDER BY md5(word || n || i))
            FROM p, regexp_split_to_table(body, '\\s+') word, generate_series(1, 12) n)) FROM generate_series(1, 3) i;" \
        "SELECT min(length(body)) > 24000, bool_and(lp_info(body) ->> 'method' = 'mix') FROM pieces;"
    cat > buffers.sql << 'SQL'
CREATE FUNCTION pg_temp.buffers(q text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT json) ' || q INTO plan;
    RETURN (plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::int + (plan -> 0 -> 'Plan' ->> 'Shared Read Blocks')::int;
END $$;
SQL
    # The first time tables of the system are read as well.
    gives $'t\ne|t|t' '\i buffers.sql' "SELECT pg_temp.buffers('SELECT sum(lp_token_count(body)) FROM pieces') > 0;" \
        "SELECT attstorage, pg_temp.buffers('SELECT sum(lp_token_count(body)) FROM pieces') < 12,
        pg_temp.buffers('SELECT sum(length(lp_unpack_bytea(body))) FROM pieces') > 18
        FROM pg_attribute WHERE attrelid = 'pieces'::regclass AND attname = 'body';"
    gives t "SELECT bool_and(lp_token_count(body) = cardinality(lp_encode(body))) FROM pieces;"
    sql 'DROP TABLE pieces;'
    gives e 'CREATE SCHEMA "S s"; CREATE TABLE "S s"."T t"("B b" bytea, n int);' "SELECT FROM lp_set_external('\"S s\".\"T t\"', 'B b');" \
        "SELECT attstorage FROM pg_attribute WHERE attname = 'B b'; DROP SCHEMA \"S s\" CASCADE;"
    errs 'lp_set_external: pg_class has no column oid of type bytea' "SELECT lp_set_external('pg_class', 'oid');"
}

@test "cancel and timeout end the work on a long value" {
    local calls=('lp_token_count(x)' 'lp_encode(x)' 'lp_slice(x, 1, 2)' 'lp_chunk(x, 100)'
        "lp_pack(convert_to(x, 'UTF8'), 'hybrid')")
    sql "CREATE UNLOGGED TABLE long(x text); ALTER TABLE long ALTER x SET STORAGE EXTERNAL;
        INSERT INTO long SELECT string_agg(body, '') FROM pg_read_file('$PG_DIR/prompts/agent-rules.txt') body,
            generate_series(1, 50000);"
    for call in "${calls[@]}"; do
        errs 'canceling statement due to statement timeout' "SET statement_timeout = '50ms';" "SELECT $call FROM long;"
    done
    # Without an interrupt these take over six seconds of processor time.
    for call in 'lp_pack(x)' "lp_pack(x, 'fast')"; do
        errs 'in time' "SET statement_timeout = '1s';" "DO \$\$
            DECLARE x text := repeat(pg_read_file('$PG_DIR/prompts/agent-rules.txt'), 50000);
                began timestamptz := clock_timestamp();
            BEGIN
                PERFORM $call;
            EXCEPTION WHEN query_canceled THEN
                IF clock_timestamp() - began < '5 s' THEN RAISE EXCEPTION 'in time'; END IF;
                RAISE;
            END \$\$;"
    done
    # The session works on.
    gives 'on' '\set ON_ERROR_STOP 0' "SET statement_timeout = '50ms';" 'SELECT lp_pack(x) FROM long;' \
        'SET statement_timeout = 0;' "SELECT lp_unpack(lp_pack('on'));"
    sql 'DROP TABLE long;'
}

@test "a backend that is terminated, or killed, loses nothing that was committed" {
    sql "$(prompts)" "CREATE TABLE kept AS SELECT body, lp_pack(body) AS b FROM p; CHECKPOINT;"
    for end in 'pg_terminate_backend' kill; do
        PGAPPNAME=long psql -X -q -c "SELECT length(lp_pack(string_agg(body, '')))
            FROM pg_read_file('$PG_DIR/prompts/agent-rules.txt') body, generate_series(1, 20000)" > /dev/null 2> ended 3>&- &
        local client=$! pid='' n=0
        until [ -n "$pid" ] || [ $((n += 1)) -gt 300 ]; do
            pid=$(psql -X -q -A -t -c "SELECT pid FROM pg_stat_activity WHERE application_name = 'long' AND state = 'active'")
        done
        sleep 0.5
        if [ $end = kill ]; then kill -9 "$pid"; else psql -X -q -c "SELECT pg_terminate_backend($pid)" > /dev/null; fi
        refute wait $client
        n=0
        until psql -X -q -c 'SELECT' > /dev/null 2>&1 || [ $((n += 1)) -gt 300 ]; do sleep 0.1; done
        gives 't|42' "SELECT bool_and(lp_unpack(b) = body), count(*) FROM kept;"
    done
    grep -q 'server process .* was terminated by signal 9' "$PG_DIR/log"
    sql 'DROP TABLE kept;'
}

@test "dump and restore" {
    sql "$(prompts)" "CREATE TABLE d(id int PRIMARY KEY, body bytea CHECK (lp_valid(body)), n int GENERATED ALWAYS AS (lp_token_count(body)) STORED);
        SELECT FROM lp_set_external('d', 'body'); CREATE INDEX ON d(lp_token_count(body));
        INSERT INTO d SELECT id, lp_pack(body, CASE id % 2 WHEN 0 THEN 'mix' ELSE 'hybrid' END) FROM p;"
    local sum="SELECT count(*), sum(n), md5(string_agg(lp_unpack(body), '' ORDER BY id)) FROM d;"
    sql "$sum" > before
    pg_dump -Fc -f d.dump
    pg_dump > d.sql
    grep -q 'CREATE EXTENSION IF NOT EXISTS lopace' d.sql
    grep -q 'ALTER COLUMN body SET STORAGE EXTERNAL' d.sql
    psql -X -q -d postgres -c 'CREATE DATABASE restored' -c 'CREATE DATABASE replayed'
    pg_restore -d restored d.dump
    psql -X -q -v ON_ERROR_STOP=1 -d replayed -f d.sql > log
    PGDATABASE=restored sql "$sum" | same before -
    PGDATABASE=replayed sql "$sum" | same before -
    # Without the extension the values are there as bytes.
    sql "COPY (SELECT id, body FROM d) TO STDOUT" > rows
    PGDATABASE=postgres gives 42 'CREATE TEMP TABLE r(id int, body bytea);' "\\copy r FROM rows" 'SELECT count(*) FROM r;'
    psql -X -q -d postgres -c 'DROP DATABASE restored' -c 'DROP DATABASE replayed'
    sql 'DROP TABLE d;'
}

@test "a model that is cut short or overwritten while sessions use it ends none" {
    mkdir "$PG_DIR/cut"
    cp "$B"/vocab/cl100k_base.lp[vm] "$PG_DIR/cut"
    with_path "$PG_DIR/cut"
    gives $'t\nt\nt' "$(prompts)" "CREATE TEMP TABLE q AS SELECT body, lp_pack(body) AS b FROM p;" \
        "SELECT bool_and(lp_unpack(b) = body) FROM q;" "\\! : > $PG_DIR/cut/cl100k_base.lpm; : > $PG_DIR/cut/cl100k_base.lpv" \
        "SELECT bool_and(lp_unpack(b) = body) FROM q;" "SELECT bool_and(lp_unpack(lp_pack(body, 'fast')) = body) FROM q;"
    errs "lp_pack: $PG_DIR/cut/cl100k_base.lpv: cannot use: " "SELECT lp_pack('x');"
    refute grep -q 'signal 7' "$PG_DIR/log"
    rm -r "$PG_DIR/cut"
    with_path "$PG_DIR/files"
}

@test "shared_preload_libraries: read once, by the postmaster" {
    mkdir "$PG_DIR/once"
    cp "$B"/vocab/{cl100k_base,o200k_base}.lp[vm] "$PG_DIR/once"
    with_path "$PG_DIR/once"
    psql -X -q -d postgres -c "LOAD 'lopace'" -c "ALTER SYSTEM SET shared_preload_libraries = 'lopace'" \
        -c "ALTER SYSTEM SET lopace.preload = 'gpt-4o,cl100k_base,gpt-0,gpt2'"
    "$ROOT/scripts/postgres-server" restart "$PG_DIR"
    rm -r "$PG_DIR/once"
    gives $'t|t' "$(prompts)" "SELECT bool_and(lp_unpack(lp_pack(body)) = body), bool_and(lp_unpack(lp_pack(body, 'fast', 'gpt-4o')) = body) FROM p;"
    grep -q "WARNING:  lopace.preload: unknown encoding or model 'gpt-0'" "$PG_DIR/log"
    grep -q "WARNING:  lopace.preload: gpt2: vocabulary not found" "$PG_DIR/log"
    # What a session has of its own is small.
    if [ -e /proc/self/smaps_rollup ] && ! sanitized; then
        expect 0 sql "SELECT lp_unpack(lp_pack('You are a helpful assistant.'));" "SELECT lp_unpack(lp_pack('x', 'mix', 'gpt-4o'));" \
            "SELECT sum((regexp_match(line, '[0-9]+'))[1]::int) < 16384 FROM
            regexp_split_to_table(pg_read_file('/proc/' || pg_backend_pid() || '/smaps_rollup', 0, 9999), E'\n') line WHERE line LIKE 'Private\_%';"
        [ "$(tail -n 1 out)" = t ]
    fi
    psql -X -q -d postgres -c "ALTER SYSTEM RESET shared_preload_libraries" -c "ALTER SYSTEM RESET lopace.preload" \
        -c "ALTER SYSTEM RESET lopace.path"
    "$ROOT/scripts/postgres-server" restart "$PG_DIR"
}

@test "databases in other encodings: text is packed as UTF-8, or as it is" {
    psql -X -q -d postgres -c "CREATE DATABASE latin ENCODING latin1 LOCALE 'C' TEMPLATE template0" \
        -c "CREATE DATABASE ascii ENCODING sql_ascii LOCALE 'C' TEMPLATE template0"
    psql -X -q -d latin -c 'CREATE EXTENSION lopace'
    psql -X -q -d ascii -c 'CREATE EXTENSION lopace'
    PGDATABASE=latin gives 't|636166c3a9|2|ca' "SET client_encoding = 'UTF8';" "SELECT lp_unpack(lp_pack('café')) = 'café',
        encode(lp_unpack_bytea(lp_pack('café')), 'hex'), lp_token_count('café'), lp_slice('café', 0, 1);"
    PGDATABASE=latin errs 'character with byte sequence 0xf0 0x9f 0xa6 0x8a in encoding "UTF8" has no equivalent' \
        "SELECT lp_unpack(lp_pack(convert_to('x', 'UTF8') || '\\xf09fa68a'::bytea));"
    PGDATABASE=ascii gives 't|63e9' "SELECT lp_unpack(lp_pack(x)) = x, encode(lp_unpack_bytea(lp_pack(x)), 'hex')
        FROM (SELECT convert_from('\\x63e9', 'SQL_ASCII') AS x) t;"
    psql -X -q -d postgres -c 'DROP DATABASE latin' -c 'DROP DATABASE ascii'
}

@test "without memory: an error, and the session works on" {
    command -v prlimit > /dev/null || skip 'no prlimit'
    sanitized && skip 'a sanitizer ends what has no memory'
    gives $'t\n53200\nt' "$(prompts)" '\set ON_ERROR_STOP 0' 'SELECT pg_backend_pid() AS pid \gset' \
        "CREATE TEMP TABLE q AS SELECT string_agg(body, '') AS body FROM p, generate_series(1, 50);" \
        "SELECT lp_unpack(lp_pack(body)) = body FROM p WHERE id = 1;" \
        "SET jit = off;" '\set limited `$PG_AS prlimit --pid :pid --as=1:`' "SELECT lp_pack(body) FROM q;" '\echo :LAST_ERROR_SQLSTATE' \
        '\set limited `$PG_AS prlimit --pid :pid --as=unlimited:`' "SELECT lp_unpack(lp_pack(body)) = body FROM q;"
}

# What is done with calls of malloc() that fail: a function of SQL that runs a query with the Nth failing, N = 1, 2,
# ..., each time with new codecs, and says how often it failed as it should. EVERY: each N, not some.
injecting() {
    local lib="AS '$PG_DIR/inject/postgres.so'"
    cat << SQL
CREATE FUNCTION pg_temp.inject_start(text, bigint, boolean, integer) RETURNS void $lib, 'postgres_inject_start' LANGUAGE C;
CREATE FUNCTION pg_temp.inject_stop() RETURNS boolean $lib, 'postgres_inject_stop' LANGUAGE C;
CREATE FUNCTION pg_temp.sweep(query text, forever boolean, OUT failed int, OUT wrong text) LANGUAGE plpgsql AS \$\$
DECLARE expected text; got text; n int := 1; met boolean := true;
BEGIN
    EXECUTE query INTO expected;
    failed := 0;
    WHILE met LOOP
        PERFORM lp_token_count(repeat('ab ', 400000)); -- which is so long that no codec is kept
        BEGIN
            PERFORM pg_temp.inject_start('malloc', n, forever, 12);
            EXECUTE query INTO got;
            met := pg_temp.inject_stop();
        EXCEPTION WHEN out_of_memory THEN
            met := pg_temp.inject_stop();
            failed := failed + 1;
            IF SQLERRM NOT LIKE 'lp_%: out of memory' THEN wrong := n || ': ' || SQLERRM; END IF;
            EXECUTE query INTO got;
        END;
        IF got IS DISTINCT FROM expected THEN wrong := n || ': ' || got; END IF;
        n := n + CASE WHEN ${INJECT_EVERY:-0} = 1 OR n < 20 THEN 1 ELSE n / 6 END;
    END LOOP;
END \$\$;
SQL
}

@test "every call of malloc that fails is an error, or the right value, and the session works on" {
    [ -e "$B/inject/postgres.so" ] || skip 'needs glibc, and no sanitizer'
    mkdir -p "$PG_DIR/inject"
    cp "$B"/inject/{inject,postgres}.so "$PG_DIR/inject"
    PRELOAD=$PG_DIR/inject/inject.so "$ROOT/scripts/postgres-server" restart "$PG_DIR"
    local table="SET jit = off; CREATE TEMP TABLE t AS SELECT pg_read_file('$PG_DIR/prompts/agent-rules.txt') AS x;"
    for query in "lp_unpack(lp_pack(x))" "encode(lp_unpack_bytea(lp_pack(convert_to(x, 'UTF8'), 'zstd')), 'hex')" \
        "lp_unpack(lp_pack(x, 'hybrid', NULL, lp_pack(substr(x, 99), 'token')), lp_pack(substr(x, 99), 'token'))" \
        "lp_token_count(lp_pack(x, 'token'), 'gpt-4o') || ' ' || lp_token_count(x, 'gpt-4o', true)" \
        "lp_encode(lp_pack(x, 'hybrid'))::text || lp_decode('{1,2,3}')" "lp_slice(x, 30, -3) || lp_slice(lp_pack(x, 'token'), 3, 9)" \
        "(SELECT string_agg(c, '|') FROM lp_chunk(x, 100, 3) c)" "lp_info(lp_pack(x, 'fast'))::text || lp_valid(lp_pack(x, 'fast'))"; do
        for forever in false true; do
            expect 0 sql "$(injecting)" "$table" "SELECT failed > 0, wrong FROM pg_temp.sweep(\$q\$SELECT $query FROM t\$q\$, $forever);"
            [ "$(< out)" = 't|' ] || fail "$query, $forever: $(< out)"
        done
    done
    "$ROOT/scripts/postgres-server" restart "$PG_DIR"
}

@test "lopace.so shows what the server calls, and needs libzstd alone" {
    sanitized && skip 'a sanitizer adds to it'
    nm -D --defined-only "$B/postgres/lopace.so" | awk '{ print $3 }' > shown
    refute grep -vE '^(_PG_init|Pg_magic_func|(pg_finfo_)?lopace_.*)$' shown
    readelf -d "$B/postgres/lopace.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' > needed
    refute grep -vE '^(libzstd\.so\.1|libc\.so\.6|ld-linux.*|lib(pthread|dl)\..*)$' needed
}

@test "the examples of the page work, and print what they show" {
    local page=$ROOT/man/lopace-postgres.3
    awk '/^\.Sh/ { here = $2 == "EXAMPLES" } /^\.Ed/ { on = 0 } here && on { gsub(/\\e/, "\\"); print }
        /^\.Bd -literal/ { on = 1 }' "$page" > shown
    [ "$(grep -c '^=> ' shown)" -gt 10 ]
    psql -X -q -d postgres -c 'CREATE DATABASE shown'
    sed -n 's/^=> //p; s/^-> //p' shown > typed
    PGDATABASE=shown expect 0 psql -X -q -A -t -v ON_ERROR_STOP=1 -f typed
    psql -X -q -d postgres -c 'DROP DATABASE shown'
    diff <(grep -v '^=> \|^-> ' shown) out
}

@test "a column of text becomes a packed one: the recipe of the page" {
    awk '/^\.Ss/ { here = $2 == "Columns" } /^\.Ed/ { on = 0 } here && on { print } /^\.Bd -literal/ { on = 1 }' \
        "$ROOT/man/lopace-postgres.3" > recipe.sql
    [ "$(grep -c ';$' recipe.sql)" -eq 3 ]
    gives '42|t|e|{parallel_workers=4}' "$(prompts '')" 'CREATE TABLE prompt AS SELECT * FROM p;' '\i recipe.sql' \
        "SELECT count(*), bool_and(lp_unpack(q.body) = p.body), min(attstorage), min(reloptions::text) FROM prompt q JOIN p USING (id),
            pg_attribute JOIN pg_class c ON attrelid = c.oid WHERE c.relname = 'prompt' AND attname = 'body';"
    sql 'DROP TABLE p, prompt;'
}
