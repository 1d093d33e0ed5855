#pragma once

#include <functional>
#include <string>

#include "daemon/cli/admin_client.hpp"

namespace syncd::cli {

// Asks again while the daemon is away, as when it is restarted, or wants to be left alone: what it is asked
// for may be asked twice. One that was never there is told at once.
class PatientClient {
 public:
  // How long one request is tried, by the clock of the machine.
  static constexpr core::Millis patience{300'000};

  // `client` outlives it. `told` is called before something is printed to standard error.
  explicit PatientClient(const Client& client, std::function<void()> told = {}, core::Millis limit = patience)
      : client_(client), told_(std::move(told)), limit_(limit) {}

  CliResult<Answer> get(const std::string& target);
  CliResult<Answer> post(const std::string& target, const std::string& body);

 private:
  CliResult<Answer> ask(const std::function<CliResult<Answer>()>& request);

  const Client& client_;
  std::function<void()> told_;
  core::Millis limit_;
  bool was_there_ = false;
};

}  // namespace syncd::cli
