//! One of every page, for tests.

use http::StatusCode;

use super::{
    Banner, Brand, Callback, Choose, Connected, Disconnect, Exit, Failed, Failure, Frame, Language, Link, Page,
    ProviderChoice, page_response,
};

const PROVIDERS: [&str; 12] = [
    "Fitbit",
    "Garmin",
    "Google Fit",
    "Oura",
    "Polar",
    "Strava",
    "Suunto",
    "Ultrahuman",
    "Wahoo",
    "WHOOP",
    "Withings",
    "Zwift",
];

pub(super) fn frame() -> Frame {
    let brand = Brand {
        name: Some("Acme Coach".into()),
        logo_url: Some("https://cdn.acme.example/logo.svg".parse().expect("a URL")),
        accent: Some("#1b6e5a".parse().expect("a colour")),
    };
    Frame { language: Language::English, brand: Some(brand) }
}

pub(super) fn choose(frame: Frame) -> Choose {
    Choose {
        frame,
        notice: None,
        providers: PROVIDERS.map(provider).into(),
        query: String::new(),
        page: Link::path("/session/1?secret=s"),
        exit: Exit::Cancel { form: Link::path("/session/1/cancel"), leads_to: None },
    }
}

fn provider(name: &str) -> ProviderChoice {
    let slug = name.to_uppercase().replace(' ', "_");
    ProviderChoice {
        icon: Link::path(format!("/assets/provider/{slug}.svg")),
        connect: Link::path(format!("/session/1/connect/{slug}")),
        connected: name == "Oura" || name == "Google Fit",
        disconnect: (name == "Oura").then(|| Link::path("/session/1/disconnect/OURA")),
        name: name.into(),
        slug,
    }
}

fn chosen(frame: &Frame, change: impl FnOnce(&mut Choose)) -> Choose {
    let mut page = choose(frame.clone());
    change(&mut page);
    page
}

pub(super) fn connected(frame: &Frame, left_out: &[&str]) -> Connected {
    Connected {
        frame: frame.clone(),
        provider: "Fitbit".into(),
        icon: Link::path("/assets/provider/FITBIT.svg"),
        left_out: left_out.iter().map(|&scope| scope.into()).collect(),
        connect_again: Some(Link::path("/session/1/connect/FITBIT")),
        connect_another: None,
        proceed: Link::external(&"https://acme.example/done?user_id=1".parse().expect("a URL")),
    }
}

pub(super) fn disconnect(frame: &Frame) -> Disconnect {
    Disconnect {
        frame: frame.clone(),
        provider: "Oura".into(),
        icon: Link::path("/assets/provider/OURA.svg"),
        action: Link::path("/session/1/disconnect/OURA"),
        keep: Link::path("/session/1"),
    }
}

pub(super) fn failed(frame: &Frame, failure: Failure) -> Failed {
    let may_help = matches!(
        failure,
        Failure::Denied { .. } | Failure::LeftOut { .. } | Failure::ProviderDown { .. } | Failure::Internal { .. }
    );
    Failed {
        frame: frame.clone(),
        failure,
        try_again: may_help.then(|| Link::path("/session/1")),
        return_to_app: Link::external(&"https://acme.example/failed".parse().expect("a URL")),
    }
}

pub(super) fn failures() -> [(&'static str, Failure); 12] {
    let provider = || "Fitbit".to_owned();
    let app = Link::external(&"acme://health".parse().expect("a URL"));
    [
        ("cancelled", Failure::Cancelled),
        ("denied", Failure::Denied { provider: provider() }),
        ("left-out", Failure::LeftOut { provider: provider(), scopes: vec!["sleep".into(), "heartrate".into()] }),
        ("expired", Failure::Expired),
        ("already-used", Failure::AlreadyUsed),
        ("unknown-session", Failure::UnknownSession),
        ("cap-reached", Failure::CapReached),
        ("provider-down", Failure::ProviderDown { provider: provider() }),
        ("wrong-browser", Failure::WrongBrowser),
        ("phone-only", Failure::PhoneOnly { provider: "Apple Health".into(), app }),
        ("no-provider", Failure::NoProvider),
        ("internal", Failure::Internal { trace: Some("0000-test-trace".into()) }),
    ]
}

/// Every page in every state, by name, as the HTML that is sent.
pub(super) fn gallery(frame: &Frame) -> Vec<(String, String)> {
    let oura = || "Oura".to_owned();
    let no_brand = Frame { language: frame.language, brand: None };
    let plain = Brand { name: Some("Acme Coach".into()), logo_url: None, accent: None };
    let plain = Frame { language: frame.language, brand: Some(plain) };
    let unnamed = Brand { name: None, logo_url: None, accent: None };
    let unnamed = Frame { language: frame.language, brand: Some(unnamed) };
    let mut pages = vec![
        show("choose", &choose(frame.clone())),
        show("choose-few", &chosen(frame, |page| page.providers.truncate(3))),
        show("choose-found", &chosen(frame, |page| page.query = "fit".into())),
        show("choose-found-one", &chosen(frame, |page| page.query = "oura".into())),
        show("choose-nothing", &chosen(frame, |page| page.query = "abacus".into())),
        show("choose-connected", &chosen(frame, |page| page.notice = Some(Banner::Connected(oura())))),
        show("choose-disconnected", &chosen(frame, |page| page.notice = Some(Banner::Disconnected(oura())))),
        show("choose-still", &chosen(frame, |page| page.notice = Some(Banner::StillConnected(oura())))),
        show("connected", &connected(frame, &[])),
        show("connected-partial", &connected(frame, &["heartrate", "sleep", "location"])),
        show("connected-close", &Connected { proceed: None, ..connected(frame, &[]) }),
        show(
            "connected-another",
            &Connected { connect_another: Some(Link::path("/session/1")), ..connected(frame, &[]) },
        ),
        show("connected-plain", &connected(&plain, &[])),
        show("choose-unnamed", &choose(unnamed.clone())),
        show("connected-unnamed", &connected(&unnamed, &[])),
        show("disconnect", &disconnect(frame)),
        show("callback", &Callback { frame: no_brand.clone() }),
        show("failed-unknown", &failed(&no_brand, Failure::UnknownSession)),
    ];
    pages.extend(failures().map(|(name, failure)| show(&format!("failed-{name}"), &failed(frame, failure))));
    pages
}

fn show(name: &str, page: &impl Page) -> (String, String) {
    page_response(StatusCode::OK, page).expect("a page");
    (name.into(), page.render().expect("a page"))
}
