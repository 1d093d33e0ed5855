#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/sandbox/model/options.hpp"
#include "tests/sandbox/model/upstream.hpp"

namespace syncd::sandbox {

/// Exact number of events in the last sliding minute. Events of one millisecond share an entry, so that
/// memory is bounded by 60,000 entries whatever the rate.
class MinuteCount {
 public:
  /// Counts one event and returns how many fell into (at - 60 s, at].
  std::uint32_t add(TimePoint at);
  [[nodiscard]] std::uint32_t count(TimePoint at);
  /// When the oldest counted event leaves the window; only valid when something is counted.
  [[nodiscard]] TimePoint oldest_leaves() const { return entries_[head_].first + Milliseconds{60'000}; }

 private:
  void drop_old(TimePoint at);
  // A vector with a moving head: cheaper than a deque while empty, and there is one for each link.
  std::vector<std::pair<TimePoint, std::uint32_t>> entries_;
  std::size_t head_ = 0;
  std::uint32_t total_ = 0;
};

/// Budgets and the books about requests. Everything here is in wire time.
class Meter {
 public:
  static constexpr std::uint32_t no_link = ~0U;

  explicit Meter(Budgets budgets, Milliseconds grace) : budgets_(budgets), grace_(grace) {}

  void set_budgets(const Budgets& budgets) { budgets_ = budgets; }
  /// Counts an arrival, whatever becomes of it, and whether it lies in a Retry-After window.
  void arrived(Endpoint endpoint, std::uint32_t link, TimePoint now);
  /// A budget is used up: how long, and for which link (no_link: for the whole app).
  struct Refusal {
    Milliseconds wait;
    std::uint32_t link;
  };
  /// Takes one call from the budgets; when one of them is used up nothing is taken.
  std::optional<Refusal> take(Endpoint endpoint, std::uint32_t link, TimePoint now);
  std::optional<Milliseconds> take_session_of_user(const std::string& user_id, TimePoint now);
  /// A 429 was decided: until then nothing more is to arrive for this endpoint (of this link, if given).
  void closed_until(Endpoint endpoint, std::uint32_t link, TimePoint now, TimePoint until);
  void answered(Endpoint endpoint, int status);

  EndpointStatistics& of(Endpoint endpoint) { return statistics_.at(static_cast<std::size_t>(endpoint)); }
  [[nodiscard]] const std::array<EndpointStatistics, endpoint_count>& all() const { return statistics_; }
  void clear_statistics() { statistics_ = {}; }

 private:
  struct Window {
    TimePoint from;
    TimePoint until;
  };
  static std::uint64_t key(Endpoint endpoint, std::uint32_t link) {
    return static_cast<std::uint64_t>(endpoint) << 32U | link;
  }
  [[nodiscard]] bool inside(std::uint64_t window_key, TimePoint now);

  Budgets budgets_;
  Milliseconds grace_;
  std::array<MinuteCount, endpoint_count> app_taken_;
  std::array<MinuteCount, endpoint_count> app_arrived_;
  std::unordered_map<std::uint64_t, MinuteCount> link_taken_;
  std::unordered_map<std::uint64_t, MinuteCount> link_arrived_;
  std::unordered_map<std::string, MinuteCount> user_sessions_;
  std::unordered_map<std::uint64_t, Window> windows_;
  std::array<EndpointStatistics, endpoint_count> statistics_;
};

}  // namespace syncd::sandbox
