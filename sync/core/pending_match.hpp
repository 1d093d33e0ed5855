#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace syncd::core {

// Upstream replaces a pending row by a posted one under a new id and does not say which belongs to which.

// A row as the matching and the diff see it; the views belong to a page or to what the store holds.
struct RowView {
  std::string_view id, account_id, json;
};

struct Settled {
  std::string_view posted_id;
  std::string_view pending_id;
};

// Which row of `pending` each row of `posted` settles, sorted by posted_id, where that is certain both ways:
// among the pending rows of the same account, amount, type and currency within ten days, the one with the
// same description, then the one with the closest date. Two that are equally good, or two posted rows that
// want the same one, are no match. Each id of `posted` and of `pending` at most once. n log n; each JSON is
// read once.
std::vector<Settled> match_posted(std::span<const RowView> posted, std::span<const RowView> pending);

}  // namespace syncd::core
