#include "tests/crash/store/damage.hpp"

#include <algorithm>

#include "store/high_water.hpp"

namespace syncd::test {
namespace {

constexpr std::array<std::string_view, all_victims.size()> victim_names{
    "SST", "MANIFEST", "CURRENT", "WAL", "OPTIONS", "IDENTITY", "high-water"};

}  // namespace

std::string_view name_of(Victim victim) {
  return victim_names[static_cast<std::size_t>(victim)];
}

bool is_of(const std::string& path, Victim victim) {
  const auto name = path.substr(path.rfind('/') + 1);
  switch (victim) {
    case Victim::table:
      return name.ends_with(".sst");
    case Victim::manifest:
      return name.starts_with("MANIFEST-");
    case Victim::current:
      return name == "CURRENT";
    case Victim::log:
      return name.ends_with(".log");
    case Victim::options:
      return name.starts_with("OPTIONS-");
    case Victim::identity:
      return name == "IDENTITY";
    case Victim::high_water:
      return name == "feed-high-water";
  }
  return false;
}

std::vector<std::string> files_of(const DiskImage& image, Victim victim) {
  std::vector<std::string> paths;
  for (const auto& [path, file] : image.names()) {
    if (file != DiskImage::directory && is_of(path, victim) && !image.content(file).empty())
      paths.push_back(path);
  }
  return paths;
}

DiskImage cut_at(const Recording& recording, Recording::Moment& moment, std::uint64_t operation) {
  moment.move_to(operation);
  std::seed_seq mixed{recording.scenario().seed(), operation};
  Random random(mixed);
  return moment.image().after_power_cut(Policy::lose_all, random);
}

std::vector<std::uint64_t> operations_with(const Recording& recording, Victim victim, std::size_t count) {
  std::vector<std::uint64_t> all;
  Recording::Moment moment(recording);
  const auto first = recording.operations() / 4;
  const auto stride = std::max<std::uint64_t>((recording.operations() - first) / (4 * count), 1);
  for (auto n = first; n <= recording.operations(); n += stride) {
    if (!files_of(cut_at(recording, moment, n), victim).empty()) all.push_back(n);
  }
  std::vector<std::uint64_t> spread;
  for (std::size_t i = 0; i < count && i < all.size(); ++i)
    spread.push_back(all[all.size() * i / std::min(count, all.size())]);
  return spread;
}

std::uint64_t published_on(const DiskImage& image) {
  const auto file = image.find(std::string(store_path) + "/feed-high-water");
  const auto mark = store::decode_high_water(file ? image.content(*file) : "");
  return mark && *mark ? (*mark)->published : 0;
}

Violations check_shown(const Scenario& scenario, const Progress& progress, std::uint64_t published,
                       Victim victim, store::Store& store, SharedTally& tally) {
  const auto shown = read_everything(store);
  if (!shown.error.empty()) {
    ++tally[unreadable];
    if (victim != Victim::table) return {"readable: " + shown.error};
    if (store.healthy()) return {"stops: healthy after \"" + shown.error + "\""};
    return {};
  }
  const bool bumped = shown.state.store.epoch != 1;
  if (bumped) ++tally[new_epoch];
  if (bumped && store.notices().empty()) return {"notices: a new epoch without a word"};
  if (bumped && !shown.state.store.feed.empty()) return {"epoch: a new one that does not begin anew"};
  Violations found;
  for (auto i = progress.begun + 1; i-- > 0;) {
    const auto differing = differences(shown, scenario.after(i), !bumped);
    if (!differing.empty()) {
      if (found.empty() || differing.size() < found.size()) found = differing;
      continue;
    }
    ++tally[i < progress.done ? older : equal];
    if (i < progress.done && victim != Victim::log) return {"acknowledged: went back without a word"};
    const bool lost = scenario.after(i).store.feed.size() < published;
    if (victim == Victim::high_water)
      return bumped ? Violations{} : Violations{"epoch: damage of the mark was not noticed"};
    if (lost != bumped)
      return {lost ? "epoch: published changes are gone without a new one" : "epoch: a new one without need"};
    return {};
  }
  found.insert(found.begin(), "wrong data: a state that never was");
  return found;
}

Violations check_refused(const Scenario& scenario, const DiskImage& image, std::string_view why) {
  Journal journal;
  Driver driver(scenario, std::make_shared<CrashingFileSystem>(image, journal));
  if (driver.open()) return {"opens: in spite of the damage"};
  if (!driver.error().contains(why)) return {"says why: " + driver.error()};
  return {};
}

}  // namespace syncd::test
