"""The set-based SQL of the engine, together: what moves many rows at once never passes through Python.

That of the ledger stands beside it, in `ledger_statements`. Standard SQL for SQLite and PostgreSQL, with the three
extras of `ums.database.dialect`. Ids are `(message id << 32) + n`, so "the rows of a message" is a range of ids.
"""

# --- accept ---------------------------------------------------------------------------------------------------------

ADD_MESSAGES = """
INSERT INTO message (channel, revision, created_at, priority, state, failure, audience, content, template, policy,
    steps, send_no, owner, idempotency_key, input_hash, send_at, deferred_from, due_at,
    callback_url, callbacks, callback_params, lease_until, lease_token, expanded, cursor, recipients, deliveries)
SELECT channel, revision, created_at, priority, state, '', audience, content, template, policy,
    steps, send_no, owner, idempotency_key, input_hash, send_at, deferred_from, due_at,
    callback_url, callbacks, callback_params, 0, '', false, 0, 0, 0
FROM ROWS($1: channel text, revision int, created_at bigint, priority int, state text, audience jsonb, content jsonb, \
template text, policy text, steps jsonb, send_no text, owner text, idempotency_key text, input_hash text, \
send_at bigint, deferred_from bigint, due_at bigint, callback_url text, callbacks int, \
callback_params jsonb) AS given WHERE true
ON CONFLICT (channel, idempotency_key) DO NOTHING RETURNING id, channel, idempotency_key"""

# --- expand: who is meant -------------------------------------------------------------------------------------------

EVERYBODY = "SELECT id, user_id FROM user_account WHERE id > $3 AND id <= $4"

CHOSEN = "SELECT u.id, u.user_id FROM ({chosen}) AS chosen JOIN user_account u ON u.id = chosen.id"

ADD_RECIPIENTS = """
INSERT INTO recipient (id, message_id, user_id, target, state, reason, step)
SELECT CAST($1 AS bigint) + row_number() OVER (ORDER BY chunk.id), CAST($2 AS int), chunk.id, chunk.user_id, 0, '', 0
FROM ({chunk}) AS chunk"""

# Who is on the Blacklist, or not on the Whitelist, is planned, and lost for that reason.
ADD_FILTERED_RECIPIENTS = """
INSERT INTO recipient (id, message_id, user_id, target, state, reason, step)
SELECT CAST($1 AS bigint) + row_number() OVER (ORDER BY judged.id), CAST($2 AS int), judged.id, judged.user_id,
       CASE WHEN judged.lost THEN 5 ELSE 0 END, CASE WHEN judged.lost THEN '{reason}' ELSE '' END, 0
FROM (SELECT chunk.id, chunk.user_id, {lost} AS lost FROM ({chunk}) AS chunk) AS judged"""

_LISTED = "EXISTS (SELECT 1 FROM list_member m WHERE m.list_id = given.{list} AND m.user_id = given.target)"

# Without a list its number is null.
ADD_NAMED_RECIPIENTS = f"""
INSERT INTO recipient (id, message_id, user_id, target, state, reason, step)
SELECT id, CAST(id >> 32 AS int), account, target, CASE WHEN reason = '' THEN 0 ELSE 5 END, reason, 0 FROM (
    SELECT given.id, given.target, u.id AS account,
           CASE WHEN u.id IS NULL THEN 'unknown_user'
                WHEN given.blacklist IS NOT NULL AND {_LISTED.format(list="blacklist")} THEN 'blacklisted'
                WHEN given.whitelist IS NOT NULL AND NOT {_LISTED.format(list="whitelist")} THEN 'not_whitelisted'
                ELSE '' END AS reason
    FROM ROWS($1: id bigint, target text, blacklist int, whitelist int) AS given
    LEFT JOIN user_account u ON u.user_id = given.target) AS judged"""

ADD_GIVEN_RECIPIENTS = """
INSERT INTO recipient (id, message_id, target, state, reason, step)
SELECT id, CAST(id >> 32 AS int), target, state, reason, 0
FROM ROWS($1: id bigint, target text, state int, reason text) AS given"""

RECIPIENTS_ADDED = """
SELECT r.message_id, r.state, r.reason, count(*) AS number
FROM ROWS($1: first_id bigint, last_id bigint) AS run JOIN recipient r ON r.id BETWEEN run.first_id AND run.last_id
GROUP BY r.message_id, r.state, r.reason"""

# Named in the send, or members of its Segment, under the number $4 (null without one).
ADD_UNKNOWN_RECIPIENTS = """
INSERT INTO recipient (id, message_id, target, state, reason, step)
SELECT CAST($1 AS bigint) + row_number() OVER (ORDER BY unknown.user_id), CAST($2 AS int), unknown.user_id, 5,
       'unknown_user', 0
FROM (SELECT given.user_id FROM ROWS($3: user_id text) AS given
      LEFT JOIN user_account u ON u.user_id = given.user_id WHERE u.id IS NULL
      UNION SELECT m.user_id FROM list_member m WHERE m.list_id = $4 AND m.account IS NULL) AS unknown"""

# --- expand: where they can be reached ------------------------------------------------------------------------------

# Ranges of recipients that take a step together.
TAKERS = "ROWS($1: first_id bigint, last_id bigint, step int)"

# What goes out to whom: a row for each step and DeliveryChannel.
WAYS = """ROWS($2: message_id bigint, step int, position int, base bigint, delivery_channel text, type text, \
near text, far text, chooses int)"""

# The address bound to `near` comes first; the one bound to `far` serves only who has none bound to `near`.
ADD_DELIVERIES = f"""
INSERT INTO delivery (id, recipient_id, delivery_channel, step, address, state, reason, code, words, planned_at)
SELECT way.base + row_number() OVER (PARTITION BY way.message_id ORDER BY way.position, r.id, a.id),
       r.id, way.delivery_channel, way.step, a.value, 0, '', '', '', CAST($3 AS bigint)
FROM {TAKERS} AS taker
CROSS JOIN {WAYS} AS way
CROSS JOIN recipient r CROSS JOIN address a
WHERE way.message_id = taker.first_id >> 32 AND way.step = taker.step
AND r.id BETWEEN taker.first_id AND taker.last_id AND r.state <> 5
AND a.user_id = r.user_id AND a.type = way.type
AND (a.bind = way.near OR (a.bind = way.far AND NOT EXISTS (
    SELECT 1 FROM address nearer WHERE nearer.user_id = r.user_id AND nearer.type = way.type
    AND nearer.bind = way.near)))"""

# Where a step chooses, who has an address on a DeliveryChannel that comes earlier gets nothing on this one.
ADD_CHOSEN_DELIVERIES = f"""{ADD_DELIVERIES}
AND (way.chooses = 0 OR NOT EXISTS (
    SELECT 1 FROM {WAYS} AS cheaper JOIN address b ON b.type = cheaper.type AND b.bind IN (cheaper.near, cheaper.far)
    WHERE cheaper.message_id = way.message_id AND cheaper.step = way.step AND cheaper.position < way.position
    AND b.user_id = r.user_id))"""

ADD_GIVEN_DELIVERIES = """
INSERT INTO delivery (id, recipient_id, delivery_channel, step, address, state, reason, code, words, planned_at)
SELECT id, recipient_id, delivery_channel, 0, address, 0, '', '', '', CAST($2 AS bigint)
FROM ROWS($1: id bigint, recipient_id bigint, delivery_channel text, address text) AS given"""

DELIVERIES_ADDED = """
SELECT given.message_id, d.delivery_channel, min(d.id) AS first_id, max(d.id) AS last_id
FROM ROWS($1: message_id int, first_id bigint, last_id bigint) AS given
JOIN delivery d ON d.id BETWEEN given.first_id AND given.last_id
GROUP BY given.message_id, d.delivery_channel, d.step ORDER BY 3"""

ADD_BATCH = """
INSERT INTO batch (message_id, delivery_channel, priority, first_id, last_id, turn_at, due_at, deadline_at,
                   lease_until, lease_token, attempts, request_key)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, '', 0, '')"""

NOT_REACHED = f"""
SELECT r.id, taker.step FROM {TAKERS} AS taker
JOIN recipient r ON r.id BETWEEN taker.first_id AND taker.last_id AND r.state <> 5
WHERE NOT EXISTS (SELECT 1 FROM delivery d WHERE d.recipient_id = r.id AND d.step = taker.step)"""

# $2: what the step behind waits for. Who has nothing of that from this step is looked at now.
LOOK_NOW = f"""
UPDATE recipient SET next_check_at = $3 WHERE id IN (
    SELECT r.id FROM {TAKERS} AS taker
    JOIN ROWS($2: message_id bigint, step int, delivery_channel text) AS awaited
        ON awaited.message_id = taker.first_id >> 32 AND awaited.step = taker.step
    JOIN recipient r ON r.id BETWEEN taker.first_id AND taker.last_id AND r.state <> 5
    WHERE NOT EXISTS (SELECT 1 FROM delivery d WHERE d.recipient_id = r.id AND d.step = taker.step
                      AND d.delivery_channel = awaited.delivery_channel))"""

LOSE = """
UPDATE recipient SET state = 5, reason = $2, next_check_at = NULL
WHERE state = 0 AND id IN (SELECT id FROM ROWS($1: id bigint) AS listed)
AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.recipient_id = recipient.id) RETURNING id, message_id"""

LOCK_MESSAGES = "SELECT id FROM message WHERE id IN (SELECT id FROM ROWS($1: id int) AS listed) ORDER BY id FOR UPDATE"

KEEP_EXPANSIONS = """
UPDATE message SET cursor = given.cursor, recipients = given.recipients, deliveries = given.deliveries,
    segment = given.segment, expanded = given.expanded, state = given.state, failure = given.failure,
    due_at = given.due_at, lease_until = 0, lease_token = ''
FROM ROWS($1: id int, cursor bigint, recipients bigint, deliveries bigint, segment int, expanded boolean, state text, \
failure text, due_at bigint) AS given WHERE message.id = given.id"""

# --- policy ---------------------------------------------------------------------------------------------------------

DUE_RECIPIENTS = """
SELECT r.id, r.message_id, r.step FROM ROWS($1: id int) AS listed JOIN recipient r ON r.message_id = listed.id
WHERE r.next_check_at IS NOT NULL AND r.next_check_at <= $2
ORDER BY r.next_check_at LIMIT $3 FOR UPDATE OF r"""

SEEN = """
SELECT TUPLES(d.recipient_id, d.delivery_channel, d.state, d.submitted_at, d.delivered_at, d.clicked_at, d.failed_at)
FROM ROWS($1: id bigint) AS listed JOIN delivery d ON d.recipient_id = listed.id"""

SET_CHECKS = """
UPDATE recipient SET step = given.step, next_check_at = given.next_check_at
FROM ROWS($1: id bigint, step int, next_check_at bigint) AS given WHERE recipient.id = given.id"""

NEXT_DUE = """
UPDATE message SET due_at = (
    SELECT min(r.next_check_at) FROM recipient r WHERE r.message_id = message.id AND r.next_check_at IS NOT NULL)
WHERE expanded AND id IN (SELECT id FROM ROWS($1: id int) AS listed)"""

_SETTLED = """
UPDATE message SET state = 'done' WHERE state = 'sending' AND expanded AND due_at IS NULL
AND NOT EXISTS (SELECT 1 FROM batch WHERE batch.message_id = message.id AND batch.done_at IS NULL)"""

SETTLE = f"{_SETTLED} AND id IN (SELECT id FROM ROWS($1: id int) AS listed)"

SETTLE_ALL = _SETTLED

# --- leases ---------------------------------------------------------------------------------------------------------

PLANNED = "SELECT TUPLES(id, address) FROM delivery WHERE id BETWEEN $1 AND $2 AND state = 0"

_LEASE = "id, message_id, delivery_channel, priority, first_id, last_id, deadline_at, attempts, request_key"

_DUE = "done_at IS NULL AND recall_at IS NULL AND priority = $1 AND due_at <= $2 AND lease_until <= $2"

_NOT_CLOSED = """NOT EXISTS (SELECT 1 FROM delivery_channel_status s
    WHERE s.delivery_channel = batch.delivery_channel AND s.closed_until > $2)"""

# Every message in its turn, not first come first served: see Batch.turn_at. $6 names who must be asked for first.
# Materialized: PostgreSQL may run a subquery once for every row that it looks at, and then the limit is none.
CLAIM_BATCHES = f"""
WITH due AS MATERIALIZED (
    SELECT id FROM batch WHERE {_DUE} AND {_NOT_CLOSED}
    AND delivery_channel NOT IN (SELECT code FROM ROWS($6: code text) AS limited)
    ORDER BY turn_at, id LIMIT $5 FOR UPDATE SKIP LOCKED)
UPDATE batch SET lease_until = $3, lease_token = $4, attempts = attempts + 1
WHERE id IN (SELECT id FROM due) RETURNING {_LEASE}"""

CANDIDATES = f"""
SELECT id, last_id - first_id + 1 AS targets FROM batch
WHERE {_DUE} AND delivery_channel = $3 ORDER BY turn_at, id LIMIT $4 FOR UPDATE SKIP LOCKED"""

CLAIM_LISTED = f"""
UPDATE batch SET lease_until = $2, lease_token = $3, attempts = attempts + 1
WHERE id IN (SELECT id FROM ROWS($1: id bigint) AS listed) RETURNING {_LEASE}"""

CLAIM_MESSAGES = """
WITH due AS MATERIALIZED (
    SELECT id FROM message WHERE due_at IS NOT NULL AND priority = $1 AND due_at <= $2 AND lease_until <= $2
    ORDER BY due_at, id LIMIT $5 FOR UPDATE SKIP LOCKED)
UPDATE message SET lease_until = $3, lease_token = $4 WHERE id IN (SELECT id FROM due)
RETURNING id"""

# $3: how far ahead of its rate the lane may go.
IS_DUE = f"""
SELECT 1 AS due WHERE EXISTS (SELECT 1 FROM batch WHERE {_DUE} AND NOT EXISTS (
    SELECT 1 FROM delivery_channel_status s
    WHERE s.delivery_channel = batch.delivery_channel AND (s.closed_until > $2 OR s.next_at > $2 + $3)))
OR EXISTS (SELECT 1 FROM message WHERE due_at IS NOT NULL AND priority = $1 AND due_at <= $2 AND lease_until <= $2)"""

SAID = """
SELECT id, content, created_at, channel, audience ->> 'blacklist' AS blacklist FROM message
WHERE id IN (SELECT id FROM ROWS($1: id int) AS listed)"""

RENEW = "UPDATE batch SET lease_until = $3 WHERE id = $1 AND lease_token = $2"

KEEP_KEYS = """
UPDATE batch SET request_key = given.request_key FROM ROWS($1: id bigint, token text, request_key text) AS given
WHERE batch.id = given.id AND batch.lease_token = given.token"""

# Done when nothing of it is planned any more. Who lost the lease leaves the batch to its successor.
RELEASE = """
UPDATE batch SET lease_until = 0, lease_token = '', due_at = given.due_at,
    ask_at = coalesce(given.ask_at, batch.ask_at),
    done_at = CASE WHEN EXISTS (SELECT 1 FROM delivery d
        WHERE d.id BETWEEN batch.first_id AND batch.last_id AND d.state = 0) THEN NULL ELSE CAST($2 AS bigint) END
FROM ROWS($1: id bigint, token text, due_at bigint, ask_at bigint) AS given
WHERE batch.id = given.id AND batch.lease_token = given.token"""
