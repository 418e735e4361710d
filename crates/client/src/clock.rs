use std::sync::Arc;

use jiff::Timestamp;

/// Returns the current time. It is a parameter because tests set the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The system clock.
pub(crate) fn system() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "the only use of the system clock")]
    Arc::new(Timestamp::now)
}
