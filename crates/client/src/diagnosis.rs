//! Questions of a tool that looks for what is wrong. A backend needs none of them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{StatusCode, header::CONTENT_TYPE, redirect};
use terra_auth_webhook::{SIGNATURE_HEADER, SIGNATURE_HEADER_NEW, sign};
use url::Url;

use crate::{
    Client, DevId, Error, SigningSecret, WidgetSessionRequest,
    endpoints::{is_loopback, origin},
    transport::{Call, network},
};

impl Client {
    /// How far the server's clock is ahead of this one, to about a second; `None` if the server does not tell.
    ///
    /// Any answer will do, also a refusal, so this is the call to find out whether there is a server at all. The API key
    /// is not sent.
    ///
    /// # Errors
    ///
    /// [`Error::Network`] if nobody answers.
    pub async fn server_clock_ahead(&self) -> Result<Option<SignedDuration>, Error> {
        let call = Call::get(self.inner.endpoints.api("integrations")).without_api_key();
        let asked_at = self.now();
        let date = self.inner.transport.date(&call).await?;
        let middle = asked_at + self.now().duration_since(asked_at) / 2;
        // `Date` is cut to whole seconds.
        let told = |date: Timestamp| (date + SignedDuration::from_millis(500)).duration_since(middle);
        Ok(date.map(told))
    }

    /// Which path of the widget call answers. Finding out opens a session; nobody uses it, and it expires by itself.
    ///
    /// # Errors
    ///
    /// As [`Client::generate_widget_session`].
    pub async fn widget_call(&self) -> Result<WidgetCall, Error> {
        self.generate_widget_session(&WidgetSessionRequest::new()).await?;
        let urls = self.widget_urls();
        let known = self.inner.widget_path.load(std::sync::atomic::Ordering::Relaxed);
        Ok(WidgetCall { deprecated: known + 1 == urls.len(), url: urls[known].clone() })
    }

    /// Whether a server of one's own redeems mobile tokens that were minted for no reference id; `None` if it does not say.
    /// A token is minted for the question, and it expires unspent: the call that redeems it names no source.
    ///
    /// # Errors
    ///
    /// As [`Client::generate_mobile_token`].
    pub async fn redeems_unbound_tokens(&self, dev_id: &DevId, timeout: Duration) -> Result<Option<bool>, Error> {
        let minted = self.generate_mobile_token(None).await?;
        let url = self.inner.endpoints.api("auth/authenticateSDKUser");
        let failed = |source| network(&url, source);
        let http = reqwest::Client::builder().timeout(timeout).redirect(redirect::Policy::none());
        let http = if is_loopback(&url) { http.no_proxy() } else { http };
        let request = http.build().map_err(failed)?.post(url.clone()).header("dev-id", dev_id.as_str());
        let answer = request.bearer_auth(minted.token.expose()).send().await.map_err(failed)?;
        Ok(match answer.status() {
            StatusCode::BAD_REQUEST => Some(true), // the source is what it misses
            StatusCode::UNAUTHORIZED => Some(false),
            _ => None,
        })
    }
}

/// The widget call that a server has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WidgetCall {
    /// Where it is.
    pub url: Url,
    /// Whether it is the older call, and the server has none of the newer ones.
    pub deprecated: bool,
}

/// Whether the host of a streaming socket answers HTTP at all, whatever it says. Nothing secret is sent.
///
/// # Errors
///
/// [`Error::Network`] if no answer comes within `timeout`.
pub async fn streaming_host_answers(url: &Url, timeout: Duration) -> Result<(), Error> {
    let http = origin(url, if url.scheme() == "ws" { "http" } else { "https" });
    let failed = |source| network(&http, source);
    let client = reqwest::Client::builder().timeout(timeout).redirect(redirect::Policy::none());
    let client = if is_loopback(&http) { client.no_proxy() } else { client };
    let answer = client.build().map_err(failed)?.get(http.clone()).send().await;
    answer.map(drop).map_err(failed)
}

/// Posts a delivery as the API would, signed at `now`; returns the status of the answer.
///
/// # Errors
///
/// [`Error::Network`] if no answer comes within `timeout`.
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
