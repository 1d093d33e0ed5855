#pragma once

#include <bit>
#include <chrono>
#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <string_view>

#include "metrics/metrics.hpp"

namespace syncd::test {

// The samples of an exposition: `name{label="value",...}` as written, and the value.
class Scrape {
 public:
  explicit Scrape(const metrics::Metrics& metrics) : text_(metrics.exposition()) {
    std::istringstream lines(text_);
    for (std::string line; std::getline(lines, line);) {
      if (line.empty() || line.front() == '#') continue;
      const std::size_t space = line.rfind(' ');
      samples_[line.substr(0, space)] = std::stod(line.substr(space + 1));
    }
  }

  const std::string& text() const { return text_; }
  const std::map<std::string, double>& samples() const { return samples_; }
  bool has(const std::string& series) const { return samples_.contains(series); }
  // The value of `moneykit_syncd_<series>`; a missing one throws, which fails the test.
  double operator[](const std::string& series) const { return samples_.at("moneykit_syncd_" + series); }
  double raw(const std::string& series) const { return samples_.at(series); }

 private:
  std::string text_;
  std::map<std::string, double> samples_;
};

// Any number in the enum's byte, also one without an enumerator: what a newer part of the program might hand
// over.
template <class Enum>
Enum any_value(int number) {
  return std::bit_cast<Enum>(static_cast<std::uint8_t>(number));
}

inline core::WallTime at_second(long long second) {
  return core::WallTime(std::chrono::seconds(second));
}

inline metrics::MetricsOptions metrics_options() {
  return {.version = "1.2.3", .started_at = at_second(1'700'000'000)};
}

}  // namespace syncd::test
