//! The verdict after a fault: what was acknowledged must be there, once, and the app must have heard of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use terra_auth::UserId;

use super::{
    api::Api,
    load::Told,
    receiver::{Change, Heard, Receiver},
    report::Report,
    until,
};

/// A delivery that was under way when its node died is made again when its lease ends, after 60 s.
pub(crate) const REDELIVERY: Duration = Duration::from_secs(90);

/// Checks everything: connections, tokens and events.
pub(crate) async fn settle(report: &mut Report, api: &Api, receiver: &Receiver, told: &Told) -> anyhow::Result<()> {
    connections_are_as_told(report, api, told).await?;
    tokens_stay_spent(report, api, &told.spent).await;
    every_change_is_heard_of(report, receiver, told, REDELIVERY).await;
    Ok(())
}

/// Counts what was acknowledged and is not there, and what was removed and is there again.
pub(crate) async fn connections_are_as_told(report: &mut Report, api: &Api, told: &Told) -> anyhow::Result<()> {
    let users: Vec<_> = api.client()?.subscriptions().try_collect().await?;
    let there: BTreeSet<UserId> = users.iter().map(|user| user.user_id).collect();
    let is_removed = |user: &UserId| told.removed.contains_key(user) || told.perhaps_removed.contains(user);
    let lost = told.connected.keys().filter(|user| !there.contains(user) && !is_removed(user)).count();
    let back = told.removed.keys().filter(|user| there.contains(user)).count();
    report.acknowledged += told.acknowledged();
    report.lost += lost + back;
    let (connected, removed) = (told.connected.len(), told.removed.len());
    let logins = told.logins;
    report.promise(lost == 0, &format!("{connected} connections acknowledged ({logins} by a login), {lost} lost"));
    report.promise(back == 0, &format!("{removed} removals acknowledged, {back} undone"));
    Ok(())
}

/// Redeems every token again, as another device.
pub(crate) async fn tokens_stay_spent(report: &mut Report, api: &Api, spent: &[(String, String)]) {
    let twice = redeemed_again(api, spent).await;
    report.twice += twice;
    report.promise(twice == 0, &format!("{} tokens redeemed, {twice} of them twice", spent.len()));
}

/// How many of these tokens can be redeemed again.
pub(crate) async fn redeemed_again(api: &Api, spent: &[(String, String)]) -> usize {
    let again = stream::iter(spent).map(async |(token, device)| api.redeem(token, &format!("{device}x")).await.is_ok());
    again.buffer_unordered(8).filter(|again| std::future::ready(*again)).count().await
}

/// Waits until every acknowledged change was delivered; counts duplicates and second trace ids.
pub(crate) async fn every_change_is_heard_of(
    report: &mut Report,
    receiver: &Receiver,
    told: &Told,
    patience: Duration,
) {
    let wanted = wanted(told);
    let began = Instant::now();
    let all = async || wanted.iter().all(|(change, _)| receiver.has_heard(change)).then_some(());
    let complete = until("every change is delivered", patience, all).await.is_ok();
    let waiting = began.elapsed().as_secs_f64();
    let heard = receiver.heard();
    let missing = wanted.iter().filter(|(change, _)| !heard.contains_key(change)).count();
    let duplicates: usize = heard.values().map(|heard| heard.times - heard.trace_ids.len()).sum();
    let second = heard.values().filter(|heard| heard.trace_ids.len() > 1).count();
    report.duplicates += duplicates;
    report.lost += missing;
    let (count, unsigned) = (wanted.len(), receiver.unsigned());
    report.promise(
        complete,
        &format!("{count} changes, {missing} of them never delivered; the last came after {waiting:.1} s"),
    );
    report.promise(
        second == 0,
        &format!("{second} changes under a second trace id; {duplicates} duplicates under the first"),
    );
    report.promise(unsigned == 0, &format!("{unsigned} deliveries without a valid signature"));
    let delays = delays(&wanted, &heard);
    let at = |part| super::quantile(&delays, part).as_secs_f64();
    report.note(&format!("delay of deliveries: median {:.3} s, worst {:.1} s", at(0.5), at(1.0)));
}

/// Every acknowledged change, and when it was acknowledged.
pub(crate) fn wanted(told: &Told) -> Vec<(Change, Instant)> {
    let of = |kind: &'static str, users: &BTreeMap<UserId, Instant>| {
        users.iter().map(|(user, at)| ((kind.to_owned(), *user), *at)).collect::<Vec<_>>()
    };
    [of("auth", &told.connected), of("deauth", &told.removed)].concat()
}

/// How long after its acknowledgement each change was first delivered, shortest first. A delivery may be faster than
/// the answer.
pub(crate) fn delays(wanted: &[(Change, Instant)], heard: &BTreeMap<Change, Heard>) -> Vec<Duration> {
    let delay = |(change, at): &(Change, Instant)| Some(heard.get(change)?.at.saturating_duration_since(*at));
    let mut delays: Vec<_> = wanted.iter().filter_map(delay).collect();
    delays.sort();
    delays
}
