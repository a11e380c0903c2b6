-- What lets a run survive anything: one clock, a leader, tries that may be handed back, and undo that waits for a person.

create function slipway_now() returns timestamptz language sql volatile as 'select clock_timestamp()';
comment on function slipway_now() is 'The one clock of leases, deadlines and delays; a test may put another in its place.';

create table leadership (
    role   text primary key,
    leader text not null,
    -- Grows with every change of the leader; whoever acts as the leader says in which term.
    term   bigint not null,
    until  timestamptz not null
);
comment on table leadership is 'Who leads where several may run and one acts; a term ends when another leader takes over.';

-- Tries that failed or were lost; those that were handed back do not count.
alter table runs add column strikes integer not null default 0 check (strikes >= 0);
update runs set strikes = greatest(attempt - 1, 0) where attempt is not null;

alter table runs drop constraint runs_phase_check;
alter table runs add constraint runs_phase_check
    check (phase in ('forward', 'draining', 'compensating', 'needs_attention', 'finished'));
alter table runs drop constraint runs_outcome_check;
update runs set outcome = 'given_up' where outcome = 'needs_attention';
alter table runs add constraint runs_outcome_check
    check (outcome in ('deployed', 'refused', 'rolled_back', 'given_up'));
alter table runs add constraint runs_undo_check
    check ((phase in ('compensating', 'needs_attention')) <= (unwind_from is not null and cause is not null));

alter table jobs drop constraint jobs_state_check;
alter table jobs add constraint jobs_state_check check (state in
    ('queued', 'running', 'succeeded', 'failed', 'refused', 'released', 'lost', 'stopped'));

-- When it was last announced on the broker; it may be claimed from available_at on.
alter table jobs add column announced_at timestamptz;
update jobs set announced_at = available_at;
alter table jobs alter column announced_at set not null;
