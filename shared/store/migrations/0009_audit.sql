-- Who decided what: an append-only, hash-chained trail beside the records, written in the same transactions.

create table audit (
    -- From 1, without gaps: they are given out one after the other.
    number bigint primary key check (number > 0),
    -- The entry as JSON, exactly as it was hashed; it holds its number and the hash of the entry before it.
    entry  text not null,
    hash   text not null check (hash ~ '^[0-9a-f]{64}$')
);
comment on table audit is 'What people decided and changed. Nothing here is ever changed or removed.';

-- What the last entry must be: without it nobody would miss the last ones.
create table audit_head (
    is_only boolean primary key default true check (is_only),
    number  bigint not null,
    hash    text not null
);
comment on table audit_head is 'Number and hash of the last audit entry; writers of entries wait here for each other.';
insert into audit_head (number, hash) values (0, repeat('0', 64));

create function audit_append(action text, subject text, before jsonb, after jsonb) returns void
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
        'who', coalesce(nullif(current_setting('slipway.who', true), ''), current_user),
        'from', coalesce(nullif(current_setting('slipway.from', true), ''), 'the database'),
        'action', action, 'subject', subject, 'before', before, 'after', after,
        'previous', last.hash)::text;
    fingerprint := encode(sha256(convert_to(written, 'UTF8')), 'hex');
    insert into audit (number, entry, hash) values (last.number + 1, written, fingerprint);
    update audit_head set number = last.number + 1, hash = fingerprint;
end $$;
comment on function audit_append is 'Adds an entry in the name that the transaction was opened in.';

-- Its argument is the column that people know the row by. A hash of a secret is no news to anybody.
create function audit_change() returns trigger language plpgsql as $$
declare
    was     jsonb := jsonb_strip_nulls(to_jsonb(old)) - 'sha256';
    becomes jsonb := jsonb_strip_nulls(to_jsonb(new)) - 'sha256';
    subject text  := coalesce(becomes, was) ->> tg_argv[0];
begin
    if tg_op = 'UPDATE' then
        select coalesce(jsonb_object_agg(key, was -> key) filter (where was ? key), '{}'),
               coalesce(jsonb_object_agg(key, becomes -> key) filter (where becomes ? key), '{}')
        into was, becomes
        from jsonb_object_keys(was || becomes) as key
        where was -> key is distinct from becomes -> key;
        if was = '{}' and becomes = '{}' then
            return null;
        end if;
    end if;
    perform audit_append(tg_table_name || '.' || lower(tg_op), subject, was, becomes);
    return null;
end $$;
comment on function audit_change is 'Puts what a change changed on the audit trail.';

-- What only people change.
create trigger audited after insert or delete or update of description on installations
    for each row execute function audit_change('name');
create trigger audited after insert or update or delete on api_tokens
    for each row execute function audit_change('id');
create trigger audited after update of state or delete on dead_letters
    for each row execute function audit_change('id');
-- What runs change, too, who have their own history: only where a person is behind it.
create trigger audited after insert or update of status on promotions
    for each row when (coalesce(current_setting('slipway.who', true), '') <> '')
    execute function audit_change('id');
create trigger audited_begin after insert on runs
    for each row when (coalesce(current_setting('slipway.who', true), '') <> '' and new.plan = 'errand')
    execute function audit_change('promotion');

create function audit_is_final() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail only grows'
        using errcode = 'insufficient_privilege', constraint = 'audit_only_grows';
end $$;
create trigger only_grows before update or delete or truncate on audit
    for each statement execute function audit_is_final();
create trigger only_moves before insert or delete or truncate on audit_head
    for each statement execute function audit_is_final();
