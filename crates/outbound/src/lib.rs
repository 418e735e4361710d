//! Every call to others than Terra's API: to providers, as their recipes say, to the apps that want events, and those that
//! the gateway makes.
//!
//! All calls go through one guarded HTTP client: the address that was checked is the address that is connected to, no
//! redirect is followed, and every answer has a limit in time and size.

mod account;
mod answer;
mod book;
mod builtin;
mod caller;
mod check;
mod courier;
mod field;
mod guard;
mod http;
mod oauth;
mod oauth_providers;
mod observer;
mod postman;
mod recipe;
mod recipes;
mod refresh;
mod revoke;
mod template;
mod token_answer;

pub use caller::SetupError;
pub use courier::{Courier, Handled};
pub use guard::{AddressPolicy, Forbidden};
pub use http::{Bounds, Http, HttpAnswer, HttpError};
pub use oauth_providers::OAuthProviders;
pub use observer::{Attempt, Ending, Failure, Log, Observer};
pub use recipe::{Recipe, Shutdown};
pub use recipes::{RecipeError, Recipes};
pub use terra_auth_core::provider::{AppCheck, ClientCredentials};
