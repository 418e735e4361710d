//! `dev --gateway`: the gateway beside an app, in the process of the server that it calls.

use std::{net::SocketAddr, path::Path};

use url::Url;

use crate::command::gateway::{Options, Places};

/// The gateway's flags. Its settings file counts as well.
#[derive(clap::Args)]
pub(super) struct GatewayFlags {
    /// Run the gateway too, beside your app; events go to it, and --forward-to is for what it forwards
    #[arg(long, conflicts_with_all = ["in_memory", "no_forward"])]
    pub(super) gateway: bool,
    /// Your app's own URL that says who is logged in
    #[arg(long, value_name = "URL", requires = "gateway")]
    who_am_i: Option<Url>,
    /// Where in that URL's JSON the user's id is [default: id]
    #[arg(long, value_name = "FIELD", requires = "who_am_i")]
    user_field: Option<String>,
    /// Let pages of this origin call the gateway; may be repeated [default: the origin of --who-am-i]
    #[arg(long, value_name = "ORIGIN", requires = "gateway")]
    allow_origin: Vec<String>,
    /// Where the gateway listens; port 0 takes a free one
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
            places: Places::in_dir(data_dir),
            listen: Some(self.gateway_listen),
            who_am_i: self.who_am_i.clone(),
            user_field: self.user_field.clone(),
            forward_to: forward_to.cloned(),
            allow_origin: origins,
            ..Options::default()
        }
    }
}

/// The origin of the app, by both names of this machine.
fn origins(app: &Url) -> Vec<String> {
    let origin = app.origin().ascii_serialization();
    let other = match app.host_str() {
        Some("localhost") => Some(origin.replacen("localhost", "127.0.0.1", 1)),
        Some("127.0.0.1") => Some(origin.replacen("127.0.0.1", "localhost", 1)),
        _ => None,
    };
    [Some(origin), other].into_iter().flatten().collect()
}
