-- lopace--0.1.sql - the SQL functions of lopace; lopace-postgres(3) describes them.
\echo CREATE EXTENSION lopace loads this file. \quit

-- A COST of 1 stands for about 0.025 us, as that of a comparison of integers; these are for prompts of
-- 6 kB. Where it depends on the method it is that of mix.

CREATE FUNCTION lp_pack(x text, method text DEFAULT 'mix', encoding text DEFAULT 'cl100k_base',
    parent bytea DEFAULT NULL)
RETURNS bytea LANGUAGE C IMMUTABLE PARALLEL SAFE COST 80000
AS 'MODULE_PATHNAME', 'lopace_pack_text';

CREATE FUNCTION lp_pack(x bytea, method text DEFAULT 'mix', encoding text DEFAULT 'cl100k_base',
    parent bytea DEFAULT NULL)
RETURNS bytea LANGUAGE C IMMUTABLE PARALLEL SAFE COST 80000
AS 'MODULE_PATHNAME', 'lopace_pack_bytea';

CREATE FUNCTION lp_unpack(x bytea, parent bytea DEFAULT NULL)
RETURNS text LANGUAGE C IMMUTABLE PARALLEL SAFE COST 30000
AS 'MODULE_PATHNAME', 'lopace_unpack';

CREATE FUNCTION lp_unpack_bytea(x bytea, parent bytea DEFAULT NULL)
RETURNS bytea LANGUAGE C IMMUTABLE PARALLEL SAFE COST 30000
AS 'MODULE_PATHNAME', 'lopace_unpack_bytea';

CREATE FUNCTION lp_valid(x bytea, parent bytea DEFAULT NULL)
RETURNS boolean LANGUAGE C IMMUTABLE PARALLEL SAFE COST 30000
AS 'MODULE_PATHNAME', 'lopace_valid';

CREATE FUNCTION lp_info(x bytea)
RETURNS jsonb LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'lopace_info';

CREATE FUNCTION lp_token_count(x text, encoding text DEFAULT 'cl100k_base',
    special boolean DEFAULT false)
RETURNS integer LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1500
AS 'MODULE_PATHNAME', 'lopace_count_text';

CREATE FUNCTION lp_token_count(x bytea, encoding text DEFAULT NULL, parent bytea DEFAULT NULL)
RETURNS integer LANGUAGE C IMMUTABLE PARALLEL SAFE COST 60
AS 'MODULE_PATHNAME', 'lopace_count_packed';

CREATE FUNCTION lp_encode(x text, encoding text DEFAULT 'cl100k_base',
    special boolean DEFAULT false)
RETURNS integer[] LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1500
AS 'MODULE_PATHNAME', 'lopace_encode_text';

CREATE FUNCTION lp_encode(x bytea, encoding text DEFAULT NULL, parent bytea DEFAULT NULL)
RETURNS integer[] LANGUAGE C IMMUTABLE PARALLEL SAFE COST 30000
AS 'MODULE_PATHNAME', 'lopace_encode_packed';

CREATE FUNCTION lp_decode(ids integer[], encoding text DEFAULT 'cl100k_base')
RETURNS text LANGUAGE C IMMUTABLE PARALLEL SAFE COST 200
AS 'MODULE_PATHNAME', 'lopace_decode';

CREATE FUNCTION lp_slice(x text, "from" integer, "to" integer, encoding text DEFAULT 'cl100k_base')
RETURNS text LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1500
AS 'MODULE_PATHNAME', 'lopace_slice_text';

CREATE FUNCTION lp_slice(x bytea, "from" integer, "to" integer, encoding text DEFAULT NULL,
    parent bytea DEFAULT NULL)
RETURNS text LANGUAGE C IMMUTABLE PARALLEL SAFE COST 30000
AS 'MODULE_PATHNAME', 'lopace_slice_packed';

CREATE FUNCTION lp_chunk(x text, size integer, overlap integer DEFAULT 0,
    encoding text DEFAULT 'cl100k_base')
RETURNS SETOF text LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1500 ROWS 10
AS 'MODULE_PATHNAME', 'lopace_chunk_text';

CREATE FUNCTION lp_chunk(x bytea, size integer, overlap integer DEFAULT 0,
    encoding text DEFAULT NULL, parent bytea DEFAULT NULL)
RETURNS SETOF text LANGUAGE C IMMUTABLE PARALLEL SAFE COST 30000 ROWS 10
AS 'MODULE_PATHNAME', 'lopace_chunk_packed';

CREATE FUNCTION lp_version()
RETURNS text LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'lopace_version';

-- PostgreSQL is not to compress a column of packed values, which gains nothing, and is to read their
-- first bytes alone where these are enough.
CREATE FUNCTION lp_set_external(relation regclass, attribute name)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = relation AND attname = attribute
            AND atttypid = 'bytea'::regtype AND NOT attisdropped) THEN
        RAISE EXCEPTION 'lp_set_external: % has no column % of type bytea', relation, attribute
            USING ERRCODE = 'undefined_column';
    END IF;
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STORAGE EXTERNAL', relation, attribute);
END
$$;
