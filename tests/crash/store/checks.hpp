#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/crash/store/driver.hpp"
#include "tests/crash/store/scenario.hpp"

namespace syncd::test {

using Violations = std::vector<std::string>;

// Everything the store shows. Notes are put back, though reading erases them.
struct Shown {
  State state;
  std::uint64_t published = 0;  // before anything was read
  std::string error;            // of the first reading that failed; the rest is missing then
};
Shown read_everything(store::Store& store);

// How `shown` differs from `expected`, one sentence for each part; empty: not at all. The feed only when
// `with_feed`.
Violations differences(const Shown& shown, const State& expected, bool with_feed);

// The number of steps after which the scenario's state is the shown one, within [from, to]; otherwise says
// why not.
std::optional<std::size_t> find_state(const Scenario& scenario, const Shown& shown, std::size_t from,
                                      std::size_t to, Violations& violations);

struct Expectations {
  bool epoch_may_change = false;   // published changes may be lost, if a new epoch says so
  bool table_may_be_torn = false;  // a torn end of the database's table of files may be cut off and told of
  std::size_t steps_after = 3;     // to be done once everything is found in order
  bool open_again = false;         // and closed, opened and compared again at the end
};

// Opens the store on `files`, which a crash has left after `progress`, and checks all that was promised; then
// goes on with the scenario and closes. Each violation begins with the name of its check.
Violations check_store(const Scenario& scenario, const std::shared_ptr<CrashingFileSystem>& files,
                       const Progress& progress, const Expectations& expectations);

}  // namespace syncd::test
