create table news (
    id bigint generated always as identity primary key,
    title text not null unique,
    body text not null,
    is_offer boolean not null default false,
    published_on date not null default current_date
);
comment on table news is 'Announcements on the home page; an offer also shows among the offers.';

insert into news (title, body, is_offer, published_on) values
    ('We moved to the harbor', 'Our workshop is now at Pier 7, open Monday to Friday.', false, date '2026-03-02'),
    ('Spring prices', 'All desk lamps are 10 % off until the end of the month.', true, date '2026-04-01'),
    ('Faster delivery', 'Orders placed before noon now leave the workshop the same day.', false, date '2026-06-15');
