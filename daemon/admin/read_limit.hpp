#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "sync/api/timers.hpp"

namespace syncd::daemon {

// What one caller may read of people's data in a minute; 0: as much as it likes.
struct ReadRates {
  std::uint64_t requests_per_minute = 0;
  std::uint64_t rows_per_minute = 0;
};

// Two token buckets for each caller, of a minute's worth each. How many rows a request shows is known behind
// it: they are charged then, and the next one waits until the debt is paid. So a caller can be ahead by what
// its requests in flight show.
//
// Who has the most left is forgotten when there are more than callers_max: a caller that is held back stays
// known as long as others are less so.
class ReadLimit {
 public:
  static constexpr std::size_t callers_max = 1024;

  struct Verdict {
    core::Millis wait{0};  // zero: counted, and may read
    bool by_rows = false;  // it is the rows that hold it back
    bool first = false;    // the first refusal since the caller had all of its buckets
  };
  Verdict admit(std::string_view caller, const ReadRates& rates, api::SteadyTime now);
  void charge(std::string_view caller, const ReadRates& rates, std::uint64_t rows, api::SteadyTime now);

  std::size_t callers() const { return callers_.size(); }

 private:
  // A bucket is known by when it will be full again.
  using Time = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;
  struct Caller {
    Time requests_full_at{};
    Time rows_full_at{};
    bool told = false;
  };
  Caller& caller_of(std::string_view name, Time now);

  std::map<std::string, Caller, std::less<>> callers_;
};

}  // namespace syncd::daemon
