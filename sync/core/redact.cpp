#include "sync/core/redact.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "sync/core/page.hpp"
#include "sync/core/types.hpp"

namespace syncd::core {
namespace {

using std::string_view_literals::operator""sv;

// The names of members that the contract knows; sorted.
constexpr auto names = std::to_array<std::string_view>({"account_id",
                                                        "account_mask",
                                                        "account_numbers",
                                                        "account_type",
                                                        "accounts",
                                                        "amount",
                                                        "available",
                                                        "available_products",
                                                        "balance_date",
                                                        "balances",
                                                        "category",
                                                        "closed",
                                                        "created",
                                                        "currency",
                                                        "current",
                                                        "cursor",
                                                        "date",
                                                        "datetime",
                                                        "description",
                                                        "detail",
                                                        "documentation_url",
                                                        "enrichment",
                                                        "error_code",
                                                        "error_message",
                                                        "has_history",
                                                        "has_more",
                                                        "identity",
                                                        "institution_avatar",
                                                        "institution_id",
                                                        "institution_name",
                                                        "investments",
                                                        "last_attempted_at",
                                                        "last_synced_at",
                                                        "limit",
                                                        "link",
                                                        "link_error_code",
                                                        "link_id",
                                                        "link_tags",
                                                        "links",
                                                        "merchant",
                                                        "name",
                                                        "next",
                                                        "next_cursor",
                                                        "nickname",
                                                        "pending",
                                                        "products",
                                                        "provider",
                                                        "raw_description",
                                                        "refreshed_at",
                                                        "removed",
                                                        "settings",
                                                        "state",
                                                        "tags",
                                                        "transaction_id",
                                                        "transactions",
                                                        "type",
                                                        "unavailable",
                                                        "updated",
                                                        "validation_errors",
                                                        "webhook"});
static_assert(std::ranges::is_sorted(names));

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// RFC 8259 6: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
bool is_number(std::string_view text) {
  const auto take = [&text](std::string_view one_of) {
    const bool there = !text.empty() && one_of.contains(text.front());
    text.remove_prefix(there ? 1 : 0);
    return there;
  };
  const auto take_digits = [&text] {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(digits);
    return digits > 0;
  };
  take("-");
  if (!take("0") && !take_digits()) return false;
  if (take(".") && !take_digits()) return false;
  if (take("eE")) {
    take("+-");
    if (!take_digits()) return false;
  }
  return text.empty();
}

// Stands between the words of JSON.
bool separates(char c) {
  return is_space(c) || "\"{}[],:"sv.contains(c);
}

class Redactor {
 public:
  explicit Redactor(std::string_view body) : left_(body) {}

  std::string run(std::size_t bytes_max) {
    while (!left_.empty()) {
      const std::size_t before = out_.size();
      step();
      if (out_.size() <= bytes_max) continue;
      out_.resize(before);
      return out_ + " ...";
    }
    return std::move(out_);
  }

 private:
  void step() {
    const char c = left_.front();
    if (is_space(c)) {
      left_.remove_prefix(1);
    } else if (c == '"') {
      text();
    } else if ("{}[],:"sv.contains(c)) {
      bracket(c);
    } else {
      word();
    }
  }

  void bracket(char c) {
    left_.remove_prefix(1);
    out_ += c;
    if ((c == '{' || c == '[') && open_.size() < json_depth_max) open_ += c;
    if ((c == '}' || c == ']') && !open_.empty()) open_.pop_back();
  }

  void text() {
    std::size_t end = 1;
    while (end < left_.size() && left_[end] != '"')
      end += left_[end] == '\\' ? 2 : 1;
    const bool closed = end < left_.size();
    const std::string_view content = left_.substr(1, closed ? end - 1 : std::string_view::npos);
    left_.remove_prefix(closed ? end + 1 : left_.size());
    if (closed && is_name()) {
      const bool known = std::ranges::binary_search(names, content);
      out_.append("\"").append(known ? content : "*"sv).append("\"");
      return;
    }
    out_.append("\"").append(closed ? kind_of(content) : "..."sv).append(closed ? "\"" : "");
  }

  static std::string_view kind_of(std::string_view content) {
    if (content.empty()) return {};
    if (content.size() > id_bytes_max) return "long text";
    return is_number(content) ? "num" : "text";
  }

  // What was read last stands where a member's name does.
  bool is_name() const {
    const auto* next = std::ranges::find_if_not(left_, is_space);
    return next != left_.end() && *next == ':' && !open_.empty() && open_.back() == '{';
  }

  // A number, a literal, or what is neither and may be anything.
  void word() {
    const auto* const end = std::ranges::find_if(left_, separates);
    const std::string_view content(left_.begin(), end);
    left_.remove_prefix(content.size());
    if (content == "null") {
      out_ += content;
    } else if (content == "true" || content == "false") {
      out_ += "bool";
    } else if (is_number(content)) {
      out_ += "num";
    } else {
      out_ += '?';
    }
  }

  std::string_view left_;
  std::string out_;
  std::string open_;  // the brackets around this place
};

}  // namespace

std::string redacted(std::string_view body, std::size_t bytes_max) {
  return Redactor(body).run(bytes_max);
}

Error with_evidence(Error error, std::string_view body) {
  error.body_bytes = body.size();
  error.body_digest = digest_of(body);
  error.redacted_body = redacted(body);
  return error;
}

}  // namespace syncd::core
