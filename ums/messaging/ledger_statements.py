"""The set-based SQL of the ledger: what moves deliveries and their recipients from state to state."""

# A run is a range of ids that met the same fate: a thousand targets that one call submitted are one row.
RUNS = """ROWS($1: first_id bigint, last_id bigint, state int, reason text, code text, words text, provider_id text, \
at bigint)"""

# Counted under a row lock, in the order of the ids: nobody moves them until the transaction ends, and nobody waits in a
# circle.
DELIVERY_MOVES = f"""
SELECT message_id, delivery_channel, old_state, old_reason, old_code, new_state, new_reason, new_code,
       max(words) AS words, count(*) AS number FROM (
    SELECT d.id >> 32 AS message_id, d.delivery_channel, d.state AS old_state, d.reason AS old_reason,
           o.state AS new_state, o.reason AS new_reason,
           CASE WHEN d.state IN (20, 30, 50) THEN d.code ELSE '' END AS old_code,
           CASE WHEN o.state IN (20, 30, 50) THEN o.code ELSE '' END AS new_code, o.words
    FROM {RUNS} AS o JOIN delivery d ON d.id BETWEEN o.first_id AND o.last_id
    WHERE o.state > d.state ORDER BY d.id FOR UPDATE OF d) AS moving
GROUP BY message_id, delivery_channel, old_state, old_reason, old_code, new_state, new_reason, new_code"""

_BEST = f"""
SELECT d.recipient_id, max(o.state) AS state FROM {RUNS} AS o JOIN delivery d ON d.id BETWEEN o.first_id AND o.last_id
WHERE o.state > d.state GROUP BY d.recipient_id"""

RECIPIENT_MOVES = f"""
SELECT message_id, '' AS delivery_channel, old_state, old_reason, new_state, '' AS new_reason, count(*) AS number FROM (
    SELECT r.message_id, r.state AS old_state, r.reason AS old_reason, best.state AS new_state
    FROM ({_BEST}) AS best JOIN recipient r ON r.id = best.recipient_id
    WHERE best.state > r.state ORDER BY r.id FOR UPDATE OF r) AS moving
GROUP BY message_id, old_state, old_reason, new_state"""

MOVE_RECIPIENTS = f"""
UPDATE recipient SET state = best.state, reason = '' FROM ({_BEST}) AS best
WHERE recipient.id = best.recipient_id AND best.state > recipient.state"""

# What a policy moves is moved by one at a time: its next look is the least of many rows.
LOCK_POLICIES = """
SELECT id, steps FROM message WHERE policy <> '' AND recalled_at IS NULL
AND id IN (SELECT id FROM ROWS($1: id int) AS listed) ORDER BY id FOR UPDATE"""

# A first outcome starts the window of the next step, $3 gives its length for each step; a failure is looked at now.
SET_FIRST_LOOKS = f"""
UPDATE recipient SET next_check_at = looks.at FROM (
    SELECT d.recipient_id,
           min(CASE WHEN o.state IN (20, 30, 35, 45, 50) THEN CAST($2 AS bigint) ELSE o.at + w.length END) AS at
    FROM {RUNS} AS o JOIN delivery d ON d.id BETWEEN o.first_id AND o.last_id JOIN recipient r ON r.id = d.recipient_id
    JOIN ROWS($3: message_id int, step int, length bigint) AS w ON w.message_id = r.message_id AND w.step = r.step
    WHERE o.state > d.state AND (d.state = 0 OR o.state IN (20, 30, 35, 45, 50)) GROUP BY d.recipient_id) AS looks
WHERE recipient.id = looks.recipient_id AND (recipient.next_check_at IS NULL OR recipient.next_check_at > looks.at)"""

MOVE_DELIVERIES = f"""
UPDATE delivery SET state = o.state, reason = o.reason, code = o.code, words = o.words,
    provider_id = coalesce(o.provider_id, delivery.provider_id),
    submitted_at = CASE WHEN o.state = 10 OR o.state >= 40 THEN coalesce(delivery.submitted_at, o.at)
                        ELSE delivery.submitted_at END,
    delivered_at = CASE WHEN o.state >= 60 THEN coalesce(delivery.delivered_at, o.at) END,
    clicked_at = CASE WHEN o.state = 70 THEN o.at END,
    failed_at = CASE WHEN o.state IN (20, 30, 35, 45, 50) THEN o.at ELSE delivery.failed_at END
FROM {RUNS} AS o WHERE delivery.id BETWEEN o.first_id AND o.last_id AND o.state > delivery.state"""

# What a server took and gave back: the same, of those that were delivered and are not clicked.
_HIGHER, _RETURNED = "o.state > d.state", "d.state = 60"
DELIVERY_RETURNS = DELIVERY_MOVES.replace(_HIGHER, _RETURNED)
LOOK_AT_RETURNS = SET_FIRST_LOOKS.replace(_HIGHER, _RETURNED)
RETURN_DELIVERIES = MOVE_DELIVERIES.replace("o.state > delivery.state", "delivery.state = 60")

# After their deliveries.
_LEFT = f"""
SELECT d.recipient_id, max(each.state) AS state
FROM {RUNS} AS o JOIN delivery d ON d.id BETWEEN o.first_id AND o.last_id
JOIN delivery each ON each.recipient_id = d.recipient_id WHERE d.state = 50 GROUP BY d.recipient_id"""

RECIPIENT_RETURNS = RECIPIENT_MOVES.replace(_BEST, _LEFT).replace("best.state > r.state", "best.state <> r.state")
RETURN_RECIPIENTS = MOVE_RECIPIENTS.replace(_BEST, _LEFT).replace(
    "best.state > recipient.state", "best.state <> recipient.state"
)

# A policy may go on with who had got it.
REOPEN = """
UPDATE message SET state = 'sending' WHERE state = 'done' AND id IN (SELECT id FROM ROWS($1: id int) AS listed)
AND EXISTS (SELECT 1 FROM recipient r WHERE r.message_id = message.id AND r.next_check_at IS NOT NULL)"""

NOTE_REFUSALS = f"""
UPDATE delivery SET code = o.code, words = o.words
FROM {RUNS} AS o WHERE delivery.id BETWEEN o.first_id AND o.last_id AND o.state = 0 AND delivery.state = 0"""

NOTE_OPENS = """
UPDATE delivery SET opened_at = $2 WHERE opened_at IS NULL AND id IN (SELECT id FROM ROWS($1: id bigint) AS listed)"""

# What is known is not written again, nor lost to a receipt that says less.
NOTE_WAYS = """
UPDATE delivery SET app_platform = coalesce(delivery.app_platform, given.app_platform),
    app_sender = coalesce(delivery.app_sender, given.app_sender)
FROM (SELECT id, max(app_platform) AS app_platform, max(app_sender) AS app_sender
      FROM ROWS($1: id bigint, app_platform text, app_sender text) AS told GROUP BY id) AS given
WHERE delivery.id = given.id AND (delivery.app_platform IS NULL AND given.app_platform IS NOT NULL
    OR delivery.app_sender IS NULL AND given.app_sender IS NOT NULL)"""
