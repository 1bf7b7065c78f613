"""The SQL of `ums check`: counters and the rows that they count, side by side."""

from ums.messaging.count_statements import MOVE_COUNTS, MOVE_LOSSES
from ums.messaging.counts import Attribution

# Retention takes a message apart before it removes it.
_WHOLE = """
WITH whole AS (
    SELECT m.id, m.id * 4294967296 AS low, (m.id + 1) * 4294967296 AS high
    FROM ROWS($1: id bigint) AS listed JOIN message m ON m.id = listed.id
    WHERE m.recipients = (SELECT count(*) FROM recipient r
                          WHERE r.id > listed.id * 4294967296 AND r.id < (listed.id + 1) * 4294967296)
    AND m.deliveries = (SELECT count(*) FROM delivery d
                        WHERE d.id > listed.id * 4294967296 AND d.id < (listed.id + 1) * 4294967296))"""

_SUM = "CAST(sum(kept) AS bigint) AS kept, CAST(sum(found) AS bigint) AS found"

_COUNTS = f"""{_WHOLE}
SELECT message_id, delivery_channel, state, reason, {_SUM} FROM (
    SELECT c.message_id, c.delivery_channel, c.state, c.reason, c.number AS kept, 0 AS found
    FROM whole JOIN message_count c ON c.message_id = whole.id
    UNION ALL SELECT whole.id, '', r.state, r.reason, 0, 1
    FROM whole JOIN recipient r ON r.id > whole.low AND r.id < whole.high
    UNION ALL SELECT whole.id, d.delivery_channel, d.state, d.reason, 0, 1
    FROM whole JOIN delivery d ON d.id > whole.low AND d.id < whole.high) AS held
GROUP BY message_id, delivery_channel, state, reason HAVING sum(kept) <> sum(found) ORDER BY 1, 2, 3, 4"""

_LOSSES = f"""{_WHOLE}
SELECT message_id, delivery_channel, state, reason, code, max(words) AS words, {_SUM} FROM (
    SELECT c.message_id, c.delivery_channel, c.state, c.reason, c.code, c.words, c.number AS kept, 0 AS found
    FROM whole JOIN message_loss c ON c.message_id = whole.id
    UNION ALL SELECT whole.id, d.delivery_channel, d.state, d.reason, d.code, d.words, 0, 1
    FROM whole JOIN delivery d ON d.id > whole.low AND d.id < whole.high WHERE d.state IN (20, 30, 50)) AS held
GROUP BY message_id, delivery_channel, state, reason, code HAVING sum(kept) <> sum(found) ORDER BY 1, 2, 3, 4, 5"""

MESSAGE_COUNTERS = {"message_count": _COUNTS, "message_loss": _LOSSES}
MEND = {"message_count": MOVE_COUNTS, "message_loss": MOVE_LOSSES}

# The counters of messages are right by now, so these are held against them.
_BUCKETS = f"""
SELECT channel, {{attribution}} AS attribution, bucket, delivery_channel, state, reason, {_SUM} FROM (
    SELECT c.channel, c.bucket, c.delivery_channel, c.state, c.reason, c.number AS kept, 0 AS found
    FROM channel_count c WHERE c.attribution = {{attribution}} AND c.bucket >= $1 AND c.bucket < $2 {{counted}}
    UNION ALL SELECT {{whose}}, m.send_at / 900000, c.delivery_channel, c.state, c.reason, 0, c.number
    FROM message m JOIN message_count c ON c.message_id = m.id WHERE {{sent}}
    UNION ALL SELECT {{whose}}, m.send_at / 900000, '', -1, '', 0, 1
    FROM message m WHERE {{sent}} AND (m.expanded OR m.state = 'failed')) AS held
GROUP BY channel, bucket, delivery_channel, state, reason HAVING sum(kept) <> sum(found) ORDER BY 1, 3, 4, 5, 6"""

_SENT = "m.send_at >= CAST($1 AS bigint) * 900000 AND m.send_at < CAST($2 AS bigint) * 900000"


def buckets(*, narrowed: bool) -> str:
    """Of Channels, from the bucket $1 to before $2; `narrowed` to the Channel $3, of whose messages an index knows."""
    counted, sent = (" AND c.channel = $3", f"{_SENT} AND m.channel = $3") if narrowed else ("", _SENT)
    return _BUCKETS.format(attribution=int(Attribution.SENT), whose="m.channel", counted=counted, sent=sent)


def segments(*, narrowed: bool) -> str:
    """The same of Segments; counters of other Channels' are there too, and found wrong."""
    sent = f"{_SENT} AND m.segment IS NOT NULL{' AND m.channel = $3' if narrowed else ''}"
    whose = "CAST(m.segment AS text)"
    return _BUCKETS.format(attribution=int(Attribution.SEGMENT), whose=whose, counted="", sent=sent)


def page(*, narrowed: bool) -> str:
    """Ids behind $1, at most $2, of messages sent from $3 to before $4 ms; `narrowed` to the Channel $5."""
    where = "AND channel = $5 " if narrowed else ""
    return f"SELECT id FROM message WHERE id > $1 AND send_at >= $3 AND send_at < $4 {where}ORDER BY id LIMIT $2"


# When we heard of something stands on no row, but altogether it is what was sent; what was lost is put to the oldest.
SUMS = f"""
SELECT channel, attribution, 0 AS bucket, delivery_channel, state, reason, {_SUM} FROM (
    SELECT channel, attribution, delivery_channel, state, reason, number AS kept, 0 AS found
    FROM channel_count WHERE attribution IN (1, 2)
    UNION ALL SELECT c.channel, w.attribution, c.delivery_channel, c.state, c.reason, 0, c.number
    FROM channel_count c CROSS JOIN (SELECT 1 AS attribution UNION ALL SELECT 2) AS w
    WHERE c.attribution = {int(Attribution.SENT)}) AS held
GROUP BY channel, attribution, delivery_channel, state, reason HAVING sum(kept) <> sum(found) ORDER BY 1, 2, 4, 5, 6"""

MEND_BUCKETS = """
INSERT INTO channel_count (channel, attribution, bucket, delivery_channel, state, reason, number)
SELECT channel, attribution, bucket, delivery_channel, state, reason, number
FROM ROWS($1: channel text, attribution int, bucket int, delivery_channel text, state int, reason text, number bigint)
AS given WHERE true ON CONFLICT (channel, attribution, bucket, delivery_channel, state, reason)
DO UPDATE SET number = channel_count.number + excluded.number"""
