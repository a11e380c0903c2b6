/* one /* in */ another */ INSERT INTO a VALUES (E'\x41\'', U&'d\0061t', $a$ ; DROP TABLE x; $a$, 'it''s', B'01', X'ff', 1e10, .5);
WITH gone AS (DELETE FROM a RETURNING *), q AS (SELECT 1) MERGE INTO t USING q ON true WHEN MATCHED THEN DELETE;
COPY a (b) FROM stdin;
1	\N
\.
\connect other
CREATE USER a PASSWORD '%PASSWORD%';
SELECT 1 AS "DROP TABLE";
GRANT ALL ON a TO public;
