#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/config.hpp"
#include "daemon/tag_weights.hpp"
#include "tests/unit/daemon/scratch.hpp"

namespace syncd::test {
namespace {

using core::TagWeight;
using testing::ElementsAre;

std::string with_weights(const std::string& value) {
  return "[upstream]\nclient_id = \"sandbox_1\"\n[schedule]\nweights = " + value + "\n";
}

std::vector<std::string> problems_of(const daemon::ConfigReading& reading) {
  std::vector<std::string> texts;
  for (const daemon::ConfigProblem& problem : reading.problems)
    texts.push_back(daemon::describe(problem));
  return texts;
}

TEST(ConfigOfWeights, EachIsSplitAtItsLastEqualsSign) {
  const std::vector<std::string> texts{"gold=4", "a=b=0.25", "Tier 1, new=100", "-9=0.01"};
  const auto weights = daemon::parse_tag_weights(texts);
  ASSERT_TRUE(weights);
  EXPECT_THAT(*weights, ElementsAre(TagWeight{"gold", 4}, TagWeight{"a=b", 0.25},
                                    TagWeight{"Tier 1, new", 100}, TagWeight{"-9", 0.01}));
  const std::string longest(128, 'a');
  EXPECT_THAT(*daemon::parse_tag_weights(std::vector<std::string>{longest + "=2"}),
              ElementsAre(TagWeight{longest, 2}));
}

TEST(ConfigOfWeights, WhatIsNoneNamesPlaceReasonAndNextStep) {
  const std::string write = "; write TAG=WEIGHT, for example \"gold=4\"";
  const std::string tag =
      " has no tag that a link can have; write 1 to 128 bytes before the last =, none of them a control "
      "character";
  struct Case {
    std::string value;
    std::string message;
  };
  const Case cases[] = {
      {R"(["gold"])", "\"gold\" has no weight" + write},
      {R"(["gold="])", "\"gold=\" has no weight from 0.01 to 100" + write},
      {R"(["gold=four"])", "\"gold=four\" has no weight from 0.01 to 100" + write},
      {R"(["gold=4x"])", "\"gold=4x\" has no weight from 0.01 to 100" + write},
      {R"(["gold=1e1"])", "\"gold=1e1\" has no weight from 0.01 to 100" + write},
      {R"(["gold=0.009"])", "\"gold=0.009\" has no weight from 0.01 to 100" + write},
      {R"(["gold=100.1"])", "\"gold=100.1\" has no weight from 0.01 to 100" + write},
      {R"(["gold=-1"])", "\"gold=-1\" has no weight from 0.01 to 100" + write},
      {R"(["gold=nan"])", "\"gold=nan\" has no weight from 0.01 to 100" + write},
      {R"(["gold=inf"])", "\"gold=inf\" has no weight from 0.01 to 100" + write},
      {R"(["=4"])", "\"=4\"" + tag},
      {"[\"" + std::string(129, 'a') + "=4\"]", "the value" + tag},
      {R"(["gold=4", "b=1", "gold=5"])", "\"gold=5\" names a tag for the second time; leave one of the two"},
      {R"(["gold=4", 5])", "holds an integer, not only texts; put each in quotes"},
      {R"("gold=4")", "is a text, not a list of texts; write for example weights = [\"...\", \"...\"]"},
  };
  for (const Case& test : cases) {
    const auto reading = daemon::read_config_text("c.toml", with_weights(test.value), {});
    EXPECT_THAT(problems_of(reading), ElementsAre("c.toml:4: schedule.weights: " + test.message));
  }
}

TEST(ConfigOfWeights, ThereAreAtMost32) {
  std::string list;
  for (int i = 0; i < 32; ++i)
    list += "\"tag" + std::to_string(i) + "=2\", ";
  EXPECT_THAT(problems_of(daemon::read_config_text("c.toml", with_weights("[" + list + "]"), {})),
              ElementsAre());
  EXPECT_THAT(
      problems_of(daemon::read_config_text("c.toml", with_weights("[" + list + "\"one more=2\"]"), {})),
      ElementsAre("c.toml:4: schedule.weights: holds 33 weights; name 32 tags at most"));
}

TEST(ConfigOfWeights, AVariableHoldsWhatWouldStandInTheFile) {
  const auto of = [](const std::string& value) {
    return daemon::read_config_text("c.toml", with_weights("[]"),
                                    {{"MONEYKIT_SYNCD__SCHEDULE__WEIGHTS", value}});
  };
  EXPECT_THAT(of(R"(["gold=4", "b=1"])").loaded.config.schedule.weights, ElementsAre("gold=4", "b=1"));
  for (const char* bad : {"", "gold=4", "[\"gold=4\"", "[\"gold=4\"]\nother = 1", "4"}) {
    EXPECT_THAT(
        problems_of(of(bad)),
        ElementsAre("environment MONEYKIT_SYNCD__SCHEDULE__WEIGHTS: schedule.weights: is not a list of "
                    "texts; write it as in a file, for example [\"...\", \"...\"]"))
        << bad;
  }
}

TEST(ConfigOfWeights, TheyAreDumpedAsTheyWereWrittenAndReloaded) {
  const auto before = daemon::read_config_text("c.toml", with_weights("[]"), {});
  const auto after = daemon::read_config_text("c.toml", with_weights(R"(["a\"b=4", 'c=0.5'])"), {});
  ASSERT_EQ(problems_of(after), std::vector<std::string>{});
  const std::string dump = daemon::dump_config(after.loaded);
  EXPECT_THAT(dump, testing::HasSubstr("weights = [\"a\\\"b=4\", \"c=0.5\"]"));
  const auto read_back = daemon::read_config_text("d.toml", dump, {});
  EXPECT_EQ(read_back.loaded.config.schedule.weights, after.loaded.config.schedule.weights);
  EXPECT_THAT(daemon::compare_configs(before.loaded.config, after.loaded.config).applied,
              ElementsAre("schedule.weights"));
  EXPECT_EQ(daemon::merge_reloadable(before.loaded.config, after.loaded.config).schedule.weights,
            after.loaded.config.schedule.weights);
}

}  // namespace
}  // namespace syncd::test
