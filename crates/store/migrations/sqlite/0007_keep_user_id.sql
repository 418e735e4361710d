-- Whether an end user of an environment who connects an account again keeps the user id.
ALTER TABLE developer ADD COLUMN keep_user_id INTEGER NOT NULL DEFAULT 0;
