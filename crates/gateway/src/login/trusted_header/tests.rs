use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;

use super::TrustedHeader;
use crate::{
    login::{EndUser, Login, LoginError, RequestCredentials},
    settings::TrustedHeaderSettings,
    setup::SetupError,
};

const PROXY: &str = "10.0.0.7";

fn trusting(peers: &[&str]) -> Result<TrustedHeader, SetupError> {
    let peers = peers.iter().map(|net| net.parse().unwrap()).collect();
    TrustedHeader::new(&TrustedHeaderSettings { name: "X-User".to_owned(), peers }, None)
}

async fn shown(values: &[&[u8]], peer: Option<&str>) -> Result<Option<EndUser>, LoginError> {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append("x-user", HeaderValue::from_bytes(value).unwrap());
    }
    let peer = peer.map(|address| address.parse().unwrap());
    let login = trusting(&["10.0.0.7/32", "fd00:1::/64"]).unwrap();
    login.caller(&RequestCredentials { headers: &headers, peer }).await
}

#[tokio::test]
async fn the_proxys_header_is_trusted_over_ipv4_and_ipv6() {
    for peer in [PROXY, "::ffff:10.0.0.7", "fd00:1::9"] {
        let identity = shown(&[b"alice"], Some(peer)).await.unwrap().unwrap();
        assert_eq!((identity.reference_id.as_str(), identity.sent_by_browser), ("alice", true), "{peer}");
    }
}

#[tokio::test]
async fn the_header_is_ignored_from_other_peers() {
    for peer in [Some("10.0.0.8"), Some("127.0.0.1"), Some("::ffff:10.0.0.8"), Some("fd00:2::9"), Some("::a00:7"), None]
    {
        assert_eq!(shown(&[b"alice"], peer).await.unwrap(), None, "{peer:?}");
    }
    assert_eq!(shown(&[b"alice", b"bob"], Some("10.0.0.8")).await.unwrap(), None);
}

#[tokio::test]
async fn the_proxy_may_send_no_user_but_an_ambiguous_or_invalid_user_is_rejected() {
    assert_eq!(shown(&[], Some(PROXY)).await.unwrap(), None);
    for anonymous in ["", "(null)", "-", "null", "undefined", "anonymous", "None", "${USER}"] {
        assert_eq!(shown(&[anonymous.as_bytes()], Some(PROXY)).await.unwrap(), None, "{anonymous:?}");
    }
    let long = [b'a'; 513];
    for values in [&[&b"alice"[..], b"alice"][..], &[b"alice", b"bob"], &[b"a\tb"], &[b"\xff"], &[&long]] {
        let refused = shown(values, Some(PROXY)).await.unwrap_err();
        assert!(matches!(refused, LoginError::Refused(_)), "{values:?}: {refused}");
    }
}

#[tokio::test]
async fn a_proxy_that_has_a_secret_must_send_it() {
    let settings = TrustedHeaderSettings { name: "x-user".to_owned(), peers: vec!["127.0.0.1/32".parse().unwrap()] };
    let secret = SecretString::from("proxy-secret-not-a-secret");
    let login = TrustedHeader::new(&settings, Some(&secret)).unwrap();
    let user = async |secret: Option<&'static str>| {
        let mut headers =
            HeaderMap::from_iter([(HeaderName::from_static("x-user"), HeaderValue::from_static("alice"))]);
        headers
            .extend(secret.map(|secret| (HeaderName::from_static("x-proxy-secret"), HeaderValue::from_static(secret))));
        let presented = RequestCredentials { headers: &headers, peer: "127.0.0.1".parse().ok() };
        login.caller(&presented).await.unwrap().map(|identity| identity.reference_id.to_string())
    };
    assert_eq!(user(Some("proxy-secret-not-a-secret")).await.as_deref(), Some("alice"));
    for wrong in [None, Some(""), Some("proxy-secret-not-a-secre"), Some("another-secret-not-a-secret")] {
        assert_eq!(user(wrong).await, None, "{wrong:?}");
    }
    assert!(TrustedHeader::new(&settings, Some(&SecretString::from("short"))).is_err());
}

#[test]
fn a_network_that_is_too_wide_is_rejected() {
    for net in ["64.0.0.0/2", "10.0.0.0/7", "2000::/3", "fc00::/7", "::ffff:0:0/96", "::ffff:10.0.0.0/103", "::/16"] {
        assert!(matches!(trusting(&[net]), Err(SetupError::Invalid { .. })), "{net}");
    }
    for net in ["10.0.0.0/8", "172.16.0.0/12", "fd00::/16", "::ffff:10.0.0.0/104", "::1/128"] {
        assert!(trusting(&[net]).is_ok(), "{net}");
    }
}

#[test]
fn a_standard_header_is_rejected() {
    for name in ["cookie", "Authorization", "host", "X-Forwarded-For", "Sec-Fetch-Site", "user-agent", "forwarded"] {
        let peers = vec!["10.0.0.7/32".parse().unwrap()];
        let refused = TrustedHeader::new(&TrustedHeaderSettings { name: name.to_owned(), peers }, None);
        assert!(matches!(refused, Err(SetupError::Invalid { .. })), "{name}");
    }
}

#[test]
fn a_setting_that_trusts_every_peer_or_no_peer_is_rejected() {
    for peers in [&[][..], &["0.0.0.0/0"], &["10.0.0.7/32", "::/0"], &["0.0.0.0/1", "128.0.0.0/1"]] {
        assert!(matches!(trusting(peers), Err(SetupError::Invalid { .. })), "{peers:?}");
    }
    let peers = vec!["10.0.0.7/32".parse().unwrap()];
    let unnamed = TrustedHeader::new(&TrustedHeaderSettings { name: "x user".to_owned(), peers }, None);
    assert!(matches!(unnamed, Err(SetupError::Invalid { key: "login.trusted_header.name", .. })));
}
