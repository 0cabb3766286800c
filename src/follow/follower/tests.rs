use super::*;
use crate::follow::{Schedule, Store};
use crate::image::Platform;
use crate::registry::{Client, Transport};
use crate::serve::Deployment;
use crate::snapshot::{Tree, freeze};

#[test]
fn what_a_person_gave_up_is_not_done_later() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let deployment = Arc::new(Deployment::new(freeze(&Tree::new(), None).unwrap()));
        let store = Arc::new(Store::in_memory());
        let releases = Releases::new(deployment, Arc::clone(&store), Schedule::default(), None).unwrap();
        // Nobody is there.
        let client = Client::new("127.0.0.1:1/blog".parse().unwrap(), Transport::default()).unwrap();
        let fetcher = Fetcher { client, platform: Platform::of_this_program().unwrap(), store, verifier: None };
        let (observer, poll) = (Observer::new(None), "1h".parse().unwrap());
        let (follower, handle) = Follower::new(fetcher, Arc::new(releases), observer, poll, Counts::default());
        tokio::time::timeout(Duration::ZERO, handle.look()).await.unwrap_err();
        tokio::select! {
            () = follower.run(true) => unreachable!("it follows without end"),
            answer = handle.look() => assert!(answer.unwrap_err().contains("can't be reached")),
        }
        assert_eq!(handle.trouble.view().unwrap().failures, 1);
    });
}
