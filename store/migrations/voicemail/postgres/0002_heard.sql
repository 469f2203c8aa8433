-- When a message was heard: it is kept for so long from then on.
ALTER TABLE messages ADD COLUMN heard_ms BIGINT;
