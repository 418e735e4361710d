//! Checks the import structure: the dependencies between crates, and the imports between the files of a crate.
//!
//! Each crate belongs to a floor, and may depend only on crates of lower floors. Inside a crate, the imports of the files may form a
//! circle only between a module and its own children. Tests are not checked.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use syn::{Item, UseTree, visit::Visit};

use crate::say::say;

/// The floors, lowest first. Crates of one floor do not depend on each other.
const FLOORS: [&[&str]; 6] = [
    &["types", "webhook", "sandbox"],
    &["client", "egress", "http", "model"],
    &["core", "providers", "store"],
    &["delivery", "testkit"],
    &["gateway", "server"],
    &["cli", "cli-testkit"],
];

/// Checks everything and lists each violation.
pub(crate) fn layers() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace's root")?;
    let mut violations = upward_dependencies(root)?;
    let (mut files, mut imports) = (0, 0);
    for name in FLOORS.concat() {
        let src = root.join("crates").join(name).join("src");
        let graph = Graph::read(&src).with_context(|| format!("crate {name}"))?;
        files += graph.files.len();
        imports += graph.imports.values().map(BTreeSet::len).sum::<usize>();
        violations.extend(graph.circles().into_iter().map(|circle| format!("crate {name}: circle\n{circle}")));
    }
    for violation in &violations {
        say(violation);
    }
    if !violations.is_empty() {
        bail!("{} violations of the layers", violations.len());
    }
    say(&format!(
        "{} crates on {} floors, {files} files, {imports} imports, no circle",
        FLOORS.concat().len(),
        FLOORS.len()
    ));
    Ok(())
}

/// The dependencies on the same or a higher floor, and the crates without a floor.
fn upward_dependencies(root: &Path) -> anyhow::Result<Vec<String>> {
    let floor_of = |name: &str| FLOORS.iter().position(|floor| floor.contains(&name));
    let mut violations = Vec::new();
    for entry in fs::read_dir(root.join("crates"))? {
        let folder = entry?.path();
        let name = folder.file_name().and_then(|name| name.to_str()).context("a crate's name")?;
        let Some(floor) = floor_of(name) else {
            violations.push(format!("crate {name} has no floor; add it to FLOORS in xtask/src/layers.rs"));
            continue;
        };
        for used in normal_dependencies(&fs::read_to_string(folder.join("Cargo.toml"))?) {
            if floor_of(&used).is_none_or(|below| below >= floor) {
                violations.push(format!("crate {name} uses {used}, which is not below it"));
            }
        }
    }
    Ok(violations)
}

/// The crates of this workspace that a manifest names under `[dependencies]`.
fn normal_dependencies(manifest: &str) -> Vec<String> {
    let section = manifest.split("\n[dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let names = section.lines().filter_map(|line| line.split([' ', '.', '=']).next());
    let ours = names.filter_map(|name| match name {
        "terra-auth" => Some("client".to_owned()),
        _ => name.strip_prefix("terra-auth-").map(str::to_owned),
    });
    ours.collect()
}

/// A module's path below its crate's root, as `["login", "state"]`.
type Module = Vec<String>;

/// The files of one crate and their imports.
#[derive(Default)]
struct Graph {
    files: BTreeMap<Module, PathBuf>,
    /// The re-exports of each module.
    exports: BTreeMap<Module, Vec<Import>>,
    paths: BTreeMap<Module, Vec<Import>>,
    imports: BTreeMap<Module, BTreeSet<Module>>,
}

/// A path as written in a module, and its local name; `*` for a glob import.
#[derive(Clone)]
struct Import {
    path: Vec<String>,
    name: String,
}

/// The module or crate that defines a name.
enum Export {
    Here,
    There(Module),
    OtherCrate,
}

impl Graph {
    fn read(src: &Path) -> anyhow::Result<Self> {
        let mut graph = Self::default();
        let root = ["lib.rs", "main.rs"].map(|name| src.join(name)).into_iter().find(|path| path.exists());
        graph.add_file(Vec::new(), &root.context("no lib.rs and no main.rs")?, src)?;
        let modules: Vec<Module> = graph.files.keys().cloned().collect();
        for module in modules {
            let mut used = BTreeSet::new();
            for import in graph.paths.get(&module).into_iter().flatten() {
                used.extend(graph.resolve(&module, &import.path, 0));
            }
            used.remove(&module);
            graph.imports.insert(module, used);
        }
        Ok(graph)
    }

    /// Reads a file and the modules that it declares. `folder` contains their files.
    fn add_file(&mut self, module: Module, path: &Path, folder: &Path) -> anyhow::Result<()> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let file = syn::parse_file(&text).with_context(|| path.display().to_string())?;
        self.files.insert(module.clone(), path.to_owned());
        let mut paths = Paths::default();
        for item in &file.items {
            if is_for_tests(item) {
                continue;
            }
            match item {
                Item::Mod(declared) if declared.content.is_none() => {
                    let name = declared.ident.to_string();
                    let file = [folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs")];
                    let file = file.iter().find(|file| file.exists()).with_context(|| format!("module {name}"))?;
                    let child = [module.clone(), vec![name.clone()]].concat();
                    self.add_file(child, file, &folder.join(name))?;
                }
                Item::Use(import) => {
                    let mut found = Vec::new();
                    flatten(&import.tree, &mut Vec::new(), &mut found);
                    if !matches!(import.vis, syn::Visibility::Inherited) {
                        self.exports.entry(module.clone()).or_default().extend(found.clone());
                    }
                    paths.found.extend(found);
                }
                other => paths.visit_item(other),
            }
        }
        self.paths.insert(module, paths.found);
        Ok(())
    }

    /// Resolves a path to a file. `None` for a path into another crate, and for a name that is not a path of modules.
    fn resolve(&self, from: &Module, path: &[String], depth: u32) -> Option<Module> {
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => Vec::new(),
            "self" => from.clone(),
            "super" => from.split_last()?.1.to_vec(),
            name => {
                let child = [from.clone(), vec![name.to_owned()]].concat();
                self.files.contains_key(&child).then_some(child)?
            }
        };
        while let Some((name, after)) = rest.split_first() {
            if name == "super" {
                at.pop()?;
            } else {
                let child = [at.clone(), vec![name.clone()]].concat();
                if !self.files.contains_key(&child) {
                    return match self.exported(&at, name, depth) {
                        Export::Here => Some(at),
                        Export::There(module) => Some(module),
                        Export::OtherCrate => None,
                    };
                }
                at = child;
            }
            rest = after;
        }
        Some(at)
    }

    /// Resolves a name. A re-export resolves to another module or another crate.
    fn exported(&self, module: &Module, name: &str, depth: u32) -> Export {
        let exports = self.exports.get(module).map(Vec::as_slice).unwrap_or_default();
        match exports.iter().find(|import| import.name == name) {
            Some(named) if depth < 8 => {
                self.resolve(module, &named.path, depth + 1).map_or(Export::OtherCrate, Export::There)
            }
            _ => Export::Here,
        }
    }

    /// The forbidden circles, as text. A circle of a module with its own children is allowed.
    fn circles(&self) -> Vec<String> {
        let reach: BTreeMap<&Module, BTreeSet<&Module>> =
            self.files.keys().map(|module| (module, self.reachable(module))).collect();
        let mut seen = BTreeSet::new();
        let mut circles = Vec::new();
        for (module, reached) in &reach {
            let circle: BTreeSet<&Module> =
                reached.iter().copied().filter(|other| reach[other].contains(module)).chain([*module]).collect();
            let is_family =
                circle.iter().any(|root| !root.is_empty() && circle.iter().all(|one| one.starts_with(root)));
            if circle.len() > 1 && seen.insert(circle.clone()) && !is_family {
                circles.push(self.show(&circle));
            }
        }
        circles
    }

    fn reachable(&self, from: &Module) -> BTreeSet<&Module> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&Module> = self.imports[from].iter().collect();
        while let Some(module) = next.pop() {
            if reached.insert(module) {
                next.extend(&self.imports[module]);
            }
        }
        reached
    }

    fn show(&self, circle: &BTreeSet<&Module>) -> String {
        let lines = circle.iter().flat_map(|from| {
            let inside = self.imports[*from].iter().filter(|to| circle.contains(to));
            inside.map(|to| format!("  {} -> {}", name_of(from), name_of(to)))
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn name_of(module: &Module) -> String {
    if module.is_empty() { "the crate's root".to_owned() } else { module.join("::") }
}

fn is_for_tests(item: &Item) -> bool {
    let attributes = match item {
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

fn flatten(tree: &UseTree, prefix: &mut Vec<String>, found: &mut Vec<Import>) {
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten(&path.tree, prefix, found);
            prefix.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            let name = prefix.last().cloned().unwrap_or_default();
            found.push(Import { path: prefix.clone(), name });
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            found.push(Import { path: [prefix.clone(), vec![name.clone()]].concat(), name });
        }
        UseTree::Rename(rename) => {
            let path = [prefix.clone(), vec![rename.ident.to_string()]].concat();
            found.push(Import { path, name: rename.rename.to_string() });
        }
        UseTree::Glob(_) => found.push(Import { path: prefix.clone(), name: "*".to_owned() }),
        UseTree::Group(group) => group.items.iter().for_each(|item| flatten(item, prefix, found)),
    }
}

/// The imported paths of a file. In an inline module, `super` is the file itself.
#[derive(Default)]
struct Paths {
    found: Vec<Import>,
    depth: usize,
}

impl Paths {
    fn add(&mut self, import: Import) {
        let inner = import.path.iter().take_while(|name| *name == "super").count().min(self.depth);
        let mut path = import.path[inner..].to_vec();
        if inner > 0 {
            path.insert(0, "self".to_owned());
        }
        self.found.push(Import { path, ..import });
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            _ if is_for_tests(item) => {}
            Item::Use(import) => {
                let mut found = Vec::new();
                flatten(&import.tree, &mut Vec::new(), &mut found);
                for import in found {
                    self.add(import);
                }
            }
            Item::Mod(_) => {
                self.depth += 1;
                syn::visit::visit_item(self, item);
                self.depth -= 1;
            }
            _ => syn::visit::visit_item(self, item),
        }
    }

    /// `pub(in crate::…)` imports nothing.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let path: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.add(Import { path, name: String::new() });
        }
        syn::visit::visit_path(self, path);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::{Graph, normal_dependencies};

    fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Graph::read(folder.path()).unwrap().circles()
    }

    #[test]
    fn two_files_that_use_each_other_are_a_circle() {
        let circles = circles_of(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; pub struct A(B);"),
            ("b.rs", "pub struct B; fn f() -> crate::a::A { todo!() }"),
        ]);
        assert_eq!(circles, ["  a -> b\n  b -> a"]);
    }

    #[test]
    fn a_circle_through_a_re_export_is_found() {
        let circles = circles_of(&[
            ("lib.rs", "mod a; mod b; pub use a::A;"),
            ("a.rs", "use crate::b::B; pub struct A(B);"),
            ("b.rs", "use crate::A; pub struct B;"),
        ]);
        assert_eq!(circles, ["  a -> b\n  b -> a"]);
    }

    #[test]
    fn a_module_and_its_children_may_use_each_other_and_tests_do_not_count() {
        let circles = circles_of(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "mod child; use child::C; pub struct A(C);"),
            ("a/child.rs", "use super::A; pub struct C; struct D(crate::b::B);"),
            ("b.rs", "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }"),
        ]);
        assert_eq!(circles, Vec::<String>::new());
    }

    #[test]
    fn only_normal_dependencies_of_the_workspace_count() {
        let manifest = "[package]\nname = \"x\"\n\n[dependencies]\nserde.workspace = true\nterra-auth.workspace = true\n\
                        terra-auth-types = { workspace = true }\n\n[dev-dependencies]\nterra-auth-testkit.workspace = true\n";
        let found: BTreeSet<String> = normal_dependencies(manifest).into_iter().collect();
        assert_eq!(found, BTreeSet::from(["client".to_owned(), "types".to_owned()]));
    }
}
