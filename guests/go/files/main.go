// Package os from end to end in the directory given, or the current one.
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

var passed, failed int

func check(what string, holds bool) {
	if holds {
		passed++
		return
	}
	failed++
	fmt.Fprintf(os.Stderr, "FAILED files: %s\n", what)
}

func ok(what string, err error) {
	if err != nil {
		what = fmt.Sprintf("%s: %v", what, err)
	}
	check(what, err == nil)
}

func main() {
	root := "go-files"
	if len(os.Args) > 1 {
		root = filepath.Join(os.Args[1], root)
	}
	os.RemoveAll(root)
	ok("MkdirAll", os.MkdirAll(filepath.Join(root, "a", "b"), 0o755))
	content(root)
	names(root)
	links(root)
	failures(root)
	ok("RemoveAll", os.RemoveAll(root))
	_, err := os.Stat(root)
	check("the directory is gone", errors.Is(err, fs.ErrNotExist))
	fmt.Printf("files: %d checks passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

func content(root string) {
	path := filepath.Join(root, "text.txt")
	ok("WriteFile", os.WriteFile(path, []byte("hello\n"), 0o644))
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	ok("OpenFile", err)
	_, err = file.WriteString("again\n")
	ok("append", err)
	_, err = file.Seek(6, io.SeekStart)
	ok("Seek", err)
	rest, err := io.ReadAll(file)
	ok("ReadAll", err)
	check("what was appended comes back", string(rest) == "again\n")
	ok("Sync", file.Sync())
	ok("Close", file.Close())
	check("Close twice fails", file.Close() != nil)
	info, err := os.Stat(path)
	ok("Stat", err)
	check("the size is 12", info.Size() == 12 && info.Mode().IsRegular())
	ok("Truncate", os.Truncate(path, 4))
	bytes, err := os.ReadFile(path)
	ok("ReadFile", err)
	check("it is truncated", string(bytes) == "hell")
	past := time.Unix(1_000_000_000, 42)
	ok("Chtimes", os.Chtimes(path, past, past))
	info, err = os.Stat(path)
	ok("Stat", err)
	check("the time is what was set", info.ModTime().Equal(past))
	fmt.Println("content: done")
}

func names(root string) {
	for index := range 300 {
		name := filepath.Join(root, "a", fmt.Sprintf("entry-%03d", index))
		ok("create "+name, os.WriteFile(name, nil, 0o644))
	}
	entries, err := os.ReadDir(filepath.Join(root, "a"))
	ok("ReadDir", err)
	check("ReadDir sees 301", len(entries) == 301)
	check("ReadDir knows the directory", entries[0].Name() == "b" && entries[0].IsDir())
	count := 0
	ok("WalkDir", filepath.WalkDir(root, func(string, fs.DirEntry, error) error { count++; return nil }))
	check("WalkDir sees 304", count == 304)
	from, to := filepath.Join(root, "a", "entry-000"), filepath.Join(root, "moved")
	ok("Rename", os.Rename(from, to))
	_, err = os.Stat(from)
	check("the old name is gone", errors.Is(err, fs.ErrNotExist))
	fmt.Println("names:", count)
}

func links(root string) {
	link := filepath.Join(root, "link")
	ok("Symlink", os.Symlink("text.txt", link))
	target, err := os.Readlink(link)
	ok("Readlink", err)
	check("the target is what was given", target == "text.txt")
	info, err := os.Lstat(link)
	ok("Lstat", err)
	check("Lstat sees a link", info.Mode()&fs.ModeSymlink != 0)
	bytes, err := os.ReadFile(link)
	ok("ReadFile through the link", err)
	check("it is the file's content", string(bytes) == "hell")
	ok("Link", os.Link(filepath.Join(root, "text.txt"), filepath.Join(root, "hard")))
	fmt.Println("links: done")
}

func failures(root string) {
	_, err := os.Open(filepath.Join(root, "missing"))
	check("open of what is missing", errors.Is(err, fs.ErrNotExist))
	check("Mkdir over a directory", errors.Is(os.Mkdir(root, 0o755), fs.ErrExist))
	_, err = os.ReadDir(filepath.Join(root, "text.txt"))
	check("ReadDir of a file", err != nil && strings.Contains(err.Error(), "ot a directory"))
	check("Remove of a full directory", os.Remove(root) != nil)
	fmt.Println("failures: done")
}
