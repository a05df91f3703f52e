//! The forms in the documentation of the derive, together.
use std::sync::{Arc, Mutex, OnceLock};

use tracegc::{Gc, Trace, Weak};

trait Shape: Trace + Send + Sync {
    fn area(&self) -> f64;
}

#[derive(Trace)]
struct Circle(f64);

impl Shape for Circle {
    fn area(&self) -> f64 {
        self.0 * self.0 * 3.0
    }
}

#[derive(Trace)]
struct Node<T> {
    value: T,
    parent: OnceLock<Weak<Node<T>>>,
    children: Mutex<Vec<Gc<Node<T>>>>,
    shape: Box<dyn Shape>,
    #[trace(skip)]
    callback: Option<Arc<dyn Fn(&T) + Send + Sync>>,
}

#[derive(Trace)]
#[trace(bound = "", crate = ::tracegc)]
struct Id<T>(u64, std::marker::PhantomData<fn(T)>);

#[derive(Trace)]
#[trace(unsafe_drop)]
enum Resource {
    Open(std::fs::File),
    Closed,
}

impl Drop for Resource {
    fn drop(&mut self) {}
}

struct Opaque;

fn main() {
    let node = Gc::new(Node {
        value: Id::<Opaque>(1, std::marker::PhantomData),
        parent: OnceLock::new(),
        children: Mutex::default(),
        shape: Box::new(Circle(1.0)),
        callback: None,
    });
    assert!(node.callback.is_none() && node.parent.get().is_none());
    assert!(node.children.lock().unwrap().is_empty());
    assert_eq!((node.value.0, node.shape.area()), (1, 3.0));
    drop(Gc::new(Resource::Closed));
    let _ = Resource::Open;
}
