//! Shell completion: finds the candidates at the cursor of a command line from the tree of commands.
//!
//! The scripts for bash, zsh and fish call the program itself, so they always match it. The scripts
//! that `clap_complete` generates fail below the first level of a command with a hyphen in its
//! name, and its dynamic engine is not stable.

use std::{any::TypeId, collections::BTreeSet};

use clap::{Arg, Command, ValueHint, builder::Str};
use terra_auth::{Environment, Provider, Scope};
use terra_auth_providers::{Recipe, Recipes};
use terra_auth_sandbox::provider_profiles;

/// The response to a shell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Completion {
    Candidates(Vec<Candidate>),
    /// The shell completes file names itself, because it knows `~`, quotes and the user's options.
    Files,
    Directories,
}

/// A word and a one-line description.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) value: String,
    pub(crate) help: String,
}

/// Completes `current`, which follows `words`; the first of these is the program. The tree must be built.
pub(crate) fn complete(root: &Command, words: &[String], current: &str) -> Completion {
    let cursor = CursorContext::after(root, words.get(1..).unwrap_or_default());
    if let Some(option) = cursor.option {
        return values(option, current, "");
    }
    if !cursor.is_escaped && current.starts_with('-') {
        return match current.split_once('=') {
            Some((name, value)) => match cursor.long(name) {
                Some(option) => values(option, value, &format!("{name}=")),
                None => Completion::Candidates(Vec::new()),
            },
            None => Completion::Candidates(starting_with(current, cursor.flags())),
        };
    }
    let commands = if cursor.is_escaped { Vec::new() } else { starting_with(current, cursor.commands()) };
    let candidates = match cursor.positional().map(|argument| values(argument, current, "")) {
        Some(Completion::Candidates(values)) => commands.into_iter().chain(values).collect(),
        Some(files) if commands.is_empty() => return files,
        _ => commands,
    };
    if candidates.is_empty() && current.is_empty() && !cursor.is_escaped {
        return Completion::Candidates(cursor.flags());
    }
    Completion::Candidates(candidates)
}

/// The parser state after the words before the cursor.
struct CursorContext<'a> {
    command: &'a Command,
    /// The option whose value is at the cursor.
    option: Option<&'a Arg>,
    /// The number of positional arguments so far.
    positionals: usize,
    /// After `--`.
    is_escaped: bool,
}

impl<'a> CursorContext<'a> {
    fn after(root: &'a Command, words: &[String]) -> Self {
        let start = Self { command: root, option: None, positionals: 0, is_escaped: false };
        words.iter().fold(start, Self::next)
    }

    fn next(mut self, word: &String) -> Self {
        if self.option.take().is_some() {
            return self;
        }
        if self.is_escaped {
            self.positionals += 1;
        } else if word == "--" {
            self.is_escaped = true;
        } else if word.starts_with("--") {
            self.option = self.long(word).filter(|option| takes_value(option));
        } else if let Some(flags) = word.strip_prefix('-').filter(|flags| !flags.is_empty()) {
            self.option = self.short(flags);
        } else if let Some(command) = self.command.find_subcommand(word).filter(|_| self.positionals == 0) {
            self.command = command;
        } else {
            self.positionals += 1;
        }
        self
    }

    /// The option with the long name `name`, which includes the hyphens.
    fn long(&self, name: &str) -> Option<&'a Arg> {
        let name = name.strip_prefix("--")?;
        let names = |arg: &Arg| arg.get_long_and_visible_aliases().is_some_and(|names| names.contains(&name));
        self.command.get_arguments().find(|arg| names(arg))
    }

    /// The last of the combined short flags, if its value is the next word.
    fn short(&self, flags: &str) -> Option<&'a Arg> {
        let mut flags = flags.chars();
        let option = flags.find_map(|flag| {
            let is_it = |arg: &&Arg| arg.get_short_and_visible_aliases().is_some_and(|names| names.contains(&flag));
            self.command.get_arguments().find(is_it).filter(|arg| takes_value(arg))
        });
        option.filter(|_| flags.next().is_none())
    }

    fn positional(&self) -> Option<&'a Arg> {
        let mut all = self.command.get_positionals();
        if self.is_escaped {
            return all.find(|arg| arg.is_last_set()).or_else(|| self.nth(self.positionals));
        }
        self.nth(self.positionals).filter(|arg| !arg.is_last_set())
    }

    fn nth(&self, n: usize) -> Option<&'a Arg> {
        let many = |arg: &&Arg| arg.get_num_args().is_some_and(|count| count.max_values() > 1);
        self.command.get_positionals().nth(n).or_else(|| self.command.get_positionals().last().filter(many))
    }

    fn commands(&self) -> Vec<Candidate> {
        let shown = self.command.get_subcommands().filter(|command| !command.is_hide_set());
        shown.map(|command| Candidate::new(command.get_name(), command.get_about())).collect()
    }

    fn flags(&self) -> Vec<Candidate> {
        let shown = self.command.get_arguments().filter(|arg| !arg.is_hide_set() && !arg.is_positional());
        let named = |arg: &Arg| {
            let name = arg.get_long().map(|name| format!("--{name}"));
            let name = name.or_else(|| arg.get_short().map(|name| format!("-{name}")))?;
            Some(Candidate::new(&name, arg.get_help()))
        };
        shown.filter_map(named).collect()
    }
}

impl Candidate {
    fn new(value: &str, help: Option<&clap::builder::StyledStr>) -> Self {
        let help = help.map(ToString::to_string).unwrap_or_default();
        Self { value: value.to_owned(), help: help.lines().next().unwrap_or_default().to_owned() }
    }
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|count| count.takes_values())
}

/// The possible values of an argument, with the prefix `before` in the same word.
fn values(arg: &Arg, typed: &str, before: &str) -> Completion {
    if let Some(known) = known_values(arg) {
        let before_last = arg.get_value_delimiter().and_then(|delimiter| typed.rfind(delimiter));
        let (earlier, last) = typed.split_at(before_last.map_or(0, |at| at + 1));
        let mut fitting = starting_with_any_case(last, known);
        let taken: Vec<&str> = earlier.split(|c| Some(c) == arg.get_value_delimiter()).collect();
        fitting.retain(|candidate| !taken.iter().any(|taken| taken.eq_ignore_ascii_case(&candidate.value)));
        for candidate in &mut fitting {
            candidate.value.insert_str(0, &format!("{before}{earlier}"));
        }
        return Completion::Candidates(fitting);
    }
    let value_name = arg.get_value_names().and_then(|names| names.first()).map(Str::as_str);
    match (arg.get_value_hint(), value_name) {
        (ValueHint::DirPath, _) | (_, Some("DIR")) => Completion::Directories,
        (ValueHint::FilePath | ValueHint::AnyPath | ValueHint::ExecutablePath, _) => Completion::Files,
        // A program and its arguments follow `--`.
        _ if arg.is_last_set() || arg.is_trailing_var_arg_set() => Completion::Files,
        (_, Some(name)) if name.ends_with("FILE") && name != "NAME=FILE" => Completion::Files,
        _ => Completion::Candidates(Vec::new()),
    }
}

/// The known values of an argument. They depend on the type of its value, so all arguments of a
/// type share them.
fn known_values(arg: &Arg) -> Option<Vec<Candidate>> {
    let named = |name: &str| Candidate { value: name.to_owned(), help: String::new() };
    if let Some(possible) = arg.get_value_parser().possible_values().filter(|_| takes_value(arg)) {
        let shown = possible.filter(|value| !value.is_hide_set());
        return Some(shown.map(|value| Candidate::new(value.get_name(), value.get_help())).collect());
    }
    let value_name = arg.get_value_names().and_then(|names| names.first());
    match value_name.map(Str::as_str) {
        Some("TYPE") => return Some(EVENT_TYPES.map(named).into()),
        Some("SCOPE") if arg.get_value_parser().type_id() == TypeId::of::<String>() => {
            let scopes: BTreeSet<_> =
                provider_profiles().iter().flat_map(|face| face.scopes).map(|scope| scope.name).collect();
            return Some(scopes.into_iter().map(named).collect());
        }
        _ => {}
    }
    let type_id = arg.get_value_parser().type_id();
    if type_id == TypeId::of::<Provider>() || arg.get_id() == "providers" && type_id == TypeId::of::<String>() {
        return Some(providers());
    }
    if type_id == TypeId::of::<Scope>() {
        return Some(Scope::ALL.map(|scope| named(scope.as_str())).into());
    }
    if type_id == TypeId::of::<Environment>() {
        return Some(Environment::ALL.map(|environment| named(environment.as_str())).into());
    }
    None
}

/// The published event types.
const EVENT_TYPES: [&str; 7] =
    ["auth", "auth_cancelled", "deauth", "user_reauth", "access_revoked", "permission_change", "connection_error"];

/// The built-in providers, which every server has.
fn providers() -> Vec<Candidate> {
    let recipes = Recipes::builtin().ok();
    let infos = recipes.iter().flat_map(Recipes::iter).map(Recipe::info);
    let mut all: Vec<_> =
        infos.map(|info| Candidate { value: info.provider.to_string(), help: info.name.clone() }).collect();
    all.sort_by(|one, other| one.value.cmp(&other.value));
    all
}

fn starting_with(start: &str, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.retain(|candidate| candidate.value.starts_with(start));
    candidates
}

fn starting_with_any_case(start: &str, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    let start = start.to_ascii_lowercase();
    candidates.retain(|candidate| candidate.value.to_ascii_lowercase().starts_with(&start));
    candidates
}

/// Splits a command line up to the cursor into words, like a shell. The last word is at the cursor.
pub(crate) fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(chars.next()),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.push(word.unwrap_or_default());
    words
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::{Completion, complete, takes_value, words};
    use crate::args;

    #[test]
    fn a_line_is_split_into_words_like_in_a_shell() {
        for (line, expected) in [
            ("terra-auth ", &["terra-auth", ""] as &[&str]),
            ("terra-auth  us", &["terra-auth", "us"]),
            ("terra-auth --name \"a b\" x", &["terra-auth", "--name", "a b", "x"]),
            ("terra-auth 'it''s' a\\ b", &["terra-auth", "its", "a b"]),
            ("terra-auth \"open wor", &["terra-auth", "open wor"]),
            ("terra-auth '' --scope=connections:r", &["terra-auth", "", "--scope=connections:r"]),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
    }

    fn answers(root: &Command, path: &[String], more: &[&str], current: &str) -> Vec<String> {
        let words: Vec<String> = path.iter().cloned().chain(more.iter().map(|word| (*word).to_owned())).collect();
        match complete(root, &words, current) {
            Completion::Candidates(candidates) => candidates.into_iter().map(|candidate| candidate.value).collect(),
            Completion::Files => vec!["<files>".to_owned()],
            Completion::Directories => vec!["<directories>".to_owned()],
        }
    }

    /// Calls `visit` for each visible command with its path.
    fn walk(command: &Command, path: &[String], visit: &mut impl FnMut(&Command, &[String])) {
        visit(command, path);
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            walk(below, &[path, &[below.get_name().to_owned()]].concat(), visit);
        }
    }

    #[test]
    fn each_command_and_each_flag_is_completed_at_each_level() {
        let mut root = args::command();
        root.build();
        let mut commands = 0;
        walk(&root, &["terra-auth".to_owned()], &mut |command, path| {
            commands += 1;
            let offered = answers(&root, path, &[], "");
            for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
                assert!(offered.iter().any(|name| name == below.get_name()), "{path:?} {}", below.get_name());
            }
            assert!(!offered.is_empty(), "{path:?}");
            let flags = answers(&root, path, &[], "--");
            for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
                let Some(long) = arg.get_long() else { continue };
                assert!(flags.contains(&format!("--{long}")), "{path:?} --{long}");
            }
        });
        assert!(commands > 70, "{commands}");
    }

    /// The names of free-form values, which cannot be completed.
    const FREE_FORM_VALUE_NAMES: [&str; 30] = [
        "HOST",
        "COLOR",
        "COUNT",
        "NAME",
        "ID",
        "URL",
        "N",
        "DURATION",
        "TIME",
        "DAYS",
        "ADDRESS",
        "PATH",
        "CODE",
        "TEXT",
        "COMMAND",
        "INSTANT",
        "NAME=FILE",
        "DATE",
        "SIGNATURE",
        "VALUE",
        "ORIGIN",
        "KEY",
        "HEADER",
        "NAME=VALUE",
        "SECONDS",
        "HOURS",
        "SEQ",
        "FIELD",
        "USER_ID",
        "EVENT_ID",
    ];

    #[test]
    fn each_value_from_a_known_set_is_completed() {
        let mut root = args::command();
        root.build();
        let value_name = |arg: &Arg| arg.get_value_names().map(|names| names[0].to_string()).unwrap_or_default();
        let (mut known, mut without) = (0, Vec::new());
        walk(&root, &["terra-auth".to_owned()], &mut |_, path| {
            let command = path[1..].iter().fold(&root, |command, name| command.find_subcommand(name).unwrap());
            for arg in command.get_arguments().filter(|arg| takes_value(arg) && !arg.is_hide_set()) {
                let Some(long) = arg.get_long() else { continue };
                let (apart, joined) = (
                    answers(&root, path, &[&format!("--{long}")], ""),
                    answers(&root, path, &[], &format!("--{long}=")),
                );
                assert_eq!(apart.len(), joined.len(), "{path:?} --{long}");
                known += usize::from(!apart.is_empty());
                if apart.is_empty() && !FREE_FORM_VALUE_NAMES.contains(&&*value_name(arg)) {
                    without.push(format!("{} --{long} {}", path.join(" "), value_name(arg)));
                }
            }
        });
        assert!(without.is_empty(), "these have no values to complete: {without:#?}");
        assert!(known > 150, "{known}");
    }

    #[test]
    fn values_are_offered_at_the_cursor() {
        let mut root = args::command();
        root.build();
        for (line, expected) in [
            ("terra-auth keys create --scope connections:r", &["connections:read"] as &[&str]),
            ("terra-auth keys create --scope=auth:write,prov", &["--scope=auth:write,providers:read"]),
            ("terra-auth generate-widget-session --providers oura,gar", &["oura,GARMIN"]),
            ("terra-auth sandbox connect --provider SUU", &["SUUNTO"]),
            ("terra-auth providers show with", &["WITHINGS"]),
            ("terra-auth gateway events list --state ", &["waiting", "done", "dead", "kept"]),
            ("terra-auth --env prod", &["production"]),
            ("terra-auth users list --env=st", &["--env=staging"]),
            ("terra-auth providers lint ", &["<files>"]),
            ("terra-auth providers add own.toml --data-dir ", &["<directories>"]),
            ("terra-auth env exec -- ", &["<files>"]),
            ("terra-auth completions ba", &["bash"]),
            ("terra-auth users show --reference-id ", &[]),
            ("terra-auth users nosuch", &[]),
        ] {
            let mut words = words(line);
            let current = words.pop().unwrap();
            assert_eq!(answers(&root, &words, &[], &current), expected, "{line}");
        }
    }
}
