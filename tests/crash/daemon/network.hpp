#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/crash/daemon/campaign.hpp"
#include "tests/crash/daemon/fault_proxy.hpp"

namespace syncd::test::crash {

inline constexpr std::chrono::seconds network_limit{120};  // against hanging only

/// The real daemon and the real sandbox with the proxy between them.
class Network : public testing::Test {
 protected:
  /// The proxy's plan may use what is gone after this.
  void TearDown() override;

  /// As in the other campaigns, but through the proxy.
  [[nodiscard]] e2e::Tuning tuning_through_proxy() const;
  /// The daemon's directory and configuration.
  void prepare(const e2e::Tuning& tuning);
  void start(const e2e::Tuning& tuning);
  /// Until there are so many; each has few rows.
  void add_links(std::size_t count);
  void change_all();

  /// All links are visited again and again, each by somebody of its own, until somebody who looks on says so.
  void visit_all_until(const std::function<bool()>& done);
  /// How visits that were asked for by visit_all_until() ended.
  struct Visits {
    std::atomic<std::size_t> good = 0;
    std::atomic<std::size_t> failed = 0;
  };

  std::map<std::string, e2e::LinkRows> rows();
  void expect_all_right();

  e2e::ScratchDir dir_{e2e::fast_scratch_directory()};
  e2e::Sandbox sandbox_{dir_.path(), {"--no-budgets", "--seed", "31", "--refresh-failures", "0"}};
  FaultProxy proxy_{sandbox_.url()};
  Campaign campaign_{sandbox_};
  std::unique_ptr<e2e::Daemon> daemon_;
  Visits visits_;
};

}  // namespace syncd::test::crash
