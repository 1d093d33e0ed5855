#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sync/core/types.hpp"

namespace syncd::core {

// Numbers are stored.
enum class VerifyResult : std::uint8_t {
  match = 1,
  mismatch = 2,
  incomplete = 3,  // nothing can be said; the reason says why
};
std::string_view to_string(VerifyResult result);

enum class DifferenceKind : std::uint8_t {
  missing,  // upstream has it, the store does not
  extra,    // the store has it, upstream does not
  changed,
};

struct Difference {
  DifferenceKind kind = DifferenceKind::missing;
  std::string id;
  bool operator==(const Difference&) const = default;
};

// Ids of each kind that a report names.
inline constexpr std::size_t verify_examples_max = 10;
// Rows of one link that a verify can hold; about 100 bytes each. One link at a time is verified.
inline constexpr std::size_t verify_rows_max = 500'000;

struct DifferenceTally {
  std::uint64_t missing = 0, extra = 0, changed = 0;
  std::vector<std::string> missing_ids, extra_ids, changed_ids;  // the first of them
  bool any() const { return missing + extra + changed > 0; }
  bool operator==(const DifferenceTally&) const = default;
};
DifferenceTally tally_of(const std::vector<Difference>& differences);

// What one verify found: for the operator, one log line and the metrics. The ids in it are for the operator
// alone.
struct VerifyReport {
  LinkId link_id;
  WallTime at{};  // of its end
  VerifyResult result = VerifyResult::incomplete;
  std::string reason;  // one word, of an incomplete one: `too_large`, `moved`, `hold`, the kind of an error
  std::string detail;  // for people, of an incomplete one
  DifferenceTally transactions;
  DifferenceTally accounts;
  bool transactions_compared = false;
  bool accounts_compared = false;
  std::uint64_t rows = 0;  // that upstream told
  std::uint32_t pages = 0;
  std::uint32_t requests = 0;  // those of the two ordinary visits are not counted
  bool by_audit = false;
  Millis duration{};
};

// A short text for the store, without the examples; nullopt: not one of ours.
std::string to_note(const VerifyReport& report);
std::optional<VerifyReport> from_note(const LinkId& link_id, std::string_view note);

}  // namespace syncd::core
