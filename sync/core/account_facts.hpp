#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace syncd::core {

// The members of a stored account by which a person, or continuity.hpp, tells it from another one; empty
// where they are missing or null. Balances are texts as upstream wrote them.
struct AccountFacts {
  std::string name;
  std::string type;  // `account_type`: dotted, an open set
  std::string mask;  // `account_mask`: the last characters of its number, not unique
  std::string currency;
  std::string available;
  std::string current;
  std::string limit;
  bool operator==(const AccountFacts&) const = default;
};

// `json`: an account object that was accepted once. nullopt when it is not one.
std::optional<AccountFacts> account_facts(std::string_view json);

}  // namespace syncd::core
