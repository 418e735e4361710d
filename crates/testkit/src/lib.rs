//! A clock that stands still, entropy that counts, the store contract.
