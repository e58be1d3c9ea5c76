//! What cargo knows about this workspace: its crates, their tiers and dependencies.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command;

/// Highest tier of which every crate must run on every host, the browser's included. Crates
/// above it may say that they do.
pub(crate) const PORTABLE_TIER_MAX: u64 = 2;

/// The workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Its root folder.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
    /// Its crates.
    pub(crate) members: Vec<Member>,
}

/// A crate of the workspace.
#[derive(Debug)]
pub(crate) struct Member {
    /// Package name.
    pub(crate) name: String,
    /// Folder, relative to the workspace's root.
    pub(crate) folder: String,
    /// `package.metadata.holm.tier`.
    pub(crate) tier: Option<u64>,
    /// Whether it must run on every host: by its tier, or by `package.metadata.holm.portable`.
    pub(crate) portable: bool,
    /// What its manifest asks for.
    pub(crate) dependencies: Vec<Dependency>,
}

/// A line of a crate's `[dependencies]` or one of its siblings.
#[derive(Debug)]
pub(crate) struct Dependency {
    /// Package name.
    pub(crate) name: String,
    /// Whether only tests, examples and benchmarks see it.
    pub(crate) dev: bool,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self> {
        let text = command::read(command::cargo().args([
            "metadata",
            "--format-version=1",
            "--no-deps",
            "--offline",
        ]))?;
        let metadata: Value = serde_json::from_str(&text).context("cargo metadata")?;
        let root = PathBuf::from(text_of(&metadata["workspace_root"])?);
        let target = PathBuf::from(text_of(&metadata["target_directory"])?);
        let packages = metadata["packages"].as_array().context("no packages")?;
        let members = packages
            .iter()
            .map(|package| Member::parse(&root, package))
            .collect::<Result<_>>()?;
        Ok(Self {
            root,
            target,
            members,
        })
    }

    /// The crates that must run on every host.
    pub(crate) fn portable(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.portable)
    }
}

impl Member {
    fn parse(root: &Path, package: &Value) -> Result<Self> {
        let manifest = Path::new(text_of(&package["manifest_path"])?);
        let folder = manifest
            .parent()
            .and_then(|folder| folder.strip_prefix(root).ok())
            .and_then(Path::to_str)
            .with_context(|| format!("{} is outside the workspace", manifest.display()))?;
        let dependencies = package["dependencies"]
            .as_array()
            .context("no dependencies")?
            .iter()
            .map(|dependency| {
                Ok(Dependency {
                    name: text_of(&dependency["name"])?.to_owned(),
                    dev: dependency["kind"].as_str() == Some("dev"),
                })
            })
            .collect::<Result<_>>()?;
        let stated = &package["metadata"]["holm"];
        let tier = stated["tier"].as_u64();
        let low = tier.is_some_and(|tier| tier <= PORTABLE_TIER_MAX);
        Ok(Self {
            name: text_of(&package["name"])?.to_owned(),
            folder: folder.to_owned(),
            tier,
            portable: low || stated["portable"] == Value::Bool(true),
            dependencies,
        })
    }
}

fn text_of(value: &Value) -> Result<&str> {
    value
        .as_str()
        .with_context(|| format!("cargo metadata: expected text, found {value}"))
}
