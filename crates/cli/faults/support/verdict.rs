//! The verdict after a fault: every acknowledged change must exist once, and the app must have
//! received its event.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use terra_auth::UserId;

use super::{
    api::Api,
    load::LoadResult,
    receiver::{Change, DeliveryRecord, Receiver},
    report::Report,
    until,
};

/// A delivery that was in flight when its node was killed is retried when its lease expires, after 60 s.
pub(crate) const REDELIVERY: Duration = Duration::from_secs(90);

/// Checks connections, tokens and events.
pub(crate) async fn settle(
    report: &mut Report,
    api: &Api,
    receiver: &Receiver,
    told: &LoadResult,
) -> anyhow::Result<()> {
    connections_are_as_told(report, api, told).await?;
    tokens_stay_spent(report, api, &told.spent).await;
    every_change_is_heard_of(report, receiver, told, REDELIVERY).await;
    Ok(())
}

/// Counts acknowledged connections that are missing, and removed ones that exist again.
pub(crate) async fn connections_are_as_told(report: &mut Report, api: &Api, told: &LoadResult) -> anyhow::Result<()> {
    let users: Vec<_> = api.client()?.subscriptions().try_collect().await?;
    let there: BTreeSet<UserId> = users.iter().map(|user| user.user_id).collect();
    let is_removed = |user: &UserId| told.removed.contains_key(user) || told.maybe_removed.contains(user);
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

/// Redeems every token again with another device.
pub(crate) async fn tokens_stay_spent(report: &mut Report, api: &Api, spent: &[(String, String)]) {
    let twice = redeemed_again(api, spent).await;
    report.twice += twice;
    report.promise(twice == 0, &format!("{} tokens redeemed, {twice} of them twice", spent.len()));
}

/// The number of tokens that can be redeemed again.
pub(crate) async fn redeemed_again(api: &Api, spent: &[(String, String)]) -> usize {
    let again = stream::iter(spent).map(async |(token, device)| api.redeem(token, &format!("{device}x")).await.is_ok());
    again.buffer_unordered(8).filter(|again| std::future::ready(*again)).count().await
}

/// Waits until every acknowledged change was delivered; counts duplicates and second trace ids.
pub(crate) async fn every_change_is_heard_of(
    report: &mut Report,
    receiver: &Receiver,
    told: &LoadResult,
    timeout: Duration,
) {
    let wanted = wanted(told);
    let began = Instant::now();
    let all = async || wanted.iter().all(|(change, _)| receiver.has_received(change)).then_some(());
    let complete = until("every change is delivered", timeout, all).await.is_ok();
    let waiting = began.elapsed().as_secs_f64();
    let heard = receiver.deliveries();
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
    report.note(&format!("delay of deliveries: median {:.3} s, longest {:.1} s", at(0.5), at(1.0)));
}

/// Every acknowledged change with the time of its acknowledgement.
pub(crate) fn wanted(told: &LoadResult) -> Vec<(Change, Instant)> {
    let of = |kind: &'static str, users: &BTreeMap<UserId, Instant>| {
        users.iter().map(|(user, at)| ((kind.to_owned(), *user), *at)).collect::<Vec<_>>()
    };
    [of("auth", &told.connected), of("deauth", &told.removed)].concat()
}

/// The delay from the acknowledgement of each change to its first delivery, shortest first. It is 0
/// if the delivery was faster than the response.
pub(crate) fn delays(wanted: &[(Change, Instant)], heard: &BTreeMap<Change, DeliveryRecord>) -> Vec<Duration> {
    let delay = |(change, at): &(Change, Instant)| Some(heard.get(change)?.at.saturating_duration_since(*at));
    let mut delays: Vec<_> = wanted.iter().filter_map(delay).collect();
    delays.sort();
    delays
}
