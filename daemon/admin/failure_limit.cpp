#include "daemon/admin/failure_limit.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <utility>

namespace syncd::daemon {

namespace {

constexpr core::Millis minute{60'000};
constexpr std::size_t network_bytes = 8;

}  // namespace

std::string limit_key(std::string_view address) {
  in6_addr v6{};
  const std::string text(address);
  if (inet_pton(AF_INET6, text.c_str(), &v6) != 1) return text;
  std::array<char, INET6_ADDRSTRLEN> shown{};
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    inet_ntop(AF_INET, &v6.s6_addr[12], shown.data(), shown.size());
    return shown.data();
  }
  std::fill(std::begin(v6.s6_addr) + network_bytes, std::end(v6.s6_addr), 0);
  inet_ntop(AF_INET6, &v6, shown.data(), shown.size());
  return std::string(shown.data()) + "/64";
}

core::Millis FailureLimit::delay_after(std::uint32_t failures) const {
  if (failures <= limits_.free_failures) return core::Millis{0};
  core::Millis delay = limits_.delay_first;
  for (std::uint32_t over = failures - limits_.free_failures; over > 1 && delay < limits_.delay_max; --over)
    delay *= 2;
  return std::min(delay, limits_.delay_max);
}

FailureLimit::Record& FailureLimit::record_of(const std::string& key, api::SteadyTime now) {
  const auto known = addresses_.find(key);
  if (known != addresses_.end()) {
    if (now - known->second.last_at >= limits_.forget_after) known->second = {};
    return known->second;
  }
  if (addresses_.size() >= limits_.addresses_max) {
    addresses_.erase(std::ranges::min_element(addresses_, std::ranges::less{},
                                              [](const auto& entry) { return entry.second.last_at; }));
  }
  return addresses_[key];
}

core::Millis FailureLimit::fail(std::string_view address, api::SteadyTime now) {
  Record& record = record_of(limit_key(address), now);
  if (now < record.wait_until) return record.wait_until - now;
  if (now - minute_begun_at_ >= minute) {
    minute_begun_at_ = now;
    in_minute_ = 0;
  }
  if (in_minute_ >= limits_.all_per_minute_max) return minute_begun_at_ + minute - now;
  ++in_minute_;
  ++record.failures;
  record.last_at = now;
  record.wait_until = now + delay_after(record.failures);
  return core::Millis{0};
}

}  // namespace syncd::daemon
