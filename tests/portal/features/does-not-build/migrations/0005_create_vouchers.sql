create table vouchers (
    code text primary key,
    value_cents bigint not null check (value_cents > 0)
);
comment on table vouchers is 'Gift vouchers that have not been redeemed.';
