#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/store.hpp"
#include "sync/api/timers.hpp"

namespace syncd::daemon {

// What of people's data a request can show.
enum class DataKind : std::uint8_t { accounts, transactions, feed, dead_letters };
inline constexpr std::size_t data_kind_count = 4;
std::string_view to_string(DataKind kind);

// What one request has shown.
struct DataRead {
  core::LinkId link_id = {};  // empty: of all links
  DataKind kind = DataKind::accounts;
  std::uint64_t rows = 0;
  // Of the feed: the first and the last entry.
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = 0;
};

// Who read whose data, merged: the reads of one caller about one link (those of the whole feed: about none)
// become one act at once, and one more at the end of each window in which there were others (decision 016).
// A caller that reads the same again and again costs two acts in a window, and one that goes through all
// links leaves the name of each.
//
// Memory: at most entries_max entries and what the requests in flight add; full() says that there is no room.
class ReadTrace {
 public:
  struct Limits {
    core::Millis window{3'600'000};
    std::size_t entries_max = 16'384;
  };
  explicit ReadTrace(Limits limits) : limits_(limits) {}

  // No rows: nothing was read, nothing is noted.
  void note(std::string_view actor, const DataRead& read, api::SteadyTime now, core::WallTime wall_now);
  // Takes effect with the windows that begin from now on.
  void set_window(core::Millis window) { limits_.window = window; }

  // Nothing can be noted before acts are taken: nothing may be read.
  bool full();
  // The acts whose time has come, for the audit log.
  std::vector<store::LinkAct> take_due(api::SteadyTime now);
  // All of them, at the end.
  std::vector<store::LinkAct> take_all();

  std::size_t entries() const { return entries_.size(); }

 private:
  using Key = std::pair<std::string, std::string>;  // actor and link
  struct Entry {
    api::SteadyTime window_ends{};
    bool told = false;  // there is an act of this window
    core::WallTime first_at{};
    core::WallTime last_at{};
    std::uint64_t requests = 0;  // not told yet; 0: nothing is
    std::array<std::uint64_t, data_kind_count> rows{};
    std::uint64_t first_sequence = 0;
    std::uint64_t last_sequence = 0;
  };
  void make_room();
  static store::LinkAct act_of(const Key& key, Entry& entry);

  Limits limits_;
  std::map<Key, Entry> entries_;
  bool nothing_to_drop_ = false;  // since the last acts were taken
};

}  // namespace syncd::daemon
