#pragma once

#include <string>
#include <vector>

#include "daemon/cli/grammar.hpp"

namespace syncd::cli {

// moneykitctl(1): every verb and option of the grammar, for man(1).
std::string manual(const std::vector<GrammarVerb>& grammar);

}  // namespace syncd::cli
