//! README.md says what is so.

use std::fs;
use std::path::Path;

#[test]
fn the_program_on_the_first_screen_is_the_example_hello() {
    let hello = read("examples/hello.rs");
    let (_, program) = hello.split_once("\n\n").unwrap();
    assert_eq!(blocks("rust").concat().trim(), program.trim());
}

#[test]
fn one_command_runs_the_main_job_and_one_the_tests() {
    let commands: Vec<String> = blocks("sh")
        .concat()
        .lines()
        .map(|line| line.split('#').next().unwrap_or("").trim().into())
        .collect();
    assert_eq!(
        commands,
        ["cargo add neatflow actix", "cargo run --release -- demo", "cargo test --workspace"]
    );
}

#[test]
fn every_link_leads_somewhere() {
    for page in
        ["README.md", "actors/README.md", "docs/ARCHITECTURE.md", "docs/SEMANTICS.md", "docs/TESTING.md"]
    {
        let folder = Path::new(page).parent().unwrap();
        let text = read(page);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let file = folder.join(link.split('#').next().unwrap());
            assert!(root().join(&file).exists(), "{page} links to {link}");
        }
    }
}

/// What stands between fences of this language.
fn blocks(language: &str) -> Vec<String> {
    let readme = read("README.md");
    let fence = format!("```{language}\n");
    readme.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or("").to_owned()).collect()
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
