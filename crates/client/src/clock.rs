use std::sync::Arc;

use jiff::Timestamp;

/// Tells the time. Handed in, so that a test can move it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The machine's own clock.
pub(crate) fn system() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    Arc::new(Timestamp::now)
}
