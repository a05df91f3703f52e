use tracegc::Gc;

fn main() {
    let text: &String = {
        let gc = Gc::new(String::from("text"));
        &*gc
    };
    println!("{text}");
    let gc = Gc::new(1);
    let one: &u32 = &gc;
    drop(gc);
    println!("{one}");
}
