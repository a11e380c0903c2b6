-- What follows the seal in a ship run: inventory, backlog, contribution, gates and pull request; and what people are
-- asked on the way.

alter table runs drop constraint runs_phase_check;
alter table runs add constraint runs_phase_check
    check (phase in ('forward', 'asking', 'draining', 'compensating', 'needs_attention', 'finished'));
-- What it asks stands in outcome_note.
alter table runs add constraint runs_asking_check
    check ((phase = 'asking') <= (plan = 'ship' and outcome_note is not null));

alter table jobs drop constraint jobs_state_check;
alter table jobs add constraint jobs_state_check check (state in
    ('held', 'queued', 'running', 'succeeded', 'failed', 'refused', 'asked', 'postponed', 'released', 'lost', 'stopped'));

-- Which plan the step belongs to.
alter table progress add column plan text not null default 'promotion' check (plan in ('promotion', 'ship'));

-- What Build Studio reported of the build: type check, tests, acceptance criteria. Null where it reported nothing.
alter table promotions add column verification jsonb;
-- What somebody had chosen about sharing it when it was handed in.
alter table promotions add column contribution text check (contribution in ('share', 'keep'));
-- Opened when its product is registered; a rollback's is open from its beginning.
alter table change_requests alter column opened_at drop not null;
-- When its pull request was merged: it is finished, wherever it is deployed.
alter table builds add column completed_at timestamptz;

-- A product becomes known when its first version is registered, not before.
create table product_versions (
    installation  text not null,
    product       text not null,
    number        integer not null check (number > 0),
    promotion     text not null unique references promotions,
    registered_at timestamptz not null default now(),
    primary key (installation, product, number),
    foreign key (installation, product) references products (installation, name)
);
comment on table product_versions is 'One a promotion that ships a feature; which of them serves, the promotions tell.';
insert into product_versions (installation, product, number, promotion, registered_at)
select p.installation, b.title,
       row_number() over (partition by p.installation, b.title order by p.created_at, p.id), p.id, p.created_at
from promotions p join builds b on b.id = p.build
join products on products.installation = p.installation and products.name = b.title
where p.rolls_back_to is null;

create table epics (
    build     text primary key references builds,
    title     text not null,
    opened_at timestamptz not null default now()
);
comment on table epics is 'The backlog of operations: features on their way into production, done when they are there.';

-- The words of both checks stand in the crate `domain`.
create table answers (
    number    bigint generated always as identity primary key,
    promotion text not null references promotions,
    topic     text not null check (topic in ('contribution', 'destructive', 'secret', 'pull_request')),
    answer    text not null check (answer in ('share', 'keep', 'acknowledge', 'release', 'retry', 'skip')),
    by        text not null,
    reason    text,
    at        timestamptz not null default now(),
    check (answer not in ('acknowledge', 'release') or reason is not null)
);
comment on table answers is 'What people answered ship runs; the latest about a topic counts.';
create index answers_of_promotion on answers (promotion, number);

-- A statement is recognised by its fingerprint: another one, or the same one edited, needs another acknowledgement.
create table acknowledgements (
    build       text not null references builds,
    fingerprint text not null,
    by          text not null,
    reason      text not null,
    at          timestamptz not null default now(),
    primary key (build, fingerprint)
);
comment on table acknowledgements is 'Statements that lose data, and are meant.';

create constraint trigger audited after insert or update or delete on answers
    deferrable initially deferred for each row execute function audit_change('promotion');
create constraint trigger audited after insert or update or delete on acknowledgements
    deferrable initially deferred for each row execute function audit_change('build');

-- Made once: pseudonyms and fingerprints are keyed with it, and stay what they are for as long as there are records.
create table identity (
    is_only boolean primary key default true check (is_only),
    key     text not null check (length(key) = 64)
);
comment on table identity is 'A secret of this set of records.';
insert into identity (key)
values (encode(sha256(convert_to(gen_random_uuid()::text || gen_random_uuid() || gen_random_uuid(), 'UTF8')), 'hex'));
