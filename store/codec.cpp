#include "store/codec.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "store/advice.hpp"

namespace syncd::store {
namespace {

constexpr std::uint8_t row_pending = 1;
constexpr std::uint8_t account_gone = 1;

constexpr std::string_view row_name = "transaction row";
constexpr std::string_view account_name = "account row";
constexpr std::string_view dead_letter_name = "dead letter";
constexpr std::string_view freeze_name = "retry window";

std::uint8_t get_flags(Reader& in, std::uint8_t known) {
  const auto flags = in.u8();
  if ((flags & ~known) != 0) in.refuse();
  return flags;
}

}  // namespace

core::Error damaged(std::string_view what) {
  return core::Error{.code = core::Errc::storage,
                     .message = fmt::format("a stored {} is damaged; {}", what, restore_advice)};
}

core::Result<void> read_format(Reader& in, std::string_view what) {
  const auto format = in.u8();
  if (!in.ok()) return std::unexpected(damaged(what));
  if (format == value_format) return {};
  if (format == value_format_encrypted) {
    return core::fail(core::Errc::storage,
                      fmt::format("a stored {} is encrypted and this version has no key for it", what));
  }
  return core::fail(
      core::Errc::storage,
      fmt::format("a stored {} has format {}, this version reads format {}: it is damaged or was "
                  "written by a newer version",
                  what, format, value_format));
}

// ---- transactions ----

void encode_row_head(std::string& out, const core::TransactionPut& row) {
  Writer writer(out);
  writer.u8(value_format);
  writer.u8(row.pending ? row_pending : 0);
  writer.varint(row.generation);
  writer.text(row.account_id);
  writer.text(row.posted_from);
  writer.varint(row.json.size());
}

core::Result<core::StoredTransaction> decode_row(std::string_view transaction_id, std::string_view value) {
  Reader in(value);
  if (auto format = read_format(in, row_name); !format) return std::unexpected(format.error());
  core::StoredTransaction row;
  row.pending = (get_flags(in, row_pending) & row_pending) != 0;
  row.generation = in.varint32();
  const auto account_id = in.text();
  const auto posted_from = in.text();
  const auto json = in.text();
  if (!in.finished()) return std::unexpected(damaged(row_name));
  row.transaction_id = transaction_id;
  row.account_id = account_id;
  row.posted_from = posted_from;
  row.json = json;
  return row;
}

core::Result<std::uint32_t> decode_row_generation(std::string_view value) {
  Reader in(value);
  if (auto format = read_format(in, row_name); !format) return std::unexpected(format.error());
  get_flags(in, row_pending);
  const auto generation = in.varint32();
  if (!in.ok()) return std::unexpected(damaged(row_name));
  return generation;
}

// ---- accounts ----

void encode_account_head(std::string& out, const core::AccountPut& account) {
  Writer writer(out);
  writer.u8(value_format);
  writer.u8(account.gone ? account_gone : 0);
  put_time(writer, account.gone_since);
  writer.varint(account.json.size());
}

core::Result<core::StoredAccount> decode_account(std::string_view account_id, std::string_view value) {
  Reader in(value);
  if (auto format = read_format(in, account_name); !format) return std::unexpected(format.error());
  core::StoredAccount account;
  account.gone = (get_flags(in, account_gone) & account_gone) != 0;
  account.gone_since = get_wall_time(in);
  const auto json = in.text();
  if (!in.finished()) return std::unexpected(damaged(account_name));
  account.account_id = account_id;
  account.json = json;
  return account;
}

// ---- blobs ----

void encode_blob_head(std::string& out) {
  Writer(out).u8(value_format);
}

core::Result<std::string_view> decode_blob(std::string_view what, std::string_view value) {
  Reader in(value);
  if (auto format = read_format(in, what); !format) return std::unexpected(format.error());
  return in.rest();
}

// ---- dead letters ----

void encode_dead_letter(std::string& out, const core::DeadLetter& letter) {
  Writer writer(out);
  writer.u8(value_format);
  writer.u8(std::to_underlying(letter.endpoint));
  writer.varint(letter.body_bytes);
  for (const auto byte : letter.body_digest)
    writer.u8(byte);
  writer.text(letter.reason);
  writer.text(letter.redacted_body);
  put_time(writer, letter.retried_at);
}

core::Result<core::DeadLetter> decode_dead_letter(core::WallTime at, std::string_view link_id,
                                                  std::string_view value) {
  Reader in(value);
  if (auto format = read_format(in, dead_letter_name); !format) return std::unexpected(format.error());
  core::DeadLetter letter;
  const auto endpoint = in.u8();
  if (endpoint < 1 || endpoint > core::endpoint_count) in.refuse();
  letter.body_bytes = in.varint();
  for (auto& byte : letter.body_digest)
    byte = in.u8();
  letter.reason = in.text();
  letter.redacted_body = in.text();
  letter.retried_at = get_wall_time(in);
  if (!in.finished()) return std::unexpected(damaged(dead_letter_name));
  letter.endpoint = static_cast<core::Endpoint>(endpoint);
  letter.at = at;
  letter.link_id = core::LinkId{std::string(link_id)};
  return letter;
}

// ---- freezes ----

void encode_freeze(std::string& out, core::WallTime until) {
  Writer writer(out);
  writer.u8(value_format);
  put_time(writer, until);
}

core::Result<core::WallTime> decode_freeze(std::string_view value) {
  Reader in(value);
  if (auto format = read_format(in, freeze_name); !format) return std::unexpected(format.error());
  const auto until = get_wall_time(in);
  if (!in.finished()) return std::unexpected(damaged(freeze_name));
  return until;
}

}  // namespace syncd::store
