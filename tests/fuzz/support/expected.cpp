#include "tests/fuzz/support/expected.hpp"

#include <algorithm>

namespace syncd::fuzz {
namespace {

using Kind = JsonNode::Kind;

bool is_kind(const JsonNode* node, Kind kind) {
  return node != nullptr && node->kind == kind;
}

bool is_object_or_absent(const JsonNode* node) {
  return node == nullptr || node->kind == Kind::null || node->kind == Kind::object;
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// A decimal in a text, or any number.
bool is_amount(const JsonNode* node) {
  if (is_kind(node, Kind::number)) return true;
  if (!is_kind(node, Kind::text)) return false;
  std::string_view text = node->text;
  if (text.starts_with('-')) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  const std::string_view fraction = point == std::string_view::npos ? "0" : text.substr(point + 1);
  return all_digits(text.substr(0, point)) && all_digits(fraction);
}

bool is_product(const JsonTree& tree, const JsonNode* node) {
  if (!is_object_or_absent(node)) return false;
  if (!is_kind(node, Kind::object)) return true;
  return is_text_or_absent(tree.member(*node, "refreshed_at")) &&
         is_text_or_absent(tree.member(*node, "error_code")) &&
         is_text_or_absent(tree.member(*node, "last_attempted_at"));
}

void check_product(const JsonTree& tree, const JsonNode* node, const core::ProductInfo& product) {
  const bool granted = is_kind(node, Kind::object);
  FUZZ_CHECK(product.granted == granted, "a product is granted when it is an object");
  if (!granted) return;
  const std::string_view refreshed = text_of(tree.member(*node, "refreshed_at"));
  FUZZ_CHECK(product.refreshed_at == core::parse_upstream_time(refreshed), "the clock is the one written");
  FUZZ_CHECK(product.error_code == text_of(tree.member(*node, "error_code")), "error_code is kept");
  FUZZ_CHECK(!product.failing || !product.error_code.empty(), "what fails has a reason");
}

}  // namespace

bool is_id(const JsonNode* node) {
  if (!is_kind(node, Kind::text)) return false;
  const std::string_view id = node->text;
  if (id.empty() || id.size() > 256) return false;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const auto c = static_cast<unsigned char>(id[i]);
    if (c < 0x20 || c == 0x7f) return false;
    const bool c1 = c == 0xc2 && static_cast<unsigned char>(id[i + 1]) < 0xa0;
    if (c1) return false;
  }
  return true;
}

bool is_text_or_absent(const JsonNode* node) {
  return node == nullptr || node->kind == Kind::null || node->kind == Kind::text;
}

std::string_view text_of(const JsonNode* node) {
  return node == nullptr ? std::string_view{} : node->text;
}

bool is_calendar_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  const std::string digits =
      std::string(text.substr(0, 4)) + std::string(text.substr(5, 2)) + std::string(text.substr(8, 2));
  if (!all_digits(digits)) return false;
  const int year = std::stoi(digits.substr(0, 4));
  const int month = std::stoi(digits.substr(4, 2));
  const int day = std::stoi(digits.substr(6, 2));
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  const int days[] = {0, 31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= days[month];
}

bool is_link(const JsonTree& tree, const JsonNode* node) {
  if (!is_kind(node, Kind::object)) return false;
  const JsonNode* products = tree.member(*node, "products");
  if (!is_object_or_absent(products)) return false;
  if (is_kind(products, Kind::object) && (!is_product(tree, tree.member(*products, "accounts")) ||
                                          !is_product(tree, tree.member(*products, "transactions")))) {
    return false;
  }
  return is_id(tree.member(*node, "link_id")) && is_kind(tree.member(*node, "state"), Kind::text) &&
         is_text_or_absent(tree.member(*node, "error_code")) &&
         is_text_or_absent(tree.member(*node, "institution_id")) &&
         is_text_or_absent(tree.member(*node, "provider"));
}

bool is_account(const JsonTree& tree, const JsonNode& node) {
  return is_id(tree.member(node, "account_id")) && is_kind(tree.member(node, "account_type"), Kind::text) &&
         is_kind(tree.member(node, "name"), Kind::text) &&
         is_kind(tree.member(node, "balances"), Kind::object);
}

bool is_account_list(const JsonTree& tree, const JsonNode* node) {
  if (!is_kind(node, Kind::array)) return false;
  for (const JsonNode* row = tree.first(*node); row != nullptr; row = tree.next(*row)) {
    if (!is_account(tree, *row)) return false;
  }
  return true;
}

bool is_transaction(const JsonTree& tree, const JsonNode& node) {
  const JsonNode* date = tree.member(node, "date");
  return is_id(tree.member(node, "transaction_id")) && is_id(tree.member(node, "account_id")) &&
         is_amount(tree.member(node, "amount")) && is_kind(tree.member(node, "type"), Kind::text) &&
         is_kind(tree.member(node, "currency"), Kind::text) && is_kind(date, Kind::text) &&
         is_calendar_date(date->text.substr(0, 10)) && is_kind(tree.member(node, "pending"), Kind::truth);
}

void check_link(const JsonTree& tree, const JsonNode& node, const core::LinkObject& link) {
  check_slice(link.json, node);
  FUZZ_CHECK(link.link_id == text_of(tree.member(node, "link_id")), "link_id is the one written");
  FUZZ_CHECK(link.state == text_of(tree.member(node, "state")), "state is kept");
  FUZZ_CHECK(link.error_code == text_of(tree.member(node, "error_code")), "error_code is kept");
  FUZZ_CHECK(link.institution_id == text_of(tree.member(node, "institution_id")), "institution_id is kept");
  FUZZ_CHECK(link.provider == text_of(tree.member(node, "provider")), "provider is kept");
  const JsonNode* products = tree.member(node, "products");
  const auto product = [&](std::string_view name) {
    return products == nullptr ? nullptr : tree.member(*products, name);
  };
  check_product(tree, product("accounts"), link.accounts);
  check_product(tree, product("transactions"), link.transactions);
}

void check_accounts(const JsonTree& tree, const JsonNode& list, const std::vector<core::AccountRow>& rows) {
  FUZZ_CHECK(rows.size() == list.children, "as many accounts as were sent");
  const JsonNode* node = tree.first(list);
  for (const core::AccountRow& row : rows) {
    check_slice(row.json, *node);
    FUZZ_CHECK(row.account_id == text_of(tree.member(*node, "account_id")), "account_id is the one written");
    node = tree.next(*node);
  }
}

void check_transactions(const JsonTree& tree, const JsonNode& list,
                        const std::vector<core::TransactionRow>& rows) {
  FUZZ_CHECK(rows.size() == list.children, "as many transactions as were sent");
  const JsonNode* node = tree.first(list);
  for (const core::TransactionRow& row : rows) {
    const auto text = [&](std::string_view name) { return text_of(tree.member(*node, name)); };
    check_slice(row.json, *node);
    FUZZ_CHECK(row.transaction_id == text("transaction_id"), "transaction_id is the one written");
    FUZZ_CHECK(row.account_id == text("account_id"), "account_id is the one written");
    FUZZ_CHECK(row.amount == text("amount"), "an amount is its text");
    FUZZ_CHECK(row.type == text("type"), "type is kept");
    FUZZ_CHECK(row.currency == text("currency"), "currency is kept");
    FUZZ_CHECK(row.date == text("date").substr(0, 10), "a date is its first ten characters");
    FUZZ_CHECK(row.pending == tree.member(*node, "pending")->truth, "pending is the one written");
    node = tree.next(*node);
  }
}

void check_refusal(const core::Error& error, std::string_view body) {
  FUZZ_CHECK(error.code == core::Errc::protocol, "an answer that is not believed is a protocol error");
  FUZZ_CHECK(error.body_bytes == body.size(), "a refusal tells the size");
  FUZZ_CHECK(error.body_digest == core::digest_of(body), "a refusal tells the digest");
  FUZZ_CHECK(!error.message.empty() && error.message.size() <= 256, "a refusal is one short line");
  const bool plain = std::ranges::all_of(error.message, [](char c) { return c >= ' ' && c <= '~'; });
  FUZZ_CHECK(plain, "a refusal holds none of the content");
}

}  // namespace syncd::fuzz
