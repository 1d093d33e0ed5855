#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/high_water.hpp"
#include "tests/crash/store/damage.hpp"

// A file of the store is gone, empty, or that of another store. It is refused, with its name and what to do,
// or is of no account; a log after a crash takes the store back to an earlier whole state, with a new epoch
// exactly when something that was published is gone.
namespace syncd::test {
namespace {

constexpr std::uint64_t first_seed = 20'261'700;
constexpr std::size_t scenario_steps = 44;
constexpr std::size_t moments = 12;

enum class Harm : std::uint8_t { gone, empty, foreign };
constexpr std::array<Harm, 3> all_harms{Harm::gone, Harm::empty, Harm::foreign};
constexpr std::array<std::string_view, all_harms.size()> harm_names{"Gone", "Empty", "Foreign"};

std::string_view name_of(Harm harm) {
  return harm_names[static_cast<std::size_t>(harm)];
}

struct Case {
  Victim victim;
  Harm harm;
};

// Another store at about the same moment of its life.
std::string foreign_content(const Recording& other, Victim victim, std::uint64_t operation,
                            const std::string& path) {
  Recording::Moment moment(other);
  const auto image = cut_at(other, moment, operation);
  const auto paths = files_of(image, victim);
  const bool same = std::ranges::find(paths, path) != paths.end();
  return image.content(*image.find(same ? path : paths.back()));
}

Violations check_refusal(const Case& now, const std::string& path, const std::string& error) {
  if (now.victim == Victim::options || now.victim == Victim::identity) return {"opens: " + error};
  const auto name = path.substr(path.rfind('/') + 1);
  Violations found;
  if (error.find(store_path) == std::string::npos) found.push_back("says which store: " + error);
  // One that names a table of files which is not there is known by that name only.
  const bool by_name = now.victim == Victim::log || now.victim == Victim::high_water ||
                       (now.victim == Victim::current && now.harm == Harm::gone);
  if (by_name && error.find(name) == std::string::npos) found.push_back("says which file: " + error);
  if (error.find("restore a backup") == std::string::npos && error.find("put back") == std::string::npos)
    found.push_back("says what to do: " + error);
  return found;
}

// A refusal is no cure: the next start refuses as well, and nothing was done meanwhile that would be in the
// way when the file is put back.
Violations check_left_alone(const Scenario& scenario, DiskImage image, const std::string& path,
                            const std::string& whole, const Progress& progress) {
  Journal again;
  if (Driver second(scenario, std::make_shared<CrashingFileSystem>(image, again)); second.open())
    return {"refuses: only once"};
  image.put(path, whole);
  Journal mended;
  auto found = check_store(scenario, std::make_shared<CrashingFileSystem>(image, mended), progress, {});
  for (auto& one : found)
    one = "with the file put back: " + one;
  return found;
}

struct Work {
  const Recording& recording;
  const Recording& other;
  Case now;
  std::vector<std::uint64_t> operations, of_other;  // as many of each
  SharedTally tally;
};

Violations check_harm(Work& work, Recording::Moment& moment, std::size_t number) {
  const auto& recording = work.recording;
  const auto& now = work.now;
  auto& tally = work.tally;
  auto image = cut_at(recording, moment, work.operations[number]);
  const auto published = published_on(image);
  const auto paths = files_of(image, now.victim);
  const auto& path = paths[number % paths.size()];
  const auto whole = image.content(*image.find(path));
  if (now.harm == Harm::gone) image.remove(path);
  if (now.harm == Harm::empty) image.put(path, {});
  if (now.harm == Harm::foreign) {
    const auto content = foreign_content(work.other, now.victim, work.of_other[number], path);
    // Two stores of the same age may have the same file: one that CURRENT names, for instance.
    if (content == whole) ++tally[same];
    image.put(path, content);
  }
  ++tally[tried];
  Journal journal;
  const auto files = std::make_shared<CrashingFileSystem>(image, journal);
  Driver driver(recording.scenario(), files);
  if (driver.open()) {
    return check_shown(recording.scenario(), moment.progress(), published, now.victim, *driver.store(),
                       tally);
  }
  ++tally[refused];
  auto found = check_refusal(now, path, driver.error());
  if (!found.empty()) return found;
  return check_left_alone(recording.scenario(), files->image(), path, whole, moment.progress());
}

// What each kind of damage has to come to. A table that is in no use any more is of no account.
void check_counts(const Case& now, SharedTally& tally) {
  const auto all = tally[tried].load();
  switch (now.victim) {
    case Victim::table:
    case Victim::manifest:
      EXPECT_GT(tally[refused] + tally[unreadable], all / 2);
      break;
    case Victim::current:
      EXPECT_GT(all, tally[same]) << "nothing was foreign";
      EXPECT_GT(tally[refused], now.harm == Harm::foreign ? (all - tally[same]) / 2 : all - 1);
      break;
    case Victim::log:
      if (now.harm == Harm::foreign)
        EXPECT_GT(tally[refused], all / 2);
      else
        EXPECT_TRUE(tally[older] > 0 && tally[new_epoch] > 0);
      break;
    case Victim::options:
    case Victim::identity:
      EXPECT_EQ(tally[equal], all);
      break;
    case Victim::high_water:
      EXPECT_EQ(now.harm == Harm::foreign ? tally[refused] : tally[new_epoch], all);
      break;
  }
}

class LostFile : public testing::TestWithParam<std::tuple<Victim, Harm>> {};

TEST_P(LostFile, IsNeverMadeUp) {
  const Case now{.victim = std::get<Victim>(GetParam()), .harm = std::get<Harm>(GetParam())};
  // CURRENT is only a number: that of a store of the same age may be the same.
  const std::size_t foreign_steps = now.victim == Victim::current ? 2 * scenario_steps : scenario_steps;
  for (const auto seed : seeds_of_run(first_seed)) {
    const Scenario scenario(seed, scenario_steps), foreign(seed + 1'000'000, foreign_steps);
    const Recording recording(scenario), other(foreign);
    ASSERT_TRUE(recording.good() && other.good());
    Work work{.recording = recording,
              .other = other,
              .now = now,
              .operations = operations_with(recording, now.victim, moments),
              .of_other = operations_with(other, now.victim, moments),
              .tally = {}};
    auto& tally = work.tally;
    ASSERT_TRUE(work.operations.size() == moments && work.of_other.size() == moments);
    Recording::Moment moment(recording);
    try_points({.count = moments,
                .check = [&](std::size_t i) { return check_harm(work, moment, i); },
                .after_abort = nullptr,
                .name =
                    [&](std::size_t i) {
                      return fmt::format("{}/{}/{}", seed, work.operations[i], name_of(now.harm));
                    },
                .label = "lost file"});
    std::printf("%s %s: %d tried: %d refused, %d unreadable, %d without effect, %d older, %d new epochs\n",
                std::string(name_of(now.victim)).c_str(), std::string(name_of(now.harm)).c_str(),
                static_cast<int>(tally[tried]), static_cast<int>(tally[refused]),
                static_cast<int>(tally[unreadable]), static_cast<int>(tally[equal]),
                static_cast<int>(tally[older]), static_cast<int>(tally[new_epoch]));
    if (HasFailure() || wanted_point()) return;
    EXPECT_EQ(tally[tried], moments);
    check_counts(now, tally);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, LostFile,
                         testing::Combine(testing::ValuesIn(all_victims), testing::ValuesIn(all_harms)),
                         [](const auto& info) {
                           auto name = std::string(name_of(std::get<Victim>(info.param))) +
                                       std::string(name_of(std::get<Harm>(info.param)));
                           std::erase(name, '-');
                           return name;
                         });

// After a clean close the log is empty: another store's in its place would be taken for this one's changes.
TEST(CleanClose, ForeignLogIsRefused) {
  const Scenario scenario(first_seed, scenario_steps), foreign(first_seed + 1'000'000, scenario_steps);
  const Recording recording(scenario), other(foreign);
  ASSERT_TRUE(recording.good() && other.good());
  const auto& segments = recording.segments();
  const auto theirs = operations_with(other, Victim::log, segments.size());
  Recording::Moment moment(recording);
  SharedTally tally;
  try_points({.count = segments.size() - 1,
              .check = [&](std::size_t i) -> Violations {
                moment.move_to(segments[i + 1].operations);
                auto image = moment.image();
                for (const auto& [path, file] : moment.image().names()) {
                  if (!is_of(path, Victim::log)) continue;
                  image.put(path, foreign_content(other, Victim::log, theirs.at(i), path));
                  ++tally[tried];
                }
                // The tables say whose the store is, too.
                if (i % 2 == 1)
                  image.remove(std::string(store_path) + "/" + std::string(store::high_water_name));
                return check_refused(scenario, image, "mixes two stores");
              },
              .after_abort = nullptr,
              .name = [](std::size_t i) { return fmt::format("segment/{}", i); },
              .label = "foreign log"});
  if (!wanted_point()) EXPECT_GT(tally[tried], 0u);
}

}  // namespace
}  // namespace syncd::test
