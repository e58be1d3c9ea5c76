//! Tests of the cache: nothing damaged or foreign is loaded, nothing stale, and it stays small.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::*;
use crate::{CodeKind, Engine, EngineConfig, Loaded, Optimised, Origin, Program, TierChoice};

/// A module whose only function returns `number`: two digits, so that all have one size.
fn text(number: u32) -> String {
    format!(r#"(module (func (export "f") (result i32) (i32.const {number:02})))"#)
}

fn call(loaded: &Loaded) -> i32 {
    let mut store = wasmtime::Store::new(loaded.code.engine(), ());
    let instance =
        wasmtime::Instance::new(&mut store, loaded.code.module().expect("a module"), &[])
            .expect("instance");
    let function = instance
        .get_typed_func::<(), i32>(&mut store, "f")
        .expect("export");
    function.call(&mut store, ()).expect("no trap")
}

/// A cache, and a program beside it.
struct Place {
    folder: TempDir,
    maximum_bytes: u64,
}

impl Place {
    fn new() -> Place {
        Place {
            folder: TempDir::new().expect("a temporary folder"),
            maximum_bytes: DEFAULT_MAXIMUM_BYTES,
        }
    }

    fn config(&self) -> CacheConfig {
        CacheConfig {
            root: self.folder.path().join("cache"),
            maximum_bytes: self.maximum_bytes,
        }
    }

    fn engine(&self) -> Engine {
        let config = EngineConfig {
            cache: Some(self.config()),
            ..EngineConfig::default()
        };
        Engine::new(config).expect("engine")
    }

    fn program_path(&self) -> PathBuf {
        self.folder.path().join("program.wat")
    }

    fn write_program(&self, number: u32) {
        fs::write(self.program_path(), text(number)).expect("write");
    }

    fn open(&self, engine: &Engine) -> Program {
        engine.open(&self.program_path()).expect("open")
    }

    fn load(&self, choice: TierChoice) -> Loaded {
        let engine = self.engine();
        engine.load(&self.open(&engine), choice).expect("load")
    }

    /// Waits until the identities of all files there prove their content.
    fn settle(&self) {
        let mut paths = vec![self.program_path()];
        paths.extend(self.files("code"));
        for path in paths {
            let identity = crate::StatIdentity::of(&fs::metadata(path).expect("metadata"));
            std::thread::sleep(identity.settles_in(SystemTime::now()).unwrap_or_default());
        }
    }

    fn files(&self, folder: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.config().root.join(folder));
        let entries = entries.into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    /// The only file in `folder`.
    fn file(&self, folder: &str) -> PathBuf {
        let files = self.files(folder);
        assert_eq!(files.len(), 1, "{folder}: {files:?}");
        files[0].clone()
    }

    /// Loads until a warm start needs neither the program nor a full check.
    fn warmed(number: u32) -> Place {
        let place = Place::new();
        place.write_program(number);
        place.settle();
        assert_eq!(place.load(TierChoice::Auto).origin, Origin::Cold);
        place.settle();
        assert_eq!(place.load(TierChoice::Auto).origin, Origin::Warm);
        assert_eq!(place.files("programs").len(), 1);
        place
    }
}

#[test]
fn a_warm_start_does_not_read_the_program() {
    let place = Place::warmed(42);
    let engine = place.engine();
    let program = place.open(&engine);
    fs::remove_file(place.program_path()).expect("remove");
    let loaded = engine.load(&program, TierChoice::Auto).expect("load");
    assert_eq!(loaded.origin, Origin::Warm);
    assert_eq!(call(&loaded), 42);
}

#[test]
fn optimised_code_is_taken_once_it_is_there() {
    let place = Place::warmed(42);
    let loaded = place.load(TierChoice::Auto);
    assert_eq!(loaded.kind, CodeKind::Winch);
    assert!(loaded.wants_optimising);
    let engine = place.engine();
    let program = place.open(&engine);
    assert!(matches!(engine.optimise(&program), Ok(Optimised::Done)));
    assert!(matches!(
        engine.optimise(&program),
        Ok(Optimised::AlreadyThere)
    ));
    fs::remove_file(place.program_path()).expect("remove");
    let loaded = engine.load(&program, TierChoice::Auto).expect("load");
    assert_eq!(
        (loaded.kind, loaded.origin, loaded.wants_optimising),
        (CodeKind::Optimised, Origin::Warm, false)
    );
    assert_eq!(call(&loaded), 42);
}

#[test]
fn one_process_optimises_a_program_at_a_time() {
    let place = Place::warmed(42);
    let engine = place.engine();
    let program = place.open(&engine);
    let cache = engine.cache().expect("cache");
    let fingerprint = crate::settings::fingerprint(engine.config());
    let digest = program.digest().expect("digest");
    let key = ArtifactKey::new(&fingerprint, digest, CodeKind::Optimised);
    let held = cache.lock(&key).expect("lock").expect("free");
    assert!(cache.lock(&key).expect("lock").is_none());
    assert!(matches!(engine.optimise(&program), Ok(Optimised::Busy)));
    assert!(!place.load(TierChoice::Auto).wants_optimising);
    drop(held);
    assert!(place.load(TierChoice::Auto).wants_optimising);
    cache.mark_failed(&key);
    assert!(!place.load(TierChoice::Auto).wants_optimising);
}

#[test]
fn a_flipped_bit_anywhere_in_an_artifact_keeps_it_from_being_loaded() {
    let place = Place::warmed(42);
    let path = place.file("code");
    let intact = fs::read(&path).expect("read");
    let engine = place.engine();
    let cache = engine.cache().expect("cache");
    let program = place.open(&engine);
    let fingerprint = crate::settings::fingerprint(engine.config());
    let digest = program.digest().expect("digest");
    let key = ArtifactKey::new(&fingerprint, digest, CodeKind::Winch);
    assert!(cache.open_checked(&key).is_some());
    // Every byte of the trailer, and a sample of the code.
    let trailer = intact.len() - 256;
    let sample = (0..trailer).step_by(257);
    for position in sample.chain(trailer..intact.len()) {
        let mut damaged = intact.clone();
        damaged[position] ^= 1 << (position % 8);
        fs::write(&path, &damaged).expect("write");
        assert!(cache.open_checked(&key).is_none(), "byte {position}");
        assert!(!path.exists(), "byte {position}");
    }
    for length in [0, 1, 47, 48, 100, intact.len() / 2, intact.len() - 1] {
        fs::write(&path, &intact[..length]).expect("write");
        assert!(cache.open_checked(&key).is_none(), "length {length}");
    }
    let loaded = place.load(TierChoice::Auto);
    assert_eq!((loaded.origin, call(&loaded)), (Origin::Cold, 42));
}

#[test]
fn a_warm_start_notices_damage_by_the_artifacts_times() {
    let place = Place::warmed(42);
    let path = place.file("code");
    let mut bytes = fs::read(&path).expect("read");
    bytes[100] ^= 1;
    let modified = fs::metadata(&path).and_then(|metadata| metadata.modified());
    fs::write(&path, bytes).expect("write");
    let file = File::options().write(true).open(&path).expect("open");
    file.set_modified(modified.expect("time"))
        .expect("set time");
    let loaded = place.load(TierChoice::Auto);
    assert_eq!((loaded.origin, call(&loaded)), (Origin::Cold, 42));
}

#[test]
fn a_flipped_bit_anywhere_in_a_record_makes_it_void() {
    let place = Place::warmed(42);
    let path = place.file("programs");
    let intact = fs::read(&path).expect("read");
    let engine = place.engine();
    let cache = engine.cache().expect("cache");
    let program = place.open(&engine);
    let identity = program.identity().expect("a file");
    let fingerprint = crate::settings::fingerprint(engine.config());
    assert!(cache.find_record(&fingerprint, identity).is_some());
    for position in 0..intact.len() {
        let mut damaged = intact.clone();
        damaged[position] ^= 1 << (position % 8);
        fs::write(&path, &damaged).expect("write");
        assert!(
            cache.find_record(&fingerprint, identity).is_none(),
            "byte {position}"
        );
        fs::write(&path, &intact[..position]).expect("write");
        assert!(
            cache.find_record(&fingerprint, identity).is_none(),
            "length {position}"
        );
    }
    fs::write(&path, vec![7; 100_000]).expect("write");
    assert!(cache.find_record(&fingerprint, identity).is_none());
    let loaded = place.load(TierChoice::Auto);
    assert_eq!((loaded.origin, call(&loaded)), (Origin::Warm, 42));
}

#[test]
fn what_another_cache_made_is_foreign() {
    let (ours, theirs) = (Place::warmed(42), Place::warmed(42));
    for folder in ["code", "programs"] {
        for path in theirs.files(folder) {
            let name = path.file_name().expect("a name");
            fs::copy(&path, ours.config().root.join(folder).join(name)).expect("copy");
        }
    }
    let loaded = ours.load(TierChoice::Auto);
    assert_eq!((loaded.origin, call(&loaded)), (Origin::Cold, 42));
}

#[test]
fn code_for_another_program_or_setting_is_not_loaded_under_this_name() {
    let place = Place::warmed(42);
    let name = place.file("code");
    place.write_program(43);
    place.settle();
    fs::remove_file(&name).expect("remove");
    place.load(TierChoice::Auto);
    // The code of 43 under the name of 42.
    fs::rename(place.file("code"), &name).expect("rename");
    place.write_program(42);
    let loaded = place.load(TierChoice::Auto);
    assert_eq!((loaded.origin, call(&loaded)), (Origin::Cold, 42));

    let interruptible = EngineConfig {
        cache: Some(place.config()),
        interruptible: true,
        ..EngineConfig::default()
    };
    let engine = Engine::new(interruptible).expect("engine");
    let loaded = engine
        .load(&place.open(&engine), TierChoice::Auto)
        .expect("load");
    assert_eq!(loaded.origin, Origin::Cold, "other settings, other code");
}

#[test]
fn a_changed_program_is_never_confused_with_the_old_one() {
    let place = Place::warmed(42);
    let modified = fs::metadata(place.program_path()).and_then(|metadata| metadata.modified());
    // Same size, same modification time, same inode.
    place.write_program(43);
    let file = File::options()
        .write(true)
        .open(place.program_path())
        .expect("open");
    file.set_modified(modified.expect("time"))
        .expect("set time");
    assert_eq!(call(&place.load(TierChoice::Auto)), 43);
    // Changes in quick succession, within one tick of the file system's clock.
    for number in 50..70 {
        place.write_program(number);
        assert_eq!(
            call(&place.load(TierChoice::Auto)),
            i32::try_from(number).expect("small")
        );
    }
}

#[test]
fn threads_and_processes_share_a_cold_cache() {
    const CHILD: &str = "HOLM_TEST_CACHE_PLACE";
    if let Ok(root) = std::env::var(CHILD) {
        let config = EngineConfig {
            cache: Some(CacheConfig::new(root.into())),
            ..EngineConfig::default()
        };
        let engine = Engine::new(config).expect("engine");
        for _ in 0..4 {
            for number in 10..14 {
                let program = engine
                    .program_from_bytes("program", text(number).into_bytes())
                    .expect("program");
                let loaded = engine.load(&program, TierChoice::Auto).expect("load");
                assert_eq!(call(&loaded), i32::try_from(number).expect("small"));
                engine.optimise(&program).expect("optimise");
            }
        }
        return;
    }
    let place = Place::new();
    let this = std::env::current_exe().expect("this program");
    let children: Vec<_> = (0..3)
        .map(|_| {
            Command::new(&this)
                .args([
                    "--exact",
                    "cache::tests::threads_and_processes_share_a_cold_cache",
                ])
                .args(["--test-threads", "1"])
                .env(CHILD, place.config().root)
                .output()
        })
        .map(|output| std::thread::spawn(move || output))
        .collect();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let config = place.config();
            std::thread::spawn(move || {
                let config = EngineConfig {
                    cache: Some(config),
                    ..EngineConfig::default()
                };
                let engine = Engine::new(config).expect("engine");
                let program = engine
                    .program_from_bytes("program", text(12).into_bytes())
                    .expect("program");
                call(&engine.load(&program, TierChoice::Auto).expect("load"))
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().expect("no panic"), 12);
    }
    for child in children {
        let output = child.join().expect("no panic").expect("ran");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
    let cache = Cache::open(&place.config()).expect("cache");
    assert_eq!(
        cache.ls().expect("ls").len(),
        8,
        "four programs in two tiers"
    );
    assert!(place.files("temporary").is_empty());
    assert!(place.files("locks").is_empty());
}

#[test]
fn the_limit_holds_and_the_least_recently_used_goes_first() {
    let mut place = Place::new();
    place.write_program(10);
    place.load(TierChoice::Auto);
    let size = fs::metadata(place.file("code")).expect("metadata").len();
    place.maximum_bytes = 10 * size;
    let engine = place.engine();
    let total = |place: &Place| -> u64 {
        let files = place.files("code").into_iter();
        files
            .map(|path| fs::metadata(path).expect("metadata").len())
            .sum()
    };
    let favourite = place.file("code");
    for number in 11..60 {
        let program = engine
            .program_from_bytes("program", text(number).into_bytes())
            .expect("program");
        engine.load(&program, TierChoice::Auto).expect("load");
        assert!(total(&place) <= place.maximum_bytes, "{number}");
        // Used again and again.
        let file = File::open(&favourite).expect("it stays");
        file.set_modified(SystemTime::now() + Duration::from_secs(60))
            .expect("touch");
    }
    assert!(favourite.exists());
    let last = place.load(TierChoice::Auto);
    assert_eq!((last.origin, call(&last)), (Origin::Warm, 10));
}

#[test]
fn code_that_does_not_fit_is_run_without_being_kept() {
    let mut place = Place::new();
    place.maximum_bytes = 100;
    place.write_program(42);
    assert_eq!(call(&place.load(TierChoice::Auto)), 42);
    assert!(place.files("code").is_empty());
}

#[test]
fn listing_and_cleaning() {
    let place = Place::warmed(42);
    let engine = place.engine();
    engine.optimise(&place.open(&engine)).expect("optimise");
    fs::write(place.config().root.join("code/stray"), "not code").expect("write");
    let cache = engine.cache().expect("cache");
    let entries = cache.ls().expect("ls");
    assert_eq!(entries.len(), 3);
    let mut kinds: Vec<_> = entries.iter().filter_map(|entry| entry.kind).collect();
    kinds.sort_by_key(|kind| kind.to_byte());
    assert_eq!(kinds, [CodeKind::Optimised, CodeKind::Winch]);
    let digest = crate::Digest::of(text(42).as_bytes());
    for entry in entries.iter().filter(|entry| entry.kind.is_some()) {
        assert_eq!(entry.digest, Some(digest));
        assert!(entry.name.ends_with("program.wat"), "{}", entry.name);
        assert_eq!(
            entry.program_bytes,
            u64::try_from(text(42).len()).expect("small")
        );
    }
    let cleaned = cache.clean().expect("clean");
    assert_eq!(cleaned.entries, 3);
    assert!(cleaned.bytes > 1000);
    assert_eq!(cache.ls().expect("ls").len(), 0);
    assert_eq!(place.load(TierChoice::Auto).origin, Origin::Cold);
}

#[test]
fn a_folder_that_is_open_to_others_is_refused() {
    let place = Place::new();
    let root = place.config().root;
    fs::create_dir(&root).expect("make");
    for mode in [0o755, 0o770, 0o707] {
        fs::set_permissions(&root, fs::Permissions::from_mode(mode)).expect("chmod");
        let error = Cache::open(&place.config()).expect_err("refused");
        assert!(matches!(&error, CacheError::OpenToOthers { mode: m, .. } if *m == mode));
        assert!(error.to_string().contains("chmod 700"), "{error}");
    }
    // The program runs all the same.
    place.write_program(42);
    let engine = place.engine();
    assert!(engine.cache_problem().is_some());
    let loaded = engine
        .load(&place.open(&engine), TierChoice::Auto)
        .expect("load");
    assert_eq!((call(&loaded), loaded.wants_optimising), (42, false));
}

#[test]
fn a_file_in_the_way_is_a_clear_error() {
    let place = Place::new();
    fs::write(place.config().root, "").expect("write");
    let error = Cache::open(&place.config()).expect_err("refused");
    assert!(matches!(error, CacheError::NotAFolder { .. }));
}

#[test]
fn a_secret_that_is_not_secret_is_replaced() {
    let place = Place::warmed(42);
    let path = place.config().root.join("secret");
    let old = fs::read(&path).expect("read");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("chmod");
    let loaded = place.load(TierChoice::Auto);
    assert_eq!((loaded.origin, call(&loaded)), (Origin::Cold, 42));
    assert_ne!(fs::read(&path).expect("read"), old);
    assert_eq!(fs::metadata(&path).expect("metadata").mode() & 0o777, 0o600);
    fs::write(&path, "short").expect("write");
    assert_eq!(call(&place.load(TierChoice::Auto)), 42);
}

#[test]
fn a_cache_that_cannot_be_written_is_done_without() {
    let place = Place::new();
    place.write_program(42);
    place.settle();
    Cache::open(&place.config()).expect("cache");
    // A file where a folder must be: works for the superuser too, unlike permissions.
    fs::write(place.config().root.join("temporary"), "").expect("write");
    let loaded = place.load(TierChoice::Auto);
    assert_eq!((loaded.origin, call(&loaded)), (Origin::Cold, 42));
}
