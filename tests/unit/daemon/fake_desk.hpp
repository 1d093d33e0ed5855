#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/admin/backup_desk.hpp"

namespace syncd::test {

// Shows the backups that it is given, and tells of each question.
class FakeDesk final : public daemon::BackupDesk {
 public:
  // Called first in each; an error is the answer.
  std::function<std::optional<core::Error>(const char* question)> on_question;

  api::Task<core::Result<daemon::BackupState>> create(core::Millis wait, engine::Requester by) override {
    if (auto refused = ask("create")) co_return std::unexpected(*refused);
    waited = wait;
    requester = std::move(by);
    co_return backups.front();
  }
  api::Task<core::Result<std::vector<daemon::BackupState>>> list() override {
    if (auto refused = ask("list")) co_return std::unexpected(*refused);
    co_return backups;
  }
  api::Task<core::Result<std::optional<daemon::BackupState>>> show(std::string name,
                                                                   core::Millis wait) override {
    if (auto refused = ask("show")) co_return std::unexpected(*refused);
    waited = wait;
    for (const daemon::BackupState& backup : backups) {
      if (backup.name == name) co_return backup;
    }
    co_return std::nullopt;
  }

  std::vector<daemon::BackupState> backups;
  core::Millis waited{};
  engine::Requester requester;

 private:
  std::optional<core::Error> ask(const char* question) {
    return on_question ? on_question(question) : std::nullopt;
  }
};

}  // namespace syncd::test
