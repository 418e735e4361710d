//! The operating system's keyring, which may be locked, absent or stuck.

use super::ReferenceError;

#[cfg(not(feature = "keyring"))]
pub(super) fn get(_: &str, _: &str) -> Result<String, ReferenceError> {
    Err(ReferenceError::NoKeyring)
}

#[cfg(not(feature = "keyring"))]
pub(super) fn set(_: &str, _: &str, _: &str) -> Result<(), ReferenceError> {
    Err(ReferenceError::NoKeyring)
}

#[cfg(feature = "keyring")]
pub(super) use present::{get, set};

#[cfg(feature = "keyring")]
mod present {
    use std::{sync::mpsc, thread, time::Duration};

    use keyring::{
        Entry,
        Error::{self, NoDefaultStore, NoEntry},
    };

    use super::ReferenceError;

    /// A keyring responds within milliseconds. If it takes longer, it is waiting to be unlocked.
    const KEYRING_TIMEOUT: Duration = Duration::from_secs(1);

    pub(in super::super) fn get(service: &str, account: &str) -> Result<String, ReferenceError> {
        with_timeout(service, account, Entry::get_password)
    }

    pub(in super::super) fn set(service: &str, account: &str, value: &str) -> Result<(), ReferenceError> {
        let value = value.to_owned();
        with_timeout(service, account, move |entry| entry.set_password(&value))
    }

    /// Accesses the keyring on a separate thread. After the timeout, the thread is abandoned.
    fn with_timeout<T: Send + 'static>(
        service: &str,
        account: &str,
        question: impl FnOnce(&Entry) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, ReferenceError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let (owner, name) = (service.to_owned(), account.to_owned());
        thread::spawn(move || sender.send(Entry::new(&owner, &name).and_then(|entry| question(&entry))));
        let answer = receiver.recv_timeout(KEYRING_TIMEOUT).map_err(|_| ReferenceError::KeyringTimeout)?;
        answer.map_err(|error| failed(&error, format!("{service}/{account}")))
    }

    /// Uses our own text for errors of the store that may contain its entries.
    fn failed(error: &Error, entry: String) -> ReferenceError {
        let problem = match error {
            NoEntry => return ReferenceError::NotInKeyring { entry },
            NoDefaultStore => match Entry::store_status() {
                Err(error) => error.to_string(),
                Ok(()) => "there is no keyring".to_owned(),
            },
            Error::PlatformFailure(_) | Error::NoStorageAccess(_) => error.to_string(),
            _ => format!("the entry {entry} cannot be read"),
        };
        ReferenceError::KeyringFailed { problem }
    }
}
