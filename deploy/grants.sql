-- What each kind of Slipway's processes may do in its own database. `slipway database apply` runs this as the
-- owner, in one transaction with nothing else, after it has brought the tables up to date. The kinds are made by
-- deploy/roles.sql. Whatever was granted to them before is taken back, so this page is the whole truth.
--
-- Nobody here may write to the audit trail: the triggers on the tables do, as the owner (migration 0014).

do $$
begin
    execute format('revoke all on database %I from public', current_database());
    execute format(
        'grant connect on database %I to slipway_worker, slipway_scheduler, slipway_console, slipway_viewer',
        current_database());
end $$;
revoke create on schema public from public;
revoke all on all tables in schema public
    from public, slipway_worker, slipway_scheduler, slipway_console, slipway_viewer;
revoke all on all sequences in schema public
    from public, slipway_worker, slipway_scheduler, slipway_console, slipway_viewer;
revoke all on all functions in schema public
    from public, slipway_worker, slipway_scheduler, slipway_console, slipway_viewer;

-- All see all, but for tokens: those are the console's, and nobody else's business is their hashes.
grant usage on schema public to slipway_worker, slipway_scheduler, slipway_console, slipway_viewer;
grant select on all tables in schema public to slipway_worker, slipway_scheduler, slipway_console, slipway_viewer;
revoke select on api_tokens from slipway_worker, slipway_scheduler, slipway_viewer;
revoke select on identity from slipway_scheduler, slipway_console, slipway_viewer;
grant select (id, holder, role, created_by, created_at, expires_at, revoked_by, revoked_at)
    on api_tokens to slipway_viewer;
grant execute on function slipway_now() to slipway_worker, slipway_scheduler, slipway_console, slipway_viewer;

-- Whoever tells a run something may change that run, and say so. Who approved a promotion is none of its business.
grant insert on runs, jobs, run_events, progress, log_lines, outbox
    to slipway_worker, slipway_scheduler, slipway_console;
grant update (version, phase, job, attempt, unwind_from, cause, outcome, outcome_note, strikes, deadline_at, finished_at)
    on runs to slipway_worker, slipway_scheduler, slipway_console;
grant update (state, available_at, announced_at, token, lease_owner, lease_until, stop_requested, started_at,
              finished_at, reason, output)
    on jobs to slipway_worker, slipway_scheduler, slipway_console;
grant update (status, reason, opens_at, ready_at, image, change_set, downtime_ms, kept_database, data_note, window_note)
    on promotions to slipway_worker, slipway_scheduler, slipway_console;
grant delete, update (available_at) on outbox to slipway_worker, slipway_scheduler, slipway_console;

-- To do jobs.
grant usage on sequence lease_tokens to slipway_worker, slipway_scheduler;
grant insert, update on backups to slipway_worker;
grant update (completed_at) on builds to slipway_worker;

-- To take features in, which are being shipped then; to start promotions, which locks the profile; to record deployments.
grant insert, update (title) on builds to slipway_scheduler;
grant insert (id, change_type, risk, requested_by, opened_at), update (opened_at, closed_at) on change_requests
    to slipway_scheduler;
grant insert (id, build, installation, change_request, sandbox, baseline, verification, contribution) on promotions
    to slipway_scheduler;
-- To follow openings, which the approved plan names; to send back what was approved and has changed since.
grant insert on plans to slipway_scheduler;
grant update (approved_plan) on promotions to slipway_scheduler;
grant execute on function withdraw_approval(text, text) to slipway_scheduler, slipway_console;
grant insert on inbox to slipway_scheduler;
grant update (id) on profiles to slipway_scheduler;
grant insert, update on products to slipway_scheduler;
grant insert on product_versions, epics to slipway_scheduler;
grant update (current_promotion) on installations to slipway_scheduler;
-- To watch over runs.
grant insert, update on leadership to slipway_scheduler;
grant insert, update (queue) on dead_letters to slipway_scheduler;

-- What people answer ship runs: by a message, or where their rights are known.
grant insert (promotion, topic, answer, by, reason) on answers to slipway_scheduler, slipway_console;
grant insert (build, fingerprint, by, reason) on acknowledgements to slipway_console;

-- What people decide.
grant insert (id, change_type, risk, requested_by, reason), update (change_type, reason, reason_by, overrides_windows)
    on change_requests to slipway_console;
grant insert (id, build, installation, change_request, sandbox, status, ready_at, approved_by, approved_at,
              rolls_back_to, restore_from),
      update (approved_by, approved_at, approved_plan, approval_ends_at)
    on promotions to slipway_console;
grant insert on plans to slipway_console;
grant insert (name, description), update (description, updated_at, current_promotion)
    on installations to slipway_console;
grant update (zone) on profiles to slipway_console;
grant insert, delete on windows, blackouts to slipway_console;
grant insert (holder, role, sha256, created_by, expires_at), update (revoked_by, revoked_at)
    on api_tokens to slipway_console;
grant update (state, settled_by, settled_at, discard_reason, redriven_as) on dead_letters to slipway_console;
grant delete on inbox to slipway_console;
