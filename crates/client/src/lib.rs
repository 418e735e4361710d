//! A client for the Terra authentication API, hosted or self-hosted.
