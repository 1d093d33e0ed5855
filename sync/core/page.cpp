#include "sync/core/page.hpp"

#include <fmt/format.h>

#include "sync/core/answer_reading.hpp"
#include "sync/core/civil.hpp"
#include "sync/core/known_words.hpp"
#include "sync/core/redact.hpp"

namespace syncd::core {

std::unexpected<Error> refused(const Reader& reader, std::string_view what, std::string_view body) {
  Error error{.code = Errc::protocol,
              .message = fmt::format("{} was refused: {}", what, reader.message()),
              .too_large = reader.message().ends_with(too_many_rows)};
  return std::unexpected(with_evidence(std::move(error), body));
}

bool read_id(Reader& reader, std::string_view& id) {
  if (!reader.text(id)) return false;
  if (is_valid_id(id)) return true;
  return reader.fail("is not an id of 1 to 256 bytes without control characters");
}

bool read_cursor(Reader& reader, std::string_view& cursor) {
  if (!reader.text_or_null(cursor)) return false;
  if (cursor.size() <= cursor_bytes_max) return true;
  return reader.fail("is longer than a cursor may be");
}

namespace {

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// -?digits(.digits)?, any length.
bool is_decimal(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos) return all_digits(text);
  return all_digits(text.substr(0, point)) && all_digits(text.substr(point + 1));
}

// A decimal in a string, as documented, or a bare number, as older versions print it. Its text is kept.
bool read_amount(Reader& reader, std::string_view& amount) {
  const char c = reader.peek();
  if (c == '-' || (c >= '0' && c <= '9')) return reader.number(amount);
  if (!reader.text(amount)) return false;
  if (is_decimal(amount)) return true;
  return reader.fail("is not a decimal number");
}

bool read_date(Reader& reader, std::string_view& date) {
  std::string_view text;
  if (!reader.text(text)) return false;
  date = text.substr(0, 10);
  if (parse_civil_date(date)) return true;
  return reader.fail("does not begin with a calendar date (YYYY-MM-DD)");
}

// Bits of the required members of a transaction.
enum Required : unsigned {
  has_id = 1,
  has_account = 2,
  has_amount = 4,
  has_type = 8,
  has_currency = 16,
  has_date = 32,
  has_pending = 64,
};

bool read_member(Reader& reader, std::string_view name, TransactionRow& row, unsigned& seen) {
  switch (name.size()) {  // one comparison per name instead of seven
    case 4:
      if (name == "type") {
        seen |= has_type;
        return reader.at("type", reader.text(row.type));
      }
      if (name == "date") {
        seen |= has_date;
        return reader.at("date", read_date(reader, row.date));
      }
      break;
    case 6:
      if (name == "amount") {
        seen |= has_amount;
        return reader.at("amount", read_amount(reader, row.amount));
      }
      break;
    case 7:
      if (name == "pending") {
        seen |= has_pending;
        return reader.at("pending", reader.boolean(row.pending));
      }
      break;
    case 8:
      if (name == "currency") {
        seen |= has_currency;
        return reader.at("currency", reader.text(row.currency));
      }
      break;
    case 10:
      if (name == "account_id") {
        seen |= has_account;
        return reader.at("account_id", read_id(reader, row.account_id));
      }
      break;
    case 14:
      if (name == "transaction_id") {
        seen |= has_id;
        return reader.at("transaction_id", read_id(reader, row.transaction_id));
      }
      break;
    default:
      break;
  }
  return reader.skip();
}

bool all_present(Reader& reader, unsigned seen) {
  static constexpr const char* names[] = {"transaction_id", "account_id", "amount", "type",
                                          "currency",       "date",       "pending"};
  unsigned bit = 1;
  for (const char* name : names) {
    if ((seen & bit) == 0) return reader.fail_member(name, "is missing");
    bit <<= 1;
  }
  return true;
}

bool read_transaction(Reader& reader, TransactionRow& row, std::uint32_t& unknown) {
  Reader::Object object;
  if (!reader.enter(object)) return false;
  unsigned seen = 0;
  std::string_view name;
  while (reader.next(object, name)) {
    if (!read_member(reader, name, row, seen)) return false;
  }
  if (!reader.ok() || !all_present(reader, seen)) return false;
  row.json = reader.slice(object);
  if (!is_known_transaction_type(row.type)) ++unknown;
  if (row.amount.starts_with('-')) ++unknown;  // amounts are unsigned; the direction is in the type
  return true;
}

bool skip_object(Reader& reader) {
  Reader::Object object;
  if (!reader.enter(object)) return false;
  std::string_view name;
  while (reader.next(object, name)) {
    if (!reader.skip()) return false;
  }
  return reader.ok();
}

// The members of an account that must be there. All but the id are only looked at: the row is kept whole.
struct AccountReading {
  Reader& reader;
  AccountRow& row;
  std::string_view type = {};
  bool has_type = false;
  bool has_name = false;
  bool has_balances = false;

  bool member(std::string_view name) {
    if (name == "account_id") return reader.at("account_id", read_id(reader, row.account_id));
    if (name == "account_type") {
      has_type = true;
      return reader.at("account_type", reader.text(type));
    }
    if (name == "name") {
      has_name = true;
      std::string_view text;
      return reader.at("name", reader.text(text));
    }
    if (name == "balances") {
      has_balances = true;
      return reader.at("balances", skip_object(reader));
    }
    return reader.skip();
  }

  bool read() {
    Reader::Object object;
    if (!reader.enter(object)) return false;
    std::string_view name;
    while (reader.next(object, name)) {
      if (!member(name)) return false;
    }
    if (!reader.ok()) return false;
    if (row.account_id.empty()) return reader.fail_member("account_id", "is missing");
    if (!has_type) return reader.fail_member("account_type", "is missing");
    if (!has_name) return reader.fail_member("name", "is missing");
    if (!has_balances) return reader.fail_member("balances", "is missing");
    row.json = reader.slice(object);
    return true;
  }
};

bool read_account(Reader& reader, AccountRow& row, std::uint32_t& unknown) {
  AccountReading reading{.reader = reader, .row = row};
  if (!reading.read()) return false;
  if (!is_known_account_type(reading.type)) ++unknown;
  return true;
}

// Counts down over all lists of an answer.
bool take_row(Reader& reader, std::size_t& rows_left) {
  if (rows_left == 0) return reader.fail(too_many_rows);
  --rows_left;
  return true;
}

// Reads an array; `read_row(row)` reads one element into a new row of `rows`.
template <class Row, class ReadRow>
bool read_rows(Reader& reader, std::vector<Row>& rows, std::size_t& rows_left, Reader::Array& array,
               ReadRow read_row) {
  if (!reader.enter(array)) return false;
  while (reader.next(array)) {
    if (!take_row(reader, rows_left)) return false;
    if (!reader.at(array, read_row(rows.emplace_back()))) return false;
  }
  return reader.ok();
}

bool read_accounts(Reader& reader, std::vector<AccountRow>& rows, std::size_t& rows_left,
                   Reader::Array& array, std::uint32_t& unknown) {
  return read_rows(reader, rows, rows_left, array,
                   [&](AccountRow& row) { return read_account(reader, row, unknown); });
}

struct PageReading {
  Reader& reader;
  Page& page;
  std::size_t rows_left = page_rows_max;
  bool has_link = false;
  bool has_transactions = false;
  bool has_created = false;
  bool has_updated = false;
  bool has_removed = false;
  bool has_more = false;

  bool transactions_member(std::string_view name) {
    Reader::Array array;
    const auto row = [this](TransactionRow& out) {
      return read_transaction(reader, out, page.unknown_values);
    };
    const auto id = [this](std::string_view& out) { return read_id(reader, out); };
    if (name == "created") {
      has_created = true;
      return reader.at("created", read_rows(reader, page.created, rows_left, array, row));
    }
    if (name == "updated") {
      has_updated = true;
      return reader.at("updated", read_rows(reader, page.updated, rows_left, array, row));
    }
    if (name == "removed") {
      has_removed = true;
      return reader.at("removed", read_rows(reader, page.removed, rows_left, array, id));
    }
    return reader.skip();
  }

  bool transactions() {
    has_transactions = true;
    Reader::Object object;
    if (!reader.enter(object)) return false;
    std::string_view name;
    while (reader.next(object, name)) {
      if (!transactions_member(name)) return false;
    }
    if (!reader.ok()) return false;
    // The cursor moves past what these lists should have held: a missing one is a loss, not an empty one.
    if (!has_created) return reader.fail_member("created", "is missing");
    if (!has_updated) return reader.fail_member("updated", "is missing");
    if (!has_removed) return reader.fail_member("removed", "is missing");
    return true;
  }

  bool accounts() {
    if (reader.take_null()) return true;
    Reader::Array array;
    if (!read_accounts(reader, page.accounts, rows_left, array, page.unknown_values)) return false;
    page.accounts_present = true;
    page.accounts_json = reader.slice(array);
    page.accounts_digest = digest_of(page.accounts_json);
    return true;
  }

  bool cursor() {
    if (reader.take_null()) return true;
    Reader::Object object;
    if (!reader.enter(object)) return false;
    std::string_view name;
    while (reader.next(object, name)) {
      const bool read = name == "next" ? reader.at("next", read_cursor(reader, page.next)) : reader.skip();
      if (!read) return false;
    }
    return reader.ok();
  }

  bool member(std::string_view name) {
    if (name == "transactions") return reader.at("transactions", transactions());
    if (name == "accounts") return reader.at("accounts", accounts());
    if (name == "cursor") return reader.at("cursor", cursor());
    if (name == "has_more") {
      has_more = true;
      return reader.at("has_more", reader.boolean(page.has_more));
    }
    if (name == "link") {
      has_link = true;
      return reader.at("link", read_link(reader, page.link, page.unknown_values));
    }
    return reader.skip();
  }

  bool read() {
    Reader::Object object;
    if (!reader.enter(object)) return false;
    std::string_view name;
    while (reader.next(object, name)) {
      if (!member(name)) return false;
    }
    if (!reader.ok()) return false;
    if (!has_transactions) return reader.fail_member("transactions", "is missing");
    if (!has_more) return reader.fail_member("has_more", "is missing");
    if (!has_link) return reader.fail_member("link", "is missing");
    return true;
  }
};

bool read_accounts_answer(Reader& reader, AccountsAnswer& answer) {
  Reader::Object object;
  if (!reader.enter(object)) return false;
  std::size_t rows_left = page_rows_max;
  bool has_accounts = false;
  bool has_link = false;
  std::string_view name;
  while (reader.next(object, name)) {
    bool read = false;
    if (name == "accounts") {
      has_accounts = true;
      Reader::Array array;
      read = reader.at("accounts",
                       read_accounts(reader, answer.accounts, rows_left, array, answer.unknown_values));
    } else if (name == "link") {
      has_link = true;
      read = reader.at("link", read_link(reader, answer.link, answer.unknown_values));
    } else {
      read = reader.skip();
    }
    if (!read) return false;
  }
  if (!reader.ok()) return false;
  if (!has_accounts) return reader.fail_member("accounts", "is missing");
  if (!has_link) return reader.fail_member("link", "is missing");
  return true;
}

bool read_listed_link(Reader& reader, std::string_view& link_id) {
  Reader::Object object;
  if (!reader.enter(object)) return false;
  std::string_view name;
  while (reader.next(object, name)) {
    const bool read = name == "link_id" ? reader.at("link_id", read_id(reader, link_id)) : reader.skip();
    if (!read) return false;
  }
  if (!reader.ok()) return false;
  if (link_id.empty()) return reader.fail_member("link_id", "is missing");
  return true;
}

bool read_links_answer(Reader& reader, LinksAnswer& answer) {
  Reader::Object object;
  if (!reader.enter(object)) return false;
  std::size_t rows_left = page_rows_max;
  bool has_links = false;
  std::string_view name;
  while (reader.next(object, name)) {
    bool read = false;
    if (name == "links") {
      has_links = true;
      Reader::Array array;
      const auto row = [&reader](std::string_view& id) { return read_listed_link(reader, id); };
      read = reader.at("links", read_rows(reader, answer.link_ids, rows_left, array, row));
    } else if (name == "next_cursor") {
      read = reader.at("next_cursor", read_cursor(reader, answer.next));
    } else {
      read = reader.skip();
    }
    if (!read) return false;
  }
  if (!reader.ok()) return false;
  if (!has_links) return reader.fail_member("links", "is missing");
  return true;
}

}  // namespace

Result<std::shared_ptr<const Page>> parse_page(std::string body) {
  return parse_answer<Page>(std::move(body), "a sync answer", [](Reader& reader, Page& page) {
    return PageReading{.reader = reader, .page = page}.read();
  });
}

Result<std::shared_ptr<const AccountsAnswer>> parse_accounts(std::string body) {
  return parse_answer<AccountsAnswer>(std::move(body), "an accounts answer", read_accounts_answer);
}

Result<std::shared_ptr<const LinkAnswer>> parse_link(std::string body) {
  return parse_answer<LinkAnswer>(std::move(body), "a link answer", [](Reader& reader, LinkAnswer& answer) {
    return read_link(reader, answer.link, answer.unknown_values);
  });
}

Result<std::shared_ptr<const LinksAnswer>> parse_links(std::string body) {
  return parse_answer<LinksAnswer>(std::move(body), "a list of links", read_links_answer);
}

}  // namespace syncd::core
