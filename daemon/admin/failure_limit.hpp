#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "sync/api/timers.hpp"

namespace syncd::daemon {

struct FailureLimits {
  std::uint32_t free_failures = 5;  // of one address, before it has to wait
  core::Millis delay_first{1'000};  // doubles with each further failure
  core::Millis delay_max{300'000};
  core::Millis forget_after{900'000};      // since the last failure of the address
  std::uint32_t all_per_minute_max = 120;  // failures of all addresses together
  std::size_t addresses_max = 1024;        // remembered; then the one that failed longest ago is forgotten
};

// How long who presents bad tokens is turned away. It keeps guessing from filling the log and from taking
// time; it does not have to keep it from succeeding, which 256 random bits do. So only bad tokens are
// counted, and only their bearers wait: a neighbour on the same address cannot lock anybody out.
class FailureLimit {
 public:
  explicit FailureLimit(FailureLimits limits) : limits_(limits) {}

  // A bad token came from `address`. Zero: it is to be told so, and noted. Else the time that this address
  // must still wait; such a failure does not count, so that the wait ends.
  core::Millis fail(std::string_view address, api::SteadyTime now);

  std::size_t addresses() const { return addresses_.size(); }

 private:
  struct Record {
    std::uint32_t failures = 0;
    api::SteadyTime last_at{};
    api::SteadyTime wait_until{};
  };
  Record& record_of(const std::string& key, api::SteadyTime now);
  core::Millis delay_after(std::uint32_t failures) const;

  FailureLimits limits_;
  std::map<std::string, Record> addresses_;
  api::SteadyTime minute_begun_at_{};
  std::uint32_t in_minute_ = 0;
};

// What counts as one address: an IPv4 address, also inside IPv6, or the network (/64) of an IPv6 address,
// all of which one machine may use.
std::string limit_key(std::string_view address);

}  // namespace syncd::daemon
