//! Every operation of the client library against the real server.

use std::collections::BTreeSet;

use futures_util::{TryStreamExt as _, future::try_join_all};
use serde_json::Value;
use terra_auth::{
    AuthenticateUserRequest, Client, Environment, Error, ReferenceId, UserId, WidgetSessionRequest, wire::TerraUser,
};
use terra_auth_cli_testkit::{
    Folder, Server,
    http::{HttpFailure, send},
};

use crate::support::device::{redeem, user_of};

/// More users than fit on two of the client's pages of 500.
const MANY: usize = 1001;

fn unknown_user() -> UserId {
    "00000000-0000-4000-8000-000000000000".parse().unwrap()
}

fn id(name: &str) -> ReferenceId {
    name.parse().unwrap()
}

#[tokio::test]
async fn a_connection_is_verified_and_its_providers_are_listed() {
    let folder = Folder::new();
    let _server = folder.dev("");
    let client = folder.client();
    let verified = client.verify_connection().await.unwrap();
    let integrations = client.list_integrations().await.unwrap();
    assert_eq!(verified, integrations);
    let on_device: Vec<_> = integrations.iter().map(|one| &*one.resource).filter(|name| *name == "APPLE").collect();
    assert_eq!((integrations.len(), on_device), (16, vec!["APPLE"]));
    assert!(integrations.iter().all(|one| one.enabled && one.logo_url.is_some()));
}

#[tokio::test]
async fn a_widget_session_and_a_login_link_open_pages_of_the_server() {
    let folder = Folder::new();
    let server = folder.dev("");
    let client = folder.client();
    let request = WidgetSessionRequest::new()
        .reference_id(&id("alice"))
        .providers(["FITBIT".parse().unwrap(), "OURA".parse().unwrap()])
        .language("fr")
        .auth_success_redirect_url("https://app.example/done")
        .auth_failure_redirect_url("com.example.myapp://failed");
    let session = client.generate_widget_session(&request).await.unwrap();
    let page = send(http::Method::GET, session.url.as_str(), &[], String::new()).await.unwrap();
    assert_eq!((page.status.as_u16(), page.header("content-language")), (200, "fr"));
    assert!(page.text.contains("Fitbit") && page.text.contains("Oura") && !page.text.contains("Garmin"));

    let login = AuthenticateUserRequest::new("FITBIT".parse().unwrap()).reference_id(&id("alice"));
    let link = client.authenticate_user(&login).await.unwrap();
    assert!(link.auth_url.as_str().starts_with(&server.origin()));
    assert!(!client.user_info(link.user_id).await.unwrap().is_authenticated);
}

#[tokio::test]
async fn a_mobile_token_opens_one_connection_for_the_end_user_it_is_bound_to() {
    let folder = Folder::new();
    let server = folder.dev("");
    let client = folder.client();
    let token = client.generate_mobile_token(Some(&id("alice"))).await.unwrap();
    assert_eq!(token.expires_in, 180);
    let (dev_id, token) = (client.dev_id().as_str(), token.token.expose());
    let user = user_of(&redeem(&server.origin(), dev_id, token, ("phone", "mallory")).await.unwrap());
    assert_eq!(client.user_info(user).await.unwrap().user.user.reference_id.as_deref(), Some("alice"));
    assert_eq!(redeem(&server.origin(), dev_id, token, ("phone", "alice")).await.unwrap().status, 401);
}

#[tokio::test]
async fn users_are_found_by_either_id_and_in_bulk_and_deauthenticated_once() {
    let folder = Folder::new();
    let _server = folder.dev("");
    let client = folder.client();
    let [fitbit, oura, bobs] =
        [("FITBIT", "alice"), ("OURA", "alice"), ("FITBIT", "bob")].map(|(name, whose)| folder.connect(name, whose));
    let info = client.user_info(fitbit).await.unwrap();
    assert!(info.is_authenticated && info.user.user.provider.as_str() == "FITBIT");
    assert_eq!(ids(&client.users_by_reference_id(&id("alice")).await.unwrap()), BTreeSet::from([fitbit, oura]));
    assert_eq!(ids(&client.users_by_reference_id(&id("unknown")).await.unwrap()), BTreeSet::new());
    assert_eq!(ids(&client.bulk_user_info(&[oura, bobs, unknown_user()]).await.unwrap()), BTreeSet::from([oura, bobs]));

    client.deauthenticate_user(fitbit).await.unwrap();
    let again = client.deauthenticate_user(fitbit).await;
    assert!(matches!(again, Err(Error::NotFound(refusal)) if refusal.message == "user not found"));
    let users: Vec<_> = client.subscriptions().try_collect().await.unwrap();
    assert_eq!(ids(&users), BTreeSet::from([oura, bobs]));
}

#[tokio::test]
async fn streaming_tokens_are_minted_for_the_environment_and_its_users() {
    let folder = Folder::new();
    let _server = folder.dev("");
    let client = folder.client();
    let user = folder.connect("FITBIT", "alice");
    let (consumer, producer) =
        (client.developer_streaming_token().await.unwrap(), client.user_streaming_token(user).await.unwrap());
    assert!(!consumer.expose().is_empty() && !producer.expose().is_empty());
    assert_ne!(consumer.expose(), producer.expose());
    assert!(matches!(client.user_streaming_token(unknown_user()).await, Err(Error::Forbidden(_))));
}

#[tokio::test]
async fn wrong_keys_are_rejected_by_every_operation_that_needs_keys() {
    let folder = Folder::new();
    let _server = folder.dev("");
    let user = folder.connect("FITBIT", "alice");
    let mut credentials = folder.credentials(Environment::Testing);
    credentials.api_key = "another-key-not-a-secret".into();
    let unauthenticated = Client::new(credentials).unwrap();
    let login = AuthenticateUserRequest::new("FITBIT".parse().unwrap());
    let refusals = [
        unauthenticated.verify_connection().await.map(drop),
        unauthenticated.generate_mobile_token(None).await.map(drop),
        unauthenticated.authenticate_user(&login).await.map(drop),
        unauthenticated.deauthenticate_user(user).await,
        unauthenticated.user_info(user).await.map(drop),
        unauthenticated.users_by_reference_id(&id("alice")).await.map(drop),
        unauthenticated.bulk_user_info(&[user]).await.map(drop),
        unauthenticated.subscriptions().try_collect::<Vec<_>>().await.map(drop),
    ];
    for refusal in refusals {
        let Err(error @ Error::NotAuthenticated(_)) = refusal else { panic!("{refusal:?}") };
        assert!(error.trace_id().is_some_and(|id| id.len() == 32), "{error}");
    }
    // In Terra's published API, these three answer 403.
    let forbidden = [
        unauthenticated.generate_widget_session(&WidgetSessionRequest::new()).await.map(drop),
        unauthenticated.developer_streaming_token().await.map(drop),
        unauthenticated.user_streaming_token(user).await.map(drop),
    ];
    assert!(forbidden.iter().all(|refusal| matches!(refusal, Err(Error::Forbidden(_)))), "{forbidden:?}");
    assert!(folder.client().user_info(user).await.unwrap().is_authenticated);
}

#[tokio::test]
async fn an_invalid_request_returns_the_matching_error() {
    let folder = Folder::new();
    let server = folder.dev("");
    let client = folder.client();
    let unknown = WidgetSessionRequest::new().connected_uids([unknown_user()]);
    let Err(Error::InvalidInput(refusal)) = client.generate_widget_session(&unknown).await else { panic!() };
    assert_eq!((refusal.status, refusal.invalid_user_ids), (400, vec![unknown_user().to_string()]));
    let unknown_provider = AuthenticateUserRequest::new("NOSUCH".parse().unwrap());
    assert!(matches!(client.authenticate_user(&unknown_provider).await, Err(Error::InvalidInput(_))));
    let unsafe_link = WidgetSessionRequest::new().auth_success_redirect_url("http://app.example/done");
    assert!(matches!(client.generate_widget_session(&unsafe_link).await, Err(Error::InvalidRedirect(_))));
    assert!(matches!(client.user_info(unknown_user()).await, Err(Error::NotFound(_))));

    server.kill();
    let without_retries = Client::builder(folder.credentials(Environment::Testing)).retries(0).build().unwrap();
    assert!(matches!(without_retries.user_info(unknown_user()).await, Err(Error::Network { .. })));
}

#[tokio::test]
async fn subscriptions_are_read_over_several_pages() {
    let folder = Folder::new();
    let server = Server::start(
        &mut folder.command("serve --sandbox --listen 127.0.0.1:0 --create-environment production --output json"),
    );
    let client = Client::new(folder.credentials(Environment::Production)).unwrap();
    let mut connected = BTreeSet::new();
    let devices: Vec<_> = (0..MANY).map(|device| format!("device{device}")).collect();
    for batch in devices.chunks(50) {
        connected.extend(try_join_all(batch.iter().map(|device| connect(&client, &server, device))).await.unwrap());
    }
    assert_eq!(connected.len(), MANY);

    let users: Vec<_> = client.subscriptions().try_collect().await.unwrap();
    assert_eq!((users.len(), ids(&users)), (MANY, connected));
    assert_eq!(last_page(&client, &server, &folder).await, (Value::Null, MANY % 500));
}

/// Connects a device; production has no user limit.
async fn connect(client: &Client, server: &Server, device: &str) -> Result<UserId, HttpFailure> {
    let token = client.generate_mobile_token(None).await?;
    let reply = redeem(&server.origin(), client.dev_id().as_str(), token.token.expose(), (device, device)).await?;
    Ok(user_of(&reply))
}

/// The `next` of the third page, and its number of users.
async fn last_page(client: &Client, server: &Server, folder: &Folder) -> (Value, usize) {
    let credentials = folder.credentials(client.environment());
    let keys = [("dev-id", credentials.dev_id.as_str()), ("x-api-key", credentials.api_key.expose())];
    let url = format!("{}/v2/subscriptions?page=2&per_page=500", server.origin());
    let reply = send(http::Method::GET, &url, &keys, String::new()).await.unwrap();
    let page: Value = serde_json::from_str(&reply.text).unwrap();
    (page["next"].clone(), page["results"].as_array().unwrap().len())
}

fn ids(users: &[TerraUser]) -> BTreeSet<UserId> {
    users.iter().map(|user| user.user_id).collect()
}
