use tracegc::Gc;

fn main() {
    let gc = Gc::new(1);
    let log = std::sync::Mutex::new(Vec::new());
    let _ = Gc::add_cleanup(&gc, 2, |arg| log.lock().unwrap().push(arg));
}
