#pragma once

#include <optional>
#include <string_view>

#include "daemon/cli/commands.hpp"

namespace syncd::cli {

// Asks on the terminal before something that is hard to take back. `consequence` is one sentence without its
// full stop, for instance "link mk_1 and all its rows are deleted"; what comes from outside went through
// printable(). Nothing is asked with --yes (Session::confirmed). nullopt: go on. Otherwise the command ends
// with what is in it: exit code 1 when the answer was no, exit_usage when there is no terminal to ask on.
//
//   if (const auto ended = confirm(session, "link mk_1 and all its rows are deleted")) return *ended;
//
// A verb that asks takes --yes: see add_yes() in arguments.cpp. A dry run returns before it asks.
std::optional<CliResult<int>> confirm(const Session& session, std::string_view consequence);

}  // namespace syncd::cli
