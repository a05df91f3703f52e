use tracegc::Gc;

fn main() {
    let text = String::from("text");
    let gc: Gc<&str> = Gc::new(text.as_str());
    println!("{}", *gc);
}
