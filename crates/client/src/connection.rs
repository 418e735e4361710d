use std::fmt;

use serde::{Deserialize, Serialize};
use terra_auth_types::{
    Provider, ReferenceId, UserId,
    wire::{self, TerraUser, UserInfo, admin::LentAccessToken},
};
use url::Url;

use crate::{Client, Error, redirect, transport::Call};

/// Users asked for in one call. Nobody has published a limit: our reading.
const BATCH: usize = 500;

impl Client {
    /// A login link of one provider, for an app that shows its own list instead of the widget.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRedirect`] before anything is sent; [`Error::InvalidInput`] for a provider that is not enabled.
    pub async fn authenticate_user(&self, request: &AuthenticateUserRequest) -> Result<LoginLink, Error> {
        request.check()?;
        let call = Call::post(self.inner.endpoints.api("auth/authenticateUser"));
        let call = call.query("resource", request.provider.as_str()).json(&request.params);
        let wire::AuthenticateUser { user_id, auth_url, .. } = self.inner.transport.read(&call).await?;
        Ok(LoginLink { user_id, auth_url })
    }

    /// Forgets a user and revokes the access at its provider. The `deauth` event follows.
    ///
    /// Success is only what the server calls success. It is not repeated after a lost answer: see the crate's page.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if it is not there, or another environment's.
    pub async fn deauthenticate_user(&self, user: UserId) -> Result<(), Error> {
        let call = Call::delete(self.inner.endpoints.api("auth/deauthenticateUser"));
        self.inner.transport.done(&call.query("user_id", &user.to_string())).await
    }

    /// Borrows the access token that the provider gave for a user, to call the provider with. It works for a minute at least;
    /// ask again for each use. Servers of one's own only, and only with a key that has
    /// [`Scope::AccessTokensLend`](crate::Scope::AccessTokensLend).
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`] for other keys, [`Error::NotFound`] for a user without tokens, [`Error::InvalidInput`] if only the
    /// end user can make the connection work again, [`Error::Server`] if the provider cannot be asked just now.
    pub async fn lend_access_token(&self, user: UserId) -> Result<LentAccessToken, Error> {
        let path = format!("api/v3/admin/environments/{}/connections/{user}/access-token", self.dev_id());
        self.inner.transport.read(&Call::post(self.inner.endpoints.widget(&path))).await
    }

    /// One user, and whether the login happened.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] or [`Error::InvalidInput`] if it is not there, or another environment's.
    pub async fn user_info(&self, user: UserId) -> Result<UserInfo, Error> {
        let call = Call::get(self.inner.endpoints.api("userInfo"));
        self.inner.transport.read(&call.query("user_id", &user.to_string())).await
    }

    /// Every connection of one end user. Servers may answer 504 where there are many: keep the user ids.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is none, on servers that do not answer an empty list.
    pub async fn users_by_reference_id(&self, reference_id: &ReferenceId) -> Result<Vec<TerraUser>, Error> {
        let call = Call::get(self.inner.endpoints.api("userInfo")).query("reference_id", reference_id.as_str());
        self.inner.transport.read(&call.long_answer()).await.map(Users::into_vec)
    }

    /// These users, 500 to a call, in the order of the answers; unknown ones are left out or refused, as the server likes.
    ///
    /// # Errors
    ///
    /// The first that any of the calls meets.
    pub async fn bulk_user_info(&self, users: &[UserId]) -> Result<Vec<TerraUser>, Error> {
        let mut found = Vec::with_capacity(users.len());
        for batch in users.chunks(BATCH) {
            let call = Call::post(self.inner.endpoints.api("bulkUserInfo")).json(&batch).repeatable();
            found.extend(self.inner.transport.read::<Users>(&call.long_answer()).await?.into_vec());
        }
        Ok(found)
    }
}

/// The sources disagree on whether the list has a name.
#[derive(Deserialize)]
#[serde(untagged)]
enum Users {
    Bare(Vec<TerraUser>),
    Named { users: Vec<TerraUser> },
}

impl Users {
    fn into_vec(self) -> Vec<TerraUser> {
        let (Self::Bare(users) | Self::Named { users }) = self;
        users
    }
}

/// A login link of one provider.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct LoginLink {
    /// The user that the login will make; no evidence of a connection.
    pub user_id: UserId,
    /// Where to send the end user. Whoever has it can connect in that end user's name.
    pub auth_url: Url,
}

impl fmt::Debug for LoginLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginLink").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

/// Asks for a login link.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticateUserRequest {
    provider: Provider,
    params: wire::AuthenticateUserParams,
}

impl AuthenticateUserRequest {
    /// A link to this provider's login.
    pub fn new(provider: Provider) -> Self {
        Self { provider, params: wire::AuthenticateUserParams::default() }
    }

    /// The app's own name for the end user.
    pub fn reference_id(mut self, reference_id: &ReferenceId) -> Self {
        self.params.reference_id = Some(reference_id.to_string());
        self
    }

    /// Language of the pages, such as `en`, `fr`, `zh_cn`.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.params.language = Some(language.into());
        self
    }

    /// Where the end user goes afterwards: HTTPS, loopback, or an app's deep link.
    pub fn auth_success_redirect_url(mut self, url: impl Into<String>) -> Self {
        self.params.auth_success_redirect_url = Some(url.into());
        self
    }

    /// Where the end user goes when it did not work; the same rule.
    pub fn auth_failure_redirect_url(mut self, url: impl Into<String>) -> Self {
        self.params.auth_failure_redirect_url = Some(url.into());
        self
    }

    fn check(&self) -> Result<(), redirect::InvalidRedirect> {
        redirect::check("auth_success_redirect_url", self.params.auth_success_redirect_url.as_deref())?;
        redirect::check("auth_failure_redirect_url", self.params.auth_failure_redirect_url.as_deref())
    }
}
