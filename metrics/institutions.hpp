#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace syncd::metrics {

struct InstitutionGauges {
  std::string_view name;  // upstream's institution id
  std::uint64_t links = 0;
  std::uint64_t failing = 0;  // at most `links`
};

inline constexpr std::size_t institutions_named_max = 50;
inline constexpr std::size_t institution_label_bytes_max = 128;
inline constexpr std::string_view other_institutions = "other";

// Which institutions have series of their own: at most institutions_named_max, whatever upstream names
// (decision 020). Those with the most links, and stable: one keeps its place until it has no link any more,
// or another one leads it by more than a quarter and by more than five links, so that two of about the same
// size do not take turns.
//
// Pure. Names that would be no label (empty, too long) or would be taken for the rest (`other`) have no
// place.
class InstitutionChoice {
 public:
  struct Counts {
    std::uint64_t links = 0;
    std::uint64_t failing = 0;
  };
  using Named = std::map<std::string, Counts, std::less<>>;

  // A name that comes more than once is one institution. The answer lives until the next call.
  const Named& choose(std::span<const InstitutionGauges> all);

 private:
  Named named_;
};

}  // namespace syncd::metrics
