#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/cli/commands.hpp"

namespace syncd::cli {

struct PlanOptions {
  std::optional<std::uint64_t> links;            // none: those that there are
  std::optional<std::uint32_t> webhook_percent;  // none: as many as have one
};

CliResult<int> explain_schedule(const Session& session, const std::string& link_id);
CliResult<int> plan_budget(const Session& session, const PlanOptions& options);

}  // namespace syncd::cli
