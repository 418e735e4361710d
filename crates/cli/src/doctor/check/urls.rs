//! Checks of URLs: redirect, streaming, widget and webhook URLs.

use std::{collections::BTreeMap, path::Path};

use terra_auth::Error;
use url::{Host, Url};

use crate::doctor::{
    Finding,
    check::with_causes,
    context::Context,
    online::{CALL_TIMEOUT, EnvironmentApi, HOSTED_STREAMING},
    secret_scanner::MatchKind,
};

/// Checks that end users are never redirected to an unencrypted URL.
pub(super) fn redirect_url(context: &Context) -> Vec<Finding> {
    let given = context
        .redirects
        .iter()
        .filter_map(|url| problem(url).map(|why| finding("--redirect-url", &without_secrets(url), why)));
    let in_files = context.tree.matches.iter().filter_map(|(path, found)| match &found.key_match {
        MatchKind::Redirect { name, url } => {
            let location = format!("{}:{}", path.display(), found.line);
            problem(url)
                .filter(|_| !is_reserved(url))
                .map(|why| finding(&location, &format!("{name} {}", without_secrets(url)), why))
        }
        MatchKind::Key { .. } | MatchKind::DeprecatedCall => None,
    });
    given.chain(in_files).collect()
}

fn finding(location: &str, url: &str, why: &str) -> Finding {
    let reason = format!("{url} {why}; the client and the servers reject it");
    Finding::error(location, reason, "use https://, or a custom scheme that your app has registered")
}

/// The URL without user information, query and fragment, which may contain secrets.
fn without_secrets(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    match url[..end].split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit('@').next().unwrap_or(rest)),
        None => url[..end].to_owned(),
    }
}

/// Whether the host is a name that is reserved for documentation and tests.
///
/// Source: RFC 2606, section 2 and 3.
fn is_reserved(url: &str) -> bool {
    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let reserved = ["example", "test", "invalid", "example.com", "example.net", "example.org"];
    reserved.iter().any(|name| host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// The problem of a URL. HTTP is allowed on this machine only. The client checks other schemes itself.
fn problem(url: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(url) else { return Some("is not an absolute URL") };
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    (url.scheme() == "http" && !is_loopback).then_some("is not encrypted")
}

/// Checks that the host of the streaming socket responds.
pub(super) fn streaming_host(context: &Context) -> Vec<Finding> {
    context.online.iter().filter_map(streaming_host_finding).collect()
}

fn streaming_host_finding(online: &EnvironmentApi) -> Option<Finding> {
    let streaming = online.streaming.as_ref()?;
    let error = streaming.answer.as_ref().err()?;
    let reason = format!("the streaming host {} does not respond: {}", streaming.url, with_causes(error));
    let remedy = if streaming.hosted_answers {
        format!("unset TERRA_STREAMING_URL, or set it to {HOSTED_STREAMING}, which responds")
    } else {
        format!("check the network and TERRA_STREAMING_URL ({})", streaming.url)
    };
    Some(Finding::warning(&online.environment, reason, remedy))
}

/// Checks that the API responds at one of the paths of the widget call.
pub(super) fn widget_path(context: &Context) -> Vec<Finding> {
    context.online.iter().filter_map(widget_path_finding).collect()
}

fn widget_path_finding(online: &EnvironmentApi) -> Option<Finding> {
    let environment = online.environment;
    let status = online.answer.as_ref().ok().filter(|status| status.keys.is_ok())?;
    match &status.widget {
        Some(Ok(_) | Err(Error::UserLimit(_))) => None,
        Some(Err(error @ (Error::NotFound(_) | Error::Gone { .. }))) => {
            let reason = format!("the API has none of the four paths of the widget call: {}", with_causes(error));
            let remedy = format!("check that TERRA_API_URL ({}) is the complete base URL of the API", online.url);
            Some(Finding::error(&environment, reason, remedy))
        }
        Some(Err(error)) => {
            let remedy = format!("run `terra-auth generate-widget-session --env {environment} --verbose`");
            Some(Finding::error(&environment, with_causes(error), remedy))
        }
        None => {
            let reason = format!("no response to the widget call within {} s", CALL_TIMEOUT.as_secs());
            let remedy = "run doctor again; if the problem persists, contact the operator of the API";
            Some(Finding::error(&environment, reason, remedy))
        }
    }
}

/// Checks that an environment with connected users has a webhook destination.
pub(super) fn webhook_destination(context: &Context) -> Vec<Finding> {
    context.online.iter().filter_map(webhook_destination_finding).collect()
}

fn webhook_destination_finding(EnvironmentApi { environment, answer: status, .. }: &EnvironmentApi) -> Option<Finding> {
    let status = status.as_ref().ok()?;
    if !status.lacks_destination || status.users == Some(0) {
        return None;
    }
    let reason = "users are connected, but the environment has no webhook destination, so no events are sent";
    let remedy = format!(
        "set it with `terra-auth environments set --destination URL --env {environment}`; for a gateway on this machine, \
         URL is http://127.0.0.1:8790/webhooks/terra"
    );
    Some(Finding::warning(&environment, reason.to_owned(), remedy))
}

const CURRENT: &str = "POST to /api/widget/session on the API's host, like `generate_widget_session` of the client; the \
                       body is the same";

/// Checks that the project does not use the deprecated widget call, which is rejected for new accounts.
pub(super) fn deprecated_widget_call(context: &Context) -> Vec<Finding> {
    let mut files: BTreeMap<&Path, (usize, usize)> = BTreeMap::new();
    for (path, found) in &context.tree.matches {
        if found.key_match == MatchKind::DeprecatedCall && !is_prose(path) {
            files.entry(path).or_insert((found.line, 0)).1 += 1;
        }
    }
    let in_files = files.into_iter().map(|(path, (line, count))| in_file(path, line, count));
    in_files.chain(context.online.iter().filter_map(at_api)).collect()
}

/// Whether a file is a text or document that only mentions the call.
fn is_prose(path: &Path) -> bool {
    let prose = ["md", "rst", "txt", "adoc", "html", "json", "yaml", "yml", "snap"];
    path.extension().is_some_and(|extension| prose.iter().any(|prose| extension == *prose))
}

fn in_file(path: &Path, line: usize, count: usize) -> Finding {
    let more = if count > 1 { format!(" ({count} times in this file)") } else { String::new() };
    let reason =
        format!("calls auth/generateWidgetSession, which is deprecated and returns 410 for new accounts{more}");
    Finding::warning(&format!("{}:{line}", path.display()), reason, CURRENT)
}

fn at_api(online: &EnvironmentApi) -> Option<Finding> {
    let call = online.answer.as_ref().ok()?.widget.as_ref()?.as_ref().ok().filter(|call| call.deprecated)?;
    let reason = format!("only the deprecated widget call responds, at {}", call.url);
    let remedy = "set TERRA_API_URL to https://access.tryterra.co/api/v2, or update the server behind it";
    Some(Finding::warning(&online.environment, reason, remedy))
}
