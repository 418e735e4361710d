use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

/// An API with users. Each test sets its responses.
pub(super) struct Upstream {
    pub(super) url: Url,
    script: Mutex<Script>,
    pub(super) questions: AtomicUsize,
    lists_asked: AtomicUsize,
}

/// The responses.
struct Script {
    users: Vec<Value>,
    per_page: usize,
    list: List,
    /// Users that exist but are not in the list.
    unlisted: Vec<Value>,
    question: Option<(StatusCode, String)>,
    denies_everybody: bool,
}

/// The behaviour of the list endpoint.
pub(super) enum List {
    InOrder,
    /// This page and all later pages fail.
    FailsFrom(usize, StatusCode),
    /// Every request returns the first page.
    Repeats,
    /// After the last page, the first page follows.
    GoesRound,
    NeverAnswers,
}

impl Upstream {
    pub(super) async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let script = Script {
            users: vec![],
            per_page: 500,
            list: List::InOrder,
            unlisted: vec![],
            question: None,
            denies_everybody: false,
        };
        let upstream = Arc::new(Self {
            url,
            script: script.into(),
            questions: AtomicUsize::default(),
            lists_asked: AtomicUsize::default(),
        });
        let router = Router::new().route("/v2/subscriptions", get(list)).route("/v2/userInfo", get(user_info));
        let router = router.with_state(Arc::clone(&upstream));
        tokio::spawn(async { axum::serve(listener, router).await });
        upstream
    }

    pub(super) fn lists(&self, users: &[Value]) {
        self.script.lock().unwrap().users = users.to_vec();
    }

    pub(super) fn lists_so(&self, list: List, per_page: usize) {
        let mut script = self.script.lock().unwrap();
        (script.list, script.per_page) = (list, per_page);
    }

    pub(super) fn knows_unlisted(&self, user: Value) {
        self.script.lock().unwrap().unlisted.push(user);
    }

    /// Every lookup of a user returns 404, even for users in the list.
    pub(super) fn denies_everybody(&self) {
        self.script.lock().unwrap().denies_everybody = true;
    }

    pub(super) fn lists_asked(&self) -> usize {
        self.lists_asked.load(SeqCst)
    }

    /// Sets the response to lookups of users who are not in the list.
    pub(super) fn answers(&self, status: u16, body: &str) {
        self.script.lock().unwrap().question = Some((StatusCode::from_u16(status).unwrap(), body.to_owned()));
    }
}

async fn list(State(upstream): State<Arc<Upstream>>, Query(query): Query<HashMap<String, String>>) -> Response {
    upstream.lists_asked.fetch_add(1, SeqCst);
    let page: usize = query["page"].parse().unwrap();
    let answer = upstream.script.lock().unwrap().page(page);
    match answer {
        Some(answer) => answer,
        None => std::future::pending().await,
    }
}

impl Script {
    fn page(&self, page: usize) -> Option<Response> {
        let pages: Vec<_> = self.users.chunks(self.per_page).collect();
        let (index, more) = match self.list {
            List::NeverAnswers => return None,
            List::FailsFrom(first, status) if page >= first => return Some(status.into_response()),
            List::InOrder | List::FailsFrom(..) => (page, page + 1 < pages.len()),
            List::Repeats => (0, true),
            List::GoesRound => (page % pages.len(), true),
        };
        let results = pages.get(index).copied().unwrap_or_default();
        let next = more.then_some(page + 1);
        Some(Json(json!({ "next": next, "max_page": pages.len(), "results": results })).into_response())
    }

    fn user_info(&self, user_id: &str) -> Response {
        if self.denies_everybody {
            return StatusCode::NOT_FOUND.into_response();
        }
        let named = |user: &&Value| user["user_id"] == user_id;
        if let Some(user) = self.users.iter().find(named) {
            return found(user);
        }
        if let Some((status, body)) = &self.question {
            return (*status, body.clone()).into_response();
        }
        match self.unlisted.iter().find(named) {
            Some(user) => found(user),
            None => (StatusCode::NOT_FOUND, Json(json!({ "message": "user not found" }))).into_response(),
        }
    }
}

fn found(user: &Value) -> Response {
    let is_authenticated = user["is_authenticated"].as_bool().unwrap_or(true);
    Json(json!({ "status": "success", "user": user, "is_authenticated": is_authenticated })).into_response()
}

async fn user_info(State(upstream): State<Arc<Upstream>>, Query(query): Query<HashMap<String, String>>) -> Response {
    upstream.questions.fetch_add(1, SeqCst);
    upstream.script.lock().unwrap().user_info(&query["user_id"])
}
