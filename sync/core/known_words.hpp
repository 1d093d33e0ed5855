#pragma once

#include <string_view>

namespace syncd::core {

// Upstream's vocabularies as far as this version knows them. They are open: an unknown word is kept and
// counted, never refused.
bool is_known_link_state(std::string_view word);
bool is_known_link_error(std::string_view word);
bool is_known_product_error(std::string_view word);
bool is_known_provider(std::string_view word);
// `depository.checking`, `liability`, ... or exactly `unknown`: the first part decides.
bool is_known_account_type(std::string_view word);
inline bool is_known_transaction_type(std::string_view word) {
  return word == "debit" || word == "credit";
}

}  // namespace syncd::core
