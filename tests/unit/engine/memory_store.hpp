#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sync/engine/store_port.hpp"

namespace syncd::test {

// Link records and relink entries alone, in memory, with the store's rule about fences; for tests of what the
// engine does to a link, not of rows.
class MemoryStore final : public engine::StorePort {
 public:
  api::Task<core::Result<std::optional<core::LinkRecord>>> load(core::LinkId link_id) override {
    ++loads;
    const auto found = links.find(link_id.str());
    if (found == links.end()) co_return std::nullopt;
    const core::LinkRecord record = found->second;
    if (after_load) std::exchange(after_load, nullptr)();
    co_return record;
  }
  api::Task<core::Result<core::Held>> lookup(core::LookupRequest request) override {
    core::Held held;
    const auto entry = relinks.find(request.link_id.str());
    if (request.relink && entry != relinks.end()) held.relink = entry->second;
    co_return held;
  }
  api::Task<core::Result<void>> commit(core::LinkUpdate update) override {
    if (before_commit) before_commit();
    co_return apply(update);
  }
  api::Task<core::Result<void>> record_act(core::AuditNote note) override {
    acts.push_back(std::move(note));
    co_return core::Result<void>{};
  }
  api::Task<core::Result<void>> put_freeze(core::GateFreeze freeze) override {
    freezes.push_back(freeze);
    co_return core::Result<void>{};
  }
  api::Task<core::Result<void>> put_note(std::string name, std::string value) override {
    notes[std::move(name)] = std::move(value);
    co_return core::Result<void>{};
  }
  api::Task<core::Result<bool>> put_link_note(core::LinkId link_id, std::string name,
                                              std::string value) override {
    if (!links.contains(link_id.str())) co_return false;
    notes[std::move(name)] = std::move(value);
    co_return true;
  }
  api::Task<core::Result<std::optional<std::string>>> note(std::string name) override {
    const auto found = notes.find(name);
    if (found == notes.end()) co_return std::nullopt;
    const std::string value = found->second;
    co_return value;
  }
  api::Task<core::Result<std::vector<core::HintOutcome>>> put_hints(std::vector<core::Hint> hints) override {
    if (hint_gate) co_await hint_gate();
    if (!well) co_return core::fail(core::Errc::storage, "the store failed");
    ++hint_writes;
    std::vector<core::HintOutcome> outcomes;
    for (const core::Hint& hint : hints) {
      if (!links.contains(hint.link_id.str())) {
        outcomes.push_back(core::HintOutcome::unknown_link);
      } else if (!hook_keys.insert(hint.key).second) {
        outcomes.push_back(core::HintOutcome::duplicate);
      } else {
        if (hint.replaces != hint.sequence) notes.erase(core::hint_note(hint.link_id, hint.replaces));
        notes[core::hint_note(hint.link_id, hint.sequence)] = {};
        outcomes.push_back(core::HintOutcome::accepted);
      }
    }
    co_return outcomes;
  }
  // The sequences that wait, by link.
  std::multimap<std::string, std::uint64_t> hints() const {
    std::multimap<std::string, std::uint64_t> found;
    for (const auto& [name, value] : notes) {
      if (const auto hint = core::parse_hint_note(name)) found.emplace(hint->link_id, hint->sequence);
    }
    return found;
  }
  bool healthy() const override { return well; }

  core::Result<void> apply(const core::LinkUpdate& update) {
    const auto found = links.find(update.link_id.str());
    const std::uint64_t fence = found == links.end() ? 0 : found->second.fence;
    if (fence != update.expected_fence) return core::fail(core::Errc::conflict, "fence");
    feed_entries += update.changes.size();
    for (const core::NotePut& note : update.notes) {
      note.value ? void(notes[note.name] = *note.value) : void(notes.erase(note.name));
    }
    if (update.audit) link_acts.push_back(*update.audit);
    if (update.purge) {
      links.erase(update.link_id.str());
      relinks.erase(update.link_id.str());
      const std::string hints_of = core::hint_notes_of(update.link_id);
      std::erase_if(notes, [&](const auto& note) { return note.first.starts_with(hints_of); });
      return {};
    }
    links[update.link_id.str()] = update.record;
    if (update.relink) relinks[update.link_id.str()] = *update.relink;
    return {};
  }

  std::map<std::string, core::LinkRecord> links;
  std::map<std::string, core::RelinkEntry> relinks;
  std::map<std::string, std::string> notes;
  std::set<core::Digest> hook_keys;
  std::function<api::Task<void>()> hint_gate;  // before a write of hints
  std::uint64_t hint_writes = 0;
  std::function<void()> after_load;  // once, behind the next load
  std::function<void()> before_commit;
  std::vector<core::GateFreeze> freezes;
  std::vector<core::AuditNote> acts;       // about no link
  std::vector<core::AuditNote> link_acts;  // in the commits of their links
  bool well = true;
  std::uint64_t loads = 0;
  std::uint64_t feed_entries = 0;
};

}  // namespace syncd::test
