-- Errands that a promotion waits for, and what is on record of a backup beyond that it is good.

-- The run that waits for this errand; null where nobody does. A run waits for one at most.
alter table runs add column awaited_by uuid unique references runs;
alter table runs add constraint runs_awaited_check check (awaited_by is null or plan = 'errand');

-- A held try is not to be begun before the errand of its run is over.
alter table jobs drop constraint jobs_state_check;
alter table jobs add constraint jobs_state_check check (state in
    ('held', 'queued', 'running', 'succeeded', 'failed', 'refused', 'released', 'lost', 'stopped'));
drop index jobs_open;
create index jobs_open on jobs (lease_until, available_at) where state in ('held', 'queued', 'running');

-- What it does not hold, for people; null where nobody looked.
alter table backups add column not_covered text;
alter table backups alter column rung drop default;
