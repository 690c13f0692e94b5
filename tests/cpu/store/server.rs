//! What servers are like: without lengths, behind redirects, with files that change.

use super::fake::{End, File, Reply, Request};
use super::{Lab, MIB, SIZE, URL, WINDOW, code};

/// A page may not see all headers of another origin, and some servers do not say what they know.
#[test]
fn lengths_may_be_unknown() {
    for len in [1000, 4 * MIB, SIZE, 16 * MIB] {
        let file = File::random(len, 5);
        for (name, hide) in [
            ("no Content-Range", (|r| r.headers.content_range = None) as fn(&mut Reply)),
            ("no Content-Length", |r| r.headers.content_length = None),
            ("neither", |r| (r.headers.content_range, r.headers.content_length) = (None, None)),
            ("no total", |r| {
                let range = r.headers.content_range.take();
                r.headers.content_range =
                    range.map(|text| text.split('/').next().map_or(text.clone(), |r| format!("{r}/*")));
            }),
            ("less than was asked for, and no Content-Range", |r| {
                let most = r.part.len().min(3 * MIB);
                r.part.end = r.part.start + most;
                (r.headers.content_range, r.headers.content_length) = (None, Some(most as u64));
            }),
        ] {
            let served = file.clone();
            let lab = Lab::new(move |request| {
                let mut reply = served.reply(request);
                if reply.status == 206 || name != "no total" {
                    hide(&mut reply);
                }
                Some(reply)
            });
            let name = format!("{name}, {len} bytes");
            lab.check(&file, &name);
            assert_eq!(lab.host.served.get(), file.len(), "{name}");
            lab.check_kept(&file, &name);
        }
    }
}

#[test]
fn a_server_without_ranges_is_read_as_it_comes() {
    for (length, len) in
        [(true, SIZE), (false, SIZE), (true, MIB), (false, MIB), (true, 4 * MIB), (false, 4 * MIB)]
    {
        let file = File::random(len, 1);
        let served = file.clone();
        let lab = Lab::new(move |_| {
            let mut reply = served.whole();
            reply.headers.content_length = reply.headers.content_length.filter(|_| length);
            Some(reply)
        });
        lab.check(&file, "whole");
        assert_eq!((lab.host.served.get(), lab.host.requests.borrow().len()), (file.len(), 1));
        assert!(lab.host.told.borrow().iter().all(|status| status.retries == 0), "{len}: it is asked again");
    }
}

#[test]
fn a_server_without_ranges_begins_anew_after_a_cut() {
    let file = File::random(SIZE, 1);
    let (served, mut count) = (file.clone(), 0);
    let lab = Lab::new(move |_| {
        count += 1;
        let end = if count == 1 { End::Cut(9 * MIB) } else { End::Whole };
        Some(Reply { end, ..served.whole() })
    });
    lab.check(&file, "cut");
    assert_eq!(lab.host.served.get(), file.len() + 9 * MIB as u64);
    let told = lab.host.told.borrow();
    assert!(told.iter().all(|status| status.loaded <= file.len()), "more than all is loaded");
    assert_eq!(told.last().map(|status| (status.loaded, status.retries)), Some((file.len(), 1)));
}

#[test]
fn a_server_without_ranges_may_ask_to_wait() {
    let file = File::random(SIZE, 1);
    let (served, mut count) = (file.clone(), 0);
    let lab = Lab::new(move |_| {
        count += 1;
        if count == 1 {
            return Some(Reply { end: End::Cut(9 * MIB), ..served.whole() });
        }
        let mut busy = Reply::status(503);
        busy.headers.retry_after = Some("300".into());
        Some(if count == 2 { busy } else { served.whole() })
    });
    lab.check(&file, "busy");
    assert!(lab.now() > 300e3, "it did not wait");
}

#[test]
fn a_file_that_changes_is_an_error_and_then_the_new_one() {
    let old = File::random(SIZE, 1);
    let longer = File::random(SIZE + 7, 2).tagged(old.etag.clone());
    let shorter = File::random(9 * MIB, 2).tagged(None);
    let same_length = File::random(SIZE, 3);
    for (name, new) in [("longer", longer), ("shorter", shorter), ("another ETag", same_length)] {
        for whole in [false, true] {
            let (before, after, mut count) = (old.clone(), new.clone(), 0);
            let lab = Lab::new(move |request| {
                count += 1;
                let file = if count <= 2 { &before } else { &after };
                if whole {
                    Some(Reply { end: End::Cut(6 * MIB), ..file.whole() })
                } else {
                    Some(file.reply(request))
                }
            });
            let result = lab.load();
            // a server without ranges is asked twice for the old file before it is the new one
            assert_eq!(code(&result), "changed", "{name}: {:?}", result.err());
            lab.serve(&new);
            lab.check(&new, name);
        }
        // the same between two loads
        let lab = Lab::of(&old);
        assert!(lab.load_until(150.0).is_none());
        assert!(!lab.journal().pieces.is_empty());
        lab.serve(&new);
        assert_eq!(code(&lab.load()), "changed", "{name}");
        lab.check(&new, name);
    }
}

/// Without an ETag only the date tells.
#[test]
fn a_date_tells_a_change_too() {
    let [old, new] = [1, 2].map(|seed| File::random(SIZE, seed).tagged(None));
    let dated = |file: &File, date: &'static str| {
        let file = file.clone();
        move |request: &Request| {
            let mut reply = file.reply(request);
            reply.headers.last_modified = Some(date.into());
            Some(reply)
        }
    };
    let lab = Lab::new(dated(&old, "Fri, 27 Nov 2026 20:00:00 GMT"));
    assert!(lab.load_until(150.0).is_none() && !lab.journal().pieces.is_empty());
    lab.host.serve(dated(&new, "Sat, 28 Nov 2026 20:00:00 GMT"));
    assert_eq!(code(&lab.load()), "changed");
    lab.check(&new, "new");
}

const DIRECT: &str = "https://cdn.example/0f3e?signature=";

/// Redirects to an address that is good for so many requests.
fn redirects(file: &File, requests: usize, status: u16) -> Lab {
    let (file, mut left) = (file.clone(), Vec::new());
    Lab::new(move |request| {
        if request.url == URL {
            left.push(requests);
            return Some(Reply::redirect(&format!("{DIRECT}{}", left.len() - 1)));
        }
        let signature: usize =
            request.url.strip_prefix(DIRECT).and_then(|text| text.parse().ok()).expect(&request.url);
        let good = left[signature] > 0;
        left[signature] = left[signature].saturating_sub(1);
        Some(if good { file.reply(request) } else { Reply::status(status) })
    })
}

#[test]
fn an_address_behind_a_redirect_is_used_until_it_expires() {
    let file = File::random(24 * MIB, 1);
    for (requests, status) in [(usize::MAX, 403), (4, 403), (3, 410), (2, 401), (1, 403)] {
        let lab = redirects(&file, requests, status);
        lab.check(&file, &format!("{requests} requests"));
        assert_eq!(lab.host.served.get() / MIB as u64, 24, "{requests} requests");
        let asked = lab.host.requests.borrow().iter().filter(|request| request.url == URL).count();
        assert!(if requests > 9 { asked == 1 } else { (2..12).contains(&asked) }, "{requests}: {asked}");
    }
    // one that is never good is refused
    assert_eq!(code(&redirects(&file, 0, 403).load()), "http");
}

#[test]
fn headers_stay_with_their_origin() {
    let file = File::random(SIZE, 1);
    let mut lab = redirects(&file, 2, 403);
    lab.options.headers = vec![("Authorization".into(), "Bearer secret".into())];
    lab.check(&file, "with headers");
    let requests = lab.host.requests.borrow();
    assert!(requests.iter().any(|request| request.url != URL));
    for request in requests.iter() {
        assert_eq!(request.headers.is_empty(), request.url != URL, "{}", request.url);
    }
    let kept = lab.edit("1.jsonl", |bytes| String::from_utf8_lossy(bytes).contains("secret"));
    assert!(!kept, "the token is kept");
}

#[test]
fn a_mirror_has_the_same_paths() {
    let file = File::random(SIZE, 1);
    for mirror in ["https://mirror.example", "https://mirror.example/"] {
        let served = file.clone();
        let mut lab = Lab::new(move |request| {
            let known = request.url == "https://mirror.example/models/tiny.gguf";
            Some(if known { served.reply(request) } else { Reply::status(404) })
        });
        assert_eq!(code(&lab.load()), "http", "the model's own address");
        lab.options.mirror = Some(mirror.into());
        lab.options.headers = vec![("X".into(), "y".into())];
        lab.check(&file, mirror);
        let requests = lab.host.requests.borrow();
        assert!(
            requests.iter().skip(1).all(|request| request.headers.len() == 1),
            "headers are the mirror's"
        );
        assert_eq!(lab.journal().origin.url, URL);
    }
}

#[test]
fn the_half_of_it_may_come_from_elsewhere() {
    let file = File::random(24 * MIB, 1);
    let mut lab = Lab::of(&file);
    assert!(lab.load_until(250.0).is_none());
    lab.options.mirror = Some("https://mirror.example".into());
    lab.check(&file, "the rest");
    assert!(lab.host.served.get() <= file.len() + WINDOW);
}
