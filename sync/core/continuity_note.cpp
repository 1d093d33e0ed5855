#include <charconv>
#include <optional>

#include "sync/core/continuity.hpp"
#include "sync/core/hex.hpp"

// A note begins with a word, a version and the digest of what follows:
//
//   continuity-before 1 <digest>\n   the snapshot: numbers, each with a blank behind it, and texts as their
//                                    length, `:` and bytes
//   continuity-report 1 <digest>\n   the report as JSON
namespace syncd::core {

namespace {

constexpr std::string_view snapshot_head = "continuity-before 1 ";
constexpr std::string_view report_head = "continuity-report 1 ";
constexpr std::size_t digest_digits = 32;

std::string with_head(std::string_view head, std::string content) {
  return std::string(head) + hex_of(digest_of(content)) + '\n' + content;
}

std::optional<std::string_view> content_of(std::string_view head, std::string_view note) {
  if (!note.starts_with(head)) return std::nullopt;
  note.remove_prefix(head.size());
  if (note.size() < digest_digits + 1 || note[digest_digits] != '\n') return std::nullopt;
  const std::string_view content = note.substr(digest_digits + 1);
  if (note.substr(0, digest_digits) != hex_of(digest_of(content))) return std::nullopt;
  return content;
}

class Writer {
 public:
  template <class Number>
  void number(Number value) {
    out_ += std::to_string(value) + ' ';
  }
  void text(std::string_view value) {
    out_ += std::to_string(value.size()) + ':';
    out_ += value;
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// The first failure is kept: everything after it fails too, and gives zeros.
class Source {
 public:
  explicit Source(std::string_view text) : rest_(text) {}

  template <class Number>
  void number(Number& value) {
    take(value, ' ');
  }
  void flag(bool& value) {
    unsigned number = 0;
    take(number, ' ');
    good_ = good_ && number <= 1;
    value = number == 1;
  }
  void text(std::string& value, std::size_t bytes_max) {
    std::size_t length = 0;
    take(length, ':');
    good_ = good_ && length <= bytes_max && length <= rest_.size();
    if (!good_) return;
    value = rest_.substr(0, length);
    rest_.remove_prefix(length);
  }
  // Of a list whose elements take some bytes each: a damaged one must not ask for all the memory.
  std::size_t count() {
    std::size_t value = 0;
    take(value, ' ');
    good_ = good_ && value <= rest_.size();
    return good_ ? value : 0;
  }
  bool good() const { return good_; }
  bool finished() const { return good_ && rest_.empty(); }

 private:
  // In the one form that Writer has for a number.
  template <class Number>
  void take(Number& value, char behind) {
    if (!good_) return;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    const auto length = static_cast<std::size_t>(end - rest_.data());
    good_ = error == std::errc{} && length < rest_.size() && *end == behind &&
            rest_.substr(0, length) == std::to_string(value);
    if (good_) rest_.remove_prefix(length + 1);
  }

  std::string_view rest_;
  bool good_ = true;
};

void read_account(Source& source, ContinuityAccount& account) {
  source.text(account.account_id, id_bytes_max);
  for (std::string* text : {&account.name, &account.type, &account.mask, &account.currency, &account.current,
                            &account.available, &account.limit})
    source.text(*text, continuity_text_bytes_max);
  source.flag(account.gone);
}

void read_row(Source& source, ContinuityRow& row) {
  source.number(row.account);
  source.number(row.day);
  source.number(row.id);
  source.number(row.payment);
  source.number(row.words);
}

// What compare() relies on.
bool is_in_order(const ContinuitySnapshot& snapshot) {
  for (std::size_t at = 0; at < snapshot.rows.size(); ++at) {
    if (snapshot.rows[at].account >= snapshot.accounts.size()) return false;
    if (at > 0 && snapshot.rows[at] < snapshot.rows[at - 1]) return false;
  }
  for (std::size_t at = 1; at < snapshot.accounts.size(); ++at) {
    if (snapshot.accounts[at].account_id <= snapshot.accounts[at - 1].account_id) return false;
  }
  return true;
}

}  // namespace

std::string to_note(const ContinuitySnapshot& snapshot) {
  Writer writer;
  writer.number(snapshot.opened_at.time_since_epoch().count());
  writer.number(snapshot.taken_at.time_since_epoch().count());
  writer.number(snapshot.from_day);
  writer.number(snapshot.cut ? 1 : 0);
  writer.number(snapshot.accounts_left_out);
  writer.number(snapshot.accounts.size());
  for (const ContinuityAccount& account : snapshot.accounts) {
    for (const std::string* text : {&account.account_id, &account.name, &account.type, &account.mask,
                                    &account.currency, &account.current, &account.available, &account.limit})
      writer.text(*text);
    writer.number(account.gone ? 1 : 0);
  }
  writer.number(snapshot.rows.size());
  for (const ContinuityRow& row : snapshot.rows) {
    writer.number(row.account);
    writer.number(row.day);
    writer.number(row.id);
    writer.number(row.payment);
    writer.number(row.words);
  }
  return with_head(snapshot_head, writer.take());
}

std::optional<ContinuitySnapshot> snapshot_from_note(std::string_view note) {
  const std::optional<std::string_view> content = content_of(snapshot_head, note);
  if (!content) return std::nullopt;
  Source source(*content);
  ContinuitySnapshot snapshot;
  std::int64_t opened_at_ms = 0;
  std::int64_t taken_at_ms = 0;
  source.number(opened_at_ms);
  source.number(taken_at_ms);
  source.number(snapshot.from_day);
  source.flag(snapshot.cut);
  source.number(snapshot.accounts_left_out);
  snapshot.accounts.resize(source.count());
  for (ContinuityAccount& account : snapshot.accounts)
    read_account(source, account);
  snapshot.rows.resize(source.count());
  for (ContinuityRow& row : snapshot.rows)
    read_row(source, row);
  if (!source.finished() || !is_in_order(snapshot)) return std::nullopt;
  snapshot.opened_at = WallTime(Millis(opened_at_ms));
  snapshot.taken_at = WallTime(Millis(taken_at_ms));
  return snapshot;
}

std::string report_note(std::string_view json) {
  return with_head(report_head, std::string(json));
}

std::optional<std::string> report_from_note(std::string_view note) {
  const std::optional<std::string_view> content = content_of(report_head, note);
  if (!content) return std::nullopt;
  return std::string(*content);
}

}  // namespace syncd::core
