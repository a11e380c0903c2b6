-- The kinds of users that Slipway's processes come as to its own database. An administrator of the server runs
-- this once; a repeat changes nothing. The owner of the database is somebody else: who migrates.
--
-- They cannot log in by themselves. Either let them (deploy/bootstrap/logins.sql), or make users of your own in
-- them: create role ship_build login password '…' in role slipway_worker;

do $$
declare
    kind text;
begin
    foreach kind in array array['slipway_worker', 'slipway_scheduler', 'slipway_console', 'slipway_viewer'] loop
        if not exists (select from pg_roles where rolname = kind) then
            execute format('create role %I nologin nosuperuser nocreatedb nocreaterole noreplication', kind);
        end if;
    end loop;
end $$;

comment on role slipway_worker is 'Slipway''s workers: do jobs and report them.';
comment on role slipway_scheduler is 'Slipway''s scheduler and supervisor: take features in, start promotions, watch over runs.';
comment on role slipway_console is 'Slipway''s console: writes down what people decide.';
comment on role slipway_viewer is 'Reports and dashboards: read, and see no secret.';
