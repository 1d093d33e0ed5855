#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "store/store.hpp"
#include "tests/crash/store/disk_image.hpp"
#include "tests/sim/model_store.hpp"

namespace syncd::test {

// One thing that the scenario asks of the store. Each is done wholly or not at all.
struct Step {
  enum class Kind : std::uint8_t { open, commit, read_feed, put_freeze, put_note, take_note, close };
  Kind kind = Kind::commit;
  std::vector<core::LinkUpdate> updates{};
  core::GateFreeze freeze{};
  std::string name{}, value{};
};

// What the store must hold.
struct State {
  ModelStore store;
  std::map<std::string, std::string> notes;
};

// A daemon's life with its store as a function of a seed: links are added, pages come, pending rows are
// staged and shown, links expire and are mended, the feed is read, the store is closed and opened again
// (kind open closes it first). States after each step are known without having run it.
class Scenario {
 public:
  // `steps`: about how many.
  Scenario(std::uint64_t seed, std::size_t steps);
  std::uint64_t seed() const { return seed_; }
  const std::vector<Step>& steps() const { return steps_; }
  // After the first `count` steps.
  const State& after(std::size_t count) const { return states_.at(count); }

 private:
  void add(Step step);
  core::LinkUpdate next_update(int link);
  void add_link(core::LinkUpdate& update);
  void add_page(core::LinkUpdate& update);
  void add_staged(core::LinkUpdate& update);
  void show_staged(core::LinkUpdate& update);
  void add_account(core::LinkUpdate& update);
  void change_status(core::LinkUpdate& update, core::LinkStatus status);
  void add_act(core::LinkUpdate& update);
  void turn_relink(core::LinkUpdate& update);
  void move_letters(core::LinkUpdate& update);
  void put_row(core::LinkUpdate& update, std::string_view id, bool pending);
  std::string_view keep(core::LinkUpdate& update, std::string text);
  std::string filler(std::size_t bytes_max);
  bool one_in(std::uint64_t n) { return random_() % n == 0; }

  std::uint64_t seed_;
  Random random_;
  State state_;  // after the steps so far, and after the update that is being made
  std::uint64_t rows_made_ = 0;
  std::int64_t now_ms_ = 1'700'000'000'000;
  std::vector<Step> steps_;
  std::vector<State> states_;
};

inline constexpr const char* store_path = "/store";
// Small buffers, so that a short life meets flushes and compactions.
store::StoreOptions scenario_options(std::shared_ptr<rocksdb::FileSystem> files);

}  // namespace syncd::test
