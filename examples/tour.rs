//! A tour of the crate: each public piece once, in the order in which one meets them.
//!
//! ```text
//! cargo run --example tour
//! ```

use std::sync::Mutex;
use std::time::Duration;

use tracegc::{Arena, ArenaBox, Gc, Trace, Weak, cleanup, collect, heap};

/// A node of a graph. The edges are handles behind a lock, so that anyone who holds the node may change them.
#[derive(Trace)]
struct Node {
    name: String,
    edges: Mutex<Vec<Gc<Node>>>,
}

impl Node {
    fn new(name: &str) -> Gc<Node> {
        Gc::new(Node { name: name.to_owned(), edges: Mutex::new(Vec::new()) })
    }

    fn link(&self, to: &Gc<Node>) {
        self.edges.lock().expect("no thread panics here").push(to.clone());
    }
}

/// A parent that its child can find again.
#[derive(Trace)]
struct Parent {
    name: &'static str,
    child: Gc<Child>,
}

#[derive(Trace)]
struct Child {
    parent: Weak<Parent>,
}

fn main() {
    handles();
    cycles();
    weak_pointers();
    cleanups();
    self_reference();
    threads();
    trait_objects();
    strings_and_slices();
    exclusive_access();
    arenas();
    statistics();
}

/// A `Gc` is held and shared like an `Arc`.
fn handles() {
    let a = Node::new("a");
    let b = a.clone();
    println!("handles: {} and {}, one object: {}", a.name, b.name, Gc::ptr_eq(&a, &b));
    println!("         held {} times", Gc::strong_count(&a));
}

/// Unlike an `Arc`, an object that holds itself dies all the same.
fn cycles() {
    let (a, b) = (Node::new("a"), Node::new("b"));
    a.link(&b);
    b.link(&a);
    drop((a, b));
    println!("cycles:  {} objects reclaimed by a collection", collect().reclaimed);
}

/// A `Weak` does not keep its object alive, and says whether it still is.
fn weak_pointers() {
    let node = Node::new("watched");
    node.link(&node);
    let weak = Gc::downgrade(&node);
    println!("weak:    {:?}", weak.upgrade().map(|node| node.name.clone()));
    drop(node);
    collect();
    println!("         {:?} after a collection", weak.upgrade().map(|node| node.name.clone()));
}

/// A cleanup runs on a worker thread after its object has died. It has an argument of its own, not the object.
fn cleanups() {
    let node = Node::new("file");
    node.link(&node);
    let say = |name: String| println!("cleanup: {name} is gone");
    let first = Gc::add_cleanup(&node, node.name.clone(), say).expect("the node is on the heap");
    let second = Gc::add_cleanup(&node, "stopped".to_owned(), say).expect("the node is on the heap");
    println!("cleanup: stopped the second in time: {}", second.stop());
    println!("         the first is pending: {}", first.is_pending());
    drop(node);
    collect();
    cleanup::wait(Duration::from_secs(10));
}

/// An object that needs a pointer to itself gets a weak one while it is being made.
fn self_reference() {
    let parent = Gc::new_cyclic(|parent| Parent { name: "parent", child: Gc::new(Child { parent: parent.clone() }) });
    let found = parent.child.parent.upgrade().map(|parent| parent.name);
    println!("cyclic:  the child finds its {found:?}");
}

/// Handles go from thread to thread; the last one to be dropped frees the object, wherever that is.
fn threads() {
    let shared = Node::new("shared");
    let workers: Vec<_> = (0..4)
        .map(|number| {
            let shared = shared.clone();
            std::thread::spawn(move || shared.link(&Node::new(&format!("from thread {number}"))))
        })
        .collect();
    for worker in workers {
        worker.join().expect("the worker does not panic");
    }
    let mut names: Vec<_> =
        shared.edges.lock().expect("no thread panics here").iter().map(|node| node.name.clone()).collect();
    names.sort();
    println!("threads: {names:?}");
}

trait Shape: Trace + Send + Sync {
    fn area(&self) -> f64;
}

#[derive(Trace)]
struct Square(f64);

impl Shape for Square {
    fn area(&self) -> f64 {
        self.0 * self.0
    }
}

/// A handle to a trait object.
fn trait_objects() {
    let square = Gc::new(Square(3.0));
    let shape: Gc<dyn Shape> = tracegc::unsize!(square => dyn Shape);
    println!("dyn:     an area of {}", shape.area());
}

/// Strings and slices, in the object itself.
fn strings_and_slices() {
    let text: Gc<str> = Gc::from("text in one allocation");
    let numbers: Gc<[i32]> = Gc::from(vec![1, 2, 3]);
    println!("unsized: {:?}, {:?}", &*text, &*numbers);
}

/// `get_mut` for the only handle there is; `make_mut` copies when there are more.
fn exclusive_access() {
    let mut counter = Gc::new(1);
    if let Some(mut guard) = Gc::get_mut(&mut counter) {
        *guard += 1;
    }
    let before = counter.clone();
    println!("mut:     shared, so no get_mut: {}", Gc::get_mut(&mut counter).is_none());
    *Gc::make_mut(&mut counter) += 40;
    println!("         {} became {}", *before, *counter);
}

/// An arena frees all it holds at once; what is to live longer becomes a `Gc`.
fn arenas() {
    let arena = Arena::new();
    let boxes: Vec<_> = (0..1000u64).map(|number| arena.alloc(number)).collect();
    println!("arena:   a sum of {}", boxes.iter().map(|number| **number).sum::<u64>());
    let kept = ArenaBox::into_gc(arena.alloc(42u64));
    drop(boxes);
    drop(arena);
    println!("         {} outlives its arena", *kept);
}

/// What the heap knows about itself.
fn statistics() {
    collect();
    let stats = heap::stats();
    println!("heap:    {} objects allocated, {} alive", stats.allocated_objects, stats.live_objects);
}
