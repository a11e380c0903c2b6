-- What somebody approves: the plan as it was shown, for a time; and changes that go past windows without being urgent.

create table plans (
    promotion text not null references promotions,
    -- SHA-256 of the plan: what an approval names.
    hash      text not null,
    -- As JSON, exactly as it was hashed.
    plan      text not null,
    made_at   timestamptz not null default now(),
    primary key (promotion, hash),
    constraint plans_hash_check check (hash = encode(sha256(convert_to(plan, 'UTF8')), 'hex'))
);
comment on table plans is 'What promotions would do, as it was shown to people or approved by them.';

-- SHA-256 of the sealed change set, once it is taken; what the ship message says of the source stands for it until then.
alter table promotions add column change_set text check (change_set ~ '^[0-9a-f]{64}$');
-- What was approved, and until when that holds. Null where nobody has approved it, or no longer.
alter table promotions add column approved_plan text;
alter table promotions add column approval_ends_at timestamptz;
alter table promotions add constraint promotions_approved_plan_fkey
    foreign key (id, approved_plan) references plans (promotion, hash);
alter table promotions add constraint promotions_approval_check
    check ((approved_plan is null) = (approval_ends_at is null) and (approved_plan is null or approved_by is not null));

-- It goes past closed windows, but not past blackouts, for the reason on record.
alter table change_requests add column overrides_windows boolean not null default false;
alter table change_requests add constraint change_requests_override_check
    check (not overrides_windows or (reason is not null and reason_by is not null));
