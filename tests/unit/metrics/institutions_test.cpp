#include "metrics/institutions.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/metrics/promtool.hpp"
#include "tests/unit/metrics/scrape.hpp"

namespace syncd::metrics {
namespace {

using test::Scrape;
using testing::Contains;
using testing::ElementsAre;
using testing::Not;

// Owns the names of what choose() and set_institutions() take.
class Banks {
 public:
  void add(std::string name, std::uint64_t links, std::uint64_t failing = 0) {
    names_.push_back(std::move(name));
    counts_.push_back({.name = {}, .links = links, .failing = failing});
  }
  InstitutionGauges& operator[](std::size_t at) { return counts_[at]; }
  std::vector<InstitutionGauges> all() const {
    std::vector<InstitutionGauges> gauges = counts_;
    for (std::size_t at = 0; at < gauges.size(); ++at)
      gauges[at].name = names_[at];
    return gauges;
  }
  std::uint64_t links() const {
    std::uint64_t sum = 0;
    for (const InstitutionGauges& one : counts_)
      sum += one.links;
    return sum;
  }

 private:
  std::vector<std::string> names_;
  std::vector<InstitutionGauges> counts_;
};

std::vector<std::string> names(const InstitutionChoice::Named& named) {
  std::vector<std::string> all;
  for (const auto& [name, counts] : named)
    all.push_back(name);
  return all;
}

std::vector<std::string> series_of(const Scrape& scrape, const std::string& name) {
  std::vector<std::string> all;
  for (const auto& [series, value] : scrape.samples()) {
    if (series.starts_with(name + "{")) all.push_back(series);
  }
  return all;
}

constexpr const char* links_name = "moneykit_syncd_institution_links";
constexpr const char* failing_name = "moneykit_syncd_institution_failing_links";

TEST(Institutions, TenThousandOfThemMakeFiftyOneSeries) {
  Metrics metrics(test::metrics_options());
  const std::size_t before = Scrape(metrics).samples().size();
  Banks banks;
  for (std::uint64_t at = 0; at < 10'000; ++at)
    banks.add(fmt::format("bank_{}", at), 10 + at, at % 7);
  metrics.set_institutions(banks.all(), banks.links() + 5);
  const Scrape scrape(metrics);
  EXPECT_EQ(series_of(scrape, links_name).size(), institutions_named_max + 1);
  EXPECT_EQ(series_of(scrape, failing_name).size(), institutions_named_max + 1);
  EXPECT_EQ(scrape.samples().size(), before + 2 * institutions_named_max);
  EXPECT_EQ(scrape["institution_links{institution=\"bank_9999\"}"], 10'009);
  EXPECT_EQ(scrape["institution_links{institution=\"bank_9950\"}"], 9'960);
  EXPECT_FALSE(scrape.has(fmt::format("{}{{institution=\"bank_9949\"}}", links_name)));
  EXPECT_EQ(scrape["institution_failing_links{institution=\"bank_9998\"}"], 9'998 % 7);
  // Nothing is lost: the rest is in `other`, links of no institution with it.
  double links = 0;
  double failing = 0;
  for (const std::string& series : series_of(scrape, links_name))
    links += scrape.raw(series);
  for (const std::string& series : series_of(scrape, failing_name))
    failing += scrape.raw(series);
  EXPECT_EQ(links, static_cast<double>(banks.links() + 5));
  double all_failing = 0;
  for (const InstitutionGauges& one : banks.all())
    all_failing += static_cast<double>(one.failing);
  EXPECT_EQ(failing, all_failing);
}

// Whoever makes ever new names replaces series, and adds none.
TEST(Institutions, EverNewNamesAddNothing) {
  Metrics metrics(test::metrics_options());
  for (int round = 0; round < 20; ++round) {
    Banks banks;
    for (std::uint64_t at = 0; at < 500; ++at)
      banks.add(fmt::format("round_{}_{}", round, at), 100 + at);
    metrics.set_institutions(banks.all(), banks.links());
    const Scrape scrape(metrics);
    EXPECT_EQ(series_of(scrape, links_name).size(), institutions_named_max + 1);
    EXPECT_TRUE(scrape.has(fmt::format("{}{{institution=\"round_{}_499\"}}", links_name, round)));
  }
  metrics.set_institutions({}, 0);
  const Scrape scrape(metrics);
  EXPECT_THAT(series_of(scrape, links_name),
              ElementsAre(fmt::format("{}{{institution=\"other\"}}", links_name)));
  EXPECT_EQ(scrape["institution_links{institution=\"other\"}"], 0);
}

TEST(Institutions, CountsThatWaverDoNotChangeTheChoice) {
  Banks banks;
  for (std::uint64_t at = 0; at < 200; ++at)
    banks.add(fmt::format("bank_{:03}", at), 1'000);
  InstitutionChoice choice;
  const std::vector<std::string> first = names(choice.choose(banks.all()));
  ASSERT_EQ(first.size(), institutions_named_max);
  std::mt19937 random(7);
  std::uniform_int_distribution<std::uint64_t> links(900, 1'100);
  for (int round = 0; round < 1'000; ++round) {
    for (std::size_t at = 0; at < 200; ++at)
      banks[at].links = links(random);
    ASSERT_EQ(names(choice.choose(banks.all())), first) << round;
  }
}

TEST(Institutions, OneThatLeadsClearlyTakesThePlaceOfTheWeakest) {
  struct Case {
    std::uint64_t weakest, challenger;
    bool changes;
  };
  // More than a quarter, and more than five links.
  for (const Case& one : {Case{1'000, 1'250, false}, Case{1'000, 1'251, true}, Case{4, 9, false},
                          Case{4, 10, true}, Case{1, 6, false}, Case{1, 7, true}}) {
    SCOPED_TRACE(fmt::format("{} and {}", one.weakest, one.challenger));
    Banks banks;
    for (std::uint64_t at = 0; at < institutions_named_max - 1; ++at)
      banks.add(fmt::format("large_{}", at), 100'000);
    banks.add("weakest", one.weakest);
    InstitutionChoice choice;
    choice.choose(banks.all());
    banks.add("challenger", one.challenger);
    const std::vector<std::string> now = names(choice.choose(banks.all()));
    EXPECT_EQ(now.size(), institutions_named_max);
    EXPECT_EQ(std::ranges::find(now, "challenger") != now.end(), one.changes);
    EXPECT_EQ(std::ranges::find(now, "weakest") == now.end(), one.changes);
  }
}

TEST(Institutions, OneWithoutLinksLeavesItsPlace) {
  Banks banks;
  for (std::uint64_t at = 0; at < 51; ++at)
    banks.add(fmt::format("bank_{:02}", at), 100 - at);
  InstitutionChoice choice;
  EXPECT_THAT(names(choice.choose(banks.all())), Not(Contains("bank_50")));
  banks[3].links = 0;
  const auto now = names(choice.choose(banks.all()));
  EXPECT_THAT(now, Contains("bank_50"));
  EXPECT_THAT(now, Not(Contains("bank_03")));
}

TEST(Institutions, OneThatSeveralProvidersReachIsOne) {
  Banks banks;
  banks.add("chase", 3, 1);
  banks.add("chase", 4, 2);
  InstitutionChoice choice;
  const auto& named = choice.choose(banks.all());
  ASSERT_EQ(named.size(), 1U);
  EXPECT_EQ(named.at("chase").links, 7U);
  EXPECT_EQ(named.at("chase").failing, 3U);
}

TEST(Institutions, NamesMadeToDoHarm) {
  Banks banks;
  const std::string longest(institution_label_bytes_max, 'x');
  banks.add("quote\" 1\nmoneykit_syncd_links{status=\"active\"} 99", 20);
  banks.add("back\\slash\\", 20);
  banks.add("}{", 20);
  banks.add(
      "\xe2\x80\xae"
      "b\xc3\xa4nk",
      20);
  banks.add(longest, 20);
  banks.add(longest + "x", 30, 3);  // too long
  banks.add("", 40, 4);
  banks.add("other", 50, 5);
  Metrics metrics(test::metrics_options());
  metrics.set_institutions(banks.all(), banks.links());
  const Scrape scrape(metrics);
  EXPECT_EQ(series_of(scrape, links_name).size(), 6U) << scrape.text();
  EXPECT_EQ(scrape["links{status=\"active\"}"], 0);
  EXPECT_TRUE(scrape.has(fmt::format("{}{{institution=\"back\\\\slash\\\\\"}}", links_name)));
  EXPECT_TRUE(scrape.has(fmt::format("{}{{institution=\"{}\"}}", links_name, longest)));
  EXPECT_EQ(scrape["institution_links{institution=\"other\"}"], 30 + 40 + 50);
  EXPECT_EQ(scrape["institution_failing_links{institution=\"other\"}"], 3 + 4 + 5);
  const test::Verdict verdict = test::promtool_check(scrape.text());
  EXPECT_EQ(verdict.exit_code, 0) << verdict.output;
}

}  // namespace
}  // namespace syncd::metrics
