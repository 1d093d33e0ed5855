#include "daemon/admin/read_trace.hpp"

#include <algorithm>
#include <iterator>

#include "daemon/json_writer.hpp"

namespace syncd::daemon {

namespace {

constexpr std::size_t index_of(DataKind kind) {
  return static_cast<std::size_t>(kind);
}

}  // namespace

std::string_view to_string(DataKind kind) {
  constexpr std::array<std::string_view, data_kind_count> names{"accounts", "transactions", "feed",
                                                                "dead_letters"};
  return names.at(index_of(kind));
}

void ReadTrace::note(std::string_view actor, const DataRead& read, api::SteadyTime now,
                     core::WallTime wall_now) {
  if (read.rows == 0) return;
  Key key{std::string(actor), read.link_id.str()};
  if (!entries_.contains(key)) make_room();
  const auto [place, added] = entries_.try_emplace(std::move(key));
  Entry& entry = place->second;
  if (added) entry.window_ends = now + limits_.window;
  if (entry.requests == 0) entry.first_at = wall_now;
  entry.last_at = wall_now;
  ++entry.requests;
  entry.rows.at(index_of(read.kind)) += read.rows;
  if (read.kind != DataKind::feed) return;
  const bool none = entry.last_sequence == 0;
  entry.first_sequence = none ? read.first_sequence : std::min(entry.first_sequence, read.first_sequence);
  entry.last_sequence = std::max(entry.last_sequence, read.last_sequence);
}

// Entries all of which is told are kept only so that the next read of the window waits for its end.
void ReadTrace::make_room() {
  if (entries_.size() < limits_.entries_max || nothing_to_drop_) return;
  std::erase_if(entries_, [](const auto& entry) { return entry.second.requests == 0; });
  nothing_to_drop_ = entries_.size() >= limits_.entries_max;
}

bool ReadTrace::full() {
  make_room();
  return entries_.size() >= limits_.entries_max;
}

store::LinkAct ReadTrace::act_of(const Key& key, Entry& entry) {
  JsonWriter writer;
  writer.begin_object().member("from", std::string_view(core::format_wall_time(entry.first_at)));
  writer.member("to", std::string_view(core::format_wall_time(entry.last_at)));
  writer.member("requests", entry.requests);
  for (std::size_t kind = 0; kind < data_kind_count; ++kind) {
    if (entry.rows[kind] > 0) writer.member(to_string(static_cast<DataKind>(kind)), entry.rows[kind]);
  }
  if (entry.last_sequence > 0)
    writer.member("first_seq", entry.first_sequence).member("last_seq", entry.last_sequence);
  writer.end_object();
  entry = {.window_ends = entry.window_ends, .told = true};
  return {.link_id = core::LinkId{key.second},
          .note = {.actor = key.first, .action = "data.read", .detail = writer.take()}};
}

std::vector<store::LinkAct> ReadTrace::take_due(api::SteadyTime now) {
  std::vector<store::LinkAct> acts;
  for (auto place = entries_.begin(); place != entries_.end();) {
    Entry& entry = place->second;
    const bool over = now >= entry.window_ends;
    if (entry.requests > 0 && (over || !entry.told)) acts.push_back(act_of(place->first, entry));
    place = over ? entries_.erase(place) : std::next(place);
  }
  nothing_to_drop_ = false;
  return acts;
}

std::vector<store::LinkAct> ReadTrace::take_all() {
  return take_due(api::SteadyTime::max());
}

}  // namespace syncd::daemon
