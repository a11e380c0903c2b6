create table payments (
    id bigint generated always as identity primary key,
    order_id bigint not null references orders (id),
    amount_cents bigint not null,
    paid_on date not null default current_date
);
comment on table payments is 'What customers have paid by card.';

update news set body = body || ' You can now pay by card.';
