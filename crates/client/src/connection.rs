use std::fmt;

use serde::{Deserialize, Serialize};
use terra_auth_types::{
    Provider, ReferenceId, UserId,
    wire::{self, TerraUser, UserInfo, admin::IssuedAccessToken},
};
use url::Url;

use crate::{Client, Error, redirect, transport::Call};

/// Maximum number of users per call. This is our assumption: no limit is published.
const MAX_USERS_PER_CALL: usize = 500;

impl Client {
    /// Creates a login link for one provider, for an app that shows its own list instead of the widget.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRedirect`] before anything is sent; [`Error::InvalidInput`] for a provider that is not
    /// enabled.
    pub async fn authenticate_user(&self, request: &AuthenticateUserRequest) -> Result<LoginLink, Error> {
        request.check()?;
        let call = Call::post(self.inner.endpoints.api("auth/authenticateUser"));
        let call = call.query("resource", request.provider.as_str()).json(&request.params);
        let wire::AuthenticateUser { user_id, auth_url, .. } = self.inner.transport.read(&call).await?;
        Ok(LoginLink { user_id, auth_url })
    }

    /// Deletes a user and revokes the access at the provider. The server then sends a `deauth` event.
    ///
    /// Only an explicit success of the server is a success. The call is not retried after a lost response: see
    /// the crate documentation.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the user does not exist or belongs to another environment.
    pub async fn deauthenticate_user(&self, user: UserId) -> Result<(), Error> {
        let call = Call::delete(self.inner.endpoints.api("auth/deauthenticateUser"));
        self.inner.transport.send_without_result(&call.query("user_id", &user.to_string())).await
    }

    /// Returns the provider's access token of a user, to call the provider with. It is valid for at least a minute;
    /// request it again for each use. Only self-hosted servers have this call, and the key must have
    /// [`Scope::AccessTokensRead`](crate::Scope::AccessTokensRead).
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`] for other keys, [`Error::NotFound`] for a user without tokens,
    /// [`Error::InvalidInput`] if the end user must connect again, [`Error::Server`] if the provider is
    /// temporarily unavailable.
    pub async fn issue_access_token(&self, user: UserId) -> Result<IssuedAccessToken, Error> {
        let path = format!("api/v3/admin/environments/{}/connections/{user}/access-token", self.dev_id());
        self.inner.transport.read(&Call::post(self.inner.endpoints.widget(&path))).await
    }

    /// Returns one user, and whether the login is completed.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] or [`Error::InvalidInput`] if the user does not exist or belongs to another environment.
    pub async fn user_info(&self, user: UserId) -> Result<UserInfo, Error> {
        let call = Call::get(self.inner.endpoints.api("userInfo"));
        self.inner.transport.read(&call.query("user_id", &user.to_string())).await
    }

    /// Returns all connections of one end user. Servers may respond with 504 if there are many, so store the
    /// user ids.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is none, on servers that do not return an empty list.
    pub async fn users_by_reference_id(&self, reference_id: &ReferenceId) -> Result<Vec<TerraUser>, Error> {
        let call = Call::get(self.inner.endpoints.api("userInfo")).query("reference_id", reference_id.as_str());
        self.inner.transport.read(&call.large_response()).await.map(Users::into_vec)
    }

    /// Returns these users, with 500 users per call, in the order of the responses. Depending on the server,
    /// unknown users are omitted or an error.
    ///
    /// # Errors
    ///
    /// The first error of any call.
    pub async fn bulk_user_info(&self, users: &[UserId]) -> Result<Vec<TerraUser>, Error> {
        let mut found = Vec::with_capacity(users.len());
        for batch in users.chunks(MAX_USERS_PER_CALL) {
            let call = Call::post(self.inner.endpoints.api("bulkUserInfo")).json(&batch).repeatable();
            found.extend(self.inner.transport.read::<Users>(&call.large_response()).await?.into_vec());
        }
        Ok(found)
    }
}

/// A list of users, with or without a name, because the sources disagree.
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

/// A login link for one provider.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct LoginLink {
    /// The id of the user that the login will create. It does not prove that the user is connected.
    pub user_id: UserId,
    /// URL to open in the end user's browser. It is a secret, because anyone who has it can connect in their name.
    pub auth_url: Url,
}

impl fmt::Debug for LoginLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginLink").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

/// The parameters of a login link.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticateUserRequest {
    provider: Provider,
    params: wire::AuthenticateUserParams,
}

impl AuthenticateUserRequest {
    /// Creates a request for a login at this provider.
    pub fn new(provider: Provider) -> Self {
        Self { provider, params: wire::AuthenticateUserParams::default() }
    }

    /// Sets the app's own id for the end user.
    pub fn reference_id(mut self, reference_id: &ReferenceId) -> Self {
        self.params.reference_id = Some(reference_id.to_string());
        self
    }

    /// Sets the language of the pages, such as `en`, `fr`, `zh_cn`.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.params.language = Some(language.into());
        self
    }

    /// Sets the redirect URL after a success: HTTPS, loopback, or an app's deep link.
    pub fn auth_success_redirect_url(mut self, url: impl Into<String>) -> Self {
        self.params.auth_success_redirect_url = Some(url.into());
        self
    }

    /// Sets the redirect URL after a failure. The same URLs are allowed.
    pub fn auth_failure_redirect_url(mut self, url: impl Into<String>) -> Self {
        self.params.auth_failure_redirect_url = Some(url.into());
        self
    }

    fn check(&self) -> Result<(), redirect::InvalidRedirect> {
        redirect::check("auth_success_redirect_url", self.params.auth_success_redirect_url.as_deref())?;
        redirect::check("auth_failure_redirect_url", self.params.auth_failure_redirect_url.as_deref())
    }
}
