-- What people and programs show to be let in. The secret itself is shown once and stored nowhere.

create table api_tokens (
    id         bigint generated always as identity primary key,
    -- Who shows it: the name that decisions are recorded under.
    holder     text not null check (length(trim(holder)) between 1 and 100),
    role       text not null check (role in ('viewer', 'requester', 'approver', 'operator', 'admin')),
    sha256     text not null unique check (sha256 ~ '^[0-9a-f]{64}$'),
    created_by text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_by text,
    revoked_at timestamptz,
    check (expires_at > created_at),
    check ((revoked_by is null) = (revoked_at is null))
);
comment on table api_tokens is 'Access tokens by their hashes; one that is revoked or over stays on record.';
