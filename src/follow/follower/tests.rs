use std::sync::LazyLock;

use super::*;
use crate::follow::releases::tests::{begin_at, release, root};
use crate::follow::{Schedule, Store};
use crate::image::Platform;
use crate::registry::{Client, Transport};

/// A follower of a registry that nobody has.
fn follower(store: Arc<Store>, releases: Arc<Releases>) -> (Follower, FollowerHandle) {
    let client = Client::new("127.0.0.1:1/blog".parse().unwrap(), Transport::default()).unwrap();
    let fetcher = Fetcher { client, platform: Platform::of_this_program().unwrap(), store, verifier: None };
    Follower::new(fetcher, releases, Observer::new(None), "1h".parse().unwrap(), Counts::default())
}

fn run(what: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(what);
}

#[test]
fn what_a_person_gave_up_is_not_done_later() {
    run(async {
        let store = Arc::new(Store::in_memory());
        let (releases, _) = begin_at(Timestamp::now, Schedule::default(), &store);
        let (follower, handle) = follower(store, Arc::new(releases));
        tokio::time::timeout(Duration::ZERO, handle.look()).await.unwrap_err();
        tokio::select! {
            () = follower.run(true) => unreachable!("it follows without end"),
            answer = handle.look() => assert!(answer.unwrap_err().contains("can't be reached")),
        }
        assert_eq!(handle.trouble.view().unwrap().failures, 1);
    });
}

/// A moment before nine on a Thursday, and on from there.
fn nearly_nine() -> Timestamp {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let before: Timestamp = "2026-11-26T08:59:59.7Z".parse().unwrap();
    before + BEGUN.elapsed()
}

#[test]
fn what_waits_for_a_window_is_served_when_it_opens() {
    run(async {
        let store = Arc::new(Store::in_memory());
        let schedule = Schedule { windows: vec!["thu 09:00-10:00".parse().unwrap()], ..Schedule::default() };
        let (releases, deployment) = begin_at(nearly_nine, schedule, &store);
        let outcome = releases.offer(release(&store, 1, "one"), Cause::Hook).unwrap();
        assert_eq!(outcome, Outcome::Waiting("the window opens at 2026-11-26T09:00:00+00:00[UTC]".to_owned()));
        let (follower, _handle) = follower(store, Arc::new(releases));
        let opened = async {
            while deployment.current().root() != root("one") {
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            () = follower.run(true) => unreachable!("it follows without end"),
            () = opened => {}
        }
    });
}
