//! The pages that an end user sees while connecting a provider.
//!
//! No code here routes or reads the store. A handler fills a view ([`Callback`], [`Choose`], [`Connected`], [`Disconnect`] or [`Failed`]),
//! and [`page_response`] renders it. The pages have no script and no inline style. They load
//! [`assets`], [`theme_css`] and [`provider_icon_svg`], which [`static_response`] sends.

mod assets;
mod callback;
mod choose;
mod color;
mod connected;
mod disconnect;
mod failed;
mod icon;
mod language;
mod link;
mod page;
mod response;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
mod texts;
mod theme;

pub use assets::{Asset, assets};
pub use callback::Callback;
pub use choose::{Banner, Choose, Exit, ProviderChoice};
pub use connected::Connected;
pub use disconnect::Disconnect;
pub use failed::{Failed, Failure};
pub use icon::provider_icon_svg;
pub use language::Language;
pub use link::Link;
pub use page::{Brand, Frame, Page};
pub use response::{Freshness, page_response, static_response};
pub use theme::{Accent, AccentError, theme_css, theme_for};
