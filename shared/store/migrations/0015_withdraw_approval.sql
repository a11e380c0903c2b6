-- Whoever starts promotions may take an approval back when what was approved has changed, and give none.

create function withdraw_approval(promotion text, why text) returns text
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
    update promotions set status = 'pending', reason = why, ready_at = null, opens_at = null, approved_by = null,
           approved_at = null, approved_plan = null, approval_ends_at = null
    where id = promotion
    returning status
$$;
comment on function withdraw_approval is 'Makes the promotion wait for another approval; answers its status.';
revoke all on function withdraw_approval(text, text) from public;
