//! Webhooks out, and the background workers: they deliver events, revoke grants and delete what has expired.

mod attempts;
mod delivery_worker;
mod housekeeping;
mod observer;
mod queue_shares;
mod webhook_sender;

pub use self::{
    delivery_worker::{DeliveryWorker, WorkDone},
    observer::{Attempt, DeliveryError, DeliveryResult, Log, Observer},
};
