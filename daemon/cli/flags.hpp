#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "daemon/cli/admin_client.hpp"

namespace syncd::cli {

// A member of a request as the admin API names it, and what was typed for it.
struct FlagName {
  std::string_view member;
  std::string_view typed;
};

// A refusal in the words of the command line: `customer_user_id must have ...` becomes `--user must have
// ...`, with the exit code of wrong use. One that is not about what was typed stays as it is.
CliError in_flags(CliError error, std::initializer_list<FlagName> names);

}  // namespace syncd::cli
