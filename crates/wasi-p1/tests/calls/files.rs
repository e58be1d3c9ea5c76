//! Files and paths.

use holm_abi::Errno;

use crate::system::{DONE, PATH, RESULT, System, TMP, call, failed};

#[test]
fn an_answer_that_cannot_be_delivered_opens_nothing() {
    let mut system = System::new();
    let before = system.task.process().open_descriptors();
    let (at, length) = system.path("file");
    for result in [0xfffd, -1, -4] {
        let answer = call!(system.path_open(TMP, 0, at, length, 1, -1, -1, 0, result));
        assert_eq!(answer, failed(Errno::Fault));
    }
    assert_eq!(system.task.process().open_descriptors(), before);
    let answer = call!(system.path_filestat_get(TMP, 0, at, length, RESULT));
    assert_eq!(answer, failed(Errno::NoEntry), "it was not created either");
}

#[test]
fn bad_paths_fail_each_in_its_way() {
    let mut system = System::new();
    assert_eq!(
        call!(system.path_create_directory(TMP, 0xffff, 2)),
        failed(Errno::Fault)
    );
    assert_eq!(
        call!(system.path_create_directory(TMP, 0, -1)),
        failed(Errno::Fault)
    );
    assert_eq!(
        call!(system.path_create_directory(TMP, 0, 4097)),
        failed(Errno::NameTooLong)
    );
    system.put(PATH, b"a\xffb");
    assert_eq!(
        call!(system.path_create_directory(TMP, PATH, 3)),
        failed(Errno::IllegalSequence)
    );
    assert_eq!(
        call!(system.path_unlink_file(TMP, 9999, -9999)),
        failed(Errno::Fault)
    );
    let (at, length) = system.path("x");
    let rename = call!(system.path_rename(TMP, at, length, TMP, -1, 5));
    assert_eq!(rename, failed(Errno::Fault));
}

#[test]
fn unknown_flags_are_invalid() {
    let mut system = System::new();
    let (at, length) = system.path("file");
    for (lookup, open, flags) in [
        (2, 0, 0),
        (0, 16, 0),
        (0, 0, 32),
        (-1, 0, 0),
        (0, 1 << 16, 0),
    ] {
        let answer = call!(system.path_open(TMP, lookup, at, length, open, 0, 0, flags, RESULT));
        assert_eq!(answer, failed(Errno::Invalid), "{lookup} {open} {flags}");
    }
    let fd = system.create("file").expect("a new file");
    assert_eq!(
        call!(system.fd_fdstat_set_flags(fd, 1 << 9)),
        failed(Errno::Invalid)
    );
    assert_eq!(
        call!(system.fd_seek(fd, 0, 3, RESULT)),
        failed(Errno::Invalid)
    );
    assert_eq!(call!(system.fd_advise(fd, 0, 0, 6)), failed(Errno::Invalid));
    assert_eq!(
        call!(system.fd_filestat_set_times(fd, 0, 0, 3)),
        failed(Errno::Invalid)
    );
    let times = call!(system.path_filestat_set_times(TMP, 0, at, length, 0, 0, 12));
    assert_eq!(times, failed(Errno::Invalid));
    assert_eq!(call!(system.sock_shutdown(fd, 4)), failed(Errno::Invalid));
    assert_eq!(
        call!(system.sock_accept(fd, 64, RESULT)),
        failed(Errno::Invalid)
    );
    assert_eq!(
        call!(system.sock_send(fd, 0, 0, 1, RESULT)),
        failed(Errno::Invalid)
    );
    assert_eq!(
        call!(system.sock_recv(fd, 0, 0, 4, RESULT, RESULT)),
        failed(Errno::Invalid)
    );
}

#[test]
fn what_is_written_is_read_back_through_vectors() {
    let mut system = System::new();
    let fd = system.create("file").expect("a new file");
    system.put(2048, b"hello, world");
    system.put_words(0, &[2048, 7, 2055, 0, 2055, 5]);
    assert_eq!(call!(system.fd_write(fd, 0, 3, RESULT)), DONE);
    assert_eq!(system.word(RESULT), 12);
    assert_eq!(call!(system.fd_tell(fd, RESULT)), DONE);
    assert_eq!(system.long(RESULT), 12);
    assert_eq!(call!(system.fd_seek(fd, -5, 2, RESULT)), DONE);
    assert_eq!(system.long(RESULT), 7);
    system.put_words(0, &[3000, 2, 3010, 2, 3020, 2]);
    assert_eq!(call!(system.fd_read(fd, 0, 3, RESULT)), DONE);
    assert_eq!(system.word(RESULT), 5);
    assert_eq!(system.bytes(3000), *b"wo\xaa");
    assert_eq!(system.bytes(3010), *b"rl\xaa");
    assert_eq!(system.bytes(3020), *b"d\xaa");
    assert_eq!(call!(system.fd_pread(fd, 0, 2, 1, RESULT)), DONE);
    assert_eq!(
        (system.word(RESULT), system.bytes(3000), system.bytes(3010)),
        (4, *b"el", *b"lo")
    );
    assert_eq!(call!(system.fd_pwrite(fd, 0, 1, 11, RESULT)), DONE);
    assert_eq!(call!(system.fd_filestat_get(fd, RESULT)), DONE);
    assert_eq!(system.long(RESULT + 32), 13, "it grew by one byte");
    // A result that cannot be delivered moves nothing.
    assert_eq!(call!(system.fd_read(fd, 0, 3, -1)), failed(Errno::Fault));
    assert_eq!(call!(system.fd_write(fd, 0, 1, -1)), failed(Errno::Fault));
    assert_eq!(call!(system.fd_tell(fd, RESULT)), DONE);
    assert_eq!(system.long(RESULT), 12);
}

#[test]
fn records_have_no_bytes_of_the_host_between_their_fields() {
    let mut system = System::new();
    let fd = system.create("file").expect("a new file");
    assert_eq!(call!(system.fd_filestat_get(fd, RESULT)), DONE);
    assert_eq!(
        system.bytes(RESULT + 16),
        [4, 0, 0, 0, 0, 0, 0, 0],
        "filetype, padding"
    );
    assert_eq!(system.bytes(RESULT + 64), [0xaa], "and not a byte more");
    system.memory.fill(0xaa);
    assert_eq!(call!(system.fd_fdstat_get(fd, RESULT)), DONE);
    assert_eq!(
        system.bytes(RESULT),
        [4, 0, 0, 0, 0, 0, 0, 0],
        "filetype, flags, padding"
    );
    assert_eq!(system.bytes(RESULT + 24), [0xaa]);
    system.memory.fill(0xaa);
    assert_eq!(call!(system.fd_prestat_get(TMP, RESULT)), DONE);
    assert_eq!(system.bytes(RESULT), [0, 0, 0, 0, 4, 0, 0, 0, 0xaa]);
    assert_eq!(call!(system.fd_prestat_dir_name(TMP, RESULT, 4)), DONE);
    assert_eq!(
        system.bytes(RESULT),
        *b"/tmp\x04",
        "no NUL over what was there"
    );
    assert_eq!(
        call!(system.fd_prestat_dir_name(TMP, RESULT, 3)),
        failed(Errno::NameTooLong)
    );
    assert_eq!(
        call!(system.fd_prestat_get(fd, RESULT)),
        failed(Errno::BadFd)
    );
}

#[test]
fn a_directory_is_listed_with_a_cut_last_record() {
    let mut system = System::new();
    for name in ["a", "bb", "ccc"] {
        system.create(name).expect("a new file");
    }
    assert_eq!(call!(system.fd_readdir(TMP, 4096, 1000, 0, RESULT)), DONE);
    let used = system.word(RESULT);
    let (mut at, mut names) = (4096, Vec::new());
    while at < 4096 + used.cast_signed() {
        let length = system.word(at + 16);
        assert_eq!(system.bytes(at + 21), [0, 0, 0], "padding");
        let start = usize::try_from(at + 24).expect("positive");
        let name = system.memory[start..start + length as usize].to_vec();
        names.push(String::from_utf8(name).expect("a name is text"));
        at += 24 + length.cast_signed();
    }
    names.sort_unstable();
    assert_eq!(names, [".", "..", "a", "bb", "ccc"]);
    assert_eq!(call!(system.fd_readdir(TMP, 4096, 30, 0, RESULT)), DONE);
    assert_eq!(system.word(RESULT), 30, "full, so there is more");
    assert_eq!(
        call!(system.fd_readdir(TMP, 4096, -1, 0, RESULT)),
        failed(Errno::Fault)
    );
}

#[test]
fn a_link_is_read_over_its_own_path() {
    let mut system = System::new();
    system.put(2048, b"target of the link");
    let (at, length) = system.path("link");
    assert_eq!(call!(system.path_symlink(2048, 18, TMP, at, length)), DONE);
    assert_eq!(
        call!(system.path_readlink(TMP, at, length, at, 6, RESULT)),
        DONE
    );
    assert_eq!(
        (system.word(RESULT), system.bytes(PATH)),
        (6, *b"target\xaa")
    );
}
