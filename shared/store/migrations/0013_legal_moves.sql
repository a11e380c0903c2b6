-- Only legal moves: the same as in the crate `domain`; a test tries every pair of statuses on both.

create function promotion_moves() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        -- A rollback is approved by who asks for it.
        if new.status = 'pending' or (new.status = 'approved' and new.rolls_back_to is not null) then
            return null;
        end if;
        raise exception 'no promotion begins as %', new.status
            using errcode = 'check_violation', constraint = 'promotions_legal_move';
    end if;
    if (old.status, new.status) not in (
        ('pending', 'approved'), ('pending', 'rejected'), ('pending', 'cancelled'),
        ('approved', 'pending'), ('approved', 'scheduled'), ('approved', 'deploying'), ('approved', 'rejected'),
        ('approved', 'cancelled'),
        ('scheduled', 'pending'), ('scheduled', 'approved'), ('scheduled', 'deploying'), ('scheduled', 'rejected'),
        ('scheduled', 'cancelled'),
        ('deploying', 'deployed'), ('deploying', 'rolling_back'), ('deploying', 'approved'), ('deploying', 'cancelled'),
        ('rolling_back', 'rolled_back'), ('rolling_back', 'needs_attention'),
        ('deployed', 'rolling_back'), ('needs_attention', 'rolling_back'))
    then
        raise exception 'what is % does not become %', old.status, new.status
            using errcode = 'check_violation', constraint = 'promotions_legal_move';
    end if;
    return null;
end $$;
comment on function promotion_moves is 'Refuses what no promotion may become.';
create trigger legal_beginning after insert on promotions for each row execute function promotion_moves();
create trigger legal_move after update of status on promotions
    for each row when (old.status is distinct from new.status) execute function promotion_moves();

create function run_is_final() returns trigger language plpgsql as $$
begin
    raise exception 'run % is finished', old.id using errcode = 'check_violation', constraint = 'runs_finished_is_final';
end $$;
comment on function run_is_final is 'Refuses to change how a run ended.';
create trigger finished_is_final after update on runs
    for each row when (old.phase = 'finished'
        and (old.phase, old.job, old.cause, old.outcome, old.outcome_note, old.finished_at)
            is distinct from (new.phase, new.job, new.cause, new.outcome, new.outcome_note, new.finished_at))
    execute function run_is_final();
