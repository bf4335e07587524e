//! `neatflow policy check`, `rows`, `export` and `schema`.

use super::args::{Check, Export, Format, Rows, Schema};
use super::{engine, engine_with_interfaces, tell, wrong};
use crate::exit::Exit;
use crate::report::visible;
use neatflow::policy::neat::MAX_DOCUMENT;
use neatflow::policy::{Engine, FileKind, Loaded, PolicyKind, load, schema as schemas};
use neatflow::policy_manager::files::{self, policy_dir};
use serde_json::json;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

pub(super) fn check(args: &Check) -> Exit {
    let (mut faults, mut understood) = (0, 0);
    for path in &args.what {
        let loaded = match fs::metadata(path) {
            Err(error) => {
                eprintln!("neatflow: {}: {error}", visible(path.display()));
                faults += 1;
                continue;
            }
            Ok(about) if about.is_dir() => files::load(&policy_dir(path)),
            Ok(_) => match one(path) {
                Ok(loaded) => loaded,
                Err(why) => {
                    eprintln!("neatflow: {}: {why}", visible(path.display()));
                    faults += 1;
                    continue;
                }
            },
        };
        faults += loaded.refused.len();
        understood += loaded.pib.len() + loaded.cib.nodes().len();
        for refused in &loaded.refused {
            println!("{}", visible(refused));
        }
    }
    let told = tell(&format!("{understood} entries, {faults} faults"));
    if faults > 0 { Exit::Wrong } else { told }
}

/// What one file says.
fn one(path: &Path) -> io::Result<Loaded> {
    let name = path.to_string_lossy();
    if FileKind::of(&name).is_none() {
        return Err(io::Error::other("a file is *.profile, *.policy or *.cib"));
    }
    // A pipe would keep us waiting, and a device may never end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = String::new();
    // One byte more than there may be: whoever reads it tells.
    fs::File::open(path)?.take(MAX_DOCUMENT as u64 + 1).read_to_string(&mut text)?;
    Ok(load([(&*name, &*text)], super::now()))
}

pub(super) fn rows(args: &Rows) -> Exit {
    let engine = engine_with_interfaces(&args.places.directories());
    let rows = engine.cib().rows();
    if args.json {
        return tell(&serde_json::to_string_pretty(rows).unwrap_or_default());
    }
    let lines: Vec<String> = rows.iter().map(|row| format!("{}: {}", row.name(), row.properties)).collect();
    tell(&lines.join("\n"))
}

pub(super) fn export(args: &Export) -> Exit {
    let engine = engine(&args.places.directories());
    match &args.into {
        None => {
            let all = json!({
                "pib": engine.pib().iter().collect::<Vec<_>>(),
                "cib": engine.cib().nodes().collect::<Vec<_>>(),
            });
            tell(&format!("{all:#}"))
        }
        Some(directory) => match write(&engine, directory) {
            Ok(files) => tell(&format!("{files} files in {}", directory.display())),
            Err(error) => wrong(format!("{}: {error}", directory.display())),
        },
    }
}

/// A file for each. A uid can be the name of one.
fn write(engine: &Engine, directory: &Path) -> io::Result<usize> {
    fs::create_dir_all(directory)?;
    if fs::read_dir(directory)?.next().is_some() {
        return Err(io::Error::other("it is not empty"));
    }
    let policies = engine.pib().iter().map(|policy| {
        let ending = match policy.kind {
            PolicyKind::Profile => "profile",
            PolicyKind::Policy => "policy",
        };
        (format!("{}.{ending}", policy.uid), policy.to_json())
    });
    let nodes = engine.cib().nodes().map(|node| (format!("{}.cib", node.uid), node.to_json()));
    let mut files = 0;
    for (name, text) in policies.chain(nodes) {
        fs::write(directory.join(name), text + "\n")?;
        files += 1;
    }
    Ok(files)
}

pub(super) fn schema(args: &Schema) -> Exit {
    tell(&format!("{:#}", of(args.format)))
}

fn of(format: Format) -> serde_json::Value {
    match format {
        Format::Policy => schemas::policy(),
        Format::Cib => schemas::node(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemas_that_are_published_are_those_of_the_readers() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema");
        for (format, name) in [(Format::Policy, "policy.schema.json"), (Format::Cib, "cib.schema.json")] {
            let published = fs::read_to_string(docs.join(name)).unwrap();
            let current = format!("{:#}\n", of(format));
            assert_eq!(published, current, "write docs/schema/{name} anew: neatflow policy schema");
        }
    }
}
