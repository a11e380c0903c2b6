-- The audit trail is the owner's alone: its triggers write it with the owner's rights, whoever makes the change,
-- so that nobody else needs any right to it. Who may do what else: deploy/grants.sql.

-- As before, and beside who it is said to be, the database's user: nobody who changes something chooses that.
create or replace function audit_append(action text, subject text, before jsonb, after jsonb) returns void
language plpgsql as $$
declare
    last audit_head;
    written text;
    fingerprint text;
begin
    select * into strict last from audit_head for update;
    written := jsonb_build_object(
        'number', last.number + 1,
        'at', to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'who', coalesce(nullif(current_setting('slipway.who', true), ''), session_user),
        'from', coalesce(nullif(current_setting('slipway.from', true), ''), 'the database'),
        'login', session_user,
        'action', action, 'subject', subject, 'before', before, 'after', after,
        'previous', last.hash)::text;
    fingerprint := encode(sha256(convert_to(written, 'UTF8')), 'hex');
    insert into audit (number, entry, hash) values (last.number + 1, written, fingerprint);
    update audit_head set number = last.number + 1, hash = fingerprint;
end $$;

-- A table of that name in somebody's own schema must not take the trail's place: temporary ones come first
-- where nothing is said.
alter function audit_append(text, text, jsonb, jsonb) security definer set search_path = pg_catalog, public, pg_temp;
alter function audit_change() security definer set search_path = pg_catalog, public, pg_temp;
revoke all on function audit_append(text, text, jsonb, jsonb), audit_change(), audit_is_final() from public;
