#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace syncd::core {

// The few members of a stored transaction that tell one payment from another; empty where they are missing or
// null.
struct RowFacts {
  std::string amount;  // text
  std::string type;
  std::string currency;
  std::string date;  // YYYY-MM-DD
  std::string raw_description;
  std::string description;  // the cleaned one
};

// `json`: a transaction object that was accepted once. nullopt when it is not one.
std::optional<RowFacts> row_facts(std::string_view json);

// Days since 1970-01-01 of YYYY-MM-DD; nullopt for anything else.
std::optional<int> civil_day(std::string_view date);

}  // namespace syncd::core
