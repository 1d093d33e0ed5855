#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/cli/commands.hpp"
#include "sync/core/relink.hpp"

namespace syncd::cli {

struct RelinkListOptions {
  std::string status = "live";  // all: without a filter
  std::string institution = {};
  std::string reason = {};
  std::string assignee = {};
  std::string search = {};
  bool newest_first = false;
  std::size_t limit = 0;  // 0: all
};

struct RelinkActOptions {
  core::RelinkRequest::Kind kind = core::RelinkRequest::Kind::claim;
  std::string link_id = {};
  std::optional<std::uint64_t> version = {};  // nullopt: the one that is found
  std::string assignee = {};
  bool take_over = false;
  std::string text = {};
};

CliResult<int> list_relinks(const Session& session, const RelinkListOptions& options);
CliResult<int> show_relink(const Session& session, const std::string& link_id);
// A dry run says what would become of the entry, by the rules of the daemon. To dismiss is asked about first.
CliResult<int> act_on_relink(const Session& session, const RelinkActOptions& options);

// The entry, as the daemon shows it, as far as the rules for an act look at it.
core::RelinkEntry entry_of(const JsonValue& shown);

CliResult<int> list_acts(const Session& session, std::size_t limit);
// Exit code 1: an act was changed, or is missing.
CliResult<int> check_acts(const Session& session);

}  // namespace syncd::cli
