-- A conversation's last seq is that of its last message: adding one changes no other row.
ALTER TABLE chatter.conversations DROP COLUMN last_seq;
ALTER TABLE chatter.conversations RESET (fillfactor);
