// C++ streams over POSIX files, in the directory given or the current one. (Debian's libc++ for wasm comes without
// <fstream> and <filesystem>, so the stream buffer is the program's own: it is the calls beneath that are tested.)
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <memory>
#include <streambuf>
#include <string>
#include <unordered_map>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed = 0;
static int passed = 0;

static void check(const std::string &what, bool holds) {
    if (holds) {
        ++passed;
        return;
    }
    ++failed;
    std::cerr << "FAILED files: " << what << ": " << std::strerror(errno) << '\n';
}

// A stream buffer over a file descriptor, which it owns.
class FileBuffer : public std::streambuf {
  public:
    FileBuffer(const std::string &path, int flags) : fd(open(path.c_str(), flags, 0644)) {
        setp(out.data(), out.data() + out.size());
    }
    ~FileBuffer() override {
        sync();
        if (fd >= 0) close(fd);
    }
    FileBuffer(const FileBuffer &) = delete;
    FileBuffer &operator=(const FileBuffer &) = delete;

  protected:
    int_type underflow() override {
        const ssize_t count = read(fd, in.data(), in.size());
        if (count <= 0) return traits_type::eof();
        setg(in.data(), in.data(), in.data() + count);
        return traits_type::to_int_type(in[0]);
    }
    int_type overflow(int_type value) override {
        if (sync() != 0) return traits_type::eof();
        if (!traits_type::eq_int_type(value, traits_type::eof())) sputc(traits_type::to_char_type(value));
        return traits_type::not_eof(value);
    }
    int sync() override {
        for (const char *from = pbase(); from < pptr();) {
            const ssize_t count = write(fd, from, static_cast<size_t>(pptr() - from));
            if (count < 0) return -1;
            from += count;
        }
        setp(out.data(), out.data() + out.size());
        return 0;
    }

  private:
    int fd;
    // Small, so that even short files take several calls.
    std::array<char, 16> in{};
    std::array<char, 16> out{};
};

static std::vector<std::string> list(const std::string &path) {
    std::vector<std::string> names;
    const std::unique_ptr<DIR, int (*)(DIR *)> listing(opendir(path.c_str()), closedir);
    while (const dirent *entry = listing ? readdir(listing.get()) : nullptr) {
        const std::string name = entry->d_name;
        if (name != "." && name != "..") names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

int main(int argc, char **argv) {
    const std::string root = std::string(argc > 1 ? argv[1] : ".") + "/cpp-files";
    check("mkdir", mkdir(root.c_str(), 0755) == 0);
    {
        FileBuffer buffer(root + "/words.txt", O_CREAT | O_EXCL | O_WRONLY);
        std::ostream out(&buffer);
        for (int index = 0; index < 100; ++index) out << "word" << index % 7 << (index % 10 == 9 ? '\n' : ' ');
        check("write", out.flush().good());
    }
    std::unordered_map<std::string, int> counts;
    {
        FileBuffer buffer(root + "/words.txt", O_RDONLY);
        std::istream in(&buffer);
        for (std::string word; in >> word;) ++counts[word];
    }
    check("seven words", counts.size() == 7 && counts["word0"] == 15 && counts["word6"] == 14);
    struct stat info {};
    check("stat", stat((root + "/words.txt").c_str(), &info) == 0 && info.st_size == 600);
    check("rename", rename((root + "/words.txt").c_str(), (root + "/moved.txt").c_str()) == 0);
    check("symlink", symlink("moved.txt", (root + "/link").c_str()) == 0);
    for (const auto &name : list(root)) std::cout << name << '\n';
    check("two names", list(root) == std::vector<std::string>{"link", "moved.txt"});
    check("rmdir of a full directory fails", rmdir(root.c_str()) == -1 && errno == ENOTEMPTY);
    for (const auto &name : list(root)) check("unlink " + name, unlink((root + "/" + name).c_str()) == 0);
    check("rmdir", rmdir(root.c_str()) == 0);
    std::cout << "files: " << passed << " checks passed, " << failed << " failed\n";
    return failed == 0 ? 0 : 1;
}
