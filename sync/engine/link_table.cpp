#include "sync/engine/link_table.hpp"

#include <bit>
#include <cassert>
#include <cstring>

namespace syncd::engine {

void LinkTable::reserve(std::size_t links) {
  constexpr std::size_t usual_id_bytes = 27;  // with its length
  links_.reserve(links);
  fresh_since_s_.reserve(links);
  ids_.reserve(links * usual_id_bytes);
  heap_.reserve(links);
  // Not the index: an estimate may be several times too high, and that would be written to memory at once.
}

std::string_view LinkTable::id(Slot slot) const {
  const char* entry = ids_.data() + links_[slot].id_at;
  const std::size_t length = static_cast<std::size_t>(static_cast<unsigned char>(*entry)) + 1;
  return {entry + 1, length};
}

LinkTable::Slot LinkTable::add(std::string_view link_id, core::LinkStatus status) {
  assert(!link_id.empty() && link_id.size() <= core::id_bytes_max);
  const auto known = find_any(link_id);
  assert(!known || buried(*known));
  if (known) return revive(*known, status);
  const auto slot = static_cast<Slot>(links_.size());
  Link link;
  link.id_at = static_cast<std::uint32_t>(ids_.size());
  link.status = std::to_underlying(status) & 0xf;
  ids_.push_back(static_cast<char>(link_id.size() - 1));
  ids_.insert(ids_.end(), link_id.begin(), link_id.end());
  links_.push_back(link);
  fresh_since_s_.push_back(0);
  if (links_.size() * 4 > index_.size() * 3) {
    grow_index(links_.size());
  } else {
    index_insert(slot);
  }
  return slot;
}

// A queue that the link waited in may still hold the slot: `urgent` says so and stays. So does a visit.
LinkTable::Slot LinkTable::revive(Slot slot, core::LinkStatus status) {
  assert(buried(slot));
  const Link before = links_[slot];
  Link link;
  link.id_at = before.id_at;
  link.status = std::to_underlying(status) & 0xf;
  link.urgent = before.urgent;
  link.in_flight = before.in_flight;
  links_[slot] = link;
  fresh_since_s_[slot] = 0;
  --buried_;
  return slot;
}

void LinkTable::bury(Slot slot) {
  assert(!buried(slot));
  unschedule(slot);
  links_[slot].status = buried_status;
  links_[slot].wanted_cause = 0;
  ++buried_;
}

std::optional<LinkTable::Slot> LinkTable::find(std::string_view link_id) const {
  const auto slot = find_any(link_id);
  return slot && !buried(*slot) ? slot : std::nullopt;
}

std::optional<LinkTable::Slot> LinkTable::find_any(std::string_view link_id) const {
  if (index_.empty()) return std::nullopt;
  const std::size_t mask = index_.size() - 1;
  for (std::size_t at = core::stable_hash(link_id) & mask;; at = (at + 1) & mask) {
    if (index_[at] == no_slot) return std::nullopt;
    if (id(index_[at]) == link_id) return index_[at];
  }
}

// Fills the index anew, with room for `links` at three quarters.
void LinkTable::grow_index(std::size_t links) {
  const std::size_t needed = std::bit_ceil(links * 4 / 3 + 16);
  if (needed <= index_.size()) return;
  index_.assign(needed, no_slot);
  for (Slot slot = 0; slot < links_.size(); ++slot)
    index_insert(slot);
}

void LinkTable::index_insert(Slot slot) {
  const std::size_t mask = index_.size() - 1;
  std::size_t at = core::stable_hash(id(slot)) & mask;
  while (index_[at] != no_slot)
    at = (at + 1) & mask;
  index_[at] = slot;
}

core::LinkMark LinkTable::mark(Slot slot) const {
  const Link& link = links_[slot];
  return {.group = link.group,
          .failing = static_cast<core::Failing>(link.failing),
          .affected = link.affected,
          .parked = link.parked,
          .awaited = link.awaited};
}

void LinkTable::set_mark(Slot slot, core::LinkMark mark) {
  Link& link = links_[slot];
  link.group = mark.group;
  link.failing = std::to_underlying(mark.failing) & 0x3;
  link.affected = mark.affected;
  link.parked = mark.parked;
  link.awaited = mark.awaited;
}

void LinkTable::place(std::uint32_t at, Due due) {
  heap_[at] = due;
  links_[due.slot].heap_at = at;
}

void LinkTable::sift_up(std::uint32_t at) {
  const Due moving = heap_[at];
  while (at > 0) {
    const std::uint32_t parent = (at - 1) / 2;
    if (heap_[parent].due <= moving.due) break;
    place(at, heap_[parent]);
    at = parent;
  }
  place(at, moving);
}

void LinkTable::sift_down(std::uint32_t at) {
  const Due moving = heap_[at];
  const auto count = static_cast<std::uint32_t>(heap_.size());
  for (;;) {
    std::uint32_t child = at * 2 + 1;
    if (child >= count) break;
    if (child + 1 < count && heap_[child + 1].due < heap_[child].due) ++child;
    if (moving.due <= heap_[child].due) break;
    place(at, heap_[child]);
    at = child;
  }
  place(at, moving);
}

void LinkTable::schedule(Slot slot, Tick due) {
  const std::uint32_t at = links_[slot].heap_at;
  if (at == no_slot) {
    heap_.push_back({due, slot});
    sift_up(static_cast<std::uint32_t>(heap_.size() - 1));
    return;
  }
  const Tick before = heap_[at].due;
  heap_[at].due = due;
  due < before ? sift_up(at) : sift_down(at);
}

void LinkTable::unschedule(Slot slot) {
  const std::uint32_t at = links_[slot].heap_at;
  if (at == no_slot) return;
  links_[slot].heap_at = no_slot;
  const Due last = heap_.back();
  heap_.pop_back();
  if (last.slot == slot) return;
  place(at, last);
  sift_up(at);
  sift_down(links_[last.slot].heap_at);
}

LinkTable::Due LinkTable::pop() {
  assert(!heap_.empty());
  const Due first = heap_.front();
  unschedule(first.slot);
  return first;
}

std::size_t LinkTable::due_count(Tick now) const {
  std::size_t count = 0;
  std::vector<std::uint32_t> open;
  if (!heap_.empty()) open.push_back(0);
  while (!open.empty()) {
    const std::uint32_t at = open.back();
    open.pop_back();
    if (heap_[at].due > now) continue;
    ++count;
    for (std::uint32_t child = at * 2 + 1; child <= at * 2 + 2 && child < heap_.size(); ++child)
      open.push_back(child);
  }
  return count;
}

std::uint64_t LinkTable::resident_bytes() const {
  return links_.capacity() * sizeof(Link) + fresh_since_s_.capacity() * sizeof(std::uint32_t) +
         ids_.capacity() + index_.capacity() * sizeof(Slot) + heap_.capacity() * sizeof(Due);
}

}  // namespace syncd::engine
