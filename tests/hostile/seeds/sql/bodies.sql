CREATE OR REPLACE FUNCTION f(a int) RETURNS void LANGUAGE plpgsql AS $body$
DECLARE r record;
BEGIN
  FOR r IN SELECT tablename FROM pg_tables LOOP
    EXECUTE format('DROP TABLE %I', r.tablename);
    EXECUTE 'TRUNCATE ' || quote_ident(r.tablename) USING a;
  END LOOP;
  PERFORM 1; DELETE FROM x;
END;
$body$;
DO $$ BEGIN EXECUTE $q$DELETE FROM "a b"$q$; END $$;
CREATE FUNCTION g() RETURNS int BEGIN ATOMIC DELETE FROM t; END;
