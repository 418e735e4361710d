//! Calls for diagnostic tools. A backend does not need them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{StatusCode, header::CONTENT_TYPE, redirect};
use terra_auth_webhook::{SIGNATURE_HEADER, SIGNATURE_HEADER_NEW, sign};
use url::Url;

use crate::{
    Client, DevId, Error, SigningSecret, WidgetSessionRequest,
    hosted::{is_loopback, origin},
    transport::{Call, network},
};

impl Client {
    /// Returns how far the server's clock is ahead of this one, accurate to about a second, or `None` if the
    /// response has no date.
    ///
    /// Any response is accepted, including an error, so this call also shows whether there is a server. The API
    /// key is not sent.
    ///
    /// # Errors
    ///
    /// [`Error::Network`] if there is no response.
    pub async fn server_clock_ahead(&self) -> Result<Option<SignedDuration>, Error> {
        let call = Call::get(self.inner.endpoints.api("integrations")).without_api_key();
        let asked_at = self.now();
        let date = self.inner.transport.date(&call).await?;
        let middle = asked_at + self.now().duration_since(asked_at) / 2;
        // `Date` is truncated to seconds.
        let told = |date: Timestamp| (date + SignedDuration::from_millis(500)).duration_since(middle);
        Ok(date.map(told))
    }

    /// Returns the path of the widget call that the server supports. This creates a session, which is not used and
    /// expires.
    ///
    /// # Errors
    ///
    /// See [`Client::generate_widget_session`].
    pub async fn widget_call(&self) -> Result<WidgetCall, Error> {
        self.generate_widget_session(&WidgetSessionRequest::new()).await?;
        let urls = self.widget_urls();
        let known = self.inner.widget_path.load(std::sync::atomic::Ordering::Relaxed);
        Ok(WidgetCall { deprecated: known + 1 == urls.len(), url: urls[known].clone() })
    }

    /// Whether a self-hosted server redeems mobile tokens without a reference id; `None` if its response is
    /// inconclusive. This creates a token, which expires unused: the call to redeem it names no source.
    ///
    /// # Errors
    ///
    /// See [`Client::generate_mobile_token`].
    pub async fn redeems_unbound_tokens(&self, dev_id: &DevId, timeout: Duration) -> Result<Option<bool>, Error> {
        let minted = self.generate_mobile_token(None).await?;
        let url = self.inner.endpoints.api("auth/authenticateSDKUser");
        let failed = |source| network(&url, source);
        let http = reqwest::Client::builder().timeout(timeout).redirect(redirect::Policy::none());
        let http = if is_loopback(&url) { http.no_proxy() } else { http };
        let request = http.build().map_err(failed)?.post(url.clone()).header("dev-id", dev_id.as_str());
        let answer = request.bearer_auth(minted.token.expose()).send().await.map_err(failed)?;
        Ok(match answer.status() {
            StatusCode::BAD_REQUEST => Some(true), // only the source is missing
            StatusCode::UNAUTHORIZED => Some(false),
            _ => None,
        })
    }
}

/// The widget call that a server supports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WidgetCall {
    /// The URL of the call.
    pub url: Url,
    /// Whether it is the older call, because the server has none of the newer ones.
    pub deprecated: bool,
}

/// Checks that the host of a streaming socket responds to HTTP, with any status. No secret is sent.
///
/// # Errors
///
/// [`Error::Network`] if there is no response within `timeout`.
pub async fn streaming_host_answers(url: &Url, timeout: Duration) -> Result<(), Error> {
    let http = origin(url, if url.scheme() == "ws" { "http" } else { "https" });
    let failed = |source| network(&http, source);
    let client = reqwest::Client::builder().timeout(timeout).redirect(redirect::Policy::none());
    let client = if is_loopback(&http) { client.no_proxy() } else { client };
    let answer = client.build().map_err(failed)?.get(http.clone()).send().await;
    answer.map(drop).map_err(failed)
}

/// Sends a delivery like the API, signed at `now`, and returns the status of the response.
///
/// # Errors
///
/// [`Error::Network`] if there is no response within `timeout`.
pub async fn deliver(
    url: &Url,
    secret: &SigningSecret,
    body: &'static str,
    now: Timestamp,
    timeout: Duration,
) -> Result<u16, Error> {
    let signature = sign(secret.expose().as_bytes(), now.as_second(), body.as_bytes());
    let failed = |source| network(url, source);
    let http = reqwest::Client::builder().timeout(timeout).redirect(redirect::Policy::none());
    let http = if is_loopback(url) { http.no_proxy() } else { http };
    let request = http.build().map_err(failed)?.post(url.clone()).header(CONTENT_TYPE, "application/json").body(body);
    let request = request.header(SIGNATURE_HEADER, &signature).header(SIGNATURE_HEADER_NEW, &signature);
    let request = request.header("x-terra-trace-id", format!("diagnosis-{}", now.as_millisecond()));
    Ok(request.send().await.map_err(failed)?.status().as_u16())
}
