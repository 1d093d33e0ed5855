#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/cli/csv.hpp"
#include "daemon/cli/json_value.hpp"

namespace syncd::cli {

// What an export writes of an item of the admin API. Pure.

enum class Exported : std::uint8_t { accounts, transactions, links, feed };
std::optional<Exported> parse_exported(std::string_view word);
std::string_view to_string(Exported what);

// Names of the columns of CSV, in their order: a public interface.
std::vector<std::string_view> columns_of(Exported what);
// With its line's end.
std::string csv_header(Exported what);
// One row with its line's end. Texts and numbers as the API has them; null and absent: an empty cell.
// `link_id`: of accounts and transactions, whose items do not say it.
std::string csv_row(Exported what, const std::string& link_id, const JsonValue& item, Formulas formulas);
// The item as it came, on one line: with the link's id as its first member for accounts and transactions, and
// line breaks between its tokens as blanks.
std::string ndjson_line(Exported what, const std::string& link_id, const JsonValue& item);

}  // namespace syncd::cli
