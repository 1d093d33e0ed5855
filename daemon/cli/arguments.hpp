#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/cli/commands.hpp"
#include "daemon/cli/consumer_commands.hpp"
#include "daemon/cli/export_commands.hpp"
#include "daemon/cli/import_commands.hpp"
#include "daemon/cli/purge_commands.hpp"
#include "daemon/cli/refresh_commands.hpp"
#include "daemon/cli/relink_commands.hpp"
#include "daemon/cli/schedule_commands.hpp"
#include "daemon/cli/session_commands.hpp"
#include "daemon/cli/token_commands.hpp"
#include "daemon/cli/verify_commands.hpp"
#include "daemon/options.hpp"

namespace syncd::cli {

using Command = std::function<CliResult<int>(const Session&)>;

struct Options {
  std::string socket;
  std::string config;
  bool json = false;
  bool dry_run = false;
  bool confirmed = false;
  std::string color = "auto";
  std::string shell;  // completion
  std::string link_id;
  std::string state;
  std::string search;
  RefreshOptions refresh;
  PlanOptions plan;
  RelinkListOptions relinks;
  RelinkActOptions relink_act;
  RelinkSessionOptions relink_session;
  SessionOptions new_session;
  ExchangeOptions exchange;
  std::size_t acts_limit = 50;
  std::string wait;
  AddOptions add;
  std::size_t limit = 0;
  std::optional<std::uint64_t> after;
  bool follow = false;
  bool unlink = false;
  std::size_t entries_limit = 20;
  VerifyOptions verify;
  std::string letter;
  TokenOptions token;
  ConsumerOptions consumer;
  ImportOptions import_from;
  ExportOptions export_to;
};

// What a command line asks for.
struct Invocation {
  Options options;
  // Refers to the options of this invocation: it is neither copied nor moved.
  Command command;

  Invocation() = default;
  Invocation(const Invocation&) = delete;
  Invocation& operator=(const Invocation&) = delete;
};

// Reads the arguments behind the program's name. nullopt: `invocation` says what to run. Otherwise there is
// nothing to run; the error then is a message without the program's name and without the last line's end.
std::optional<daemon::Ending> parse_arguments(const std::vector<std::string>& arguments,
                                              Invocation& invocation);

}  // namespace syncd::cli
