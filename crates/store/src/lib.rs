//! Remembers: every query written once, run by SQLite and PostgreSQL.
