#include <utility>

#include "store/codec.hpp"

// Entries of the relink queue, and their places in it.
namespace syncd::store {
namespace {

constexpr std::string_view relink_name = "relink entry";
constexpr std::string_view place_name = "place in the relink queue";

core::RelinkStatus get_status(Reader& in, std::uint8_t format) {
  const auto number = in.u8();
  // The first format knew open and resolved.
  const std::uint8_t last = format == value_format ? std::uint8_t{2} : core::relink_status_count;
  if (number < 1 || number > last) in.refuse();
  return static_cast<core::RelinkStatus>(number);
}

// The format of an entry: the first or the present one; 0 and a refusal for any other.
core::Result<std::uint8_t> read_relink_format(Reader& in) {
  Reader ahead = in;
  if (ahead.u8() == relink_format && ahead.ok()) {
    in = ahead;
    return relink_format;
  }
  if (auto format = read_format(in, relink_name); !format) return std::unexpected(format.error());
  return value_format;
}

void put_history(Writer& out, const core::RelinkEntry& entry) {
  out.varint(entry.history_dropped);
  out.varint(entry.history.size());
  for (const core::RelinkEvent& event : entry.history) {
    put_time(out, event.at);
    out.u8(std::to_underlying(event.kind));
    out.text(event.actor);
    out.text(event.text);
  }
}

void get_history(Reader& in, core::RelinkEntry& entry) {
  entry.history_dropped = in.varint();
  const auto count = in.count();
  if (count > core::relink_history_max) in.refuse();
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    core::RelinkEvent event;
    event.at = get_wall_time(in);
    const auto kind = in.u8();
    if (kind < 1 || kind > core::relink_event_kind_count) in.refuse();
    event.kind = static_cast<core::RelinkEventKind>(kind);
    event.actor = in.text();
    event.text = in.text();
    entry.history.push_back(std::move(event));
  }
}

void put_session(Writer& out, const std::optional<core::RelinkSession>& session) {
  out.u8(session ? 1 : 0);
  if (!session) return;
  put_time(out, session->issued_at);
  put_time(out, session->expires_at);
  out.text(session->issued_by);
}

std::optional<core::RelinkSession> get_session(Reader& in) {
  const auto present = in.u8();
  if (present > 1) in.refuse();
  if (present != 1) return std::nullopt;
  core::RelinkSession session;
  session.issued_at = get_wall_time(in);
  session.expires_at = get_wall_time(in);
  session.issued_by = in.text();
  return session;
}

}  // namespace

void encode_relink(std::string& out, const core::RelinkEntry& entry) {
  Writer writer(out);
  writer.u8(relink_format);
  writer.u8(std::to_underlying(entry.status));
  writer.varint(entry.version);
  writer.varint(entry.reopened);
  put_time(writer, entry.opened_at);
  put_time(writer, entry.resolved_at);
  put_time(writer, entry.last_success_at);
  writer.text(entry.reason);
  writer.text(entry.institution_id);
  writer.text(entry.resolved_by);
  writer.text(entry.provider);
  writer.text(entry.customer_user_id);
  writer.text(entry.assignee);
  put_session(writer, entry.session);
  put_history(writer, entry);
}

namespace {

core::Result<core::RelinkEntry> decode_entry(std::string_view link_id, std::string_view value,
                                             bool with_history) {
  Reader in(value);
  const auto format = read_relink_format(in);
  if (!format) return std::unexpected(format.error());
  core::RelinkEntry entry;
  entry.status = get_status(in, *format);
  entry.version = in.varint();
  entry.reopened = in.varint32();
  entry.opened_at = get_wall_time(in);
  entry.resolved_at = get_wall_time(in);
  entry.last_success_at = get_wall_time(in);
  entry.reason = in.text();
  entry.institution_id = in.text();
  entry.resolved_by = in.text();
  if (*format == relink_format) {
    entry.provider = in.text();
    entry.customer_user_id = in.text();
    entry.assignee = in.text();
    entry.session = get_session(in);
    if (with_history) get_history(in, entry);
  }
  const bool history_left = !with_history && *format == relink_format;
  if (history_left ? !in.ok() : !in.finished()) return std::unexpected(damaged(relink_name));
  entry.link_id = core::LinkId{std::string(link_id)};
  return entry;
}

}  // namespace

core::Result<core::RelinkEntry> decode_relink(std::string_view link_id, std::string_view value) {
  return decode_entry(link_id, value, true);
}

core::Result<core::RelinkEntry> decode_relink_head(std::string_view link_id, std::string_view value) {
  return decode_entry(link_id, value, false);
}

void encode_relink_place(std::string& out, const core::RelinkEntry& entry) {
  Writer writer(out);
  writer.u8(value_format);
  writer.u8(std::to_underlying(entry.status));
  writer.text(entry.reason);
  writer.text(entry.institution_id);
  writer.text(entry.assignee);
  writer.text(entry.customer_user_id);
}

core::Result<RelinkPlace> decode_relink_place(std::string_view value) {
  Reader in(value);
  if (auto format = read_format(in, place_name); !format) return std::unexpected(format.error());
  RelinkPlace place;
  place.status = get_status(in, relink_format);
  place.reason = in.text();
  place.institution_id = in.text();
  place.assignee = in.text();
  place.customer_user_id = in.text();
  if (!in.finished()) return std::unexpected(damaged(place_name));
  return place;
}

}  // namespace syncd::store
