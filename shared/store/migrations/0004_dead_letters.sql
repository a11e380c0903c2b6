-- Messages that nobody could handle, taken over from the broker's dead-letter queues.

create table dead_letters (
    -- What people call it.
    id             bigint generated always as identity primary key,
    -- The publisher's id; null where a foreign publisher set none, or one that is not a UUID.
    message_id     uuid,
    -- The queue on which it died, without the broker's prefix: intake, jobs.build, undo.swap.
    queue          text not null,
    -- As it came; of a body above 64 KiB only its beginning.
    body           bytea not null check (octet_length(body) <= 65536),
    -- How large the whole body was.
    size_bytes     bigint not null,
    -- As the publisher said; empty where they said nothing.
    content_type   text not null,
    -- The trace it belongs to.
    traceparent    text,
    -- Why nobody could handle it.
    reason         text not null,
    -- How often it had been delivered when it died, where that is known.
    deliveries     bigint check (deliveries > 0),
    -- The try that it orders, where it is an order of ours; the run may be unknown here.
    run            uuid,
    job            text,
    attempt        bigint,
    -- The promotion of that run, where it is on record.
    promotion      text references promotions,
    received_at    timestamptz not null default clock_timestamp(),
    -- A kept letter is redriven or discarded, once; nothing leaves those two.
    state          text not null default 'kept' check (state in ('kept', 'redriven', 'discarded')),
    -- Who settled it, and when.
    settled_by     text,
    settled_at     timestamptz,
    -- Why it was discarded, in their words.
    discard_reason text,
    -- The id of the message that it was sent again as.
    redriven_as    uuid,
    check (size_bytes >= octet_length(body)),
    check ((run is null) = (job is null) and (run is null) = (attempt is null)),
    check ((state = 'kept') = (settled_by is null) and (state = 'kept') = (settled_at is null)),
    check ((state = 'discarded') = (discard_reason is not null)),
    check ((state = 'redriven') = (redriven_as is not null))
);
comment on table dead_letters is 'Messages that nobody could handle, with what became of them.';
-- The broker may deliver a letter again until it is acknowledged: that is the same letter.
-- The bytes count too, because senders reuse ids, and no letter may hide another.
create unique index dead_letters_kept_once
    on dead_letters (queue, coalesce(message_id::text, ''), size_bytes, sha256(body)) where state = 'kept';
