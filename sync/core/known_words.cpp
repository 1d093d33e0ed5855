#include "sync/core/known_words.hpp"

#include <algorithm>
#include <array>

namespace syncd::core {
namespace {

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

constexpr std::array<std::string_view, 5> link_states{"connected", "error", "connecting",
                                                      "awaiting_token_exchange", "deleted"};
constexpr std::array<std::string_view, 11> link_errors{
    "auth_expired",         "user_setup_required", "invalid_credentials", "user_oauth_denied",
    "user_input_incorrect", "user_error",          "incomplete",          "no_accounts",
    "institution_error",    "provider_error",      "system_error"};
constexpr std::array<std::string_view, 8> product_errors{"rate_limit",        "auth_expired", "not_supported",
                                                         "timeout",           "unknown",      "no_accounts",
                                                         "institution_error", "no_permission"};
constexpr std::array<std::string_view, 7> providers{"moneykit", "finicity", "plaid",   "yodlee",
                                                    "mx",       "akoya",    "sophtron"};
constexpr std::array<std::string_view, 4> account_kinds{"depository", "investment", "liability", "other"};

}  // namespace

bool is_known_account_type(std::string_view word) {
  return word == "unknown" || contains(account_kinds, word.substr(0, word.find('.')));
}
bool is_known_link_state(std::string_view word) {
  return contains(link_states, word);
}
bool is_known_link_error(std::string_view word) {
  return contains(link_errors, word);
}
bool is_known_product_error(std::string_view word) {
  return contains(product_errors, word);
}
bool is_known_provider(std::string_view word) {
  return contains(providers, word);
}

}  // namespace syncd::core
