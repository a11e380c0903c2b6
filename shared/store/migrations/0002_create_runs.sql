-- Runs of promotions, the jobs they are made of, and the messages they send.

create table runs (
    id                 uuid primary key,
    promotion          text not null references promotions,
    installation       text not null references installations,
    plan_version       integer not null,
    -- Counts the events applied; the number of the latest row in run_events that was.
    version            bigint not null default 0,
    phase              text not null check (phase in ('forward', 'draining', 'compensating', 'finished')),
    job                text,
    attempt            integer check (attempt > 0),
    unwind_from        text,
    cause              jsonb,
    outcome            text check (outcome in ('deployed', 'refused', 'rolled_back', 'needs_attention')),
    -- The warning of a deployment, or why the undo job in `job` was given up.
    outcome_note       text,
    time_limit_seconds integer not null check (time_limit_seconds > 0),
    -- From the claim of the first job, by this database's clock.
    deadline_at        timestamptz,
    traceparent        text,
    created_at         timestamptz not null default now(),
    finished_at        timestamptz,
    check ((phase = 'finished') = (outcome is not null)),
    check ((phase = 'finished') = (finished_at is not null)),
    check (phase = 'finished' or (job is not null and attempt is not null)),
    check ((phase = 'compensating') <= (unwind_from is not null)),
    check ((phase in ('draining', 'compensating')) <= (cause is not null))
);
comment on table runs is 'One row a run; changed by engine::advance alone.';
create unique index runs_one_per_installation on runs (installation) where phase <> 'finished';
create index runs_of_promotion on runs (promotion, created_at desc);

create sequence lease_tokens as bigint;
comment on sequence lease_tokens is 'Fencing tokens: every grant of a lease is larger than all before it.';

create table jobs (
    run            uuid not null references runs,
    job            text not null,
    attempt        integer not null check (attempt > 0),
    sequence       bigint generated always as identity,
    direction      text not null check (direction in ('forward', 'undo')),
    state          text not null default 'queued' check (state in
        ('queued', 'running', 'succeeded', 'failed', 'refused', 'lost', 'stopped')),
    -- Not to be claimed before: the backoff of a retry.
    available_at   timestamptz not null,
    token          bigint,
    lease_owner    text,
    lease_until    timestamptz,
    -- The run no longer wants it: nobody may begin it, whoever runs it shall stop.
    stop_requested boolean not null default false,
    started_at     timestamptz,
    finished_at    timestamptz,
    reason         text,
    output         jsonb,
    primary key (run, job, attempt),
    check ((state = 'running') <= (token is not null and lease_owner is not null and lease_until is not null))
);
comment on table jobs is 'One row a try of a job: at once its inbox entry, its lease and its result.';
create index jobs_open on jobs (lease_until, available_at) where state in ('queued', 'running');

create table run_events (
    run      uuid not null references runs,
    sequence bigint generated always as identity,
    at       timestamptz not null default clock_timestamp(),
    event    jsonb not null,
    -- Why it changed nothing; null where it did.
    ignored  text,
    primary key (run, sequence)
);
comment on table run_events is 'Append-only: replaying the events that were not ignored gives the run; late reports stay as evidence.';

create table progress (
    sequence  bigint generated always as identity primary key,
    promotion text not null references promotions,
    at        timestamptz not null default clock_timestamp(),
    kind      text not null,
    step      smallint check (step between 1 and 11),
    message   text not null
);
comment on table progress is 'What people are told, in their words.';
create index progress_of_promotion on progress (promotion, sequence);

create table log_lines (
    sequence  bigint generated always as identity primary key,
    promotion text not null references promotions,
    at        timestamptz not null default clock_timestamp(),
    job       text not null,
    line      text not null
);
comment on table log_lines is 'The whole log of a promotion, for those who want the detail.';
create index log_lines_of_promotion on log_lines (promotion, sequence);

create table outbox (
    id           uuid primary key,
    sequence     bigint generated always as identity,
    exchange     text not null,
    routing_key  text not null,
    body         jsonb not null,
    traceparent  text,
    available_at timestamptz not null default now()
);
comment on table outbox is 'Messages to publish, written with the state that they speak of; a row is deleted when the broker has confirmed it.';
create index outbox_due on outbox (available_at, sequence);

create table inbox (
    message_id     text primary key,
    received_at    timestamptz not null default now(),
    promotion      text references promotions,
    refused_field  text,
    refused_reason text,
    check ((promotion is null) = (refused_field is not null and refused_reason is not null))
);
comment on table inbox is 'Ship messages already answered: the same id gets the same answer.';
