-- Whether an environment rejects mobile tokens that were not minted for a reference id.
ALTER TABLE developer ADD COLUMN bound_tokens_only INTEGER NOT NULL DEFAULT 0;
