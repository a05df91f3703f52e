use tracegc::Trace;

#[derive(Trace)]
struct Button {
    on_click: Box<dyn Fn() + Send + Sync>,
}

fn main() {}
