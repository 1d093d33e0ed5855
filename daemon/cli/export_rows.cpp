#include "daemon/cli/export_rows.hpp"

#include <algorithm>
#include <array>

#include "daemon/json_writer.hpp"

namespace syncd::cli {

namespace {

// `path` empty: the id of the link that was asked. `number`: no formula where it is one.
struct Column {
  std::string_view name;
  std::string_view path;
  bool number = false;
};

constexpr std::array account_columns{
    Column{"link_id", ""},
    Column{"account_id", "account_id"},
    Column{"gone", "gone"},
    Column{"gone_since", "gone_since"},
    Column{"account_type", "data.account_type"},
    Column{"name", "data.name"},
    Column{"nickname", "data.nickname"},
    Column{"account_mask", "data.account_mask"},
    Column{"currency", "data.balances.currency"},
    Column{"current", "data.balances.current", true},
    Column{"available", "data.balances.available", true},
    Column{"limit", "data.balances.limit", true},
    Column{"balance_date", "data.balances.balance_date"},
    Column{"closed", "data.closed"},
};
constexpr std::array transaction_columns{
    Column{"link_id", ""},
    Column{"transaction_id", "transaction_id"},
    Column{"account_id", "account_id"},
    Column{"pending", "pending"},
    Column{"posted_from", "posted_from"},
    Column{"date", "data.date"},
    Column{"datetime", "data.datetime"},
    Column{"amount", "data.amount", true},
    Column{"currency", "data.currency"},
    Column{"type", "data.type"},
    Column{"description", "data.description"},
    Column{"raw_description", "data.raw_description"},
    Column{"category", "data.category"},
    Column{"original_id", "data.original_id"},
};
constexpr std::array link_columns{
    Column{"link_id", "link_id"},
    Column{"status", "status"},
    Column{"institution_id", "institution_id"},
    Column{"provider", "provider"},
    Column{"customer_user_id", "customer_user_id"},
    Column{"tags", "tags"},
    Column{"upstream_state", "upstream_state"},
    Column{"upstream_error_code", "upstream_error_code"},
    Column{"cursor_set", "cursor_set"},
    Column{"added_at", "added_at"},
    Column{"last_attempt_at", "last_attempt_at"},
    Column{"last_success_at", "last_success_at"},
    Column{"next_due_at", "next_due_at"},
    Column{"failures", "failures", true},
    Column{"last_error", "last_error.kind"},
    Column{"accounts", "counts.accounts", true},
    Column{"transactions", "counts.transactions", true},
    Column{"pending", "counts.pending", true},
};
constexpr std::array feed_columns{
    Column{"epoch", "epoch", true}, Column{"seq", "seq", true}, Column{"at", "at"},
    Column{"link_id", "link_id"},   Column{"kind", "kind"},     Column{"id", "id"},
    Column{"cause", "cause"},       Column{"before", "before"}, Column{"after", "after"},
};

struct Columns {
  const Column* first;
  const Column* last;
  const Column* begin() const { return first; }
  const Column* end() const { return last; }
};

template <std::size_t N>
Columns all_of(const std::array<Column, N>& columns) {
  return {columns.data(), columns.data() + N};
}

Columns columns_for(Exported what) {
  switch (what) {
    case Exported::accounts:
      return all_of(account_columns);
    case Exported::transactions:
      return all_of(transaction_columns);
    case Exported::links:
      return all_of(link_columns);
    case Exported::feed:
      break;
  }
  return all_of(feed_columns);
}

bool names_link(Exported what) {
  return what == Exported::accounts || what == Exported::transactions;
}

std::size_t digits_at(std::string_view text) {
  return std::min(text.find_first_not_of("0123456789"), text.size());
}

// `-12`, `100.10`, `1e2`: what no spreadsheet takes for more than a number.
bool is_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const std::size_t whole = digits_at(text);
  text.remove_prefix(whole);
  if (text.starts_with('.')) {
    const std::size_t part = digits_at(text.substr(1));
    if (part == 0) return false;
    text.remove_prefix(1 + part);
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    const std::size_t power = digits_at(text);
    if (power == 0) return false;
    text.remove_prefix(power);
  }
  return whole > 0 && text.empty();
}

// Between tokens: inside strings JSON has no line breaks.
std::string on_one_line(std::string json) {
  std::ranges::replace(json, '\n', ' ');
  std::ranges::replace(json, '\r', ' ');
  return json;
}

std::string joined(const std::vector<JsonValue>& items) {
  std::string out;
  for (const JsonValue& item : items)
    out += (out.empty() ? "" : ";") + item.text;
  return out;
}

std::string text_of(const JsonValue* value) {
  if (value == nullptr) return {};
  switch (value->kind) {
    case JsonValue::Kind::null:
      return {};
    case JsonValue::Kind::array:
      return joined(value->items);
    case JsonValue::Kind::object:
      return on_one_line(value->raw);
    case JsonValue::Kind::boolean:
    case JsonValue::Kind::number:
    case JsonValue::Kind::string:
      break;
  }
  return value->text;
}

}  // namespace

std::optional<Exported> parse_exported(std::string_view word) {
  for (const Exported what : {Exported::accounts, Exported::transactions, Exported::links, Exported::feed}) {
    if (word == to_string(what)) return what;
  }
  return std::nullopt;
}

std::string_view to_string(Exported what) {
  switch (what) {
    case Exported::accounts:
      return "accounts";
    case Exported::transactions:
      return "transactions";
    case Exported::links:
      return "links";
    case Exported::feed:
      return "feed";
  }
  return "";
}

std::vector<std::string_view> columns_of(Exported what) {
  std::vector<std::string_view> names;
  for (const Column& column : columns_for(what))
    names.push_back(column.name);
  return names;
}

std::string csv_header(Exported what) {
  std::vector<std::string> names;
  for (const Column& column : columns_for(what))
    names.emplace_back(column.name);
  return csv_record(names);
}

std::string csv_row(Exported what, const std::string& link_id, const JsonValue& item, Formulas formulas) {
  // Of an item inside a list only the item has its text, not the images inside it.
  const JsonValue whole = what == Exported::feed ? parse_json(item.raw).value_or(item) : JsonValue{};
  const JsonValue& source = what == Exported::feed ? whole : item;
  std::string out;
  for (const Column& column : columns_for(what)) {
    const std::string text = column.path.empty() ? link_id : text_of(source.find(column.path));
    const bool number = column.number && is_number(text);
    if (!out.empty()) out += ',';
    append_csv_cell(out, text, number ? Formulas::keep : formulas);
  }
  return out + "\r\n";
}

std::string ndjson_line(Exported what, const std::string& link_id, const JsonValue& item) {
  std::string line = on_one_line(item.raw);
  if (names_link(what)) {
    daemon::JsonWriter id;
    id.string(link_id);
    const bool has_members = !item.members.empty();
    line.insert(1, "\"link_id\":" + id.take() + (has_members ? "," : ""));
  }
  return line + '\n';
}

}  // namespace syncd::cli
