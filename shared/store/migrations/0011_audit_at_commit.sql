-- Entries are written when the transaction commits: writers wait for each other at the trail's head, and nobody may
-- hold it while a client, or the network between, takes its time.

drop trigger audited on installations;
create constraint trigger audited after insert or delete or update of description on installations
    deferrable initially deferred for each row execute function audit_change('name');
drop trigger audited on api_tokens;
create constraint trigger audited after insert or update or delete on api_tokens
    deferrable initially deferred for each row execute function audit_change('id');
drop trigger audited on dead_letters;
create constraint trigger audited after update of state or delete on dead_letters
    deferrable initially deferred for each row execute function audit_change('id');
drop trigger audited on promotions;
create constraint trigger audited after insert or update of status on promotions
    deferrable initially deferred for each row
    when (coalesce(current_setting('slipway.who', true), '') <> '') execute function audit_change('id');
drop trigger audited_begin on runs;
create constraint trigger audited_begin after insert on runs
    deferrable initially deferred for each row
    when (coalesce(current_setting('slipway.who', true), '') <> '' and new.plan = 'errand')
    execute function audit_change('promotion');
drop trigger audited on profiles;
create constraint trigger audited after update on profiles
    deferrable initially deferred for each row execute function audit_change('zone');
drop trigger audited on windows;
create constraint trigger audited after insert or update or delete on windows
    deferrable initially deferred for each row execute function audit_change('id');
drop trigger audited on blackouts;
create constraint trigger audited after insert or update or delete on blackouts
    deferrable initially deferred for each row execute function audit_change('id');
drop trigger audited on change_requests;
create constraint trigger audited after update of change_type, reason on change_requests
    deferrable initially deferred for each row execute function audit_change('id');
