-- What became of the old service's tables in this database: no row until some were found;
-- then one, for good. No numbers: nothing was taken over, as Chatter had data of its own.
CREATE TABLE chatter.takeover (
  decided timestamptz NOT NULL DEFAULT now(),
  users bigint,
  messages bigint,
  nameless_messages bigint
);
