-- Copies the old service's users and messages into Chatter's empty tables: a part of the
-- transaction of takeover.cc. All of it happens in the server, which sorts on disk what
-- does not fit into memory.
SET LOCAL work_mem = '64MB';
-- The server notices that chatd has gone, and gives its locks back, where it can
-- (PostgreSQL 14 and later): otherwise only after the statement that it is at.
SELECT set_config(name, '1s', true)
FROM pg_settings WHERE name = 'client_connection_check_interval';

-- Readers are let in, writers wait.
LOCK TABLE public.users, public.messages IN SHARE MODE;

INSERT INTO chatter.users (id, name, user_group) OVERRIDING SYSTEM VALUE
SELECT id, username, coalesce(user_group, '')
FROM public.users
WHERE username IS NOT NULL;
-- The planner knows nothing of what this transaction has written.
ANALYZE chatter.users;

INSERT INTO chatter.conversations (user_low, user_high)
SELECT least(username_from COLLATE "C", username_to COLLATE "C") AS low,
  greatest(username_from COLLATE "C", username_to COLLATE "C") AS high
FROM public.messages
WHERE username_from IS NOT NULL AND username_to IS NOT NULL
GROUP BY low, high
ORDER BY min(id);
ANALYZE chatter.conversations;

-- A time that is missing becomes 1970; one that RFC 3339 cannot say, the first or the
-- last that it can. A sender who is no user, which the old foreign keys rule out, has no
-- sender_id, and ends the import.
INSERT INTO chatter.messages
  (conversation_id, seq, id, sender_id, text, image_path, client_id, created_us)
SELECT c.id, row_number() OVER (PARTITION BY c.id ORDER BY m.id), m.id, u.id,
  coalesce(m.message, ''), coalesce(m.image_path, ''), '',
  (extract(epoch FROM
    least(greatest(coalesce(m.created_at, 'epoch'), '0001-01-01 00:00:00+00'),
      '9999-12-31 23:59:59.999999+00')) * 1000000)::bigint
FROM public.messages m
JOIN chatter.conversations c
  ON c.user_low = least(m.username_from COLLATE "C", m.username_to COLLATE "C")
  AND c.user_high = greatest(m.username_from COLLATE "C", m.username_to COLLATE "C")
LEFT JOIN chatter.users u ON u.name = m.username_from COLLATE "C"
-- least and greatest look past a NULL.
WHERE m.username_from IS NOT NULL AND m.username_to IS NOT NULL
ORDER BY c.id, m.id;
ANALYZE chatter.messages;

-- What comes next has a later id than all that the old service has given.
SELECT setval(sequence, greatest(nextval(sequence), last_id + 1), false)
FROM (SELECT pg_get_serial_sequence('chatter.users', 'id')::regclass,
    (SELECT coalesce(max(id), 0)::bigint FROM public.users)
  UNION ALL
  SELECT 'chatter.message_ids', (SELECT coalesce(max(id), 0)::bigint FROM public.messages)
) AS ids(sequence, last_id);

-- Without a sender or a recipient a message is in no conversation.
INSERT INTO chatter.takeover (users, messages, nameless_messages)
SELECT (SELECT count(*) FROM chatter.users),
  (SELECT count(*) FROM chatter.messages),
  (SELECT count(*) FROM public.messages
    WHERE username_from IS NULL OR username_to IS NULL);
