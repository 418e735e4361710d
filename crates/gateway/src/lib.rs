//! Stands beside an app of any language: checks the app's own login, hands out mobile tokens and widget sessions, receives
//! webhooks. API keys never leave it.
