//! A schema with something of everything that a backup has to keep.

/// Inside the production database.
pub(crate) const SCHEMA: &str = r#"
CREATE EXTENSION pgcrypto;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE place AS (street text, zip text);
CREATE DOMAIN amount AS numeric(12, 2) CHECK (VALUE >= 0) DEFAULT 0;
CREATE TABLE parent (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gone int,
    name text NOT NULL UNIQUE,
    mood mood DEFAULT 'ok',
    home place,
    secret bytea DEFAULT '\x00ff',
    at timestamptz DEFAULT now(),
    ratio double precision DEFAULT 0.1,
    extra jsonb DEFAULT '{"a": [1, null]}',
    upper_name text GENERATED ALWAYS AS (upper(name)) STORED
);
ALTER TABLE parent DROP COLUMN gone;
INSERT INTO parent (name) SELECT 'parent ' || i FROM generate_series(1, 500) i;
CREATE TABLE child (
    id serial PRIMARY KEY,
    parent bigint NOT NULL REFERENCES parent ON DELETE CASCADE,
    price amount,
    CONSTRAINT cheap CHECK (price < 1000000)
);
INSERT INTO child (parent, price) SELECT 1 + i % 500, i FROM generate_series(1, 2000) i;
CREATE INDEX child_by_price ON child (price DESC NULLS LAST) WHERE price > 10;
CREATE TABLE events (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO events VALUES ('2026-11-22', NULL), ('2026-11-22', NULL), ('2026-11-23', '');
CREATE TABLE "Odd ""name""; --" ("select" int);
CREATE VIEW happy AS SELECT p.id, p.name FROM parent p WHERE p.mood = 'happy' OR p.mood IS NULL;
CREATE MATERIALIZED VIEW totals AS SELECT parent, sum(price) AS total FROM child GROUP BY parent;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at := now(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON parent FOR EACH ROW EXECUTE FUNCTION touch();
CREATE AGGREGATE longest(text) (sfunc = text_larger, stype = text);
CREATE SEQUENCE tickets START 100 INCREMENT 7;
SELECT nextval('tickets'), nextval('tickets');
CREATE SCHEMA app AUTHORIZATION {role};
CREATE TABLE app.notes (note text COLLATE "C");
ALTER TABLE app.notes OWNER TO {role};
ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.notes TO {role} USING (note IS NOT NULL);
GRANT SELECT, UPDATE (name) ON parent TO {role};
GRANT EXECUTE ON FUNCTION touch() TO {role};
REVOKE ALL ON FUNCTION touch() FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO {role};
COMMENT ON TABLE parent IS 'it''s a \ parent';
SELECT lo_from_bytea(4711, decode(repeat('cafe', 5000), 'hex'));
SELECT lo_put(lo_create(4712), 100000, 'after a hole');
ALTER LARGE OBJECT 4711 OWNER TO {role};
CREATE PUBLICATION changes FOR TABLE parent;
CREATE STATISTICS together ON parent, price FROM child;
"#;

/// On the production database itself, from outside.
pub(crate) const DATABASE: &str = r#"
ALTER DATABASE {database} SET search_path TO "$user", public, app;
ALTER DATABASE {database} SET timezone TO 'Europe/Berlin';
ALTER DATABASE {database} SET lc_monetary TO 'C';
ALTER DATABASE {database} SET "shop.greeting" TO 'it''s = "fine"\';
ALTER ROLE {role} IN DATABASE {database} SET work_mem TO '65536kB';
ALTER ROLE {role} IN DATABASE {database} SET shop.token TO 'canary';
ALTER DATABASE {database} CONNECTION LIMIT 50;
ALTER DATABASE {database} OWNER TO {role};
REVOKE ALL ON DATABASE {database} FROM PUBLIC;
GRANT TEMPORARY ON DATABASE {database} TO {role} WITH GRANT OPTION;
COMMENT ON DATABASE {database} IS 'the shop''s
own \ database';
"#;

/// What a failed release does: a migration whose new table refers to an old one, and a
/// customer's order.
pub(crate) const FAILED_RELEASE: &str = "
CREATE TYPE colour AS ENUM ('red');
ALTER TABLE parent ADD COLUMN colour colour;
CREATE TABLE newfeat (id int PRIMARY KEY, parent bigint REFERENCES parent);
CREATE VIEW colourful AS SELECT colour FROM parent;
DROP TABLE child CASCADE;
UPDATE parent SET name = name || '!' WHERE id < 10;
INSERT INTO parent (name) VALUES ('row 99');
SELECT nextval('tickets'), lo_unlink(4712);
";
