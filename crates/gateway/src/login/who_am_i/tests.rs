mod answers;
mod memory;

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, response::Response, routing::get};
use http::HeaderMap;
use jiff::SignedDuration;
use terra_auth_model::clock::Clock;
use terra_auth_testkit::FixedClock;

use super::WhoAmI;
use crate::{
    login::{
        EndUser, LoginError,
        testing::{caller, http, serve, told},
    },
    settings::WhoAmISettings,
    setup::SetupError,
};

const UNAVAILABLE: &str = "the login cannot be checked now: the app does not say who is logged in";

/// An app, and the login method that calls it.
struct World {
    asked: Arc<AtomicUsize>,
    clock: Arc<FixedClock>,
    login: WhoAmI,
}

impl World {
    async fn new<F>(
        mut settings: WhoAmISettings,
        answer: impl FnOnce(HeaderMap) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response> + Send,
    {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let handler = async move |headers: HeaderMap| {
            counted.fetch_add(1, Ordering::SeqCst);
            answer(headers).await
        };
        settings.url = serve(Router::new().route("/me", get(handler))).await.join("me?secret=1").unwrap();
        let clock = Arc::new(FixedClock::default());
        let login = WhoAmI::new(&settings, &http(), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        Self { asked, clock, login }
    }

    async fn caller(&self, headers: &[(&'static str, &str)]) -> Result<Option<EndUser>, LoginError> {
        caller(&self.login, headers).await
    }

    /// The result for a user with a session.
    async fn told(&self, session: &str) -> String {
        told(&self.caller(&[("cookie", &format!("session={session}"))]).await)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn pass(&self, milliseconds: i64) {
        self.clock.advance(SignedDuration::from_millis(milliseconds));
    }
}

fn settings() -> WhoAmISettings {
    WhoAmISettings {
        url: "http://127.0.0.1:1/".parse().unwrap(),
        user_field: None,
        user_header: None,
        pass_on: None,
        cache_s: None,
        timeout_s: NonZeroU32::new(2),
    }
}

#[test]
fn invalid_settings_are_rejected() {
    let pass_on = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    let both = (Some("id".to_owned()), Some("x-user".to_owned()));
    for (settings, expected) in [
        (WhoAmISettings { url: "ftp://127.0.0.1/".parse().unwrap(), ..settings() }, "login.who_am_i.url"),
        (WhoAmISettings { pass_on: pass_on(&[]), ..settings() }, "login.who_am_i.pass_on"),
        (WhoAmISettings { pass_on: pass_on(&["cookie", "host"]), ..settings() }, "login.who_am_i.pass_on"),
        (WhoAmISettings { pass_on: pass_on(&["no header"]), ..settings() }, "login.who_am_i.pass_on"),
        (WhoAmISettings { user_header: Some("x user".to_owned()), ..settings() }, "login.who_am_i.user_header"),
        (WhoAmISettings { user_field: both.0, user_header: both.1, ..settings() }, "login.who_am_i.user_header"),
    ] {
        let refused = WhoAmI::new(&settings, &http(), Arc::new(FixedClock::default()));
        assert!(matches!(refused, Err(SetupError::Invalid { key, .. }) if key == expected), "{settings:?}");
    }
}
