//! What a fingerprint reads from the system catalogs.
//!
//! Nothing here may depend on object ids, column numbers or the order of anything in the catalogs:
//! those differ between a database and its restored backup.
//! A query must let the server skip its own schemas early, as they hold thousands of columns.

/// Grants as sorted text; none at all and the default spelled out mean the same.
macro_rules! grants {
    ($acl:literal, $kind:literal, $owner:literal) => {
        concat!(
            "ARRAY(SELECT a::text COLLATE \"C\" FROM unnest(coalesce(",
            $acl,
            ", acldefault(",
            $kind,
            ", ",
            $owner,
            "))) a ORDER BY 1)"
        )
    };
}

/// Kinds of definitions as people call them, each with a query for (schema, definition).
pub(super) const KINDS: &[(&str, &str)] = &[
    (
        "schemas",
        concat!(
            "SELECT n.nspname, ROW(n.nspname, n.nspowner::regrole, ",
            grants!("n.nspacl", "'n'", "n.nspowner"),
            ", obj_description(n.oid, 'pg_namespace')) FROM pg_namespace n"
        ),
    ),
    (
        "extensions",
        "SELECT '', ROW(e.extname, e.extversion, n.nspname)
         FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace",
    ),
    (
        "types",
        concat!(
            "SELECT n.nspname, ROW(n.nspname, t.typname, t.typtype, t.typowner::regrole, ",
            grants!("t.typacl", "'T'", "t.typowner"),
            ", CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
               t.typnotnull, t.typdefault, nullif(t.typcollation, 0)::regcollation,
               ARRAY(SELECT e.enumlabel FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder),
               (SELECT format_type(r.rngsubtype, NULL) FROM pg_range r WHERE r.rngtypid = t.oid),
               obj_description(t.oid, 'pg_type'))
             FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
             LEFT JOIN pg_class c ON c.oid = t.typrelid
             WHERE t.typcategory <> 'A' AND coalesce(c.relkind = 'c', true)"
        ),
    ),
    (
        "tables",
        concat!(
            "SELECT n.nspname, ROW(n.nspname, c.relname, c.relkind, c.relpersistence, c.relowner::regrole, ",
            grants!(
                "c.relacl",
                "CASE c.relkind WHEN 'S' THEN 's'::\"char\" ELSE 'r'::\"char\" END",
                "c.relowner"
            ),
            ", c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.reloptions, c.relispopulated,
               pg_get_expr(c.relpartbound, c.oid), pg_get_partkeydef(c.oid), nullif(c.reloftype, 0)::regtype,
               ARRAY(SELECT i.inhparent::regclass FROM pg_inherits i WHERE i.inhrelid = c.oid ORDER BY i.inhseqno),
               (SELECT a.amname FROM pg_am a WHERE a.oid = c.relam),
               (SELECT t.spcname FROM pg_tablespace t WHERE t.oid = c.reltablespace),
               obj_description(c.oid, 'pg_class'))
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')"
        ),
    ),
    (
        "columns",
        "SELECT n.nspname, ROW(n.nspname, c.relname,
                row_number() OVER (PARTITION BY n.nspname, a.attrelid ORDER BY a.attnum),
                a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
                a.attstorage, a.attoptions, nullif(a.attcollation, 0)::regcollation,
                pg_get_expr(d.adbin, d.adrelid),
                ARRAY(SELECT g::text COLLATE \"C\" FROM unnest(a.attacl) g ORDER BY 1),
                col_description(a.attrelid, a.attnum))
         FROM pg_attribute a
         JOIN pg_class c ON c.oid = a.attrelid
         JOIN pg_namespace n ON n.oid = c.relnamespace
         LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')",
    ),
    (
        "constraints",
        "SELECT n.nspname, ROW(n.nspname, c.conname, nullif(c.conrelid, 0)::regclass, nullif(c.contypid, 0)::regtype,
                pg_get_constraintdef(c.oid), c.convalidated, c.conislocal, obj_description(c.oid, 'pg_constraint'))
         FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace",
    ),
    (
        "indexes",
        "SELECT n.nspname, ROW(pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered, i.indisreplident,
                obj_description(c.oid, 'pg_class'))
         FROM pg_index i
         JOIN pg_class c ON c.oid = i.indexrelid
         JOIN pg_namespace n ON n.oid = c.relnamespace",
    ),
    (
        "views",
        "SELECT n.nspname, ROW(n.nspname, c.relname, pg_get_viewdef(c.oid))
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('v', 'm')",
    ),
    (
        "functions",
        concat!(
            "SELECT n.nspname, ROW(n.nspname, p.proname, pg_get_function_identity_arguments(p.oid),
                    p.proowner::regrole, ",
            grants!("p.proacl", "'f'", "p.proowner"),
            ", CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END,
               (SELECT ROW(a.aggtransfn, a.aggfinalfn, format_type(a.aggtranstype, NULL), a.agginitval)::text
                FROM pg_aggregate a WHERE a.aggfnoid = p.oid),
               obj_description(p.oid, 'pg_proc'))
             FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        ),
    ),
    (
        "triggers",
        "SELECT n.nspname, ROW(pg_get_triggerdef(t.oid), t.tgenabled, obj_description(t.oid, 'pg_trigger'))
         FROM pg_trigger t
         JOIN pg_class c ON c.oid = t.tgrelid
         JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE NOT t.tgisinternal",
    ),
    (
        "event triggers",
        "SELECT '', ROW(e.evtname, e.evtevent, e.evtfoid::regprocedure, e.evtenabled, e.evttags, e.evtowner::regrole)
         FROM pg_event_trigger e",
    ),
    (
        "rules",
        "SELECT n.nspname, ROW(pg_get_ruledef(r.oid), r.ev_enabled)
         FROM pg_rewrite r
         JOIN pg_class c ON c.oid = r.ev_class
         JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE r.rulename <> '_RETURN'",
    ),
    (
        "row policies",
        "SELECT n.nspname, ROW(p.polname, p.polrelid::regclass, p.polcmd, p.polpermissive,
                ARRAY(SELECT r::regrole::text COLLATE \"C\" FROM unnest(p.polroles) r ORDER BY 1),
                pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
         FROM pg_policy p
         JOIN pg_class c ON c.oid = p.polrelid
         JOIN pg_namespace n ON n.oid = c.relnamespace",
    ),
    (
        "sequences",
        "SELECT n.nspname, ROW(n.nspname, c.relname, s.seqtypid::regtype, s.seqstart, s.seqincrement,
                s.seqmin, s.seqmax, s.seqcache, s.seqcycle,
                (SELECT ROW(d.refobjid::regclass, a.attname)::text
                 FROM pg_depend d
                 JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                 WHERE d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid
                   AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))
         FROM pg_sequence s
         JOIN pg_class c ON c.oid = s.seqrelid
         JOIN pg_namespace n ON n.oid = c.relnamespace",
    ),
    (
        "default privileges",
        "SELECT '', ROW(d.defaclrole::regrole, nullif(d.defaclnamespace, 0)::regnamespace, d.defaclobjtype,
                ARRAY(SELECT g::text COLLATE \"C\" FROM unnest(d.defaclacl) g ORDER BY 1))
         FROM pg_default_acl d",
    ),
    (
        "collations",
        "SELECT n.nspname, ROW(n.nspname, to_jsonb(c) - 'oid' - 'collnamespace' - 'collversion')
         FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace",
    ),
    (
        "extended statistics",
        "SELECT n.nspname, ROW(pg_get_statisticsobjdef(s.oid))
         FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace",
    ),
    (
        "publications",
        "SELECT '', ROW(to_jsonb(p) - 'oid' - 'pubowner', p.pubowner::regrole,
                ARRAY(SELECT ROW(t.schemaname, t.tablename)::text COLLATE \"C\"
                      FROM pg_publication_tables t WHERE t.pubname = p.pubname ORDER BY 1))
         FROM pg_publication p",
    ),
];

/// The definitions that a query of [`KINDS`] gives, outside the server's own schemas, in order.
pub(super) fn lines_statement(sql: &str) -> String {
    format!(
        "SELECT definition::text
         FROM ({sql}) AS kind(schema, definition)
         WHERE schema !~ '^pg_' AND schema <> 'information_schema'
         ORDER BY definition::text COLLATE \"C\""
    )
}

/// Tables with rows of their own that a backup holds: an extension's table is in it only as far
/// as the extension says.
pub(super) const TABLES: &str = "
    SELECT format('%I.%I', n.nspname, c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND (NOT EXISTS (SELECT FROM pg_depend d
                       WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
           OR EXISTS (SELECT FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS kept(id, condition)
                      WHERE kept.id = c.oid AND kept.condition = ''))";

/// Tables with rows of their own, each with the expression that gives a row `t` as text.
pub(super) fn text_rows() -> String {
    format!("SELECT t.name, '(t.*)::text COLLATE \"C\"' FROM ({TABLES}) AS t(name)")
}

/// Types whose binary form says exactly what their text says, in the same way in every database; it is much less
/// work to write. No floating-point number is among them, of which some have several forms for one text, no array,
/// for the same reason, and nothing that holds object ids.
const PLAIN_TYPES: &str =
    "'{bool, int2, int4, int8, numeric, text, varchar, bpchar, bytea, json, jsonb, uuid,
    date, time, timestamp, timestamptz}'::regtype[]";

/// Tables with rows of their own, each with the expression that gives a row `t` in binary form: columns of plain
/// types as they are, all others together as text.
pub(super) fn binary_rows() -> String {
    format!(
        "SELECT t.name, (SELECT format('record_send(ROW(%s))', concat_ws(', ',
                    string_agg(format('t.%I', a.attname), ', ' ORDER BY a.attnum)
                        FILTER (WHERE a.atttypid = ANY ({PLAIN_TYPES})),
                    format('ROW(%s)::text', string_agg(format('t.%I', a.attname), ', ' ORDER BY a.attnum)
                        FILTER (WHERE a.atttypid <> ALL ({PLAIN_TYPES})))))
                FROM pg_attribute a
                WHERE a.attrelid = t.name::regclass AND a.attnum > 0 AND NOT a.attisdropped)
         FROM ({TABLES}) AS t(name)"
    )
}

/// Sequences.
pub(super) const SEQUENCES: &str = "
    SELECT format('%I.%I', n.nspname, c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'S' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/// Sequences that count upward and never begin anew.
pub(super) fn ascending() -> String {
    format!(
        "{SEQUENCES} AND EXISTS (SELECT FROM pg_sequence s WHERE s.seqrelid = c.oid AND s.seqincrement > 0 AND NOT s.seqcycle)"
    )
}

/// Columns of tables with rows of their own, in order: name with schema, and each column with its type.
pub(super) fn columns() -> String {
    format!(
        "SELECT t.name, ARRAY(SELECT format('%I', a.attname) FROM pg_attribute a
                              WHERE a.attrelid = t.name::regclass AND a.attnum > 0 AND NOT a.attisdropped
                              ORDER BY a.attnum),
                ARRAY(SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
                      WHERE a.attrelid = t.name::regclass AND a.attnum > 0 AND NOT a.attisdropped
                      ORDER BY a.attnum)
         FROM ({TABLES}) AS t(name)"
    )
}

/// Number of large objects; whose they are.
pub(super) const LARGE_OBJECTS: &str = concat!(
    "SELECT count(*), concat_ws(' ', sum(hashtextextended(line, 0)), sum(hashtextextended(line, 1)))
     FROM (SELECT ROW(m.oid, m.lomowner::regrole, ",
    grants!("m.lomacl", "'L'", "m.lomowner"),
    ")::text COLLATE \"C\" FROM pg_largeobject_metadata m) AS objects(line)"
);

/// Bytes of large objects. A restored object has zeros where the original has a hole, so that only
/// its length and the bytes that are not trailing zeros of a page count.
pub(super) const LARGE_OBJECT_PAGES: &str = "
    SELECT count(*), concat_ws(' ', sum(hashtextextended(line, 0)), sum(hashtextextended(line, 1)))
    FROM (SELECT concat_ws(' ', loid, pageno, encode(rtrim(data, '\\x00'::bytea), 'hex')) COLLATE \"C\"
          FROM pg_largeobject
          WHERE length(rtrim(data, '\\x00'::bytea)) > 0
          UNION ALL
          SELECT concat_ws(' ', loid,
                           max(pageno::bigint * (current_setting('block_size')::int / 4) + length(data)))
          FROM pg_largeobject
          WHERE length(data) > 0
          GROUP BY loid) AS pages(line)";
