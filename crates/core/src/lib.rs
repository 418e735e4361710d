//! The rules of the authentication plane: what may happen and what is remembered; no sockets, no SQL.
