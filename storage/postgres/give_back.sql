-- The way back: gives the old service what Chatter has stored since it took over from it.
--
--   stop chatd, psql -v ON_ERROR_STOP=1 -f give_back.sql "$DATABASE_URL", start the old service
--
-- Users and messages keep their ids. It can be run again. The schema chatter stays as it
-- is. To come forward again: stop the old service, DROP SCHEMA chatter CASCADE, and start
-- chatd, which then takes everything over anew. Without that both would give the same
-- ids: then this ends with a duplicate key, and changes nothing.
BEGIN;
LOCK TABLE chatter.users, chatter.conversations, chatter.messages IN SHARE MODE;
LOCK TABLE public.users, public.messages IN SHARE ROW EXCLUSIVE MODE;

UPDATE public.users old
SET user_group = u.user_group
FROM chatter.users u
WHERE u.name = old.username COLLATE "C" AND u.user_group <> coalesce(old.user_group, '');

INSERT INTO public.users (id, username, user_group)
SELECT u.id, u.name, u.user_group
FROM chatter.users u
WHERE NOT EXISTS
  (SELECT FROM public.users old WHERE old.username COLLATE "C" = u.name);

INSERT INTO public.messages
  (id, username_from, username_to, message, image_path, created_at)
SELECT m.id, sender.name, recipient.name, m.text, m.image_path,
  'epoch'::timestamptz + m.created_us * interval '1 microsecond'
FROM chatter.messages m
JOIN chatter.conversations c ON c.id = m.conversation_id
JOIN chatter.users sender ON sender.id = m.sender_id
CROSS JOIN LATERAL
  (SELECT CASE sender.name WHEN c.user_low THEN c.user_high ELSE c.user_low END)
  AS recipient(name)
WHERE NOT EXISTS
  (SELECT FROM public.messages old
   WHERE old.id = m.id
     AND old.username_from COLLATE "C" = sender.name
     AND old.username_to COLLATE "C" = recipient.name
     AND coalesce(old.message, '') = m.text
     AND coalesce(old.image_path, '') = m.image_path);

SELECT setval(pg_get_serial_sequence('public.users', 'id'),
  (SELECT coalesce(max(id), 0) + 1 FROM public.users), false);
SELECT setval(pg_get_serial_sequence('public.messages', 'id'),
  (SELECT coalesce(max(id), 0) + 1 FROM public.messages), false);
COMMIT;
