//! Providers as data: recipes, and the OAuth client that uses them.

mod account;
mod builtin;
mod check;
mod field;
mod form;
mod oauth;
mod oauth_providers;
mod recipe;
mod recipes;
mod refresh;
mod registry;
mod response;
mod revoke;
mod template;
mod token_response;

pub use self::{
    oauth_providers::OAuthProviders,
    recipe::{Recipe, Shutdown},
    recipes::{RecipeError, Recipes},
};
