//! The portal from outside: its program, real source trees, git, HTTP and a private Postgres.

mod data;
mod http;
mod serving;
mod sources;
mod tree;

/// Runs a program to its end and answers its exit code and what it printed, both streams in one.
fn run(command: &mut std::process::Command) -> (Option<i32>, String) {
    let output = command.output().expect("start the program");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).expect("readable output"))
}
