// What the daemon remembers of a link around a relink, against what its rows really were.
#include <algorithm>
#include <string>
#include <string_view>

#include "sync/core/continuity.hpp"
#include "sync/core/schedule.hpp"
#include "tests/sim/world_impl.hpp"

namespace syncd::test {

namespace {

constexpr std::string_view note_prefix = "continuity/";

// All at once, where the daemon goes page by page.
core::ContinuitySnapshot look_at(const ModelStore& store, const LinkId& link_id, core::WallTime opened_at,
                                 core::WallTime now, int from_day) {
  std::vector<core::StoredAccount> accounts;
  if (const auto found = store.accounts.find(link_id); found != store.accounts.end()) {
    for (const auto& [id, account] : found->second)
      accounts.push_back(account);
  }
  core::SnapshotBuilder builder(opened_at, now, from_day, accounts);
  if (const auto found = store.rows.find(link_id); found != store.rows.end()) {
    for (const auto& [id, row] : found->second)
      builder.add(row);
  }
  return builder.take();
}

// But for the moment of the second look, which is a little before it is written down.
std::string without_moment(std::string json) {
  const std::size_t begin = json.find("\"compared_at\"");
  return json.erase(begin, json.find("\"rows_from\"") - begin);
}

bool is_reconnected(const core::RelinkEntry& entry) {
  return entry.status == core::RelinkStatus::resolved && entry.resolved_by == "reconnected";
}

}  // namespace

std::optional<core::ContinuitySnapshot> World::first_look(const LinkId& link_id) const {
  const auto note = store_.notes.find(core::continuity_note(link_id));
  return note == store_.notes.end() ? std::nullopt : core::snapshot_from_note(note->second);
}

void World::check_continuity_notes() {
  for (const auto& [name, value] : store_.notes) {
    if (!name.starts_with(note_prefix) || value.empty()) continue;
    const LinkId link_id{name.substr(note_prefix.size())};
    findings_.expect(Invariant::continuity, store_.relink.contains(link_id),
                     "in quiet, link " + link_id.str() + ": something is remembered of what was purged");
  }
}

void World::check_continuity_note(const std::string& name, const std::string& value) {
  if (!name.starts_with(note_prefix)) return;
  const LinkId link_id{name.substr(note_prefix.size())};
  const auto entry = store_.relink.find(link_id);
  const auto expect = [&](bool holds, std::string_view what) {
    findings_.expect(Invariant::continuity, holds, "link " + link_id.str() + ": " + std::string(what));
  };
  const auto snapshot = core::snapshot_from_note(value);
  const auto before = first_look(link_id);
  const auto report = core::report_from_note(value);
  if (entry == store_.relink.end()) {
    expect(false, "something is remembered of a link without an entry");
  } else if (snapshot) {
    tally("relink: a first look");
    expect(core::is_waiting(entry->second.status) && entry->second.opened_at == snapshot->opened_at,
           "a first look that belongs to no wait");
    expect(!before || before->opened_at != snapshot->opened_at, "another first look at the same wait");
    if (!planted_.contains(link_id)) {
      expect(
          *snapshot == look_at(store_, link_id, snapshot->opened_at, snapshot->taken_at, snapshot->from_day),
          "the first look is not what is stored");
    }
  } else if (report && before) {
    tally("relink: a report");
    expect(is_reconnected(entry->second) && entry->second.opened_at == before->opened_at,
           "a report about no relink");
    awaited_reports_.erase(link_id);
    if (planted_.contains(link_id)) return;
    const int from_day = before->from_day - core::continuity_margin_days;
    const auto after = look_at(store_, link_id, before->opened_at, before->taken_at, from_day);
    expect(without_moment(*report) == without_moment(core::to_json(link_id, core::compare(*before, after))),
           "the report is not about what is stored");
  } else {
    const bool of_earlier_wait = before && before->opened_at != entry->second.opened_at;
    expect(value.empty() && (of_earlier_wait || !is_reconnected(entry->second)),
           "a note that nobody can use");
  }
  tell_violations();
}

// Before anything of a link that was found connected changes, it was looked at; once its wait has ended,
// there will be a report.
void World::check_first_look(const core::LinkUpdate& update, const core::LinkRecord* before) {
  if (before == nullptr) return;
  const LinkId& link_id = update.link_id;
  const auto entry = store_.relink.find(link_id);
  if (entry == store_.relink.end()) return;
  const auto snapshot = first_look(link_id);
  // The entry is as the commit left it: one that was dismissed waits anew when the owner is lost a second
  // time in this very page. The look was at the wait before, and stays that one's.
  const bool waits_anew = update.relink && update.relink->opened_at == update.at;
  const bool looked = snapshot && (snapshot->opened_at == entry->second.opened_at || waits_anew);
  const bool waited = before->status == core::LinkStatus::relink && before->upstream_state == "connected";
  // A drain that was told in its middle of the need for the owner goes on where it was.
  const bool first_page = update.record.cursor != before->cursor && !before->drain.open;
  // One whose history was begun in this very wait had nothing to look at before; its cursor may be refused.
  core::WallTime& begun_in = past_[link_id].begun_in_wait;
  const bool begun_before = begun_in == entry->second.opened_at;
  if (waited && first_page && before->counts.accounts == 0) begun_in = entry->second.opened_at;
  if (waited && first_page && !begun_before && before->counts.accounts > 0) {
    findings_.expect(Invariant::continuity, looked,
                     "link " + link_id.str() + ": read again without a look at what there was");
  }
  // Nor has one whose drain was told in its middle.
  if (update.record.drain.open && !looked) begun_in = entry->second.opened_at;
  if (!update.relink) return;
  awaited_reports_.erase(link_id);
  if (!is_reconnected(*update.relink)) return;
  tally(looked ? "relink: to be compared" : "relink: nothing to compare with");
  if (looked) awaited_reports_[link_id] = entry->second.opened_at;
}

// Each report is there a visit later, whatever happened in between.
void World::check_reports() {
  const auto outstanding = [this](const auto& awaited) {
    const auto record = store_.links.find(awaited.first);
    return record != store_.links.end() && core::visited_by_schedule(record->second.status);
  };
  if (std::ranges::any_of(awaited_reports_, outstanding)) {
    tally("relink: a report that comes with the next visit");
    live(settings_.engine.policy.max_interval * 11 / 10 + std::chrono::hours(1));
  }
  findings_.looked(Invariant::continuity);
  for (const auto& awaited : awaited_reports_) {
    if (outstanding(awaited))
      findings_.broken(Invariant::continuity,
                       "link " + awaited.first.str() + ": its relink was never compared");
  }
}

}  // namespace syncd::test
