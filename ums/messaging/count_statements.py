"""The set-based SQL of the counters; see `ums.messaging.statements`."""

MOVE_COUNTS = """
INSERT INTO message_count (message_id, delivery_channel, state, reason, number)
SELECT message_id, delivery_channel, state, reason, number
FROM ROWS($1: message_id int, delivery_channel text, state int, reason text, number bigint) AS moved WHERE true
ON CONFLICT (message_id, delivery_channel, state, reason)
DO UPDATE SET number = message_count.number + excluded.number"""

MOVE_LOSSES = """
INSERT INTO message_loss (message_id, delivery_channel, state, reason, code, words, number)
SELECT message_id, delivery_channel, state, reason, code, words, number
FROM ROWS($1: message_id int, delivery_channel text, state int, reason text, code text, words text, number bigint)
AS moved WHERE true ON CONFLICT (message_id, delivery_channel, state, reason, code)
DO UPDATE SET number = message_loss.number + excluded.number,
    words = CASE WHEN message_loss.words = '' THEN excluded.words ELSE message_loss.words END"""

# By the time of the send, by now, altogether, and for the Segment; in the order of the key, so that nobody waits in a
# circle.
MOVE_CHANNEL_COUNTS = """
INSERT INTO channel_count (channel, attribution, bucket, delivery_channel, state, reason, number)
SELECT CASE w.attribution WHEN 3 THEN CAST(m.segment AS text) ELSE m.channel END AS channel, w.attribution,
       CASE w.attribution WHEN 1 THEN CAST($2 AS bigint) / 900000 WHEN 2 THEN 0 ELSE m.send_at / 900000 END AS bucket,
       moved.delivery_channel, moved.state, moved.reason, CAST(sum(moved.number) AS bigint)
FROM ROWS($1: message_id int, delivery_channel text, state int, reason text, number bigint) AS moved
JOIN message m ON m.id = moved.message_id
CROSS JOIN (SELECT 0 AS attribution UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) AS w
WHERE w.attribution < 3 OR m.segment IS NOT NULL
GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(moved.number) <> 0 ORDER BY 1, 2, 3, 4, 5, 6
ON CONFLICT (channel, attribution, bucket, delivery_channel, state, reason)
DO UPDATE SET number = channel_count.number + excluded.number"""
