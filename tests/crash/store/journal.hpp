#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace syncd::test {

enum class Op : std::uint8_t {
  append,
  sync,
  truncate,
  create,
  rename,
  unlink,
  make_directory,
  sync_directory,
  mark,  // not of the disk: what the workload has to say about this moment
};
std::string_view to_string(Op op);

struct Operation {
  Op op = Op::mark;
  std::uint32_t file = 0;   // number of the file's content; of a mark: its kind
  std::uint64_t value = 0;  // truncate: the new size; sync: 0 when it failed; mark: its value
  std::string_view path;    // create, rename, unlink and directories
  std::string_view data;    // append: the bytes; rename: the new name
};

// Everything that happened to a disk, in order. Its memory is shared with child processes, so that what a
// process did survives its abort. One writer at a time.
class Journal {
 public:
  explicit Journal(std::size_t bytes_max = std::size_t{64} << 20);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  void clear();
  // Throws std::length_error when it is full.
  void add(const Operation& operation);
  // The operation at `at`, 0 being the first; answers where the next one begins. Ends at end().
  std::size_t read(std::size_t at, Operation& operation) const;
  std::size_t end() const;

 private:
  struct Head;
  Head* head_;
  std::size_t bytes_max_;
};

}  // namespace syncd::test
