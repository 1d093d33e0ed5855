#include "tests/crash/store/live_faults.hpp"

#include <utility>

namespace syncd::test {
namespace {

Faults faults_of(LiveFault::Kind kind, std::uint64_t number) {
  switch (kind) {
    case LiveFault::Kind::error:
      return {.error_at = number};
    case LiveFault::Kind::read_error:
      return {.read_error_at = number};
    case LiveFault::Kind::full:
      return {.full_from = number};
    case LiveFault::Kind::full_for_names:
      return {.full_from = number, .names_need_space = true};
    case LiveFault::Kind::cut:
      break;
  }
  return {.cut_at = number};
}

}  // namespace

void LiveFault::move_to(Kind kind, std::uint64_t number) {
  segment_ = &recording_.segment_of(number, kind == Kind::read_error);
  moment_.move_to(segment_->operations);
}

Violations LiveFault::run(Kind kind, std::uint64_t number) {
  move_to(kind, number);
  journal_.clear();
  const auto before = kind == Kind::read_error ? segment_->reads : segment_->operations;
  const auto files =
      std::make_shared<CrashingFileSystem>(moment_.image(), journal_, faults_of(kind, number - before));
  Driver driver(recording_.scenario(), files);
  driver.make_repeatable();
  failed_ = !driver.run(segment_->step, recording_.scenario().steps().size());
  happened_ = files->fault_happened();
  // A disk that is full when the store is to be opened is noticed before anything is tried on it.
  const bool is_full = kind == Kind::full || kind == Kind::full_for_names;
  const bool guarded = is_full && driver.store() == nullptr &&
                       driver.error().find("MiB of free disk space and needs") != std::string::npos;
  if (failed_ && !happened_ && !guarded) return {"no fault: " + driver.error()};
  if (failed_ && driver.error().empty()) return {"says why: an error without words"};
  if (!failed_ || driver.store() == nullptr) return {};
  Violations violations;
  if (driver.store()->healthy()) violations.push_back("stops: healthy after \"" + driver.error() + "\"");
  if (driver.store()->put_note("after", "a failure")) violations.push_back("stops: it takes another write");
  return violations;
}

DiskImage LiveFault::image() {
  auto image = moment_.image();
  for (std::size_t at = 0; at < journal_.end();) {
    Operation operation;
    at = journal_.read(at, operation);
    image.apply(operation);
  }
  return image;
}

Progress LiveFault::progress() {
  auto progress = moment_.progress();
  for (std::size_t at = 0; at < journal_.end();) {
    Operation operation;
    at = journal_.read(at, operation);
    progress.take(operation);
  }
  return progress;
}

}  // namespace syncd::test
