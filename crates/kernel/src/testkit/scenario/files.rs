//! The scenario files, one for each topic, as they are compiled in.

macro_rules! files {
    ($($name:literal,)*) => {
        /// Name and text of every scenario file.
        pub const FILES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("files/", $name, ".txt"))),)*];
    };
}

files! {
    "descriptors",
    "environment",
    "files",
    "limits",
    "links",
    "listing",
    "mounts",
    "network",
    "open",
    "paths",
    "pipes",
    "poll",
    "processes",
    "read_only",
    "rename",
    "rights",
    "sockets",
    "sorted",
    "system",
    "trace",
}
