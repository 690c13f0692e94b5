//! What a person is shown, and what a person may do: pause, and give up.

use super::fake::{End, File, Reply};
use super::{Lab, MIB, SIZE, WINDOW, code};
use minke::store::{From, Phase, Status};

fn told(lab: &Lab) -> Vec<Status> {
    lab.host.told.borrow().clone()
}

#[test]
fn it_comes_to_all_and_no_more() {
    let file = File::random(24 * MIB, 1);
    let lab = Lab::of(&file);
    lab.check(&file, "at first");
    let statuses = told(&lab);
    assert!(statuses.windows(2).all(|pair| pair[0].loaded <= pair[1].loaded), "it goes back");
    let last = statuses.last().expect("a status");
    let expected = Status { phase: Phase::Download, loaded: file.len(), total: Some(file.len()), ..*last };
    assert_eq!((*last, last.retries, last.source), (expected, 0, From::Network));
    assert_eq!(last.seconds_left, Some(0.0));
    // ten times a second at most, but for what is new
    let most = 12.0 + lab.now() / 100.0;
    assert!((statuses.len() as f64) < most, "{} in {} ms", statuses.len(), lab.now());
    lab.host.told.borrow_mut().clear();
    lab.check_kept(&file, "again");
    let last = *told(&lab).last().expect("a status");
    assert_eq!((last.loaded, last.total, last.source), (file.len(), Some(file.len()), From::Store));
}

#[test]
fn the_half_that_is_kept_is_told_as_such() {
    let file = File::random(24 * MIB, 1);
    let lab = Lab::of(&file);
    assert!(lab.load_until(400.0).is_none());
    lab.host.told.borrow_mut().clear();
    lab.check(&file, "the rest");
    let statuses = told(&lab);
    assert!(
        [From::Store, From::Network].iter().all(|from| statuses.iter().any(|status| status.source == *from))
    );
    assert_eq!(statuses.last().map(|status| status.loaded), Some(file.len()));
    // what comes from the store says nothing of the link
    assert!(statuses.iter().all(|status| status.bytes_per_second <= 4.0 * 50e6), "faster than the link");
}

#[test]
fn the_rate_is_that_of_the_last_seconds() {
    let file = File::random(24 * MIB, 1);
    let lab = Lab::of(&file);
    let speeds = [(0.0, 500.0), (10e3, 100.0)]; // bytes in a millisecond, of each connection
    let host = lab.host.clone();
    let clock = lab.host.clock.clone();
    lab.host.speed.set(speeds[0].1);
    let load = async {
        clock.sleep(speeds[1].0).await;
        host.speed.set(speeds[1].1);
        std::future::pending::<()>().await;
    };
    let mut got = Vec::new();
    let all = super::fake::load(&lab.host, None, &lab.spec, &lab.options, &mut got);
    let both = futures_util::future::select(Box::pin(all), Box::pin(load));
    lab.host.clock.run(both);
    let statuses = told(&lab);
    let rates: Vec<f64> =
        statuses.iter().map(|status| status.bytes_per_second).filter(|rate| *rate > 0.0).collect();
    let fastest = rates.iter().fold(0.0, |a: f64, b| a.max(*b));
    assert!((0.4e6..4.0 * 0.6e6).contains(&fastest), "{fastest}");
    let last = *statuses.last().expect("a status");
    assert!(last.bytes_per_second < 4.0 * 0.13e6, "long after it became slow: {}", last.bytes_per_second);
    for status in statuses.iter().filter(|status| status.bytes_per_second > 0.0) {
        let left = (file.len() - status.loaded) as f64 / status.bytes_per_second;
        assert_eq!(status.seconds_left, status.total.map(|_| left));
    }
    assert_eq!(last.loaded, file.len());
}

#[test]
fn retries_are_counted_and_seen() {
    let file = File::random(SIZE, 1);
    let (served, mut count) = (file.clone(), 0);
    let lab = Lab::new(move |request| {
        count += 1;
        Some(if count <= 5 { Reply::status(502) } else { served.reply(request) })
    });
    lab.check(&file, "after five failures");
    let statuses = told(&lab);
    let retries: Vec<u32> = statuses.iter().filter(|s| s.phase == Phase::Retry).map(|s| s.retries).collect();
    assert!(retries.contains(&1) && statuses.last().is_some_and(|s| s.retries == 5), "{retries:?}");
    assert_eq!(statuses.last().map(|status| status.phase), Some(Phase::Download));
}

#[test]
fn a_pause_is_seen_and_costs_nothing() {
    let file = File::random(SIZE, 1);
    // before the first byte, in the midst, and beside a reader that does something else
    for start in [0.0, 60.0, 150.0] {
        let lab = Lab::of(&file);
        lab.host.pause.set((start, start + 3600e3));
        lab.check(&file, "after an hour");
        assert_eq!(lab.host.served.get(), file.len());
        let statuses = told(&lab);
        assert!(statuses.iter().any(|status| status.phase == Phase::Paused), "at {start} ms");
        let last = statuses.last().expect("a status");
        assert!(
            lab.now() > 3600e3 && last.phase == Phase::Download && last.bytes_per_second > 1e6,
            "{last:?}"
        );
        let asked: Vec<f64> = lab.host.requests.borrow().iter().map(|request| request.at).collect();
        assert!(
            asked.iter().all(|at| *at <= start || *at >= start + 3600e3),
            "it asks in a pause: {asked:?}"
        );
    }
}

/// Servers close connections on which nothing is read.
#[test]
fn a_pause_may_cost_the_connection() {
    let file = File::random(SIZE, 1);
    let served = file.clone();
    let lab = Lab::new(move |request| {
        let end = if request.at < 3600e3 { End::Cut(2 * MIB) } else { End::Whole };
        Some(Reply { end, ..served.reply(request) })
    });
    lab.host.pause.set((35.0, 3600e3));
    lab.check(&file, "after an hour");
    assert_eq!(lab.host.served.get(), file.len());
}

#[test]
fn an_abort_ends_it_and_keeps_what_is_there() {
    let file = File::random(24 * MIB, 1);
    for moment in [0.0, 30.0, 150.0, 300.0] {
        let lab = Lab::of(&file);
        lab.host.abort.set(moment);
        let result = lab.load();
        assert_eq!(code(&result), "aborted");
        assert!(lab.now() < moment + 100.0, "it goes on for {} ms", lab.now() - moment);
        lab.host.abort.set(f64::INFINITY);
        lab.check(&file, "again");
        assert!(lab.host.served.get() <= file.len() + WINDOW);
    }
    // also of one that is paused
    let lab = Lab::of(&file);
    lab.host.pause.set((100.0, 5000.0));
    lab.host.abort.set(4000.0);
    assert_eq!(code(&lab.load()), "aborted");
}
