# The menu. `just` alone lists it.

_default:
    @just --list --unsorted

# Everything that must hold before a change is taken.
check:
    .ci/run

# Run the tests, or those whose names contain WHAT.
test *WHAT:
    cargo test --workspace {{ WHAT }}

# Run the property tests; those that do not say how many cases they need get CASES.
prop CASES="10000":
    QUICKCHECK_TESTS={{ CASES }} cargo test -p neatflow-core --test 'prop_*'

# Drive the fuzz targets, or one of them, for SECONDS each, without a fuzzer.
fuzz SECONDS="60" *TARGET:
    FUZZ_SECONDS={{ SECONDS }} cargo test --release -p neatflow-fuzz -- --nocapture {{ TARGET }}

# Measure establishing beside a bare tokio connect and hyper-util; `just bench --quick` takes some seconds.
bench *FLAGS:
    cargo bench --bench establish -- {{ FLAGS }}

# Measure what messages cost: framers, a long message, a queue with priorities and lifetimes.
bench-messages *FLAGS:
    cargo bench --bench messages -- {{ FLAGS }}

# Measure the data path beside tokio, tokio-util and actix, all of it: some 6 minutes; `just bench-data --quick` takes two.
bench-data *FLAGS:
    cargo bench --bench data_path -- --idle --threads {{ FLAGS }}

# Build the documentation, warnings being errors.
doc *FLAGS:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps {{ FLAGS }}

# Check who depends on whom, the Rust version, and clippy's files.
arrows:
    .ci/arrows

# See a race: the main job.
demo *FLAGS:
    cargo run --release -- demo {{ FLAGS }}

# Race to HOST PORT and draw it: race.svg.
race HOST PORT *FLAGS:
    cargo run --release -- race --plot race.svg {{ FLAGS }} {{ HOST }} {{ PORT }}
