#include <cstdio>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/crash/store/damage.hpp"

// One bit of one file changes by itself. Never is wrong data shown: the damage is noticed, or does not
// matter, or (a log after a crash) takes the store back to an earlier whole state, with a new epoch exactly
// when something that was published is gone.
namespace syncd::test {
namespace {

constexpr std::uint64_t first_seed = 20'261'300;
constexpr std::size_t scenario_steps = 44;
// Of each kind of file: every one of them meets a file that is not empty.
constexpr std::uint64_t default_flips = 60;
static_assert(default_flips * all_victims.size() >= 400);

struct Flip {
  std::uint64_t operation = 0;
  Victim victim = Victim::table;
  std::uint64_t number = 0;
};

Violations check_flip(const Recording& recording, Recording::Moment& moment, const Flip& flip,
                      SharedTally& tally) {
  std::seed_seq mixed{recording.scenario().seed(), flip.operation, flip.number};
  Random random(mixed);
  auto image = cut_at(recording, moment, flip.operation);
  const auto paths = files_of(image, flip.victim);
  const auto& path = paths[random() % paths.size()];
  image.flip_bit(path, random() % (image.content(*image.find(path)).size() * 8));
  ++tally[tried];
  Journal journal;
  Driver driver(recording.scenario(), std::make_shared<CrashingFileSystem>(image, journal));
  if (driver.open()) {
    return check_shown(recording.scenario(), moment.progress(), published_on(image), flip.victim,
                       *driver.store(), tally);
  }
  ++tally[refused];
  const bool may_refuse =
      flip.victim == Victim::table || flip.victim == Victim::manifest || flip.victim == Victim::current;
  if (!may_refuse) return {"opens: " + driver.error()};
  if (driver.error().find(store_path) == std::string::npos) return {"says which store: " + driver.error()};
  return {};
}

class BitFlip : public testing::TestWithParam<Victim> {};

TEST_P(BitFlip, IsNeverShownAsData) {
  const auto victim = GetParam();
  const auto flips_of_run = environment_number("SYNCD_CRASH_FLIPS", default_flips);
  for (const auto seed : seeds_of_run(first_seed)) {
    const Scenario scenario(seed, scenario_steps);
    const Recording recording(scenario);
    ASSERT_TRUE(recording.good());
    std::vector<Flip> flips;
    for (const auto at : operations_with(recording, victim, flips_of_run))
      flips.push_back({.operation = at, .victim = victim, .number = flips.size()});
    SharedTally tally;
    Recording::Moment moment(recording);
    try_points({.count = flips.size(),
                .check = [&](std::size_t i) { return check_flip(recording, moment, flips[i], tally); },
                .after_abort = nullptr,
                .name =
                    [&](std::size_t i) {
                      return fmt::format("{}/{}/{}", seed, flips[i].operation, name_of(victim));
                    },
                .label = "bit flip"});
    if (HasFailure()) return;
    std::printf("%s: %d flips: %d refused, %d unreadable, %d without effect, %d older, %d new epochs\n",
                std::string(name_of(victim)).c_str(), static_cast<int>(tally[tried]),
                static_cast<int>(tally[refused]), static_cast<int>(tally[unreadable]),
                static_cast<int>(tally[equal]), static_cast<int>(tally[older]),
                static_cast<int>(tally[new_epoch]));
    if (wanted_point()) continue;
    EXPECT_EQ(tally[tried], flips_of_run) << "not so many moments have such a file";
    if (victim == Victim::table || victim == Victim::manifest || victim == Victim::current)
      EXPECT_GT(tally[refused] + tally[unreadable], 0u);
    if (victim == Victim::log) EXPECT_TRUE(tally[older] > 0 && tally[new_epoch] > 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Victims, BitFlip, testing::ValuesIn(all_victims), [](const auto& info) {
  std::string name(name_of(info.param));
  std::erase(name, '-');
  return name;
});

// After a clean close the log is empty: anything in it was put there by nobody, and the store says so.
TEST(CleanClose, DamagedLogIsRefused) {
  const Scenario scenario(first_seed, scenario_steps);
  const Recording recording(scenario);
  ASSERT_TRUE(recording.good());
  SharedTally tally;
  const auto& segments = recording.segments();
  Recording::Moment moment(recording);
  try_points({.count = segments.size() - 1,
              .check = [&](std::size_t i) -> Violations {
                moment.move_to(segments[i + 1].operations);
                auto image = moment.image();
                for (const auto& [path, file] : moment.image().names()) {
                  if (!is_of(path, Victim::log)) continue;
                  if (!image.content(file).empty()) return {"closes: the log is not empty"};
                  image.append_rot(path, std::string(100, '\x5a'));
                  ++tally[tried];
                }
                return check_refused(scenario, image, "closed cleanly");
              },
              .after_abort = nullptr,
              .name = [](std::size_t i) { return fmt::format("segment/{}", i); },
              .label = "clean close"});
  EXPECT_GT(tally[tried], 0u);
}

// Its marker may be lost or come from nowhere: no data depends on it.
TEST(CleanClose, MarkerThatIsMissingIsHarmless) {
  const Scenario scenario(first_seed, scenario_steps);
  const Recording recording(scenario);
  ASSERT_TRUE(recording.good());
  const auto& segments = recording.segments();
  Recording::Moment moment(recording);
  try_points({.count = segments.size() - 1,
              .check = [&](std::size_t i) -> Violations {
                moment.move_to(segments[i + 1].operations);
                auto image = moment.image();
                const auto marker = std::string(store_path) + "/clean-close";
                if (!image.find(marker)) return {"closes: without its marker"};
                image.apply({.op = Op::unlink, .path = marker, .data = {}});
                Journal journal;
                return check_store(scenario, std::make_shared<CrashingFileSystem>(image, journal),
                                   moment.progress(), {});
              },
              .after_abort = nullptr,
              .name = [](std::size_t i) { return fmt::format("segment/{}", i); },
              .label = "clean close"});
}

// It names the table of files that was left, which matters to nothing but a torn one.
TEST(CleanClose, MarkerThatIsDamagedIsHarmless) {
  const Scenario scenario(first_seed, scenario_steps);
  const Recording recording(scenario);
  ASSERT_TRUE(recording.good());
  const auto& segments = recording.segments();
  constexpr std::size_t flips = 4;
  Recording::Moment moment(recording);
  SharedTally tally;
  try_points({.count = (segments.size() - 1) * flips,
              .check = [&](std::size_t i) -> Violations {
                moment.move_to(segments[1 + i / flips].operations);
                auto image = moment.image();
                const auto marker = std::string(store_path) + "/clean-close";
                const auto file = image.find(marker);
                if (!file || image.content(*file).empty()) return {"closes: without its marker"};
                image.flip_bit(marker, (i * 7) % (image.content(*file).size() * 8));
                ++tally[tried];
                Journal journal;
                return check_store(scenario, std::make_shared<CrashingFileSystem>(image, journal),
                                   moment.progress(), {});
              },
              .after_abort = nullptr,
              .name = [](std::size_t i) { return fmt::format("segment/{}/{}", i / flips, i % flips); },
              .label = "clean close"});
  if (!wanted_point()) EXPECT_GT(tally[tried], 0u);
}

}  // namespace
}  // namespace syncd::test
