-- A message's place is one number, its conversation in the upper 32 bits and its seq in the
-- lower ones: SQLite finds and adds rows by such a key faster than by two columns, and
-- keeps none of them in the inner pages. A conversation's last seq is that of its last row.
CREATE TABLE placed_messages (
  place INTEGER PRIMARY KEY,
  id INTEGER NOT NULL,
  sender_id INTEGER NOT NULL,
  text TEXT NOT NULL,
  image_path TEXT NOT NULL,
  client_id TEXT NOT NULL,
  created_us INTEGER NOT NULL
) STRICT;
INSERT INTO placed_messages
SELECT conversation_id << 32 | seq, id, sender_id, text, image_path, client_id, created_us
FROM messages ORDER BY conversation_id, seq;
DROP TABLE messages;
ALTER TABLE placed_messages RENAME TO messages;
ALTER TABLE conversations DROP COLUMN last_seq;
