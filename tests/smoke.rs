//! smoke
use std::sync::Mutex;
use tracegc::{Gc, Trace, collect};

#[derive(Trace)]
struct Node {
    v: u64,
    next: Mutex<Option<Gc<Node>>>,
}

#[test]
fn chain_and_ring() {
    let n = 1_000_000;
    let mut head: Option<Gc<Node>> = None;
    for i in 0..n {
        head = Some(Gc::new(Node { v: i, next: Mutex::new(head.take()) }));
    }
    assert_eq!(head.as_ref().unwrap().v, n - 1);
    drop(head);
    let first = Gc::new(Node { v: 0, next: Mutex::new(None) });
    let mut last = first.clone();
    for i in 0..n {
        last = Gc::new(Node { v: i, next: Mutex::new(Some(last)) });
    }
    *first.next.lock().unwrap() = Some(last);
    let w = Gc::downgrade(&first);
    drop(first);
    let t = std::time::Instant::now();
    let s = collect();
    println!("{s:?} {:?} {:?}", t.elapsed(), tracegc::heap::stats());
    assert!(w.upgrade().is_none());
    assert_eq!(s.reclaimed as u64, n + 1);
}

#[test]
fn threads() {
    let slots: Vec<Gc<Node>> = (0..64).map(|v| Gc::new(Node { v, next: Mutex::new(None) })).collect();
    std::thread::scope(|s| {
        for t in 0..4 {
            let slots = slots.clone();
            s.spawn(move || {
                let mut x = t as usize + 1;
                for i in 0..200_000 {
                    x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    let (a, b) = ((x >> 33) % 64, (x >> 40) % 64);
                    match (x >> 50) % 4 {
                        0 => {
                            let old = slots[a].next.lock().unwrap().replace(slots[b].clone());
                            drop(old);
                        }
                        1 => {
                            let v = slots[a].next.lock().unwrap().take();
                            if let Some(v) = v {
                                let o = slots[b].next.lock().unwrap().replace(v);
                                drop(o);
                            }
                        }
                        2 => {
                            let n = Gc::new(Node { v: i, next: Mutex::new(Some(slots[a].clone())) });
                            *n.next.lock().unwrap() = Some(n.clone());
                        }
                        _ => {
                            if i % 1000 == 0 {
                                collect();
                            }
                        }
                    }
                }
            });
        }
    });
    drop(slots);
    collect();
}
