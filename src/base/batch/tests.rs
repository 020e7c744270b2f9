//! What callers see of a batch, when it succeeds and when it does not.

use super::*;
use futures::future::join_all;
use std::sync::Mutex;

type Sizes = Arc<Mutex<Vec<usize>>>;

/// Doubles; fails whole when a request is negative; remembers the size of each batch.
fn doubling(batch_max: usize, opens: Arc<Semaphore>) -> (Batcher<i64, i64>, Sizes) {
    let sizes = Sizes::default();
    let seen = Arc::clone(&sizes);
    let batcher = Batcher::spawn("double", batch_max, 1, move |requests: Vec<i64>| {
        seen.lock().unwrap().push(requests.len());
        let opens = Arc::clone(&opens);
        Box::pin(async move {
            opens.acquire().await?.forget();
            assert!(!requests.contains(&i64::MAX), "asked to die");
            match requests.iter().find(|n| **n < 0) {
                Some(n) => Err(Fault::new(format_args!("{n} is negative"))),
                None => Ok(requests.iter().map(|n| n * 2).collect()),
            }
        })
    });
    (batcher, sizes)
}

#[tokio::test]
async fn what_arrives_meanwhile_goes_together_and_in_order() {
    let opens = Arc::new(Semaphore::new(0));
    let (batcher, sizes) = doubling(4, Arc::clone(&opens));
    let callers = join_all((0..8).map(|n| batcher.call(n)));
    let opening = async {
        while sizes.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        opens.add_permits(100);
    };
    let (answers, ()) = futures::join!(callers, opening);
    let answers: Vec<i64> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, (0..8).map(|n| n * 2).collect::<Vec<_>>());
    let sizes = sizes.lock().unwrap();
    assert_eq!(sizes.iter().sum::<usize>(), 8);
    assert!(sizes.iter().all(|size| *size <= 4) && sizes.len() < 8, "{sizes:?}");
}

#[tokio::test]
async fn a_poison_request_fails_alone() {
    let (batcher, _) = doubling(64, Arc::new(Semaphore::new(1_000)));
    let answers = join_all((-1..20).map(|n| batcher.call(n))).await;
    for (n, answer) in (-1..20).zip(answers) {
        match answer {
            Ok(double) => assert_eq!(double, n * 2),
            Err(fault) => assert_eq!((n, fault.to_string().as_str()), (-1, "-1 is negative")),
        }
    }
}

#[tokio::test]
async fn a_fault_of_everything_does_not_run_every_request_again() {
    let opens = Arc::new(Semaphore::new(0));
    let (batcher, sizes) = doubling(1_000, Arc::clone(&opens));
    let mut calls = Vec::new();
    for n in -500..0 {
        let mut call = Box::pin(batcher.call(n));
        assert!(futures::poll!(&mut call).is_pending());
        calls.push(call);
        tokio::task::yield_now().await;
    }
    opens.add_permits(10_000);
    assert!(join_all(calls).await.iter().all(Result::is_err));
    // The first alone, the rest together, then as many as it takes to see that it is no use.
    assert_eq!(sizes.lock().unwrap().len(), 2 + ALONE_FAILED_MAX);
}

#[tokio::test]
async fn work_that_panics_answers_with_a_fault_and_the_next_batch_goes_on() {
    let (batcher, _) = doubling(4, Arc::new(Semaphore::new(100)));
    let fault = batcher.call(i64::MAX).await.unwrap_err().to_string();
    assert!(fault.contains("double"), "{fault}");
    assert_eq!(batcher.call(4).await.unwrap(), 8);
}

#[tokio::test]
async fn a_caller_that_went_away_withdraws_its_request() {
    let opens = Arc::new(Semaphore::new(0));
    let (batcher, sizes) = doubling(4, Arc::clone(&opens));
    let first = tokio::spawn({
        let batcher = batcher.clone();
        async move { batcher.call(1).await }
    });
    while sizes.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let gone = futures::poll!(Box::pin(batcher.call(2)));
    assert!(gone.is_pending());
    opens.add_permits(10);
    assert_eq!(first.await.unwrap().unwrap(), 2);
    assert_eq!(batcher.call(3).await.unwrap(), 6);
    assert_eq!(sizes.lock().unwrap().len(), 2, "request 2 was never worked on");
}

#[tokio::test]
async fn a_crowd_is_gathered_and_a_single_caller_is_not_kept_waiting() {
    let (batcher, sizes) = doubling(64, Arc::new(Semaphore::new(10_000)));
    // Ten callers that ask again as soon as they are answered.
    let crowd = join_all((0..10).map(|n| {
        let batcher = batcher.clone();
        async move {
            for _ in 0..50 {
                batcher.call(n).await.unwrap();
            }
        }
    }));
    crowd.await;
    let batches = std::mem::take(&mut *sizes.lock().unwrap()).len();
    assert!(batches <= 100, "500 requests of ten callers in {batches} batches");
    // The first one may still be taken for one of the crowd.
    batcher.call(1).await.unwrap();
    let began = clock::stopwatch();
    for _ in 0..50 {
        batcher.call(1).await.unwrap();
    }
    assert!(began.elapsed() < GATHER * 25, "alone, yet slow: {:?}", began.elapsed());
}
