//! What the workspace holds: packages, sources and pages.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::TidyError;

/// A package of the workspace.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Package {
    pub(super) name: String,
    /// The folder of its manifest, from the root of the tree.
    pub(super) folder: String,
    /// The packages of the workspace that it depends on.
    pub(super) dependencies: Vec<Dependency>,
}

/// A package that another one depends on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// Whether only tests need it.
    pub(super) dev: bool,
}

/// The packages of the workspace at `root`, by name.
pub(super) fn packages(root: &Path) -> Result<Vec<Package>, TidyError> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .map_err(|error| TidyError::Metadata(error.to_string()))?;
    if !output.status.success() {
        return Err(TidyError::Metadata(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let metadata = serde_json::from_slice(&output.stdout).map_err(|error| TidyError::Metadata(error.to_string()))?;
    parse(&metadata).ok_or_else(|| TidyError::Metadata("an unknown layout of its answer".to_owned()))
}

fn parse(metadata: &Value) -> Option<Vec<Package>> {
    let root = metadata.get("workspace_root")?.as_str()?;
    let mut packages = Vec::new();
    for package in metadata.get("packages")?.as_array()? {
        let manifest = Path::new(package.get("manifest_path")?.as_str()?);
        let folder = manifest.parent()?.strip_prefix(root).ok()?;
        let mut dependencies = Vec::new();
        for dependency in package.get("dependencies")?.as_array()? {
            // A dependency without a source is a folder, and so one of ours.
            if dependency.get("source")?.is_null() {
                let name = dependency.get("name")?.as_str()?.to_owned();
                dependencies.push(Dependency { name, dev: dependency.get("kind")?.as_str() == Some("dev") });
            }
        }
        packages.push(Package {
            name: package.get("name")?.as_str()?.to_owned(),
            folder: slashed(folder),
            dependencies,
        });
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Some(packages)
}

/// All files with the extension below the folders, from `root` and sorted; a folder that is not there has none.
pub(super) fn files(root: &Path, folders: &[&str], extension: &str) -> Result<Vec<String>, TidyError> {
    let mut files = Vec::new();
    for folder in folders {
        let folder = root.join(folder);
        if folder.is_dir() {
            collect(root, &folder, extension, &mut files)?;
        }
    }
    files.sort();
    Ok(files)
}

/// The pages beside the workspace manifest.
pub(super) fn top_level_pages(root: &Path) -> Result<Vec<String>, TidyError> {
    let mut pages = Vec::new();
    for path in entries(root)? {
        if path.is_file() && path.extension().is_some_and(|found| found == "md") {
            pages.push(slashed(path.strip_prefix(root).unwrap_or(&path)));
        }
    }
    pages.sort();
    Ok(pages)
}

fn collect(root: &Path, folder: &Path, extension: &str, files: &mut Vec<String>) -> Result<(), TidyError> {
    for path in entries(folder)? {
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() {
            if name != "target" && !name.to_string_lossy().starts_with('.') {
                collect(root, &path, extension, files)?;
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(slashed(path.strip_prefix(root).unwrap_or(&path)));
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<std::path::PathBuf>, TidyError> {
    let read = |source| TidyError::Read { path: folder.to_owned(), source };
    fs::read_dir(folder).map_err(read)?.map(|entry| entry.map(|entry| entry.path()).map_err(read)).collect()
}

fn slashed(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_gives_folders_and_our_own_dependencies() {
        let metadata = json!({
            "workspace_root": "/w",
            "packages": [{
                "name": "b",
                "manifest_path": "/w/crates/b/Cargo.toml",
                "dependencies": [
                    { "name": "serde", "source": "registry", "kind": null },
                    { "name": "a", "source": null, "kind": null },
                    { "name": "c", "source": null, "kind": "dev" },
                ],
            }],
        });
        let dependencies =
            vec![Dependency { name: "a".to_owned(), dev: false }, Dependency { name: "c".to_owned(), dev: true }];
        let package = Package { name: "b".to_owned(), folder: "crates/b".to_owned(), dependencies };
        assert_eq!(parse(&metadata), Some(vec![package]));
        assert_eq!(parse(&json!({})), None);
    }

    #[test]
    fn files_are_found_in_folders_but_not_in_build_outputs() {
        let root = tempfile::tempdir().unwrap();
        for path in ["docs/b.md", "docs/deep/a.md", "docs/a.txt", "docs/target/x.md", "docs/.hidden/y.md", "R.md"] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        assert_eq!(files(root.path(), &["docs", "none"], "md").unwrap(), ["docs/b.md", "docs/deep/a.md"]);
        assert_eq!(top_level_pages(root.path()).unwrap(), ["R.md"]);
    }
}
