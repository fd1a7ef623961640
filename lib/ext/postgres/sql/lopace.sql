-- Every function of lopace once, for pg_regress; tests/postgres.bats has the rest.
CREATE EXTENSION lopace;
SELECT lp_version() LIKE extversion || '.%' AS is_installed FROM pg_extension WHERE extname = 'lopace';

CREATE TABLE prompt(id int, body bytea CHECK (lp_valid(body)),
    ntokens int GENERATED ALWAYS AS (lp_token_count(body)) STORED);
SELECT lp_set_external('prompt', 'body');
INSERT INTO prompt(id, body)
    SELECT n, lp_pack('Answer question ' || n || ' in French, in one sentence.')
    FROM generate_series(1, 5) n;
SELECT id, ntokens, length(body) < 30 AS is_small, lp_unpack(body) FROM prompt ORDER BY id;
SELECT id FROM prompt WHERE lp_unpack(body) LIKE '% 4 %';
INSERT INTO prompt VALUES (6, '\x00');

-- Methods and encodings.
SELECT method, lp_unpack(b), lp_info(b) ->> 'method' AS stored, lp_info(b) ->> 'encoding' AS encoding
    FROM (SELECT method, lp_pack(repeat('You are a helpful assistant. ', 4), method, 'gpt-4o') AS b
        FROM unnest('{mix,fast,hybrid,token,zstd}'::text[]) WITH ORDINALITY t(method, n)) packed;
SELECT lp_unpack_bytea(lp_pack('\x00ff'::bytea));
SELECT lp_unpack(lp_pack('Hello', 'best'));
SELECT lp_unpack('\xfe1500000000');
SELECT lp_valid('\xfe1500000000'), lp_info('\x41') IS NULL AS not_packed;

-- Tokens.
SELECT lp_token_count('Hello world'), lp_token_count('Hello world', 'gpt-4o'),
    lp_token_count('<|endoftext|>', special => true);
SELECT lp_encode('Hello world'), lp_encode(lp_pack('Hello world'), 'gpt-4o'),
    lp_decode('{9906,1917}');
SELECT lp_slice('one two three four', 1, -1), lp_slice(lp_pack('one two three four'), -2, NULL);
SELECT * FROM lp_chunk('one two three four five', 3, 1) WITH ORDINALITY c(chunk, n);
SELECT * FROM lp_chunk(lp_pack('one two three'), 2);
SELECT lp_chunk('x', 0);

-- A parent.
SELECT lp_unpack(child, parent) = text AS is_restored, length(child) < length(lp_pack(text)) AS is_smaller
    FROM (SELECT text, lp_pack(base) AS parent, lp_pack(text, parent => lp_pack(base)) AS child
        FROM (SELECT base, base || ' And more.' AS text
            FROM (SELECT string_agg(md5(n::text), ' ') AS base FROM generate_series(1, 20) n) b) t) p;

DROP TABLE prompt;
DROP EXTENSION lopace;
