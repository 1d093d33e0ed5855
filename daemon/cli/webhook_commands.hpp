#pragma once

#include "daemon/cli/commands.hpp"

namespace syncd::cli {

// Lists the links without the configured webhook. Exit code 1 when there are any.
CliResult<int> audit_webhooks(const Session& session);
// Gives them the configured webhook, within upstream's budget; what broke it off, a run more goes on with.
CliResult<int> fix_webhooks(const Session& session);

}  // namespace syncd::cli
