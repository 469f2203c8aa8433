-- A recording that was begun may be the comment to a message on its way to another mailbox: the one in `user`.
ALTER TABLE takes ADD COLUMN message TEXT;
