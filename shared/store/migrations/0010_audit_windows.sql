-- What people change about windows, and what they make an emergency, stands on the audit trail.

create trigger audited after update on profiles for each row execute function audit_change('zone');
create trigger audited after insert or update or delete on windows for each row execute function audit_change('id');
create trigger audited after insert or update or delete on blackouts for each row execute function audit_change('id');
create trigger audited after update of change_type, reason on change_requests
    for each row execute function audit_change('id');
