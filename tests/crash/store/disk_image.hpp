#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/crash/store/journal.hpp"

namespace syncd::test {

using Random = std::mt19937_64;

// What a power cut does to bytes that were written and not synced. In each, a directory's operations since
// its last sync are kept up to a point: none, all, or some.
enum class Policy : std::uint8_t { lose_all, keep_all, prefix, torn };
inline constexpr std::size_t policy_count = 4;
std::string_view to_string(Policy policy);

// A disk: what a running system sees of it, and what of that would survive a power cut.
class DiskImage {
 public:
  static constexpr std::uint32_t directory = 0;  // in place of a file's number

  // Takes the next operation of a journal.
  void apply(const Operation& operation);
  // The disk after the power comes back.
  DiskImage after_power_cut(Policy policy, Random& random) const;
  // The disk as the next process finds it when only the process ended.
  DiskImage after_process_end() const { return *this; }

  // The number of what `path` names; nullopt: nothing.
  std::optional<std::uint32_t> find(const std::string& path) const;
  const std::string& content(std::uint32_t file) const { return files_.at(file).bytes; }
  // Changes a byte as decay does: without anybody having written it.
  void flip_bit(const std::string& path, std::size_t bit);
  void append_rot(const std::string& path, std::string_view bytes);
  // As if somebody had removed the file, or put another in its place.
  void remove(const std::string& path);
  void put(const std::string& path, std::string content);
  std::vector<std::string> children(const std::string& path) const;
  const std::map<std::string, std::uint32_t>& names() const { return now_; }
  std::uint32_t next_file() const { return next_file_; }

 private:
  struct File {
    std::string bytes;
    std::size_t synced = 0;              // so many of the bytes survive
    std::optional<std::string> durable;  // while a truncation is not synced: what survives instead
    std::vector<std::pair<std::size_t, std::size_t>> given_up;  // ranges of which the kernel failed to write
  };
  struct DirectoryOperation {
    Op op = Op::create;
    std::string path, target;
    std::uint32_t file = directory;
  };
  using Names = std::map<std::string, std::uint32_t>;

  static void move_below(Names& names, const std::string& from, const std::string& to);
  void move_pending(const std::string& from, const std::string& to);
  static void change_names(Names& names, const DirectoryOperation& operation);
  void change_directory(DirectoryOperation operation);
  void sync(File& file, bool good);
  static std::string surviving(const File& file, Policy policy, Random& random);
  static std::string torn(const File& file, Random& random);

  std::map<std::uint32_t, File> files_;
  Names now_{{"/", directory}};
  Names durable_{{"/", directory}};
  std::map<std::string, std::vector<DirectoryOperation>> pending_;  // by directory
  std::uint32_t next_file_ = 1;
};

// Without a slash at the end: RocksDB writes directories both ways.
std::string plain_path(std::string_view path);
std::string parent_path(const std::string& path);

}  // namespace syncd::test
