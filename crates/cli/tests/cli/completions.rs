//! Tab completion in real shells. The lines to complete come from the help of the commands.

use std::process::{Command, Stdio};

use terra_auth_cli_testkit::Folder;

use crate::help::commands;

/// Runs a program in a shell, in a folder with the completion script for that shell, and with
/// `terra-auth` in the `PATH`.
fn shell(shell: &str, program: &str, lines: &[String]) -> Vec<Vec<String>> {
    let folder = Folder::new();
    let script = folder.run(&format!("completions {shell}"));
    assert_eq!((script.code, &*script.stderr), (0, ""));
    folder.write("script", &script.stdout);
    folder.write("program", program);
    folder.write("lines", &(lines.join("\n") + "\n"));
    folder.write("notes.txt", "");
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_terra-auth")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(shell);
    match shell {
        "bash" => command.args(["--norc", "--noprofile"]),
        "zsh" => command.arg("-f"),
        _ => command.arg("--no-config"),
    };
    command.arg("program").current_dir(folder.path("")).env_clear().env("PATH", path).env("HOME", folder.path(""));
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{shell} does not start ({error}): run `cargo xtask setup`"));
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(stderr, "", "{shell}");
    let blocks: Vec<_> =
        stdout.split_terminator("=\n").map(|block| block.lines().map(str::to_owned).collect()).collect();
    assert_eq!(blocks.len(), lines.len(), "{stdout}");
    blocks
}

/// Calls the function as bash does at TAB; `COMPREPLY` is the list that it shows.
const BASH: &str = r#"
source ./script
while IFS= read -r COMP_LINE; do
    COMP_POINT=${#COMP_LINE} COMP_TYPE=9 COMP_WORDS=($COMP_LINE)
    _terra_auth terra-auth "${COMP_LINE##*[ =:]}" ''
    for one in "${COMPREPLY[@]}"; do echo "$one"; done
    echo =
done < lines
complete -p terra-auth >/dev/null || echo "not registered" >&2
"#;

/// Runs the function as zsh does; prints the candidates instead of showing them.
const ZSH: &str = r#"
autoload -Uz compinit; compinit -u -D
compset() { :; }
compadd() { print -rl -- "${@[${@[(i)--]}+1,-1]}" }
_files() { print -rl -- *(.) }
source ./script
[[ $_comps[terra-auth] == _terra_auth ]] || print "not registered" >&2
while IFS= read -r line; do
    words=(${(z)line}); [[ $line == *' ' ]] && words+=('')
    CURRENT=$#words PREFIX=$words[-1]
    _terra_auth
    print =
done < lines
"#;

/// Completes a line as fish does at TAB.
const FISH: &str = r#"
source ./script
while read --local line
    complete --do-complete "$line" | string replace --regex '\t.*' ''
    echo =
end < lines
"#;

/// A line for each command at each level, and the words that TAB must offer there.
fn expected() -> Vec<(String, Vec<String>)> {
    let all = commands("");
    let below = |path: &str| {
        let start = if path.is_empty() { String::new() } else { format!("{path} ") };
        let names = all.iter().filter_map(|other| other.strip_prefix(&start));
        let names = names.filter(|name| !name.is_empty() && !name.contains(' ')).map(str::to_owned);
        names.collect::<Vec<_>>()
    };
    let groups = all.iter().filter(|path| !below(path).is_empty());
    groups.map(|path| (format!("terra-auth {path} ").replace("  ", " "), below(path))).collect()
}

fn assert_completes(name: &str, program: &str) {
    let mut expected = expected();
    assert!(expected.len() > 15, "{expected:?}");
    let values = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    expected.extend([
        ("terra-auth gateway events list --state ".to_owned(), values(&["waiting", "dead"])),
        ("terra-auth keys create --name a --env ".to_owned(), values(&["testing", "staging", "production"])),
        ("terra-auth sandbox connect --provider SUU".to_owned(), values(&["SUUNTO"])),
        ("terra-auth generate-widget-session --providers FITBIT,GAR".to_owned(), values(&["FITBIT,GARMIN"])),
        ("terra-auth users list --out".to_owned(), values(&["--output"])),
        ("terra-auth providers lint ".to_owned(), values(&["notes.txt"])),
    ]);
    let lines: Vec<_> = expected.iter().map(|(line, _)| line.clone()).collect();
    for ((line, wanted), offered) in expected.iter().zip(shell(name, program, &lines)) {
        let missing: Vec<_> = wanted.iter().filter(|word| !offered.contains(word)).collect();
        assert!(missing.is_empty(), "{name}: {line:?} offers {offered:?} and not {missing:?}");
        assert!(line.contains("lint") || !offered.contains(&"notes.txt".to_owned()), "{name}: {line:?} offers files");
    }
}

#[test]
fn bash_completes_each_command_at_each_level() {
    assert_completes("bash", BASH);
}

#[test]
fn zsh_completes_each_command_at_each_level() {
    assert_completes("zsh", ZSH);
}

#[test]
fn fish_completes_each_command_at_each_level() {
    assert_completes("fish", FISH);
}

/// Bash breaks words at `:` and replaces only the part after it.
#[test]
fn bash_completes_the_part_of_a_word_that_it_replaces() {
    let lines = ["terra-auth keys create --scope connections:r", "terra-auth keys create --scope=auth"];
    let offered = shell("bash", BASH, &lines.map(str::to_owned));
    assert_eq!(offered, [vec!["read".to_owned()], vec!["auth:write".to_owned()]]);
    let unbroken = BASH.replace("source ./script", "source ./script\nCOMP_WORDBREAKS=' '");
    let offered = shell("bash", &unbroken, &lines.map(str::to_owned));
    assert_eq!(offered, [vec!["connections:read".to_owned()], vec!["--scope=auth:write".to_owned()]]);
}

#[test]
fn other_shells_have_a_script_too() {
    for shell in ["elvish", "powershell"] {
        let script = Folder::new().run(&format!("completions {shell}"));
        assert_eq!((script.code, &*script.stderr), (0, ""));
        assert!(script.stdout.contains("generate-widget-session"), "{shell}");
    }
}
