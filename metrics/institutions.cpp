#include "metrics/institutions.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

namespace syncd::metrics {
namespace {

constexpr std::uint64_t lead_min = 5;  // links
constexpr std::uint64_t lead_part = 4;

using Counts = InstitutionChoice::Counts;
using Challenger = std::pair<std::string_view, Counts>;

bool may_be_named(std::string_view name) {
  return !name.empty() && name.size() <= institution_label_bytes_max && name != other_institutions;
}

// Names decide among equals, so that the choice does not depend on the order in which they came.
bool before(const Challenger& a, const Challenger& b) {
  if (a.second.links != b.second.links) return a.second.links > b.second.links;
  return a.first < b.first;
}

bool takes_the_place(const Counts& challenger, const Counts& holder) {
  return challenger.links > holder.links + std::max(lead_min, holder.links / lead_part);
}

}  // namespace

const InstitutionChoice::Named& InstitutionChoice::choose(std::span<const InstitutionGauges> all) {
  for (auto& [name, counts] : named_)
    counts = {};
  std::unordered_map<std::string_view, Counts> others;
  for (const InstitutionGauges& one : all) {
    if (!may_be_named(one.name)) continue;
    const auto holder = named_.find(one.name);
    Counts& counts = holder != named_.end() ? holder->second : others[one.name];
    counts.links += one.links;
    counts.failing += one.failing;
  }
  std::erase_if(named_, [](const auto& holder) { return holder.second.links == 0; });
  std::erase_if(others, [](const auto& other) { return other.second.links == 0; });

  std::vector<Challenger> challengers(std::min(others.size(), institutions_named_max));
  std::partial_sort_copy(others.begin(), others.end(), challengers.begin(), challengers.end(), before);
  for (const auto& [name, counts] : challengers) {
    if (named_.size() == institutions_named_max) {
      const auto weakest =
          std::ranges::min_element(named_, {}, [](const auto& holder) { return holder.second.links; });
      if (!takes_the_place(counts, weakest->second)) break;
      named_.erase(weakest);
    }
    named_.emplace(name, counts);
  }
  return named_;
}

}  // namespace syncd::metrics
