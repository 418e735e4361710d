//! What is never written to a log.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use secrecy::ExposeSecret;
use terra_auth_delivery::{DeliveryWorker, Log};
use terra_auth_egress::AddressPolicy;
use terra_auth_model::store::Store;
use terra_auth_sandbox::{Fault, ProviderProfile};
use terra_auth_store::Sqlite;
use terra_auth_testkit::sandbox_login::Login;
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    receiver::{Answer, Receiver},
    world::World,
};

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Page {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_log_has_no_secrets_or_personal_data_at_any_level() {
    let page = Page::default();
    let loudest = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(page.clone()).finish();
    let _listening = tracing::subscriber::set_default(loudest);

    let (face, login, receiver) = (&ProviderProfile::OURA, Login::start().await, Receiver::start().await);
    let grant = login.grant(face).await;
    let destination = receiver.url.join("hook?token=hush-hush").unwrap();
    let world =
        World::with(Store::new(Sqlite::in_memory().unwrap()), login.providers.clone(), Some(&destination)).await;
    world.add_revocation(face, &grant.tokens).await;
    login.sandbox.set_fault(face, Some(Fault::ServerError));
    let worker =
        DeliveryWorker::new(world.auth.clone(), AddressPolicy::AllowPrivate, Arc::new(Log::default())).unwrap();
    for status in [200, 500] {
        receiver.answers(Answer::Status(status));
        world.add_event().await;
        worker.run_once().await.unwrap();
    }

    let log = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    for said in ["delivered auth event", "could not deliver auth event", "could not revoke a grant"] {
        assert!(log.contains(said), "{said}: {log}");
    }
    let refresh_token = grant.tokens.refresh_token.unwrap();
    for unsaid in [
        grant.tokens.access_token.expose_secret(),
        refresh_token.expose_secret(),
        world.environment.signing_secret.expose(),
        "not a secret",
        "hush-hush",
        "reference",
    ] {
        assert!(!log.contains(unsaid), "{unsaid}: {log}");
    }
}
