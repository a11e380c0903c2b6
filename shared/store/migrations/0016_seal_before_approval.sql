-- A feature's files are sealed before anybody approves it: a promotion begins shipping, and its ship run makes it pending.

alter table promotions drop constraint promotions_status_check;
alter table promotions add constraint promotions_status_check check (status in (
    'shipping', 'not_shipped', 'pending', 'approved', 'scheduled', 'deploying', 'deployed',
    'rolling_back', 'rolled_back', 'needs_attention', 'rejected', 'cancelled'));
alter table promotions drop constraint promotions_check;
alter table promotions add constraint promotions_check
    check (status in ('shipping', 'not_shipped', 'pending', 'rejected', 'cancelled') or approved_by is not null);
alter table promotions alter column status set default 'shipping';

-- Nobody waits for a ship run but its promotion: like an errand it has no deadline, and keeps nothing from being deployed.
alter table runs drop constraint runs_plan_check;
alter table runs add constraint runs_plan_check check (plan in ('promotion', 'ship', 'errand'));
create unique index runs_one_ship_run on runs (promotion) where plan = 'ship';

-- As before, with what comes before the approval: the same as in the crate `domain`.
create or replace function promotion_moves() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        -- A rollback is approved by who asks for it.
        if new.status = 'shipping' or (new.status = 'approved' and new.rolls_back_to is not null) then
            return null;
        end if;
        raise exception 'no promotion begins as %', new.status
            using errcode = 'check_violation', constraint = 'promotions_legal_move';
    end if;
    if (old.status, new.status) not in (
        ('shipping', 'pending'), ('shipping', 'not_shipped'), ('shipping', 'rejected'), ('shipping', 'cancelled'),
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
    if old.status = 'shipping' and new.status = 'pending' and new.change_set is null then
        raise exception 'nothing is sealed that could be approved'
            using errcode = 'check_violation', constraint = 'promotions_sealed';
    end if;
    return null;
end $$;
