//! The command line.

use super::support::run;

#[test]
fn wrong_usage_is_told_with_code_2() {
    for args in [
        &[][..],
        &["fly"],
        &["connect"],
        &["connect", "127.0.0.1"],
        &["connect", "127.0.0.1", "0"],
        &["connect", "127.0.0.1", "65536"],
        &["connect", "127.0.0.1", "http"],
        &["connect", "127.0.0.1", "80", "81"],
        &["connect", "127.0.0.1:80", "80"],
        &["connect", "a b", "80"],
        &["connect", "", "80"],
        &["connect", "--timeout", "0", "127.0.0.1", "80"],
        &["connect", "--timeout", "soon", "127.0.0.1", "80"],
        &["connect", "--dns", "dns.example", "127.0.0.1", "80"],
        &["connect", "--local", "[::1", "127.0.0.1", "80"],
        &["connect", "--require", "reliability", "--prohibit", "reliability", "127.0.0.1", "80"],
        &["listen", "--set", "connTimeout=1", "--set", "conn-timeout=2", "0"],
        &["resolve"],
        &["resolve", "a b"],
        &["resolve", "example.org:80"],
        &["resolve", "--type", "mx", "example.org"],
        &["resolve", "--timeout", "0", "example.org"],
        &["race", "127.0.0.1"],
        &["race", "127.0.0.1", "0"],
        &["race", "--count", "0", "127.0.0.1", "80"],
        &["race", "--count", "2", "--plot", "x.svg", "127.0.0.1", "80"],
        &["race", "--require", "relibility", "127.0.0.1", "80"],
        &["listen"],
        &["listen", "--echo", "--discard", "0"],
        &["listen", "--max", "1", "0"],
        &["listen", "--echo", "--max", "0", "0"],
        &["listen", "127.0.0.1:0", "0"],
        &["connect", "--profile", "datagram", "127.0.0.1", "80"],
        &["connect", "--require", "relibility", "127.0.0.1", "80"],
        &["connect", "--prefer", "connTimeout", "127.0.0.1", "80"],
        &["connect", "--set", "connTimeout=soon", "127.0.0.1", "80"],
        &["connect", "--set", "connTimeout", "127.0.0.1", "80"],
        &["listen", "--avoid", "interface:", "0"],
        &["listen", "--set", "conTimeout=1", "0"],
        &["bench"],
        &["bench", "fly"],
        &["bench", "client", "127.0.0.1"],
        &["bench", "client", "127.0.0.1", "0"],
        &["bench", "client", "--flows", "0", "127.0.0.1", "80"],
        &["bench", "client", "--size", "0", "127.0.0.1", "80"],
        &["bench", "client", "--size", "1000000000", "127.0.0.1", "80"],
        &["bench", "client", "--count", "0", "127.0.0.1", "80"],
        &["bench", "client", "--duration", "0", "127.0.0.1", "80"],
        &["bench", "client", "--depth", "65537", "127.0.0.1", "80"],
        &["bench", "client", "--mode", "sing", "127.0.0.1", "80"],
        &["bench", "client", "--require", "relibility", "127.0.0.1", "80"],
        &["bench", "server"],
        &["bench", "server", "--echo", "--discard", "0"],
        &["bench", "server", "127.0.0.1:0", "0"],
        &["properties", "all"],
        &["demo", "now"],
    ] {
        let command = run(args);
        assert_eq!(command.code, Some(2), "{args:?}: {command:?}");
        assert_eq!(command.stdout, b"", "{args:?}");
        assert!(command.stderr.contains("--help") || command.stderr.contains("Usage:"), "{}", command.stderr);
    }
}

#[test]
fn to_say_two_things_of_one_property_is_wrong_usage_that_names_both() {
    let said = ["connect", "--require", "reliability", "--prohibit", "reliability", "127.0.0.1", "9"];
    let command = run(&said).expect(2);
    for told in ["contradiction", "--require reliability", "--prohibit reliability"] {
        assert!(command.stderr.contains(told), "{told} in: {}", command.stderr);
    }
}

#[test]
fn a_name_that_is_nearly_right_is_told_with_the_right_one() {
    for (args, nearest) in [
        (["connect", "--require", "relibility", "127.0.0.1", "80"], "did you mean reliability?"),
        (["connect", "--set", "conTimeout=1", "127.0.0.1", "80"], "did you mean connTimeout?"),
    ] {
        let command = run(&args).expect(2);
        assert!(command.stderr.contains(nearest), "{}", command.stderr);
    }
}

#[test]
fn help_has_examples_and_exit_codes() {
    for command in [
        &["--help"][..],
        &["connect", "--help"],
        &["listen", "--help"],
        &["race", "--help"],
        &["resolve", "--help"],
        &["bench", "client", "--help"],
        &["bench", "server", "--help"],
        &["properties", "--help"],
        &["demo", "--help"],
    ] {
        let help = String::from_utf8(run(command).expect(0).stdout).unwrap();
        assert!(help.contains("Examples:\n  neatflow") || help.contains("Examples:\n  printf"), "{help}");
    }
    let help = String::from_utf8(run(&["connect", "--help"]).stdout).unwrap();
    assert!(help.contains("Exit codes:"), "{help}");
}
