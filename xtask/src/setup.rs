use anyhow::bail;

use crate::{
    say::say,
    steps::{Steps, succeeds},
};

/// A program that the tests need.
struct Need {
    name: &'static str,
    /// A command line that succeeds if the program is installed.
    probe: &'static str,
    /// The Debian package.
    packages: &'static str,
}

const NEEDS: [Need; 9] = [
    Need {
        name: "PostgreSQL's server",
        probe: "PATH=$PATH:$(echo /usr/lib/postgresql/*/bin | tr ' ' ':') && command -v initdb",
        packages: "postgresql",
    },
    Need { name: "PgBouncer", probe: "PATH=$PATH:/usr/sbin && command -v pgbouncer", packages: "pgbouncer" },
    Need { name: "zsh", probe: "command -v zsh", packages: "zsh" },
    Need { name: "fish", probe: "command -v fish", packages: "fish" },
    Need { name: "libfaketime", probe: "command -v faketime", packages: "faketime" },
    Need {
        name: "GNOME's keyring, with a message bus",
        probe: "command -v gnome-keyring-daemon && command -v dbus-run-session",
        packages: "gnome-keyring dbus",
    },
    Need { name: "Chromium", probe: "command -v chromium", packages: "chromium" },
    Need {
        name: "Node.js 20 or newer, with npm",
        probe: "node -e 'process.exit(Number(parseInt(process.versions.node) < 20))' && npm --version",
        packages: "nodejs npm",
    },
    Need {
        name: "Python 3.11 or newer, with pip",
        probe: "python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' && python3 -m pip --version",
        packages: "python3 python3-pip",
    },
];

const CARGO_DENY: &str = "cargo install cargo-deny --locked --debug --root target/tools --version 0.20.2";

/// Installs the missing programs that the tests need, or prints how to install them.
pub(crate) fn setup(steps: &mut Steps) -> anyhow::Result<()> {
    let missing = missing();
    if !missing.is_empty() {
        install(steps, &missing)?;
    }
    steps.run("official clients", "tests/official/setup.sh")?;
    steps.run("browser walk", "tests/browser/setup.sh")?;
    steps.run("third-party OAuth server", "tests/oauth/setup.sh")?;
    steps.run("examples", "tests/examples/setup.sh")?;
    steps.run("dotenv libraries", "tests/dotenv/setup.sh")?;
    steps.run("Schemathesis", "tests/schemathesis/setup.sh")?;
    if !succeeds("cargo deny --version") {
        steps.run("cargo-deny", CARGO_DENY)?;
    }
    Ok(())
}

fn missing() -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| !succeeds(need.probe)).collect()
}

fn install(steps: &mut Steps, missing: &[&Need]) -> anyhow::Result<()> {
    let packages: Vec<_> = missing.iter().map(|need| need.packages).collect();
    let packages = packages.join(" ");
    let line = format!("apt-get update && apt-get install -y --no-install-recommends {packages}");
    say(&format!("not installed: {}", names(missing)));
    if !succeeds("command -v apt-get") {
        bail!("the tests need {}; Debian calls them {packages}", names(missing));
    }
    if !succeeds("[ \"$(id -u)\" = 0 ]") {
        bail!("the tests need {}; to install them:\n\n    sudo sh -c '{line}'\n", names(missing));
    }
    steps.run("packages", &format!("export DEBIAN_FRONTEND=noninteractive; {line}"))?;
    match self::missing()[..] {
        [] => Ok(()),
        ref still => bail!("this system's packages are too old: install {} by hand", names(still)),
    }
}

fn names(needs: &[&Need]) -> String {
    needs.iter().map(|need| need.name).collect::<Vec<_>>().join("; ")
}
