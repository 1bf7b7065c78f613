"""The set-based SQL of the engine, together: what moves many rows at once never passes through Python.

Standard SQL for SQLite and PostgreSQL, with the three extras of `ums.database.dialect`. Ids are
`(message id << 32) + n`, so "the rows of a message" is a range of ids.
"""

# --- expand: who is meant -------------------------------------------------------------------------------------------

EVERYBODY = "SELECT id, user_id FROM user_account WHERE id > $3 ORDER BY id LIMIT $4"

# The n smallest ids of a union lie among the n smallest of each part, so every part may stop early.
USERS_BY_ID = """
SELECT u.id FROM ROWS($5: user_id text) given JOIN user_account u ON u.user_id = given.user_id WHERE u.id > $3"""

USERS_BY_TAG = """
UNION SELECT id FROM (
    SELECT user_id AS id FROM tag WHERE tag = ${tag} AND bind = ${bind} AND user_id > $3 ORDER BY user_id LIMIT $4
) AS tagged{tag}"""

CHOSEN_USERS = """
SELECT u.id, u.user_id FROM ({union}) AS chosen JOIN user_account u ON u.id = chosen.id ORDER BY u.id LIMIT $4"""

ADD_RECIPIENTS = """
INSERT INTO recipient (id, message_id, user_id, target, state, reason, step)
SELECT CAST($1 AS bigint) + row_number() OVER (ORDER BY chunk.id), CAST($2 AS int), chunk.id, chunk.user_id, 0, '', 0
FROM ({chunk}) AS chunk"""

ADDED = "SELECT count(*) AS number, max(user_id) AS cursor FROM recipient WHERE id BETWEEN $1 AND $2"

ADD_GIVEN_RECIPIENTS = """
INSERT INTO recipient (id, message_id, target, state, reason, step)
SELECT id, CAST($2 AS int), target, state, reason, 0
FROM ROWS($1: id bigint, target text, state int, reason text) AS given"""

UNKNOWN_USERS = """
SELECT given.user_id FROM ROWS($1: user_id text) given
LEFT JOIN user_account u ON u.user_id = given.user_id WHERE u.id IS NULL"""

# --- expand: where they can be reached ------------------------------------------------------------------------------

RECIPIENT_RANGE = "SELECT id, user_id FROM recipient WHERE id BETWEEN $1 AND $2 AND state = 0"

RECIPIENT_LIST = """
SELECT r.id, r.user_id FROM ROWS($1: id bigint) AS listed
JOIN recipient r ON r.id = listed.id AND r.message_id = $2"""

# The address bound to $8 comes first; the one bound to $9 serves only who has none bound to $8.
ADD_DELIVERIES = """
INSERT INTO delivery (id, recipient_id, delivery_channel, step, address, state, reason, code, words, planned_at)
SELECT CAST($3 AS bigint) + row_number() OVER (ORDER BY r.id, a.id), r.id, $4, CAST($5 AS int), a.value,
       0, '', '', '', CAST($6 AS bigint)
FROM ({recipients}) AS r JOIN address a ON a.user_id = r.user_id AND a.type = $7
WHERE a.bind = $8 OR (a.bind = $9 AND NOT EXISTS (
    SELECT 1 FROM address nearer WHERE nearer.user_id = r.user_id AND nearer.type = $7 AND nearer.bind = $8))"""

ADD_GIVEN_DELIVERIES = """
INSERT INTO delivery (id, recipient_id, delivery_channel, step, address, state, reason, code, words, planned_at)
SELECT id, recipient_id, delivery_channel, 0, address, 0, '', '', '', CAST($2 AS bigint)
FROM ROWS($1: id bigint, recipient_id bigint, delivery_channel text, address text) AS given"""

DELIVERIES_ADDED = "SELECT count(*) AS number FROM delivery WHERE id > $1 AND id <= $2"

ADD_BATCH = """
INSERT INTO batch (message_id, delivery_channel, priority, first_id, last_id, due_at, deadline_at,
                   lease_until, lease_token, attempts, request_key)
VALUES ($1, $2, $3, $4, $5, $6, $7, 0, '', 0, '')"""

NOT_REACHED = """
SELECT r.id FROM ({recipients}) AS r
WHERE NOT EXISTS (SELECT 1 FROM delivery d WHERE d.recipient_id = r.id AND d.step = $3)"""

LOSE = """
UPDATE recipient SET state = 5, reason = $2, next_check_at = NULL
WHERE state = 0 AND id IN (SELECT id FROM ROWS($1: id bigint) AS listed)
AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.recipient_id = recipient.id) RETURNING id"""

# --- policy ---------------------------------------------------------------------------------------------------------

DUE_RECIPIENTS = """
SELECT id, step FROM recipient WHERE message_id = $1 AND next_check_at IS NOT NULL AND next_check_at <= $2
ORDER BY next_check_at LIMIT $3 FOR UPDATE"""

SEEN = """
SELECT d.recipient_id, d.delivery_channel, d.state, d.submitted_at, d.delivered_at, d.clicked_at
FROM ROWS($1: id bigint) AS listed JOIN delivery d ON d.recipient_id = listed.id"""

SET_CHECKS = """
UPDATE recipient SET step = given.step, next_check_at = given.next_check_at
FROM ROWS($1: id bigint, step int, next_check_at bigint) AS given WHERE recipient.id = given.id"""

NEXT_DUE = """
UPDATE message SET due_at = (
    SELECT min(next_check_at) FROM recipient WHERE message_id = $1 AND next_check_at IS NOT NULL)
WHERE id = $1 AND expanded"""

SETTLE = """
UPDATE message SET state = 'done' WHERE id = $1 AND expanded AND due_at IS NULL AND state <> 'done'
AND NOT EXISTS (SELECT 1 FROM batch WHERE message_id = $1 AND done_at IS NULL)"""

# --- leases ---------------------------------------------------------------------------------------------------------

CLAIM_BATCHES = """
UPDATE batch SET lease_until = $3, lease_token = $4, attempts = attempts + 1
WHERE id IN (SELECT id FROM batch WHERE done_at IS NULL AND priority = $1 AND due_at <= $2 AND lease_until <= $2
             ORDER BY due_at, id LIMIT $5 FOR UPDATE SKIP LOCKED)
RETURNING id, message_id, delivery_channel, priority, first_id, last_id, deadline_at, attempts, request_key"""

CLAIM_MESSAGE = """
UPDATE message SET lease_until = $3, lease_token = $4
WHERE id IN (SELECT id FROM message WHERE due_at IS NOT NULL AND priority = $1 AND due_at <= $2 AND lease_until <= $2
             ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, expanded"""

IS_DUE = """
SELECT 1 AS due WHERE
   EXISTS (SELECT 1 FROM batch WHERE done_at IS NULL AND priority = $1 AND due_at <= $2 AND lease_until <= $2)
OR EXISTS (SELECT 1 FROM message WHERE due_at IS NOT NULL AND priority = $1 AND due_at <= $2 AND lease_until <= $2)"""

RENEW = "UPDATE batch SET lease_until = $3 WHERE id = $1 AND lease_token = $2"

# --- ledger ---------------------------------------------------------------------------------------------------------

# A run is a range of ids that met the same fate: a thousand targets that one call submitted are one row.
RUNS = """ROWS($1: first_id bigint, last_id bigint, state int, reason text, code text, words text, provider_id text, \
at bigint)"""

DELIVERY_MOVES = f"""
SELECT d.delivery_channel, d.state AS old_state, d.reason AS old_reason, o.state AS new_state, o.reason AS new_reason,
       count(*) AS number
FROM {RUNS} AS o JOIN delivery d ON d.id BETWEEN o.first_id AND o.last_id WHERE o.state > d.state
GROUP BY d.delivery_channel, d.state, d.reason, o.state, o.reason"""

_BEST = f"""
SELECT d.recipient_id, max(o.state) AS state FROM {RUNS} AS o JOIN delivery d ON d.id BETWEEN o.first_id AND o.last_id
WHERE o.state > d.state GROUP BY d.recipient_id"""

RECIPIENT_MOVES = f"""
SELECT '' AS delivery_channel, r.state AS old_state, r.reason AS old_reason, best.state AS new_state,
       '' AS new_reason, count(*) AS number
FROM ({_BEST}) AS best JOIN recipient r ON r.id = best.recipient_id WHERE best.state > r.state
GROUP BY r.state, r.reason, best.state"""

MOVE_RECIPIENTS = f"""
UPDATE recipient SET state = best.state, reason = '' FROM ({_BEST}) AS best
WHERE recipient.id = best.recipient_id AND best.state > recipient.state"""

# A first outcome starts the window of the next step, $3 gives its length for each step; a failure is looked at now.
SET_FIRST_LOOKS = f"""
UPDATE recipient SET next_check_at = looks.at FROM (
    SELECT d.recipient_id,
           min(CASE WHEN o.state IN (20, 30, 35, 50) THEN CAST($2 AS bigint) ELSE o.at + w.length END) AS at
    FROM {RUNS} AS o JOIN delivery d ON d.id BETWEEN o.first_id AND o.last_id JOIN recipient r ON r.id = d.recipient_id
    JOIN ROWS($3: step int, length bigint) AS w ON w.step = r.step
    WHERE o.state > d.state AND (d.state = 0 OR o.state IN (20, 30, 35, 50)) GROUP BY d.recipient_id) AS looks
WHERE recipient.id = looks.recipient_id AND (recipient.next_check_at IS NULL OR recipient.next_check_at > looks.at)"""

MOVE_DELIVERIES = f"""
UPDATE delivery SET state = o.state, reason = o.reason, code = o.code, words = o.words,
    provider_id = coalesce(o.provider_id, delivery.provider_id),
    submitted_at = CASE WHEN o.state = 10 OR o.state >= 40 THEN coalesce(delivery.submitted_at, o.at)
                        ELSE delivery.submitted_at END,
    delivered_at = CASE WHEN o.state >= 60 THEN coalesce(delivery.delivered_at, o.at) END,
    clicked_at = CASE WHEN o.state = 70 THEN o.at END,
    failed_at = CASE WHEN o.state IN (20, 30, 35, 50) THEN o.at END
FROM {RUNS} AS o WHERE delivery.id BETWEEN o.first_id AND o.last_id AND o.state > delivery.state"""

NOTE_REFUSALS = f"""
UPDATE delivery SET code = o.code, words = o.words
FROM {RUNS} AS o WHERE delivery.id BETWEEN o.first_id AND o.last_id AND o.state = 0 AND delivery.state = 0"""

MOVE_COUNTS = """
INSERT INTO message_count (message_id, delivery_channel, state, reason, number)
SELECT CAST($2 AS int), delivery_channel, state, reason, number
FROM ROWS($1: delivery_channel text, state int, reason text, number bigint) AS moved WHERE true
ON CONFLICT (message_id, delivery_channel, state, reason)
DO UPDATE SET number = message_count.number + excluded.number"""

# --- receipts -------------------------------------------------------------------------------------------------------

RECEIPTS = "ROWS($1: n int, provider_id text, address text)"

# A provider's id names one target, or a whole batch in which the address names the target.
MATCH_BY_TARGET = f"""
SELECT given.n, d.id FROM {RECEIPTS} AS given JOIN delivery d ON d.provider_id = given.provider_id
WHERE d.provider_id IS NOT NULL AND d.delivery_channel = $2 AND (given.address = '' OR d.address = given.address)"""

MATCH_BY_BATCH = f"""
SELECT given.n, d.id FROM {RECEIPTS} AS given
JOIN attempt a ON a.provider_id = given.provider_id AND a.delivery_channel = $2 AND a.provider_id IS NOT NULL
JOIN batch b ON b.id = a.batch_id
JOIN delivery d ON d.address = given.address AND d.id BETWEEN b.first_id AND b.last_id"""
