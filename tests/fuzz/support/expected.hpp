#pragma once

#include <string>
#include <string_view>

#include "sync/core/page.hpp"
#include "tests/fuzz/support/json_tree.hpp"
#include "tests/fuzz/support/target.hpp"

namespace syncd::fuzz {

// What the contract says of an upstream answer, asked of the tree of the second reader. Each is_...() is true
// exactly for the values that the typed reader must accept; each check_...() compares what it made of one.

bool is_id(const JsonNode* node);              // a text of 1 to 256 bytes without control characters
bool is_text_or_absent(const JsonNode* node);  // a text, null, or no such member
bool is_calendar_date(std::string_view text);  // YYYY-MM-DD
// Empty for null and for no such member.
std::string_view text_of(const JsonNode* node);

bool is_link(const JsonTree& tree, const JsonNode* node);
bool is_account(const JsonTree& tree, const JsonNode& node);
bool is_account_list(const JsonTree& tree, const JsonNode* node);
bool is_transaction(const JsonTree& tree, const JsonNode& node);

void check_link(const JsonTree& tree, const JsonNode& node, const core::LinkObject& link);
void check_accounts(const JsonTree& tree, const JsonNode& list, const std::vector<core::AccountRow>& rows);
void check_transactions(const JsonTree& tree, const JsonNode& list,
                        const std::vector<core::TransactionRow>& rows);

// A refusal says where and why, with evidence and without content.
void check_refusal(const core::Error& error, std::string_view body);

// Rows are kept as they came: the slice of the answer and nothing around it.
inline void check_slice(std::string_view json, const JsonNode& node) {
  FUZZ_CHECK(json == node.raw, "a row is kept whole, as received");
}

}  // namespace syncd::fuzz
