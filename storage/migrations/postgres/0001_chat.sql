CREATE TABLE chatter.meta (
  epoch text NOT NULL
);
INSERT INTO chatter.meta VALUES (replace(gen_random_uuid()::text, '-', ''));

CREATE TABLE chatter.users (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  user_group text COLLATE "C" NOT NULL
);
CREATE INDEX users_by_group ON chatter.users (user_group, name);

-- A direct conversation is keyed by its two usernames in byte order.
CREATE TABLE chatter.conversations (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_low text COLLATE "C" NOT NULL,
  user_high text COLLATE "C" NOT NULL,
  last_seq bigint NOT NULL,
  UNIQUE (user_low, user_high)
) WITH (fillfactor = 50);

-- Numbers are handed out while the conversation's row is locked: within a conversation id
-- grows with the dense seq, so that an id is found by binary search and needs no index.
CREATE SEQUENCE chatter.message_ids CACHE 1;

CREATE TABLE chatter.messages (
  conversation_id bigint NOT NULL,
  seq bigint NOT NULL,
  id bigint NOT NULL,
  sender_id bigint NOT NULL,
  text text NOT NULL,
  image_path text NOT NULL,
  client_id text COLLATE "C" NOT NULL,
  created_us bigint NOT NULL,
  PRIMARY KEY (conversation_id, seq)
);

-- Apart from the messages, so that those can be partitioned by conversation.
CREATE TABLE chatter.client_ids (
  sender_id bigint NOT NULL,
  client_id text COLLATE "C" NOT NULL,
  conversation_id bigint NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (sender_id, client_id)
);

CREATE TABLE chatter.tokens (
  hash bytea PRIMARY KEY,
  user_id bigint NOT NULL,
  expires_us bigint NOT NULL
);
CREATE INDEX tokens_by_expiry ON chatter.tokens (expires_us);

CREATE TABLE chatter.outbox (
  conversation_id bigint NOT NULL,
  seq bigint NOT NULL,
  recipient text COLLATE "C" NOT NULL,
  attempts integer NOT NULL,
  due_us bigint NOT NULL,
  PRIMARY KEY (conversation_id, seq, recipient)
);
CREATE INDEX outbox_by_due ON chatter.outbox (due_us);
