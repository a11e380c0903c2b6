-- When deployments may happen: the organization's time zone, windows and blackouts; and promotions that wait for an opening.

create table profiles (
    -- One organization, one row.
    id   boolean primary key default true check (id),
    -- An IANA name; whoever writes it asks whether there is such a zone.
    zone text not null default 'UTC' check (zone <> '')
);
comment on table profiles is 'The organization''s business profile; locked by whoever starts a promotion or changes windows.';
insert into profiles default values;

create table windows (
    -- What people call it beside its name.
    id            bigint generated always as identity primary key,
    name          text not null unique check (name <> ''),
    -- The days on which it opens; it may close on the next one.
    days          text[] not null check (cardinality(days) > 0
                      and days <@ array['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']),
    -- Wall-clock times in the organization's zone.
    opens         text not null check (opens ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'),
    closes        text not null check (closes ~ '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$'),
    change_types  text[] not null check (cardinality(change_types) > 0
                      and change_types <@ array['standard', 'normal', 'emergency']),
    risks         text[] not null check (cardinality(risks) > 0
                      and risks <@ array['low', 'medium', 'high', 'critical']),
    -- How many promotions may be under way in it at once, at all installations together; no limit where null.
    max_concurrent integer check (max_concurrent > 0),
    -- An advisory one warns and lets everything pass.
    enforcement   text not null check (enforcement in ('enforced', 'advisory')),
    -- Whether a promotion may start that might not end before it closes.
    allow_overrun boolean not null,
    created_by    text not null,
    created_at    timestamptz not null default now(),
    constraint windows_length_check check (opens <> closes)
);
comment on table windows is 'Weekly times at which changes may be deployed; none at all: always.';

create table blackouts (
    id         bigint generated always as identity primary key,
    -- Why nothing is deployed meanwhile.
    name       text not null check (name <> ''),
    -- Both inclusive.
    starts_at  timestamptz not null,
    ends_at    timestamptz not null,
    -- Types of changes that it does not hold up.
    exempt     text[] not null check (exempt <@ array['standard', 'normal', 'emergency']),
    created_by text not null,
    created_at timestamptz not null default now(),
    constraint blackouts_length_check check (starts_at <= ends_at),
    -- What is imported twice stands here once.
    constraint blackouts_once unique (name, starts_at, ends_at)
);
comment on table blackouts is 'Times at which nothing is deployed but emergencies, whatever the windows say.';

-- When a scheduled promotion may start, as far as known: its window's next opening. Kept up to date by the supervisor.
alter table promotions add column opens_at timestamptz;
-- What the window check has to say about a run that went on: a warning, or that an emergency went past it.
alter table promotions add column window_note text;
-- Who gave the reason why the change could not wait; who asked for the change where null.
alter table change_requests add column reason_by text;
