#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/cli/commands.hpp"
#include "daemon/cli/grammar.hpp"

namespace syncd::cli {

// A script that completes the verbs, options and values of the grammar in bash, zsh or fish (`shell`). Ids
// are asked of the daemon while one types, with the hidden verb below.
std::string completion_script(std::string_view shell, const std::vector<GrammarVerb>& grammar);

// The hidden verb: prints what of a kind (LINK, ENTRY, LETTER, NAME) begins with `prefix`, a line each, at
// most so many as one looks through. Nobody waits for it long, and it says nothing when nobody answers.
CliResult<int> print_candidates(const Session& session, const std::string& kind, const std::string& prefix);

}  // namespace syncd::cli
