-- Slipway's own records. This database is never the one that promotions dump and restore.
-- The words of every check stand in the crate `domain`; a test compares the two.

create table installations (
    name              text primary key check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    description       jsonb not null,
    -- Whose sealed source is in production; the base source of the description where null.
    current_promotion text,
    updated_at        timestamptz not null default now()
);
comment on table installations is 'Running platforms that features are shipped to; secrets stand here as references only.';

create table builds (
    id         text primary key check (id ~ '^FB-[0-9A-F]{8}$'),
    title      text not null,
    created_at timestamptz not null default now()
);
comment on table builds is 'Features finished in Build Studio.';

create table change_requests (
    id           text primary key check (id ~ '^RFC-[0-9]{4}-[0-9A-F]{8}$'),
    change_type  text not null check (change_type in ('standard', 'normal', 'emergency')),
    risk         text not null check (risk in ('low', 'medium', 'high', 'critical')),
    requested_by text not null,
    opened_at    timestamptz not null default now(),
    closed_at    timestamptz
);
comment on table change_requests is 'What the organization calls the change; closed when its promotion is deployed.';

create table promotions (
    id             text primary key check (id ~ '^CP-[0-9A-F]{8}$'),
    build          text not null references builds,
    installation   text not null references installations,
    change_request text not null unique references change_requests,
    -- Where the feature was built, as the ship message says it.
    sandbox        jsonb not null,
    baseline       text,
    status         text not null default 'pending' check (status in (
        'pending', 'approved', 'scheduled', 'deploying', 'deployed',
        'rolling_back', 'rolled_back', 'needs_attention', 'rejected', 'cancelled')),
    -- Approved and asked to run: the scheduler starts it when its turn comes. Cleared by the start.
    ready_at       timestamptz,
    reason         text,
    approved_by    text,
    approved_at    timestamptz,
    created_at     timestamptz not null default now(),
    -- Known once the run has come that far.
    image          text,
    downtime_ms    bigint,
    kept_database  text,
    data_note      text,
    check ((status in ('pending', 'rejected', 'cancelled')) or approved_by is not null)
);
comment on table promotions is 'Governed deployments of a build to an installation.';
create index promotions_ready on promotions (installation, ready_at) where ready_at is not null;
create index promotions_newest on promotions (created_at desc);

create table products (
    installation text not null references installations,
    name         text not null,
    -- Becomes active only when the promotion is deployed.
    state        text not null default 'registered' check (state in ('registered', 'active')),
    promotion    text not null references promotions,
    updated_at   timestamptz not null default now(),
    primary key (installation, name)
);
comment on table products is 'Inventory of digital products: features that people can find.';

create table backups (
    path                 text primary key,
    promotion            text not null references promotions,
    size_bytes           bigint not null check (size_bytes > 0),
    sha256               text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    server_version       text not null,
    restore_instructions text not null,
    taken_at             timestamptz not null default now()
);
comment on table backups is 'Verified dumps of production databases.';
