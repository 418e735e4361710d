//! Every call the server makes: provider recipes, revocations, deliveries.
