create table orders (
    id bigint generated always as identity primary key,
    number text not null unique,
    customer_id bigint not null references customers (id),
    item text not null,
    quantity integer not null check (quantity > 0),
    unit_price_cents bigint not null check (unit_price_cents >= 0),
    total_cents bigint not null,
    ordered_on date not null default current_date
);
comment on table orders is 'One line per order; the total is always quantity times unit price.';

create index orders_by_customer on orders (customer_id);

insert into orders (number, customer_id, item, quantity, unit_price_cents, total_cents, ordered_on)
select first_orders.number, customers.id, item, quantity, unit_price_cents, quantity * unit_price_cents, ordered_on
from (values
    ('R-1001', 'amara@example.com', 'Oak desk, 140 cm', 1, 48900, date '2026-02-02'),
    ('R-1002', 'jonas@example.com', 'Desk lamp "Pier"', 3, 5995, date '2026-02-17'),
    ('R-1003', 'studio@example.com', 'Bookshelf, 5 boards', 2, 21950, date '2026-04-08'),
    ('R-1004', 'amara@example.com', 'Wool rug <2 m', 1, 15900, date '2026-05-30')
) as first_orders (number, email, item, quantity, unit_price_cents, ordered_on)
join customers using (email)
order by first_orders.number;
