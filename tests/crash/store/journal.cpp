#include "tests/crash/store/journal.hpp"

#include <atomic>
#include <cstring>
#include <new>
#include <stdexcept>
#include <sys/mman.h>

namespace syncd::test {

struct Journal::Head {
  std::atomic<std::size_t> bytes;
  char* content() { return reinterpret_cast<char*>(this + 1); }
};

namespace {

struct RecordHead {
  Op op;
  std::uint32_t file, path_bytes, data_bytes;
  std::uint64_t value;
};

}  // namespace

std::string_view to_string(Op op) {
  switch (op) {
    case Op::append:
      return "append";
    case Op::sync:
      return "sync";
    case Op::truncate:
      return "truncate";
    case Op::create:
      return "create";
    case Op::rename:
      return "rename";
    case Op::unlink:
      return "unlink";
    case Op::make_directory:
      return "mkdir";
    case Op::sync_directory:
      return "dirsync";
    case Op::mark:
      break;
  }
  return "mark";
}

Journal::Journal(std::size_t bytes_max) : bytes_max_(bytes_max) {
  void* memory = ::mmap(nullptr, sizeof(Head) + bytes_max, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  head_ = new (memory) Head{};
}

Journal::~Journal() {
  ::munmap(head_, sizeof(Head) + bytes_max_);
}

void Journal::clear() {
  head_->bytes = 0;
}

void Journal::add(const Operation& operation) {
  const RecordHead head{.op = operation.op,
                        .file = operation.file,
                        .path_bytes = static_cast<std::uint32_t>(operation.path.size()),
                        .data_bytes = static_cast<std::uint32_t>(operation.data.size()),
                        .value = operation.value};
  const std::size_t bytes = head_->bytes;
  const auto after = bytes + sizeof head + operation.path.size() + operation.data.size();
  if (after > bytes_max_) throw std::length_error("the journal is full");
  char* out = head_->content() + bytes;
  std::memcpy(out, &head, sizeof head);
  operation.path.copy(out + sizeof head, operation.path.size());
  operation.data.copy(out + sizeof head + operation.path.size(), operation.data.size());
  head_->bytes = after;  // last: a process that dies in here leaves no half record
}

std::size_t Journal::read(std::size_t at, Operation& operation) const {
  const char* in = head_->content() + at;
  RecordHead head;
  std::memcpy(&head, in, sizeof head);
  operation = {.op = head.op,
               .file = head.file,
               .value = head.value,
               .path = {in + sizeof head, head.path_bytes},
               .data = {in + sizeof head + head.path_bytes, head.data_bytes}};
  return at + sizeof head + head.path_bytes + head.data_bytes;
}

std::size_t Journal::end() const {
  return head_->bytes;
}

}  // namespace syncd::test
