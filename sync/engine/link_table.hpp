#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "sync/core/incident.hpp"
#include "sync/core/types.hpp"

namespace syncd::engine {

// The schedule in memory: for each link its id, status and place in the due heap, and nothing else, because a
// million idle links must cost megabytes, not gigabytes. Everything more is in the store.
//
// A slot is a small number that names a link for the life of the process. That of a purged link is buried:
// nobody finds it, and it is used again only by the same link. Times are ticks of 100 ms on the
// steady clock since the table was made.
class LinkTable {
 public:
  using Slot = std::uint32_t;
  using Tick = std::uint32_t;
  static constexpr Slot no_slot = 0xffffffff;

  void reserve(std::size_t links);
  // The link must not be in the table. One that was buried gets its slot back, and the visit that is in
  // flight with it. 1 <= id bytes <= 256.
  Slot add(std::string_view link_id, core::LinkStatus status);
  std::optional<Slot> find(std::string_view link_id) const;
  // Also one that is buried.
  std::optional<Slot> find_any(std::string_view link_id) const;
  std::string_view id(Slot slot) const;
  std::size_t size() const { return links_.size() - buried_; }  // links
  std::size_t slots() const { return links_.size(); }           // used so far: each is below this

  // Takes the link out of the table. A visit that is in flight keeps the slot until it ends.
  void bury(Slot slot);
  bool buried(Slot slot) const { return links_[slot].status == buried_status; }

  // Of a buried one: gone.
  core::LinkStatus status(Slot slot) const {
    return buried(slot) ? core::LinkStatus::gone : static_cast<core::LinkStatus>(links_[slot].status);
  }
  // Not of a buried one.
  void set_status(Slot slot, core::LinkStatus status) { links_[slot].status = std::to_underlying(status); }
  // Seconds since 1970 of the last success, of the registration before the first one; 0: unknown.
  std::uint32_t fresh_since_s(Slot slot) const { return fresh_since_s_[slot]; }
  void set_fresh_since_s(Slot slot, std::uint32_t seconds, bool by_success) {
    fresh_since_s_[slot] = seconds;
    links_[slot].succeeded = by_success;
  }
  // fresh_since_s() is of a success.
  bool has_succeeded(Slot slot) const { return links_[slot].succeeded; }

  // At that success upstream's data was old already (core::upstream_was_late).
  bool upstream_late(Slot slot) const { return links_[slot].upstream_late; }
  void set_upstream_late(Slot slot, bool late) { links_[slot].upstream_late = late; }

  bool in_flight(Slot slot) const { return links_[slot].in_flight; }
  void set_in_flight(Slot slot, bool value) { links_[slot].in_flight = value; }
  // The cause of the visit that must follow the one in flight, or of the next one; 0: an ordinary one.
  std::uint8_t wanted_cause(Slot slot) const { return links_[slot].wanted_cause; }
  void set_wanted_cause(Slot slot, std::uint8_t cause) { links_[slot].wanted_cause = cause & 0x7; }

  // Waits in the queue of links to be visited before all others.
  bool urgent(Slot slot) const { return links_[slot].urgent; }
  void set_urgent(Slot slot, bool value) { links_[slot].urgent = value; }

  // What is known of the link's institution and of how it fails (core::Incidents).
  core::LinkMark mark(Slot slot) const;
  void set_mark(Slot slot, core::LinkMark mark);

  // ---- the due heap: earliest first; in no particular order among those of the same tick ----
  // Puts the link in, or moves it.
  void schedule(Slot slot, Tick due);
  void unschedule(Slot slot);
  bool scheduled(Slot slot) const { return links_[slot].heap_at != no_slot; }
  // The link must be scheduled.
  Tick due(Slot slot) const { return heap_[links_[slot].heap_at].due; }
  bool nothing_due() const { return heap_.empty(); }
  Tick earliest() const { return heap_.front().due; }
  struct Due {
    Tick due;
    Slot slot;
  };
  Due pop();
  std::size_t scheduled_count() const { return heap_.size(); }
  // How many are due at `now` or before. Walks only those.
  std::size_t due_count(Tick now) const;

  std::uint64_t resident_bytes() const;

 private:
  struct Link {
    std::uint32_t id_at = 0;  // in ids_
    std::uint32_t heap_at = no_slot;
    std::uint8_t status : 4 = std::to_underlying(core::LinkStatus::active);
    std::uint8_t wanted_cause : 3 = 0;
    bool upstream_late : 1 = false;
    bool in_flight : 1 = false;
    bool urgent : 1 = false;
    bool succeeded : 1 = false;
    bool affected : 1 = false;
    bool parked : 1 = false;
    bool awaited : 1 = false;
    std::uint8_t failing : 2 = 0;
    std::uint16_t group = 0;
  };
  static constexpr std::uint8_t buried_status = 0;  // no LinkStatus
  Slot revive(Slot slot, core::LinkStatus status);
  static_assert(sizeof(Link) == 12, "a million idle links pay for each byte");
  static_assert(std::to_underlying(core::Cause::probe) < 8, "wanted_cause has three bits");
  void place(std::uint32_t at, Due due);
  void sift_up(std::uint32_t at);
  void sift_down(std::uint32_t at);
  void grow_index(std::size_t links);
  void index_insert(Slot slot);

  std::vector<Link> links_;
  std::vector<std::uint32_t> fresh_since_s_;
  std::vector<char> ids_;    // each: one byte length - 1, then the bytes
  std::vector<Slot> index_;  // open addressing by hash of the id; a power of two
  std::vector<Due> heap_;
  std::size_t buried_ = 0;
};

}  // namespace syncd::engine
