-- Lets the users of deploy/roles.sql log in, with the passwords of the environment: for psql, as an administrator.
-- A repeat sets the passwords anew.

\getenv worker SLIPWAY_WORKER_DATABASE_PASSWORD
\getenv scheduler SLIPWAY_SCHEDULER_DATABASE_PASSWORD
\getenv console SLIPWAY_CONSOLE_DATABASE_PASSWORD
\getenv viewer SLIPWAY_VIEWER_DATABASE_PASSWORD
alter role slipway_worker login password :'worker';
alter role slipway_scheduler login password :'scheduler';
alter role slipway_console login password :'console';
alter role slipway_viewer login password :'viewer';
