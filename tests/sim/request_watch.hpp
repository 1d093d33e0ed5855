#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sync/api/rate_gate.hpp"
#include "tests/sim/invariants.hpp"

namespace syncd::test {

// Judges every request as it arrives at upstream, whatever becomes of it: budgets by its own count of the
// last minute, Retry-After windows by its own reading of the headers, both across restarts. Times are the
// world's true time.
class RequestWatch {
 public:
  RequestWatch(const api::Budgets& budgets, Findings& findings, Tally& tally);

  // The daemon was told other budgets: what was allowed before counts until the minute has passed.
  void change_budgets(const api::Budgets& budgets, core::WallTime now);
  // `link` empty: about none.
  void arrived(core::Endpoint endpoint, const std::string& link, core::WallTime now);
  // A process starts that cannot know how long the windows of before are: until then they are not judged.
  void doubt_windows(core::WallTime until);
  // A 429 reached the process. One that never arrived binds nobody.
  void told(core::Endpoint endpoint, std::string_view retry_after, core::WallTime now);
  // Somebody has just used a budget to the last request.
  bool spent(core::WallTime now) const { return spent_at_ + std::chrono::seconds(2) > now; }
  // The process has ended, and what it learnt of this endpoint's window from `since` on is nowhere: it was
  // handed to the store, which was cut off or had failed.
  void lost(core::Endpoint endpoint, core::WallTime since);

 private:
  using Minute = std::deque<core::WallTime>;
  struct Extension {
    core::WallTime learnt{};
    core::WallTime until{};
  };
  using Window = std::vector<Extension>;  // each ends later than the one before it
  struct Limits {
    api::Budgets budgets;
    core::WallTime ended{};  // the epoch: in force
  };
  void judge(std::string_view what, std::size_t count, std::uint32_t limit, core::WallTime now);
  std::uint32_t limit_of(core::Endpoint endpoint, bool per_link, core::WallTime now) const;

  Findings& findings_;
  Tally& tally_;
  std::vector<Limits> limits_;
  core::WallTime spent_at_{};
  core::WallTime windows_in_doubt_until_{};
  std::array<Minute, core::endpoint_count + 1> app_;
  std::map<std::pair<std::string, core::Endpoint>, Minute> links_;
  std::array<Window, core::endpoint_count + 1> windows_;
};

}  // namespace syncd::test
