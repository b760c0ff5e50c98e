CREATE TABLE meta (
  epoch TEXT NOT NULL,
  last_message_id INTEGER NOT NULL
) STRICT;
INSERT INTO meta VALUES (lower(hex(randomblob(16))), 0);

CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  user_group TEXT NOT NULL
) STRICT;
CREATE INDEX users_by_group ON users (user_group, name);

-- A direct conversation is keyed by its two usernames in byte order.
CREATE TABLE conversations (
  id INTEGER PRIMARY KEY,
  user_low TEXT NOT NULL,
  user_high TEXT NOT NULL,
  last_seq INTEGER NOT NULL,
  UNIQUE (user_low, user_high)
) STRICT;

-- Within a conversation seq is dense and id grows with it, so that an id is found by
-- binary search and needs no index.
CREATE TABLE messages (
  conversation_id INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  id INTEGER NOT NULL,
  sender_id INTEGER NOT NULL,
  text TEXT NOT NULL,
  image_path TEXT NOT NULL,
  client_id TEXT NOT NULL,
  created_us INTEGER NOT NULL,
  PRIMARY KEY (conversation_id, seq)
) STRICT, WITHOUT ROWID;

-- Apart from the messages, so that those can be partitioned by conversation.
CREATE TABLE client_ids (
  sender_id INTEGER NOT NULL,
  client_id TEXT NOT NULL,
  conversation_id INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (sender_id, client_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
  hash BLOB NOT NULL PRIMARY KEY,
  user_id INTEGER NOT NULL,
  expires_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_expiry ON tokens (expires_us);

CREATE TABLE outbox (
  conversation_id INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  recipient TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  due_us INTEGER NOT NULL,
  PRIMARY KEY (conversation_id, seq, recipient)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_by_due ON outbox (due_us);
