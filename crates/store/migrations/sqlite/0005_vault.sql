-- The keys that seal and mark, each wrapped by a master key that is not here.

-- The purpose is 'vault' or 'marks'. A key that is not active yet is only to be known; a retired one opens what is left.
CREATE TABLE data_key (
    purpose TEXT NOT NULL,
    number INTEGER NOT NULL,
    wrapped_by BLOB NOT NULL,
    wrapped BLOB NOT NULL,
    created_at_ms INTEGER NOT NULL,
    activated_at_ms INTEGER,
    retired_at_ms INTEGER,
    PRIMARY KEY (purpose, number)
) STRICT;
