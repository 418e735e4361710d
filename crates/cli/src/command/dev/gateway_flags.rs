//! `dev --gateway`: runs the gateway in the same process as the server that it calls.

use std::{net::SocketAddr, path::Path};

use url::Url;

use crate::command::gateway::{GatewayPaths, Options};

/// The gateway's options. They override its settings file.
#[derive(clap::Args)]
pub(super) struct GatewayFlags {
    /// Also run the gateway; it receives all events, and forwards them to the URL of --forward-to
    #[arg(long, conflicts_with_all = ["in_memory", "no_forward"])]
    pub(super) gateway: bool,
    /// URL of your app that returns the logged-in user
    #[arg(long, value_name = "URL", requires = "gateway")]
    who_am_i: Option<Url>,
    /// Field with the user's id in that URL's JSON response [default: id]
    #[arg(long, value_name = "FIELD", requires = "who_am_i")]
    user_field: Option<String>,
    /// Origin whose pages may call the gateway; repeatable [default: the origin of --who-am-i]
    #[arg(long, value_name = "ORIGIN", requires = "gateway")]
    allow_origin: Vec<String>,
    /// Address for the gateway to listen on; port 0 selects a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8790", requires = "gateway")]
    gateway_listen: SocketAddr,
}

impl GatewayFlags {
    pub(super) fn listen(&self) -> SocketAddr {
        self.gateway_listen
    }

    pub(super) fn options(&self, forward_to: Option<&Url>, data_dir: &Path) -> Options {
        let named = !self.allow_origin.is_empty();
        let origins =
            if named { self.allow_origin.clone() } else { self.who_am_i.as_ref().map(origins).unwrap_or_default() };
        Options {
            paths: GatewayPaths::in_dir(data_dir),
            listen: Some(self.gateway_listen),
            who_am_i: self.who_am_i.clone(),
            user_field: self.user_field.clone(),
            forward_to: forward_to.cloned(),
            allow_origin: origins,
            ..Options::default()
        }
    }
}

/// The origin of the app. On this machine, both with localhost and with 127.0.0.1.
fn origins(app: &Url) -> Vec<String> {
    let origin = app.origin().ascii_serialization();
    let other = match app.host_str() {
        Some("localhost") => Some(origin.replacen("localhost", "127.0.0.1", 1)),
        Some("127.0.0.1") => Some(origin.replacen("127.0.0.1", "localhost", 1)),
        _ => None,
    };
    [Some(origin), other].into_iter().flatten().collect()
}
