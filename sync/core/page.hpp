#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sync/core/result.hpp"
#include "sync/core/types.hpp"

namespace syncd::core {

// Upstream's answers, parsed strictly. All views point into the answer that owns them (its body, or its store
// of unescaped strings), so an answer is neither copied nor changed after parsing: it is held by
// shared_ptr<const>.

// Bytes that the JSON reader may touch behind the body.
inline constexpr std::size_t body_padding_bytes = 64;

struct TransactionRow {
  std::string_view transaction_id;
  std::string_view account_id;
  std::string_view amount;  // decimal text, as sent
  std::string_view type;    // credit, debit, or a word not known yet
  std::string_view currency;
  std::string_view date;  // first ten characters: YYYY-MM-DD
  bool pending = false;
  std::string_view json;  // the whole object
};

struct AccountRow {
  std::string_view account_id;
  std::string_view json;
};

struct ProductInfo {
  bool granted = false;  // the member is present and not null
  std::optional<UpstreamTime> refreshed_at;
  std::string_view error_code;  // of the last try to refresh it; empty: none
  bool failing = false;         // error_code is set and no later try has succeeded
  std::optional<UpstreamTime> attempted_at = {};
};

struct LinkObject {
  std::string_view link_id;
  std::string_view institution_id;
  std::string_view provider;
  std::string_view state;
  std::string_view error_code;  // empty: none
  ProductInfo accounts;
  ProductInfo transactions;
  bool has_webhook = false;
  std::string_view json;
};

// What every parsed answer owns.
struct AnswerBase {
  std::string body;                   // capacity() >= size() + body_padding_bytes while parsing
  std::deque<std::string> unescaped;  // strings whose JSON form held escapes
  std::uint32_t unknown_values = 0;   // enum words we do not know, kept as text

  AnswerBase() = default;
  AnswerBase(const AnswerBase&) = delete;
  AnswerBase& operator=(const AnswerBase&) = delete;
};

struct Page : AnswerBase {
  LinkObject link;
  bool accounts_present = false;
  std::string_view accounts_json;  // the array's text
  Digest accounts_digest{};        // of accounts_json
  std::vector<AccountRow> accounts;
  std::vector<TransactionRow> created;
  std::vector<TransactionRow> updated;
  std::vector<std::string_view> removed;
  std::string_view next;  // empty: absent, null or empty
  bool has_more = false;
};

struct AccountsAnswer : AnswerBase {
  LinkObject link;
  std::vector<AccountRow> accounts;
};

struct LinkAnswer : AnswerBase {
  LinkObject link;
};

struct LinksAnswer : AnswerBase {
  std::vector<std::string_view> link_ids;
  std::string_view next;  // empty: the end of the list
};

struct TokenAnswer {
  std::string access_token;  // a secret
  std::chrono::seconds expires_in{};
};

struct ErrorAnswer {
  std::string error_code;
  std::string link_error_code;
  // The places that a `validation_errors` names: `customer_user.id`, `link_tags[3]`. At most
  // refused_fields_max; a word that is not a member of a request is `?`, so that no value can be in it.
  std::vector<std::string> refused_fields = {};
};
inline constexpr std::size_t refused_fields_max = 4;

struct IntrospectAnswer {
  std::string app_id;
  std::string disabled_at;  // empty: not set
};

// Limits of the reader.
inline constexpr std::size_t json_depth_max = 64;
// Rows of all lists of one answer together; beyond that the answer is refused as too_large.
inline constexpr std::size_t page_rows_max = 100'000;

// Each takes the body (moved in) and gives the answer, or Errc::protocol with a message that names the place
// and the reason but never the content. The whole document is checked (RFC 8259; UTF-8; no duplicate member
// in any object; depth; nothing after the end), also where nothing is read from it.
Result<std::shared_ptr<const Page>> parse_page(std::string body);
Result<std::shared_ptr<const AccountsAnswer>> parse_accounts(std::string body);
Result<std::shared_ptr<const LinkAnswer>> parse_link(std::string body);
Result<std::shared_ptr<const LinksAnswer>> parse_links(std::string body);
Result<TokenAnswer> parse_token(std::string body);
Result<ErrorAnswer> parse_error(std::string body);
Result<IntrospectAnswer> parse_introspect(std::string body);

// True when both texts are the same JSON value: members in any order, strings by their characters, numbers by
// their text. Texts that are not JSON are equal only byte by byte.
bool same_json(std::string_view a, std::string_view b);

}  // namespace syncd::core
