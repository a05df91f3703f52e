use tracegc::Arena;

fn main() {
    let arena = Arena::new();
    let mut names = arena.alloc(vec!["static"]);
    {
        let local = String::from("local");
        names.push(&local);
    }
    println!("{}", names[1]);
}
