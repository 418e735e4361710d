//! Every call to others than Terra's API: to providers, as their recipes say, to the apps that want events, and those that
//! the gateway makes.
//!
//! All calls go through one guarded HTTP client: the address that was checked is the address that is connected to, no
//! redirect is followed, and every answer has a limit in time and size.

mod account;
mod answer;
mod attempts;
mod book;
mod builtin;
mod caller;
mod check;
mod delivery_worker;
mod field;
mod guard;
mod housekeeping;
mod http;
mod oauth;
mod oauth_providers;
mod observer;
mod proxy;
mod recipe;
mod recipes;
mod refresh;
mod revoke;
mod shares;
mod template;
mod token_answer;
mod webhook_sender;

pub use caller::SetupError;
pub use delivery_worker::{DeliveryWorker, Handled};
pub use guard::{AddressPolicy, Forbidden};
pub use http::{Bounds, Http, HttpAnswer, HttpError};
pub use oauth_providers::OAuthProviders;
pub use observer::{Attempt, DeliveryError, DeliveryResult, Log, Observer};
pub use proxy::{Proxies, environment_proxy};
pub use recipe::{Recipe, Shutdown};
pub use recipes::{RecipeError, Recipes};
pub use terra_auth_core::provider::{AppCheck, ClientCredentials};
