create table customers (
    id bigint generated always as identity primary key,
    name text not null,
    email text not null unique,
    phone text,
    joined_on date not null default current_date
);
comment on table customers is 'Everybody who has ordered something.';

insert into customers (name, email, phone, joined_on) values
    ('Amara Okafor', 'amara@example.com', '+49 30 5550101', date '2026-01-12'),
    ('Jonas Weber', 'jonas@example.com', '+49 40 5550102', date '2026-02-03'),
    ('Mei & Lin Chen', 'studio@example.com', '+49 89 5550103', date '2026-03-21');
