use tracegc::Gc;

fn main() {
    let gc = Gc::new(1);
    let name = String::from("name");
    let _ = Gc::add_cleanup(&gc, name.as_str(), |name| println!("{name} is gone"));
}
